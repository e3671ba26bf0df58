"""Changes of reference data: noticed when they are loaded, approved by an account with the document they rest on (rule RP17).

What came with the installation needs no approval; every later content of a table does, once. Rows are only added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from warehouse import reference
from warehouse.errors import UsageError
from warehouse.ledger import append

if TYPE_CHECKING:
    from warehouse.engine.duckdb import Session

_WAITING = """SELECT table_name, content_hash, seen_at FROM ops.reference__in_force
              WHERE NOT is_first AND NOT is_approved ORDER BY table_name"""


def record(session: Session) -> int:
    """Note the tables whose content is not the one that was loaded last; returns how many."""
    last = dict(
        session.rows("SELECT table_name, max_by(content_hash, seq) FROM ops.reference__change GROUP BY 1")
    )
    now = datetime.now()
    new = []
    for table in sorted(reference.table_names()):
        digest = hashlib.sha256((reference.REFERENCE / f"{table}.csv").read_bytes()).hexdigest()[:16]
        if last.get(table) != digest:
            new.append((table, digest, table not in last, now))
    if new:
        seq = int(session.value("SELECT coalesce(max(seq), 0) FROM ops.reference__change"))
        session.con.executemany(
            "INSERT INTO ops.reference__change VALUES (?, ?, ?, ?, ?)",
            [(seq + n, *row) for n, row in enumerate(new, start=1)],
        )
    return len(new)


def waiting(session: Session) -> list[tuple[str, str, datetime]]:
    """Changed tables that nobody has approved: table, content, since when."""
    return [(str(t), str(c), at) for t, c, at in session.rows(_WAITING)]


def approve(session: Session, tables: Sequence[str], document: str, by: str) -> list[str]:
    """Approve the content in force of changed tables; returns their names.

    Raises UsageError without a document, and for a table that does not wait for an approval.
    """
    if not document.strip():
        raise UsageError("没有依据文件 / the document is missing", "name the paper on which the change rests")
    found = {table: content for table, content, _ in waiting(session)}
    unknown = sorted(set(tables) - set(found))
    if unknown or not tables:
        raise UsageError(
            f"没有待批准的变更 / no change waits for an approval: {', '.join(unknown) or '–'}",
            "edu reference list shows what waits: " + (", ".join(found) or "nothing"),
        )
    with session.transaction():
        session.con.executemany(
            "INSERT INTO ops.reference__approval VALUES (?, ?, ?, ?, ?)",
            [(t, found[t], document.strip(), by, datetime.now()) for t in sorted(set(tables))],
        )
        for table in sorted(set(tables)):
            append(
                session,
                "reference_approved",
                table,
                {"content": found[table], "document": document.strip(), "by": by},
            )
    return sorted(set(tables))
