"""The normalised copy: each record one line with as many cells as the header; footers cut off at the end."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from warehouse.reading.header import MAX_FOOTERS, TOTALS, is_blank, is_footer, is_total
from warehouse.reading.result import Facts, Limits, Refused

_BATCH = 5_000
_SPACED = tuple(text[0] + gap + text[1] for text in TOTALS for gap in ("", " ", "\u3000"))
_BREAK = re.compile(r"\r\n|\r|\n")


def inspect(block: bytes, facts: Facts) -> None:
    """Count private-use characters in UTF-8 and refuse U+FFFD and NUL."""
    if b"\0" in block:
        raise Refused("nul_bytes")
    facts.n_private_use += block.count(b"\xee")
    if b"\xef" in block:
        if b"\xef\xbf\xbd" in block:
            raise Refused("replacement_characters")
        data = np.frombuffer(block, np.uint8)
        leads = np.flatnonzero(data[:-2] == 0xEF)
        facts.n_private_use += int(np.count_nonzero(data[leads + 1] <= 0xA3))


class Sink:
    """Writes records to the private copy and keeps account of every row it is given."""

    def __init__(self, path: Path, width: int, limits: Limits, facts: Facts) -> None:
        self.width = width
        self._first = facts.header[0] if facts.header else ""
        # Bytes without which no row is a total or a header that is repeated on every page.
        self.marks = [text.encode() for text in (*_SPACED, self._first) if len(text) > 1]
        self.facts = facts
        self._limit = limits.max_record_bytes
        self._path = path
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def raw(self, lines: bytes, n_records: int) -> None:
        """Lines that are known to be records of the right width, unchanged."""
        self._file.write(lines)
        self.facts.n_records += n_records

    def is_extra(self, row: list[str]) -> bool:
        """Count a row that is no record: blank, a total, or the header again."""
        facts = self.facts
        if (not row or not row[0] or row[0].isspace()) and is_blank(row):
            facts.n_blank += 1
        elif row[0] == self._first and row[0] and tuple(row) == facts.header:
            facts.n_header += 1
        elif ("计" in row[0][-2:] or not row[0].strip()) and is_total(row):
            facts.n_footer += 1
        else:
            return False
        return True

    def rows(self, rows: Iterable[list[str]], check: bool = False) -> None:
        """Rows as cells: those that are no records are counted, others padded or cut to the width of the header."""
        facts, width, ready = self.facts, self.width, []
        for row in rows:
            if self.is_extra(row):
                continue
            facts.n_records += 1
            if len(row) != width:
                facts.ragged.append(facts.n_records)
                row = (row + [""] * width)[:width]
            ready.append(row)
            if len(ready) >= _BATCH:
                self._flush(ready, check)
                ready = []
        if ready:
            self._flush(ready, check)

    def _flush(self, rows: list[list[str]], check: bool) -> None:
        buffer = io.StringIO()
        write = csv.writer(buffer, lineterminator="\n").writerow
        longest = 0
        for row in rows:
            size = write(row)
            longest = max(longest, size)
        text = buffer.getvalue()
        if longest > self._limit // 4:  # characters; up to four bytes each
            self._check_length(rows)
        if "\r" in text or text.count("\n") != len(rows):
            text = self._without_breaks(rows)
        block = text.encode("utf-8")
        if check:
            inspect(block, self.facts)
        self._file.write(block)

    def _check_length(self, rows: list[list[str]]) -> None:
        for row in rows:
            if sum(len(cell.encode()) + 3 for cell in row) > self._limit:
                raise Refused("line_too_long", limit=self._limit)

    def _without_breaks(self, rows: list[list[str]]) -> str:
        buffer = io.StringIO()
        write = csv.writer(buffer, lineterminator="\n").writerow
        for row in rows:
            cells = [_BREAK.sub(" ", cell) if "\n" in cell or "\r" in cell else cell for cell in row]
            self.facts.n_newline_cells += sum(a is not b for a, b in zip(cells, row, strict=True))
            write(cells)
        return buffer.getvalue()

    def finish(self) -> None:
        """Cut off the footers at the tail and close the copy."""
        size = self._file.seek(0, os.SEEK_END)
        start = max(0, size - 2 * self._limit)
        self._file.seek(start)
        lines = self._file.read().split(b"\n")[:-1]
        if start:
            lines = lines[1:]  # the first one is cut
        n_signed = 0
        while lines and n_signed < MAX_FOOTERS:
            line = lines.pop()
            if not is_footer(next(csv.reader([line.decode()]))):
                break
            size -= len(line) + 1
            n_signed += 1
        self._file.truncate(size)
        facts = self.facts
        facts.n_records -= n_signed
        facts.n_footer += n_signed
        while facts.ragged and facts.ragged[-1] > facts.n_records:
            facts.ragged.pop()
        if facts.n_records == 0:
            raise Refused("no_records")
