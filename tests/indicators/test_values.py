"""Indicators of the mini province on paper, boundary changes, population series, and input that is refused."""

from datetime import date
from decimal import Decimal

import pytest
from test_mini_province_data import (
    CENTRE,
    CITY,
    COLLEGE,
    A,
    B,
    C,
    fill,
    population,
    pupil,
    reported,
    token,
)


@pytest.fixture(scope="module")
def province(make_world):
    world = make_world()
    fill(world)
    world.run()
    return world


# numerator, denominator, published, reason of the province; the persons are listed in test_mini_province.py
PAPER: dict[str, tuple[int | None, int | None, str | None, str | None]] = {
    "I01": (3, 24, "12.5", None),  # 61 62 64 over 6 + 16 + 2
    "I01.two": (
        2,
        4,
        "50.0",
        None,
    ),  # 62 in the last class, 64 in the one before; A has two of 4 and two of 5, B and C none
    "I01.one": (1, 2, "50.0", None),
    # of primary age, in study: 1–4 in A; 21–24, 26, 31, 32 and the ten-year-olds 41, 43 of grade 7 in B; over 7 + 8 + 1
    "I03": (13, 16, "81.3", None),
    "I03.gross": (12, 16, "75.0", None),  # the suspended 5 counts here
    "I04": (2, 4, "50.0", None),
    "I05a": (0, None, None, "needs_history"),  # grade 9 is empty, and nobody knows 2017
    "I05b": (None, None, None, "not_reported"),
    "I05c": (None, None, None, "needs_history"),
    "I06": (
        4,
        None,
        None,
        "needs_history",
    ),  # 11 12 13 and 51 entered; the graduating class of last year is not loaded
    "I07": (4, 8, "50.0", None),
    "I07.with": (4, 8, None, "not_reported"),
    "I08": (None, None, None, "not_reported"),
    "I09": (None, None, None, "no_delivery"),
    "I10": (None, None, None, "no_delivery"),
    "I11.large": (2, 4, "50.0", None),  # classes of 4, 5, 2 and 2; four is large
    "I11.super": (1, 4, "25.0", None),
    "I11.large_primary": (2, 3, "66.7", None),
    "I11.super_junior": (0, 1, "0.0", None),
    "I11.count": (2, None, "2", None),
    "I11.band_small": (2, 4, "50.0", None),
    "I11.band_normal": (0, 4, "0.0", None),
    "I11.band_large": (1, 4, "25.0", None),
    "I11.band_super": (1, 4, "25.0", None),
    "I11.large_cut": (-2, None, None, "needs_history"),
    "I12.primary": (12, 4, "3.00", None),  # twelve registered, four teachers reported
    "I13.points": (1, None, "1", None),
    "I13.below_10": (1, None, "1", None),
    "I13.below_100": (1, None, "1", None),  # the floor is six pupils here
    "I13.funded": (6, None, "6", None),  # two pupils, funded for six
    "I14.settled": (8, 10, "80.0", None),
    "I14.contract": (5, 10, "50.0", None),
    "I14.flexible": (1, 10, "10.0", None),
    "I14.startup": (1, 10, "10.0", None),
    "I14.further_study": (1, 10, "10.0", None),
    "I14.seeking": (1, 10, "10.0", None),
    "I14.not_seeking": (1, 10, "10.0", None),
    "I14.unknown": (0, 10, "0.0", None),
    # rooms per pupil: city 1 of 5 and centre 9 of 9 (2 in grade 7, 5 + 2 in primary); mean 10/14; Σ n/N (x − X)² = 5/14 · (0.2 −
    # 0.7143)² + 9/14 · (1 − 0.7143)² = 0.14694; √ = 0.38333; ÷ 0.71429 = 0.5367
    "I15.multimedia": (None, None, "0.54", None),
    "I16": (3, None, "3", None),
    "I16.total": (3, None, None, "not_reported"),
    "I17": (None, None, None, "needs_history"),
    "I18": (None, None, None, "no_delivery"),
    "I19": (0, 3, "0.0", None),  # no kindergarten is recorded as public or affordable
    "T41": (5, 7, "71.4", None),
    "T42.1": (4, 5, "80.0", None),
    "T42.2": (3, 3, "100.0", None),
    "T42.3": (0, 1, "0.0", None),
}


