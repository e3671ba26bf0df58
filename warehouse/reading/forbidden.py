"""Headers that must never be stored: religion, blood group, photograph, bank card … (reference/blacklist.csv, rule RC03)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from warehouse.contract import Contract, normalise_header
from warehouse.reference import rows


@cache
def words() -> tuple[str, ...]:
    """Words that a forbidden header contains."""
    return tuple(normalise_header(r["header_zh"]) for r in rows("blacklist"))


def is_forbidden(header: str) -> bool:
    """Whether a header names something that must not be stored."""
    text = normalise_header(header)
    return any(word in text for word in words())


def count_forbidden(contract: Contract, headers: Iterable[str | None]) -> int:
    """Forbidden headers of a delivered file, without those of which the contract says that they are dropped on reading."""
    listed = [h for h in headers if h and is_forbidden(h)]
    match = contract.match_header(listed)
    dropped = sum(column.zone == "drop" for column in match.mapping.values())
    return len(listed) - dropped
