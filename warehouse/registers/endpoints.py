"""Network endpoints that the settings name, with what is declared about them (register network_endpoint, rule RS14)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from warehouse.alerts import secret
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal

_NAMES = ("host", "url", "endpoint", "proxy")  # how a setting that names an endpoint ends


def configured(settings: Settings) -> list[tuple[str, str | None]]:
    """(setting, host) of every setting that may name an endpoint; None where it names none. Of a webhook only its host."""
    found: list[tuple[str, str | None]] = [("alerts.webhook_url", _host(secret(settings, "webhook_url")))]
    for section, values in settings.values.items():
        for name, value in values.items():
            if name.endswith(_NAMES) or "://" in str(value):
                found.append((f"{section}.{name}", _host(str(value))))
    return found


def build(session: Session, settings: Settings) -> int:
    """Make work.main.network_endpoint: name, host, is_loopback, location; returns the number of rows."""
    rows = [(name, host, bool(host) and _is_loopback(host or "")) for name, host in configured(settings)]
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    # A declared endpoint abroad is a path, whether or not a setting names it.
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.network_endpoint AS
            WITH declared AS (
              SELECT record_id, lower(fields ->> '$.host') AS host, fields ->> '$.location' AS location
              FROM ops.register__record WHERE register_id = 'network_endpoint' AND kind = 'record')
            SELECT s.name, s.host, s.is_loopback, min(d.location) AS location
            FROM (VALUES {values}) AS s(name, host, is_loopback) LEFT JOIN declared AS d ON d.host = s.host GROUP BY ALL
            UNION ALL SELECT record_id, host, false, location FROM declared ORDER BY 1"""
    )
    return int(session.value("SELECT count(*) FROM work.main.network_endpoint"))


def _host(value: str) -> str | None:
    """Host of an address or of a bare name, in lower case."""
    if not value:
        return None
    return (urlsplit(value).hostname if "://" in value else value.split(":")[0].lower()) or value.lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
