"""Errors that tell an operator what happened and what to do, and never carry a personal value.

Exit codes of the `edu` command: 0 ok, 1 crash, 2 usage, 3 blocking rule, 4 input unreadable, 5 warehouse busy.
"""

from __future__ import annotations

import re

# Whatever DuckDB or a parser quotes from the data: quoted parts, CJK runs, and digit runs that could be numbers of
# a person. Table and column names are unquoted ASCII, so the useful part of a message survives.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”|「[^」]*」")
_CJK = re.compile(r"[\u2e80-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff·]+")
_DIGITS = re.compile(r"[0-9０-９][0-9０-９Xx.\-]{5,}")


def redact(message: str, limit: int = 300, *, about_sql: bool = False) -> str:
    """The first line of a foreign error message, without anything that may have come from the data.

    `about_sql`: the message is about a statement, which is ours, so the identifiers that it quotes may stay.
    """
    lines = message.strip().splitlines()
    line = lines[0] if lines else ""
    for pattern in (_CJK, _DIGITS) if about_sql else (_QUOTED, _CJK, _DIGITS):
        line = pattern.sub("‹…›", line)
    return line[:limit]


class EduError(Exception):
    """An error for the operator: what happened, and what to do about it."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} → {self.remedy}" if self.remedy else self.message


class UsageError(EduError):
    """Wrong arguments or settings."""

    exit_code = 2


class BlockedError(EduError):
    """A blocking rule failed: nothing was published."""

    exit_code = 3


class UnreadableError(EduError):
    """An input file cannot be read."""

    exit_code = 4


class BusyError(EduError):
    """Another process holds the warehouse."""

    exit_code = 5


class EngineError(EduError):
    """A statement failed in the engine; the message is redacted."""
