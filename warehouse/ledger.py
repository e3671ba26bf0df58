"""The ledger: an append-only, hash-chained record of loads, decisions and publications (rule RT13)."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from warehouse.engine.duckdb import Session

GENESIS = "0" * 64


def _digest(seq: int, at: str, event: str, subject: str, detail: str, prev: str) -> str:
    return hashlib.sha256("\x1f".join((str(seq), at, event, subject, detail, prev)).encode()).hexdigest()


def append(session: Session, event: str, subject: str, detail: dict[str, Any]) -> str:
    """Add an event; returns its hash. Call it inside the transaction that it describes."""
    last = session.rows("SELECT seq, hash FROM ops.ledger__event ORDER BY seq DESC LIMIT 1")
    seq, prev = (last[0][0] + 1, last[0][1]) if last else (1, GENESIS)
    at = datetime.now().isoformat(sep=" ", timespec="microseconds")
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    digest = _digest(seq, at, event, subject, text, prev)
    session.execute(
        "INSERT INTO ops.ledger__event VALUES (?, ?::TIMESTAMP, ?, ?, ?, ?, ?)",
        [seq, at, event, subject, text, prev, digest],
        what="ledger",
    )
    return digest


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
