"""Delimited text: clean blocks pass as a whole, blocks with odd quotes are split record by record."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from warehouse.contract import Contract
from warehouse.reading import decode, header, split
from warehouse.reading.result import Facts, Limits, Refused
from warehouse.reading.sink import Sink

_DELIMITERS = (",", "\t", ";")
_LF, _QUOTE, _COMMA = 10, 34, 44

# Bytes with which a row of nothing but white space, empty quotes and delimiters may begin and end
_BLANK_FIRST = np.zeros(256, bool)
_BLANK_FIRST[[*b' \t\n\x0b\x0c\x1c\x1d\x1e\x1f,;"', 0xC2, 0xE1, 0xE2, 0xE3]] = True
_BLANK_LAST = np.zeros(256, bool)
_BLANK_LAST[[*b' \t\n\x0b\x0c\x1c\x1d\x1e\x1f,;"', *range(0x80, 0xC0)]] = True


def _lines(block: bytes) -> list[str]:
    return list(io.StringIO(block.decode("utf-8"), newline="\n"))


def _start(
    lines: decode.Lines, contract: Contract, limits: Limits, facts: Facts
) -> tuple[str, header.Found, int]:
    """Delimiter, header and the number of bytes up to the end of the header, from the first block."""
    block = lines.next()
    while block.count(b"\n") < header.SEARCH_ROWS and not lines.end:
        if len(block) > header.SEARCH_ROWS * limits.max_record_bytes:
            raise Refused("line_too_long", limit=limits.max_record_bytes)
        block = lines.next()
    preview = _lines(block[: block.rfind(b"\n", 0, 4 * 1024**2) + 1])
    best: tuple[int, str, list[tuple[list[str], int]]] = (-1, ",", [])
    for delimiter in _DELIMITERS:
        rows = []
        for row in split.records(preview, delimiter, lines.end, Facts()):
            rows.append(row)
            if len(rows) == header.SEARCH_ROWS:
                break
        found = header.nearest([cells for cells, _ in rows], contract)
        known = found.known if found else 0
        if known > best[0]:
            best = (known, delimiter, rows)
    _, delimiter, rows = best
    found = header.locate([cells for cells, _ in rows], contract, limits, facts)
    covered = sum(n for _, n in rows[: found.last + 1])
    size = sum(len(line.encode()) for line in preview[:covered])
    return delimiter, found, size


def read(source: Iterator[bytes], contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    """Write the normalised copy of a delimited text and complete the facts."""
    lines = decode.Lines(source, limits.max_record_bytes, facts)
    delimiter, _, size = _start(lines, contract, limits, facts)
    facts.format = "tsv" if delimiter == "\t" else "csv"
    lines.rest = lines.rest[size:]
    with Sink(out, len(facts.header), limits, facts) as sink:
        block = lines.rest
        while True:
            if block:
                used = _vector(block, delimiter, sink, limits)
                if used is None:
                    used = _careful(block, delimiter, lines.end, sink)
                lines.rest = block[used:]
            if lines.end:
                if lines.rest:
                    _careful(lines.rest, delimiter, True, sink)
                break
            block = lines.next()
        sink.finish()


def _careful(block: bytes, delimiter: str, end: bool, sink: Sink) -> int:
    """Split record by record; returns the number of bytes used."""
    lines = _lines(block)
    covered = 0

    def cells() -> Iterator[list[str]]:
        nonlocal covered
        for row, n in split.records(lines, delimiter, end, sink.facts, sink.width):
            covered += n
            yield row

    sink.rows(cells())
    if covered == len(lines):
        return len(block)
    return len(block) - sum(len(line.encode()) for line in lines[covered:])


def _well_formed(data: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: int) -> bool:
    """True if every quote opens a cell, closes one, or is doubled inside one (RFC 4180)."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = data[np.maximum(opening - 1, 0)]
    opens = (before == delimiter) | (before == _LF) | (before == _QUOTE) | (opening == 0)
    after = data[closing + 1]
    closes = (after == delimiter) | (after == _LF) | (after == _QUOTE)
    return bool(opens.all() and closes.all())


