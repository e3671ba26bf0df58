"""Normalised files → `work.main.stage` (text as delivered) → `work.main.clean` (typed values with their verdicts)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake.columns import CLEAN, STAGE, companions, is_mapped, kept, present_columns
from warehouse.intake.repairs import count_repairs
from warehouse.intake.value_map import as_cases, value_map
from warehouse.landing import Delivery
from warehouse.reading import ReadResult

# kinds whose text is read per row -> expression over the column
_PER_ROW = {
    "name": "read_name({0})",
    "student_no": "read_identifier({0})",
    "local_no": "read_identifier({0})",
    "text": "{0}",
}


@dataclass(frozen=True)
class Staged:
    """A delivery that was read, with its facts."""

    delivery: Delivery
    read: ReadResult


def stage(session: Session, contract: Contract, staged: Sequence[Staged], period: str) -> None:
    """Fill `work.main.clean` from the normalised files. Raises EngineError if a file does not hold its records."""
    # Transient tables are read a few times and dropped: compressing them costs more than it saves.
    session.execute("SET force_compression = 'uncompressed'")
    try:
        _stage(session, contract, staged, period)
    finally:
        session.execute("SET force_compression = 'auto'")


def _stage(session: Session, contract: Contract, staged: Sequence[Staged], period: str) -> None:
    session.execute(f"DROP TABLE IF EXISTS {CLEAN}")
    groups: dict[tuple[str, ...], list[Staged]] = defaultdict(list)
    for item in staged:
        if item.read.csv:  # none when a file rightly holds no record
            groups[item.read.header].append(item)
    kept = {c.name: c for header in groups for c in present_columns(contract, header).values()}
    session.execute(f"DROP TABLE IF EXISTS {STAGE}")
    session.execute(
        f"CREATE TABLE {STAGE} (delivery_id VARCHAR, {', '.join(f'{quote(c)} VARCHAR' for c in kept)})"
    )
    for header, items in groups.items():
        _read_group(session, contract, header, items)
    session.execute(_clean_ddl(contract))
    _clean(session, contract, set(kept), staged, period)
    session.execute(f"DROP TABLE {STAGE}")


def _read_group(
    session: Session, contract: Contract, header: tuple[str, ...], items: Sequence[Staged]
) -> None:
    present = present_columns(contract, header)
    names = {f"c{i}": "VARCHAR" for i in range(len(header))}
    files = ", ".join(literal(str(item.read.csv)) for item in items)
    listed = ", ".join(quote(c.name) for c in present.values())
    # The files were written by our own reader: plain RFC 4180, one line per record, no header. Insertion keeps the order.
    session.execute(
        f"""INSERT INTO {STAGE} (delivery_id, {listed})
            SELECT parse_filename(filename, true), {", ".join(quote(f"c{i}") for i in present)}
            FROM read_csv([{files}], auto_detect = false, header = false, delim = ',', quote = '"', escape = '"',
                          new_line = '\\n', filename = true, null_padding = false, max_line_size = 16000000,
                          nullstr = '', columns = {names})""",
        what=f"read {contract.id}",
    )
    ids = ", ".join(literal(i.delivery.delivery_id) for i in items)
    counted = dict(
        session.rows(
            f"SELECT delivery_id, CASE WHEN max(rowid) - min(rowid) + 1 = count(*) THEN count(*) ELSE -1 END "
            f"FROM {STAGE} WHERE delivery_id IN ({ids}) GROUP BY ALL"
        )
    )
    for item in items:
        if counted.get(item.delivery.delivery_id, 0) != item.read.n_records:
            raise AssertionError(
                f"{item.delivery.delivery_id}: records were lost or mixed between reader and engine"
            )


def _clean_ddl(contract: Contract) -> str:
    columns = ["delivery_id VARCHAR", "row_no BIGINT", "owner VARCHAR", "as_of DATE", "is_ragged BOOLEAN"]
    columns.append("is_repaired BOOLEAN")
    for c in kept(contract):
        columns.append(f"{quote(c.name)} {c.type}")
        columns.extend(f"{quote(c.name + suffix)} {type_}" for suffix, type_ in companions(c))
    return f"CREATE TABLE {CLEAN} ({', '.join(columns)})"


def _clean(
    session: Session, contract: Contract, present: set[str], items: Sequence[Staged], period: str
) -> None:
    # Three layers, so that no macro is given an expression that it would repeat: text → value → verdict.
    texts, values, targets, joins, repaired = [], [], [], [], []
    for n, column in enumerate(kept(contract)):
        name = quote(column.name)
        targets.append(name)
        targets.extend(quote(column.name + suffix) for suffix, _ in companions(column))
        if column.kind == "citizen_id":
            texts.append(f"{_citizen_id_text(contract, column, present)} AS {name}")
            # The first 18 characters of a longer number are the citizen id; the rest is a disability suffix.
            reader = (
                "upgrade_old_id(read_citizen_id({}))"
                if column.properties.get("oldId")
                else "read_citizen_id({})"
            )
            values.append(f"{reader.format(name)} AS {name}")
            if column.name in present:
                repaired.append(column)
        elif column.name not in present:
            empty = [f"NULL::{column.type} AS {name}"]
            empty += [f"false AS {quote(column.name + suffix)}" for suffix, _ in companions(column)]
            values += empty
        elif is_mapped(column):
            condition = value_map(session, contract, column, present, period, f"map_{n}")
            bad = quote(column.name + "__bad")
            cases = as_cases(session, f"map_{n}", column)
            if cases is None:
                joins.append(f"LEFT JOIN map_{n} m{n} ON {condition}")
                texts.append(f"m{n}.value AS {name}, coalesce(m{n}.bad, false) AS {bad}")
            else:
                value, readable = cases
                texts.append(
                    f"{value.format('s.' + name)} AS {name}, {readable.format('s.' + name)} AS {bad}"
                )
            values += [name, bad]
        else:
            texts.append(f"s.{name}" if column.kind == "name" else f"cell_text(s.{name}) AS {name}")
            values.append(f"{_PER_ROW.get(column.kind, _PER_ROW['text']).format(name)} AS {name}")
            repaired.append(column)
    # The text beside its value: a cell that differs was repaired; so was a name with a character outside GBK (D02).
    differs = []
    for column in repaired:
        raw = quote(column.name + "__text")
        texts.append(f"s.{quote(column.name)} AS {raw}")
        values.append(raw)
        differs.append(f"{raw} IS DISTINCT FROM {quote(column.name)}")
        if column.kind == "name" and column.required:
            differs.append(f"is_rare({quote(column.name)})")
    verdicts = [f"({' OR '.join(differs) or 'false'}) AS is_repaired"]
    verdicts += [
        f"coalesce(NOT is_phone({quote(c.name)}), false) AS {quote(c.name + '__bad')}"
        for c in kept(contract)
        if c.kind == "phone" and c.name in present
    ]
    verdicts += [
        f"coalesce(is_citizen_id(left({quote(c.name)}, 18)), false) AS {quote(c.name + '__ok')}, "
        f"coalesce(is_excel_damaged({quote(c.name)}), false) AS {quote(c.name + '__damaged')}"
        for c in kept(contract)
        if c.kind == "citizen_id"
    ]
    facts = ", ".join(
        f"({literal(i.delivery.delivery_id)}, {literal(i.delivery.owner)}, "
        f"{literal(str(i.delivery.envelope.as_of)) if i.delivery.envelope.as_of else 'NULL'}::DATE)"
        for i in items
    )
    ragged = ", ".join(f"({literal(i.delivery.delivery_id)}, {row})" for i in items for row in i.read.ragged)
    session.execute("CREATE OR REPLACE TEMP TABLE ragged_row (delivery_id VARCHAR, row_no BIGINT)")
    if ragged:
        session.execute(f"INSERT INTO ragged_row VALUES {ragged}", what="ragged rows")
    row = "delivery_id, row_no, owner, as_of, is_ragged"
    # rowid follows the order of the file, so the ordinal of a record is its distance from the file's first row.
    session.execute(
        f"""INSERT INTO {CLEAN} ({row}, is_repaired, {", ".join(targets)})
            WITH facts(delivery_id, owner, as_of) AS (VALUES {facts}),
                 first AS (SELECT delivery_id, min(rowid) AS first_row FROM {STAGE} GROUP BY ALL),
                 text AS (
                   SELECT s.delivery_id, s.rowid - first.first_row + 1 AS row_no, facts.owner, facts.as_of,
                          ragged.row_no IS NOT NULL AS is_ragged, {", ".join(texts)}
                   FROM {STAGE} s
                   JOIN facts ON facts.delivery_id = s.delivery_id
                   JOIN first ON first.delivery_id = s.delivery_id
                   LEFT JOIN ragged_row ragged
                     ON ragged.delivery_id = s.delivery_id AND ragged.row_no = s.rowid - first.first_row + 1
                   {" ".join(joins)}),
                 value AS (SELECT {", ".join((row, *values))} FROM text)
            SELECT {row}, is_repaired, {", ".join(targets)} FROM (SELECT {", ".join(("*", *verdicts))} FROM value)""",
        what=f"clean {contract.id}",
    )
    count_repairs(session, contract, present, repaired)


def _citizen_id_text(contract: Contract, column: Column, present: set[str]) -> str:
    """Text of an id column; a longer number (disability certificate) begins with the citizen id."""
    own = f"s.{quote(column.name)}" if column.name in present else "NULL::VARCHAR"
    longer = next(
        (c.name for c in contract.columns if c.properties.get("citizenIdPrefix") == column.name), None
    )
    if longer is None or longer not in present:
        return own
    return f"coalesce(cell_text({own}), left(cell_text(s.{quote(longer)}), 18))"