@pytest.mark.parametrize("variant", PAPER)
def test_the_province_on_paper(province, variant: str) -> None:
    numerator, denominator, published, reason = PAPER[variant]
    rows = province.session.rows(
        "SELECT numerator, denominator, value_published, reason_code FROM mart.indicator_value__region_year "
        "WHERE variant_id = ? AND region_level = 'province' AND origin_code = 'computed' AND year = 2025",
        [variant],
    )
    assert rows == [(numerator, denominator, None if published is None else Decimal(published), reason)]


def test_every_target_has_a_row_a_label_and_who_answers(province) -> None:
    s = province.session
    rows = s.rows(
        "SELECT target_id, part_no, computability_code, status_code, reason_zh, lead_zh FROM mart.indicator_progress__region_year"
    )
    assert {r[0] for r in rows} == {f"T{n:02d}" for n in range(1, 46)}
    assert len(rows) == s.value("SELECT count(*) FROM ref.policy_target")
    assert {r[2] for r in rows} == {"computed", "reported", "not_collected"} and all(r[5] for r in rows)
    assert not [r for r in rows if r[3] == "not_computable" and not r[4]]
    label = {(target, part): (how, why) for target, part, how, _, why, _ in rows}
    # years of service for an honour: conditions that no source shows; the level of digitalisation is for others to report
    assert {label["T14", n] for n in (1, 2, 3)} | {label["T36", 0]} == {("not_collected", "现有数据源未采集")}
    assert label["T40", 1] == ("reported", "由主管部门报告，尚未收到")


def test_the_level_of_digitalisation_is_judged_when_it_is_reported(fresh) -> None:
    reported(fresh, fresh.deliver("reported_statistics", "63"), "digital_level", 96.5)
    fresh.run()
    assert fresh.session.rows(
        "SELECT status_code, computability_code, value_published, round(gap, 1) FROM mart.indicator_progress__region_year "
        "WHERE target_id = 'T40' AND part_no = 1"
    ) == [("not_met", "reported", Decimal("96.50"), -3.5)]  # fmt: skip


def test_every_variant_has_a_row_and_every_gap_its_words(province) -> None:
    rows = province.session.rows(
        "SELECT variant_id FROM ref.indicator_variant WHERE region_filter IS NULL EXCEPT "
        "SELECT variant_id FROM mart.indicator_value__region_year WHERE region_level = 'province'"
    )
    assert rows == []
    assert province.session.value(
        "SELECT count(*) FROM mart.indicator_value__region_year WHERE (value_published IS NULL) <> (reason_zh IS NOT NULL) "
        "OR (reason_zh IS NULL) <> (reason_en IS NULL)"
    ) == 0  # fmt: skip


def test_a_school_has_its_own_shares(province) -> None:
    rows = province.session.rows(
        "SELECT region_code, numerator, denominator FROM use.indicator_value__region_year "
        "WHERE region_level = 'school' AND variant_id = 'I11.large' ORDER BY 1"
    )
    assert rows == [(CITY, 1, 1), (CENTRE, 1, 3)]


def test_what_is_said_beside_a_value(province) -> None:
    row = province.session.rows(
        "SELECT basis_code, population_basis_code, population_method_code, population_year, share_covered, is_provisional, "
        "n_rows_open, value_with_open_rows, definition_version, length(reference_version), as_of_date, is_annual_point "
        "FROM mart.indicator_value__region_year WHERE variant_id = 'I01' AND region_level = 'province'"
    )[0]
    # two of three counties; each of their two kindergarten files has one row set aside: at most 5 of 24
    assert row == ("school_location", "2", "estimate", 2025, pytest.approx(2 / 3), True, 2, pytest.approx(500 / 24), "I01.1", 12,
                   date(2025, 9, 1), True)  # fmt: skip


def test_intervals_and_rank_ranges(province) -> None:
    # Wilson for 2 of 4: centre (0.5 + 1.96²/8)/(1 + 1.96²/4) = 0.5, half width 0.35 → 15.0 to 85.0
    low, high = province.session.rows(
        "SELECT value_low, value_high FROM mart.indicator_value__region_year WHERE variant_id = 'I11.large' AND region_level = 'province'"
    )[0]
    assert (round(low, 1), round(high, 1)) == (15.0, 85.0)
    # A has one large class of one (20.7–100), B one of three (6.1–79.2): the intervals overlap, nobody is ahead
    ranks = province.session.rows(
        "SELECT rank_from, rank_to, n_ranked FROM mart.indicator_value__region_year WHERE variant_id = 'I11.large' "
        "AND region_level = 'county' AND value_low IS NOT NULL"
    )
    assert ranks == [(1, 2, 2), (1, 2, 2)]


