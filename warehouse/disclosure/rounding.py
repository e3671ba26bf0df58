"""Controlled rounding: additive, zero-restricted, from the top down.

Every leaf becomes the multiple of the base below or above it, so that every margin, being a sum of leaves,
is a multiple too and tables add up. Which of the two is chosen by a mixed-integer programme (HiGHS) that
keeps each margin within one base of its exact value; where no such choice exists a margin may be a further
step off, at a price. Big cubes are rounded from the top: the whole first, then each node of the tree
dimension splits what its parent was given.

Method: Bacharach 1966, Cox 1987 (zero-restricted controlled rounding); the top-down splitting is ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import highspy
import numpy as np

from warehouse.disclosure.cube import Cube, Key
from warehouse.engine.solver import new_solver
from warehouse.errors import EngineError
from warehouse.protection import WHOLE

_ALL, _FEW = 4, 3  # dimensions, the measure included
_STEP = 1000.0  # price of one base beyond the window of a margin
_KEEP = 50.0  # gain from leaving a figure as it was published before


def round_cells(cube: Cube, base: int, tree: str | None, before: Mapping[int, int]) -> dict[int, int]:
    """Cell -> rounded value, for all cells. `before` are rounded values that earlier releases published."""
    chosen = {c: _alone(cube.value[c], base, before.get(c)) for c in _alone_cells(cube)}
    leaves = sorted(set(cube.leaves), key=lambda c: cube.keys[c])
    if not leaves:
        return chosen
    published = _published(cube, leaves, base, before)
    if published and not _further_steps(cube, published, base):
        x = published
    else:
        x = _top_down(cube, leaves, base, tree, before)
        # Unchanged data keep what was published, also where a margin had cost a leaf a further step: choosing
        # anew would show the same figures rounded in two ways.
        if published and _further_steps(cube, published, base) <= _further_steps(cube, x, base):
            x = published
    for cell, below in cube.below.items():
        chosen[cell] = sum(x[leaf] for leaf in below)
    return chosen


def _alone_cells(cube: Cube) -> list[int]:
    return [c for c in range(len(cube.keys)) if c not in cube.below]


def _alone(value: int, base: int, before: int | None) -> int:
    """The nearest multiple; what was published before if it is one of the two neighbours."""
    if before is not None and before % base == 0 and abs(before - value) < base:
        return before
    return (2 * value + base) // (2 * base) * base


def _published(
    cube: Cube, leaves: Sequence[int], base: int, before: Mapping[int, int]
) -> dict[int, int] | None:
    """The rounding of all leaves that earlier releases showed, or None if they showed none of this base and cube.

    A leaf that is never shown (the rest of a split) follows from a shown margin of which it is the only unknown part.
    """
    x = {c: before[c] for c in leaves if c in before}
    margins = [(c, below) for c, below in cube.below.items() if c in before and c not in x]
    found = True
    while found and len(x) < len(leaves):
        found = False
        for cell, below in margins:
            open_leaves = [leaf for leaf in below if leaf not in x]
            if len(open_leaves) == 1:
                x[open_leaves[0]] = before[cell] - sum(x[leaf] for leaf in below if leaf in x)
                found = True
    if len(x) < len(leaves) or any(value < 0 or value % base for value in x.values()):
        return None
    if any(before[cell] != sum(x[leaf] for leaf in below) for cell, below in margins):
        return None
    return {c: x[c] for c in leaves}


def _further_steps(cube: Cube, x: Mapping[int, int], base: int) -> int:
    """Steps by which leaves lie beyond their two neighbouring multiples."""
    return sum(abs(value - cube.value[c]) // base for c, value in x.items())


def _top_down(
    cube: Cube, leaves: Sequence[int], base: int, tree: str | None, before: Mapping[int, int]
) -> dict[int, int]:
    if tree is None or tree not in cube.dimensions:
        return _solve(cube, leaves, {}, base, before)
    at = cube.dimensions.index(tree)
    index = {key: cell for cell, key in enumerate(cube.keys) if cell in cube.below}
    children: dict[str, set[str]] = defaultdict(set)
    for whole, parts in cube.parts:
        for part in parts:
            if cube.keys[part][at] != cube.keys[whole][at]:
                children[cube.keys[whole][at]].add(cube.keys[part][at])
    rest = {(*cube.keys[c][:at], *cube.keys[c][at + 1 :]) for c in leaves}

    def cells(node: str) -> list[int]:
        found = (index.get((*key[:at], node, *key[at:])) for key in sorted(rest))
        return [c for c in found if c is not None]

    x = _solve(cube, cells(WHOLE), {}, base, before)
    level = [WHOLE]
    while level:
        following = []
        for parent in level:
            nodes = sorted(children.get(parent, ()))
            if not nodes:
                continue
            fixed = {cube.keys[c]: x[c] for c in cells(parent)}
            block = [c for node in nodes for c in cells(node)]
            x |= _solve(cube, block, _totals(cube, block, fixed, at, parent), base, before)
            following += nodes
        level = following
    return {c: x[c] for c in leaves}


def _totals(
    cube: Cube, block: Sequence[int], fixed: Mapping[Key, int], at: int, parent: str
) -> dict[tuple[int, ...], int]:
    """Cells of the block that must add up to what their parent was given."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for cell in block:
        key = cube.keys[cell]
        groups[(*key[:at], parent, *key[at + 1 :])].append(cell)
    return {tuple(cells): fixed[key] for key, cells in groups.items()}


