"""From the exact marts of the warehouse to protected relations, one cube and snapshot after the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.contract import Contract
from warehouse.disclosure.cube import Cube, Row, Table, build, row_members
from warehouse.disclosure.earlier import Before, read_before, same_term
from warehouse.disclosure.rounding import round_cells
from warehouse.disclosure.suppress import suppress
from warehouse.engine.duckdb import Session, quote
from warehouse.errors import UsageError
from warehouse.protection import HIDDEN_COLUMNS, STATUS, Protection, protection_of

_TREE = 4  # a dimension of fewer members gives no tree to round along


@dataclass(frozen=True)
class Protected:
    """What may leave the house of one mart: a SELECT with the columns of its contract, and what it cost."""

    select: str
    loss: dict[str, Any]


def protect_marts(
    session: Session, contracts: Mapping[str, Contract], earlier: Sequence[Path] = ()
) -> dict[str, Protected]:
    """Protect all marts together; `contracts` are enforced ones, `earlier` the folders of published releases.

    Raises BlockedError for a mart without declaration, UsageError for one that does not fit, EngineError
    when a solver ends without a proven answer.
    """
    rules = {name: protection_of(c) for name, c in contracts.items()}
    found = {
        n: Protected(_plain(contracts[n]), {"lane": "open"}) for n, r in rules.items() if r.lane == "open"
    }
    cubes: dict[str, list[str]] = defaultdict(list)
    for name, rule in sorted(rules.items()):
        if rule.lane != "open":
            cubes[rule.cube].append(name)
    for cube, marts in cubes.items():
        if len({(rules[m].lane, rules[m].base, rules[m].minimum) for m in marts}) > 1:
            raise UsageError(
                f"{cube}: 同一立方体只能用一种保护方式 / the marts of a cube need one lane and tier",
                f"declare the same lane and tier in {', '.join(marts)}",
            )
        found |= _cube(session, {m: contracts[m] for m in marts}, {m: rules[m] for m in marts}, earlier)
    return found


def _plain(contract: Contract) -> str:
    columns = ", ".join(f"CAST({quote(c.name)} AS {c.type}) AS {quote(c.name)}" for c in contract.columns)
    return f"SELECT {columns} FROM {quote(contract.table)}"


def _cube(
    session: Session,
    contracts: Mapping[str, Contract],
    rules: Mapping[str, Protection],
    earlier: Sequence[Path],
) -> dict[str, Protected]:
    rows: dict[str, dict[str, list[Row]]] = {}
    for mart, contract in contracts.items():
        _source(session, contract)
        rows[mart] = _rows(session, contract, rules[mart])
    before = {m: read_before(earlier, contracts[m], rules[m]) for m in contracts}
    values: dict[str, list[tuple[int, str, int | None]]] = defaultdict(list)
    losses: dict[str, Counter[str]] = defaultdict(Counter)
    for snapshot in sorted({s for by in rows.values() for s in by}):
        tables = [Table(m, rules[m], rows[m].get(snapshot, [])) for m in contracts]
        cube = build(tables)
        past = _at_cells(cube, tables, before, snapshot)
        shown = _solve(cube, next(iter(rules.values())), past)
        for table in tables:
            # What this month hides stays hidden in later months of its term, also within one release.
            before[table.mart].hide(snapshot, _hidden(cube, table, shown))
        for (mart, number, column), cell in cube.place.items():
            value = 0 if cell is None else shown[cell]
            values[mart].append((number, column, value))
            exact = 0 if cell is None else cube.value[cell]
            _count(losses[mart], exact, value, rules[mart].minimum)
        for mart in contracts:
            losses[mart]["disagree"] += cube.disagree
    return {
        m: Protected(_protected(session, contracts[m], rules[m], values[m]), _loss(rules[m], losses[m]))
        for m in contracts
    }


def _source(session: Session, contract: Contract) -> None:
    order = ", ".join(quote(k) for k in contract.key)
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {quote(f'exact__{contract.id}')} AS "
        f"SELECT row_number() OVER (ORDER BY {order}) AS _row, * FROM {quote(contract.table)}"
    )


def _rows(session: Session, contract: Contract, rule: Protection) -> dict[str, list[Row]]:
    """Rows by snapshot."""
    axes = [c for a in rule.axes.values() for c in (*a.columns, *a.levels, *filter(None, [a.level]))]
    texts = list(dict.fromkeys((*contract.key, *axes)))
    select = [f"coalesce(CAST({quote(c)} AS VARCHAR), '')" for c in texts]
    counts = [
        f"CASE WHEN {c.where} THEN {quote(n)} END" if c.where else quote(n) for n, c in rule.counts.items()
    ]
    found: dict[str, list[Row]] = defaultdict(list)
    relation = quote(f"exact__{contract.id}")
    for row in session.rows(f"SELECT _row, {', '.join((*select, *counts))} FROM {relation} ORDER BY _row"):
        text = dict(zip(texts, row[1 : len(texts) + 1], strict=True))
        numbers = zip(rule.counts, row[len(texts) + 1 :], strict=True)
        found[text[rule.snapshot] if rule.snapshot else ""].append(
            Row(
                number=row[0],
                key=tuple(text[k] for k in contract.key),
                members=None if rule.apart else row_members(rule.axes, text),
                levels={n: tuple(text[c] for c in a.levels) for n, a in rule.axes.items() if a.levels},
                values={n: int(v) for n, v in numbers if v is not None},
            )
        )
    return found


@dataclass
class _Past:
    """What earlier releases showed of the cells: newest value, exact values known, cells hidden in the term."""

    newest: dict[int, int]
    known: set[int]
    frozen: set[int]
    pattern: set[int] | None


def _at_cells(cube: Cube, tables: Sequence[Table], before: Mapping[str, Before], snapshot: str) -> _Past:
    newest: dict[int, int] = {}
    known: set[int] = set()
    frozen: set[int] = set()
    whole, pattern = True, set()
    for table in tables:
        past = before[table.mart]
        for row in table.rows:
            for column in row.values:
                cell = cube.place[(table.mart, row.number, column)]
                if cell is None:
                    continue
                seen = past.values.get(snapshot, {}).get((row.key, column), [])
                if seen and seen[0] is not None:
                    newest.setdefault(cell, seen[0])
                elif snapshot in past.values and table.rule.sparse and not seen:
                    newest.setdefault(cell, 0)
                if cube.value[cell] in seen:
                    known.add(cell)
                if not seen or (seen[0] is not None and seen[0] != cube.value[cell]):
                    whole = False
                elif seen[0] is None:
                    pattern.add(cell)
                at = past.key.index(table.rule.snapshot) if table.rule.snapshot else 0
                for month, cells in past.hidden.items():
                    if month != snapshot and not same_term(month, snapshot):
                        continue
                    key = row.key if not table.rule.snapshot else (*row.key[:at], month, *row.key[at + 1 :])
                    if (key, column) in cells:
                        frozen.add(cell)
    same = whole and bool(tables) and all(before[t.mart].same_rule for t in tables)
    return _Past(newest, known - frozen, frozen, pattern if same else None)


def _hidden(
    cube: Cube, table: Table, shown: Mapping[int, int | None]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Key of the row and column of what a mart hides."""
    for row in table.rows:
        for column in row.values:
            cell = cube.place[(table.mart, row.number, column)]
            if cell is not None and shown[cell] is None:
                yield row.key, column


