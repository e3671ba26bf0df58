"""The verdict: which published or hidden figure gives a person away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from warehouse.auditor.book import Book
from warehouse.auditor.earlier import seen_before
from warehouse.auditor.relations import relations
from warehouse.auditor.scan import scan
from warehouse.auditor.staged import Line, Mart, read_marts
from warehouse.auditor.term import reappeared
from warehouse.errors import BlockedError


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
    con = duckdb.connect()
    try:
        return _audit(con, root, earlier)
    finally:
        con.close()


def _audit(con: duckdb.DuckDBPyConnection, root: Path, earlier: Sequence[Path]) -> Audit:
    audit = Audit()
    audit.problems += scan(con, root)
    marts = read_marts(con, root)
    past = [read_marts(con, p) for p in earlier if (p / "parquet").is_dir()]
    cubes: dict[str, list[Mart]] = defaultdict(list)
    for mart in marts.values():
        cubes[mart.rule.cube].append(mart)
        audit.problems += _on_its_own(mart)
        audit.problems += relations(con, mart)
        audit.problems += reappeared(mart, [r[mart.contract.id] for r in past if mart.contract.id in r])
    for members in cubes.values():
        linked = [m for m in members if not m.rule.apart]
        for snapshot in sorted({s for m in linked for s in m.lines}):
            _attack(audit, linked, snapshot, past)
    return audit


def _on_its_own(mart: Mart) -> Iterator[str]:
    """Figures that are wrong without any arithmetic."""
    rule, name = mart.rule, mart.contract.id
    lines = [x for group in mart.lines.values() for x in group]
    values = [v for x in lines for v in x.figures.values() if v is not None]
    if rule.lane == "round":
        if bad := sum(v % rule.base != 0 or v < 0 for v in values):
            yield f"{name}: {bad} 个数未取整 / {bad} figures are not rounded"
    elif bad := sum(0 < v < rule.minimum for v in values):
        yield f"{name}: {bad} 个数过小 / {bad} figures are too small"
    if rule.lane == "suppress" and (bad := sum(map(_is_group_told, lines, [mart] * len(lines)))):
        yield f"{name}: {bad} 处说出整个群体 / {bad} rows tell something about all of a group (0 % or 100 %)"
    for column, bad in mart.foreign.items():
        yield f"{name}.{column}: {bad} 个值不是由公布数算出 / {bad} values do not follow from what is shown"


def _is_group_told(line: Line, mart: Mart) -> bool:
    """Is none or all of a whole shown to be in a sensitive part?"""
    counts = mart.rule.counts
    return any(
        line.figures.get(whole) and line.figures.get(part) in (0, line.figures[whole])
        for whole, count in counts.items()
        for part in count.parts
        if counts[part].sensitive
    )


def _attack(audit: Audit, marts: Sequence[Mart], snapshot: str, past: Sequence[Mapping[str, Mart]]) -> None:
    book = Book(marts, snapshot)
    known = seen_before(book, marts, snapshot, past)
    if known.revised:
        n = len(known.revised)
        audit.notes.append(
            f"{marts[0].rule.cube} {snapshot}: {n} 个数已修订 / {n} figures were revised since an earlier release"
        )
    audit.systems += 1
    audit.cells += len(book.targets)
    where = Counter(f"{name} ({found.status})" for name, found in book.certify(known.limits))
    for name, count in where.items():
        audit.problems.append(f"{name} {snapshot}: {count} 个数可被推出 / {count} figures can be worked out")
