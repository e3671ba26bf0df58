"""Collection: normalised files → staged text → cleaned rows → typed rows in `raw` and identifiers in the vault.

Everything is generated from the contract of the extract. Low-cardinality columns (codes, dates, flags, numbers) are
read once per *distinct* text through a value map, not once per row; identifiers and names are read per row.

Tables made in the transient work database, per source:

stage        text as delivered, of all files of the load
clean        one row per record: delivery_id, row_no, owner, and per column: the typed value, and
             `<c>__bad`  TRUE when something was written that cannot be read (mapped kinds, telephones), or
             `<c>__ok`   TRUE for a valid citizen id, `<c>__damaged` TRUE for one that a spreadsheet has cut;
             `is_repaired` TRUE if a cell read per row differs from its text
repair       delivery_id, field, dirt (D-id), n_cells: cells that were repaired, counted (docs/dirt.md)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.landing import Delivery
from warehouse.reading import ReadResult

STAGE, CLEAN, REPAIR = "work.main.stage", "work.main.clean", "work.main.repair"
# kinds whose text is read once per distinct value -> expression over `src`
_MAPPED = {
    "flag": "read_flag(src)",
    "integer": "read_integer(src)",
    "decimal": "read_decimal(src)",
    "date": "read_date(src)",
    "month": "read_month(src)",
    "school_id": "nullif(regexp_extract(read_identifier(clean_cell(src)), '^\\d{10}$'), '')",
    "class_label": "read_class_label(src)",
}
# A code without a list of ours (school year, programme, statistics code) keeps its letters and digits.
_OPEN_CODE = "nullif(regexp_extract(upper(clean_cell(src)), '^[0-9A-Z][0-9A-Z.-]{0,19}$'), '')"
# kinds whose text is read per row -> expression over the column
_PER_ROW = {
    "name": "read_name({0})",
    "student_no": "read_identifier({0})",
    "local_no": "read_identifier({0})",
    "text": "{0}",
}
# kind -> macro that names the dirt of a text (src) that was read as `value`
_DIRT = {
    "flag": "dirt_of_flag(src)",
    "integer": "dirt_of_number(src)",
    "decimal": "dirt_of_number(src)",
    "date": "dirt_of_date(src)",
    "month": "dirt_of_month(src)",
    "school_id": "dirt_of_school(src)",
    "class_label": "dirt_of_label(src)",
    "grade": "dirt_of_grade(src)",
    "code": "dirt_of_code(src, value)",
    "name": "dirt_of_name(src)",
    "student_no": "dirt_of_identifier(src)",
    "local_no": "dirt_of_identifier(src)",
    "citizen_id": "dirt_of_identifier(src)",
}
_SHORT = 24  # a value map of at most this many texts becomes a CASE
# kinds whose texts can say "nothing" in a meaningful way (无 is an answer), so the placeholder list comes second
_ANSWERS = {"code", "flag", "county", "grade"}


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
    kept = {c.name: c for header in groups for c in _present(contract, header).values()}
    session.execute(f"DROP TABLE IF EXISTS {STAGE}")
    session.execute(
        f"CREATE TABLE {STAGE} (delivery_id VARCHAR, {', '.join(f'{quote(c)} VARCHAR' for c in kept)})"
    )
    for header, items in groups.items():
        _read_group(session, contract, header, items)
    session.execute(_clean_ddl(contract))
    _clean(session, contract, set(kept), staged, period)
    session.execute(f"DROP TABLE {STAGE}")


def _kept(contract: Contract) -> list[Column]:
    return [c for c in contract.columns if c.zone != "drop"]


def _present(contract: Contract, header: tuple[str, ...]) -> dict[int, Column]:
    return {i: c for i, c in contract.match_header(header).mapping.items() if c.zone != "drop"}


def _read_group(
    session: Session, contract: Contract, header: tuple[str, ...], items: Sequence[Staged]
) -> None:
    present = _present(contract, header)
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
    for c in _kept(contract):
        columns.append(f"{quote(c.name)} {c.type}")
        columns.extend(f"{quote(c.name + suffix)} {type_}" for suffix, type_ in _companions(c))
    return f"CREATE TABLE {CLEAN} ({', '.join(columns)})"


def _companions(column: Column) -> list[tuple[str, str]]:
    if column.kind == "citizen_id":
        return [("__ok", "BOOLEAN"), ("__damaged", "BOOLEAN")]
    if column.kind in _MAPPED or column.kind in _ANSWERS or column.kind == "phone":
        return [("__bad", "BOOLEAN")]
    return []


def _value_map(
    session: Session,
    contract: Contract,
    column: Column,
    present: set[str],
    period: str,
    name: str,
) -> str:
    """Make the table (src, context, value, bad, dirt) of a column; returns its join condition."""
    source = quote(column.name)
    context = "NULL"
    if column.kind == "grade":
        # 一年级 is another grade in another stage, so a grade is read together with the stage beside it.
        fixed = column.properties.get("stage")
        context = literal(fixed) if fixed else ("stage_code" if "stage_code" in present else "NULL")
        expression = f"read_grade(src, {_lookup('stage', 'context')}, {_school_year(period)})"
    elif column.kind == "county":
        expression = "read_county(src)"
    elif column.kind == "code":
        list_id = column.properties.get("codeList")
        expression = _lookup(list_id, "src") if list_id else _OPEN_CODE
        if "numbersBelow" in column.properties:
            # D18: from here on lists without gaps give another meaning to the same number; only the name is sure.
            limit = int(column.properties["numbersBelow"])
            number = "TRY_CAST(regexp_extract(clean_cell(src), '^\\d{1,4}$') AS INTEGER)"
            expression = f"CASE WHEN coalesce({number}, 0) < {limit} THEN {expression} END"
    else:
        expression = _MAPPED[column.kind]
    if column.properties.get("dash") == "zero":
        expression = f"CASE WHEN clean_cell(src) IN ('-', '—', '--') THEN 0 ELSE {expression} END"
    distinct = f"(SELECT DISTINCT {source} AS src, {context}::VARCHAR AS context FROM {STAGE} WHERE {source} IS NOT NULL)"
    if "multi" in column.properties:
        # Several options in one cell, with whatever separator; all must be known.
        select = (
            "SELECT src, NULL::VARCHAR AS context, string_agg(DISTINCT value, '|' ORDER BY value) AS value, "
            "coalesce(bool_or(value IS NULL AND NOT is_blank(part)), false) AS bad FROM (SELECT cell AS src, src AS part, "
            f"{expression} AS value FROM (SELECT src AS cell, unnest(string_split_regex(clean_cell(src), '[、，,;；/\\s]+')) AS src "
            f"FROM {distinct})) GROUP BY src"
        )
    elif "unknownAs" in column.properties:
        # The list is known to be incomplete: other texts are kept as one code ('' = nothing), never as a fault.
        other = column.properties["unknownAs"]
        known = f"coalesce({expression}, CASE WHEN is_blank(src) THEN NULL ELSE {literal(other or None)} END)"
        select = f"SELECT src, context, {known} AS value, false AS bad FROM {distinct}"
    else:
        select = (
            f"SELECT src, context, value, value IS NULL AND NOT is_blank(src) AS bad "
            f"FROM (SELECT src, context, {expression} AS value FROM {distinct})"
        )
    if column.kind == "county":
        dirt = "coalesce(dirt_of_cell(src), CASE WHEN value IN (SELECT county_code FROM retired_county) THEN 'D16'"
        dirt += (
            " END)"
            if column.properties.get("names")
            else " WHEN NOT regexp_full_match(src, '\\d{6}(?:\\d{6})?') THEN 'D16' END)"
        )
    else:
        dirt = _DIRT[column.kind]
    if "multi" in column.properties:
        dirt = f"nullif({dirt}, 'D06')"  # whatever separates the options is right
    # What could not be read is a matter of rules, and an answer such as 无 is no placeholder.
    dirt = f"CASE WHEN NOT bad THEN nullif({dirt}, CASE WHEN value IS NOT NULL THEN 'D22' END) END"
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT *, {dirt} AS dirt FROM ({select})",
        what=f"{contract.id}.{column.name}",
    )
    alias = f"m{name.rpartition('_')[2]}"
    condition = f"{alias}.src = s.{source}"
    return (
        condition
        if context == "NULL"
        else f"{condition} AND {alias}.context IS NOT DISTINCT FROM {_of_row(context)}"
    )


def _cases(session: Session, name: str, column: Column) -> tuple[str, str] | None:
    """A short value map as expressions over the text ({} stands for it): its value, and whether it cannot be read.

    A join costs a fixed tenth of a second or so however small its map; most maps are a handful of options.
    """
    known = session.rows(
        f"SELECT src, value::VARCHAR, bad FROM {name} WHERE context IS NULL ORDER BY bad, src LIMIT {_SHORT + 1}"
    )
    if len(known) > _SHORT or session.value(f"SELECT count(*) FROM {name} WHERE context IS NOT NULL"):
        return None
    # (no IN: a long list of constants becomes a join)
    values = " ".join(f"WHEN {_braced(src)} THEN {literal(value)}" for src, value, bad in known if not bad)
    wrong = " ".join(f"WHEN {_braced(src)} THEN true" for src, _, bad in known if bad)
    return (
        f"(CASE {{}} {values} END)::{column.type}" if values else f"NULL::{column.type}",
        f"(CASE {{}} {wrong} ELSE false END)" if wrong else "false",
    )


def _braced(text: str) -> str:
    return literal(text).replace("{", "{{").replace("}", "}}")


def _of_row(context: str) -> str:
    return context if context.startswith("'") else f"s.{context}"


def _lookup(list_id: str, text: str) -> str:
    return f"(SELECT min(t.code) FROM code_text t WHERE t.list_id = {literal(list_id)} AND t.text = code_text({text}))"


def _school_year(period: str) -> int:
    """Year in which the school year of a month began (1 September)."""
    year, month = int(period[:4]), int(period[5:])
    return year if month >= 9 else year - 1


def _clean(
    session: Session, contract: Contract, present: set[str], items: Sequence[Staged], period: str
) -> None:
    # Three layers, so that no macro is given an expression that it would repeat: text → value → verdict.
    texts, values, targets, joins, repaired = [], [], [], [], []
    for n, column in enumerate(_kept(contract)):
        name = quote(column.name)
        targets.append(name)
        targets.extend(quote(column.name + suffix) for suffix, _ in _companions(column))
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
            empty += [f"false AS {quote(column.name + suffix)}" for suffix, _ in _companions(column)]
            values += empty
        elif column.kind in _MAPPED or column.kind in _ANSWERS:
            condition = _value_map(session, contract, column, present, period, f"map_{n}")
            bad = quote(column.name + "__bad")
            cases = _cases(session, f"map_{n}", column)
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
        for c in _kept(contract)
        if c.kind == "phone" and c.name in present
    ]
    verdicts += [
        f"coalesce(is_citizen_id(left({quote(c.name)}, 18)), false) AS {quote(c.name + '__ok')}, "
        f"coalesce(is_excel_damaged({quote(c.name)}), false) AS {quote(c.name + '__damaged')}"
        for c in _kept(contract)
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
    _count_repairs(session, contract, present, repaired)


def _count_repairs(
    session: Session, contract: Contract, present: set[str], per_row: Sequence[Column]
) -> None:
    """Fill `work.main.repair`: cells repaired per delivery, column and dirt. Only what was repaired is looked at."""
    session.execute(
        f"CREATE OR REPLACE TABLE {REPAIR} (delivery_id VARCHAR, field VARCHAR, dirt VARCHAR, n_cells BIGINT)"
    )
    for n, column in enumerate(_kept(contract)):
        mapped = column.name in present and (column.kind in _MAPPED or column.kind in _ANSWERS)
        if not mapped or not session.value(f"SELECT count(*) FROM map_{n} WHERE dirt IS NOT NULL"):
            continue
        name = quote(column.name)
        session.execute(
            f"INSERT INTO {REPAIR} SELECT s.delivery_id, {literal(column.name)}, m.dirt, count(*) FROM {STAGE} s "
            f"JOIN (SELECT src, min(dirt) AS dirt FROM map_{n} WHERE dirt IS NOT NULL GROUP BY ALL) m ON m.src = s.{name} "
            "GROUP BY ALL",
            what=f"repairs {contract.id}",
        )
    if not session.value(f"SELECT count(*) FROM {CLEAN} WHERE is_repaired"):
        return
    cells = [f"s.{quote(c.name)} AS {quote(c.name + '__text')}, c.{quote(c.name)}" for c in per_row]
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE repaired_row AS
            WITH first AS (SELECT delivery_id, min(rowid) AS first_row FROM {STAGE} GROUP BY ALL)
            SELECT c.delivery_id, {", ".join(cells)} FROM (SELECT * FROM {CLEAN} WHERE is_repaired) c JOIN first USING (delivery_id)
            JOIN {STAGE} s ON s.rowid = first.first_row + c.row_no - 1"""
    )
    for column in per_row:
        name, text = quote(column.name), quote(column.name + "__text")
        rare = f" OR is_rare({name})" if column.kind == "name" and column.required else ""
        session.execute(
            f"INSERT INTO {REPAIR} SELECT delivery_id, {literal(column.name)}, "
            f"{_DIRT.get(column.kind, 'dirt_of_text(src)')} AS dirt, count(*) "
            f"FROM (SELECT *, {text} AS src, {name} AS value FROM repaired_row) "
            f"WHERE src IS NOT NULL AND ({text} IS DISTINCT FROM {name}{rare}) GROUP BY ALL HAVING dirt IS NOT NULL",
            what=f"repairs {contract.id}",
        )
    session.execute("DROP TABLE repaired_row")


