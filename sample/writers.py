"""Writing files as the source systems write them: delimited text in several encodings, workbooks, envelopes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import duckdb

CHUNK = 4096
ENCODINGS = {"gb18030": b"", "utf-8": b"", "utf-8-sig": b"\xef\xbb\xbf"}


@dataclass(frozen=True)
class Layout:
    """How one owner's file looks: container, encoding, order of columns, header texts, rows above and below."""

    order: tuple[int, ...]
    headers: tuple[str, ...]
    container: str = "csv"  # csv, tsv (a text file that calls itself xls), xlsx
    encoding: str = "gb18030"
    titles: tuple[str, ...] = ()
    footers: tuple[tuple[str, ...], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()  # (dirt id, description) of file-level dirt

    @property
    def suffix(self) -> str:
        """File-name suffix, true or pretended."""
        return {"csv": ".csv", "tsv": ".xls", "xlsx": ".xlsx"}[self.container]


@dataclass
class Target:
    """One file being written."""

    path: Path
    layout: Layout
    n_rows: int = 0
    digest: str = ""
    extra: dict[str, object] = field(default_factory=dict)  # what the envelope says otherwise


def _cell(text: str) -> str:
    if any(c in text for c in ',"\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def write_lines(target: Target, lines: Iterator[str]) -> None:
    """Write ready-made lines below titles and header; hashes while it writes."""
    layout, separator = target.layout, "\t" if target.layout.container == "tsv" else ","
    target.path.parent.mkdir(parents=True, exist_ok=True)
    codec = "utf-8" if layout.encoding == "utf-8-sig" else layout.encoding
    digest = sha256()
    with target.path.open("wb") as handle:

        def put(data: bytes) -> None:
            digest.update(data)
            handle.write(data)

        put(ENCODINGS[layout.encoding])
        width = len(layout.headers)
        head = [title + separator * (width - 1) for title in layout.titles]
        head.append(separator.join(_cell(h) for h in layout.headers))
        put(("\r\n".join(head) + "\r\n").encode(codec))
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) == CHUNK:
                put(("\r\n".join(block) + "\r\n").encode(codec))
                target.n_rows += len(block)
                block = []
        if block:
            put(("\r\n".join(block) + "\r\n").encode(codec))
            target.n_rows += len(block)
        for footer in layout.footers:
            cells = [*footer, *[""] * (width - len(footer))]
            put((separator.join(cells) + "\r\n").encode(codec))
    target.digest = digest.hexdigest()


def write_workbook(
    target: Target, rows: Iterator[Sequence[str | None]], *, number_column: str | None = None
) -> None:
    """Write a workbook row by row in constant memory; texts stay texts.

    `number_column` is stored as a number with a format that only shows its leading zero (dirt D28).
    """
    import xlsxwriter

    layout = target.layout
    target.path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(str(target.path), {"constant_memory": True, "strings_to_numbers": False})
    book.set_properties({"created": datetime(2016, 12, 26, tzinfo=UTC).replace(tzinfo=None)})
    sheet = book.add_worksheet("Sheet1")
    padded = book.add_format({"num_format": "00"})
    line = 0
    for title in layout.titles:
        sheet.write_string(line, 0, title)
        line += 1
    for column, header in enumerate(layout.headers):
        sheet.write_string(line, column, header)
    line += 1
    numeric = layout.headers.index(number_column) if number_column in layout.headers else -1
    for row in rows:
        for column, value in enumerate(row):
            if value is None or value == "":
                continue
            value = str(value)
            if column == numeric and value.isdigit():
                sheet.write_number(line, column, int(value), padded)
            else:
                sheet.write_string(line, column, value)
        line += 1
        target.n_rows += 1
    for footer in layout.footers:
        for column, text in enumerate(footer):
            if text:
                sheet.write_string(line, column, text)
        line += 1
    book.close()
    target.digest = sha256(target.path.read_bytes()).hexdigest()


def fetch(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[str | None, ...]]:
    """Rows of a result in chunks."""
    while rows := cursor.fetchmany(CHUNK):
        yield from rows


def write_envelope(target: Target, source: str, owner: str, period: str, owner_no: int) -> None:
    """Write the envelope beside a file: who delivers what, as of when, signed by three different accounts."""
    as_of, received = delivery_dates(period, owner_no)
    envelope = {
        "source": source,
        "owner": owner,
        "period": period,
        "as_of": as_of.isoformat(),
        "sha256": target.digest,
        "n_rows": target.n_rows,
        "preparer": f"u-{owner}-01",
        "reviewer": f"u-{owner}-02",
        "unit_head": f"u-{owner}-03",
        "sealed": True,
        "received_on": received.isoformat(),
        "late_reason": None,
    }
    envelope.update(target.extra)
    path = target.path.with_name(target.path.name + ".envelope.json")
    path.write_text(json.dumps(envelope, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def delivery_dates(period: str, owner_no: int) -> tuple[date, date]:
    """As-of date (the 4th to the 6th: dirt D25) and date of receipt of an owner's files of a month."""
    year, month = (int(x) for x in period.split("-"))
    as_of = date(year, month, 5) + timedelta(days=owner_no % 3 - 1)
    return as_of, as_of + timedelta(days=2 + owner_no % 4)
