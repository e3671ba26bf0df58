"""Cell suppression with complementary cells by linear programming.

For each dangerous cell a cheapest *alternative table* is sought: another set of non-negative figures that
agrees with everything shown and in which the cell is clearly larger. The cells in which the two tables differ
are hidden. Every alternative table is a proof for all the cells it moves at once, so only cells that no table
has proven yet need a programme of their own. A global round at the end looks at every hidden cell, also at
those hidden only to protect others, and repairs or shows them.

Method: network and LP suppression after Fischetti & Salazar 2001; proofs shared between cells are ours.
"""

from __future__ import annotations

from collections.abc import Iterable

import highspy
import numpy as np

from warehouse.disclosure.cube import Cube, empty_allowed, is_rest
from warehouse.disclosure.primary import SECONDARY, SINGLETON, primary
from warehouse.disclosure.tidy import tidy
from warehouse.engine.solver import new_solver
from warehouse.errors import EngineError

_ROUNDS = 12


def suppress(
    cube: Cube,
    minimum: int,
    width: int,
    *,
    tree: str | None = None,
    frozen: Iterable[int] = (),
    known: Iterable[int] = (),
) -> dict[int, str]:
    """Hidden cells with their reasons. `known` are cells whose exact value an earlier release showed."""
    hidden = primary(cube, minimum, set(frozen))
    table = _Alternatives(cube, set(hidden), set(known), tree)
    _complement(cube, hidden, table, minimum, width)
    tidy(cube, hidden, table.movable, minimum, width)
    return hidden


def _complement(cube: Cube, hidden: dict[int, str], table: _Alternatives, minimum: int, width: int) -> None:
    """Hide more cells until every hidden one has its range."""
    for _ in range(_ROUNDS):
        _singletons(cube, hidden)
        table.hidden |= set(hidden)
        for cell in sorted(hidden, key=lambda c: (cube.value[c], cube.keys[c])):
            if not table.proven(cell, minimum, width) and not table.stuck(cell):
                table.protect(cell, minimum, width)
        new = {c: SECONDARY for c in table.hidden if c not in hidden}
        hidden |= new
        # A cell hidden for others that moves too little helps nobody if it does not move at all.
        loose = {c for c in hidden if not table.proven(c, minimum, width)}
        if not new and not loose:
            return
        for cell in loose:
            if hidden[cell] == SECONDARY and table.still(cell):
                del hidden[cell]
                table.hidden.discard(cell)
        if not new and all(cell not in hidden or table.stuck(cell) for cell in loose):
            return


def _singletons(cube: Cube, hidden: dict[int, str]) -> None:
    """Two hidden cells alone in a sum, one of them a single person who knows himself: hide one more."""
    for _, parts in cube.parts:
        inside = [c for c in parts if c in hidden]
        if len(inside) == 2 and any(cube.value[c] == 1 for c in inside):
            others = [c for c in parts if c not in hidden and cube.value[c] > 0]
            if others:
                hidden[min(others, key=lambda c: (cube.value[c], cube.keys[c]))] = SINGLETON


class _Alternatives:
    """Alternative tables found so far: low[c] and high[c] are the extremes of cell c over all of them.

    A table is sought in the smallest part of the tree first (the siblings of the cell and what lies below
    them, their common whole held fast): what agrees there agrees everywhere. Only when there is none the
    search goes one whole further up.
    """

    def __init__(self, cube: Cube, hidden: set[int], known: set[int], tree: str | None) -> None:
        self.cube = cube
        self.hidden = set(hidden)
        self._given_up: set[int] = set()
        self.low = [float(v) for v in cube.value]
        self.high = [float(v) for v in cube.value]
        self.tied = {c for whole, parts in cube.parts for c in (whole, *parts)}
        self.movable = {
            c for c in self.tied if c not in known and (cube.value[c] > 0 or empty_allowed(cube, c))
        }
        self.at = cube.dimensions.index(tree) if tree in cube.dimensions else None
        self.up: dict[str, str] = {}
        if self.at is not None:
            for whole, parts in cube.parts:
                for part in parts:
                    member, above = cube.keys[part][self.at], cube.keys[whole][self.at]
                    if member != above:
                        self.up.setdefault(member, above)
        self._scopes: dict[str, _Scope] = {}

    def _chain(self, member: str) -> list[str]:
        """The member and its wholes, upwards."""
        found = [member]
        while found[-1] in self.up:
            found.append(self.up[found[-1]])
        return found

    def _nodes(self, cell: int) -> list[str]:
        """Wholes below which a table may be sought, nearest first; the empty one is the whole cube."""
        if self.at is None:
            return [""]
        return [*self._chain(self.cube.keys[cell][self.at])[1:], ""]

    def _scope(self, node: str) -> _Scope:
        if node not in self._scopes:
            at = self.at
            inside = (
                self.movable
                if not node or at is None
                else {c for c in self.movable if node in self._chain(self.cube.keys[c][at])[1:]}
            )
            self._scopes[node] = _Scope(self.cube, inside)
        return self._scopes[node]

    def proven(self, cell: int, minimum: int, width: int) -> bool:
        """Do the tables found reach the minimum, and are they wide enough apart?"""
        if cell not in self.tied:
            return True  # part of no sum: nothing that is shown limits it
        return self.high[cell] >= minimum - 1e-6 and self.high[cell] - self.low[cell] >= width - 1e-6

    def still(self, cell: int) -> bool:
        """Does no table found so far move the cell?"""
        return self.high[cell] - self.low[cell] < 1e-6

    def stuck(self, cell: int) -> bool:
        """Was a table of its own sought in vain?"""
        return cell in self._given_up

    def protect(self, cell: int, minimum: int, width: int) -> None:
        """Find the cheapest table in which the cell moves far enough and hide what moves with it."""
        value = self.cube.value[cell]
        falls = value >= minimum and value - width >= (0 if empty_allowed(self.cube, cell) else 1)
        step = -width if falls else max(minimum - value, width)
        for node in self._nodes(cell) if cell in self.movable else ():
            moved = self._scope(node).table(cell, step, self.hidden)
            if moved is None:
                continue
            for other, change in moved.items():
                there = self.cube.value[other] + change
                self.low[other] = min(self.low[other], there)
                self.high[other] = max(self.high[other], there)
                if not is_rest(self.cube, other):
                    self.hidden.add(other)
            return
        self._given_up.add(cell)


