"""Draws: every random choice is a hash of (seed, purpose, id), written as a SQL expression.

A draw depends on nothing else, so the same person gets the same name, school and fate whichever months are
asked for, in whatever order the rows are processed and on however many threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256


class Draws:
    """Builds SQL expressions of hash-driven draws for one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def hash(self, key: str, purpose: str) -> str:
        """64-bit hash of an integer key for one purpose."""
        # hash(key, salt) of DuckDB combines by xor: draws of two purposes would depend on each other
        digest = sha256(f"{self.seed}/{purpose}".encode()).digest()
        salt = int.from_bytes(digest[:8], "big") >> 1
        return f"hash(xor(({key})::BIGINT, {salt}::BIGINT))"

    def unit(self, key: str, purpose: str) -> str:
        """Uniform draw in [0, 1)."""
        return f"(({self.hash(key, purpose)} >> 11)::DOUBLE / 9007199254740992.0)"

    def below(self, key: str, purpose: str, n: int | str) -> str:
        """Uniform integer in 0 … n-1."""
        return f"({self.hash(key, purpose)} % ({n}))::INTEGER"

    def pick(self, key: str, purpose: str, values: Sequence[str]) -> str:
        """One of a list of texts."""
        return f"{text_list(values)}[1 + {self.below(key, purpose, len(values))}]"

    def weighted(self, key: str, purpose: str, values: Sequence[tuple[str, float]]) -> str:
        """One of some texts by weight (weights need not add up to one)."""
        total = sum(w for _, w in values)
        draw = self.unit(key, purpose)
        upto, arms = 0.0, []
        for text, weight in values[:-1]:
            upto += weight / total
            arms.append(f"WHEN {draw} < {upto:.9f} THEN {quote(text)}")
        return f"(CASE {' '.join(arms)} ELSE {quote(values[-1][0])} END)"


def quote(text: str) -> str:
    """SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def text_list(values: Sequence[str]) -> str:
    """SQL list literal of texts."""
    return "[" + ", ".join(quote(v) for v in values) + "]"


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_character(area: str, birth: str, sequence: str) -> str:
    """Check character of GB 11643 from three integers: area (6 digits), birth (YYYYMMDD) and sequence (3).

    Integer arithmetic instead of substrings: two million identifiers take a second, not ten.
    """
    terms = []
    for number, width, weights in (
        (area, 6, _WEIGHTS[:6]),
        (birth, 8, _WEIGHTS[6:14]),
        (sequence, 3, _WEIGHTS[14:]),
    ):
        for place, weight in enumerate(weights):
            terms.append(f"(({number}) // {10 ** (width - 1 - place)} % 10) * {weight}")
    return f"substr('10X98765432', 1 + (({' + '.join(terms)}) % 11)::INTEGER, 1)"


def install_macros(execute: Callable[[str], object]) -> None:
    """Macros used by every query: `id18`, `ymd` (date → integer), `q` (CSV quoting), `check17`."""
    execute(f"CREATE MACRO check_char(a, b, s) AS {check_character('a', 'b', 's')}")
    execute("CREATE MACRO id18(a, b, s) AS concat(a, b, lpad(s::VARCHAR, 3, '0'), check_char(a, b, s))")
    execute("CREATE MACRO ymd(d) AS (year(d) * 10000 + month(d) * 100 + day(d))::INTEGER")
    execute(
        "CREATE MACRO check17(t) AS check_char(substr(t, 1, 6)::INTEGER, substr(t, 7, 8)::INTEGER,"
        " substr(t, 15, 3)::INTEGER)"
    )
    execute(
        """CREATE MACRO q(x) AS CASE WHEN x IS NULL THEN ''
             WHEN contains(x, ',') OR contains(x, '"') OR contains(x, chr(10))
             THEN concat('"', replace(x, '"', '""'), '"') ELSE x END"""
    )
    execute("CREATE MACRO month_date(m) AS make_date((m // 12)::INTEGER, (m % 12 + 1)::INTEGER, 1)")
