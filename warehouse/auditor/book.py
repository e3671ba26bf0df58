"""The book of an attacker: one cube and snapshot as a system of sums. Leaves are unknown, every published figure limits one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from warehouse.auditor.bounds import Interval, Row, System, Target, certify
from warehouse.auditor.staged import Line, Mart
from warehouse.protection import WHOLE, Axis, Protection

MUCH = 1e7  # more persons than any figure counts
REST = "~"

Figure = tuple[str, tuple[str, ...], str]  # mart, key of the row, column


class Book:
    """Marts of one cube in one snapshot, read line by line."""

    def __init__(self, marts: Sequence[Mart], snapshot: str) -> None:
        self.rule = marts[0].rule
        self.system = System()
        self.targets: list[Target] = []
        self.sums: dict[Figure, tuple[int, ...]] = {}
        self.shown: dict[Figure, tuple[float, float]] = {}
        self._base = max(marts, key=lambda m: (m.rule.fineness, m.contract.id))
        self._measures = _leaf_measures(self._base.rule)
        leaves = list(self._leaves(self._base.lines.get(snapshot, [])))
        for mart in marts:
            self._publish(mart, mart.lines.get(snapshot, []), leaves)

    def _leaves(self, lines: Sequence[Line]) -> Iterator[tuple[Line, dict[str, int]]]:
        for line in lines:
            if line.above is None:
                continue
            unknowns = {}
            for column, count in self._base.rule.counts.items():
                if column not in line.figures:
                    continue
                if not count.parts:
                    unknowns[count.measure] = self.system.unknown(0.0, MUCH)
                elif not count.exhaustive:
                    unknowns[REST + count.measure] = self.system.unknown(0.0, MUCH)
            yield line, unknowns

    def _publish(
        self, mart: Mart, lines: Sequence[Line], leaves: Sequence[tuple[Line, dict[str, int]]]
    ) -> None:
        axes = mart.rule.axes
        index: dict[tuple[str, ...], list[dict[str, int]]] = defaultdict(list)
        for line, unknowns in leaves:
            above = line.above or {}
            for key in product(*(_wholes(above.get(a, (WHOLE,)), axis) for a, axis in axes.items())):
                index[key].append(unknowns)
        for line in lines:
            if line.above is None:
                continue
            here = index.get(tuple(line.above[a][0] for a in axes), [])
            for column, value in line.figures.items():
                count = mart.rule.counts[column]
                wanted = self._measures.get(count.measure, ())
                columns = tuple(u[m] for u in here for m in wanted if m in u)
                if columns:
                    self._figure((mart.contract.id, line.key, column), columns, value, count.sensitive)
                rest = tuple(u[REST + count.measure] for u in here if REST + count.measure in u)
                if rest and self.rule.lane == "suppress":
                    # No hidden figure: it gives somebody away only when it is surely few persons.
                    name, few = f"{mart.contract.id}.{REST}{column}", float(self.rule.minimum)
                    self.targets.append(Target(name, rest, few, self.rule.width, least=1.0, most=few))

    def _figure(self, figure: Figure, columns: tuple[int, ...], value: int | None, sensitive: bool) -> None:
        name, rounds = f"{figure[0]}.{figure[2]}", self.rule.lane == "round"
        self.sums[figure] = columns
        # What is empty is shown as 0, so a hidden figure is known not to be; where 0 may be hidden it can.
        low, high = (0.0 if sensitive else 1.0, MUCH) if value is None else window(self.rule, value)
        self.system.rows.append((columns, low, high))
        if value is not None:
            self.shown[figure] = low, high
        if value is None or rounds:
            reach = 0.0 if rounds else float(self.rule.minimum)
            self.targets.append(Target(name, columns, reach, self.rule.width))

    def certify(self, known: Mapping[tuple[int, ...], tuple[float, float]]) -> list[tuple[str, Interval]]:
        """Targets that can be narrowed too far, with what is `known` from elsewhere about sums of leaves."""
        return [(target.name, i) for target, i in certify(self.knowing(known), self.targets).items()]

    def knowing(self, known: Mapping[tuple[int, ...], tuple[float, float]]) -> System:
        """The system with further limits on sums."""
        more: list[Row] = [(columns, low, high) for columns, (low, high) in known.items()]
        return System(list(self.system.lower), list(self.system.upper), self.system.rows + more)


def _wholes(above: tuple[str, ...], axis: Axis) -> tuple[str, ...]:
    """A member, its wholes, and the groups of a mart that it belongs to."""
    return (*above, *(g for g, members in axis.groups.items() if above[0] in members and g not in above))


def window(rule: Protection, value: int) -> tuple[float, float]:
    """What the true figure can be when `value` is published."""
    if rule.lane == "round":
        return max(0.0, value - rule.base + 1.0), value + rule.base - 1.0
    return float(value), float(value)


def _leaf_measures(rule: Protection) -> dict[str, tuple[str, ...]]:
    """Measure -> the leaf measures it is the sum of."""

    def below(column: str) -> list[str]:
        count = rule.counts[column]
        if not count.parts:
            return [count.measure]
        found = [m for part in count.parts for m in below(part)]
        return found if count.exhaustive else [*found, REST + count.measure]

    return {c.measure: tuple(below(name)) for name, c in rule.counts.items()}
