"""What people decided about persons, as a file: it survives a rebuild of the warehouse and can be carried to another one.

Profiles are keyed tokens of content, so they are the same after everything is loaded again with the same keys; a file made
under another key is refused. The file holds tokens, account ids and reasons (free text): mode 0600, never part of a release.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from warehouse import ledger
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.people import registry
from warehouse.pseudonym import token

FORMAT = "person-decisions/1"
_DECISION = ("left_profile", "right_profile", "verdict", "decided_by", "decided_on", "reason")
_QUALITY = ("sample_id", "link_id", "tier", "ethnic", "verdict", "judged_by", "judged_on")


@dataclass(frozen=True)
class Imported:
    """Decisions of a file: known before, new, of these applied at once; the rest waits for the month that brings its records."""

    known: int
    new: int
    applied: int
    verdicts: int


def _key_check(keys: Keys) -> str:
    return str(token(keys.token, "person", FORMAT))


def write(session: Session, keys: Keys, file: Path) -> dict[str, int]:
    """Write all decisions and clerical verdicts in their order. Returns how many of each."""
    content: dict[str, Any] = {"format": FORMAT, "key_check": _key_check(keys)}
    for name, table, columns, order in (
        ("decisions", "core.person_decision__pair", _DECISION, "seq"),
        ("verdicts", "core.person_quality__record", _QUALITY, "sample_id, tier, link_id"),
    ):
        listed = ", ".join(f"{c}::VARCHAR" for c in columns)
        rows = session.rows(f"SELECT {listed} FROM {table} ORDER BY {order}")
        content[name] = [dict(zip(columns, row, strict=True)) for row in rows]
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as handle:
        handle.write(text)
    file.chmod(0o600)
    counts = {name: len(content[name]) for name in ("decisions", "verdicts")}
    with session.transaction():
        ledger.append(session, "person_decisions_exported", FORMAT, counts)
    return counts


def read(session: Session, keys: Keys, file: Path, who: str) -> Imported:
    """Take a file in, all or nothing; what stands there already is left alone.

    Decisions on records that are loaded are applied at once, the others by the load that brings the records. Raises UsageError
    for a file of another format or key.
    """
    content = _parsed(file, keys)
    new = applied = verdicts = 0
    with session.transaction():
        last_here = {
            (str(left), str(right)): day
            for left, right, day in session.rows(
                "SELECT left_profile, right_profile, max(decided_on) FROM core.person_decision__pair GROUP BY ALL"
            )
        }
        last_there = {(r["left_profile"], r["right_profile"]): r for r in content["decisions"]}
        for row in content["decisions"]:
            pair = (row["left_profile"], row["right_profile"])
            is_last = last_there[pair] is row
            # a pair that was decided here as well keeps the later word
            if pair in last_here and not (
                is_last and date.fromisoformat(row["decided_on"]) > last_here[pair]
            ):
                continue
            session.execute(
                "INSERT INTO core.person_decision__pair SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ? FROM core.person_decision__pair",
                [row[c] for c in _DECISION],
            )
            new += 1
            if is_last:
                applied += registry.apply(
                    session, UUID(pair[0]), UUID(pair[1]), row["verdict"], row["decided_by"]
                )
        for row in content["verdicts"]:
            if session.value(
                "SELECT count(*) FROM core.person_quality__record WHERE sample_id = ? AND link_id = ? AND verdict IS NOT DISTINCT FROM ?",
                [row["sample_id"], row["link_id"], row["verdict"]],
            ):
                continue
            session.execute(
                "DELETE FROM core.person_quality__record WHERE sample_id = ? AND link_id = ?",
                [row["sample_id"], row["link_id"]],
            )
            session.execute(
                "INSERT INTO core.person_quality__record VALUES (?, ?, ?, ?, ?, ?, ?)",
                [row[c] for c in _QUALITY],
            )
            verdicts += 1
        known = len(content["decisions"]) - new
        ledger.append(
            session,
            "person_decisions_imported",
            FORMAT,
            {"by": who, "new": new, "known": known, "verdicts": verdicts},
        )
        if applied:
            registry.touch(session)
    return Imported(known, new, applied, verdicts)


def _parsed(file: Path, keys: Keys) -> dict[str, Any]:
    wrong = UsageError("This is no file of decisions", "give a file that edu person decisions export wrote")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise wrong from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise wrong
    if content.get("key_check") != _key_check(keys):
        raise UsageError(
            "These decisions were made under another key",
            "use the key file of the warehouse that they come from",
        )
    try:
        for row in content["decisions"]:
            UUID(row["left_profile"]), UUID(row["right_profile"]), date.fromisoformat(row["decided_on"])
            if row["verdict"] not in ("same", "different") or not row["decided_by"] or not row["reason"]:
                raise wrong
        for row in content["verdicts"]:
            UUID(row["link_id"])
            if set(row) != set(_QUALITY) or row["verdict"] not in (None, "right", "wrong", "unsure"):
                raise wrong
    except (KeyError, TypeError, ValueError, AttributeError):
        raise wrong from None
    return content
