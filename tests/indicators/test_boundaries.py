"""Boundary changes in a series: 湟中县 630122 became 湟中区 630106 in 2019; 冷湖 632858 and 茫崖 632859 became 茫崖市 632803 in 2018.

Every year stands on today's counties, and the counties of then keep their own figures beside (`region_level` former).
"""

from datetime import date
from decimal import Decimal

import pytest
from test_mini_province_data import Province, population, pupil, reported

from warehouse.errors import UsageError
from warehouse.indicators.explain import explain
from warehouse.reference import REFERENCE

OLD = {"630122": 10, "632858": 3, "632859": 7}  # children of age 7; one fewer is at school
NEW = {"630106": 8, "632803": 5}


def _know(p: Province) -> None:
    for table, column, codes in (
        ("county", "county_code", [*OLD, *NEW]),
        ("county_crosswalk", "old_code", list(OLD)),
    ):
        p.session.execute(
            f"INSERT INTO ref.{table} SELECT * FROM read_csv('{REFERENCE / f'{table}.csv'}', all_varchar = true, header = true) "
            f"WHERE list_contains(?, {column})", [codes],
        )  # fmt: skip


def _september(p: Province, period: str, counties: dict[str, int], missing: int) -> None:
    """Children of age 7 by county, all but `missing` of each in the first grade of its one school."""
    people = p.deliver("population", "63", period)
    for code, children in counties.items():
        population(
            p, code, {7: (children, 0)}, people, year=int(period[:4]), as_of_date=date(int(period[:4]), 11, 1)
        )
        directory, registry = (
            p.deliver("school_directory", code, period),
            p.deliver("student_registry", code, period),
        )
        p.row("raw.school_directory__school", directory, code, school_id=f"21{code}01", school_name="校", region_code=code + "001000",
              school_run_type_code="211", urban_rural_code="111", is_teaching_point=False)  # fmt: skip
        for n in range(children - missing):
            born = date(int(period[:4]) - 7, 1, 1)
            pupil(
                p,
                registry,
                code,
                f"21{code}01",
                "11",
                int(period[:4]) * 10000 + int(code) % 1000 * 10 + n,
                birth_date=born,
            )


@pytest.fixture(scope="module")
def series(make_world):
    world = make_world()
    _know(world)
    _september(world, "2017-09", OLD, 1)
    _september(world, "2025-09", NEW, 0)
    # a series of statistics, delivered today under the codes of then
    d = world.deliver("reported_statistics", "63", "2025-01")
    for year in (2017, 2018, 2019, 2020):
        for code, n in (("632858", 30), ("632859", 70)) if year < 2019 else (("632803", 101),):
            reported(world, d, "pupils_primary", n + year - 2017, year, region_code=code)
            reported(world, d, "teachers_primary", 10, year, region_code=code)
    for period in ("2017-09", "2025-09"):
        world.run(period)
    return world


def rows(world: Province, variant: str, year: int, origin: str = "computed") -> list[tuple[object, ...]]:
    return world.session.rows(
        "SELECT boundary_code, region_code, numerator, denominator, value_published FROM mart.indicator_value__region_year "
        "WHERE variant_id = ? AND year = ? AND origin_code = ? AND region_level IN ('county', 'former') AND numerator > 0 "
        "AND period = (SELECT max(period) FROM mart.indicator_value__region_year WHERE variant_id = ? AND year = ? AND origin_code = ?) "
        "ORDER BY 1, 2", [variant, year, origin] * 2,
    )  # fmt: skip


def test_a_year_before_the_change_has_both_bases(series) -> None:
    assert rows(series, "I03.gross", 2017) == [
        ("now", "630106", 9, 10, Decimal("90.0")),
        ("now", "632803", 8, 10, Decimal("80.0")),  # 2 + 6 of 3 + 7
        ("then", "630122", 9, 10, Decimal("90.0")),
        ("then", "632858", 2, 3, Decimal("66.7")),
        ("then", "632859", 6, 7, Decimal("85.7")),
    ]
    names = series.session.rows(
        "SELECT DISTINCT region_name_zh FROM mart.indicator_value__region_year WHERE region_level = 'former' ORDER BY 1"
    )
    assert names == [("冷湖行政委员会",), ("湟中县",), ("茫崖行政委员会",)]


def test_a_year_after_the_change_has_one(series) -> None:
    assert rows(series, "I03.gross", 2025) == [
        ("same", "630106", 8, 8, Decimal("100.0")),
        ("same", "632803", 5, 5, Decimal("100.0")),
    ]
    # nothing is lost or counted twice: the province has the counties of today
    assert series.session.rows(
        "SELECT year, numerator FROM mart.indicator_value__region_year WHERE variant_id = 'I03.gross' AND origin_code = 'computed' "
        "AND region_level = 'province' ORDER BY 1"
    ) == [(2017, 17), (2025, 13)]  # fmt: skip


def test_statistics_of_then_are_added_up_and_kept(series) -> None:
    assert rows(series, "I12.primary", 2017, "reported") == [
        ("now", "632803", 100, 20, Decimal("5.00")), ("then", "632858", 30, 10, Decimal("3.00")), ("then", "632859", 70, 10, Decimal("7.00")),
    ]  # fmt: skip
    # in the year of the change both codes are valid; afterwards only the new one
    assert [r[:2] for r in rows(series, "I12.primary", 2018, "reported")] == [
        ("same", "632803"),
        ("then", "632858"),
        ("then", "632859"),
    ]
    assert rows(series, "I12.primary", 2020, "reported") == [("same", "632803", 104, 10, Decimal("10.40"))]


def test_an_old_code_asks_for_the_county_of_then(series) -> None:
    found = explain(series.session, "I03.gross", "632858", 2017)
    assert (found["region_level"], found["values"][0]["numerator"]) == ("former", 2)
    assert {f["owner"] for f in found["files"]} == {"63", "632858"}
    # in a year in which it was gone it leads to today's county
    assert explain(series.session, "I03.gross", "632858", 2025)["region_code"] == "632803"
    with pytest.raises(UsageError, match="known years"):
        explain(series.session, "I03.gross", "632858", 2016)


def test_old_codes_in_new_files_make_no_county_of_then(fresh) -> None:
    """A clerk who keeps the old codes after the change: figures on today's counties, and only there."""
    _know(fresh)
    _september(fresh, "2025-09", OLD, 1)
    statistics = fresh.deliver("reported_statistics", "63")
    for code, n in (("632858", 3), ("632859", 7), ("630122", 9)):
        reported(fresh, statistics, "pupils_primary", n, region_code=code)
    fresh.run()
    assert rows(fresh, "I03.gross", 2025) == [
        ("same", "630106", 9, 10, Decimal("90.0")),
        ("same", "632803", 8, 10, Decimal("80.0")),
    ]
    assert fresh.session.rows(
        "SELECT region_code, n_own, n_stated, status_code FROM mart.reconciliation__region_measure WHERE region_level = 'county' ORDER BY 1"
    ) == [("630106", 9, 9, "agrees"), ("632803", 8, 10, "differs")]
    assert (
        fresh.session.value("SELECT n_units FROM core.reported__region_year WHERE region_code = '632803'")
        == 2
    )
