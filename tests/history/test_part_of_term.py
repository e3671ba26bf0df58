"""Aid of learners who move, leave or arrive within a term, on the autumn term 2025 with three months loaded.

All are poor boarders of grade 12, due 625 for the five months. 1 stays · 2 is gone in November (2 months) · 3 arrives in October (4 months)
4 moves from P to Q in October and is paid 300 by P and 325 by Q · 5 stays and is paid in full by both schools · 6 is disabled, not poor
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.history.mini import BORN, OCTOBER, SEPTEMBER, A, B, Month, P, Q, _schools
from tests.unit.test_mini_province_data import Province, empty_province, token
from warehouse.model import load_models, run_model

NOVEMBER = "2025-11"
PAID = {(1, P): 625, (2, P): 625, (3, P): 500, (4, P): 300, (4, Q): 325, (5, P): 625, (5, Q): 625}
_DAY = {"boarding_code": "1", "entry_month": "2025-09", "disability_code": "1"}


def _fill(p: Province) -> None:
    _schools(p)
    there = {SEPTEMBER: (1, 2, 4, 5), OCTOBER: (1, 2, 3, 4, 5), NOVEMBER: (1, 3, 4, 5)}
    for period, persons in there.items():
        month = Month(p, period)
        for person in persons:
            moved = person == 4 and period != SEPTEMBER
            month.pupil(person, "12", Q if moved else P, boarding_code="2", entry_month="2025-09")
        month.pupil(6, "12", **_DAY)
    register = p.deliver("poverty_register", A, SEPTEMBER)
    for person in range(1, 6):
        p.row("raw.poverty_register__person", register, A, id_no_token=token(person), person_no_token=token(3000 + person),
              household_no_token=token(5000 + person), county_code=A, birth_date=BORN, school_state_code="03")  # fmt: skip
    files = {P: p.deliver("aid_record", A, NOVEMBER), Q: p.deliver("aid_record", B, NOVEMBER)}
    for (person, school), amount in PAID.items():
        p.row("raw.aid_record__payment", files[school], A if school == P else B, school_year_code="2025-2026", term_code="1",
              stage_code="10", school_id=school, id_no_token=token(person), programme_code="06", amount=amount,
              pay_status_code="1")  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with empty_province(tmp_path_factory.mktemp("term")) as made:
        _fill(made)
        for period in (SEPTEMBER, OCTOBER, NOVEMBER):
            made.run(period)
        yield made


def judged(world: Province) -> dict[int, tuple[object, ...]]:
    rows = world.session.rows(
        "SELECT person_id, n_months, amount_due, amount_by_months, class_code, reason_code "
        "FROM use.entitlement__person_rule_term WHERE period = ? AND rule_id = 'E05'", [NOVEMBER]
    )  # fmt: skip
    return {r[0].int: r[1:] for r in rows}


def yuan(*amounts: str | None) -> list[Decimal | None]:
    return [None if a is None else Decimal(a) for a in amounts]


def test_a_whole_term_is_due_unless_the_rule_says_months(world: Province) -> None:
    whole, two, four = yuan("625", "250", "500")
    assert judged(world) == {
        1: (5, whole, None, "full", "compared"),
        # paid in full before leaving: nobody is told to pay back, the sum by months is shown
        2: (2, whole, two, "full", "compared"),
        3: (4, whole, four, "pending", "arrived_in_term"),
        4: (5, whole, None, "full", "compared"),
        5: (5, whole, None, "double", "compared"),
    }


def test_by_months_where_the_rule_says_so(world: Province) -> None:
    session, model = world.session, load_models()["use.entitlement__person_rule_term"]
    session.execute("UPDATE ref.entitlement_rule SET proration = 'month'")
    run_model(session, model, NOVEMBER, reference="months", code_version="test")
    found = judged(world)
    session.execute("UPDATE ref.entitlement_rule SET proration = 'term'")
    run_model(session, model, NOVEMBER, reference="test", code_version="test")
    whole, two, four = yuan("625", "250", "500")
    assert found == {
        1: (5, whole, None, "full", "compared"),
        2: (2, two, two, "over", "part_of_the_term"),
        3: (4, four, four, "full", "compared"),
        4: (5, whole, None, "full", "compared"),
        5: (5, whole, None, "double", "compared"),
    }


def test_what_nobody_can_compare_stands_beside_with_its_reason(world: Province) -> None:
    rows = world.session.rows(
        "SELECT person_id, rule_id, reason_code FROM use.entitlement__person_rule_term WHERE period = ? "
        "AND class_code = 'not_judged' AND person_id IN (?, ?) ORDER BY 1, 2", [NOVEMBER, token(1), token(6)]
    )  # fmt: skip
    assert rows == [
        (token(1), "E04", "given_in_kind"),
        (token(6), "E04", "given_in_kind"),
        (token(6), "E08", "paid_to_the_school"),
    ]
    silent = world.session.rows(
        "SELECT rule_id FROM ref.entitlement_rule WHERE evidence <> 'payment' AND coalesce(limit_zh, '') = ''"
    )
    gaps = world.session.value(
        "SELECT sum(n_gap) FROM use.student_card__person_term WHERE period = ?", [NOVEMBER]
    )
    assert silent == [] and gaps == 2  # 3 and 5
