"""The gate: counts equal hand SQL, keys are exact, nothing is lost, nothing leaks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import gate as module
from expectations.gate import Gate, GateReport
from expectations.rule import (
    Check,
    Rule,
    Severity,
    Stage,
    between,
    in_set,
    matches,
    no_rows,
    not_null,
    row_count_between,
    satisfies,
    unique,
)
from warehouse.errors import EngineError, UsageError

TABLE = """
    CREATE TABLE people AS
    SELECT 'd' || (i % 2) AS delivery_id, i AS row_no, 's' || (i % 7) AS school_id,
           CASE WHEN i % 10 <> 0 THEN 'n' || i END AS name, i % 4 AS sex, i // 2 AS pair,
           CASE WHEN i % 5 <> 0 THEN i % 30 END AS age, DATE '2010-01-01' + i::INTEGER AS born
    FROM range(1, 1001) r(i)
"""


def rule(*checks: Check, severity: Severity = Severity.BLOCK, id: str = "RC16", **changes: Any) -> Rule:
    return Rule(
        id=id,
        title_zh="题",
        statement_zh="句",
        statement_en="statement",
        clause="clause",
        severity=severity,
        owner_zh="责任",
        fix_zh="改",
        fix_en="fix",
        checks=checks,
        **changes,
    )


@pytest.fixture
def con() -> Any:
    with duckdb.connect() as connection:
        connection.execute(TABLE)
        yield connection


def run(con: duckdb.DuckDBPyConnection, *checks: Check, **options: Any) -> GateReport:
    rules = options.pop("rules", None) or [rule(*checks)]
    with Gate(con, failures_table=options.pop("failures_table", "failure")) as gate:
        return gate.run(Stage.COLLECTION, "p", options.pop("relation", "people"), rules, **options)


# each check, the rows it fails by hand, and the rows it tests by hand
CASES: dict[str, tuple[Check, str, str]] = {
    "satisfies": (satisfies("p", "age < 20", field="age"), "age IS NULL OR age >= 20", "TRUE"),
    "satisfies column": (
        satisfies("p", "age < 20", field="age", column="age"),
        "age >= 20",
        "age IS NOT NULL",
    ),
    "satisfies when": (
        satisfies("p", "age < 20", field="age", when="sex = 1 AND name IS NOT NULL"),
        "sex = 1 AND name IS NOT NULL AND (age IS NULL OR age >= 20)",
        "sex = 1 AND name IS NOT NULL",
    ),
    "satisfies subquery": (
        satisfies("p", "school_id IN (SELECT id FROM school)", field="school_id"),
        "school_id NOT IN ('s1', 's2')",
        "TRUE",
    ),
    "in_set": (in_set("p", "sex", [1, 2]), "sex NOT IN (1, 2)", "TRUE"),
    "in_set text": (
        in_set("p", "name", ["n1", "o'clock"], when="row_no < 50"),
        "row_no < 50 AND name <> 'n1'",
        "row_no < 50 AND name IS NOT NULL",
    ),
    "matches": (matches("p", "name", r"^n\d{2}$"), "length(name) <> 3", "name IS NOT NULL"),
    "matches when": (
        matches("p", "name", r"^n\d{2}$", when="name LIKE 'n1%'"),
        "name LIKE 'n1%' AND length(name) <> 3",
        "name LIKE 'n1%'",
    ),
    "not_null": (not_null("p", "name"), "name IS NULL", "TRUE"),
    "not_null when": (
        not_null("p", "name", when="row_no < 100"),
        "name IS NULL AND row_no < 100",
        "row_no < 100",
    ),
    "between": (between("p", "age", 3, 25), "age NOT BETWEEN 3 AND 25", "age IS NOT NULL"),
    "between dates": (
        between("p", "born", "2010-01-31", "2012-01-01"),
        "born NOT BETWEEN '2010-01-31' AND '2012-01-01'",
        "TRUE",
    ),
    "unique": (unique("p", "pair"), "pair NOT IN (0, 500)", "TRUE"),
    "unique when": (
        unique("p", "pair", when="row_no > 500"),
        "row_no > 501 AND row_no < 1000",
        "row_no > 500",
    ),
    "unique pair": (unique("p", "pair", "age"), "FALSE", "age IS NOT NULL"),
    "unique compound": (
        unique("p", "school_id", "sex", "age", when="row_no <= 500"),
        "row_no <= 500 AND age IS NOT NULL AND row_no BETWEEN 1 AND 80 OR row_no BETWEEN 421 AND 500 "
        "AND age IS NOT NULL",
        "row_no <= 500 AND age IS NOT NULL",
    ),
    "no_rows": (
        no_rows("p", "SELECT delivery_id, row_no, name FROM {batch} WHERE sex = 3"),
        "sex = 3",
        "TRUE",
    ),
    "no_rows join": (
        no_rows(
            "p",
            "SELECT b.delivery_id, b.row_no FROM {batch} b JOIN school s ON b.school_id = s.id "
            "CROSS JOIN range(3) WHERE b.sex = 3;",
            when="row_no < 300",
        ),
        "sex = 3 AND school_id IN ('s1', 's2') AND row_no < 300",
        "row_no < 300",
    ),
    "native pair": (
        Check(
            "p",
            {
                "type": "expect_column_pair_values_a_to_be_greater_than_b",
                "kwargs": {"column_A": "age", "column_B": "sex", "ignore_row_if": "either_value_is_missing"},
            },
        ),
        "age <= sex",
        "age IS NOT NULL",
    ),
}


@pytest.fixture
def with_schools(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    con.execute("CREATE TABLE school AS SELECT unnest(['s1', 's2']) AS id")
    return con


def test_counts_and_keys_equal_hand_sql(with_schools: duckdb.DuckDBPyConnection) -> None:
    con = with_schools
    rules = [rule(check, id=f"RC{n:02}") for n, (check, _, _) in enumerate(CASES.values(), 1)]
    report = run(con, rules=rules)
    assert len(report.results) == len(CASES)
    for result, (name, (check, failing, tested)) in zip(report.results, CASES.items(), strict=True):
        expected = con.execute(
            f"SELECT delivery_id, row_no FROM people WHERE {failing} ORDER BY 1, 2"
        ).fetchall()
        if name == "unique compound":  # too intricate for a condition
            expected = con.execute(
                "SELECT delivery_id, row_no FROM people JOIN (SELECT school_id, sex, age FROM people WHERE "
                "row_no <= 500 GROUP BY ALL HAVING count(*) > 1) USING (school_id, sex, age) "
                "WHERE row_no <= 500 ORDER BY 1, 2"
            ).fetchall()
            assert expected
        found = con.execute(
            "SELECT delivery_id, row_no, dataset, field, severity, rule_version, unit_key FROM failure "
            "WHERE rule_id = ? ORDER BY 1, 2",
            [result.rule_id],
        ).fetchall()
        assert [row[:2] for row in found] == expected, name
        assert all(row[2:] == ("p", check.field, "block", 1, None) for row in found)
        n_tested = con.execute(f"SELECT count(*) FROM people WHERE {tested}").fetchone()
        assert (result.n_failed, (result.n_tested,)) == (len(expected), n_tested), name
        assert result.status == ("failed" if expected else "passed"), (name, result)
        assert result.share_failed == pytest.approx(result.n_failed / result.n_tested)
        assert result.sample_keys == tuple(f"{d}:{r}" for d, r in expected[:20])


def test_keys_of_other_units(with_schools: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT school_id, sex FROM {batch} WHERE school_id = 's3' AND sex < 2 GROUP BY ALL"
    report = run(
        with_schools,
        no_rows(
            "p", query, key=("school_id", "sex"), units="SELECT count(DISTINCT (school_id, sex)) FROM {batch}"
        ),
        not_null("p", "name", key=("row_no",)),
        satisfies("p", "row_no <> 7", field=None, key=("school_id", "row_no")),
    )
    first, second, third = report.results
    assert (first.n_tested, first.n_failed, first.sample_keys) == (28, 2, ("s3|0", "s3|1"))
    assert second.n_failed == 100
    assert third.sample_keys == ("s0|7",)
    rows = with_schools.execute(
        "SELECT DISTINCT delivery_id, row_no FROM failure WHERE unit_key IS NOT NULL"
    ).fetchall()
    assert rows == [(None, None)]


def test_samples_are_few(con: duckdb.DuckDBPyConnection) -> None:
    (result,) = run(con, satisfies("p", "FALSE", field=None)).results
    assert (result.n_failed, len(result.sample_keys)) == (1000, 20)


def test_a_whole_dataset_is_one_unit(con: duckdb.DuckDBPyConnection) -> None:
    largest = {
        "type": "expect_column_max_to_be_between",
        "kwargs": {"column": "born", "max_value": "2010-02-01"},
    }
    report = run(con, row_count_between("p", 1, 10), row_count_between("p", 1), Check("p", largest))
    assert [(r.status, r.n_tested, r.n_failed) for r in report.results] == [
        ("failed", 1, 1),
        ("passed", 1, 0),
        ("failed", 1, 1),
    ]
    assert report.results[0].detail == "1000 rows"
    assert "2012" not in repr(report)  # the observed value
    assert con.execute("SELECT count(*) FROM failure").fetchone() == (0,)


def test_mostly_passes_and_still_keeps_the_keys(con: duckdb.DuckDBPyConnection) -> None:
    (result,) = run(con, not_null("p", "name", mostly=0.9)).results
    assert (result.status, result.n_failed) == ("passed", 100)
    assert con.execute("SELECT count(*) FROM failure").fetchone() == (100,)
    assert run(con, not_null("p", "name", mostly=0.91)).results[0].status == "failed"


def test_scope_and_parameters(con: duckdb.DuckDBPyConnection) -> None:
    report = run(
        con,
        satisfies("p", "delivery_id = {delivery}", field=None),
        satisfies("p", "row_no < {limit}::INTEGER", field=None, when="sex = {sex}::INTEGER"),
        params={"delivery": "d1", "limit": "500", "sex": "1"},
        scope_sql="delivery_id = {delivery}",
    )
    assert [(r.n_tested, r.n_failed) for r in report.results] == [(500, 0), (250, 125)]


def test_rows_a_check_does_not_apply_to(con: duckdb.DuckDBPyConnection) -> None:
    report = run(
        con,
        not_null("p", "name", when="row_no < 0"),
        no_rows("p", "SELECT * FROM {batch}", when="row_no < 0"),
        row_count_between("p", 1, when="row_no < 0"),
    )
    assert [r.status for r in report.results] == ["not_applicable", "not_applicable", "failed"]


def test_rules_out_of_force_are_not_applicable(con: duckdb.DuckDBPyConnection) -> None:
    rules = [rule(not_null("p", "name"), effective_from="2026-09")]
    assert run(con, rules=rules, params={"period": "2026-08"}).results[0].status == "not_applicable"
    assert run(con, rules=rules, params={"period": "2026-09"}).results[0].status == "failed"


BROKEN: dict[str, Check] = {
    "no column": not_null("p", "nothing"),
    "no column in predicate": satisfies("p", "nothing > 1", field=None),
    "no SQL": satisfies("p", "age >", field=None),
    "cast": satisfies("p", "name::INTEGER > 1", field=None),
    "error()": satisfies("p", "error(name) IS NULL", field=None),
    "cast in when": not_null("p", "name", when="name::INTEGER > 1"),
    "no SQL in when": not_null("p", "name", when="age >"),
    "no table": no_rows("p", "SELECT * FROM nothing"),
    "no key": no_rows("p", "SELECT name FROM {batch}"),
    "no key column": not_null("p", "name", key=("nothing",)),
    "no parameter": satisfies("p", "born < {as_of}", field=None),
    "no expectation": Check("p", {"type": "expect_nothing", "kwargs": {}}),
    "no argument": Check("p", {"type": "expect_column_values_to_be_in_set", "kwargs": {}}),
    "wrong argument": Check("p", {"type": "expect_column_values_to_not_be_null", "kwargs": {"col": "name"}}),
    "no units": no_rows("p", "SELECT * FROM {batch} LIMIT 0", units="SELECT x FROM nothing"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_check_is_an_error_and_harms_no_other(con: duckdb.DuckDBPyConnection, name: str) -> None:
    good = [not_null("p", "name"), unique("p", "pair"), no_rows("p", "SELECT * FROM {batch} WHERE sex = 3")]
    report = run(con, good[0], BROKEN[name], *good[1:], not_null("p", "name", when="sex = 1"))
    assert [r.status for r in report.results] == ["failed", "error", "failed", "failed", "passed"]
    assert [r.n_failed for r in report.results] == [100, 0, 998, 250, 0]
    assert report.results[1].detail
    assert report.results[1] in report.blocking_failed


def test_all_broken_at_once(con: duckdb.DuckDBPyConnection) -> None:
    report = run(con, *BROKEN.values())
    assert [r.status for r in report.results] == ["error"] * len(BROKEN)
    assert [r.check_no for r in report.results] == list(range(1, len(BROKEN) + 1))


def test_a_relation_that_is_not_there_is_an_error_of_every_check(con: duckdb.DuckDBPyConnection) -> None:
    report = run(con, not_null("p", "name"), row_count_between("p", 0), relation="work.main.nothing")
    assert [r.status for r in report.results] == ["error", "error"]


def test_in_an_aborted_transaction_everything_is_an_error(con: duckdb.DuckDBPyConnection) -> None:
    con.begin()
    report = run(con, not_null("p", "name"), BROKEN["cast"], satisfies("p", "sex < 9", field=None))
    assert [r.status for r in report.results] == ["error"] * 3
    con.rollback()


def test_a_failing_number_of_keys_is_an_error(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "_condition", lambda *_: "SELECT delivery_id, row_no FROM people LIMIT 7")
    (result,) = run(con, not_null("p", "name")).results
    assert (result.status, result.n_failed) == ("error", 100)
    assert con.execute("SELECT count(*) FROM failure").fetchone() == (0,)


def test_results_cannot_go_missing(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    # Great Expectations drops an expectation: the check is an error, not absent.
    check = [not_null("p", "name"), not_null("p", "name"), not_null("p", "age")]
    assert len(run(con, *check).results) == 3  # identical checks are two checks
    monkeypatch.setattr(Gate, "_validate", staticmethod(lambda *_: None))
    assert [r.status for r in run(con, *check).results] == ["error"] * 3
    monkeypatch.setattr(Gate, "_evaluate", lambda *_: None)
    with pytest.raises(EngineError):
        run(con, *check)


def test_a_dataset_without_checks_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    with Gate(con) as gate, pytest.raises(UsageError):
        gate.run(Stage.COLLECTION, "misspelt", "people", [rule(not_null("p", "name"))])
    with Gate(con) as gate, pytest.raises(UsageError):
        gate.run(Stage.STORAGE, "p", "people", [rule(not_null("p", "name"))])


def test_severities_and_blocking(con: duckdb.DuckDBPyConnection) -> None:
    rules = [
        rule(not_null("p", "name"), id=f"RC0{n}", severity=severity)
        for n, severity in enumerate((Severity.BLOCK, Severity.QUARANTINE, Severity.WARN, Severity.AUDIT), 1)
    ]
    report = run(con, rules=rules)
    assert [r.rule_id for r in report.blocking_failed] == ["RC01"]
    assert len(report.failed) == 4
    assert not report.is_open
    assert run(con, rules=rules[1:]).is_open
    override = rule(not_null("p", "name", severity=Severity.WARN), not_null("p", "sex"))
    report = run(con, rules=[override])
    assert report.is_open
    assert report.results[0].severity is Severity.WARN
    assert [len(r) for r in report.by_rule().values()] == [2]
    report = run(con, rules=[rule(BROKEN["no column"], severity=Severity.AUDIT)])
    assert report.errors == report.blocking_failed != ()  # what was not tested was not passed


def test_attached_database_and_temp_tables(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute(f"ATTACH '{tmp_path / 'work.duckdb'}' AS work")
    con.execute("CREATE TABLE work.main.clean__people AS FROM people")
    con.execute('CREATE TEMP TABLE "临时 表" AS SELECT * RENAME (name AS 姓名) FROM people')
    with Gate(con, failures_table="work.main.failure") as gate:
        rules = [rule(not_null("p", "name"), not_null("t", "姓名"))]
        first = gate.run("collection", "p", "work.main.clean__people", rules)
        second = gate.run("collection", "t", '"临时 表"', rules)
    assert [r.n_failed for r in (*first.results, *second.results)] == [100, 100]
    assert (first.results[0].check_no, second.results[0].check_no) == (1, 2)
    assert con.execute(
        "SELECT dataset, count(*) FROM work.main.failure GROUP BY 1 ORDER BY 1"
    ).fetchall() == [
        ("p", 100),
        ("t", 100),
    ]


def test_without_a_table_of_failures(con: duckdb.DuckDBPyConnection) -> None:
    (result,) = run(con, not_null("p", "name"), failures_table=None).results
    assert (result.n_failed, len(result.sample_keys)) == (100, 20)
    with pytest.raises(EngineError):
        run(con, not_null("p", "name"), failures_table="nothing.main.failure")


def test_nothing_is_left_behind(con: duckdb.DuckDBPyConnection) -> None:
    run(con, not_null("p", "name"), BROKEN["cast"], not_null("p", "age", when="sex = 1"))
    left = (
        "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION SELECT table_name FROM duckdb_tables()"
    )
    assert {row[0] for row in con.execute(left).fetchall()} == {"people", "failure"}


SECRETS = ("张三丰", "王小明", "Dolma Tsering", "630102201001011234", "13897654321", "O'Hara", "Q7-secret")


def test_no_value_leaves_the_database(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Every kind of check fails, or breaks, on rows with planted values; no trace of them is anywhere."""
    caplog.set_level(logging.DEBUG)
    con = duckdb.connect()
    con.execute("CREATE TABLE people (delivery_id VARCHAR, row_no BIGINT, name VARCHAR, phone VARCHAR)")
    con.executemany(
        "INSERT INTO people VALUES ('d', ?, ?, ?)",
        [(n, secret, secret) for n, secret in enumerate((*SECRETS, *SECRETS), 1)],
    )
    native = [
        ("expect_column_max_to_be_between", {"column": "name", "max_value": "0"}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "name", "value_set": ["x"]}),
        ("expect_column_most_common_value_to_be_in_set", {"column": "name", "value_set": ["x"]}),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch}"}),
        ("expect_column_pair_values_to_be_equal", {"column_A": "name", "column_B": "row_no"}),
        ("expect_column_values_to_be_of_type", {"column": "name", "type_": "Integer"}),
        ("expect_column_median_to_be_between", {"column": "name", "max_value": 1}),
        ("expect_column_sum_to_be_between", {"column": "phone", "max_value": 1}),
    ]
    checks = [
        satisfies("p", "FALSE", field="name"),
        satisfies("p", "name = phone || 'x'", field="name", column="name"),
        in_set("p", "name", ["x"]),
        matches("p", "name", "^x$"),
        matches("p", "name", "("),
        not_null("p", "name", when="name::BIGINT > 1"),
        between("p", "name", "x", "y"),
        between("p", "name", 1, 2),
        unique("p", "name"),
        unique("p", "name", "phone"),
        no_rows("p", "SELECT * FROM {batch}"),
        no_rows("p", "SELECT name::DATE AS delivery_id, row_no FROM {batch}"),
        satisfies("p", "name::INTEGER > 1", field="name"),
        satisfies("p", "strptime(name, '%Y') > DATE '2000-01-01'", field="name"),
        satisfies("p", "error(name) IS NULL", field="name"),
        satisfies("p", "regexp_matches('x', name || '(')", field="name"),
        satisfies("p", "json_extract(name, '$.a') = 1", field="name"),
        *(Check("p", {"type": type_, "kwargs": kwargs}) for type_, kwargs in native),
    ]
    with Gate(con, failures_table="failure") as gate:
        report = gate.run(Stage.COLLECTION, "p", "people", [rule(*checks)])
    logging.getLogger("test").info("captured")
    assert len(report.results) == len(checks)
    assert {r.status for r in report.results} == {"failed", "error"}
    captured = capfd.readouterr()
    kept = con.execute("SELECT string_agg(failure::VARCHAR, '') FROM failure").fetchone()
    assert kept is not None
    assert "captured" in caplog.text
    fragments = [*SECRETS, "Dolma", "Tsering", "Hara", "secret", "630102", "1389765"]
    for text in (repr(report), caplog.text, captured.out, captured.err, kept[0]):
        assert [f for f in fragments if f in text] == []
    con.close()


def test_larger_tables(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE TABLE big AS SELECT 'd' AS delivery_id, i AS row_no, i % 1000 AS a, i // 2 AS b "
        "FROM range(100000) r(i)"
    )
    report = run(
        con,
        *(satisfies("p", f"a <> {n}", field="a", severity=Severity.QUARANTINE) for n in range(40)),
        unique("p", "b"),
        relation="big",
    )
    assert [r.n_failed for r in report.results] == [100] * 40 + [100000]
    assert con.execute("SELECT count(*) FROM failure").fetchone() == (104000,)


def test_a_gate_serves_many_runs(con: duckdb.DuckDBPyConnection) -> None:
    with Gate(con) as gate:
        for limit in (10, 20):
            con.execute(f"CREATE OR REPLACE TABLE part AS FROM people WHERE row_no <= {limit}")
            (result,) = gate.run("collection", "p", "part", [rule(not_null("p", "name"))]).results
            assert (result.n_tested, result.n_failed) == (limit, limit // 10)
    assert con.execute("SELECT count(*) FROM gate_failure").fetchone() == (3,)
    gate.close()  # twice is no mistake
    assert con.execute("SELECT 1").fetchone() == (1,)
    assert module.SAMPLE == 20
