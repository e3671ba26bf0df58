"""Twenty-four months of the sample province against the ledger of its truth: everything found, nothing invented.

The months are clean (dirt=0): damaged rows are the business of the rules of collection. Persons are told apart by their own
numbers here; the person index is measured in tests/people. The ledger of events covers the schools, not the vocational ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sample import generate
from tests.history.loading import MONTHLY, OTHERS, build, months, take_in
from tests.memory import warehouse_in_memory
from warehouse.engine.duckdb import Session

MONTHS = months("2024-08", "2026-07")  # two summers: two times everybody goes up a grade
VOCATIONAL = "32"
_WANTED = (
    "core.movement__person_month", "core.roll_forward__school_grade_month", "core.transfer_pair__event",
    "use.suspected_dropout__person_month", "use.entitlement__person_rule_term",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)


def truth(session: Session, folder: Path) -> None:
    """Tables of the ledger with the warehouse's own keys."""
    at = f"'{folder}/truth/"
    session.execute(
        f"""CREATE TEMP TABLE who AS SELECT person_id AS truth_id, birth_date, poor, id_no IS NOT NULL AS has_id,
              CAST(coalesce(md5('sfz:' || id_no), md5('xj:' || student_no)) AS UUID) AS pid FROM {at}person.parquet'"""
    )
    session.execute(
        f"CREATE TEMP TABLE event AS SELECT e.*, w.pid, w.birth_date FROM {at}event.parquet' e JOIN who w ON w.truth_id = e.person_id "
        f"WHERE e.period > '{MONTHS[0]}'"
    )
    session.execute(
        f"CREATE TEMP TABLE there AS SELECT e.*, w.pid FROM {at}enrolment.parquet' e JOIN who w ON w.truth_id = e.person_id"
    )
    session.execute(
        f"""CREATE TEMP TABLE due AS SELECT a.*, w.pid, w.has_id, CASE a.fate WHEN 'returned' THEN 'unpaid' ELSE a.fate END AS class_code,
              (SELECT l.code FROM ref.code_list l WHERE l.list_id = 'aid_programme' AND l.name_zh = a.programme) AS programme_code
            FROM {at}aid.parquet' a JOIN who w ON w.truth_id = a.person_id"""
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("truth")
    generate(folder, scale=0.01, periods=MONTHS, dirt=0, csv_only=True, sources=[*MONTHLY, *OTHERS])
    with warehouse_in_memory(folder) as opened:
        for period in MONTHS:
            for source in (*MONTHLY, *OTHERS):
                take_in(opened, folder / "landing", source, period)
            build(opened, period, _WANTED)
        truth(opened, folder)
        yield opened


_MOVES = f"core.movement__person_month WHERE previous_period IS NOT NULL AND coalesce(from_stage_code, to_stage_code) <> '{VOCATIONAL}'"


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("transfer", "school_move_code = 'transferred'"),
        ("transfer", "is_transfer_recorded"),
        ("death", "exit_code = 'deceased'"),
        ("out", "exit_code = 'out_of_province'"),
        ("dropout", "exit_code IN ('unexplained', 'not_continued')"),
        ("repeat", "grade_move_code = 'repeated'"),
        ("repeat", "grade_move_code = 'repeated' AND is_grade_recorded"),
        ("suspend", "from_state_code = 'in_study' AND to_state_code = 'suspended'"),
        ("resume", "from_state_code = 'suspended' AND to_state_code <> 'suspended'"),
    ],
)
def test_every_event_is_found_and_none_invented(session: Session, kind: str, found: str) -> None:
    seeded = set(session.rows("SELECT period, pid FROM event WHERE kind = ?", [kind]))
    seen = set(session.rows(f"SELECT period, person_id FROM {_MOVES} AND {found}"))
    assert seeded and seen == seeded


