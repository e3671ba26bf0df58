"""The verdict: which published or hidden figure gives a person away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from warehouse.auditor.bounds import System, certify
from warehouse.auditor.scan import scan
from warehouse.auditor.staged import Line, Mart, read_marts
from warehouse.errors import BlockedError
from warehouse.protection import WHOLE

_MUCH = 1e7  # more persons than any figure counts
_REST = "~"


@dataclass
class Audit:
    """Problems block a release; `cells` are the figures that were attacked."""

    cells: int = 0
    systems: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def require(self) -> None:
        """BlockedError with the first problems."""
        if self.problems:
            more = f" (+{len(self.problems) - 3})" if len(self.problems) > 3 else ""
            raise BlockedError(
                f"披露审核未通过 / the disclosure audit found: {'; '.join(self.problems[:3])}{more}",
                "see docs/disclosure.md; withdraw an earlier release that shows too much, or change the contract",
            )

    def facts(self) -> dict[str, Any]:
        """For the evidence: counts only."""
        return {
            "cells": self.cells,
            "systems": self.systems,
            "problems": len(self.problems),
            "notes": self.notes,
        }


def audit_release(root: Path, earlier: Sequence[Path] = ()) -> Audit:
    """Attack a staged folder with everything that `earlier` releases (folders, oldest first) showed."""
    audit = Audit()
    audit.problems += scan(root)
    marts = read_marts(root)
    past = [read_marts(p) for p in earlier if (p / "parquet").is_dir()]
    cubes: dict[str, list[Mart]] = defaultdict(list)
    for mart in marts.values():
        cubes[mart.rule.cube].append(mart)
        _on_its_own(audit, mart)
    for members in cubes.values():
        linked = [m for m in members if not m.rule.apart]
        for snapshot in sorted({s for m in linked for s in m.lines}):
            _attack(audit, linked, snapshot, past)
    return audit


def _on_its_own(audit: Audit, mart: Mart) -> None:
    """Figures that are wrong without any arithmetic."""
    rule, name = mart.rule, mart.contract.id
    values = [v for lines in mart.lines.values() for x in lines for v in x.figures.values() if v is not None]
    if rule.lane == "round":
        if bad := sum(v % rule.base != 0 or v < 0 for v in values):
            audit.problems.append(f"{name}: {bad} 个数未取整 / {bad} figures are not rounded")
    elif bad := sum(0 < v < rule.minimum for v in values):
        audit.problems.append(f"{name}: {bad} 个数过小 / {bad} figures are too small")
    for column, bad in mart.foreign.items():
        audit.problems.append(
            f"{name}.{column}: {bad} 个值不是由公布数算出 / {bad} values do not follow from what is shown"
        )


def _attack(audit: Audit, marts: Sequence[Mart], snapshot: str, past: Sequence[Mapping[str, Mart]]) -> None:
    book = _Book(marts, snapshot)
    known = _seen_before(book, marts, snapshot, past)
    failures = book.certify(known)
    if failures and known and all(f.status != "optimal" for f in failures.values()):
        # What was shown before contradicts what is shown now: the data were revised, so it is no knowledge.
        audit.notes.append(f"{snapshot}: 数据有修订 / revised since an earlier release")
        failures = book.certify({})
    audit.systems += 1
    audit.cells += len(book.targets)
    where = Counter(f"{book.names[n]} ({found.status})" for n, found in failures.items())
    for name, count in where.items():
        audit.problems.append(f"{name} {snapshot}: {count} 个数可被推出 / {count} figures can be worked out")


class _Book:
    """The system of one cube and snapshot: leaves are unknowns, every published figure is a sum of leaves."""

    def __init__(self, marts: Sequence[Mart], snapshot: str) -> None:
        self.rule = marts[0].rule
        self.system = System()
        self.targets: list[tuple[int, ...]] = []
        self.names: list[str] = []
        self.reach: list[float] = []
        self.sums: dict[tuple[str, tuple[str, ...], str], tuple[int, ...]] = {}
        self.base = max(marts, key=lambda m: (len(m.rule.axes), len(m.rule.counts), m.contract.id))
        leaves = self._leaves(self.base.lines.get(snapshot, []))
        for mart in marts:
            self._publish(mart, mart.lines.get(snapshot, []), leaves)

    def _measures(self) -> dict[str, tuple[str, ...]]:
        """Measure -> the leaf measures it is the sum of."""
        counts = self.base.rule.counts

        def below(column: str) -> list[str]:
            count = counts[column]
            if not count.parts:
                return [count.measure]
            found = [m for part in count.parts for m in below(part)]
            return found if count.exhaustive else [*found, _REST + count.measure]

        return {c.measure: tuple(below(name)) for name, c in counts.items()}

    def _leaves(self, lines: Sequence[Line]) -> list[tuple[Line, dict[str, int]]]:
        sensitive = any(c.sensitive for c in self.base.rule.counts.values())
        least = 0.0 if sensitive or self.rule.lane == "round" else 1.0
        found = []
        for line in lines:
            if line.above is None:
                continue
            unknowns = {}
            for column, count in self.base.rule.counts.items():
                if count.parts and not count.exhaustive and column in line.figures:
                    unknowns[_REST + count.measure] = self.system.unknown(0.0, _MUCH)
                if not count.parts and column in line.figures:
                    value = line.figures[column]
                    low, high = self._window(value) if value is not None else (least, _MUCH)
                    unknowns[count.measure] = self.system.unknown(low, high)
            found.append((line, unknowns))
        return found

    def _window(self, value: int) -> tuple[float, float]:
        """What the true figure can be when `value` is published."""
        if self.rule.lane == "round":
            return max(0.0, value - self.rule.base + 1.0), value + self.rule.base - 1.0
        return float(value), float(value)

    def _publish(
        self, mart: Mart, lines: Sequence[Line], leaves: Sequence[tuple[Line, dict[str, int]]]
    ) -> None:
        measures, axes = self._measures(), sorted(mart.rule.axes)
        index: dict[tuple[str, ...], list[dict[str, int]]] = defaultdict(list)
        for line, unknowns in leaves:
            above = line.above or {}
            for key in product(*(above.get(a, (WHOLE,)) for a in axes)):
                index[key].append(unknowns)
        for line in lines:
            if line.above is None:
                continue
            here = index.get(tuple(line.above[a][0] for a in axes), [])
            for column, value in line.figures.items():
                count = mart.rule.counts[column]
                wanted = measures.get(count.measure, ())
                columns = tuple(u[m] for u in here for m in wanted if m in u)
                if not columns:
                    continue
                self.sums[(mart.contract.id, line.key, column)] = columns
                if value is None:
                    self._target(f"{mart.contract.id}.{column}", columns, float(self.rule.minimum))
                    continue
                low, high = self._window(value)
                self.system.rows.append((columns, low, high))
                if self.rule.lane == "round":
                    self._target(f"{mart.contract.id}.{column}", columns, 0.0)
        if mart is self.base:
            for _, unknowns in leaves:
                for measure, unknown in unknowns.items():
                    if measure.startswith(_REST) and self.rule.lane == "suppress":
                        self._target(f"{mart.contract.id}.{measure}", (unknown,), float(self.rule.minimum))

    def _target(self, name: str, columns: tuple[int, ...], reach: float) -> None:
        self.targets.append(columns)
        self.names.append(name)
        self.reach.append(reach)

    def certify(self, known: Mapping[tuple[int, ...], tuple[float, float]]) -> dict[int, Any]:
        """Targets that can be narrowed too far, with what was known before added."""
        system = System(self.system.lower, self.system.upper, list(self.system.rows))
        system.rows += [(columns, low, high) for columns, (low, high) in known.items()]
        found = certify(system, self.targets, self.reach, self.rule.width)
        for number, interval in list(found.items()):
            # The rest of a split is no hidden figure: it gives somebody away only when it is surely few persons.
            few = 1 <= interval.low < self.rule.minimum
            if (
                self.names[number].rpartition(".")[2].startswith(_REST)
                and interval.status == "optimal"
                and not few
            ):
                del found[number]
        return found


def _seen_before(
    book: _Book, marts: Sequence[Mart], snapshot: str, past: Sequence[Mapping[str, Mart]]
) -> dict[tuple[int, ...], tuple[float, float]]:
    """Limits on sums from the figures of earlier releases for the same snapshot."""
    found: dict[tuple[int, ...], tuple[float, float]] = {}
    for release in past:
        for mart in marts:
            old = release.get(mart.contract.id)
            if old is None or old.contract.key != mart.contract.key:
                continue
            for line in old.lines.get(snapshot, []):
                for column, value in line.figures.items():
                    columns = book.sums.get((mart.contract.id, line.key, column))
                    if columns is None or value is None:
                        continue
                    round_ = old.rule.base - 1 if old.rule.lane == "round" else 0
                    low, high = max(0.0, float(value - round_)), float(value + round_)
                    before = found.get(columns, (0.0, _MUCH))
                    both = max(low, before[0]), min(high, before[1])
                    found[columns] = both if both[0] <= both[1] else (low, high)
    return found
