"""What reading and cleaning did to the files of a load, as counts: repairs per column and dirt id, remarks about the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from warehouse import intake
from warehouse.contract import Contract, normalise_header
from warehouse.engine.duckdb import Session, literal
from warehouse.landing import Delivery
from warehouse.reading import ReadResult

_LONGEST = 40


def file_repairs(contract: Contract, read: ReadResult) -> dict[str, int]:
    """Dirt id → count of what the reader repaired in a file as a whole."""
    plain = {normalise_header(c.header): c.header for c in contract.columns}
    headers = sum(
        bool(text) and plain.get(normalise_header(text)) != text.strip()
        for text in contract_headers(contract, read)
    )
    found = {
        "D01": int(read.encoding not in ("", "utf-8", "binary")),
        "D03": int(read.disguised),
        "D13": read.n_title + read.n_footer + max(read.n_header - 1, 0),
        "D14": headers,
        "D27": read.n_newline_cells + read.n_literal_quotes,
        "D28": read.n_padded,
    }
    return {dirt: n for dirt, n in found.items() if n}


def contract_headers(contract: Contract, read: ReadResult) -> list[str]:
    """Header cells of the file that the contract knows."""
    return [read.header[position] for position in contract.match_header(read.header).mapping]


def remarks(contract: Contract, read: ReadResult) -> list[tuple[str, str, int]]:
    """(kind, detail, n) of a file; an unknown header may hold anything, so its digits are masked and its length cut."""
    found = [
        ("unknown_header", re.sub(r"\d", "#", header)[:_LONGEST], 1)
        for header in contract.match_header(read.header).unknown
    ]
    return found + [(kind, str(number), n) for kind, number, n in read.notes]


def record(session: Session, contract: Contract, files: Iterable[tuple[Delivery, ReadResult]]) -> None:
    """Replace repairs and remarks of the files; call inside the load's transaction, after `intake.stage`."""
    files = list(files)
    listed = ", ".join(literal(d.delivery_id) for d, _ in files)
    repairs = [
        (d.delivery_id, "", dirt, n) for d, read in files for dirt, n in file_repairs(contract, read).items()
    ]
    notes = [(d.delivery_id, *note) for d, read in files for note in remarks(contract, read)]
    for table, rows in (("ops.repair__delivery_field", repairs), ("ops.reading_note__delivery", notes)):
        session.execute(f"DELETE FROM {table} WHERE delivery_id IN ({listed})")
        _insert(session, table, rows)
    if session.value(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'work' AND table_name = 'repair'"
    ):
        session.execute(
            f"INSERT INTO ops.repair__delivery_field SELECT * FROM {intake.REPAIR} WHERE delivery_id IN ({listed}) ORDER BY ALL"
        )


def _insert(session: Session, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        values = ", ".join(f"({', '.join(literal(v) for v in row)})" for row in rows)
        session.execute(f"INSERT INTO {table} VALUES {values}", what=table)
