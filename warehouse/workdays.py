"""Working days: the weekly rule and the single days that override it (public holidays, shifted days), from reference data.

reference/working_day.csv holds the seven days of the week (1 = Monday … 7 = Sunday) and dates as YYYY-MM-DD. The dates of a year
are announced by the State Council at the end of the year before and entered by the data centre; none is invented here.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from warehouse.reference import rows


@cache
def _days() -> dict[str, bool]:
    return {r["day"]: r["is_working"] == "true" for r in rows("working_day")}


def is_working_day(day: date) -> bool:
    """Whether offices work on a day."""
    return _days().get(day.isoformat(), _days()[str(day.isoweekday())])


def add_working_days(start: date, days: int) -> date:
    """The day that lies `days` working days after `start`."""
    day = start
    while days > 0:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return day


def has_holidays(year: int) -> bool:
    """Whether the holidays of a year have been entered."""
    return any(day.startswith(f"{year}-") for day in _days())