def _citizen_id_text(contract: Contract, column: Column, present: set[str]) -> str:
    """Text of an id column; a longer number (disability certificate) begins with the citizen id."""
    own = f"s.{quote(column.name)}" if column.name in present else "NULL::VARCHAR"
    longer = next(
        (c.name for c in contract.columns if c.properties.get("citizenIdPrefix") == column.name), None
    )
    if longer is None or longer not in present:
        return own
    return f"coalesce(cell_text({own}), left(cell_text(s.{quote(longer)}), 18))"


def raw_columns(contract: Contract) -> list[tuple[str, str, str]]:
    """Columns of the raw table beyond the row key: (name, type, expression over `clean`)."""
    columns = []
    for c in _kept(contract):
        if c.zone == "raw":
            columns.append((c.name, c.type, quote(c.name)))
        elif c.zone == "token":
            value = f"left({quote(c.name)}, 18)" if c.kind == "citizen_id" else quote(c.name)
            columns.append((c.token, "UUID", f"token({literal(c.properties['namespace'])}, {value})"))
    return columns


def vault_columns(contract: Contract) -> list[str]:
    """Names of the columns that go into the identity vault in clear."""
    return [c.name for c in _kept(contract) if c.zone in ("token", "vault")]


def raw_ddl(contract: Contract) -> list[str]:
    """Statements that create the raw table with its comments."""
    columns = ["delivery_id VARCHAR NOT NULL", "row_no BIGINT NOT NULL", "owner VARCHAR NOT NULL"]
    columns += [f"{quote(name)} {type_}" for name, type_, _ in raw_columns(contract)]
    comments = []
    for c in _kept(contract):
        name = c.token if c.zone == "token" else c.name
        if c.zone in ("raw", "token"):
            text = f"{c.header} / {c.label_en} · {c.tier}" + (" · token" if c.zone == "token" else "")
            comments.append(f"COMMENT ON COLUMN {contract.table}.{quote(name)} IS {literal(text)}")
    return [
        f"CREATE TABLE IF NOT EXISTS {contract.table} ({', '.join(columns)})",
        f"COMMENT ON TABLE {contract.table} IS {literal(f'{contract.title_zh} / {contract.title_en} ({contract.product})')}",
        *comments,
    ]


