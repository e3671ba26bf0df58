"""Great Expectations over an open DuckDB connection: native expectations, names, transactions."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROWS = """
    SELECT 'd' AS delivery_id, i AS row_no, CASE WHEN i % 10 <> 0 THEN 'n' || i END AS name,
           DATE '2000-01-01' + i::INTEGER AS born, i % 3 AS "组 别", '张' || i AS 姓名,
           i::DECIMAL(10, 2) AS money, i // 2 AS pair
    FROM range(100) r(i)
"""


@pytest.fixture
def con() -> Any:
    with duckdb.connect() as connection:
        yield connection


def validate(
    con: duckdb.DuckDBPyConnection,
    table: str,
    *expectations: tuple[str, dict[str, Any]],
    schema: str | None = None,
) -> list[tuple[bool, dict[str, Any]]]:
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite

    from expectations.duckdb_source import DuckDBDatasource

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.add_datasource(datasource=DuckDBDatasource.over(con, schema=schema))
    batch = source.add_table_asset(table).add_batch_definition_whole_table("all").get_batch()
    suite = ExpectationSuite(
        "s",
        expectations=[
            {"type": type_, "kwargs": kwargs, "meta": {"n": n}}
            for n, (type_, kwargs) in enumerate(expectations)
        ],
    )
    report = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    found = {r.expectation_config.meta["n"]: (r.success, r.result) for r in report.results}
    assert not any(r.exception_info.get("raised_exception", True) for r in report.results)
    return [found[n] for n in range(len(expectations))]


NATIVE: list[tuple[str, dict[str, Any], int]] = [
    ("expect_column_values_to_not_be_null", {"column": "name"}, 10),
    ("expect_column_values_to_be_null", {"column": "name"}, 90),
    ("expect_column_values_to_be_in_set", {"column": "组 别", "value_set": [0, 1]}, 33),
    ("expect_column_values_to_not_be_in_set", {"column": "name", "value_set": ["n1", "n'2"]}, 1),
    ("expect_column_values_to_match_regex", {"column": "姓名", "regex": r"^张\d{2}$"}, 10),
    ("expect_column_values_to_match_regex", {"column": "姓名", "regex": r"\d{2}"}, 10),  # partial match
    ("expect_column_values_to_not_match_regex", {"column": "姓名", "regex": "9"}, 19),
    ("expect_column_values_to_match_regex_list", {"column": "姓名", "regex_list": ["^张1", "^张2"]}, 78),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "姓名", "regex_list": ["1", "2"], "match_on": "all"},
        98,
    ),
    ("expect_column_values_to_not_match_regex_list", {"column": "姓名", "regex_list": ["^张1", "^张2"]}, 22),
    ("expect_column_values_to_be_between", {"column": "row_no", "min_value": 10, "max_value": 19}, 90),
    ("expect_column_values_to_be_between", {"column": "born", "max_value": "2000-01-10"}, 90),
    ("expect_column_values_to_be_between", {"column": "born", "max_value": datetime.date(2000, 1, 10)}, 90),
    ("expect_column_values_to_be_between", {"column": "money", "max_value": 49.5}, 50),
    ("expect_column_value_lengths_to_equal", {"column": "姓名", "value": 3}, 10),
    ("expect_column_values_to_be_unique", {"column": "组 别"}, 100),
    ("expect_column_values_to_be_unique", {"column": "name"}, 0),
    ("expect_compound_columns_to_be_unique", {"column_list": ["pair", "delivery_id"]}, 100),
    ("expect_compound_columns_to_be_unique", {"column_list": ["pair", "row_no"]}, 0),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "row_no", "column_B": "组 别"}, 3),
    # NULL is skipped by the column; a predicate that is NULL is not satisfied
    ("expect_column_values_to_satisfy_sql", {"column": "name", "predicate": "name LIKE 'n1%'"}, 80),
    ("expect_column_values_to_satisfy_sql", {"column": "row_no", "predicate": "name LIKE 'n1%'"}, 90),
    (
        "expect_column_values_to_satisfy_sql",
        {"column": "row_no", "predicate": "name::VARCHAR <> ':x' OR TRUE"},
        0,
    ),
    (
        "expect_column_values_to_satisfy_sql",
        {"column": "row_no", "predicate": r"regexp_matches(姓名, '\d')"},
        0,
    ),
    ("expect_column_values_to_satisfy_sql", {"column": "row_no", "predicate": "row_no % 2 = 0"}, 50),
]


def test_native_expectations_count_exactly(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"CREATE TEMP TABLE t AS {ROWS}")
    results = validate(con, "t", *((type_, kwargs) for type_, kwargs, _ in NATIVE))
    for (type_, kwargs, expected), (success, result) in zip(NATIVE, results, strict=True):
        assert result["unexpected_count"] == expected, (type_, kwargs)
        assert success == (expected == 0)
        assert result["partial_unexpected_list"] == []


def test_expectations_of_a_whole_table(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"CREATE TABLE t AS {ROWS}")
    results = validate(
        con,
        "t",
        ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 100}),
        ("expect_table_row_count_to_be_between", {"max_value": 99}),
        ("expect_no_rows_from_query", {"query": "SELECT 1 FROM {batch} WHERE row_no > 97"}),
        ("expect_no_rows_from_query", {"query": "SELECT 1 FROM {batch} WHERE row_no > 100"}),
        ("expect_column_max_to_be_between", {"column": "born", "max_value": "2000-12-31"}),
    )
    assert [success for success, _ in results] == [True, False, False, True, True]
    assert results[2][1] == {"observed_value": 2}


def test_mostly(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"CREATE TABLE t AS {ROWS}")
    kwargs = {"column": "row_no", "predicate": "row_no < 95"}
    results = validate(
        con,
        "t",
        ("expect_column_values_to_satisfy_sql", {**kwargs, "mostly": 0.95}),
        ("expect_column_values_to_satisfy_sql", {**kwargs, "mostly": 0.96}),
    )
    assert [success for success, _ in results] == [True, False]


@pytest.mark.parametrize(
    ("create", "table", "schema"),
    [
        ("CREATE TABLE t AS", "t", None),
        ("CREATE TEMP TABLE t AS", "t", None),
        ("CREATE VIEW t AS", "t", None),
        ("CREATE TEMP VIEW t AS", "t", None),
        (
            "CREATE SCHEMA core; CREATE TABLE core.enrolment__person_month AS",
            "enrolment__person_month",
            "core",
        ),
        ("ATTACH '{file}' AS work; CREATE TABLE work.main.clean AS", "clean", "work.main"),
        ("ATTACH '{file}' AS work; CREATE SCHEMA work.raw; CREATE TABLE work.raw.t AS", "t", "work.raw"),
        ('CREATE SCHEMA "库"; CREATE TABLE "库"."学生表" AS', "学生表", "库"),
    ],
)
def test_wherever_the_table_is(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, create: str, table: str, schema: str | None
) -> None:
    con.execute(create.replace("{file}", str(tmp_path / "work.duckdb")) + ROWS)
    ((_, result),) = validate(
        con, table, ("expect_column_values_to_not_be_null", {"column": "name"}), schema=schema
    )
    assert result["unexpected_count"] == 10


def test_a_temporary_table_hides_another_of_the_same_name(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE TEMP TABLE t AS SELECT 1 AS b")
    ((_, result),) = validate(con, "t", ("expect_column_values_to_not_be_null", {"column": "b"}))
    assert result["element_count"] == 1


def test_rows_of_an_open_transaction_are_seen_and_the_transaction_stays_ours(
    con: duckdb.DuckDBPyConnection,
) -> None:
    con.execute("CREATE TABLE t (a INTEGER)")
    con.begin()
    con.execute("INSERT INTO t VALUES (1), (NULL)")
    ((_, result),) = validate(con, "t", ("expect_column_values_to_not_be_null", {"column": "a"}))
    assert (result["element_count"], result["unexpected_count"]) == (2, 1)
    con.rollback()
    assert con.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert con.execute("SELECT 1").fetchone() == (1,)  # and the connection is open


def test_a_table_that_is_not_there_is_an_error(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(Exception, match="nothing"):
        validate(con, "nothing", ("expect_column_values_to_not_be_null", {"column": "a"}))
