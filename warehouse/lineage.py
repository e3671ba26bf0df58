"""From which columns of which extracts a column of a mart is made, read from the SQL of the models, through all of them.

Users who know the extracts look for the names they know; the dictionary of a release therefore names them. Nobody writes this
down: a column that the analysis cannot follow (a bare count) is said to come from the extracts behind its table.

The analysis takes a minute, so its result is kept in `contracts/mart_source.yaml`: `python -m warehouse.lineage` makes it anew
after models or marts have changed. A column that the file does not know has no source in the dictionary; nothing breaks.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import yaml
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from warehouse.contract import CONTRACTS, load_contracts
from warehouse.model import load_models
from warehouse.reference import rows, table_names
from warehouse.sharing.agreements import sources_of

FILE = CONTRACTS / "mart_source.yaml"
_SHOWN = 5
_STANDARD = re.compile(r"(GB|JY)")
_MIXED = ("code_list",)  # every list of it has a document of its own


@cache
def _scope(table: str) -> Scope | None:
    """The SELECT of a model with every column qualified; None if it cannot be analysed."""
    models = load_models()
    schema: dict[str, Any] = {}
    for name in models[table].inputs:
        if name in models:
            db, short = name.split(".")
            columns = {c.name: c.type for c in models[name].contract.columns}
            schema.setdefault(db, {})[short] = columns
    try:
        tree = parse_one(models[table].sql.rstrip().rstrip(";"), read="duckdb")
        return build_scope(qualify(tree, dialect="duckdb", schema=schema, validate_qualify_columns=False))
    except SqlglotError:
        return None


@cache
def _leaves(table: str, column: str) -> frozenset[tuple[str, str]]:
    """(table, column) pairs outside this model of which a column is made."""
    scope = _scope(table)
    if scope is None:
        return frozenset()
    try:
        root = lineage(column, scope.expression, {}, dialect="duckdb", scope=scope)
    except (SqlglotError, ValueError, KeyError, RecursionError):
        return frozenset()
    found: set[tuple[str, str]] = set()
    _collect(root, found)
    return frozenset(found)


def _collect(node: Node, found: set[tuple[str, str]]) -> None:
    if not node.downstream and isinstance(node.source, exp.Table) and node.source.db:
        found.add((f"{node.source.db}.{node.source.name}", node.name.rpartition(".")[2].strip('"')))
    for below in node.downstream:
        _collect(below, found)


@cache
def _origins(table: str, column: str) -> frozenset[tuple[str, str]]:
    """(table, column) of raw and reference tables at the end of all paths."""
    models = load_models()
    found: set[tuple[str, str]] = set()
    for name, part in _leaves(table, column):
        if name in models:
            if (name, part) != (table, column):
                found |= _origins(name, part)
        else:
            found.add((name, part))
    return frozenset(found)


def column_sources(mart: str) -> dict[str, dict[str, str]]:
    """Column of a mart → `source` (extracts with their Chinese headers, reference tables) and `standard` of its codes."""
    contract = load_contracts("marts")[mart]
    raw = {c.table: c for c in load_contracts("extracts").values()}
    behind = ", ".join(sorted({load_contracts("extracts")[s].product for s in sources_of(mart)}))
    said = {}
    for column in contract.columns:
        extracts: dict[str, None] = {}
        tables: dict[str, None] = {}
        standards: dict[str, None] = {}
        for table, name in sorted(_origins(contract.table, column.name)):
            if table in raw:
                known = {(c.token if c.zone == "token" else c.name): c for c in raw[table].columns}
                if name in known:
                    extracts[f"{raw[table].product} {known[name].header}"] = None
                    standards[known[name].properties.get("standard", "")] = None
            elif table.startswith("ref."):
                tables[table.removeprefix("ref.")] = None
        parts = [*sorted(extracts), *(f"参考表 {t}" for t in tables)]
        if not extracts and behind and column.properties.get("unit"):
            parts.insert(0, f"由 {behind} 计数 counted from {behind}")
        more = f"; … (+{len(parts) - _SHOWN})" if len(parts) > _SHOWN else ""
        said[column.name] = {"source": "; ".join(parts[:_SHOWN]) + more}
        if column.name.endswith(("_code", "_id", "_no")):
            named = [s for s in standards if s] if extracts else _documents(list(tables)[:1])
            if len(named) == 1 and _STANDARD.match(named[0]):
                said[column.name]["standard"] = named[0]
    return said


def _documents(tables: list[str]) -> list[str]:
    """The document that most rows of a reference table name as their source."""
    counted = Counter(
        r["source_doc"] for t in tables if t in table_names() and t not in _MIXED for r in rows(t)
    )
    return [doc for doc, _ in counted.most_common(1)]


if __name__ == "__main__":
    found = {mart: column_sources(mart) for mart in load_contracts("marts")}
    head = "# Generated by `python -m warehouse.lineage` from the SQL of the models; do not edit.\n"
    FILE.write_text(
        head + yaml.safe_dump(found, allow_unicode=True, sort_keys=False, width=140), encoding="utf-8"
    )