def accept_rows(session: Session, contract: Contract, accepted: Sequence[str], failures: str) -> None:
    """Append the rows of the accepted deliveries that no quarantine rule caught. Call inside the load's transaction."""
    if not accepted:
        return
    listed = ", ".join(literal(d) for d in accepted)
    _append(
        session,
        contract,
        f"""delivery_id IN ({listed}) AND NOT EXISTS (
              SELECT 1 FROM {failures} f WHERE f.severity = 'quarantine'
                AND f.delivery_id = clean.delivery_id AND f.row_no = clean.row_no)""",
    )
    _set_aside(session, contract, listed, failures)


def accept_held(session: Session, contract: Contract, held: str) -> None:
    """Append the rows named in `held` (delivery_id, row_no) unless they are there. Call inside a transaction."""
    _append(
        session,
        contract,
        f"""EXISTS (SELECT 1 FROM {held} h WHERE h.delivery_id = clean.delivery_id AND h.row_no = clean.row_no)
            AND NOT EXISTS (SELECT 1 FROM {contract.table} r
                            WHERE r.delivery_id = clean.delivery_id AND r.row_no = clean.row_no)""",
    )
    session.execute(
        f"DELETE FROM ops.set_aside__row s WHERE EXISTS (SELECT 1 FROM {held} h "
        "WHERE h.delivery_id = s.delivery_id AND h.row_no = s.row_no)",
        what="rows no longer set aside",
    )


