"""Pupils with chosen faults, and a return written for their county."""

from __future__ import annotations

import pytest
from rules.valid_rows import COUNTY, PERIOD, citizen_id, rows_of

from pipelines.cli.returns import rule_texts
from warehouse.returns import issue

GOOD: dict[str, str] = {}
NO_GUARDIAN = {"guardian1_phone": ""}  # RC30, a warning
BAD_SEX = {"sex_code": "不明"}  # RC25, quarantine


def number_of(n):
    return citizen_id(f"201503{15 + n:02d}", 2 * n + 1)


def pupils(*changes):
    """One pupil per change, each with a number of their own."""
    rows = []
    for n, change in enumerate(changes):
        own = {"id_no": number_of(n), "student_no": "G" + number_of(n), "birth_date": f"201503{15 + n:02d}"}
        rows += rows_of("student_registry", **{**own, **change})
    return rows


def load(world, session, rows, period=PERIOD, **put):
    """A later version replaces the file in landing, as an owner would do it."""
    name = put.pop("name", f"{COUNTY}{put.get('part', '')}.csv")
    world.put("student_registry", rows, period=period, name=name, **put)
    return world.collect(session, "student_registry", period)


@pytest.fixture
def give_back(world, tmp_path):
    """Write the return of the county; further arguments as of `write_return`."""

    def write(session, **options):
        options = {"by": "u-centre", "out": tmp_path / "returns", **options}
        return issue.write_return(
            session, world.settings, world.keys, rule_texts(), COUNTY, PERIOD, **options
        )

    return write