def _marked(block: bytes, used: int, marks: list[bytes]) -> list[int]:
    """Places of texts that a total or a repeated header holds; nearly always none."""
    found = []
    for mark in marks:
        at = block.find(mark, 0, used)
        while at >= 0:
            found.append(at)
            at = block.find(mark, at + 1, used)
    return found


def _vector(block: bytes, delimiter: str, sink: Sink, limits: Limits) -> int | None:
    """Check a block as a whole and copy it; returns the bytes used, None if it needs the careful way."""
    sep = ord(delimiter)
    data = np.frombuffer(block, np.uint8)
    breaks = np.flatnonzero((data == sep) | (data == _LF))
    n_inside = 0
    inside_cells = 0
    quoted = b'"' in block
    if quoted:
        is_quote = data == _QUOTE
        inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8))
        outside = inside[breaks] == 0
        hidden = breaks[~outside]
        breaks = breaks[outside]
        ends = breaks[data[breaks] == _LF]
        if not ends.size:
            return None
        used = int(ends[-1]) + 1
        quotes = np.flatnonzero(is_quote[:used])
        if block.count(b"\n", used) >= split.MAX_SPAN or not _well_formed(data, quotes, sep):
            return None
        hidden = hidden[(hidden < used) & (data[np.minimum(hidden, len(data) - 1)] == _LF)]
        breaks = breaks[breaks < used]
        n_inside = hidden.size
        if n_inside:
            record_of = np.searchsorted(ends, hidden)
            if int(np.bincount(record_of).max()) >= split.MAX_SPAN:
                return None
            inside_cells = len(np.unique(np.searchsorted(breaks, hidden)))
            data = data.copy()
            data[hidden] = 0x20
    kinds = data[breaks] == _LF
    ends = breaks[kinds]
    used = int(ends[-1]) + 1
    cells = np.diff(np.flatnonzero(kinds), prepend=-1)
    starts = np.concatenate(([0], ends[:-1] + 1))
    odd = cells != sink.width
    if n_inside and bool(odd[record_of].any()):
        return None  # a record over several lines with the wrong number of cells: perhaps a stray quote
    if int((ends - starts).max()) > limits.max_record_bytes:
        raise Refused("line_too_long", limit=limits.max_record_bytes)
    if sep != _COMMA:
        commas = data[:used] == _COMMA
        if quoted:
            commas &= inside[:used] == 0
        if commas.any():
            return None  # such cells must be quoted
        data = data.copy() if data.base is not None else data
        data[breaks[~kinds]] = _COMMA
    first, last = data[starts], data[np.maximum(ends - 1, 0)]
    blank = _BLANK_FIRST[first] & _BLANK_LAST[last]
    if quoted:  # a quote at the end of a blank row stands beside another one or beside white space
        blank &= (first != _QUOTE) | _BLANK_FIRST[data[np.minimum(starts + 1, ends)]]
        blank &= (last != _QUOTE) | _BLANK_LAST[data[np.maximum(ends - 2, 0)]]
    sink.facts.n_newline_cells += inside_cells
    special = np.flatnonzero(odd | blank)
    marked = _marked(block, used, sink.marks)
    if marked:
        special = np.union1d(special, np.searchsorted(ends, marked))
    whole = block if n_inside == 0 and sep == _COMMA else data.tobytes()
    if not special.size:
        sink.raw(whole if used == len(whole) else whole[:used], len(ends))
        return used
    position, row = 0, 0  # all before these is written
    for index in special.tolist():
        begin, end = int(starts[index]), int(ends[index])
        line = whole[begin : end + 1].decode("utf-8")
        cells_found = split.record([line], 0, ",", True, sink.facts)
        values = cells_found[0] if cells_found else []
        extra = sink.is_extra(values)
        if not odd[index] and not extra:
            continue
        if begin > position:
            sink.raw(whole[position:begin], index - row)
        if not extra:
            sink.rows([values])
        position, row = end + 1, index + 1
    if position < used:
        sink.raw(whole[position:used], len(ends) - row)
    return used
