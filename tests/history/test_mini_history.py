"""Every figure of the three months of `mini.py`, worked on paper there."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from expectations.gate import Gate
from expectations.processing import RULES
from expectations.rule import Stage
from tests.history.mini import AUGUST, MONTHS, OCTOBER, SEPTEMBER, A, P, Q, fill
from tests.unit.test_mini_province_data import Province, empty_province, token


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with empty_province(tmp_path_factory.mktemp("mini-history")) as made:
        fill(made)
        for period in MONTHS:
            made.run(period)
        yield made


def persons(world: Province, table: str, where: str, period: str = OCTOBER) -> list[int]:
    rows = world.session.rows(
        f"SELECT person_id FROM {table} WHERE period = ? AND ({where}) ORDER BY 1", [period]
    )
    return sorted(r[0].int for r in rows)


MOVES = "core.movement__person_month"


@pytest.mark.parametrize(
    ("where", "period", "expected"),
    [
        ("presence_code <> 'first_month'", AUGUST, []),
        ("grade_move_code = 'repeated'", SEPTEMBER, [2, 3]),
        ("grade_move_code = 'repeated' AND NOT is_grade_recorded", SEPTEMBER, [3]),
        ("grade_move_code = 'promoted'", SEPTEMBER, [1, 4, 5, 6, 7, 8, 9, 15, 17, 18, 33]),
        ("to_stage_code = '20' AND from_state_code = 'completed'", SEPTEMBER, [10]),
        ("exit_code = 'not_continued'", SEPTEMBER, [11]),
        ("exit_code = 'graduated'", SEPTEMBER, [12]),
        ("exit_code = 'unexplained'", SEPTEMBER, [19]),
        ("is_state_legal = false", SEPTEMBER, [16]),
        ("entry_code = 'entrant'", SEPTEMBER, [13, 20, 21, 22, 23, 24, 25, 26, 27, 28]),
        ("school_move_code = 'transferred'", OCTOBER, [4, 5]),
        ("is_transfer_recorded", OCTOBER, [4]),
        # seen last in August: unknown in September, gone in October
        ("exit_code = 'unexplained'", OCTOBER, [6, 32]),
        ("exit_code = 'unexplained' AND seen_period < previous_period", OCTOBER, [32]),
        ("exit_code = 'deceased'", OCTOBER, [7]),
        ("exit_code = 'out_of_province'", OCTOBER, [8]),
        ("exit_code = 'row_set_aside'", SEPTEMBER, [31, 32]),
        ("exit_code = 'row_set_aside'", OCTOBER, [9]),
        ("presence_code = 'set_aside'", OCTOBER, [9]),
        ("presence_code = 'corrected'", SEPTEMBER, [30]),
        ("entry_code = 'row_set_aside'", SEPTEMBER, [30]),
        ("presence_code = 'corrected'", OCTOBER, [31]),
        # held against August, the last month in which anybody knew
        ("grade_move_code = 'promoted'", OCTOBER, [31]),
        ("exit_code = 'record_set_aside'", OCTOBER, [33]),
        ("exit_code = 'transfer_pending'", OCTOBER, [18]),
        ("presence_code = 'returned'", OCTOBER, [19]),
        ("entry_code = 'unexplained'", OCTOBER, [14]),
        ("is_state_legal IS NOT NULL", OCTOBER, [15]),
        ("NOT is_state_recorded", OCTOBER, []),
    ],
)
def test_movements(world: Province, where: str, period: str, expected: list[int]) -> None:
    assert persons(world, MOVES, where, period) == expected


def test_every_person_of_two_months_is_in_the_movements_once(world: Province) -> None:
    for before, now in ((AUGUST, SEPTEMBER), (SEPTEMBER, OCTOBER)):
        there = world.session.rows(
            "SELECT DISTINCT person_id FROM core.standing__person_month WHERE period IN (?, ?)", [before, now]
        )
        moved = world.session.rows(f"SELECT person_id FROM {MOVES} WHERE period = ?", [now])
        waited_for = {(token(32),)} if now == OCTOBER else set()
        assert len(moved) == len(set(moved)) and set(moved) == set(there) | waited_for


def test_roll_forward(world: Province) -> None:
    columns = (
        "school_id, grade_code, n_opening, n_new, n_promoted_in, n_transferred_in, n_returned, n_set_aside_in, n_promoted_out, "
        "n_transferred_out, n_graduated, n_left, n_set_aside_out, n_closing, n_residual"
    )
    rows = world.session.rows(
        f"SELECT {columns} FROM core.roll_forward__school_grade_month WHERE period = ? ORDER BY 1, 2",
        [OCTOBER],
    )
    assert rows == [
        (P, "11", 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0),  # 2, 13
        (P, "12", 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 1),  # 1, 3, 20–28, 30; 14 came from nowhere
        (P, "14", 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1),  # 4 moved with records, 5 without
        # 6 7 8 9 15 17 18 33: 6 gone, 7, 8 and 33 left, 9 set aside, 18 on the way; 19 came back, 31 is known again
        (P, "15", 8, 0, 0, 0, 1, 1, 0, 1, 0, 3, 1, 4, -1),
        (P, "16", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0),  # 16
        (Q, "14", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1),
        (Q, "21", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0),  # 10
    ]
    assert not world.session.rows(
        "SELECT 1 FROM core.roll_forward__school_grade_month WHERE n_residual <> n_unexplained_in - n_unexplained_out"
    )


def test_the_first_month_has_no_opening_and_no_residual(world: Province) -> None:
    rows = world.session.rows(
        "SELECT DISTINCT n_opening, n_residual FROM core.roll_forward__school_grade_month WHERE period = ?",
        [AUGUST],
    )
    assert rows == [(None, None)]


def test_transfer_pairs_wait_and_then_lack_a_partner(world: Province) -> None:
    rows = world.session.rows(
        "SELECT person_id, effect_code, pair_code, n_days FROM core.transfer_pair__event WHERE period = ? ORDER BY ALL",
        [OCTOBER],
    )
    assert rows == [
        (token(4), "transfer_in", "paired", 7),
        (token(4), "transfer_out", "paired", 7),
        (token(18), "transfer_out", "waiting", None),
    ]


def test_suspected_dropouts(world: Province) -> None:
    columns = (
        "person_id, kind_code, evidence_code, age, months_out, placement_code, suggested_level_no, is_poor"
    )
    rows = world.session.rows(
        f"SELECT {columns} FROM use.suspected_dropout__person_month WHERE period = ? ORDER BY person_id",
        [OCTOBER],
    )
    assert rows == [
        (token(6), "left", "unexplained", 10, 1, "same_grade", 5, True),
        (token(11), "left", "not_continued", 10, 2, "same_grade", 6, False),
        (token(32), "left", "unexplained", 10, 2, "same_grade", 4, False),
        (token(100), "never", "never_registered", 10, None, "by_age", 5, True),
    ]
    # 19 was suspected while away; 12 has finished; 7, 8, 9 are explained; 18 may still arrive, the record of 33 be mended
    assert persons(world, "use.suspected_dropout__person_month", "true", SEPTEMBER) == [11, 19, 100]


def test_double_enrolment(world: Province) -> None:
    rows = world.session.rows(
        "SELECT person_id, kind_code, counted_school_id, n_active, school_ids, since_period "
        "FROM use.double_enrolment__person_month WHERE period = ?", [OCTOBER]
    )  # fmt: skip
    assert rows == [(token(17), "two_schools", Q, 2, f"{P};{Q}", OCTOBER)]


def test_poor_learners_are_followed_one_by_one(world: Province) -> None:
    rows = dict(
        world.session.rows(
            "SELECT person_id, follow_code || '/' || coalesce(check_code, '') FROM use.poverty_pupil_follow__person_month "
            "WHERE period = ?",
            [OCTOBER],
        )
    )
    school = {token(n): "in_school/" for n in (1, 20, 21, 22, 23, 25, 26)}
    assert rows == school | {
        token(6): "suspected/unexplained",
        token(100): "suspected/never_registered",
        token(101): "claimed_elsewhere/claimed_elsewhere",
    }


def test_entitlement_classes(world: Province) -> None:
    columns = "person_id, rule_id, amount_due, amount_paid, class_code, reason_code"
    rows = world.session.rows(
        f"SELECT {columns} FROM use.entitlement__person_rule_term WHERE period = ? AND class_code <> 'not_judged' "
        "ORDER BY person_id, rule_id",
        [OCTOBER],
    )

    def line(person: int, rule: str, due: str | None, paid: str, class_code: str, reason: str = "compared"):  # type: ignore[no-untyped-def]
        return (token(person), rule, None if due is None else Decimal(due), Decimal(paid), class_code, reason)

    assert rows == [
        line(1, "E05", "625", "625", "full"),
        # a poor day pupil of September who was never paid and left
        line(6, "E06", "312.50", "0", "unpaid", "part_of_the_term"),
        line(20, "E05", "625", "300", "short"),
        line(21, "E05", "625", "0", "unpaid", "nothing_received"),
        line(22, "E05", "625", "700", "over"),
        line(23, "E05", "625", "1250", "double"),
        line(24, "E05", None, "625", "ineligible", "no_rule_applies"),
        line(25, "E06", "312.50", "312", "full"),
        line(26, "E05", "625", "0", "unpaid", "nothing_received"),
        line(27, "E05", "625", "0", "unpaid", "nothing_received"),
        line(100, "E00", None, "0", "pending", "school_unknown"),
        line(101, "E05", "625", "0", "pending", "learner_not_found"),
        line(102, "E05", None, "625", "pending", "payee_not_found"),
    ]


def test_unmatched_poor_children_stay_in_the_denominator(world: Province) -> None:
    rows = world.session.rows(
        "SELECT rule_id, n_entitled, n_full, n_pending, n_unmatched, n_not_judged FROM use.entitlement_coverage__county_rule_term "
        "WHERE period = ? AND county_code = ? ORDER BY 1", [OCTOBER, A]
    )  # fmt: skip
    # E05: 1, 20–23, 26, 27 and the unmatched 101; 102 is pending but nobody's claim
    # E04, free compulsory education, has no receipts: ten of hardship, no verdict
    assert rows == [
        ("E00", 1, 0, 1, 1, 0),
        ("E04", 0, 0, 0, 0, 10),
        ("E05", 8, 1, 2, 1, 0),
        ("E06", 2, 1, 0, 0, 0),
    ]


def test_cards(world: Province) -> None:
    rows = world.session.rows(
        "SELECT person_id, school_year_code, term_code, n_due, n_gap, gap_rule_ids, flag_codes "
        "FROM use.student_card__person_term WHERE period = ? AND person_id IN (?, ?, ?, ?) ORDER BY 1",
        [OCTOBER, token(1), token(6), token(20), token(101)],
    )
    assert rows == [
        (token(1), "2025-2026", "1", 1, 0, None, ""),
        (token(6), "2025-2026", "1", 1, 1, "E06:unpaid", "suspected;unexplained;aid_gap"),
        (token(20), "2025-2026", "1", 1, 1, "E05:short", "aid_gap"),
        (token(101), "2025-2026", "1", 1, 1, "E05:pending", "claimed_elsewhere;aid_gap"),
    ]


def test_who_finished_junior_school_and_goes_nowhere_is_two_later(world: Province) -> None:
    rows = world.session.rows(
        "SELECT person_id, list_code, finished_stage_code, finished_period, variant_code FROM use.two_later__person_month "
        "WHERE period = ?", [OCTOBER]
    )  # fmt: skip
    assert rows == [(token(12), "derived_only", "20", AUGUST, "A")]


def failing(world: Province, dataset: str, statement: str | None = None) -> set[tuple[str, str]]:
    """(rule, severity) of the rules of processing that fail on October's rows, after an optional statement on a copy."""
    session = world.session
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS SELECT * FROM {dataset} WHERE period = '{OCTOBER}'"
    )
    if statement:
        session.execute(statement)
    with Gate(session.con, failures_table=None) as gate:
        report = gate.run(Stage.PROCESSING, dataset, "judged", RULES, {"period": OCTOBER})
    assert not report.errors
    return {(r.rule_id, str(r.severity)) for r in report.failed}


