"""Entries of the registers: added, never changed; a correction or a withdrawal is a new version of its record.

Every entry is covered by the ledger (warehouse/ledger.py): an entry that is altered or removed is found by `edu verify --ledger`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warehouse import ledger
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.registers.declared import Field, Register, Value, register

_TABLE = "ops.register__entry"
_COLUMNS = "entry_id, register_id, record_id, version, kind, fields, reason, recorded_by, recorded_at"
_NOTE = Field("reason", "原因", "Reason", "text", True, ())


@dataclass(frozen=True)
class Entry:
    """One entry; `kind`: record, nil (nothing to record up to this day) or void (entered by mistake)."""

    entry_id: str
    register_id: str
    record_id: str
    version: int
    kind: str
    fields: dict[str, Value]
    reason: str | None
    recorded_by: str
    recorded_at: datetime


def add(session: Session, register_id: str, records: Sequence[dict[str, str]], by: str) -> list[Entry]:
    """Enter records as typed words; all or none. UsageError if a word is no value of its field or a field is missing."""
    declared = register(register_id)
    return _append(session, declared, [("record", declared.read(typed)) for typed in records], by)


def nil(session: Session, register_id: str, by: str) -> Entry:
    """State that there is nothing to record up to now. UsageError for a register in which something must be recorded."""
    declared = register(register_id)
    if not declared.is_nil_allowed:
        raise UsageError(
            f"{register_id} 不能零报告 / {register_id} takes no nil statement", "e.g. " + declared.example()
        )
    return _append(session, declared, [("nil", {})], by)[0]


def correct(
    session: Session, record_id: str, typed: dict[str, str], by: str, reason: str, *, is_void: bool = False
) -> Entry:
    """A new version of a record: with other words, or withdrawn. An empty word takes a value away. The old version stays."""
    before = history(session, record_id)[-1]
    if before.kind != "record":
        raise UsageError(
            f"{record_id} 不是有效记录 / {record_id} is no record in force", "edu register show REGISTER"
        )
    declared = register(before.register_id)
    values = before.fields
    if not is_void:
        if not typed:
            raise UsageError("没有更正的栏目 / nothing to correct", "FIELD=VALUE …, or --void")
        words = {name: str(value) for name, value in before.fields.items()}
        values = declared.read({**words, **typed})
    kind = "void" if is_void else "record"
    entry = Entry(
        f"{record_id}/v{before.version + 1}",
        declared.id,
        record_id,
        before.version + 1,
        kind,
        values,
        str(_NOTE.read(reason)),
        by,
        datetime.now(),
    )
    _write(session, [entry])
    return entry


def listed(session: Session, register_id: str | None = None, *, everything: bool = False) -> list[Entry]:
    """Records and nil statements that hold now, or every entry ever made; oldest first."""
    source = _TABLE if everything else "ops.register__record"
    where = "WHERE register_id = ?" if register_id else "WHERE ? IS NULL"
    found = session.rows(
        f"SELECT {_COLUMNS} FROM {source} {where} ORDER BY recorded_at, entry_id", [register_id]
    )
    return [_entry(row) for row in found]


def history(session: Session, record_id: str) -> list[Entry]:
    """All versions of a record, oldest first; UsageError if there is none."""
    found = session.rows(f"SELECT {_COLUMNS} FROM {_TABLE} WHERE record_id = ? ORDER BY version", [record_id])
    if not found:
        raise UsageError(
            f"没有记录 {record_id[:60]} / there is no such record", "`edu register show REGISTER` lists them"
        )
    return [_entry(row) for row in found]


def _entry(row: tuple[Any, ...]) -> Entry:
    entry_id, register_id, record_id, version, kind, fields, *rest = row
    return Entry(entry_id, register_id, record_id, version, kind, json.loads(fields), *rest)


def _append(
    session: Session, declared: Register, given: Sequence[tuple[str, dict[str, Value]]], by: str
) -> list[Entry]:
    number = int(
        session.value(f"SELECT count(DISTINCT record_id) FROM {_TABLE} WHERE register_id = ?", [declared.id])
    )
    made = []
    for n, (kind, values) in enumerate(given, number + 1):
        record_id = f"{declared.id}-{n}"
        made.append(
            Entry(f"{record_id}/v1", declared.id, record_id, 1, kind, values, None, by, datetime.now())
        )
    _write(session, made)
    return made


def _write(session: Session, entries: Sequence[Entry]) -> None:
    with session.transaction():
        for e in entries:
            session.execute(
                f"INSERT INTO {_TABLE} VALUES ({', '.join('?' * 9)})",
                [
                    e.entry_id,
                    e.register_id,
                    e.record_id,
                    e.version,
                    e.kind,
                    json.dumps(e.fields, ensure_ascii=False, sort_keys=True),
                    e.reason,
                    e.recorded_by,
                    e.recorded_at,
                ],
                what=_TABLE,
            )
        ledger.append_all(
            session,
            [
                ledger.Entry(f"register.{e.kind}", e.record_id, {"by": e.recorded_by}, {_TABLE: [e.entry_id]})
                for e in entries
            ],
        )
