"""What earlier releases showed: published is published, and a reader keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from warehouse.contract import Contract, parse_contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.protection import Protection
from warehouse.reference import rows

_Cell = tuple[tuple[str, ...], str]  # key of the row, column


@dataclass
class Before:
    """values[snapshot][(key, column)] are the published values, newest release first; None is hidden.

    hidden     per snapshot what any release hid, this one included as it grows
    same_rule  the newest release that holds the mart used the same declaration
    """

    key: tuple[str, ...]
    values: dict[str, dict[_Cell, list[int | None]]] = field(default_factory=dict)
    hidden: dict[str, set[_Cell]] = field(default_factory=lambda: defaultdict(set))
    same_rule: bool = False

    def hide(self, snapshot: str, cells: Iterable[_Cell]) -> None:
        """Remember what is hidden."""
        self.hidden[snapshot].update(cells)


def read_before(earlier: Sequence[Path], contract: Contract, rule: Protection) -> Before:
    """Published figures of a mart in all releases, newest first in `earlier`'s reverse order (oldest first)."""
    found = Before(contract.key)
    from warehouse.release.duckdb_file import memory_session

    session = memory_session()
    try:
        for n, root in enumerate(reversed(earlier)):
            file, paper = (
                root / "parquet" / f"{contract.id}.parquet",
                root / "contracts" / f"{contract.id}.odcs.yaml",
            )
            if not file.is_file() or not paper.is_file():
                continue
            old = parse_contract(yaml.safe_load(paper.read_text(encoding="utf-8")))
            names = {c.name for c in old.columns}
            if old.key != contract.key or not set(rule.counts) <= names:
                continue
            if not n:
                found.same_rule = old.properties.get("disclosure") == contract.properties.get("disclosure")
            _read(session, file, contract, rule, found)
    finally:
        session.con.close()
    return found


def _read(session: Session, file: Path, contract: Contract, rule: Protection, found: Before) -> None:
    keys = ", ".join(f"coalesce(CAST({quote(k)} AS VARCHAR), '')" for k in contract.key)
    counts = ", ".join(quote(c) for c in rule.counts)
    at = contract.key.index(rule.snapshot) if rule.snapshot else None
    for row in session.rows(f"SELECT {keys}, {counts} FROM read_parquet({literal(str(file))})"):
        key = tuple(row[: len(contract.key)])
        cells = found.values.setdefault("" if at is None else key[at], defaultdict(list))
        for column, value in zip(rule.counts, row[len(contract.key) :], strict=True):
            cells[(key, column)].append(value)
            if value is None:
                found.hidden["" if at is None else key[at]].add((key, column))


def same_term(month: str, snapshot: str) -> bool:
    """Is `month` an earlier month of the same school term? Terms begin in the months of reference/threshold."""
    starts = sorted(int(r["value"]) for r in rows("threshold") if r["threshold_id"].startswith("term_month"))
    return month < snapshot and bool(starts) and _term(month, starts) == _term(snapshot, starts)


def _term(period: str, starts: list[int]) -> tuple[int, int]:
    year, month = (int(p) for p in period.split("-"))
    begun = [s for s in starts if s <= month]
    return (year, begun[-1]) if begun else (year - 1, starts[-1])
