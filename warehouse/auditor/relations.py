"""Rate × denominator, average × count: does a shown column, alone or with another one, give a protected count back?

A computed column is checked against its published row elsewhere. Here are the columns that a contract calls exempt: the
attacker learns on rows that show the count which formula yields it, and uses it on the rows that do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import duckdb
import numpy as np

from warehouse.auditor.staged import Mart

_RULE = 0.95  # a formula that holds in this share of the rows is one
_LEAST = 5  # rows, with three different counts and exempt values, before a coincidence is out of the question
_LARGE = (
    4  # rounding bases: a formula is learned where a figure near by chance is not within the rounding anyway
)
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")


def relations(con: duckdb.DuckDBPyConnection, mart: Mart) -> Iterator[str]:
    """Problems: counts of a mart that a formula over its exempt columns tells."""
    columns = _columns(con, mart)
    if not columns:
        return
    for column in mart.rule.counts:
        count = columns[column]
        for name, exempt, formula in _formulas(mart, columns, column):
            told = _told(mart, count, exempt, formula)
            if told:
                yield f"{mart.contract.id}.{column}: {told} 个数可由 {name} 算出 / {told} figures follow from {name}"
                break


def _columns(con: duckdb.DuckDBPyConnection, mart: Mart) -> dict[str, np.ndarray]:
    """Numeric columns as floats, NaN where empty."""
    if not any(_is_number(mart, c) for c in mart.rule.exempt):
        return {}
    names = [c.name for c in mart.contract.columns if c.name in mart.rule.counts or _is_number(mart, c.name)]
    listed = ", ".join(f'CAST("{n}" AS DOUBLE) AS "{n}"' for n in names)
    found = con.execute(f"SELECT {listed} FROM read_parquet(?)", [str(mart.parquet)]).fetchnumpy()
    return {n: np.ma.filled(np.ma.asarray(v, dtype=float), np.nan) for n, v in found.items()}


def _is_number(mart: Mart, column: str) -> bool:
    return any(n in mart.contract.column(column).type.upper() for n in _NUMBERS)


def _formulas(
    mart: Mart, columns: dict[str, np.ndarray], count: str
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name of a formula, the exempt column in it, and its values."""
    exempt = [c for c in mart.rule.exempt if c in columns and np.unique(columns[c]).size > 2]
    others = [c for c in columns if c != count]
    with np.errstate(all="ignore"):
        for one in exempt:
            yield one, columns[one], columns[one]
        for one, two in product(exempt, others):
            if one == two:
                continue
            x, y = columns[one], columns[two]
            yield f"{one} × {two}", x, x * y
            yield f"{one} × {two} / 100", x, x * y / 100
            yield f"{one} / {two}", x, x / y
            yield f"100 × {one} / {two}", x, 100 * x / y
            yield f"{two} / {one}", x, y / x
            yield f"100 × {two} / {one}", x, 100 * y / x


def _told(mart: Mart, count: np.ndarray, exempt: np.ndarray, formula: np.ndarray) -> int:
    """Rows in which the formula says more about the count than is published."""
    usable = np.isfinite(formula)
    shown = usable & np.isfinite(count)
    learned = shown if mart.rule.lane == "suppress" else shown & (count >= _LARGE * mart.rule.base)
    if learned.sum() < _LEAST or min(np.unique(v[learned]).size for v in (count, exempt)) < 3:
        return 0
    off = np.abs(formula - count)
    if mart.rule.lane == "suppress":
        holds = off[learned] <= 0.5
        return int((usable & np.isnan(count)).sum()) if holds.mean() >= _RULE else 0
    whole = np.abs(formula - np.round(formula)) < 0.01
    holds = whole[learned] & (off[learned] < mart.rule.base)
    sharper = shown & whole & (np.round(formula) % mart.rule.base != 0)
    return int(sharper.sum()) if holds.mean() >= _RULE else 0
