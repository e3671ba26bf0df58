"""What a reader keeps from earlier releases: limits on sums, unless the data were revised since.

A figure that no true figure can agree with both then and now was revised. The smallest such figures hold what changed;
what contains it is no knowledge any more, everything else stays knowledge. To forget all of it for one correction
would let a leak elsewhere pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

from warehouse.auditor.book import MUCH, Book, window
from warehouse.auditor.bounds import System, programme
from warehouse.auditor.staged import Mart
from warehouse.engine.solver import new_solver

_NEAR = 1e-6
Limits = dict[tuple[int, ...], tuple[float, float]]


@dataclass
class Past:
    """Limits on sums of leaves that earlier releases give, and the sums that were revised since."""

    limits: Limits = field(default_factory=dict)
    revised: set[tuple[int, ...]] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)

    def forget(self, sums: Sequence[tuple[int, ...]]) -> None:
        """These were revised; larger ones that contain them say nothing about where."""
        for columns in sorted(sums, key=lambda c: (len(c), c)):
            self.revised.add(columns)
            if not self.gone.intersection(columns):
                self.gone.update(columns)
        self.limits = self.without_gone(self.limits)

    def without_gone(self, limits: Limits) -> Limits:
        """Limits on sums in which nothing was revised."""
        return {c: w for c, w in limits.items() if not self.gone.intersection(c)}


def seen_before(
    book: Book, marts: Sequence[Mart], snapshot: str, releases: Sequence[Mapping[str, Mart]]
) -> Past:
    """Knowledge from the figures of the same snapshot in `releases` (oldest first), the newest looked at first."""
    past, now = Past(), _now(book)
    for release in reversed(releases):
        seen = _windows(book, marts, snapshot, release)
        past.forget([c for c, w in seen.items() if _both(w, now[c], past.limits.get(c)) is None])
        for columns, limits in past.without_gone(seen).items():
            both = _both(limits, now[columns], past.limits.get(columns))
            if both is not None and both != now[columns]:
                past.limits[columns] = both
        while past.limits and (wrong := _impossible(book, past.limits)):
            past.forget(wrong)
    return past


def _now(book: Book) -> Limits:
    """What this release says about every sum that it shows or hides."""
    found: Limits = {}
    for columns, low, high in book.system.rows:
        found[columns] = _both((low, high), found.get(columns)) or (low, high)
    return found


def _windows(book: Book, marts: Sequence[Mart], snapshot: str, release: Mapping[str, Mart]) -> Limits:
    found: Limits = {}
    for mart in marts:
        old = release.get(mart.contract.id)
        if old is None or old.contract.key != mart.contract.key:
            continue
        for line in old.lines.get(snapshot, []):
            for column, value in line.figures.items():
                columns = book.sums.get((mart.contract.id, line.key, column))
                if columns is None or value is None:
                    continue
                limits = window(old.rule, value)
                found[columns] = _both(limits, found.get(columns)) or limits
    return found


def _both(one: tuple[float, float], *others: tuple[float, float] | None) -> tuple[float, float] | None:
    """What all allow; None when nothing."""
    every = [one, *(o for o in others if o is not None)]
    low, high = max(o[0] for o in every), min(o[1] for o in every)
    return (low, high) if low <= high else None


def _impossible(book: Book, limits: Limits) -> list[tuple[int, ...]]:
    """Limits that must be broken for a table to exist at all; the small sums are broken first."""
    soft = list(limits)
    count, rows = len(book.system.lower), list(book.system.rows)
    lower, upper = list(book.system.lower), list(book.system.upper)
    signs: dict[int, float] = {}
    for columns in soft:
        slack = (len(lower), len(lower) + 1)
        lower += [0.0, 0.0]
        upper += [MUCH, MUCH]
        signs[slack[1]] = -1.0
        rows.append(((*columns, *slack), *limits[columns]))
    lp = programme(System(lower, upper, rows), signs)
    cost = np.zeros(len(lower))
    for n, columns in enumerate(soft):
        cost[count + 2 * n : count + 2 * n + 2] = len(columns)
    lp.col_cost_ = cost
    solver = new_solver()
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return soft  # this release contradicts itself; the attack will say so
    values = np.array(solver.getSolution().col_value)[count:].reshape(-1, 2).sum(axis=1)
    return [columns for columns, slack in zip(soft, values, strict=True) if slack > _NEAR]
