"""Twenty-four damaged months through the real door against the ledger of truth: what is set aside makes nobody leave, arrive or move.

Two thousand rows are set aside on the way. Every seeded event is found in its own month, unless the row of that month waits: then in the
first month in which one is accepted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.history.dirty import damaged_months
from tests.history.loading import MONTHLY, months
from warehouse.engine.duckdb import Session

MONTHS = months("2024-08", "2026-07")
_WANTED = (
    "core.movement__person_month", "core.roll_forward__school_grade_month", "use.suspected_dropout__person_month",
    "use.double_enrolment__person_month",
)  # fmt: skip
_MOVES = "core.movement__person_month WHERE previous_period IS NOT NULL AND coalesce(from_stage_code, to_stage_code) <> '32'"

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes a quarter of an hour: EDU_INTEGRATION=1 runs it"
)


def truth(session: Session, folder: Path) -> None:
    """Events of the ledger by the persons of dirty.py, and the first month from then on in which a row is accepted."""
    at = f"'{folder}/data/truth/"
    session.execute(
        f"""CREATE TEMP TABLE event AS SELECT e.kind, e.stage, e.period, md5('truth:' || e.person_id)::UUID AS pid, w.birth_date
            FROM {at}event.parquet' e JOIN {at}person.parquet' w USING (person_id) WHERE e.period > '{MONTHS[0]}'"""
    )
    session.execute(
        """CREATE TEMP TABLE seen AS
           SELECT v.kind, v.pid, min(m.period) AS period
           FROM event v JOIN core.movement__person_month m
             ON m.person_id = v.pid AND m.period >= v.period AND m.presence_code <> 'set_aside'
           GROUP BY v.kind, v.pid, v.period"""
    )
    session.execute(
        f"""CREATE TEMP TABLE twice AS SELECT DISTINCT period, md5('truth:' || person_id)::UUID AS pid
            FROM {at}defect.parquet' WHERE kind IN ('double', 'school-and-vocational', 'repeated-row')"""
    )
    session.execute(
        f"CREATE TEMP TABLE there AS SELECT period, md5('truth:' || person_id)::UUID AS pid, stage FROM {at}enrolment.parquet'"
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("damaged")
    with damaged_months(folder, MONTHS, _WANTED, MONTHLY, scale=0.01) as (opened, _):
        truth(opened, folder)
        yield opened


def test_every_row_read_is_accepted_or_set_aside_and_every_accepted_one_counted(session: Session) -> None:
    refused, lost, aside = session.rows(
        "SELECT count(*) FILTER (status <> 'accepted'), count(*) FILTER (n_read <> n_accepted + n_quarantined), "
        "sum(n_quarantined) FROM ops.delivery__version"
    )[0]
    assert refused == lost == 0 and aside > 1000
    uneven = session.rows(
        """SELECT d.period FROM (
             SELECT period, sum(n_accepted) AS n FROM core.delivery__period WHERE source LIKE '%registry' GROUP BY 1) d
           JOIN (SELECT period, count(*) AS n FROM core.enrolment__person_month GROUP BY 1) e USING (period)
           JOIN (SELECT period, count(*) AS n FROM core.identity__record WHERE source LIKE '%registry' GROUP BY 1) i USING (period)
           WHERE d.n <> e.n OR d.n <> i.n"""
    )
    assert not uneven


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("transfer", "school_move_code = 'transferred'"),
        ("death", "exit_code = 'deceased'"),
        ("out", "exit_code = 'out_of_province'"),
        ("dropout", "exit_code IN ('unexplained', 'not_continued', 'record_set_aside')"),
        ("repeat", "grade_move_code = 'repeated'"),
        ("suspend", "from_state_code = 'in_study' AND to_state_code = 'suspended'"),
        ("resume", "from_state_code = 'suspended' AND to_state_code <> 'suspended'"),
    ],
)
def test_every_event_is_found_and_none_invented(session: Session, kind: str, found: str) -> None:
    seeded = set(session.rows("SELECT period, pid FROM seen WHERE kind = ?", [kind]))
    assert seeded and set(session.rows(f"SELECT period, person_id FROM {_MOVES} AND {found}")) == seeded


def test_who_comes_from_nowhere_was_away(session: Session) -> None:
    away = set(session.rows("SELECT period, pid FROM seen WHERE kind = 'return'"))
    strange = set(
        session.rows(
            f"SELECT period, person_id FROM {_MOVES} AND entry_code IN ('unexplained', 'returned_unrecorded')"
        )
    )
    back = set(
        session.rows(
            f"SELECT period, person_id FROM {_MOVES} AND presence_code = 'returned' AND to_stage_code >= '10'"
        )
    )
    # who was away before the first month is new to the warehouse
    known = set(
        session.rows(
            "SELECT s.period, s.pid FROM seen s WHERE s.kind = 'return' "
            "AND EXISTS (SELECT 1 FROM there t WHERE t.pid = s.pid AND t.period < s.period AND t.stage >= 1)"
        )
    )
    assert back == known
    # in the first month nobody is known yet: a row set aside there with damaged numbers cannot be recognised in the second
    unknown = {(p, who) for p, who in strange - away if p == MONTHS[1]}
    assert strange - away == unknown and len(unknown) <= 2
    assert all(
        session.rows("SELECT 1 FROM there WHERE pid = ? AND period = ?", [who, MONTHS[0]])
        for _, who in unknown
    )


def test_rows_set_aside_have_their_own_line_in_the_roll_forward(session: Session) -> None:
    wrong = session.rows(
        "SELECT 1 FROM core.roll_forward__school_grade_month WHERE n_residual <> n_unexplained_in - n_unexplained_out"
    )
    lines = session.rows(
        "SELECT count(*) FROM core.roll_forward__school_grade_month WHERE n_set_aside_in + n_set_aside_out > 0 AND n_residual = 0"
    )
    assert not wrong and lines[0][0] > 1000


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


def test_every_double_enrolment_is_listed_and_nobody_else(session: Session) -> None:
    seeded = set(session.rows("SELECT period, pid FROM event WHERE kind = 'double_enrolment'"))
    repeated = set(session.rows("SELECT period, pid FROM twice"))
    found = set(
        session.rows(
            f"SELECT period, person_id FROM use.double_enrolment__person_month WHERE period > '{MONTHS[0]}'"
        )
    )
    assert seeded and seeded <= found <= repeated