_CASES = [
    (MOVES, None, set()),
    (MOVES, "UPDATE judged SET is_state_legal = false WHERE is_state_legal", {("RP07", "quarantine")}),
    (MOVES, "UPDATE judged SET is_state_recorded = false WHERE is_state_legal", {("RP07", "warn")}),
    (MOVES, "UPDATE judged SET is_grade_recorded = false WHERE rowid = 1", {("RP08", "warn")}),
    ("core.transfer_pair__event", None, set()),
    ("core.transfer_pair__event", "UPDATE judged SET pair_code = 'unpaired' WHERE pair_code = 'waiting'", {("RP06", "warn")}),
    ("core.roll_forward__school_grade_month", None, {("RP23", "warn")}),
    ("core.roll_forward__school_grade_month", "DELETE FROM judged WHERE n_unexplained_in + n_unexplained_out > 0", set()),
    ("core.roll_forward__school_grade_month", "UPDATE judged SET n_unexplained_out = 60", {("RP23", "warn"), ("RP23", "block")}),
    ("use.suspected_dropout__person_month", None, set()),
    ("use.suspected_dropout__person_month", "UPDATE judged SET evidence_code = 'guess'", {("RP15", "block")}),
    ("use.suspected_dropout__person_month", "UPDATE judged SET kind_code = 'suspension_expired'", {("RP07", "warn")}),
    ("use.entitlement__person_rule_term", None, set()),
    ("use.entitlement__person_rule_term", "UPDATE judged SET reason_code = NULL WHERE rule_id = 'E00'", {("RP15", "block")}),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "statement", "expected"), _CASES)
def test_rules(world: Province, dataset: str, statement: str | None, expected: set[tuple[str, str]]) -> None:
    assert failing(world, dataset, statement) == expected
