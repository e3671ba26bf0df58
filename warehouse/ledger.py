"""The ledger: an append-only, hash-chained record of loads, decisions and publications (rule RT13).

An entry may *cover* rows of other operational tables: it carries a digest of each, so that a row that is altered, added or
removed without an entry of its own is found and named by `problems`. The chain by itself cannot show that its newest
entries were cut off; for that, `head` gives a number and hash to keep elsewhere, and releases are compared with their entries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from warehouse.engine.duckdb import Session, literal

GENESIS = "0" * 64
# Tables whose every row is covered → SQL of the key by which a row is named.
COVERED = {
    "ops.delivery__version": "delivery_id",
    "ops.review__package": "concat_ws(' ', source, owner, period, 'v' || version)",
    "ops.review__waiver": "concat_ws(' ', source, owner, period)",
    "ops.review__held": "delivery_id",
    "ops.restatement__delivery": "delivery_id",
    "ops.case__person": "case_id",
    "ops.case_move__event": "seq::VARCHAR",
    "ops.register__entry": "entry_id",
    "ops.share__request": "request_id",
    "ops.share__delivery": "delivery_no",
    "ops.share__correction": "correction_id",
}
_BATCH = 500  # entries written by one statement


@dataclass(frozen=True)
class Entry:
    """Something that happened. `rows`: table → keys of the rows as they are after it."""

    event: str
    subject: str
    detail: Mapping[str, Any]
    rows: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A place at which the ledger, or a row that it covers, is not as it was written."""

    where: str
    what_zh: str
    what_en: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what_zh} / {self.what_en}"


def _digest(seq: int, at: str, event: str, subject: str, detail: str, prev: str) -> str:
    return hashlib.sha256("\x1f".join((str(seq), at, event, subject, detail, prev)).encode()).hexdigest()


def append(
    session: Session,
    event: str,
    subject: str,
    detail: Mapping[str, Any],
    rows: Mapping[str, Collection[str]] | None = None,
) -> str:
    """Add an entry; returns its hash. Call it inside the transaction that it describes, after the rows are written."""
    return append_all(session, [Entry(event, subject, detail, rows or {})])


def append_all(session: Session, entries: Sequence[Entry]) -> str:
    """Add entries in this order; returns the hash of the last one."""
    seq, prev = head(session)
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        for table, keys in entry.rows.items():
            wanted.setdefault(table, set()).update(keys)
    digests = {table: row_digests(session, table, keys) for table, keys in wanted.items()}
    values = []
    for entry in entries:
        seq += 1
        at = datetime.now().isoformat(sep=" ", timespec="microseconds")
        detail = dict(entry.detail)
        if entry.rows:
            # A key without a row says that the row is gone.
            detail["rows"] = {
                t: {k: digests[t].get(k) for k in sorted(keys)} for t, keys in entry.rows.items()
            }
        text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
        digest = _digest(seq, at, entry.event, entry.subject, text, prev)
        values.append((seq, at, entry.event, entry.subject, text, prev, digest))
        prev = digest
    for start in range(0, len(values), _BATCH):
        listed = ", ".join(f"({', '.join(map(literal, row))})" for row in values[start : start + _BATCH])
        session.execute(
            f"INSERT INTO ops.ledger__event SELECT seq, moment::TIMESTAMP, event, subject, detail, prev_hash, hash "
            f"FROM (VALUES {listed}) AS v(seq, moment, event, subject, detail, prev_hash, hash)",
            what="ledger",
        )
    return prev


def head(session: Session) -> tuple[int, str]:
    """Number and hash of the newest entry; (0, GENESIS) before the first."""
    last = session.rows("SELECT seq, hash FROM ops.ledger__event ORDER BY seq DESC LIMIT 1")
    return (last[0][0], last[0][1]) if last else (0, GENESIS)


def row_digests(session: Session, table: str, keys: Collection[str] | None = None) -> dict[str, str]:
    """Key → SHA-256 (first 32 digits) over all columns of a row, of all rows or of some."""
    key = COVERED[table]
    some = "" if keys is None else f"WHERE {key} IN ({', '.join(map(literal, sorted(keys))) or 'NULL'})"
    # JSON tells NULL from a text and a separator from a value.
    found = session.rows(f"SELECT {key}, left(sha256(to_json(t)::VARCHAR), 32) FROM {table} AS t {some}")
    return {str(k): str(d) for k, d in found}


def broken_links(session: Session) -> list[int]:
    """Sequence numbers at which the chain does not hold: a gap, a changed field or a changed order."""
    broken = []
    expected, prev = 1, GENESIS
    for seq, at, event, subject, detail, stored_prev, stored in session.rows(
        "SELECT seq, strftime(occurred_at, '%Y-%m-%d %H:%M:%S.%f'), event, subject, detail, prev_hash, hash "
        "FROM ops.ledger__event ORDER BY seq"
    ):
        if seq != expected or stored_prev != prev or stored != _digest(seq, at, event, subject, detail, prev):
            broken.append(seq)
        expected, prev = seq + 1, stored
    return broken


def problems(session: Session, expected: tuple[int, str] | None = None) -> list[Problem]:
    """Walk the chain, then compare every covered row with the newest entry that covers it.

    `expected` is a head noted earlier and kept elsewhere: it must still be part of the chain.
    """
    found = []
    entries = session.rows("SELECT seq, event, subject, detail, hash FROM ops.ledger__event ORDER BY seq")
    named = {seq: f"{event} {subject}" for seq, event, subject, _, _ in entries}
    for seq in broken_links(session):
        found.append(
            Problem(
                f"ledger {seq} ({named[seq]})", "记录被改动、删除或调换", "entry changed, removed or moved"
            )
        )
    if expected and expected not in {(seq, digest) for seq, _, _, _, digest in entries}:
        found.append(
            Problem(
                f"ledger {expected[0]}", "链中没有留存的校验值", "the hash that was kept is not in the chain"
            )
        )
    covered: dict[str, dict[str, tuple[int, str | None]]] = {table: {} for table in COVERED}
    for seq, _, _, detail, _ in entries:
        for table, digests in _rows_of(detail).items():
            for key, digest in digests.items():
                covered.setdefault(table, {})[key] = (seq, digest)
    for table, by_key in covered.items():
        if table not in COVERED or not session.exists(table):
            continue
        there = row_digests(session, table)
        for key in sorted(by_key.keys() | there.keys()):
            seq, digest = by_key.get(key, (0, None))
            if there.get(key) == digest:
                continue
            if key not in there:
                found.append(
                    Problem(f"{table} {key}", f"行已丢失（台账 {seq}）", f"row is gone (entry {seq})")
                )
            elif digest is None:
                found.append(Problem(f"{table} {key}", "行无台账记录", "row without an entry in the ledger"))
            else:
                found.append(
                    Problem(
                        f"{table} {key}", f"行与台账 {seq} 不符", f"row is not as entry {seq} recorded it"
                    )
                )
    return found


def _rows_of(detail: str) -> dict[str, dict[str, str | None]]:
    try:
        found = json.loads(detail).get("rows", {})
        return found if isinstance(found, dict) else {}
    except (ValueError, AttributeError):
        return {}  # the entry itself is broken and has been named
