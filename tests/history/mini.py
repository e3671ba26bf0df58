"""Three months of two schools, worked out on paper.

P is a primary school of county A, Q a nine-year school of county B. Months 2025-08 (last of the old school year), 2025-09,
2025-10. Grades in brackets are those of August; in September everybody goes up one.

 1 (11) promoted · 2 (11) repeats with a record · 3 (12) repeats without one
 4 (13) moves to Q in October, both records · 5 (13) moves to Q without a record
 6 (14) gone in October, no record · 7 (14) dies · 8 (14) leaves the province · 9 (14) row set aside in October
10 (16) graduates and goes to Q, grade 21 · 11 (16) graduates and goes nowhere · 12 (Q 23) graduates from junior school
13 enters grade 11 in September · 14 appears in October with an old entry month and no record
15 (14) suspended in October with a record · 16 (16) graduates and is back in the same grade: illegal
17 (14) stands in P and Q in October, counted in Q (later entry), but not moved there · 18 (14) transferred out to Q in October, never arrives
19 (14) missing in September, back in October with a record
30 row set aside in August, the first month; in grade 12 in September
31 (14) row set aside in September, accepted in October in grade 15 · 32 (14) row set aside in September, nothing in October
33 (14) gone in October, and the record of the change is set aside; so is that of 6, a withdrawal, which excuses nothing

Poor by the register: 1, 6, 20–23, 25, 26; 100 is in no school and never was; 101 is said to be in primary school and found nowhere.
Boarders of P in September: 1, 20–24, 26, 27 (orphan); day pupils: 25, 28 (orphan). Aid of the autumn term, 625 a boarder:
 1 gets 625 · 20 gets 300 · 21 nothing · 22 gets 700 · 23 gets 625 from P and from Q · 24 (no claim) gets 625
25 gets 312 of 312.50 · 26 gets 625 that comes back · 27 nothing · 102 (in no list) gets 625
"""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.unit.test_mini_province_data import A, B, Province, token

P, Q = "2163000001", "3163000002"
AUGUST, SEPTEMBER, OCTOBER = "2025-08", "2025-09", "2025-10"
MONTHS = (AUGUST, SEPTEMBER, OCTOBER)
GOING_UP = {"11": "12", "12": "13", "13": "14", "14": "15", "15": "16", "16": "21"}
STUDYING, SUSPENDED, COMPLETED = "01", "02", "04"
BORN = date(2015, 8, 31)


def _schools(p: Province) -> None:
    for owner, school, kind in ((A, P, "211"), (B, Q, "312")):
        d = p.deliver("school_directory", owner, AUGUST)
        p.row("raw.school_directory__school", d, owner, school_id=school, school_name="校", region_code=owner + "001000",
              school_run_type_code=kind, urban_rural_code="210", is_teaching_point=False)  # fmt: skip


class Month:
    """The registry of one month as rows of the two counties."""

    def __init__(self, p: Province, period: str) -> None:
        self.p, self.period = p, period
        self.deliveries = {s: p.deliver("student_registry", o, period) for s, o in ((P, A), (Q, B))}
        self.changes = {s: p.deliver("student_change", o, period) for s, o in ((P, A), (Q, B))}

    def pupil(self, person: int, grade: str, school: str = P, status: str = STUDYING, **values: Any) -> None:
        fixed: dict[str, Any] = {
            "school_id": school, "grade_code": grade, "class_label": "1", "id_no_token": token(person),
            "student_no_token": token(1000 + person), "sex_code": "1", "ethnic_code": "04", "birth_date": BORN,
            "entry_month": "2020-09", "status_code": status, "hukou_county_code": A, "hukou_type_code": "1",
            "boarding_code": "1",
        }  # fmt: skip
        owner = A if school == P else B
        self.p.row("raw.student_registry__student", self.deliveries[school], owner, **(fixed | values))

    def change(self, person: int, category: str, by: str = P, day: int = 2, **values: Any) -> None:
        when = date(int(self.period[:4]), int(self.period[5:]), day)
        self.p.row("raw.student_change__event", self.changes[by], A if by == P else B, id_no_token=token(person),
                   student_no_token=token(1000 + person), change_category_code=category, change_date=when,
                   review_status_code="2", **values)  # fmt: skip

    def set_aside(self, person: int, *, record: str | None = None) -> None:
        delivery = (self.changes if record else self.deliveries)[P]
        self.p.put("ops.set_aside__row", delivery_id=delivery, row_no=900 + person,
                   id_no_token=None, student_no_token=token(1000 + person), change_category_code=record)  # fmt: skip


