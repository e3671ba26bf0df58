"""Reference data: one CSV per table in `warehouse/reference/`, loaded into schema `ref` with declared types.

Nothing is guessed: `reference/tables.yaml` gives each table its comment, its key and the types of the columns
that are not text. Every table ends with `source_doc`, `confidence` and `owner`; a changed row is a recorded
decision.

Code lists that carry more than names live in tables of their own and are joined into `ref.code_list` on
loading, so that each code is written down once: see `_LISTS`.
"""

from __future__ import annotations

import csv
import hashlib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from warehouse.errors import UsageError

if TYPE_CHECKING:
    import duckdb

REFERENCE = Path(__file__).parent / "reference"
PROVENANCE = ("source_doc", "confidence", "owner")
CONFIDENCE = ("confirmed", "unconfirmed", "derived")

# list_id -> SELECT code, name_zh, name_en, group_code, aliases, valid_from, valid_to, then the provenance
_LISTS = {
    "grade": """
        SELECT grade_code, name_zh, name_en, stage_code, aliases, NULL, NULL, source_doc, confidence, owner
        FROM ref.grade""",
    "stage": """
        SELECT stage_code, name_zh, name_en, NULL, aliases, NULL, NULL, source_doc, confidence, owner
        FROM ref.stage""",
    "college": """
        SELECT college_code, name_zh, name_en, kind, former_names, NULL, NULL, source_doc, confidence, owner
        FROM ref.college""",
    # A code of both schemes is one code; the names of the newer scheme are taken.
    "destination": """
        SELECT code, arg_max(name_zh, since), arg_max(name_en, since), arg_max(rate_group, since),
               arg_max(aliases, since),
               CASE WHEN min(scheme) = 'new' AND max(scheme) = 'new' THEN make_date(min(since), 1, 1) END,
               CASE WHEN min(scheme) = 'old' AND max(scheme) = 'old'
                    THEN make_date(max(valid_to_year), 12, 31) END,
               arg_max(source_doc, since), arg_max(confidence, since), arg_max(owner, since)
        FROM (SELECT *, coalesce(valid_from_year, 0) AS since FROM ref.destination_code)
        GROUP BY code""",
    "measure": """
        SELECT measure_code, name_zh, name_en, kind, NULL, NULL, NULL, source_doc, confidence, owner
        FROM ref.measure""",
    "major_secondary": """
        SELECT major_code, name_zh, name_en, catalogue, NULL, NULL, NULL, source_doc, confidence, owner
        FROM ref.major WHERE level = 'secondary'""",
}


@cache
def _tables() -> dict[str, Any]:
    return dict(yaml.safe_load((REFERENCE / "tables.yaml").read_text(encoding="utf-8")))


def table_names() -> tuple[str, ...]:
    """Names of all reference tables."""
    return tuple(name for name in _tables() if name != "comments")


def table_key(table: str) -> tuple[str, ...]:
    """Columns that identify a row of a reference table."""
    return tuple(_tables()[table]["key"])


