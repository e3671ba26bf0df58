"""Cells that we write for people: no text of a delivered file may become a formula in a spreadsheet.

A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is run by spreadsheet programs when a csv is opened
(OWASP, "CSV Injection"). In a workbook such a text is stored as text; in a csv it gets a leading apostrophe, which the
programs show as text and our own reader takes off again (dirt D04). Every xlsx and csv we write goes through here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from xlsxwriter import Workbook

# Also the full-width forms, which some programs fold to ASCII, and a line feed, after which a formula may follow.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")  # -5 is a number, not a formula


class _Text(Protocol):
    def write(self, text: str, /) -> object: ...


def is_formula(text: str) -> bool:
    """True if a spreadsheet program might run the text."""
    return text.startswith(_STARTS) and _NUMBER.fullmatch(text) is None


def safe_cell(value: Any) -> Any:
    """The value for a csv cell: a text that might be run is led by an apostrophe, all else is unchanged."""
    return "'" + value if isinstance(value, str) and is_formula(value) else value


class CsvWriter:
    """`csv.writer` with safe cells and the line ends that spreadsheet programs write."""

    def __init__(self, file: _Text) -> None:
        self._writer = csv.writer(file, lineterminator="\r\n")

    def row(self, cells: Sequence[Any]) -> None:
        """Write one row."""
        self._writer.writerow([safe_cell(cell) for cell in cells])

    def rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write many rows."""
        for cells in rows:
            self.row(cells)


def open_workbook(path: Path | str, **options: Any) -> Workbook:
    """A new xlsx in which texts stay texts: nothing becomes a formula, a link or a number. The caller closes it."""
    import xlsxwriter

    texts = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    return xlsxwriter.Workbook(str(path), {**options, **texts})
