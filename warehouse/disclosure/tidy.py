"""Show again what protects nobody: complementary cells that all other hidden figures can do without.

A search that takes one dangerous cell after the other hides more than it needs, because what protected an early cell may
be covered by what a later one hid. Each complementary cell, the largest first, is thought shown; when every hidden
figure keeps its range all the same, it is shown. After that no single one can be left out (the clean-up of Kelly,
Golden & Assad 1992).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

import highspy
import numpy as np

from warehouse.disclosure.cube import Cube, empty_allowed, is_rest
from warehouse.disclosure.primary import SECONDARY
from warehouse.engine.solver import new_solver
from warehouse.errors import EngineError

_NEAR = 1e-6
_MUCH = 1e6


def tidy(cube: Cube, hidden: dict[int, str], movable: Collection[int], minimum: int, width: int) -> None:
    """Take from `hidden` (cell -> reason) what is not needed; `movable` are the cells that a reader does not know."""
    loose = {c for c in movable if c in hidden or is_rest(cube, c)}
    sums: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for _, parts in cube.parts:
        if any(cube.value[c] == 1 for c in parts):
            for c in parts:
                sums[c].append(parts)
    for part in _connected(cube, loose):
        group = _Group(cube, part, {c for c in part if c in hidden}, minimum, width)
        if not group.is_safe():
            continue  # the auditor will say what is wrong; nothing is shown that is doubtful
        spare = sorted(
            (c for c in part if hidden.get(c) == SECONDARY), key=lambda c: (-cube.value[c], cube.keys[c])
        )
        for cell in spare:
            if not _leaves_two(cube, hidden, sums[cell], cell) and group.is_safe_without(cell):
                del hidden[cell]


def _leaves_two(cube: Cube, hidden: Collection[int], sums: Collection[tuple[int, ...]], cell: int) -> bool:
    """Would a single person be left alone with one other hidden cell in a sum?"""
    for parts in sums:
        inside = [c for c in parts if c in hidden and c != cell]
        if len(inside) == 2 and any(cube.value[c] == 1 for c in inside):
            return True
    return False


def _connected(cube: Cube, cells: Collection[int]) -> Iterator[list[int]]:
    """Groups of cells that share sums."""
    root = {c: c for c in cells}

    def find(c: int) -> int:
        while root[c] != c:
            root[c] = root[root[c]]
            c = root[c]
        return c

    for whole, parts in cube.parts:
        inside = [c for c in (whole, *parts) if c in root]
        for other in inside[1:]:
            root[find(other)] = find(inside[0])
    groups: dict[int, list[int]] = defaultdict(list)
    for c in sorted(cells):
        groups[find(c)].append(c)
    yield from groups.values()


class _Group:
    """Cells that a reader cannot see, and possible tables: each row how far every cell is from its true figure."""

    def __init__(
        self, cube: Cube, cells: list[int], hidden: Collection[int], minimum: int, width: int
    ) -> None:
        self.at = {c: n for n, c in enumerate(cells)}
        self.value = np.array([cube.value[c] for c in cells], dtype=float)
        self.minimum, self.width = minimum, width
        self.needs = np.array([c in hidden for c in cells])
        self.tables = np.zeros((1, len(cells)))
        least = [0.0 if empty_allowed(cube, c) else 1.0 for c in cells]
        self.low, self.high = np.array(least) - self.value, np.full(len(cells), _MUCH)
        self.solver = new_solver()
        self.solver.passModel(self._programme(cube))

    def _programme(self, cube: Cube) -> highspy.HighsLp:
        rows = []
        for whole, parts in cube.parts:
            entries = [
                (self.at[c], w) for c, w in ((whole, -1.0), *((p, 1.0) for p in parts)) if c in self.at
            ]
            if entries:
                rows.append(entries)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.at), len(rows)
        lp.col_cost_ = np.zeros(len(self.at))
        lp.col_lower_, lp.col_upper_ = self.low, self.high
        lp.row_lower_ = lp.row_upper_ = np.zeros(len(rows))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *map(len, rows)])
        lp.a_matrix_.index_ = np.array([n for r in rows for n, _ in r], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([w for r in rows for _, w in r])
        return lp

    def is_safe(self) -> bool:
        """Do all hidden cells reach the minimum and keep their range? Tables are sought until they show it."""
        while len(open_ := self._open()):
            cell = int(open_[0])
            for sign in (-1.0, 1.0):
                if cell in self._open() and not self._table(cell, sign):
                    return False
            if cell in self._open():
                return False
        return True

    def is_safe_without(self, cell: int) -> bool:
        """The same if `cell` were shown; then it is from now on."""
        n = self.at[cell]
        before, self.tables = self.tables, self.tables[self.tables[:, n] == 0]
        self.needs[n] = False
        self.solver.changeColBounds(n, 0.0, 0.0)
        if self.is_safe():
            return True
        self.needs[n] = True
        self.tables = np.vstack([before, self.tables[1:]]) if len(self.tables) > 1 else before
        self.solver.changeColBounds(n, self.low[n], self.high[n])
        return False

    def _open(self) -> np.ndarray:
        """Cells that no table found so far proves, the smallest first."""
        low, high = self.tables.min(axis=0), self.tables.max(axis=0)
        few = (self.value + high < self.minimum) | (high - low < self.width)
        found = np.flatnonzero(few & self.needs)
        return found[np.argsort(self.value[found], kind="stable")]

    def _table(self, cell: int, sign: float) -> bool:
        """A possible table that moves a cell far down (1) or up (-1); False if it is not one of whole numbers."""
        far = float(max(self.minimum, self.width))
        self.solver.changeColCost(cell, sign)
        self.solver.changeColBounds(cell, max(self.low[cell], -far), far)
        self.solver.run()
        status = self.solver.getModelStatus()
        self.solver.changeColCost(cell, 0.0)
        self.solver.changeColBounds(cell, self.low[cell], self.high[cell])
        if status != highspy.HighsModelStatus.kOptimal:
            raise EngineError(
                f"补充隐藏未得到解 ({status.name}) / complementary suppression found no solution ({status.name})",
                "report the mart and the month; publish it in the round lane meanwhile",
            )
        found = np.array(self.solver.getSolution().col_value)
        if np.abs(found - np.round(found)).max() > _NEAR:
            return False
        self.tables = np.vstack([self.tables, np.round(found)])
        return True
