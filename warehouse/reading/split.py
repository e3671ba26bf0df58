"""Lines into cells, record by record: a stray quote never swallows the lines after it (dirt D27)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from warehouse.reading.result import Facts

MAX_SPAN = 20  # a quoted cell covers at most so many lines; beyond that the quote is an ordinary character
_END = "\n"

csv.field_size_limit(64 * 1024**2)  # lengths are checked in bytes of a record


def _literal(line: str, delimiter: str) -> list[str]:
    """Cells of one line whose last open quote is an ordinary character."""
    cells, at, size = [], 0, len(line)
    while at <= size:
        close = -1
        if line.startswith('"', at):
            close = line.find('"', at + 1)
            while close >= 0 and line.startswith('""', close):
                close = line.find('"', close + 2)
        end = line.find(delimiter, close + 1 if close >= 0 else at)
        if end < 0:
            end = size
        if close >= 0:
            cells.append(line[at + 1 : close].replace('""', '"') + line[close + 1 : end])
        else:
            cells.append(line[at:end])
        at = end + 1
    return cells


def _plain(line: str, delimiter: str) -> list[str]:
    """Cells when no delimiter is inside quotes: repairs a line in which a stray quote hid some of them."""
    return [
        cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
        for cell in line.split(delimiter)
    ]


def _is_strict(lines: Sequence[str], delimiter: str) -> bool:
    """True if every closing quote of a record over several lines stands before a delimiter or the end."""
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def record(
    lines: Sequence[str], at: int, delimiter: str, end: bool, facts: Facts, width: int | None = None
) -> tuple[list[str], int] | None:
    """Cells of the record that begins at line `at` and how many lines it covers; None: lines are missing."""
    line = lines[at]
    if '"' not in line:
        return line.removesuffix("\n").split(delimiter), 1
    try:
        reader = csv.reader((line, _END), delimiter=delimiter)
        cells = next(reader)
        if reader.line_num == 1:
            if width is not None and len(cells) != width and not _is_strict((line,), delimiter):
                plain = _plain(line.removesuffix("\n"), delimiter)
                if len(plain) == width:
                    facts.n_literal_quotes += 1
                    return plain, 1
            return cells, 1
        span = lines[at : at + MAX_SPAN]
        reader = csv.reader((*span, _END), delimiter=delimiter)
        cells = next(reader)
        covered = reader.line_num
    except csv.Error:
        covered, span = 1, lines[at : at + 1]
        cells = []
    literal = _literal(line.removesuffix("\n"), delimiter)
    if cells and covered <= len(span):
        strict = _is_strict(span[:covered], delimiter)
        fits = width is None or len(cells) == width
        if (strict and (fits or len(literal) != width)) or (fits and len(literal) != width):
            return cells, covered
    if covered > len(span) and len(span) < MAX_SPAN and not end:
        return None
    facts.n_literal_quotes += 1
    return literal, 1


def records(
    lines: Sequence[str], delimiter: str, end: bool, facts: Facts, width: int | None = None
) -> Iterator[tuple[list[str], int]]:
    """Records and the number of lines they cover, as far as the lines suffice."""
    at = 0
    while at < len(lines):
        found = record(lines, at, delimiter, end, facts, width)
        if found is None:
            return
        yield found
        at += found[1]
