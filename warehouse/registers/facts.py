"""What the rules judge of the registers, as transient tables of the day.

work.main.register_duty   register_id, subject, last_on DATE, term_days, judged_on DATE: what must have a record within its term;
                          last_on is empty when there is none. Never without rows: silence is no evidence.
work.main.register_<id>   record_id, the typed fields of the records that hold now, judged_on DATE

The day stands in the rows, so that a later day is another state and is judged anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from warehouse.engine.duckdb import Session, literal, quote
from warehouse.registers.declared import TYPES, Register, registers

_RECORD = "ops.register__record"
_ASSESSMENT = "impact_assessment"
# Subjects that only the warehouse knows: sources with sensitive columns of which files were taken in.
_SENSITIVE = """SELECT DISTINCT c.dataset FROM ref.dataset_column AS c
  JOIN ops.delivery__version AS d ON d.source = c.dataset AND d.status = 'accepted'
  WHERE c.kind = 'extracts' AND c.tier = 'L4' AND c.zone <> 'drop' ORDER BY 1"""


@dataclass(frozen=True)
class Duty:
    """Something that must have a record within `term_days`; `last_on`: the newest one, or None."""

    register: Register
    subject: str
    last_on: date | None
    is_met: bool


def datasets() -> tuple[str, ...]:
    """Names in the rule book of the tables that `build` makes."""
    return ("register_duty", *(f"register_{name}" for name in registers()))


def build(
    session: Session, units: Collection[str], today: date, *, is_sample: bool = False
) -> dict[str, int]:
    """Make the transient tables; row counts by dataset. `units`: units with accounts in use, each of which is to be trained;
    `is_sample`: the house holds synthetic persons only, and nobody whose data would have to be assessed.
    """
    day = f"{literal(today.isoformat())}::DATE"
    counts = {}
    for register in registers().values():
        columns = ", ".join(
            f"TRY_CAST(fields ->> {literal('$.' + f.name)} AS {TYPES.get(f.type, 'VARCHAR')}) AS {quote(f.name)}"
            for f in register.fields
        )
        table = f"work.main.register_{register.id}"
        session.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT record_id, {columns}, {day} AS judged_on FROM {_RECORD} "
            f"WHERE register_id = {literal(register.id)} AND kind = 'record' ORDER BY record_id"
        )
        counts[f"register_{register.id}"] = int(session.value(f"SELECT count(*) FROM {table}"))
    parts = [
        _duty_sql(register, subject, today)
        for register in registers().values()
        if register.term_days is not None
        for subject in subjects(session, register, units)
    ]
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.register_duty AS SELECT *, {day} AS judged_on FROM ({' UNION ALL '.join(parts)}) "
        f"WHERE NOT ({literal(is_sample)} AND register_id = {literal(_ASSESSMENT)} AND last_on IS NULL)"
    )
    counts["register_duty"] = int(session.value("SELECT count(*) FROM work.main.register_duty"))
    return counts


def duties(session: Session, units: Collection[str], today: date, *, is_sample: bool = False) -> list[Duty]:
    """What must have a record, and whether it has one; read only."""
    parts = [
        (register, subject)
        for register in registers().values()
        if register.term_days is not None
        for subject in subjects(session, register, units)
    ]
    found = []
    for register, subject in parts:
        last_on = session.rows(_duty_sql(register, subject, today))[0][2]
        if is_sample and register.id == _ASSESSMENT and last_on is None:
            continue
        is_met = last_on is not None and (today - last_on).days <= (register.term_days or 0)
        found.append(Duty(register, subject, last_on, is_met))
    return found


def subjects(session: Session, register: Register, units: Collection[str]) -> list[str]:
    """What a register must have a record of."""
    found: list[str] = []
    for word in register.subjects:
        if word == "@sensitive_sources":
            found += [str(row[0]) for row in session.rows(_SENSITIVE)]
        elif word == "@units":
            found += sorted(units)
        else:
            found.append(word)
    return found


def _duty_sql(register: Register, subject: str, today: date) -> str:
    """SELECT of one row: the newest record of a subject that counts. A day that lies ahead is no evidence."""
    conditions = [f"register_id = {literal(register.id)}"]
    on = f"TRY_CAST(fields ->> {literal('$.' + register.date_field)} AS DATE)"
    if register.is_nil_allowed:
        # Whoever recorded anything, or stated that there is nothing, has looked at the register on that day.
        on = "recorded_at::DATE"
    else:
        conditions.append("kind = 'record'")
    if register.subject_field:
        of = f"(fields ->> {literal('$.' + register.subject_field)})"
        conditions.append(f"{of} IN ({literal(subject)}, '*')")
    if register.counts_field:
        listed = ", ".join(map(literal, register.counts_values))
        conditions.append(f"(fields ->> {literal('$.' + register.counts_field)}) IN ({listed})")
    conditions.append(f"{on} <= {literal(today.isoformat())}::DATE")
    return (
        f"SELECT {literal(register.id)} AS register_id, {literal(subject)} AS subject, max({on}) AS last_on, "
        f"{register.term_days} AS term_days FROM {_RECORD} WHERE {' AND '.join(conditions)}"
    )