def _solve(cube: Cube, rule: Protection, past: _Past) -> Mapping[int, int | None]:
    """Cell -> published value; None is hidden."""
    if rule.lane == "round":
        return round_cells(cube, rule.base, _tree(cube, rule), past.newest)
    if past.pattern is not None:
        hidden = dict.fromkeys(past.pattern, "kept")
    else:
        hidden = suppress(
            cube, rule.minimum, rule.width, tree=_tree(cube, rule), frozen=past.frozen, known=past.known
        )
    return {c: None if c in hidden else v for c, v in enumerate(cube.value)}


def _tree(cube: Cube, rule: Protection) -> str | None:
    """The dimension along which big cubes are split: one with levels, else one of a fair number of members."""
    for name in cube.dimensions:
        if name in rule.axes and rule.axes[name].levels:
            return name
    sizes = {
        d: len({cube.keys[c][n] for c in cube.leaves})
        for n, d in enumerate(cube.dimensions)
        if d in rule.axes
    }
    fair = {d: s for d, s in sizes.items() if s >= _TREE}
    return min(fair, key=lambda d: (fair[d], d)) if fair and rule.lane == "round" else None


def _count(loss: Counter[str], exact: int, value: int | None, minimum: int) -> None:
    loss["cells"] += 1
    loss["filled"] += exact > 0
    loss["persons"] += exact
    if value is None:
        loss["hidden"] += 1
        loss["hidden_persons"] += exact
        # By the figure, not by the way it was found: a rerun that keeps a published pattern reports the same.
        loss[
            "reason:empty" if not exact else "reason:small" if exact < minimum else "reason:protects others"
        ] += 1
    else:
        loss["error"] += abs(value - exact)
        loss["error_max"] = max(loss["error_max"], abs(value - exact))