def rows(table: str) -> list[dict[str, str]]:
    """Rows of a reference table as they stand in its file; an empty text is an empty value."""
    with (REFERENCE / f"{table}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def reference_version() -> str:
    """First 12 hex digits of the SHA-256 over the names and bytes of all reference files."""
    digest = hashlib.sha256()
    for file in sorted(REFERENCE.glob("*.csv")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@cache
def thresholds() -> dict[str, Decimal | int]:
    """Numeric parameters of rules and models by id; whole numbers as int."""
    return {
        row["threshold_id"]: Decimal(row["value"]) if "." in row["value"] else int(row["value"])
        for row in rows("threshold")
    }


def load_reference(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Create or replace every table of the schema `ref`; number of rows by table. One that must not lie in the file
    (`in_warehouse: false`) is only checked.

    Raises UsageError if a key occurs twice or a row says nothing about where it comes from.
    """
    con.execute("CREATE SCHEMA IF NOT EXISTS ref")
    counts = {}
    for table in table_names():
        if not _tables()[table].get("in_warehouse", True):
            con.execute(f"DROP TABLE IF EXISTS ref.{table}")
        _load(con, table)
        _check(con, table)
    _check_links(con)
    for list_id, select in _LISTS.items():
        con.execute(f"INSERT INTO ref.code_list BY POSITION SELECT '{list_id}', * FROM ({select}) ORDER BY 2")
    for table in table_names():
        counts[table] = _count(con, f"SELECT count(*) FROM {_name(table)}")
    return counts


def _name(table: str) -> str:
    """Where a table is loaded: schema `ref`, or for the connection only when it must not lie in the warehouse's file."""
    return f"ref.{table}" if _tables()[table].get("in_warehouse", True) else f"temp.ref_{table}"


def _load(con: duckdb.DuckDBPyConnection, table: str) -> None:
    file = REFERENCE / f"{table}.csv"
    with file.open(encoding="utf-8", newline="") as handle:
        header = next(csv.reader(handle))
    types = _tables()[table].get("types", {})
    unknown = set(types) - set(header)
    if unknown or tuple(header[-3:]) != PROVENANCE:
        raise UsageError(
            f"reference table {table}: unknown columns {sorted(unknown)} or no provenance", "correct the file"
        )
    columns = ", ".join(f"{_text(name)}: {_text(types.get(name, 'VARCHAR'))}" for name in header)
    kind = "TABLE" if _name(table).startswith("ref.") else "TEMP TABLE"
    con.execute(
        f"CREATE OR REPLACE {kind} {_name(table)} AS SELECT * FROM read_csv({_text(str(file))}, "
        f"columns = {{{columns}}}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        "escape = '\"', nullstr = '', new_line = '\\n')"
    )
    con.execute(f"COMMENT ON TABLE {_name(table)} IS {_text(_tables()[table]['comment'])}")
    for name in header:
        comment = _tables()["comments"].get(name)
        if comment:
            con.execute(f"COMMENT ON COLUMN {_name(table)}.{name} IS {_text(comment)}")


def _check(con: duckdb.DuckDBPyConnection, table: str) -> None:
    key = ", ".join(table_key(table))
    double = _count(
        con, f"SELECT count(*) FROM (FROM {_name(table)} SELECT {key} GROUP BY ALL HAVING count(*) > 1)"
    )
    missing = " OR ".join(f"{name} IS NULL" for name in PROVENANCE)
    unnamed = _count(con, f"SELECT count(*) FROM {_name(table)} WHERE {missing}")
    if double or unnamed:
        raise UsageError(
            f"reference table {table}: {double} keys occur twice, {unnamed} rows without provenance",
            f"correct warehouse/reference/{table}.csv",
        )


# table, column, table it must lead to, values that are no reference
_LINKS = (
    # honours are given by level: a level is no set of counties
    ("policy_target", "region_set_id", "region_set", ("prefecture", "county")),
    ("region_set_member", "region_set_id", "region_set", ()),
    ("policy_target", "variant_id", "indicator_variant", ()),
    ("indicator_term", "variant_id", "indicator_variant", ()),
    ("indicator_term", "measure_code", "measure", ()),
    ("measure", "part_of", "measure", ()),
)


def _check_links(con: duckdb.DuckDBPyConnection) -> None:
    for table, column, target, other in _LINKS:
        key = {"measure": "measure_code", "indicator_variant": "variant_id"}.get(target, column)
        skipped = ", ".join(_text(o) for o in other) or "''"
        sql = (
            f"SELECT DISTINCT {column} FROM ref.{table} WHERE {column} IS NOT NULL AND {column} NOT IN ({skipped}) "
            f"AND {column} NOT IN (SELECT {key} FROM ref.{target}) ORDER BY 1"
        )
        unknown = [str(row[0]) for row in con.execute(sql).fetchall()]
        if unknown:
            raise UsageError(
                f"reference table {table}: {column} {', '.join(unknown)} 不在 {target} 中 / is not in {target}",
                f"add it to warehouse/reference/{target}.csv or correct warehouse/reference/{table}.csv",
            )


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