def _append(session: Session, contract: Contract, condition: str) -> None:
    columns = raw_columns(contract)
    session.execute(
        f"""INSERT INTO {contract.table} (delivery_id, row_no, owner, {", ".join(quote(n) for n, _, _ in columns)})
            SELECT delivery_id, row_no, owner, {", ".join(e for _, _, e in columns)} FROM {CLEAN} AS clean
            WHERE {condition} ORDER BY delivery_id, row_no""",
        what=f"accept {contract.id}",
    )


def _set_aside(session: Session, contract: Contract, listed: str, failures: str) -> None:
    """Keep the tokens of the rows that were set aside: their persons are waited for, not missed."""
    columns = {name: expression for name, _, expression in raw_columns(contract)}
    tokens = [columns.get(name, "NULL::UUID") for name in ("id_no_token", "student_no_token")]
    session.execute(f"DELETE FROM ops.set_aside__row WHERE delivery_id IN ({listed})")
    session.execute(
        f"""INSERT INTO ops.set_aside__row
            SELECT delivery_id, row_no, {", ".join(tokens)} FROM {CLEAN} AS clean
            WHERE delivery_id IN ({listed}) AND EXISTS (
              SELECT 1 FROM {failures} f WHERE f.severity = 'quarantine'
                AND f.delivery_id = clean.delivery_id AND f.row_no = clean.row_no)
            ORDER BY delivery_id, row_no""",
        what="rows set aside",
    )


