"""A second province on paper: three Septembers, so that whatever needs a cohort, a year before or a case has its exact figure.

P is a nine-year school of county A (city), Q one of county B (town, one of the six prefectures), S and V the senior and the
vocational school of A, KA and KB kindergartens in the city and in a village. County C delivers nothing. Grades in brackets.

2017   entrants (11): 1–6 in P, 7–10 in Q
2024   (22) in P: 1 2 3 4 7, in Q: 9 · (21) in Q: 8, a year behind · 5 has died, 6 has moved out of the province with a record,
       10 is gone without one · (23): 20 21 22 in P, 23 24 in Q · (12) in Q: 40–43
2025   (23) in P: 1 2 3 7, in Q: 9 · (22) in Q: 8 · 4 is gone · (31) in S: 20 21 23, (V1) in V: 22, 24 nowhere
       (13) in Q: 40 41 42, in P: 43 · (11) in Q: 30 31 · kindergarten: 61 (P1) 62 (P3) in KA, 64 65 (P3) in KB
       99 is on the poverty register, fourteen years old and was never at a school

A class of 4 is large, of 5 super-large, 3 watched, 2 normal, 1 small.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from test_mini_province_data import (
    CENTRE,
    CITY,
    COLLEGE,
    KINDER_A,
    KINDER_B,
    SENIOR,
    VOCATIONAL,
    A,
    B,
    C,
    Province,
    population,
    pupil,
    reported,
    token,
)
from test_values import PAPER
from test_vectors import VECTORS

ENTRY, BEFORE, NOW = "2017-09", "2024-09", "2025-09"
P, Q = CITY, CENTRE
COHORT = {**dict.fromkeys(range(1, 7), P), **dict.fromkeys(range(7, 11), Q)}
BORN = {**dict.fromkeys(COHORT, 2011), **dict.fromkeys(range(20, 25), 2010), **dict.fromkeys(range(30, 32), 2019),
        **dict.fromkeys(range(40, 44), 2017)}  # fmt: skip
Expected = tuple[int | None, int | None, str | None]

# numerator, denominator, published value of the province
YEARS: dict[str, Expected] = {
    "I01": (4, 10, "40.0"),  # 61 62 64 65 over 5 in A, 4 in B, 1 in C
    "I01.two": (3, 6, "50.0"),  # 62 64 65 over the ages 4 and 5
    "I01.one": (2, 3, "66.7"),  # 62 and 65 over age 5
    "I03": (6, 8, "75.0"),  # 30 31 40–43
    "I03.gross": (6, 8, "75.0"),
    "I04": (6, 8, "75.0"),  # 1 2 3 7 8 9
    "I05a": (5, 10, "50.0"),  # 1 2 3 7 9 in grade 9 over the ten entrants of 2017
    # of the ten, 5 and 6 leave the base; 1 2 3 7 9 are in grade 9, 8 is a year behind, 4 and 10 are gone
    "I05c": (5, 8, "62.5"),
    "I06": (4, 5, "80.0"),  # 20 21 23 and 22 over 20–24
    "I06.general": (3, 5, "60.00"),  # 20 21 23 over the five graduates that the statistics give
    "I07": (4, 5, "80.0"),
    "I07.with": (5, 5, "100.0"),  # and one of a technical school
    # on the roster 3 8 70 71; 3 and 8 are at school; the age of 70 and 71 is not known: they stay in
    "I09": (2, 4, "50.0"),
    "I10": (1, 2, "50.0"),  # 3 sees badly and is at school, 70 hears badly and is not
    "I11.large": (1, 6, "16.7"),  # P23 has 4; P13 1, Q11 2, Q13 3, Q22 1, Q23 1
    "I11.super": (0, 6, "0.0"),
    "I11.large_primary": (0, 3, "0.0"),
    "I11.super_primary": (0, 3, "0.0"),
    "I11.large_junior": (1, 3, "33.3"),
    "I11.super_junior": (0, 3, "0.0"),
    "I11.count": (1, None, "1"),
    "I11.band_small": (3, 6, "50.0"),
    "I11.band_normal": (1, 6, "16.7"),
    "I11.band_watch": (1, 6, "16.7"),
    "I11.band_large": (1, 6, "16.7"),
    "I11.band_super": (0, 6, "0.0"),
    "I11.large_cut": (1, 2, "50.0"),  # P22 with 5 and Q12 with 4 a year before
    "I11.super_cut": (1, 1, "100.0"),
    "I12.preschool": (4, 2, "2.00"),
    "I12.primary": (6, 3, "2.00"),
    "I12.junior": (6, 4, "1.50"),
    "I12.senior_general": (3, 2, "1.50"),
    "I14_origin.settled": (4, 5, "80.0"),  # 90–94 come from A and B, 95 from elsewhere
    "I14_origin.contract": (1, 5, "20.0"),
    "I14_origin.flexible": (1, 5, "20.0"),
    "I14_origin.startup": (1, 5, "20.0"),
    "I14_origin.further_study": (1, 5, "20.0"),
    "I14_origin.seeking": (1, 5, "20.0"),
    "I14_origin.not_seeking": (0, 5, "0.0"),
    "I14_origin.unknown": (0, 5, "0.0"),
    "I16": (3, None, "3"),  # 20 21 22 are registered in B and study in A
    "I16.total": (5, None, "5"),  # and two outside the province
    "I17": (3, None, "3"),  # 4, 10, 99
    "I17.confirmed": (2, None, "2"),  # 4 and 10
    "I17.returned": (1, None, "1"),  # 10
    "I17.return_rate": (1, 2, "50.0"),
    # entitled 20 21 22 23 40 41, and 99, of whom nobody knows what is due; in full 20 (both), 21, 22, 40; 41 got 300 of 625
    "I18": (4, 7, "57.1"),
    "I18.free_senior": (3, 4, "75.0"),  # 20 21 22 of 20–23
    "I18.free_senior_poor": (1, 1, "100.0"),  # 20
    "I19": (2, 4, "50.0"),  # KA is affordable, KB is not recorded as such
}
# what only others count
STATED: dict[str, Expected] = {
    "I05a.naive": (5, 9, "55.56"),
    "I05b": (5, 9, "55.6"),  # 9 entrants + 2 in − 1 out − 1 dead
    "I06.without": (4, 5, "80.0"),
    "I06.with": (5, 5, "100.0"),
    "I08": (9, 20, "45.0"),
    "I12.special": (6, 2, "3.00"),
    "I16.outside": (2, None, "2"),
}


def _directory(p: Province, period: str) -> None:
    a, b = p.deliver("school_directory", A, period), p.deliver("school_directory", B, period)
    for delivery, owner, school, kind, urban, affordable in (
        (a, A, P, "312", "111", None), (a, A, SENIOR, "342", "111", None), (a, A, VOCATIONAL, "361", "111", None),
        (a, A, KINDER_A, "111", "112", True), (b, B, Q, "312", "121", None), (b, B, KINDER_B, "111", "220", None),
    ):  # fmt: skip
        p.row("raw.school_directory__school", delivery, owner, school_id=school, school_name="校", region_code=owner + "001000",
              school_run_type_code=kind, urban_rural_code=urban, is_teaching_point=False, is_affordable=affordable)  # fmt: skip


def _month(p: Province, period: str, places: dict[tuple[str, str], tuple[int, ...]], **values: Any) -> None:
    """Registries of a month: who is where, by school and grade."""
    _directory(p, period)
    deliveries = {o: p.deliver("student_registry", o, period) for o in (A, B)}
    for (school, grade), persons in places.items():
        owner = B if school == Q else A
        for n in persons:
            own = {"birth_date": date(BORN[n], 1, 1), "entry_month": f"{period[:4]}-09"}
            own |= {"hukou_county_code": B} if n in (20, 21) else {}
            own |= {"boarding_code": "2"} if n in (40, 41) else {}
            pupil(p, deliveries[owner], owner, school, grade, n, **(own | values))


def fill(p: Province) -> None:
    """The three Septembers, and what belongs to the last of them."""
    for name, value in {"class_normal_min": 2, "class_watch": 3, "class_large": 4, "class_super": 5}.items():
        p.session.execute("UPDATE ref.threshold SET value = ? WHERE threshold_id = ?", [value, name])
    _month(p, ENTRY, {(P, "11"): (1, 2, 3, 4, 5, 6), (Q, "11"): (7, 8, 9, 10)})
    _month(p, BEFORE, {(P, "22"): (1, 2, 3, 4, 7), (Q, "22"): (9,), (Q, "21"): (8,), (P, "23"): (20, 21, 22), (Q, "23"): (23, 24),
                       (Q, "12"): (40, 41, 42, 43)})  # fmt: skip
    changes = p.deliver("student_change", A, BEFORE)
    for person, category in ((5, "51"), (6, "21")):
        p.row("raw.student_change__event", changes, A, id_no_token=token(person), student_no_token=token(1000 + person),
              change_category_code=category, change_date=date(2024, 9, 2), review_status_code="2")  # fmt: skip
    _month(p, NOW, {(P, "23"): (1, 2, 3, 7), (Q, "23"): (9,), (Q, "22"): (8,), (SENIOR, "31"): (20, 21, 23), (P, "13"): (43,),
                    (Q, "13"): (40, 41, 42), (Q, "11"): (30, 31)})  # fmt: skip
    v = p.deliver("vocational_registry", A)
    p.row("raw.vocational_registry__student", v, A, school_id=VOCATIONAL, grade_code="V1", class_label="1", id_no_token=token(22),
          student_no_token=token(1022), sex_code="1", ethnic_code="01", student_kind_code="1", hukou_county_code=B,
          entry_month="2025-09")  # fmt: skip
    for owner, school, children in ((A, KINDER_A, {61: "P1", 62: "P3"}), (B, KINDER_B, {64: "P2", 65: "P3"})):
        d = p.deliver("preschool_registry", owner)
        for n, grade in children.items():
            p.row("raw.preschool_registry__child", d, owner, school_id=school, grade_code=grade, class_label="1",
                  id_no_token=token(n), sex_code="1", ethnic_code="01", birth_date=date(2021, 1, 1))  # fmt: skip
    _people(p)
    _poor_and_aid(p)
    _statistics(p)


def _people(p: Province) -> None:
    d = p.deliver("population", "63", "2025-01")
    population(
        p, A, {3: (1, 0), 4: (1, 0), 5: (2, 0), 6: (3, 0), 12: (4, 0), 15: (3, 0)}, d, residence_code="1"
    )
    population(p, A, {3: (1, 0)}, d, residence_code="3")
    population(
        p, B, {3: (2, 0), 4: (1, 0), 5: (1, 0), 6: (4, 0), 12: (4, 0), 15: (2, 0)}, d, residence_code="3"
    )
    population(p, C, {4: (1, 0), 6: (1, 0)}, d, residence_code="3")
    a, b = p.deliver("disability_roster", A), p.deliver("disability_roster", B)
    for delivery, owner, n, kind in ((a, A, 3, "1"), (b, B, 8, "4"), (b, B, 70, "2"), (a, A, 71, "6")):
        p.row("raw.disability_roster__person", delivery, owner, id_no_token=token(n), sex_code="1",
              disability_category_code=kind, hukou_county_code=owner)  # fmt: skip
    g = p.deliver("graduate_register", COLLEGE, part="2025")
    for n, code, origin in (
        (90, "10", A),
        (91, "76", A),
        (92, "75", B),
        (93, "801", B),
        (94, "70", B),
        (95, "71", None),
    ):
        p.row("raw.graduate_register__graduate", g, COLLEGE, college_code=COLLEGE, major_code="080901", degree_level_code="31",
              id_no_token=token(n), graduation_year=2025, destination_code=code, origin_county_code=origin)  # fmt: skip


def _poor_and_aid(p: Province) -> None:
    d = p.deliver("poverty_register", A)
    for n, state in ((20, "07"), (40, "03"), (41, "03"), (99, None)):
        p.row("raw.poverty_register__person", d, A, id_no_token=token(n), person_no_token=token(3000 + n), county_code=A,
              household_no_token=token(5000 + n), birth_date=date(BORN.get(n, 2011), 1, 1), sex_code="1", school_state_code=state,
              household_type_code="1")  # fmt: skip
    a, b = p.deliver("aid_record", A), p.deliver("aid_record", B)
    for delivery, owner, n, programme, amount, school, stage in (
        (a, A, 20, "10", 400, SENIOR, "31"), (a, A, 20, "11", 1150, SENIOR, "31"), (a, A, 21, "10", 400, SENIOR, "31"),
        (a, A, 22, "12", 1000, VOCATIONAL, "32"), (b, B, 40, "06", 625, Q, "10"), (b, B, 41, "06", 300, Q, "10"),
    ):  # fmt: skip
        p.row("raw.aid_record__payment", delivery, owner, school_year_code="2025-2026", term_code="1", stage_code=stage,
              school_id=school, id_no_token=token(n), programme_code=programme, amount=amount, pay_status_code="1")  # fmt: skip


def _statistics(p: Province) -> None:
    d = p.deliver("reported_statistics", "63", "2025-01")
    for measure, value in (
        ("teachers_preschool", 2), ("teachers_primary", 3), ("teachers_junior", 4), ("teachers_senior_general", 2),
        ("teachers_special", 2), ("pupils_special", 6), ("pupils_technical", 1), ("graduates_junior", 5), ("entrants_senior", 4),
        ("entrants_senior_all", 5), ("cohort_transfer_in", 2), ("cohort_transfer_out", 1), ("cohort_died", 1),
    ):  # fmt: skip
        reported(p, d, measure, value)
    reported(p, d, "entrants_primary", 9, 2016)
    reported(p, d, "studying_outside", 2, region_basis_code="hukou")
    reported(p, d, "pupils_higher_origin", 9, region_basis_code="origin")
    reported(p, d, "population_18_22_origin", 20, region_basis_code="origin")


def confirm_cases(p: Province) -> None:
    """The cases of 4 and 10 are confirmed, 10 comes back to school."""
    p.session.execute(
        "INSERT INTO ops.case__person SELECT case_id, person_id, kind_code, period, county_code, ? "
        "FROM use.suspected_dropout__person_month WHERE period = ?",
        [datetime(2025, 9, 30), NOW],
    )
    for seq, (person, state) in enumerate(
        ((4, "confirmed"), (10, "confirmed"), (10, "persuading"), (10, "returned"))
    ):
        p.session.execute(
            "INSERT INTO ops.case_move__event SELECT ?, case_id, NULL, ?, NULL, NULL, 'u-1', ? FROM ops.case__person WHERE person_id = ?",
            [seq + 1, state, datetime(2025, 9, 30), token(person)],
        )


@pytest.fixture(scope="module")
def years(make_world):
    world = make_world()
    fill(world)
    for period in (ENTRY, BEFORE, NOW):
        world.run(period)
    confirm_cases(world)
    world.run(NOW)
    return world


def found(
    world: Province, variant: str, level: str = "province", code: str = "63", origin: str = "computed"
) -> list[Any]:
    return world.session.rows(
        "SELECT numerator, denominator, value_published, reason_code FROM mart.indicator_value__region_year "
        "WHERE variant_id = ? AND region_level = ? AND region_code = ? AND origin_code = ? AND year = 2025 AND period = ?",
        [variant, level, code, origin, NOW],
    )


def paper(expected: Expected) -> list[Any]:
    numerator, denominator, published = expected
    return [(numerator, denominator, None if published is None else Decimal(published), None)]


@pytest.mark.parametrize("variant", YEARS)
def test_the_years_on_paper(years, variant: str) -> None:
    assert found(years, variant) == paper(YEARS[variant])


@pytest.mark.parametrize("variant", STATED)
def test_what_others_count(years, variant: str) -> None:
    assert found(years, variant, origin="reported") == paper(STATED[variant])


@pytest.mark.parametrize(("variant", "level", "code", "expected"), [
    ("I02", "set", "rural_wide", (2, 6, "33.3")),  # 64 65 in the village, over 1 in A, 4 in B, 1 in C
    ("I05c", "county", A, (3, 4, "75.0")),  # 1 2 3 of 1 2 3 4
    ("I05c", "county", B, (2, 4, "50.0")),  # 7, who studies in A now, and 9, of 7 8 9 10
    ("I17", "county", A, (2, None, "2")),  # 4 and 99
    ("I18.free_senior_poor", "set", "xining_haidong", (1, 1, "100.0")),
    ("I09", "county", A, (1, 2, "50.0")),  # 3 of 3 and 71
])  # fmt: skip
def test_smaller_regions(years, variant: str, level: str, code: str, expected: Expected) -> None:
    assert found(years, variant, level, code) == paper(expected)


def test_every_indicator_is_on_paper(years) -> None:
    """The two provinces and the published vectors leave no variant of I01–I19 without a figure that was worked by hand."""
    worked = (
        {v for v, (_, _, published, _) in PAPER.items() if published is not None}
        | set(YEARS)
        | set(STATED)
        | {"I02"}
    )
    worked |= {variant for variant, *_ in VECTORS.values()} | {"I15.books"}
    every = {
        r[0]
        for r in years.session.rows(
            "SELECT variant_id FROM ref.indicator_variant WHERE indicator_id IS NOT NULL"
        )
    }
    assert every - worked == set()


def test_a_cohort_is_provisional_while_repeaters_have_a_year(years) -> None:
    s = years.session
    assert s.value(
        "SELECT is_provisional FROM use.measure__region_year WHERE measure_code = 'cohort_base' AND region_code = ? AND year = 2025", [A]
    )  # fmt: skip
    # no cohort entered in 2016: the year before has none, and the first September has neither cohort nor dropouts
    assert s.rows(
        "SELECT DISTINCT year FROM use.measure__county_person WHERE measure_code = 'cohort_base'"
    ) == [(2025,)]
    assert s.rows(
        "SELECT DISTINCT variant_id, reason_code FROM mart.indicator_value__region_year WHERE period = ? "
        "AND variant_id IN ('I05c', 'I17') ORDER BY 1", [ENTRY],
    ) == [("I05c", "needs_history"), ("I17", "needs_history")]  # fmt: skip


def test_a_county_that_has_not_delivered_has_no_cohort(years, make_world) -> None:
    world = make_world()
    fill(world)
    world.session.execute(
        "UPDATE ops.delivery__version SET status = 'refused' WHERE source = 'student_registry' AND owner = ? AND period = ?",
        [B, NOW],
    )
    for period in (ENTRY, BEFORE, NOW):
        world.run(period)
    # the children of B are not seen this month: that is no reason to call them lost
    assert found(world, "I05c") == [(3, 4, Decimal("75.0"), None)]
    assert found(world, "I05c", "county", B) == [(None, None, None, "no_delivery")]


def test_the_same_again_gives_the_same_rows(years) -> None:
    """Every model once more, with one thread instead of several: what it comes to is what it came to (rule RP19)."""
    s = years.session
    before = s.value("SELECT count(*) FROM ops.model_content__run")
    s.execute("DELETE FROM ops.model_run__model_period WHERE period = ?", [NOW])
    s.execute("SET threads = 1")
    try:
        years.run(NOW)
    finally:
        s.execute("RESET threads")
    assert s.value("SELECT count(*) FROM ops.model_content__run") == before


def test_aid_of_a_term_that_was_never_loaded_says_so(fresh) -> None:
    d = fresh.deliver("aid_record", A)
    fresh.row("raw.aid_record__payment", d, A, school_year_code="2023-2024", term_code="2", stage_code="31", school_id=SENIOR,
              id_no_token=token(20), programme_code="10", amount=400, pay_status_code="1")  # fmt: skip
    fresh.run()
    assert found(fresh, "I18") == [(None, None, None, "needs_history")]
