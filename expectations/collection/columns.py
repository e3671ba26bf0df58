"""What the contracts of the extracts say about their columns, as the rules of collection need it."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.contract import Column, load_contracts

# 居民身份证, 户口簿: the types whose number is a citizen id; a source without a type column has only these.
RESIDENT = "('1', 'B')"
PUPILS = ("student_registry", "preschool_registry", "vocational_registry")


def columns(*kinds: str) -> Iterator[tuple[str, Column]]:
    """(source, column) of the columns of some kinds that are kept."""
    for source, contract in load_contracts("extracts").items():
        for column in contract.columns:
            if column.kind in kinds and column.zone != "drop":
                yield source, column


def own_ids() -> list[tuple[str, str, str | None]]:
    """(source, id column, condition) of the columns that hold the citizen id of the row's own person."""
    found = []
    for source, contract in load_contracts("extracts").items():
        names = {c.name for c in contract.columns}
        if "id_no" in names:
            resident = f"coalesce(id_type_code, '1') IN {RESIDENT}" if "id_type_code" in names else None
            found.append((source, "id_no", resident))
    return found


def others_ids() -> list[tuple[str, str, str | None]]:
    """(source, id column, condition) of the columns that hold the citizen id of another person: guardian, head of household."""
    found = []
    for source, column in columns("citizen_id"):
        if column.name != "id_no":
            names = {c.name for c in load_contracts("extracts")[source].columns}
            type_ = column.name.replace("_id_no", "_id_type_code")
            found.append(
                (source, column.name, f"coalesce({type_}, '1') IN {RESIDENT}" if type_ in names else None)
            )
    return found


# Empty cells that a rule of their own judges: school RC24, numbers RC21, RC22 and RC33, visitor and date RC38
_BLANK_ELSEWHERE = {
    "student_registry": {"student_no"},
    "poverty_register": {"household_no", "household_relation_code", "n_members"},
    "two_later_survey": {"surveyor", "survey_date"},
}
_MAY_BE_BAD = ("code", "flag", "grade", "integer", "decimal", "date", "month", "class_label", "county")


def mandatory() -> Iterator[tuple[str, str, str]]:
    """(source, column, predicate) of the columns without which a row is of no use."""
    for source, contract in load_contracts("extracts").items():
        for c in contract.columns:
            judged = c.kind in ("citizen_id", "school_id") or c.name in _BLANK_ELSEWHERE.get(source, set())
            if c.required and c.zone != "drop" and not judged and "mayBeBlank" not in c.properties:
                # What is written but cannot be read is not empty: RC25, RC26.
                yield (
                    source,
                    c.name,
                    f"{c.name} IS NOT NULL" + (f" OR {c.name}__bad" if c.kind in _MAY_BE_BAD else ""),
                )
