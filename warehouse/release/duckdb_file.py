"""`marts.duckdb`: the released marts as one DuckDB file, filled from the staged Parquet files.

Tables, not views: a view on a relative path resolves against the reader's folder and fails elsewhere.
The storage version is fixed by a setting, because a file in the newest format cannot be opened by older
clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.errors import EngineError

Words = Callable[[Contract, Column], Mapping[str, str]]


def memory_session() -> Session:
    """An in-memory DuckDB that loads no extension and reaches no network."""
    config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    return Session(duckdb.connect(":memory:", config=config), Path())


def table_name(contract: Contract) -> str:
    """Name of a mart's table in the schema `mart`."""
    return contract.table.split(".")[-1]


def write_duckdb(
    root: Path,
    release: Mapping[str, Any],
    contracts: Mapping[str, Contract],
    rules: Sequence[Mapping[str, Any]],
    storage_version: str,
    words: Words,
) -> None:
    """Write `marts.duckdb` with the schemas `mart` and `meta`; leaves no write-ahead log.

    `words` says of a column what its contract does not: {"source": …, "standard": …}.
    """
    session = memory_session()
    try:
        file = root / "marts.duckdb"
        session.execute(f"ATTACH {literal(str(file))} AS r (STORAGE_VERSION {literal(storage_version)})")
        session.execute("CREATE SCHEMA r.mart")
        session.execute("CREATE SCHEMA r.meta")
        for name, contract in sorted(contracts.items()):
            table = f"r.mart.{quote(table_name(contract))}"
            parquet = literal(str(root / "parquet" / f"{name}.parquet"))
            columns = ", ".join(f"{quote(c.name)} {c.type}" for c in contract.columns)
            session.execute(f"CREATE TABLE {table} ({columns})")
            session.execute(f"INSERT INTO {table} SELECT * FROM read_parquet({parquet})")
            session.execute(
                f"COMMENT ON TABLE {table} IS {literal(_both(contract.title_zh, contract.title_en))}"
            )
            for c in contract.columns:
                comment = literal(_both(c.header, c.label_en))
                session.execute(f"COMMENT ON COLUMN {table}.{quote(c.name)} IS {comment}")
        _meta(session, release, contracts, rules, words)
        session.execute("CHECKPOINT r")
        session.execute("DETACH r")
    finally:
        session.con.close()
    if (root / "marts.duckdb.wal").exists():
        raise EngineError(
            "marts.duckdb 未写完 / marts.duckdb has an open log", "free disk space and build again"
        )


def _both(zh: str, en: str) -> str:
    return f"{zh} | {en}" if en else zh


def _meta(
    session: Session,
    release: Mapping[str, Any],
    contracts: Mapping[str, Contract],
    rules: Sequence[Mapping[str, Any]],
    words: Words,
) -> None:
    facts = [n for n, value in release.items() if value is None or isinstance(value, str)]
    _table(session, "release", [{n: release[n] for n in facts}], dict.fromkeys(facts, "VARCHAR"))
    _table(
        session,
        "column",
        [
            {
                "mart": name,
                "table_name": table_name(contract),
                "position": position,
                "column_name": c.name,
                "label_zh": c.header,
                "label_en": c.label_en,
                "type": c.type,
                "is_key": c.key,
                "unit": c.properties.get("unit"),
                "tier": c.tier,
                "code_list": c.properties.get("codeList"),
                **words(contract, c),
                "schema_version": contract.version,
            }
            for name, contract in sorted(contracts.items())
            for position, c in enumerate(contract.columns, 1)
        ],
        {"position": "INTEGER", "is_key": "BOOLEAN"},
    )
    # Results come from the rule engine; its fields are taken as they are, a mixed field as text.
    names = list(dict.fromkeys(name for rule in rules for name in rule)) or ["rule_id"]
    _table(session, "rule_result", rules, {name: _type([rule.get(name) for rule in rules]) for name in names})


def _type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _table(session: Session, name: str, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> None:
    columns = list(dict.fromkeys([*(n for row in rows for n in row), *types]))
    table = f"r.meta.{quote(name)}"
    definitions = ", ".join(f"{quote(n)} {types.get(n, 'VARCHAR')}" for n in columns)
    session.execute(f"CREATE TABLE {table} ({definitions})")
    for row in rows:
        marks = ", ".join("?" for _ in columns)
        session.execute(f"INSERT INTO {table} VALUES ({marks})", [row.get(n) for n in columns])
