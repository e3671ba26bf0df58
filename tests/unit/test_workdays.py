"""Working days: the weekly rule, and single days that override it."""

from datetime import date

import pytest

from warehouse import workdays
from warehouse.workdays import add_working_days, has_holidays, is_working_day


def test_weekends_do_not_count():
    assert add_working_days(date(2025, 10, 3), 1) == date(2025, 10, 6)  # Friday → Monday
    assert add_working_days(date(2025, 10, 6), 5) == date(2025, 10, 13)
    assert add_working_days(date(2025, 10, 4), 0) == date(2025, 10, 4)


@pytest.fixture
def entered(monkeypatch):
    """A Wednesday off, and a Saturday worked in its place."""
    known = workdays._days() | {"2030-05-01": False, "2030-05-04": True}
    monkeypatch.setattr(workdays, "_days", lambda: known)


def test_a_date_overrides_its_day_of_the_week(entered):
    assert date(2030, 5, 1).isoweekday() == 3 and not is_working_day(date(2030, 5, 1))
    assert date(2030, 5, 4).isoweekday() == 6 and is_working_day(date(2030, 5, 4))
    assert add_working_days(date(2030, 4, 30), 1) == date(2030, 5, 2)
    assert add_working_days(date(2030, 5, 3), 1) == date(2030, 5, 4)
    assert has_holidays(2030) and not has_holidays(2031)
