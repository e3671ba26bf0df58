"""Hidden stays hidden within a school term: a figure that reappears tells what it was a month before.

Of two months that hold nearly the same pupils, a figure shown in one is a close guess of that hidden in the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from warehouse.auditor.staged import Mart
from warehouse.reference import rows

_Cell = tuple[tuple[str, ...], str]  # key of the row without the month, column


def reappeared(mart: Mart, earlier: Sequence[Mart]) -> Iterator[str]:
    """Problems: figures of a month that were hidden in an earlier month of its term, here or in earlier releases."""
    if mart.rule.lane != "suppress" or not mart.rule.snapshot:
        return
    starts = sorted(int(r["value"]) for r in rows("threshold") if r["threshold_id"].startswith("term_month"))
    hidden: dict[tuple[int, int], dict[_Cell, str]] = defaultdict(dict)
    for source in (mart, *earlier):
        for (month, cell), value in _figures(source):
            if value is None:
                first = hidden[_term(month, starts)].get(cell, month)
                hidden[_term(month, starts)][cell] = min(first, month)
    bad = sum(
        value > 0 and hidden[_term(month, starts)].get(cell, month) < month
        for (month, cell), value in _figures(mart)
        if value is not None
    )
    if bad:
        yield (
            f"{mart.contract.id}: {bad} 个数本学期曾隐藏 / {bad} figures are shown that were hidden earlier in the term"
        )


def _figures(mart: Mart) -> Iterator[tuple[tuple[str, _Cell], int | None]]:
    if mart.rule.snapshot not in mart.contract.key:
        return
    at = mart.contract.key.index(mart.rule.snapshot)
    for month, lines in mart.lines.items():
        for line in lines:
            rest = (*line.key[:at], *line.key[at + 1 :])
            for column, value in line.figures.items():
                yield (month, (rest, column)), value


def _term(period: str, starts: Sequence[int]) -> tuple[int, int]:
    year, month = (int(p) for p in period.split("-"))
    begun = [s for s in starts if s <= month]
    return (year, begun[-1]) if begun else (year - 1, starts[-1])
