"""What figures can be, given what is known: feasibility intervals by linear and integer programming.

A system falls into parts that share no figure; every part is attacked on its own. Random objectives come first:
each solution is a possible table and shows at once what all targets of the part can be. What is still open is
minimised and maximised, and what comes out narrow is done again over whole numbers only, which persons are.

Method: the attack by two linear programmes per cell is standard (sdcTable, tau-ARGUS); certificates shared between
cells are ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

from warehouse.engine.solver import new_solver

Row = tuple[tuple[int, ...], float, float]  # unknowns, least and most of their sum

_ROUNDS = 40  # random objectives; more are useless when one of them moved nothing new
_NEAR = 1e-6
_MARGIN = 1.0  # a range this much wider than it must be is not looked at over whole numbers
OPTIMAL = "optimal"
CONTRADICTION = "contradiction"


@dataclass
class System:
    """Unknowns with their limits, and sums of unknowns with theirs."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def unknown(self, low: float, high: float) -> int:
        """A new unknown; its number."""
        self.lower.append(low)
        self.upper.append(high)
        return len(self.lower) - 1


@dataclass(frozen=True)
class Interval:
    """Smallest and largest whole number a sum of unknowns can be; `status` other than optimal proves nothing."""

    low: float
    high: float
    status: str = OPTIMAL

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


class Attack:
    """One model kept warm; only the objective changes. Every solution is a possible table."""

    def __init__(self, system: System) -> None:
        self.count = len(system.lower)
        self._lp = programme(system)
        self.solver = new_solver()
        self.solver.passModel(self._lp)
        self._all = np.arange(self.count, dtype=np.int32)

    def table(self, cost: np.ndarray) -> tuple[str, np.ndarray]:
        """The possible table of least cost, and the status of the solver."""
        return _solve(self.solver, self._all, cost)

    def interval(self, columns: Sequence[int], *, whole: bool = False) -> Interval:
        """Interval of a sum of unknowns, narrowed to whole numbers; `whole`: the unknowns are whole numbers too."""
        solver = self._over_whole_numbers() if whole else self.solver
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(self.count)
            np.add.at(cost, list(columns), sign)
            status, values = _solve(solver, self._all, cost)
            if status != OPTIMAL:
                return Interval(0, 0, status)
            ends.append(float(values[list(columns)].sum()))
        return Interval(float(np.ceil(ends[0] - _NEAR)), float(np.floor(ends[1] + _NEAR)))

    def _over_whole_numbers(self) -> highspy.Highs:
        solver = new_solver()
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.setOptionValue("mip_abs_gap", 0.99)  # sums are whole numbers: nearer than one is exact
        self._lp.integrality_ = [highspy.HighsVarType.kInteger] * self.count
        solver.passModel(self._lp)
        self._lp.integrality_ = []
        return solver


