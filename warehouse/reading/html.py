"""Web pages named .xls: the rows of their tables, with merged cells spread out (dirt D03)."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain, islice
from pathlib import Path

from warehouse.contract import Contract
from warehouse.reading import header
from warehouse.reading.result import Facts, Limits, Refused
from warehouse.reading.sink import Sink


def _span(attrs: list[tuple[str, str | None]], name: str) -> int:
    text = next((value for key, value in attrs if key == name), None) or "1"
    return max(1, min(int(text), 1000)) if text.isdecimal() else 1


class _Tables(HTMLParser):
    """Collects finished rows; a cell ends where the next one begins, closing tags may be missing."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(convert_charrefs=True)
        self.done: list[list[str]] = []
        self._limits = limits
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._size = 0
        self._wide = 1
        self._tall = 1
        self._below: dict[int, int] = {}  # column -> rows that a cell from above still covers
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.end_row()
            self._row = []
        elif tag in ("td", "th"):
            self._end_cell()
            if self._row is None:
                self._row = []
            self._cell, self._size = [], 0
            self._wide, self._tall = _span(attrs, "colspan"), _span(attrs, "rowspan")
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")
        elif tag in ("script", "style"):
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr":
            self.end_row()
        elif tag == "table":
            self.end_row()
            self._below.clear()
        elif tag in ("script", "style"):
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._silent:
            self._size += len(data)
            if self._size > self._limits.max_record_bytes:
                raise Refused("line_too_long", limit=self._limits.max_record_bytes)
            self._cell.append(data)

    def _skip_covered(self, row: list[str]) -> None:
        while self._below.get(len(row), 0) > 0:
            self._below[len(row)] -= 1
            row.append("")

    def _end_cell(self) -> None:
        if self._cell is None or self._row is None:
            return
        row = self._row
        self._skip_covered(row)
        for extra in range(self._wide):
            if self._tall > 1:
                self._below[len(row)] = self._tall - 1
            row.append("" if extra else "".join(self._cell))
        if len(row) > self._limits.max_columns:
            raise Refused("too_wide", columns=len(row), limit=self._limits.max_columns)
        self._cell = None

    def end_row(self) -> None:
        """Finish the row at hand."""
        self._end_cell()
        if self._row is not None:
            self._skip_covered(self._row)
            self.done.append(self._row)
        self._row = None


def _rows(source: Iterator[bytes], limits: Limits) -> Iterator[list[str]]:
    parser = _Tables(limits)
    for block in source:
        parser.feed(block.decode("utf-8"))
        yield from parser.done
        parser.done.clear()
    parser.close()
    parser.end_row()
    yield from parser.done


def read(source: Iterator[bytes], contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    """Write the normalised copy of the tables of a page and complete the facts."""
    facts.format = "html"
    rows = _rows(source, limits)
    preview = list(islice(rows, header.SEARCH_ROWS))
    found = header.locate(preview, contract, limits, facts)
    with Sink(out, len(facts.header), limits, facts) as sink:
        sink.rows(chain(preview[found.last + 1 :], rows))
        sink.finish()
