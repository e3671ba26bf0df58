"""Bad input in the history: rows are kept, flagged and explained, and nobody is taken for somebody else's dropout."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.history.mini import OCTOBER, SEPTEMBER, A, Month, _schools
from tests.unit.test_mini_province_data import Province, empty_province, token

PARENT = 900


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Province]:
    with empty_province(tmp_path) as made:
        _schools(made)
        yield made


def test_a_pupil_without_an_identity_number_is_followed_by_the_student_number(world: Province) -> None:
    for period in (SEPTEMBER, OCTOBER):
        Month(world, period).pupil(1, "12", id_no_token=None)
        world.run(period)
    rows = world.session.rows(
        "SELECT person_id, presence_code FROM core.movement__person_month WHERE period = ?", [OCTOBER]
    )
    assert rows == [(token(1001), "stayed")]


def test_a_row_without_any_number_is_kept_as_a_person_of_its_own(world: Province) -> None:
    month = Month(world, SEPTEMBER)
    for person in (1, 2):
        month.pupil(person, "12", id_no_token=None, student_no_token=None)
    world.run(SEPTEMBER)
    assert world.session.rows(
        "SELECT count(*), count(DISTINCT person_id) FROM core.standing__person_month"
    ) == [(2, 2)]


def test_the_parents_number_on_two_children_is_a_double_enrolment_to_settle(world: Province) -> None:
    month = Month(world, SEPTEMBER)
    month.pupil(1, "12", id_no_token=token(PARENT))
    month.pupil(2, "14", id_no_token=token(PARENT), birth_date=date(2013, 3, 1))
    world.run(SEPTEMBER)
    kept = world.session.value(
        "SELECT count(*) FROM core.enrolment__person_month WHERE period = ?", [SEPTEMBER]
    )
    rows = world.session.rows("SELECT person_id, kind_code, n_active FROM use.double_enrolment__person_month")
    assert kept == 2 and rows == [(token(PARENT), "same_school", 2)]


def test_conflicting_birth_dates_and_two_heads_keep_every_row_of_the_register(world: Province) -> None:
    Month(world, SEPTEMBER).pupil(1, "12")
    d = world.deliver("poverty_register", A, SEPTEMBER)
    for person, born, relation in (
        (1, date(2009, 1, 1), "03"),
        (801, date(1980, 1, 1), "01"),
        (802, date(1982, 1, 1), "01"),
    ):
        world.row("raw.poverty_register__person", d, A, id_no_token=token(person), person_no_token=token(3000 + person), county_code=A,
                  household_no_token=token(5000), birth_date=born, household_relation_code=relation,
                  school_state_code="03" if person == 1 else None)  # fmt: skip
    world.run(SEPTEMBER)
    assert world.session.value("SELECT count(*) FROM core.poverty_person__period") == 3
    # the pupil is followed, and the strict match of the mart says why it does not count the pair as certain
    follow = world.session.rows("SELECT person_id, follow_code FROM use.poverty_pupil_follow__person_month")
    assert follow == [(token(1), "in_school")]
    reason = world.session.rows(
        "SELECT is_matched, reason_code FROM use.poverty_pupil__person_month WHERE person_id = ?", [token(1)]
    )
    assert reason in ([(True, None)], [(False, "guard_conflict")])