class _Scope:
    """One linear programme over some cells, kept warm; cells outside stand still.

    Two columns per cell, its rise and its fall. A shown cell moves at a price, a hidden one almost freely.
    """

    def __init__(self, cube: Cube, inside: set[int]) -> None:
        self.cube = cube
        self.cells = sorted(inside)
        self.column = {c: n for n, c in enumerate(self.cells)}
        self._applied: set[int] = set()
        count = len(self.cells)
        rows = []
        for whole, parts in cube.parts:
            entries = [
                (self.column[c], w) for c, w in ((whole, -1.0), *((p, 1.0) for p in parts)) if c in inside
            ]
            if entries:
                rows.append(entries)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = 2 * count, len(rows)
        cost = np.array([self._price(c) for c in self.cells], dtype=float)
        lp.col_cost_ = np.concatenate([cost, cost])
        lp.col_lower_ = np.zeros(2 * count)
        fall = [max(cube.value[c] - (0 if empty_allowed(cube, c) else 1), 0) for c in self.cells]
        self.upper = np.concatenate([np.full(count, highspy.kHighsInf), np.array(fall, dtype=float)])
        lp.col_upper_ = self.upper
        lp.row_lower_ = lp.row_upper_ = np.zeros(len(rows))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(2 * len(r) for r in rows)])
        lp.a_matrix_.index_ = np.array(
            [n for r in rows for i, _ in r for n in (i, i + count)], dtype=np.int32
        )
        lp.a_matrix_.value_ = np.array([v for r in rows for _, w in r for v in (w, -w)])
        self.solver = new_solver()
        self.solver.passModel(lp)

    def _price(self, cell: int) -> float:
        if is_rest(self.cube, cell):
            return 0.001
        return float(np.log1p(self.cube.value[cell])) + 0.1

    def _charge(self, cell: int, price: float) -> None:
        for column in (self.column[cell], self.column[cell] + len(self.cells)):
            self.solver.changeColCost(column, price)

    def table(self, cell: int, step: int, hidden: set[int]) -> dict[int, float] | None:
        """Changes of the cheapest alternative table in which the cell moves by at least `step`; None if none."""
        here = {c for c in hidden if c in self.column}
        for c in here - self._applied:
            self._charge(c, 0.0005)
        for c in self._applied - here:
            self._charge(c, self._price(c))
        self._applied = here
        column = self.column[cell] + (0 if step > 0 else len(self.cells))
        other = self.column[cell] + (len(self.cells) if step > 0 else 0)
        before = self.upper[column], self.upper[other]
        self.solver.changeColBounds(column, float(abs(step)), before[0])
        self.solver.changeColBounds(other, 0.0, 0.0)
        self.solver.run()
        status = self.solver.getModelStatus()
        self.solver.changeColBounds(column, 0.0, before[0])
        self.solver.changeColBounds(other, 0.0, before[1])
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise EngineError(
                f"补充隐藏未得到解 ({status.name}) / complementary suppression found no solution ({status.name})",
                "report the mart and the month; publish it in the round lane meanwhile",
            )
        found = np.array(self.solver.getSolution().col_value)
        moved = found[: len(self.cells)] - found[len(self.cells) :]
        return {self.cells[n]: float(moved[n]) for n in np.flatnonzero(np.abs(moved) > 1e-7)}
