"""A case of the rules of collection: what is changed in a valid delivery, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.valid_rows import Row, rows_of

PASSED, WARNED, QUARANTINED, REFUSED = "passed", "warned", "quarantined", "refused"
EARLIER_PERIOD = "2026-02"
Rows = Callable[[], Sequence[Row] | bytes]


@dataclass(frozen=True)
class Case:
    """One delivered file.

    rule      the rule that the file is about
    expected  passed: no rule says anything; otherwise what becomes of the file (refused) or of `rows`
    rows      numbers of the rows that the rule catches; all other rows must be clean
    also      other rules that must speak too, because the change breaks them as well
    """

    rule: str
    source: str
    label: str
    expected: str
    content: Rows
    rows: tuple[int, ...] = (1,)
    also: frozenset[str] = frozenset()
    put: dict[str, Any] = field(default_factory=dict)
    copies: int = 1

    @property
    def id(self) -> str:
        return f"{self.rule}-{self.source}-{self.label}"

    @property
    def file(self) -> str:
        return f"{self.id}.csv"


CASES: list[Case] = []


def add(
    rule: str,
    source: str,
    label: str,
    expected: str,
    change: Row | Rows | None = None,
    *,
    row: int = 1,
    rows: tuple[int, ...] | None = None,
    also: Sequence[str] = (),
    copies: int = 1,
    **put: Any,
) -> None:
    """A case; `change` goes into row `row` of the valid rows, or makes the content as a whole."""

    def changed() -> list[Row]:
        made = rows_of(source)
        made[row - 1].update(change or {})  # type: ignore[arg-type]
        return made

    content = change if callable(change) else changed
    CASES.append(
        Case(
            rule,
            source,
            label,
            expected,
            content,
            (row,) if rows is None else rows,
            frozenset(also),
            put,
            copies,
        )
    )


def each(rule: str, source: str, expected: str, changes: dict[str, Row], **common: Any) -> None:
    for label, change in changes.items():
        add(rule, source, label, expected, change, **common)