AUGUST_GRADES = {
    1: "11", 2: "11", 3: "12", 4: "13", 5: "13", 6: "14", 7: "14", 8: "14", 9: "14", 15: "14", 17: "14", 18: "14", 19: "14",
    31: "14", 32: "14", 33: "14",
}  # fmt: skip


def fill(p: Province) -> None:
    """The three months."""
    _schools(p)
    august = Month(p, AUGUST)
    for person, grade in AUGUST_GRADES.items():
        august.pupil(person, grade)
    for person in (10, 11, 16):
        august.pupil(person, "16", status=COMPLETED)
    august.pupil(12, "23", Q, COMPLETED, birth_date=date(2009, 10, 1))
    august.set_aside(30)
    _september(Month(p, SEPTEMBER))
    _october(Month(p, OCTOBER))
    _poor(p)
    _aid(p)


def _september(m: Month) -> None:
    stay = {2: "11", 3: "12"}
    for person, grade in AUGUST_GRADES.items():
        if person in (31, 32):
            m.set_aside(person)
        elif person != 19:
            m.pupil(person, stay.get(person, GOING_UP[grade]), boarding_code="2" if person == 1 else "1")
    m.change(2, "02")
    m.pupil(30, "12")
    m.pupil(10, "21", Q, entry_month="2025-09")
    m.pupil(16, "16")
    m.pupil(13, "11", entry_month="2025-09")
    _boarders(m)


def _boarders(m: Month) -> None:
    for person in (20, 21, 22, 23, 24, 26):
        m.pupil(person, "12", boarding_code="2", entry_month="2025-09")
    m.pupil(25, "12", entry_month="2025-09")
    m.pupil(27, "12", boarding_code="2", is_orphan=True, entry_month="2025-09")
    m.pupil(28, "12", is_orphan=True, entry_month="2025-09")


def _october(m: Month) -> None:
    gone, moved = (4, 5, 6, 7, 8, 9, 15, 18, 19, 32, 33), (4, 5)
    for person, grade in AUGUST_GRADES.items():
        if person not in gone:
            m.pupil(person, {2: "11", 3: "12"}.get(person, GOING_UP[grade]))
    for person in moved:
        m.pupil(person, "14", Q)
    m.change(4, "21", P, to_school_id=Q, to_county_code=B)
    m.change(4, "22", Q, day=9, from_school_id=P, to_school_id=Q, to_county_code=B)
    m.change(7, "51")
    m.change(8, "21")
    m.set_aside(9)
    m.set_aside(33, record="51")
    m.set_aside(6, record="31")
    m.pupil(30, "12")
    m.change(18, "21", to_school_id=Q, to_county_code=B)
    m.pupil(15, "15", status=SUSPENDED)
    m.change(15, "11")
    m.pupil(17, "15", Q, entry_month="2021-09")
    m.pupil(19, "15")
    m.change(19, "12")
    m.pupil(10, "21", Q, entry_month="2025-09")
    m.pupil(16, "16")
    m.pupil(13, "11", entry_month="2025-09")
    m.pupil(14, "12")
    _boarders(m)


def _poor(p: Province) -> None:
    d = p.deliver("poverty_register", A, AUGUST)
    for person in (1, 6, 20, 21, 22, 23, 25, 26, 101):
        p.row("raw.poverty_register__person", d, A, id_no_token=token(person), person_no_token=token(3000 + person),
              household_no_token=token(5000 + person), county_code=A, birth_date=BORN, sex_code="1",
              school_state_code="03", household_type_code="1")  # fmt: skip
    p.row("raw.poverty_register__person", d, A, id_no_token=token(100), person_no_token=token(3100), county_code=A,
          household_no_token=token(5100), birth_date=BORN, sex_code="2", not_in_school_reason_code="01")  # fmt: skip


def _aid(p: Province) -> None:
    paid = {P: p.deliver("aid_record", A, OCTOBER), Q: p.deliver("aid_record", B, OCTOBER)}

    def pay(person: int, amount: str, programme: str = "06", school: str = P, status: str = "1") -> None:
        p.row("raw.aid_record__payment", paid[school], A if school == P else B, school_year_code="2025-2026", term_code="1",
              stage_code="10", school_id=school, id_no_token=token(person), programme_code=programme, amount=amount,
              pay_status_code=status)  # fmt: skip

    for person, amount in ((1, "625"), (20, "300"), (22, "700"), (23, "625"), (24, "625"), (102, "625")):
        pay(person, amount)
    pay(23, "625", school=Q)
    pay(25, "312", "07")
    pay(26, "625", status="2")