def programme(system: System, signs: Mapping[int, float] | None = None) -> highspy.HighsLp:
    """The system as HiGHS takes it, without an objective; `signs` are factors of unknowns other than 1."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(system.lower), len(system.rows)
    lp.col_cost_ = np.zeros(len(system.lower))
    lp.col_lower_, lp.col_upper_ = np.array(system.lower), np.array(system.upper)
    lp.row_lower_ = np.array([r[1] for r in system.rows])
    lp.row_upper_ = np.array([r[2] for r in system.rows])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(r[0]) for r in system.rows)])
    lp.a_matrix_.index_ = np.array([n for r in system.rows for n in r[0]], dtype=np.int32)
    lp.a_matrix_.value_ = np.array([(signs or {}).get(n, 1.0) for r in system.rows for n in r[0]])
    return lp


def _solve(solver: highspy.Highs, columns: np.ndarray, cost: np.ndarray) -> tuple[str, np.ndarray]:
    solver.changeColsCost(len(columns), columns, cost)
    solver.run()
    status = solver.getModelStatus()
    name = OPTIMAL if status == highspy.HighsModelStatus.kOptimal else status.name
    return name, np.array(solver.getSolution().col_value)


@dataclass(frozen=True)
class Target:
    """A sum of unknowns that must not be known.

    It is safe when it can reach `reach` and its range is at least `width`; also when it can be less than `least`, or
    is `most` at least.
    """

    name: str
    columns: tuple[int, ...]
    reach: float
    width: float
    least: float = 0.0
    most: float = np.inf

    def is_wide(self, low: float, high: float, spare: float = 0.0) -> bool:
        """Do possible tables with these sums make it safe?"""
        return low < self.least or (high - low >= self.width + spare and high >= self.reach + spare)

    def is_safe(self, interval: Interval) -> bool:
        """Does its interval tell too little?"""
        return interval.low >= self.most or self.is_wide(interval.low, interval.high)


def certify(system: System, targets: Sequence[Target], seed: int = 0) -> dict[Target, Interval]:
    """Targets that are not safe, with their intervals."""
    if not targets:
        return {}
    known = narrowed(system)
    if known is None:
        return dict.fromkeys(targets, Interval(0, 0, CONTRADICTION))
    parts, rng = _split(known), np.random.default_rng(seed)
    owner = {column: part for part in parts for column in part.columns}
    wanted = [_Search(t, owner, known) for t in targets]
    for part in parts:
        if not part.search([w for w in wanted if part in w.pieces], rng):
            return dict.fromkeys(targets, Interval(0, 0, part.status))
    found = {}
    for search in wanted:
        if not search.is_proven():
            interval = search.exact()
            if interval.status != OPTIMAL or not search.target.is_safe(interval):
                found[search.target] = interval
    return found


class _Part:
    """Unknowns that are tied to each other by sums, and to no other unknown."""

    def __init__(self, system: System, columns: Sequence[int], rows: Sequence[Row]) -> None:
        self.columns = {c: n for n, c in enumerate(columns)}
        self.status = OPTIMAL
        self.attack = Attack(
            System(
                [system.lower[c] for c in columns],
                [system.upper[c] for c in columns],
                [(tuple(self.columns[c] for c in members), low, high) for members, low, high in rows],
            )
        )

    def search(self, targets: Sequence[_Search], rng: np.random.Generator) -> bool:
        """Random possible tables until they prove every target or nothing more; False if there is no table."""
        if not targets:
            return True
        pieces = [t.pieces[self] for t in targets]
        where = np.repeat(np.arange(len(pieces)), [len(p) for p in pieces])
        columns = np.array([c for p in pieces for c in p], dtype=np.int64)
        low, high = np.full(len(pieces), np.inf), np.full(len(pieces), -np.inf)
        left = len(pieces) + 1
        for _ in range(_ROUNDS):
            weight = rng.normal(size=self.attack.count)
            for sign in (1.0, -1.0):
                self.status, values = self.attack.table(sign * weight)
                if self.status != OPTIMAL:
                    return False
                sums = np.bincount(where, weights=values[columns], minlength=len(pieces))
                np.minimum(low, sums, out=low)
                np.maximum(high, sums, out=high)
            for n, target in enumerate(targets):
                target.seen[self] = float(low[n]), float(high[n])
            still = sum(not t.is_proven() for t in targets)
            if not still or still >= left:
                break
            left = still
        return True


class _Search:
    """A target, piece by piece of the parts it lies in, and how far tables have moved it."""

    def __init__(self, target: Target, owner: Mapping[int, _Part], system: System) -> None:
        self.target = target
        self.pieces: dict[_Part, list[int]] = {}
        self.constant = 0.0
        self.seen: dict[_Part, tuple[float, float]] = {}
        for column in target.columns:
            if column in owner:
                self.pieces.setdefault(owner[column], []).append(owner[column].columns[column])
            else:
                self.constant += system.lower[column]

    def is_proven(self) -> bool:
        """Do the tables found show that it is safe, with something to spare?"""
        if len(self.seen) < len(self.pieces):
            return False
        low = self.constant + sum(low for low, _ in self.seen.values())
        high = self.constant + sum(high for _, high in self.seen.values())
        return self.target.is_wide(low + _NEAR, high, _MARGIN - _NEAR)

    def exact(self) -> Interval:
        """Its interval; over whole numbers where it is narrow."""
        for whole in (False, True):
            found = [p.attack.interval(columns, whole=whole) for p, columns in self.pieces.items()]
            if bad := [i for i in found if i.status != OPTIMAL]:
                return bad[0]
            interval = Interval(
                self.constant + sum(i.low for i in found), self.constant + sum(i.high for i in found)
            )
            if self.target.is_wide(interval.low, interval.high, _MARGIN) or not self.target.is_safe(interval):
                break  # wide enough anyway, or too narrow already: whole numbers can only be narrower
        return interval


def _split(system: System) -> list[_Part]:
    """The parts of a narrowed system; unknowns that are known belong to none."""
    root = list(range(len(system.lower)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    for members, _, _ in system.rows:
        first = find(members[0])
        for other in members[1:]:
            root[find(other)] = first
    columns: dict[int, list[int]] = defaultdict(list)
    rows: dict[int, list[Row]] = defaultdict(list)
    for n in range(len(root)):
        if system.lower[n] < system.upper[n]:
            columns[find(n)].append(n)
    for row in system.rows:
        rows[find(row[0][0])].append(row)
    return [_Part(system, columns[r], rows[r]) for r in columns]


def narrowed(system: System) -> System | None:
    """Rows over what is still unknown; a sum of one unknown becomes its limit. None when limits cross."""
    lower, upper, rows = list(system.lower), list(system.upper), list(system.rows)
    moved = True
    while moved:
        moved = False
        left: dict[tuple[int, ...], tuple[float, float]] = {}
        for members, low, high in rows:
            free = tuple(sorted(c for c in members if lower[c] < upper[c]))
            constant = sum(lower[c] for c in members if lower[c] >= upper[c])
            before = left.get(free, (-np.inf, np.inf))
            low, high = max(low - constant, before[0]), min(high - constant, before[1])
            if len(free) == 1:
                low, high = max(low, lower[free[0]]), min(high, upper[free[0]])
                moved = moved or (low, high) != (lower[free[0]], upper[free[0]])
                lower[free[0]], upper[free[0]] = low, high
            if low > high or (not free and (low > 0 or high < 0)):
                return None
            if len(free) > 1:
                left[free] = low, high
        rows = [(members, low, high) for members, (low, high) in left.items()]
    return System(lower, upper, rows)
