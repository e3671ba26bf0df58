"""What figures can be, given what is known: feasibility intervals by linear programming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

from warehouse.engine.solver import new_solver

_ROUNDS = 40  # random objectives; more are useless when one of them moved nothing new
_NEAR = 1e-6


@dataclass
class System:
    """Unknowns with their limits, and sums of unknowns with theirs."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    rows: list[tuple[tuple[int, ...], float, float]] = field(default_factory=list)

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
    status: str = "optimal"

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


class Attack:
    """One model kept warm; only the objective changes. Every solution is a possible table."""

    def __init__(self, system: System) -> None:
        self.count = len(system.lower)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.count, len(system.rows)
        lp.col_cost_ = np.zeros(self.count)
        lp.col_lower_, lp.col_upper_ = np.array(system.lower), np.array(system.upper)
        lp.row_lower_ = np.array([r[1] for r in system.rows])
        lp.row_upper_ = np.array([r[2] for r in system.rows])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.cumsum([0, *(len(r[0]) for r in system.rows)])
        lp.a_matrix_.index_ = np.array([n for r in system.rows for n in r[0]], dtype=np.int32)
        lp.a_matrix_.value_ = np.ones(sum(len(r[0]) for r in system.rows))
        self.solver = new_solver()
        self.solver.passModel(lp)
        self._all = np.arange(self.count, dtype=np.int32)

    def table(self, cost: np.ndarray) -> tuple[str, np.ndarray]:
        """The possible table of least cost, and the status of the solver."""
        self.solver.changeColsCost(self.count, self._all, cost)
        self.solver.run()
        status = self.solver.getModelStatus()
        name = "optimal" if status == highspy.HighsModelStatus.kOptimal else status.name
        return name, np.array(self.solver.getSolution().col_value)

    def interval(self, columns: Sequence[int]) -> Interval:
        """Interval of a sum of unknowns, narrowed to whole numbers."""
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(self.count)
            cost[list(columns)] = sign
            status, values = self.table(cost)
            if status != "optimal":
                return Interval(0, 0, status)
            ends.append(float(values[list(columns)].sum()))
        return Interval(float(np.ceil(ends[0] - _NEAR)), float(np.floor(ends[1] + _NEAR)))


def certify(
    system: System, targets: Sequence[Sequence[int]], reach: Sequence[float], width: float, seed: int = 0
) -> dict[int, Interval]:
    """Targets that are not safe, with their intervals.

    A target is safe when its sum can reach `reach` and its range is at least `width`. Random objectives come
    first: each solution is a possible table and shows at once what all targets can be.
    """
    if not targets:
        return {}
    attack, rng = Attack(system), np.random.default_rng(seed)
    low, high = np.full(len(targets), np.inf), np.full(len(targets), -np.inf)
    where = np.repeat(np.arange(len(targets)), [len(t) for t in targets])
    columns = np.array([c for t in targets for c in t], dtype=np.int64)
    wanted = np.array(reach, dtype=float)

    def learn(values: np.ndarray) -> None:
        sums = np.bincount(where, weights=values[columns], minlength=len(targets))
        np.minimum(low, sums, out=low)
        np.maximum(high, sums, out=high)

    def open_targets() -> np.ndarray:
        return np.flatnonzero((high - low < width - _NEAR) | (high < wanted - _NEAR))

    left = len(targets) + 1
    for _ in range(_ROUNDS):
        weight = rng.normal(size=attack.count)
        for sign in (1.0, -1.0):
            status, values = attack.table(sign * weight)
            if status != "optimal":
                return {n: Interval(0, 0, status) for n in range(len(targets))}
            learn(values)
        if not len(open_targets()) or len(open_targets()) >= left:
            break
        left = len(open_targets())
    found = {}
    for n in open_targets():
        if high[n] - low[n] >= width - _NEAR and high[n] >= wanted[n] - _NEAR:
            continue  # a table found for another target has shown it meanwhile
        interval = attack.interval(targets[n])
        if interval.status != "optimal" or interval.width < width or interval.high < wanted[n]:
            found[int(n)] = interval
    return found
