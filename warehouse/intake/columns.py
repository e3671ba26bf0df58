"""Which columns of an extract are kept, and what stands beside each of them in the cleaned table."""

from __future__ import annotations

from warehouse.contract import Column, Contract

STAGE, CLEAN, REPAIR = "work.main.stage", "work.main.clean", "work.main.repair"
# kinds whose text is read once per distinct value
_BY_VALUE = {
    "class_label",
    "code",
    "county",
    "date",
    "decimal",
    "flag",
    "grade",
    "integer",
    "month",
    "school_id",
}


def is_mapped(column: Column) -> bool:
    """Whether the texts of a column are read through a value map."""
    return column.kind in _BY_VALUE


def kept(contract: Contract) -> list[Column]:
    """Columns that are not dropped at the door."""
    return [c for c in contract.columns if c.zone != "drop"]


def present_columns(contract: Contract, header: tuple[str, ...]) -> dict[int, Column]:
    """Kept columns that a header names, by position."""
    return {i: c for i, c in contract.match_header(header).mapping.items() if c.zone != "drop"}


def companions(column: Column) -> list[tuple[str, str]]:
    """Verdicts beside a column: (suffix, type)."""
    if column.kind == "citizen_id":
        return [("__ok", "BOOLEAN"), ("__damaged", "BOOLEAN")]
    if is_mapped(column) or column.kind == "phone":
        return [("__bad", "BOOLEAN")]
    return []
