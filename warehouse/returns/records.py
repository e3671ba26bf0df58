"""The records to be returned: the texts as they stand in the delivered file, masked, with all their faults."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.reading import ReadResult
from warehouse.returns import masking

TOLD = "work.main.told_fault"  # delivery_id, row_no, fault_id, rule_id, field, severity, n_returned, reply
_TEXT = "work.main.told_text"
_ORDER = ("block", "quarantine", "warn", "audit")


@dataclass(frozen=True)
class Fault:
    """One fault of a record; `fault_id` is empty where there is no register (the clerk's own check)."""

    fault_id: str
    rule_id: str
    field: str | None
    severity: str
    n_returned: int = 0
    reply: str | None = None

    @property
    def must_fix(self) -> bool:
        """Whether the record stays outside until it is mended."""
        return self.severity in ("block", "quarantine")


@dataclass
class Record:
    """One record: where it stands, its masked texts by column name, its faults. `item_no` is given by the return."""

    row_no: int
    file_row: str
    texts: dict[str, str]
    faults: tuple[Fault, ...]
    item_no: str = ""

    @property
    def must_fix(self) -> bool:
        """Whether any of its faults keeps it outside."""
        return any(f.must_fix for f in self.faults)


@dataclass
class FileRecords:
    """The faulty records of one file, and the columns by which they are shown."""

    contract: Contract
    delivery_id: str
    file_name: str
    sheet: str | None
    n_read: int
    columns: list[Column]
    records: list[Record]


def create_told(session: Session) -> None:
    """The table of faults to be told, to be filled by the caller."""
    session.execute(
        f"CREATE OR REPLACE TABLE {TOLD} (delivery_id VARCHAR, row_no BIGINT, fault_id VARCHAR, rule_id VARCHAR, "
        "field VARCHAR, severity VARCHAR, n_returned INTEGER, reply VARCHAR)"
    )


def load(
    session: Session,
    contract: Contract,
    delivery_id: str,
    file_name: str,
    read: ReadResult,
    school: str | None = None,
) -> FileRecords:
    """Records of a file that was read again, for its faults in TOLD; of one school only, if wanted.

    The number of a row in its file is exact unless blank rows lie between the records; then it is marked 约.
    """
    if read.csv is None:
        raise ValueError("the file was not read")
    present = {c.name: i for i, c in contract.match_header(read.header).mapping.items() if c.zone != "drop"}
    at_fault = {
        row[0]
        for row in session.rows(
            f"SELECT DISTINCT field FROM {TOLD} WHERE delivery_id = ? AND field IS NOT NULL", [delivery_id]
        )
    }
    finding = {*contract.key, "name", "id_no", "student_no", "school_id", "class_label"}
    columns = [c for c in contract.columns if c.name in at_fault or (c.name in finding and c.name in present)]
    _texts(session, read, {c.name: present[c.name] for c in columns if c.name in present})
    n_read = read.n_records
    where = ""
    if school is not None:
        if "school_id" not in present:
            return FileRecords(contract, delivery_id, file_name, read.sheet, 0, columns, [])
        where = f"WHERE read_identifier(t.school_id) = {literal(school)}"
        n_read = session.value(f"SELECT count(*) FROM {_TEXT} t {where}")
    shown = [c for c in columns if c.name in present]
    rows = session.execute(
        f"""SELECT f.row_no, f.faults, {", ".join(f"t.{quote(c.name)}" for c in shown) or "NULL"}
            FROM (SELECT row_no, list([fault_id, rule_id, field, severity, n_returned::VARCHAR, reply]
                                      ORDER BY severity, rule_id, field) AS faults
                  FROM {TOLD} WHERE delivery_id = {literal(delivery_id)} AND row_no IS NOT NULL GROUP BY row_no) f
            JOIN {_TEXT} t ON t.rowid + 1 = f.row_no {where} ORDER BY f.row_no""",
        what="records to return",
    )
    records = []
    is_exact = read.n_blank <= read.header_row - read.n_header - read.n_title
    while batch := rows.fetchmany(5_000):
        for row_no, told, *texts in batch:
            faults = tuple(Fault(f[0] or "", f[1], f[2], f[3], int(f[4] or 0), f[5]) for f in told)
            wrong = {f.field for f in faults if f.field}
            birth = masking.shows_birth(wrong)
            written = dict(zip((c.name for c in shown), texts, strict=False))
            cells = {
                c.name: masking.show(c, written.get(c.name), at_fault=c.name in wrong, birth_shown=birth)
                for c in columns
            }
            place = read.header_row + row_no
            records.append(Record(row_no, str(place) if is_exact else f"约 {place}", cells, faults))
    session.execute(f"DROP TABLE {_TEXT}")
    return FileRecords(contract, delivery_id, file_name, read.sheet, n_read, columns, records)


def _texts(session: Session, read: ReadResult, wanted: dict[str, int]) -> None:
    """The wanted columns of the normalised copy as text; rowid + 1 is row_no."""
    session.execute(f"DROP TABLE IF EXISTS {_TEXT}")
    names = {f"c{i}": "VARCHAR" for i in range(len(read.header))}
    columns = [f"{quote(f'c{i}')} AS {quote(name)}" for name, i in wanted.items()] or ["NULL AS nothing"]
    session.execute(
        f"""CREATE TABLE {_TEXT} AS SELECT {", ".join(columns)}
            FROM read_csv({literal(str(read.csv))}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"',
                          new_line = '\\n', null_padding = false, max_line_size = 16000000, nullstr = '', columns = {names})""",
        what="texts of the file",
    )
