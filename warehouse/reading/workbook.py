"""xls and xlsx through calamine: the one sheet with the data, every cell as text."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import python_calamine as calamine

from warehouse.contract import Contract
from warehouse.reading import archive, header
from warehouse.reading.result import Facts, Limits, Refused
from warehouse.reading.sink import Sink

_CHUNK = 1024**2
_DAMAGED_BY_EXCEL = 1e15  # a number of more than 15 digits has lost the others (dirt D05)
# reference of a cell that holds something: <c r="AB12" …> and not <c r="AB12" …/>
_CELL = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})([0-9]{1,7})"(?:[^>]*[^/>])?>')
_RANK = 0.8  # a sheet with so many of the best sheet's known headers may be the one that was meant


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _blocks(source: Any, tag: bytes) -> Iterator[bytes]:
    """XML of a sheet in blocks that are cut before a tag."""
    rest = b""
    while block := source.read(_CHUNK):
        block = rest + block
        cut = max(block.rfind(tag), 0)
        rest = block[cut:]
        if len(rest) > 64 * _CHUNK:
            raise Refused("damaged_workbook")
        yield block[:cut]
    yield rest


def _bound(source: Any) -> tuple[int, int] | None:
    """Upper bound of the last row and column from the last reference of every row; None: not so simple."""
    rows, seen = 0, set()
    for block in _blocks(source, b"<row"):
        for row in block.split(b"<row"):
            at = row.rfind(b' r="') + 4
            reference = row[at : row.find(b'"', at)] if at > 3 else b""
            letters = reference.rstrip(b"0123456789")
            number = reference[len(letters) :]
            if len(letters) > 3 or len(number) > 7 or (reference and not number):
                return None
            seen.add(letters)
            rows = max(rows, int(number or b"0"))
    return (rows, max(map(_column, seen))) if rows else None


def _extent(source: Any) -> tuple[int, int]:
    """Last row and column with content, from every cell of a sheet."""
    rows = 0
    seen: set[bytes] = set()
    for block in _blocks(source, b"<"):
        found = _CELL.findall(block)
        if found:
            letters, numbers = zip(*found, strict=True)
            seen.update(letters)
            rows = max(rows, *map(int, set(numbers)))
    return rows, max(map(_column, seen), default=0)


def check_package(path: Path, limits: Limits) -> None:
    """Inflate what the reader will inflate, so that sizes are real; bound the area held in memory."""
    try:
        with zipfile.ZipFile(path) as package:
            members = package.infolist()
            archive.check_declared(members, limits)
            area = 0
            for member in members:
                name = member.filename.lower()
                if not name.startswith("xl/") or not name.endswith(".xml"):
                    continue
                if not name.startswith("xl/worksheets/"):
                    with package.open(member) as source:
                        while source.read(_CHUNK):  # reads at most the declared size, and checks it
                            pass
                    continue
                with package.open(member) as source:
                    extent = _bound(source)
                if extent is None or area + extent[0] * extent[1] > limits.max_cells:
                    with package.open(member) as source:
                        extent = _extent(source)
                area += extent[0] * extent[1]
                if area > limits.max_cells:
                    raise Refused("too_large_area", rows=extent[0], columns=extent[1])
    except archive.DAMAGED:
        raise Refused("damaged_workbook") from None


def _text(value: Any) -> str:
    """Text of a cell that is not text."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        if abs(value) >= _DAMAGED_BY_EXCEL:
            return f"{value:.14E}"
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat("seconds")
    if value is None:
        return ""
    return str(value)


def _rows(sheet: Any) -> Iterator[list[str]]:
    """Rows as text from row 1 of the sheet; cells with errors are empty."""
    if sheet.start is None:
        return
    for row in sheet.iter_rows():
        yield [value if type(value) is str else _text(value) for value in row]


def _choose(book: Any, contract: Contract, limits: Limits) -> tuple[Any, str]:
    """The sheet with the header and data. Raises Refused when two sheets could be meant."""
    candidates = []
    best_known = 0
    for meta in book.sheets_metadata:
        if meta.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(meta.name)
        if sheet.start is None:
            continue
        if sheet.total_width > limits.max_columns:
            raise Refused("too_wide", columns=sheet.total_width, limit=limits.max_columns)
        preview = list(islice(_rows(sheet), header.SEARCH_ROWS + 5))
        found = header.nearest(preview, contract)
        if found is None:
            continue
        best_known = max(best_known, found.known)
        data = sum(not header.is_blank(row) for row in preview[found.last + 1 :])
        hidden = meta.visible != calamine.SheetVisibleEnum.Visible
        candidates.append((found.known, not hidden, data > 0, sheet, meta.name))
    if not candidates:
        raise Refused("empty_file")
    need = header.needed(contract)
    if best_known < need:
        raise Refused("header_not_found", known=best_known, needed=need)
    good = [c for c in candidates if c[0] >= max(need, best_known * _RANK)]
    for wanted in (2, 1):  # sheets with data first, then visible ones
        good = [c for c in good if c[wanted]] or good
    if len(good) > 1 and good[0][2]:
        raise Refused("several_sheets", sheets=len(good))
    return good[0][3], good[0][4]


def read(path: Path, kind: str, contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    """Write the normalised copy of the data sheet and complete the facts."""
    facts.encoding, facts.format = "binary", kind
    if kind == "xlsx":
        check_package(path, limits)
    try:
        with path.open("rb") as file:  # not by path: the reader would trust the extension
            book = calamine.CalamineWorkbook.from_filelike(file)
            try:
                sheet, facts.sheet = _choose(book, contract, limits)
                _write(sheet, contract, out, limits, facts)
            finally:
                book.close()
    except calamine.PasswordError:
        raise Refused("password") from None
    except calamine.CalamineError:
        raise Refused("damaged_workbook") from None


def _write(sheet: Any, contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    rows = _rows(sheet)
    preview = list(islice(rows, header.SEARCH_ROWS))
    found = header.locate(preview, contract, limits, facts)
    width = len(facts.header)
    with Sink(out, width, limits, facts) as sink:
        sink.rows(chain(preview[found.last + 1 :], rows), check=True)
        sink.finish()