def _solve(
    cube: Cube,
    block: Sequence[int],
    totals: Mapping[tuple[int, ...], int],
    base: int,
    before: Mapping[int, int],
) -> dict[int, int]:
    """Choose below or above for every cell of a block; all its margins stay near, `totals` are met exactly."""
    floor = {c: cube.value[c] // base for c in block}
    rest = {c: cube.value[c] % base for c in block}
    model = _Model()
    column: dict[int, int] = {}
    for c in block:
        if rest[c]:
            cost = (base - 2 * rest[c]) / base
            if c in before and before[c] % base == 0 and abs(before[c] - cube.value[c]) < base:
                cost = -_KEEP if before[c] > cube.value[c] else _KEEP
            column[c] = model.binary(cost)
    fixed: set[int] = set()
    for cells, total in totals.items():
        free = [column[c] for c in cells if c in column]
        need = total // base - sum(floor[c] for c in cells)
        fixed.update(cells)
        if 0 <= need <= len(free):
            if free:
                model.row(free, need, need, soft=False)
        else:
            # The parent was given a step too much or too little: some child takes it over.
            model.row(free, need, need, soft=True, over={c: column.get(c) for c in cells})
    for members, low, high in _windows(cube, block, floor, base):
        free = [column[c] for c in members if c in column]
        if low <= 0 and high >= len(free):
            continue
        model.row(free, low, high, soft=True)
    values, moved = model.solve()
    found = {c: base * (floor[c] + (values[column[c]] if c in column else 0)) for c in block}
    for c, steps in moved.items():
        found[c] += base * steps
    return found


def _windows(
    cube: Cube, block: Sequence[int], floor: Mapping[int, int], base: int
) -> list[tuple[list[int], int, int]]:
    """Margins inside the block: their cells, and how many of these may go up."""
    inside = set(block)
    # A cell of the block may have leaves below it; margins are formed from the cells of the block.
    owner: dict[int, int] = {}
    for cell in inside:
        for leaf in cube.below[cell]:
            owner.setdefault(leaf, cell)
    # Beyond three dimensions no choice keeps every margin; those of up to two dimensions are kept, the
    # crossings of more are sums of leaves that are each near.
    order = len(cube.dimensions) if len(cube.dimensions) <= _ALL else _FEW
    found = []
    for cell, below in cube.below.items():
        if cell in inside or any(leaf not in owner for leaf in below):
            continue
        if sum(m != WHOLE for m in cube.keys[cell]) > order:
            continue
        members = sorted({owner[leaf] for leaf in below})
        if len(members) < 2 or sum(cube.value[m] for m in members) != cube.value[cell]:
            continue
        low = cube.value[cell] // base - sum(floor[m] for m in members)
        found.append((members, low, low + (1 if cube.value[cell] % base else 0)))
    return found


class _Model:
    """A small mixed-integer programme in the form HiGHS takes."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.integer: list[bool] = []
        self.rows: list[tuple[list[int], list[float], float, float]] = []
        self.steps: list[tuple[int, int, int]] = []  # column, cell, sign

    def _column(self, cost: float, upper: float, integer: bool) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        self.integer.append(integer)
        return len(self.cost) - 1

    def binary(self, cost: float) -> int:
        """A choice between below (0) and above (1)."""
        return self._column(cost, 1.0, True)

    def row(
        self,
        columns: Sequence[int],
        low: int,
        high: int,
        *,
        soft: bool,
        over: Mapping[int, int | None] | None = None,
    ) -> None:
        """low <= sum <= high; soft rows may be missed at a price, `over` lets cells take a further step."""
        names, weights = list(columns), [1.0] * len(columns)
        if over is not None:
            for cell in over:
                for sign in (1, -1):
                    step = self._column(_STEP, 2.0, True)
                    self.steps.append((step, cell, sign))
                    names.append(step)
                    weights.append(float(sign))
        elif soft:
            for way in (1.0, -1.0):
                names.append(self._column(_STEP / 10, highspy.kHighsInf, False))
                weights.append(way)
        self.rows.append((names, weights, float(low), float(high)))

    def solve(self) -> tuple[list[int], dict[int, int]]:
        """Values of all columns, and further steps by cell. EngineError when HiGHS finds no solution."""
        count = len(self.cost)
        if not count:
            return [], {}
        solver = new_solver()
        solver.setOptionValue("mip_rel_gap", 0.1)
        solver.setOptionValue("mip_max_nodes", 20)  # nodes, not seconds: the same result on every machine
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = count, len(self.rows)
        lp.col_cost_ = np.array(self.cost)
        lp.col_lower_ = np.zeros(count)
        lp.col_upper_ = np.array(self.upper)
        lp.row_lower_ = np.array([r[2] for r in self.rows])
        lp.row_upper_ = np.array([r[3] for r in self.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(len(r[0]) for r in self.rows)])
        lp.a_matrix_.index_ = np.array([n for r in self.rows for n in r[0]], dtype=np.int32)
        lp.a_matrix_.value_ = np.array([w for r in self.rows for w in r[1]])
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[i] for i in self.integer]
        solver.passModel(lp)
        solver.run()
        status = solver.getModelStatus()
        allowed = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kSolutionLimit)
        if status not in allowed or not solver.getSolution().value_valid:
            raise EngineError(
                f"取整未得到解 ({status.name}) / controlled rounding found no solution ({status.name})",
                "report the mart and the month; publish it in the suppress lane meanwhile",
            )
        values = [round(v) for v in solver.getSolution().col_value]
        moved: dict[int, int] = defaultdict(int)
        for step, cell, sign in self.steps:
            moved[cell] += sign * values[step]
        return values, {c: s for c, s in moved.items() if s}
