"""The models as text: they parse, come in order, are portable, and agree with their contracts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from test_mini_province_data import empty_province

from warehouse.engine.duckdb import Session
from warehouse.model import STAGES, load_models
from warehouse.protection import protection_of

MODELS = load_models()
SCHEMA_OF_STAGE = {"processing": "core", "use": "use", "sharing": "mart"}
# constructs that other engines do not have or read differently
NOT_PORTABLE = (
    "arg_min",
    "arg_max",
    "any_value",
    "list(",
    "pivot",
    "unpivot",
    "asof",
    "quantile",
    "try_strptime",
    "[1]",
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with empty_province(tmp_path_factory.mktemp("models")) as province:
        yield province.session


def test_every_input_exists_and_comes_first(session: Session) -> None:
    done = set()
    for table, model in MODELS.items():
        for used in model.inputs:
            assert used in done or used not in MODELS, f"{table} is run before {used}"
            assert session.exists(used), f"{table} reads {used}, which nothing makes"
        done.add(table)


@pytest.mark.parametrize("table", MODELS)
def test_query_yields_exactly_the_columns_and_types_of_the_contract(session: Session, table: str) -> None:
    model = MODELS[table]
    found = session.con.execute(model.sql, {"period": "2025-09"}).description
    described = session.rows(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name || '.' || table_name = ? "
        "AND database_name = current_database() ORDER BY column_index",
        [table],
    )
    declared = [(c.name, c.type) for c in model.contract.columns]
    assert described == declared
    assert [(name, str(type_)) for name, type_, *_ in found] == declared


@pytest.mark.parametrize("table", MODELS)
def test_contract_says_what_a_table_must_say(table: str) -> None:
    contract = MODELS[table].contract
    assert contract.id == table.split(".")[1] and MODELS[table].stage in STAGES
    assert contract.schema == SCHEMA_OF_STAGE[MODELS[table].stage]
    assert contract.columns[0].name == "period" and contract.key[0] == "period"
    assert contract.title_zh and contract.title_en
    for name in ("legalBasis", "purpose", "retentionYears", "shareType"):
        assert contract.properties[name]
    for column in contract.columns:
        assert re.search(r"[一-鿿]", column.header) and column.label_en and column.type
        if column.name.startswith("pct_"):
            assert column.properties["unit"] == "%"


@pytest.mark.parametrize("table", [t for t in MODELS if t.startswith("mart.")])
def test_mart_is_graded_labelled_dated_and_has_its_disclosure(table: str) -> None:
    contract = MODELS[table].contract
    names = {c.name for c in contract.columns}
    rule = protection_of(contract)
    # every count of persons is protected
    assert {n for n in names if re.match(r"n_(pupils|poverty|matched|graduates)$", n)} <= set(rule.counts)
    # public or for departments; what is sensitive (L3, L4) never reaches a mart
    assert "as_of_date" in names and {c.tier for c in contract.columns} <= {"L1", "L2"}
    assert any(n.endswith("_zh") for n in names)
    assert not any(c.type == "UUID" for c in contract.columns)
    if any(n.startswith("pct_") for n in names):
        assert "definition_version" in names


@pytest.mark.parametrize("table", MODELS)
def test_sql_keeps_to_the_portable_subset(table: str) -> None:
    sql = MODELS[table].sql
    lines = sql.splitlines()
    assert lines[0].startswith("-- ") and len(lines[0]) > 30
    assert all(len(line) <= 170 for line in lines)
    code = "\n".join(line for line in lines if not line.strip().startswith("--")).lower()
    assert not [word for word in NOT_PORTABLE if word in code]
    tree = sqlglot.parse_one(sql, read="duckdb")
    assert not list(tree.find_all(exp.Star)) or all(
        isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)
    )
    for window in tree.find_all(exp.Window):
        # A sum over a whole partition needs no order; a choice of rows does.
        assert window.args.get("order") or isinstance(window.this, exp.AggFunc), (
            "a choice of rows without an order"
        )
    # the outermost query casts every column
    assert isinstance(tree, exp.Select)
    for column in tree.expressions:
        assert isinstance(column, exp.Alias) and isinstance(column.this, exp.Cast), column.sql()[:60]
    # no code or name of a division, and no threshold, is written into a query
    assert not re.search(r"'[1-9]\d{5}'|'[1-9]\d{3}'|[一-鿿]{2}[州县省]'", code)
    assert not re.search(r"(?<![\d.])(56|66|3000)(?![\d.])", code)


def test_transpiles_without_an_error() -> None:
    for model in MODELS.values():
        text = model.sql.replace("$period", "'2025-09'")
        assert sqlglot.transpile(text, read="duckdb", write="spark")


def test_files_are_where_their_schema_belongs() -> None:
    root = Path(__file__).parents[2] / "warehouse" / "sql"
    for stage, schema in SCHEMA_OF_STAGE.items():
        for file in (root / stage).glob("*.sql"):
            assert file.stem.startswith(f"{schema}.")
