"""Bad input from the file to the list: a good month, then the same persons with missing, swapped and contradictory cells.

Real files through the real door, the person index, and all models of history: rows are kept, flagged and explained, and nobody is
called gone, new, or no longer poor because a cell is wrong.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rules.fixtures import World, copy_world
from rules.valid_rows import HEAD, PERIOD, PUPIL, Row, citizen_id, rows_of

from assets.processing.people import BEFORE
from expectations.rule import all_rules
from warehouse.engine.duckdb import Session
from warehouse.model import load_models, run_model
from warehouse.people.step import link_period

BEFORE_THAT = "2026-02"
NAMES = {1: "才让·卓玛", 2: "卓玛措", 3: "多杰", 4: "央宗", 5: "旦增"}
IDS = {1: PUPIL} | {n: citizen_id("20150401", 100 + n) for n in range(2, 6)}
NO_ID, SWAPPED, BORN, NEVER_HAD_ONE = 2, 3, 4, 5


def _pupil(person: int, **changed: str | None) -> Row:
    row = rows_of("student_registry")[0] | {
        "name": NAMES[person],
        "id_no": IDS[person],
        "student_no": "G" + IDS[person],
    }
    if person != 1:
        row |= {
            "birth_date": "20150401",
            "sex_code": "男" if int(IDS[person][16]) % 2 else "女",
            "phone": f"1399999010{person}",
        }
    if person == NEVER_HAD_ONE:
        row |= {"id_type_code": "其他", "id_no": None, "student_no": "J" + IDS[person]}
    return row | changed


def _household(**heads: str) -> list[Row]:
    rows = rows_of("poverty_register")
    rows[2] |= {"name": NAMES[1], "id_no": PUPIL, "sex_code": "男", "school_state_code": "小学"}
    for number, relation in heads.items():
        rows[int(number[-1]) - 1]["household_relation_code"] = relation
    return rows


def _load(world: World, session: Session, period: str) -> None:
    for source in ("school_directory", "student_registry", "poverty_register"):
        world.collect(session, source, period)
    for table, model in load_models().items():
        if table == BEFORE:
            link_period(session, world.settings, world.keys, period)
        if model.stage in ("processing", "use"):
            run_model(session, model, period, reference="test", code_version="test")


@pytest.fixture(scope="module")
def loaded(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Session]]:
    world = copy_world(template, tmp_path_factory.mktemp("door") / "world")
    world.put("school_directory", rows_of("school_directory"), period=BEFORE_THAT)
    world.put("student_registry", [_pupil(n) for n in NAMES], period=BEFORE_THAT)
    world.put("poverty_register", _household(), period=BEFORE_THAT)
    now = [
        _pupil(1),
        _pupil(NO_ID, id_no=None),
        _pupil(SWAPPED, id_no=HEAD, guardian1_id_no=IDS[SWAPPED]),
        _pupil(BORN, birth_date="20140401"),
        _pupil(NEVER_HAD_ONE),
    ]
    world.put("student_registry", now)
    world.put("poverty_register", _household(row2="户主"))
    with world.session() as session:
        _load(world, session, BEFORE_THAT)
        _load(world, session, PERIOD)
        yield world, session


def test_rows_are_kept_and_flagged_with_rule_and_cell(loaded: tuple[World, Session]) -> None:
    _, session = loaded
    kept = session.rows(
        "SELECT source, n_read, n_accepted, n_quarantined FROM ops.delivery__version WHERE period = ? AND status = 'accepted' "
        "AND source <> 'school_directory' AND source <> 'class_directory' ORDER BY 1", [PERIOD]
    )  # fmt: skip
    assert kept == [("poverty_register", 3, 0, 3), ("student_registry", 5, 2, 3)]
    flagged = session.rows(
        "SELECT d.source, q.row_no, q.rule_id, q.field FROM ops.quarantine__row_rule q JOIN ops.delivery__version d USING (delivery_id) "
        "WHERE d.period = ? AND q.severity = 'quarantine' ORDER BY ALL", [PERIOD]
    )  # fmt: skip
    assert {(s, n) for s, n, *_ in flagged} == {("poverty_register", n) for n in (1, 2, 3)} | {
        ("student_registry", n) for n in (2, 3, 4)
    }
    rules = {(s, n): {r for t, m, r, _ in flagged if (t, m) == (s, n)} for s, n, *_ in flagged}
    assert rules[("student_registry", NO_ID)] == {"RC21"} and "RC19" in rules[("student_registry", SWAPPED)]
    assert rules[("student_registry", BORN)] == {"RC19"} and rules[("poverty_register", 1)] == {"RC33"}
    for *_, rule, field in flagged:
        assert all_rules()[rule].fix_zh and (field or rule == "RC33")


def test_nobody_is_gone_or_new(loaded: tuple[World, Session]) -> None:
    _, session = loaded
    rows = session.rows(
        "SELECT presence_code, coalesce(exit_code, ''), count(*) FROM core.movement__person_month WHERE period = ? "
        "GROUP BY ALL ORDER BY ALL", [PERIOD]
    )  # fmt: skip
    assert rows == [("set_aside", "row_set_aside", 3), ("stayed", "", 2)]
    assert not session.value(
        "SELECT count(*) FROM use.suspected_dropout__person_month WHERE period = ?", [PERIOD]
    )
    flows = session.rows(
        "SELECT n_opening, n_set_aside_out, n_closing, n_residual FROM core.roll_forward__school_grade_month WHERE period = ?", [PERIOD]
    )  # fmt: skip
    assert flows == [(5, 3, 2, 0)]


def test_a_poor_child_is_followed_while_two_heads_are_sorted_out(loaded: tuple[World, Session]) -> None:
    _, session = loaded
    followed = [
        session.rows(
            "SELECT follow_code, check_code, is_row_set_aside FROM use.poverty_pupil_follow__person_month WHERE period = ?",
            [period],
        )
        for period in (BEFORE_THAT, PERIOD)
    ]
    assert followed == [[("in_school", None, False)], [("in_school", "register_row_set_aside", True)]]
    card = session.rows("SELECT flag_codes FROM use.student_card__person_term WHERE period = ?", [PERIOD])
    assert card == [("register_row_set_aside",)]


def test_no_adult_is_taken_for_a_child(loaded: tuple[World, Session]) -> None:
    """The head's number stood on a child's row: the head is nobody's pupil."""
    _, session = loaded
    persons = session.value("SELECT count(DISTINCT person_id) FROM core.standing__person_month")
    assert persons == 5