def _loss(rule: Protection, loss: Counter[str]) -> dict[str, Any]:
    """Information loss in shares and means: it tells nothing about a single cell."""
    cells, persons = max(loss["cells"], 1), max(loss["persons"], 1)
    return {
        "lane": rule.lane,
        "minimum": rule.minimum,
        "base": rule.base if rule.lane == "round" else None,
        "cells": loss["cells"],
        "hidden_cells": loss["hidden"],
        "share_cells_hidden": round(loss["hidden"] / cells, 4),
        "share_persons_hidden": round(loss["hidden_persons"] / persons, 4),
        "mean_absolute_error": round(loss["error"] / cells, 3),
        "largest_error": loss["error_max"],
        "figures_that_disagree": loss["disagree"],
        "reasons": {k[7:]: n for k, n in sorted(loss.items()) if k.startswith("reason:")},
    }


def _protected(
    session: Session, contract: Contract, rule: Protection, values: Sequence[tuple[int, str, int | None]]
) -> str:
    """SELECT of the published columns: protected counts, what is computed from them, and the markers."""
    by_row: dict[int, dict[str, int | None]] = defaultdict(dict)
    for number, column, value in values:
        by_row[number][column] = value
    names = [f"_p{n}" for n in range(len(rule.counts))]
    arrays = {"_row": pa.array(list(by_row), pa.int64())}
    for name, column in zip(names, rule.counts, strict=True):
        arrays[name] = pa.array([r.get(column) for r in by_row.values()], pa.int64())
        arrays[f"{name}_has"] = pa.array([column in r for r in by_row.values()], pa.bool_())
    fresh = quote(f"fresh__{contract.id}")
    session.con.register("_protected_cells", pa.table(arrays))
    session.execute(f"CREATE OR REPLACE TEMP TABLE {fresh} AS SELECT * FROM _protected_cells")
    session.con.unregister("_protected_cells")

    counts = ", ".join(
        f"CASE WHEN f.{n}_has THEN f.{n} ELSE e.{quote(c)} END AS {quote(c)}"
        for n, c in zip(names, rule.counts, strict=True)
    )
    raw = ", ".join(f"e.{quote(c)} AS {quote('_raw_' + c)}" for c in rule.hideable)
    any_here = " OR ".join(f"coalesce(f.{n}_has, false)" for n in names)
    query = (
        f"SELECT e.* REPLACE ({counts}), {raw}, ({any_here}) AS _counts "
        f"FROM {quote(f'exact__{contract.id}')} e LEFT JOIN {fresh} f USING (_row)"
    )
    for column, expression in rule.derived.items():
        # One after the other: a later expression reads the published value of an earlier one.
        formula = f"CAST(({expression}) AS {contract.column(column).type})"
        query = f"SELECT * REPLACE ({formula} AS {quote(column)}) FROM ({query})"
    gone = ", ".join(
        f"CASE WHEN {quote('_raw_' + c)} IS NOT NULL AND {quote(c)} IS NULL THEN '{c}' END"
        for c in rule.hideable
    )
    seen = "rounded" if rule.lane == "round" else "shown"
    query = f"SELECT *, nullif(concat_ws(',', {gone}), '') AS _gone FROM ({query})" + (
        f" WHERE NOT ({' AND '.join(f'{quote(c)} = 0' for c in rule.counts)})" if rule.sparse else ""
    )
    special = {
        HIDDEN_COLUMNS: "_gone",
        STATUS: f"CASE WHEN _gone IS NOT NULL THEN 'hidden' WHEN _counts THEN '{seen}' ELSE 'shown' END",
    }
    columns = ", ".join(
        f"CAST({special.get(c.name, quote(c.name))} AS {c.type}) AS {quote(c.name)}" for c in contract.columns
    )
    return f"SELECT {columns} FROM ({query})"