def install_lookups(session: Session) -> None:
    """Texts of all code lists as (list_id, text, code), and the readers that need reference data; all transient."""
    session.execute(
        """CREATE OR REPLACE TEMP TABLE code_text AS
           WITH lists AS (
             SELECT list_id, code, name_zh, aliases FROM ref.code_list),
           texts AS (
             SELECT list_id, code, unnest([code, name_zh] || string_split(coalesce(aliases, ''), '|')) AS text FROM lists
             -- D19: a leading zero that a spreadsheet dropped, where the code is zero-padded digits
             UNION ALL SELECT list_id, code, ltrim(code, '0') FROM lists WHERE code LIKE '0%' AND ltrim(code, '0') <> '')
           SELECT DISTINCT list_id, code_text(text) AS text, code FROM texts WHERE code_text(text) IS NOT NULL"""
    )
    session.execute(
        """CREATE OR REPLACE TEMP TABLE county_text AS
           WITH texts AS (
             SELECT county_code, valid_to, unnest([name_zh, short_zh] || string_split(coalesce(aliases, ''), '|')) AS text FROM ref.county)
           -- A name that stands for a retired and a present code means the present one.
           SELECT code_text(text) AS text, arg_max(county_code, (coalesce(valid_to, DATE '9999-12-31'), county_code)) AS county_code
           FROM texts WHERE code_text(text) IS NOT NULL GROUP BY ALL"""
    )
    session.execute(
        "CREATE OR REPLACE TEMP TABLE retired_county AS SELECT county_code FROM ref.county WHERE valid_to IS NOT NULL"
    )
    # A name may follow the names of its province and prefecture; the longest county name at the end decides (D16).
    session.execute(
        r"""CREATE OR REPLACE TEMP MACRO read_county(s) AS CASE
              WHEN regexp_full_match(clean_cell(s), '\d{6}(\d{6})?(\.0)?') THEN left(clean_cell(s), 6)
              ELSE (SELECT arg_max(t.county_code, length(t.text)) FROM county_text t
                    WHERE ends_with(code_text(s), t.text)) END"""
    )
    # D17: a cohort (2021级) counts from its first year; an ordinal counts within its stage; then the full names.
    session.execute(
        r"""CREATE OR REPLACE TEMP MACRO read_grade(s, stage, school_year) AS coalesce(
              (SELECT min(g.grade_code) FROM ref.grade g WHERE g.stage_code = stage AND g.grade_no = school_year + 1
                 - TRY_CAST(regexp_extract(clean_cell(s), '^((?:19|20)\d{2})级?$', 1) AS INTEGER)),
              (SELECT min(g.grade_code) FROM ref.grade g WHERE g.stage_code = stage AND stage <> '00' AND g.grade_no =
                 strpos('一二三四五六', nullif(regexp_extract(clean_cell(s), '^([一二三四五六])年级$', 1), ''))),
              (SELECT min(t.code) FROM code_text t WHERE t.list_id = 'grade' AND t.text = code_text(s)))"""
    )
    session.execute(
        "CREATE OR REPLACE TEMP MACRO code_of(list, name) AS "
        "(SELECT min(c.code) FROM ref.code_list c WHERE c.list_id = list AND c.name_zh = name)"
    )
    for bound in ("age_min", "age_max"):
        cases = " ".join(
            f"WHEN {literal(grade)} THEN {age}"
            for grade, age in session.rows(
                f"SELECT g.grade_code, s.{bound} FROM ref.grade g JOIN ref.stage s USING (stage_code) WHERE s.{bound} IS NOT NULL"
            )
        )
        session.execute(f"CREATE OR REPLACE TEMP MACRO grade_{bound}(grade) AS CASE grade {cases} END")