def test_a_census_ages_with_the_years(fresh) -> None:
    people = fresh.deliver("population", "63")
    # 2020: five of age 4, seven of age 9, three of age 10
    for county in (A, B, C):
        population(
            fresh,
            county,
            {4: (5, 0), 9: (7, 0), 10: (3, 0)},
            people,
            year=2020,
            basis_code="1",
            as_of_date=date(2020, 11, 1),
        )
        population(fresh, county, {9: (99, 0)}, people, year=2025, basis_code="3")
    fresh.run()
    band = {
        (m, method): (n, chosen)
        for m, method, n, chosen in fresh.session.rows(
            "SELECT measure_code, method_code, n_persons, is_chosen FROM use.population_band__region_year WHERE region_code = ?",
            [A],
        )
    }
    assert band[("population_6_11", "census")] == (10, False)
    # five years later the four-year-olds are nine; those of 9 and 10 are 14 and 15; the registered are a series of their own
    assert band[("population_6_11", "aged")] == (5, True)
    assert band[("population_12_14", "aged")] == (7, True)
    assert band[("population_15_17", "aged")] == (3, True)
    assert band[("population_6_11", "registered")] == (99, False)
    # nobody of three to five had been born: no value
    assert ("population_3_5", "aged") not in band and band[("population_3_5", "census")] == (5, False)
    assert fresh.session.value(
        "SELECT reason_code FROM mart.indicator_value__region_year WHERE variant_id = 'I01' AND region_level = 'province'"
    ) in ("no_delivery", "no_population")


def test_mixed_bases_are_refused_with_words(fresh) -> None:
    delivery = fresh.deliver("reported_statistics", "63")
    reported(fresh, delivery, "pupils_higher_origin", 27045, region_basis_code="school_location")
    reported(fresh, delivery, "population_18_22_origin", 10000, region_basis_code="hukou")
    fresh.run()
    assert fresh.session.rows(
        "SELECT value_published, reason_code, reason_zh FROM mart.indicator_value__region_year "
        "WHERE variant_id = 'I08' AND region_level = 'province'"
    ) == [(None, "mixed_basis", "分子与分母的地区口径不同，不予计算")]


def test_a_target_of_an_unknown_region_set_is_refused(tmp_path, monkeypatch) -> None:
    import duckdb

    from warehouse import reference
    from warehouse.errors import UsageError

    for file in reference.REFERENCE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    target = tmp_path / "policy_target.csv"
    target.write_text(
        target.read_text(encoding="utf-8").replace(",minority_b,", ",atlantis,"),
        encoding="utf-8",
        newline="\n",
    )
    monkeypatch.setattr(reference, "REFERENCE", tmp_path)
    with pytest.raises(UsageError, match="atlantis"):
        reference.load_reference(duckdb.connect())


def test_a_reported_figure_says_nothing_about_our_deliveries(province) -> None:
    rows = province.session.rows(
        "SELECT year, numerator, value_published, share_covered, n_rows_open FROM mart.indicator_value__region_year "
        "WHERE variant_id = 'I12.primary' AND origin_code = 'reported' AND region_level = 'province'"
    )
    assert rows == [(2025, 13, Decimal("3.25"), None, None)]
    # the statistics give pupils but no population: no reported rate, and no row that pretends there could be one
    assert province.session.value(
        "SELECT count(*) FROM mart.indicator_value__region_year WHERE variant_id = 'I03.gross' AND origin_code = 'reported'"
    ) == 0  # fmt: skip


def test_v47_parts_that_do_not_add_up(fresh) -> None:
    delivery = fresh.deliver("reported_statistics", "63")
    parts = {"senior": 4044, "vocational": 1600, "junior": 808}
    reported(fresh, delivery, "studying_away", 6012, 2018, region_basis_code="hukou")
    for part, n in parts.items():
        reported(fresh, delivery, f"studying_away_{part}", n, 2018, region_basis_code="hukou")
    fresh.run()
    assert fresh.session.rows(
        "SELECT check_code, n_own, n_stated, n_difference, status_code, explanation_code FROM mart.reconciliation__region_measure"
    ) == [("parts", 6452, 6012, 440, "differs", "unexplained")]


