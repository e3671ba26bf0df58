"""The calendar: which packages are expected for a month, by when, and what has come of them.

Dates come from reference/delivery_calendar.csv (unconfirmed defaults, to be settled with the centre); rule RC09 judges by the
same dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from warehouse.engine.duckdb import Session, literal
from warehouse.landing import SOURCES, check_period
from warehouse.model import load_models
from warehouse.reference import rows

ANY_MONTH = "2016-01"  # the units of owners are the same for every month


@dataclass(frozen=True)
class Due:
    """By when each level has done its part."""

    owner: date
    prefecture: date
    province: date


@cache
def _calendar() -> dict[str, dict[str, str]]:
    return {r["source"]: r for r in rows("delivery_calendar")}


def due_in(source: str, period: str) -> bool:
    """Is the source expected for the month?"""
    entry = _calendar().get(source)
    return entry is not None and check_period(period)[5:] in entry["months"].split("|")


def due_dates(source: str, period: str) -> Due | None:
    """By when the source is due for a month; None when it is not expected then."""
    if not due_in(source, period):
        return None
    entry = _calendar()[source]
    months = int(period[:4]) * 12 + int(period[5:]) - 1 + int(entry["due_month_offset"])
    year, month = divmod(months, 12)
    day = {
        level: date(year, month + 1, int(entry[f"due_day_{level}"]))
        for level in ("owner", "prefecture", "province")
    }
    return Due(**day)


def units_sql(period: str) -> str:
    """Relation (code, county_code, prefecture_code, is_current): every county code ever used and its unit of today."""
    sql = load_models()["core.county_unit__code"].sql.rstrip().rstrip(";")
    return f"({sql.replace('$period', literal(check_period(period)))})"


def expected_sql(period: str, province: str) -> str:
    """Relation (source, owner, owner_level, upper_unit) of the packages that the calendar expects for a month."""
    due = [s for s in SOURCES if due_in(s, period)]
    listed = ", ".join(map(literal, due)) or "NULL"
    return f"""(
      SELECT s.source, u.county_code AS owner, s.owner_level, u.prefecture_code AS upper_unit
      FROM ref.source s CROSS JOIN {units_sql(period)} u
      WHERE s.owner_level = 'county' AND u.is_current AND s.source IN ({listed})
      UNION ALL
      SELECT s.source, c.college_code, s.owner_level, {literal(province)} FROM ref.source s CROSS JOIN ref.college c
      WHERE s.owner_level = 'college' AND s.source IN ({listed})
      UNION ALL
      -- provincial offices: whoever has delivered, or the province's own code when nobody ever has
      SELECT DISTINCT s.source, v.owner, s.owner_level, {literal(province)} FROM ref.source s
      JOIN ops.delivery__version v ON v.source = s.source AND v.period <= {literal(period)}
      WHERE s.owner_level = 'province' AND starts_with(v.owner, {literal(province)}) AND s.source IN ({listed})
      UNION ALL
      SELECT s.source, {literal(province_owner(province))}, s.owner_level, {literal(province)} FROM ref.source s
      WHERE s.owner_level = 'province' AND s.source IN ({listed}) AND NOT EXISTS (
        SELECT 1 FROM ops.delivery__version v WHERE v.source = s.source AND v.period <= {literal(period)}))"""


def province_owner(province: str) -> str:
    """Code under which provincial offices deliver (GB/T 2260: the province's two digits and four zeros)."""
    return province.ljust(6, "0")


def overview(session: Session, period: str, province: str, today: date) -> list[dict[str, Any]]:
    """One line per expected package: state, version, received on, whether it is late, waived or missing."""
    names = (
        "source",
        "owner",
        "owner_level",
        "upper_unit",
        "version",
        "state",
        "received_on",
        "late_reason",
        "waived",
    )
    found = []
    for row in session.rows(
        f"""WITH newest AS (
              SELECT * FROM ops.review__package WHERE period = ?
              QUALIFY row_number() OVER (PARTITION BY source, owner ORDER BY version DESC) = 1)
            SELECT e.source, e.owner, e.owner_level, e.upper_unit, p.version, p.state,
                   (SELECT max(d.received_on) FROM ops.delivery__version d
                    WHERE list_contains(string_split(p.deliveries, ' '), d.delivery_id)), NULL, w.reason
            FROM {expected_sql(period, province)} e
            LEFT JOIN newest p ON p.source = e.source AND p.owner = e.owner
            LEFT JOIN ops.review__waiver w ON w.source = e.source AND w.owner = e.owner AND w.period = ?
            ORDER BY e.source, e.owner""",
        [period, period],
    ):
        line = dict(zip(names, row, strict=True))
        due = due_dates(line["source"], period)
        assert due is not None  # noqa: S101 - only expected sources are listed
        line["due"] = due.owner
        line["missing"] = line["version"] is None or (line["state"] == "draft" and line["version"] == 1)
        line["late"] = (line["received_on"] or today) > due.owner
        del line["late_reason"]
        found.append(line)
    return found


def coverage(session: Session, period: str, province: str) -> list[dict[str, Any]]:
    """Per expected source: packages expected, in force, approved and waived, and the owners that are missing."""
    names = ("source", "expected", "in_force", "approved", "waived", "missing", "not_approved")
    return [
        dict(zip(names, row, strict=True))
        for row in session.rows(
            f"""WITH unit AS (SELECT * FROM {units_sql(period)}),
                  inside AS (
                    SELECT DISTINCT f.source, coalesce(u.county_code, f.owner) AS owner
                    FROM core.delivery__period f LEFT JOIN unit u ON u.code = f.owner AND f.owner_level = 'county'
                    WHERE f.period = $period AND f.delivery_period = $period),
                  signed AS (
                    SELECT DISTINCT p.source, p.owner FROM ops.review__package p JOIN ref.review_state s ON s.state = p.state
                    WHERE p.period = $period AND (s.is_approved OR p.state = 'reopened'))
                SELECT e.source, count(*), count(i.owner), count(i.owner) FILTER (g.owner IS NOT NULL),
                       count(w.owner) FILTER (i.owner IS NULL),
                       coalesce(list(e.owner ORDER BY e.owner) FILTER (i.owner IS NULL), []),
                       coalesce(list(e.owner ORDER BY e.owner) FILTER (i.owner IS NOT NULL AND g.owner IS NULL), [])
                FROM {expected_sql(period, province)} e
                LEFT JOIN inside i ON i.source = e.source AND i.owner = e.owner
                LEFT JOIN signed g ON g.source = e.source AND g.owner = e.owner
                LEFT JOIN ops.review__waiver w ON w.source = e.source AND w.owner = e.owner AND w.period = $period
                GROUP BY ALL ORDER BY ALL""",
            {"period": period},
        )
    ]