def test_who_comes_back_was_away(session: Session) -> None:
    seeded = set(session.rows("SELECT period, pid FROM event WHERE kind = 'return'"))
    # a toddler who pauses before the next year of kindergarten also comes back, but was never in school
    back = set(
        session.rows(
            f"SELECT m.period, m.person_id FROM {_MOVES.replace('movement__person_month', 'movement__person_month m')} "
            f"AND presence_code = 'returned' AND to_stage_code <> '{VOCATIONAL}' AND EXISTS ("
            "SELECT 1 FROM core.standing__person_month s WHERE s.person_id = m.person_id AND s.period < m.period AND s.stage_code >= '10')"
        )
    )
    strange = set(session.rows(f"SELECT period, person_id FROM {_MOVES} AND entry_code = 'unexplained'"))
    known = set(
        session.rows(
            "SELECT v.period, v.pid FROM event v WHERE v.kind = 'return' "
            "AND EXISTS (SELECT 1 FROM there t WHERE t.pid = v.pid AND t.period < v.period AND t.stage >= 1)"
        )
    )
    assert back == known and strange <= seeded


def test_the_roll_forward_closes_wherever_the_ledger_says_so(session: Session) -> None:
    wrong = session.rows(
        "SELECT 1 FROM core.roll_forward__school_grade_month WHERE n_residual <> n_unexplained_in - n_unexplained_out"
    )
    assert not wrong
    noted = set(
        session.rows(
            f"""SELECT period, from_school_id FROM {_MOVES} AND exit_code = 'unexplained' AND was_active
                UNION SELECT period, to_school_id FROM {_MOVES} AND entry_code IN ('unexplained', 'returned_unrecorded')"""
        )
    )
    seeded = set(session.rows("SELECT period, from_school FROM event WHERE kind IN ('dropout', 'return')"))
    assert noted <= seeded
    residual = set(
        session.rows(
            f"SELECT period, school_id FROM core.roll_forward__school_grade_month WHERE n_residual <> 0 AND stage_code <> '{VOCATIONAL}'"
        )
    )
    assert residual and residual <= noted


def test_transfers_are_paired(session: Session) -> None:
    assert session.rows("SELECT DISTINCT pair_code FROM core.transfer_pair__event") == [("paired",)]


def test_the_suspects_of_the_last_month_are_those_who_left_and_are_still_away(session: Session) -> None:
    last = MONTHS[-1]
    seeded = session.rows(
        """SELECT DISTINCT v.pid FROM event v WHERE v.kind = 'dropout' AND v.stage IN (1, 2)
             AND v.pid NOT IN (SELECT t.pid FROM there t WHERE t.period = ?)
             AND date_sub('year', v.birth_date, DATE '2025-08-31') BETWEEN 6 AND 15""",
        [last],
    )
    found = session.rows(
        "SELECT person_id FROM use.suspected_dropout__person_month WHERE period = ? AND kind_code = 'left'",
        [last],
    )
    assert seeded and set(found) == set(seeded)
    never = session.rows(
        "SELECT person_id FROM use.suspected_dropout__person_month WHERE period = ? AND kind_code = 'never'",
        [last],
    )
    assert never and not session.rows(
        "SELECT 1 FROM there WHERE pid IN (SELECT unnest(?::UUID[])) LIMIT 1", [[r[0] for r in never]]
    )


def test_classes_of_aid_equal_the_ledger(session: Session) -> None:
    # the first delivery pays a term before the first month that was loaded
    later = f"period > '{MONTHS[1]}'"
    seeded = set(
        session.rows(f"SELECT period, pid, programme_code, class_code FROM due WHERE {later} AND has_id")
    )
    judged = set(
        session.rows(
            f"""SELECT period, person_id, programme_code, class_code FROM use.entitlement__person_rule_term
                WHERE {later} AND period IN (SELECT period FROM due) AND class_code NOT IN ('pending', 'not_judged')
                  AND person_id NOT IN (SELECT pid FROM due WHERE NOT has_id)
                  AND person_id IN (SELECT pid FROM who)"""
        )
    )
    assert {c for *_, c in seeded} == {"full", "short", "unpaid", "over", "double", "ineligible"}
    assert judged == seeded