def test_last_year_gives_transition_trend_and_projection_error(fresh) -> None:
    """Two school years: 5 in grade 9 of 2024, 4 of whom enter senior secondary in 2025; trend and pace of T29."""
    s = fresh.session
    s.execute("UPDATE ref.policy_target SET year = 2030, value = 90 WHERE target_id = 'T29'")
    d = fresh.deliver("school_directory", B, "2024-09")
    last = fresh.deliver("student_registry", B, "2024-09")
    for n in range(5):
        pupil(fresh, last, B, CENTRE, "23", n, entry_month="2022-09")
    for n in range(3):
        pupil(fresh, last, B, CENTRE, "11", 50 + n)
    assert d
    fresh.deliver("vocational_registry", B, "2024-09")
    fresh.run("2024-09")
    now = fresh.deliver("student_registry", B)
    fresh.deliver("vocational_registry", B)
    for n in range(4):
        pupil(fresh, now, B, "3463000003", "31", n)
    for n in range(3):
        pupil(fresh, now, B, CENTRE, "12", 50 + n)
    fresh.run()
    assert s.rows(
        "SELECT numerator, denominator, value_published FROM mart.indicator_value__region_year WHERE variant_id = 'I06' "
        "AND period = '2025-09' AND region_code = ?", [B],
    ) == [(4, 5, Decimal("80.0"))]  # fmt: skip
    assert s.rows(
        "SELECT status_code, round(gap, 1), round(pace_needed, 2), trend_code FROM mart.indicator_progress__region_year "
        "WHERE target_id = 'T29' AND period = '2025-09'"
    ) == [("not_met", -10.0, 2.0, None)]


def test_major_warning_and_crosswalk(fresh) -> None:
    """Rates of a major 60, 60, 60 below a median of 90: watched, watched, warned in the third cohort; an old code continues."""
    s = fresh.session
    s.execute("UPDATE ref.threshold SET value = 10 WHERE threshold_id = 'warning_min_graduates'")
    for year in (2022, 2023, 2024):
        d = fresh.deliver("graduate_register", COLLEGE, f"{year}-09", part=str(year))
        for major, settled in (("670102K" if year == 2022 else "570102K", 6), ("500101", 9), ("500102", 9)):
            for n in range(10):
                fresh.row("raw.graduate_register__graduate", d, COLLEGE, college_code=COLLEGE, major_code=major, degree_level_code="41",
                          id_no_token=token(year * 1000 + int(major[:6].rstrip("K")) % 97 * 10 + n + (0 if major[0] == "5" else 5)),
                          graduation_year=year, destination_code="10" if n < settled else "70")  # fmt: skip
    fresh.run()
    rows = s.rows(
        "SELECT year, n_graduates, pct_settled, n_low_cohorts, proposed_state_code, state_code, is_code_mapped "
        "FROM mart.major_warning__school_major_year WHERE major_code = '570102K' ORDER BY year"
    )
    assert [r[0] for r in rows] == [2022, 2023, 2024]
    assert [(r[3], r[4]) for r in rows] == [(1, "watch"), (2, "watch"), (3, "warning")]
    assert [r[6] for r in rows] == [True, False, False] and {r[5] for r in rows} == {"normal"}


def _cohort(world, year: int, majors: dict[str, int], level: str = "41") -> None:
    """Ten graduates of each major, so many of them settled."""
    d = world.deliver("graduate_register", COLLEGE, f"{year}-09", part=str(year))
    for m, (major, settled) in enumerate(majors.items()):
        for n in range(10):
            world.row("raw.graduate_register__graduate", d, COLLEGE, college_code=COLLEGE, major_code=major, degree_level_code=level,
                      id_no_token=token(year * 1000 + m * 10 + n), graduation_year=year,
                      destination_code="10" if n < settled else "70")  # fmt: skip


