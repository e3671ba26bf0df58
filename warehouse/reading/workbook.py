"""xls and xlsx through calamine: the sheets with the data, every cell as text."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import python_calamine as calamine

from warehouse.contract import Contract
from warehouse.reading import archive, header
from warehouse.reading.formats import Formats
from warehouse.reading.join import join
from warehouse.reading.result import Facts, Limits, Refused
from warehouse.reading.sink import Sink

_CHUNK = 1024**2
_DAMAGED_BY_EXCEL = 1e15  # a number of more than 15 digits has lost the others (dirt D05)
# reference of a cell that holds something: <c r="AB12" …> and not <c r="AB12" …/>
_CELL = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})([0-9]{1,7})"(?:[^>]*[^/>])?>')
# kinds of columns whose leading zeros matter, and serial numbers of days of this century and the last
_CODED = (
    "code",
    "school_id",
    "local_no",
    "student_no",
    "citizen_id",
    "county",
    "class_label",
    "grade",
    "phone",
)
_SERIAL = re.compile(r"[1-6]\d{4}")
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


@dataclass(frozen=True)
class _Candidate:
    """A sheet that may hold the data."""

    sheet: Any
    name: str
    number: int  # 1-based
    known: int
    visible: bool
    filled: bool


def _candidates(book: Any, contract: Contract, limits: Limits) -> list[_Candidate]:
    found = []
    for number, meta in enumerate(book.sheets_metadata, 1):
        if meta.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(meta.name)
        if sheet.start is None:
            continue
        if sheet.total_width > limits.max_columns:
            raise Refused("too_wide", columns=sheet.total_width, limit=limits.max_columns)
        preview = list(islice(_rows(sheet), header.SEARCH_ROWS + 5))
        nearest = header.nearest(preview, contract)
        if nearest is None:
            continue
        filled = any(
            not header.is_blank(row) and not header.is_footer(row) for row in preview[nearest.last + 1 :]
        )
        visible = meta.visible == calamine.SheetVisibleEnum.Visible
        found.append(_Candidate(sheet, meta.name, number, nearest.known, visible, filled))
    return found


def _choose(book: Any, contract: Contract, limits: Limits, facts: Facts) -> list[_Candidate]:
    """The sheets with header and data, in order; those left out are noted."""
    candidates = _candidates(book, contract, limits)
    if not candidates:
        raise Refused("empty_file")
    best_known = max(c.known for c in candidates)
    need = header.needed(contract)
    if best_known < need:
        raise Refused("header_not_found", known=best_known, needed=need)
    good = [c for c in candidates if c.known >= max(need, best_known * _RANK)]
    good = [c for c in good if c.filled] or good[:1]
    good = [c for c in good if c.visible] or good
    facts.notes += [("sheet_left_out", c.number, 0) for c in candidates if c not in good]
    return good


def read(path: Path, kind: str, contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    """Write the normalised copy of the data sheets, joined if there are several, and complete the facts."""
    facts.encoding, facts.format = "binary", kind
    formats = None
    if kind == "xlsx":
        check_package(path, limits)
        try:
            formats = Formats(path)
        except (KeyError, *archive.DAMAGED):
            raise Refused("damaged_workbook") from None
    try:
        with path.open("rb") as file:  # not by path: the reader would trust the extension
            book = calamine.CalamineWorkbook.from_filelike(file)
            try:
                _read_sheets(_choose(book, contract, limits, facts), formats, contract, out, limits, facts)
            finally:
                book.close()
    except calamine.PasswordError:
        raise Refused("password") from None
    except calamine.CalamineError:
        raise Refused("damaged_workbook") from None


def _read_sheets(
    chosen: list[_Candidate],
    formats: Formats | None,
    contract: Contract,
    out: Path,
    limits: Limits,
    facts: Facts,
) -> None:
    if len(chosen) == 1:
        facts.sheet = chosen[0].name
        _write(chosen[0], formats, contract, out, limits, facts)
        return
    parts = []
    try:
        for candidate in chosen:
            part = Facts(encoding=facts.encoding, format=facts.format, sheet=candidate.name)
            copy = out.with_suffix(f".{candidate.number}")
            parts.append((copy, part))
            _write(candidate, formats, contract, copy, limits, part)
        join(parts, out, facts, "several_sheets")
        facts.notes += [
            ("sheets_joined", c.number, p.n_records) for c, (_, p) in zip(chosen, parts, strict=True)
        ]
    finally:
        for copy, _ in parts:
            copy.unlink(missing_ok=True)


def _write(
    candidate: _Candidate,
    formats: Formats | None,
    contract: Contract,
    out: Path,
    limits: Limits,
    facts: Facts,
) -> None:
    rows = _rows(candidate.sheet)
    preview = list(islice(rows, header.SEARCH_ROWS))
    found = header.locate(preview, contract, limits, facts)
    below: Iterator[list[str]] = chain(preview[found.last + 1 :], rows)
    if formats is not None:
        below = _as_shown(below, found.last + 1, candidate, formats, contract, facts)
    with Sink(out, len(facts.header), limits, facts) as sink:
        sink.rows(below, check=True)
        sink.finish()


def _as_shown(
    rows: Iterator[list[str]],
    first: int,
    candidate: _Candidate,
    formats: Formats,
    contract: Contract,
    facts: Facts,
) -> Iterator[list[str]]:
    """Rows with the leading zeros that number formats show, and days of a 1904 calendar counted from its beginning."""
    columns = contract.match_header(facts.header).mapping
    padded = formats.padded(candidate.name, {n for n, c in columns.items() if c.kind in _CODED})
    dates = [n for n, c in columns.items() if c.kind in ("date", "month")] if formats.is_1904 else []
    if not padded and not dates:
        yield from rows
        return
    by_row: dict[int, list[tuple[int, str]]] = {}
    for (line, column), text in padded.items():
        by_row.setdefault(line, []).append((column, text))
    for number, row in enumerate(rows, first):
        for column, text in by_row.get(number, ()):
            if column < len(row) and row[column] and text.lstrip("0") == row[column].lstrip("0"):
                row[column] = text
                facts.n_padded += 1
        for column in dates:
            if column < len(row) and _SERIAL.fullmatch(row[column]):
                row[column] = (dt.date(1904, 1, 1) + dt.timedelta(days=int(row[column]))).isoformat()
        yield row
