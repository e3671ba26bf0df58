"""What reading a delivered file yields, its limits, and the refusal that carries a problem upwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one hostile or broken file from costing the machine its memory or its disk."""

    max_unpacked_bytes: int = 8 * 1024**3
    max_unpack_ratio: int = 200
    max_members: int = 200  # files in a zip
    max_columns: int = 2_000
    max_cells: int = 20_000_000  # used area of all sheets, held in memory while reading
    max_record_bytes: int = 1024**2  # one record in UTF-8; half of what the engine takes as a line


@dataclass(frozen=True)
class Problem:
    """Why a file cannot be read, in plain words for the clerk; never a value from the file."""

    code: str
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str


@dataclass(frozen=True)
class ReadResult:
    """Facts about one delivered file, and where its normalised copy lies.

    rows of the file = n_title + n_header + n_records + n_blank + n_footer. The copy has no header row,
    LF line ends, one line per record and exactly len(header) cells in each; line k is row_no k.
    """

    ok: bool
    csv: Path | None = None
    header: tuple[str, ...] = ()
    header_row: int = 0  # 1-based number of the (last) header row among the rows of the file or sheet
    n_header: int = 0  # 1; more when a header of merged cells spans several rows or is repeated on every page
    n_records: int = 0
    n_footer: int = 0  # signatures at the end, totals and subtotals anywhere
    n_title: int = 0
    n_blank: int = 0
    ragged: tuple[int, ...] = ()  # row_no of records that had more or fewer cells than the header
    n_newline_cells: int = 0  # line breaks inside cells, replaced by a space
    n_literal_quotes: int = 0  # unbalanced quotes taken as ordinary characters
    encoding: str = ""  # utf-8, utf-8-sig, gb18030, utf-16-le, utf-16-be; binary for workbooks
    format: str = ""  # csv, tsv, xls, xlsx, html; zip when one of these came in a zip
    n_private_use: int = 0  # characters U+E000–U+F8FF
    sheet: str | None = None
    n_padded: int = 0  # workbook numbers that got back the leading zeros their number format shows (dirt D28)
    title_period: str | None = None  # YYYY-MM that a title row names as the period of the data
    disguised: bool = False  # the name says another format than the content (dirt D03)
    notes: tuple[
        tuple[str, int, int], ...
    ] = ()  # (kind, number of the sheet or file, records) of parts joined or left out
    problem: Problem | None = None


@dataclass
class Facts:
    """What is learnt on the way; becomes a ReadResult, also when reading stops half-way."""

    encoding: str = ""
    format: str = ""
    n_private_use: int = 0
    sheet: str | None = None
    header: tuple[str, ...] = ()
    header_row: int = 0
    n_header: int = 0
    n_title: int = 0
    n_blank: int = 0
    n_records: int = 0
    n_footer: int = 0
    n_newline_cells: int = 0
    n_literal_quotes: int = 0
    n_padded: int = 0
    title_period: str | None = None
    disguised: bool = False
    notes: list[tuple[str, int, int]] = field(default_factory=list)
    ragged: list[int] = field(default_factory=list)


class Refused(Exception):
    """A file that cannot be read: the code of a problem and numbers for its text, nothing from the data."""

    def __init__(self, code: str, **numbers: int) -> None:
        super().__init__(code)
        self.code = code
        self.numbers = numbers
