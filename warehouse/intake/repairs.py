"""Cells that were repaired while reading, counted per delivery, column and dirt (docs/dirt.md)."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake.columns import CLEAN, REPAIR, STAGE, is_mapped, kept

# kind -> macro that names the dirt of a text (src) that was read as `value`
DIRT = {
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


def count_repairs(session: Session, contract: Contract, present: set[str], per_row: Sequence[Column]) -> None:
    """Fill `work.main.repair`: cells repaired per delivery, column and dirt. Only what was repaired is looked at."""
    session.execute(
        f"CREATE OR REPLACE TABLE {REPAIR} (delivery_id VARCHAR, field VARCHAR, dirt VARCHAR, n_cells BIGINT)"
    )
    for n, column in enumerate(kept(contract)):
        mapped = column.name in present and is_mapped(column)
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
            f"{DIRT.get(column.kind, 'dirt_of_text(src)')} AS dirt, count(*) "
            f"FROM (SELECT *, {text} AS src, {name} AS value FROM repaired_row) "
            f"WHERE src IS NOT NULL AND ({text} IS DISTINCT FROM {name}{rare}) GROUP BY ALL HAVING dirt IS NOT NULL",
            what=f"repairs {contract.id}",
        )
    session.execute("DROP TABLE repaired_row")
