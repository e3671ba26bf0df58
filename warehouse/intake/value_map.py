"""Low-cardinality columns are read once per distinct text: a value map (src, context, value, bad, dirt) per column."""

from __future__ import annotations

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake.columns import STAGE
from warehouse.intake.lookups import lookup
from warehouse.intake.repairs import DIRT

# kind -> expression over `src`; grades, counties and codes need reference data and are read below
_READERS = {
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
_SHORT = 24  # a value map of at most this many texts becomes a CASE


def value_map(
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
        expression = f"read_grade(src, {lookup('stage', 'context')}, {_school_year(period)})"
    elif column.kind == "county":
        expression = "read_county(src)"
    elif column.kind == "code":
        list_id = column.properties.get("codeList")
        expression = lookup(list_id, "src") if list_id else _OPEN_CODE
        if "numbersBelow" in column.properties:
            # D18: from here on lists without gaps give another meaning to the same number; only the name is sure.
            limit = int(column.properties["numbersBelow"])
            number = "TRY_CAST(regexp_extract(clean_cell(src), '^\\d{1,4}$') AS INTEGER)"
            expression = f"CASE WHEN coalesce({number}, 0) < {limit} THEN {expression} END"
    else:
        expression = _READERS[column.kind]
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
        dirt = DIRT[column.kind]
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


def as_cases(session: Session, name: str, column: Column) -> tuple[str, str] | None:
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


def _school_year(period: str) -> int:
    """Year in which the school year of a month began (1 September)."""
    year, month = int(period[:4]), int(period[5:])
    return year if month >= 9 else year - 1
