"""Faults open, close and come back by themselves, whatever order files arrive in."""

from __future__ import annotations

import pytest
from rules import fixtures
from rules.valid_rows import COUNTY, PUPIL, rows_of, wrong_check

from returns.conftest import BAD_SEX, GOOD, NO_GUARDIAN, load, pupils


def faults(session, **where):
    sql = "SELECT rule_id, status, n_reopened FROM ops.fault__identity WHERE record_key NOT LIKE 'file:%'"
    for name, value in where.items():
        sql += f" AND {name} = '{value}'"
    return session.rows(sql + " ORDER BY ALL")


def test_a_fault_opens_closes_and_comes_back(world):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN, GOOD))
        assert faults(session) == [("RC25", "open", 0), ("RC30", "open", 0)]
        load(world, session, pupils(GOOD, NO_GUARDIAN, GOOD))
        assert faults(session) == [("RC25", "fixed", 0), ("RC30", "open", 0)]
        load(world, session, pupils(BAD_SEX, GOOD, GOOD), received_on="2026-03-20")
        assert faults(session) == [("RC25", "open", 1), ("RC30", "fixed", 0)]
        opened = session.value("SELECT opened_on FROM ops.fault__identity WHERE rule_id = 'RC25'")
        assert str(opened) == "2026-03-20"


def test_the_next_month_closes(world):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN, NO_GUARDIAN))
        load(world, session, pupils(NO_GUARDIAN, GOOD), period="2026-04")
        found = session.rows(
            "SELECT status, first_period, last_period, closed_period FROM ops.fault__identity WHERE rule_id = 'RC30' ORDER BY ALL"
        )
        assert found == [
            ("fixed", fixtures.PERIOD, fixtures.PERIOD, "2026-04"),
            ("open", fixtures.PERIOD, "2026-04", None),
        ]


def test_an_old_month_loaded_late_changes_nothing_of_today(world):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN), period="2026-04")
        load(world, session, pupils(GOOD))
        assert faults(session, rule_id="RC30") == [("RC30", "open", 0)]


def test_parts_do_not_close_each_other(world):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN), part="2021")
        load(world, session, pupils(GOOD, GOOD)[1:], part="2022")
        assert faults(session, rule_id="RC30") == [("RC30", "open", 0)]
        # The pupil moves to the other file: the fault goes with them.
        load(world, session, pupils(GOOD, GOOD)[1:], part="2021")
        load(world, session, pupils(NO_GUARDIAN), part="2022")
        assert ("RC30", "open") in {f[:2] for f in faults(session, rule_id="RC30")}


def test_owners_do_not_close_each_other(world):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN))
        world.put("student_registry", pupils(GOOD), owner="630103", name="other.csv")
        world.collect(session, "student_registry")
        assert faults(session, owner=COUNTY) == [("RC30", "open", 0)]


def test_a_file_that_cannot_be_read_closes_no_row_fault(world):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN))
        load(world, session, b"\xff\xff not a table")
        assert faults(session) == [("RC30", "open", 0)]
        files = "SELECT status FROM ops.fault__identity WHERE record_key LIKE 'file:%' AND severity = 'block' ORDER BY ALL"
        assert set(session.rows(files)) == {("open",)}
        load(world, session, pupils(GOOD))
        assert set(session.rows(files)) == {("fixed",)}
        assert faults(session) == [("RC30", "fixed", 0)]


def test_rows_with_the_same_number_are_faults_of_their_own(world):
    row = pupils(NO_GUARDIAN)
    with world.session() as session:
        load(world, session, [*row, *row, *row])
        assert [f for f in faults(session) if f[0] == "RC30"] == [("RC30", "open", 0)] * 3
        load(world, session, [*row, *pupils(GOOD)])
        assert sorted(f[1] for f in faults(session) if f[0] == "RC30") == ["fixed", "fixed", "open"]


@pytest.mark.parametrize(
    ("change", "namespace"),
    [
        ({"id_no": wrong_check(PUPIL)}, "xj"),
        ({"student_no": ""}, "sfz"),
        ({"student_no": "", "id_no": ""}, "row"),
    ],
)
def test_the_key_of_a_record_is_a_token(world, change, namespace):
    with world.session() as session:
        load(world, session, rows_of("student_registry", **change))
        keys = {k for (k,) in session.rows("SELECT record_key FROM ops.fault__identity")} - {"file:"}
        assert {k.split(":")[0] for k in keys} == {namespace}
        assert not any(PUPIL[:17] in k for k in keys)


def test_a_second_load_of_the_same_files_changes_nothing(world):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN))
        before = session.rows("SELECT * FROM ops.fault__identity ORDER BY ALL")
        world.collect(session, "student_registry")
        assert session.rows("SELECT * FROM ops.fault__identity ORDER BY ALL") == before


def test_days_to_fix_by_owner(world):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN), received_on="2026-03-10")
        load(world, session, pupils(GOOD, NO_GUARDIAN), received_on="2026-03-14")
        found = session.rows(
            "SELECT n_open, n_fixed, median_days_to_fix FROM ops.fault_repair__owner_source WHERE owner = ?",
            [COUNTY],
        )
        # The registry's only: directories of the month have no faults.
        assert found == [(1, 1, 4.0)]
