"""Staged marts as an outsider reads them: rows and the declarations in their contracts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from warehouse.contract import Contract, parse_contract
from warehouse.protection import WHOLE, Protection, protection_of


@dataclass(frozen=True)
class Line:
    """A published row: key, members per dimension with their wholes in the row (None: on its own), figures by column."""

    key: tuple[str, ...]
    above: dict[str, tuple[str, ...]] | None
    figures: dict[str, int | None]


@dataclass(frozen=True)
class Mart:
    """One staged mart with its lines by snapshot; `foreign` counts computed values that the row does not give."""

    contract: Contract
    rule: Protection
    parquet: Path
    lines: dict[str, list[Line]]
    foreign: dict[str, int]


def read_marts(con: duckdb.DuckDBPyConnection, root: Path) -> dict[str, Mart]:
    """Protected marts of a folder by id; `con` reads the files."""
    found = {}
    for file in sorted((root / "contracts").glob("*.odcs.yaml")):
        contract = parse_contract(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader))
        rule = protection_of(contract)
        parquet = root / "parquet" / f"{contract.id}.parquet"
        if rule.lane != "open" and parquet.is_file():
            lines, foreign = _lines(con, parquet, contract, rule), _foreign(con, parquet, contract, rule)
            found[contract.id] = Mart(contract, rule, parquet, lines, foreign)
    return found


def _lines(
    con: duckdb.DuckDBPyConnection, parquet: Path, contract: Contract, rule: Protection
) -> dict[str, list[Line]]:
    relation = con.execute("SELECT * FROM read_parquet(?)", [str(parquet)])
    names = [d[0] for d in relation.description]
    rows = relation.fetchall()
    counted = {
        name: {r[0] for r in con.execute(_where(parquet, count.where)).fetchall()}
        for name, count in rule.counts.items()
        if count.where
    }
    found: dict[str, list[Line]] = defaultdict(list)
    for n, values in enumerate(rows):
        row: dict[str, Any] = dict(zip(names, values, strict=True))
        hidden = set(filter(None, (row.get("hidden_columns") or "").split(",")))
        text = {k: "" if v is None else str(v) for k, v in row.items()}
        figures = {
            c: None if row[c] is None else int(row[c])
            for c in rule.counts
            if (row[c] is not None or c in hidden) and (c not in counted or n in counted[c])
        }
        line = Line(tuple(text[k] for k in contract.key), _above(rule, text), figures)
        found[text[rule.snapshot] if rule.snapshot else ""].append(line)
    return dict(found)


def _foreign(
    con: duckdb.DuckDBPyConnection, parquet: Path, contract: Contract, rule: Protection
) -> dict[str, int]:
    """Values of derived columns that do not follow from their row: they carry something from elsewhere."""
    found = {}
    for name, expression in rule.derived.items():
        type_ = contract.column(name).type
        path = str(parquet).replace("'", "''")
        query = (
            f'SELECT count(*) FROM (SELECT "{name}" AS shown, CAST(({expression}) AS {type_}) AS follows '
            f"FROM read_parquet('{path}')) WHERE shown IS NOT NULL AND shown IS DISTINCT FROM follows"
        )
        if count := con.execute(query).fetchall()[0][0]:
            found[name] = int(count)
    return found


def _where(parquet: Path, condition: str) -> str:
    path = str(parquet).replace("'", "''")
    return f"SELECT file_row_number FROM read_parquet('{path}', file_row_number = true) WHERE {condition}"


def _above(rule: Protection, text: dict[str, str]) -> dict[str, tuple[str, ...]] | None:
    if rule.apart:
        return None
    found = {}
    for name, axis in rule.axes.items():
        member = "/".join(text[c] for c in axis.columns)
        if axis.level and text[axis.level] in axis.apart:
            return None
        if axis.level and text[axis.level] == axis.whole:
            member = WHOLE
        named = axis.members.get(member, member)
        if named is None:
            return None
        found[name] = tuple(dict.fromkeys((named, *(text[c] for c in axis.levels), WHOLE)))
    return found
