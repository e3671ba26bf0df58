"""Are these real persons? Counted while the numbers are still there, kept as counts, judged by rule RP18.

A house whose data folder holds a file SAMPLE is for synthetic persons only, any other for real ones only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from warehouse.config import Settings
from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote

MARKER = "SAMPLE"
_CLEAN = "work.main.clean"


def is_sample_house(settings: Settings) -> bool:
    """Whether this house is for synthetic persons."""
    return (settings.data / MARKER).is_file()


def mark_sample_house(settings: Settings) -> None:
    """Say that this house is for synthetic persons; a mark that is there stays as it is."""
    if not is_sample_house(settings):
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        (settings.data / MARKER).write_text(f"marked {datetime.now():%Y-%m-%d}\n", encoding="utf-8")


def record(session: Session, contract: Contract, deliveries: Sequence[str]) -> None:
    """Replace the counts of deliveries whose cleaned rows lie in work.main.clean."""
    columns = [c.name for c in contract.columns if c.kind == "citizen_id" and c.zone != "drop"]
    if not columns or not deliveries:
        return
    listed = ", ".join(map(literal, deliveries))
    numbers = " UNION ALL ".join(
        f"SELECT delivery_id, {quote(c)} AS number FROM {_CLEAN} WHERE {quote(c + '__ok')} AND delivery_id IN ({listed})"
        for c in columns
    )
    session.execute(f"DELETE FROM ops.origin__delivery WHERE delivery_id IN ({listed})")
    session.execute(
        f"INSERT INTO ops.origin__delivery SELECT delivery_id, count(*), "
        f"count(*) FILTER (left(number, 4) IN (SELECT area_prefix FROM ref.synthetic_area)) "
        f"FROM ({numbers}) GROUP BY delivery_id ORDER BY delivery_id",
        what="ops.origin__delivery",
    )


def build(session: Session, settings: Settings) -> int:
    """Make work.main.origin: delivery_id, n_ids, n_synthetic, is_sample_house; returns the number of rows."""
    flag = literal(is_sample_house(settings))
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.origin AS SELECT *, {flag} AS is_sample_house FROM ops.origin__delivery ORDER BY ALL"
    )
    return int(session.value("SELECT count(*) FROM work.main.origin"))