def test_a_decision_under_an_old_code_goes_on_under_the_new_one(fresh) -> None:
    """670102K of a college became 570102K; the same digits of a bachelor programme are another major."""
    from warehouse.indicators.record import decide_major, newest_code

    s = fresh.session
    s.execute("UPDATE ref.threshold SET value = 10 WHERE threshold_id = 'warning_min_graduates'")
    _cohort(fresh, 2022, {"670102K": 6, "500101": 9, "500102": 9})
    fresh.run()
    assert newest_code(s, COLLEGE, "670102K") == "570102K" and newest_code(s, COLLEGE, "999999") is None
    decide_major(s, COLLEGE, "670102K", 2022, "watch", "u-1", "低于中位数")
    # recorded before the crosswalk was known
    s.execute("UPDATE ops.major__decision SET major_code = '670102K'")
    _cohort(fresh, 2023, {"570102K": 6, "500101": 9, "500102": 9})
    fresh.run()
    assert s.rows(
        "SELECT year, state_code, decided_year FROM mart.major_warning__school_major_year WHERE major_code = '570102K' ORDER BY 1"
    ) == [(2022, "watch", 2022), (2023, "watch", 2022)]
    # the next step starts from there
    assert decide_major(s, COLLEGE, "570102K", 2023, "warning", "u-1", "连续两届偏低") == "watch"


def test_vocational_majors_are_judged_by_their_entrants(fresh) -> None:
    """Least: 3 entrants. 160100 of the old catalogue is 770101: 2, 2, 2 entrants, warned in the third year; 610301 has 3."""
    s = fresh.session
    s.execute("UPDATE ref.threshold SET value = 3 WHERE threshold_id = 'warning_min_entrants'")
    for year in (2023, 2024, 2025):
        period = f"{year}-09"
        d, v = fresh.deliver("school_directory", A, period), fresh.deliver("vocational_registry", A, period)
        fresh.row("raw.school_directory__school", d, A, school_id="3663000004", school_name="职校", region_code=A + "001000",
                  school_run_type_code="361", urban_rural_code="111", is_teaching_point=False)  # fmt: skip
        for major, entrants in (("160100" if year == 2023 else "770101", 2), ("610301", 3)):
            for n in range(entrants + 1):
                # the last one is in the second year, and evening pupils (kind 3) are no entrants
                fresh.row("raw.vocational_registry__student", v, A, school_id="3663000004", grade_code="V1" if n < entrants else "V2",
                          class_label="1", id_no_token=token(year * 1000 + int(major[:2]) * 10 + n), sex_code="1", ethnic_code="01",
                          major_code=major, student_kind_code="1", hukou_county_code=A, entry_month=period)  # fmt: skip
        fresh.row("raw.vocational_registry__student", v, A, school_id="3663000004", grade_code="V1", class_label="1",
                  id_no_token=token(year * 1000 + 999), sex_code="1", ethnic_code="01", major_code="770101", student_kind_code="3",
                  hukou_county_code=A, entry_month=period)  # fmt: skip
        fresh.run(period)
    assert s.rows(
        "SELECT major_code, year, n_entrants, is_low, n_low_cohorts, proposed_state_code, is_code_mapped, college_name_zh "
        "FROM mart.major_warning__school_major_year WHERE level_code = 'secondary' AND period = '2025-09' ORDER BY 1, 2"
    ) == [
        ("610301", 2023, 3, False, 0, "normal", False, "职校"),
        ("610301", 2024, 3, False, 0, "normal", False, "职校"),
        ("610301", 2025, 3, False, 0, "normal", False, "职校"),
        ("770101", 2023, 2, True, 1, "watch", True, "职校"),
        ("770101", 2024, 2, True, 2, "watch", False, "职校"),
        ("770101", 2025, 2, True, 3, "warning", False, "职校"),
    ]


def test_a_year_that_is_over_should_not_move(fresh) -> None:
    """The rate of 2023 that September 2025 gives differently: the population of that year was delivered anew."""
    for period, children in (("2024-09", 8), ("2025-09", 10)):
        d = fresh.deliver("reported_statistics", "63", period)
        reported(fresh, d, "graduates_junior", 6, 2023)
        reported(fresh, d, "entrants_senior", 4 if children == 8 else 5, 2023)
        people = fresh.deliver("population", "63", period)
        population(fresh, A, {7: (children, 0)}, people, year=int(period[:4]))
        registry = fresh.deliver("student_registry", A, period)
        pupil(fresh, registry, A, CITY, "11", int(period[:4]))
        fresh.run(period)
    assert fresh.session.rows(
        "SELECT period, year, variant_id, earlier_period, earlier_numerator, numerator, cause_code FROM mart.indicator_revision__region_year "
        "WHERE region_level = 'province' AND variant_id IN ('I06.without', 'I03.gross')"
    ) == [("2025-09", 2023, "I06.without", "2024-09", 4, 5, "delivery")]
