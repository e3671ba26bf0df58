"""Reads replies back from return workbooks, and records what the reviewers decide about them.

The clerk may have sorted, filtered, renamed sheets, added columns or saved with another program: an item is found by its
number in the column 编号, and its faults by the hidden keys; where these are gone, by the return's number on the cover. The
workbook itself goes into the encrypted archive with its notes; the tables keep the choice and a keyed hash of the note.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from warehouse import archive, ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.errors import UnreadableError, UsageError
from warehouse.keys import Keys
from warehouse.pseudonym import token
from warehouse.release.approval import person
from warehouse.returns import masking
from warehouse.returns.content import ITEM, KEYS, NOTE, REPLIES, REPLY
from warehouse.workflow.accounts import Account
from warehouse.workflow.duties import require

_RETURN = re.compile(r"RT-\d{4}-\d{2}-[0-9A-Za-z]+(?:-\d{10})?-\d{2,}")
_ITEM = re.compile(r"[AF]\d{3,6}")
_SEARCH_ROWS = 20  # a clerk may put a title above the header
_MAX_BYTES = 100 * 1024**2


@dataclass
class Imported:
    """What an import came to."""

    return_id: str
    n_replies: int = 0
    n_empty: int = 0
    n_unknown: int = 0
    n_waiting: int = 0
    not_understood: list[str] = field(default_factory=list)
    is_known: bool = False


def _plain(text: str) -> str:
    return re.sub(r"[\s*:]+", "", unicodedata.normalize("NFKC", text))


_CHOICES = {_plain(text): code for text, code in REPLIES.items()}
# What people write who type instead of choosing
_CHOICES |= {
    "已更正": "corrected",
    "已修改": "corrected",
    "属实": "true_value",
    "情况属实": "true_value",
    "不属于本县": "moved_away",
    "转出": "moved_away",
    "豁免": "exemption",
}


def _sheets(file: Path) -> dict[str, list[list[str]]]:
    """All sheets as texts. Raises UnreadableError without a word of the content."""
    import python_calamine as calamine

    if file.stat().st_size > _MAX_BYTES:
        raise UnreadableError(
            f"{file.name} is too large for a return workbook", "send back the workbook itself"
        )
    try:
        with file.open("rb") as source:
            book = calamine.CalamineWorkbook.from_filelike(source)
            found = {}
            for name in book.sheet_names:
                rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                found[name] = [[_text(cell) for cell in row] for row in rows]
            return found
    except (calamine.CalamineError, calamine.PasswordError, OSError, ValueError):
        raise UnreadableError(
            f"{file.name} cannot be read as a workbook",
            "save it as xlsx without a password and import it again",
        ) from None


def _text(value: object) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value).strip()


def import_file(session: Session, settings: Settings, keys: Keys, file: Path, *, by: Account) -> Imported:
    """Take in the replies of one workbook; the same file twice is one import.

    Raises UnreadableError if it is no workbook, UsageError if it belongs to no return of ours or to another unit's.
    """
    sheets = _sheets(file)
    return_id = _return_id(session, sheets)
    require(session, settings, by, "reply", _owner(session, return_id))
    items = _items(session, sheets, return_id)
    result = Imported(return_id)
    sha256 = archive.sha256_file(file)
    if session.value("SELECT count(*) FROM ops.fault_reply__fault WHERE file_sha256 = ?", [sha256]):
        result.is_known = True
        return result
    rows = []
    now = datetime.now()
    for item, reply, note in _answers(sheets):
        if item not in items:
            result.n_unknown += 1
            continue
        choice = _CHOICES.get(_plain(reply))
        if not reply:
            result.n_empty += 1
            continue
        if choice is None:
            result.not_understood.append(item)
            continue
        result.n_replies += 1
        digest = str(token(keys.token, "note", note)) if note else None
        rows += [(fault, return_id, item, choice, digest, by.account, now, sha256) for fault in items[item]]
    if not rows:
        return result
    archive.store(settings.archive, keys.archive, file, sha256)
    with session.transaction():
        values = ", ".join(
            f"({', '.join(literal(v) for v in row[:6])}, TIMESTAMP {literal(row[6])}, {literal(row[7])})"
            for row in rows
        )
        session.execute(
            f"INSERT INTO ops.fault_reply__fault SELECT * FROM (VALUES {values}) ORDER BY ALL", what="replies"
        )
        result.n_waiting = session.value(
            "SELECT count(*) FROM ops.fault_state__fault WHERE awaits_decision AND return_id = ?", [return_id]
        )
        ledger.append(
            session,
            "replies",
            return_id,
            {"by": by.account, "sha256": sha256, "items": result.n_replies, "waiting": result.n_waiting},
        )
    return result


def _owner(session: Session, return_id: str) -> str:
    owner = session.value("SELECT max(owner) FROM ops.return__issue WHERE return_id = ?", [return_id])
    if owner is None:
        raise UsageError(f"There is no return {return_id}", "`edu replies list` shows what waits")
    return str(owner)


def _return_id(session: Session, sheets: dict[str, list[list[str]]]) -> str:
    """The return that the workbook belongs to, from its keys or its cover."""
    for name in sorted(sheets, key=lambda n: n != KEYS):
        for row in sheets[name][:_SEARCH_ROWS]:
            for match in (m for cell in row for m in _RETURN.findall(cell)):
                if session.value("SELECT count(*) FROM ops.return__issue WHERE return_id = ?", [match]):
                    return str(match)
    raise UsageError(
        "The workbook belongs to no return of this warehouse", "send back the return workbook with its cover"
    )


def _items(session: Session, sheets: dict[str, list[list[str]]], return_id: str) -> dict[str, list[str]]:
    """Item → faults: the hidden keys as far as the warehouse knows them, or what the warehouse knows alone."""
    known: dict[str, list[str]] = {}
    for item, fault in session.rows(
        "SELECT item_no, fault_id FROM ops.return_item__fault WHERE return_id = ? ORDER BY ALL", [return_id]
    ):
        known.setdefault(item, []).append(fault)
    # Hidden keys that do not agree with ours were tampered with or come from another return: those items are left out.
    written = {
        row[0]: sorted(row[1].split(",")) for row in sheets.get(KEYS, [])[1:] if len(row) > 1 and row[0]
    }
    if not written:
        return known
    return {item: faults for item, faults in known.items() if written.get(item) == sorted(faults)}


def _answers(sheets: dict[str, list[list[str]]]) -> list[tuple[str, str, str]]:
    """(item, reply, note) of every row with an item number, wherever its columns stand. The last one of an item counts."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, rows in sheets.items():
        if name == KEYS:
            continue
        at = next(
            (n for n, row in enumerate(rows[:_SEARCH_ROWS]) if {ITEM, REPLY} <= {_plain(c) for c in row}),
            None,
        )
        if at is None:
            continue
        header = [_plain(cell) for cell in rows[at]]
        item_at, reply_at = header.index(ITEM), header.index(REPLY)
        note_at = header.index(NOTE) if NOTE in header else None
        for row in rows[at + 1 :]:
            item = row[item_at].upper() if item_at < len(row) else ""
            if not _ITEM.fullmatch(item):
                continue
            reply = row[reply_at] if reply_at < len(row) else ""
            note = row[note_at] if note_at is not None and note_at < len(row) else ""
            if reply or item not in found:
                found[item] = (item, reply, note)
    return list(found.values())


def decide(
    session: Session,
    settings: Settings,
    return_id: str,
    *,
    accept: bool,
    reason: str,
    by: Account,
    items: Sequence[str] = (),
    rule: str | None = None,
) -> int:
    """Decide on the faults of a return that wait; number of faults.

    UsageError if none waits, for one's own reply, and for whoever is not of the unit above the owner.
    """
    require(session, settings, by, "decide", _owner(session, return_id))
    waiting = session.rows(
        "SELECT fault_id, item_no, replied_by, rule_id FROM ops.fault_state__fault WHERE awaits_decision AND return_id = ? "
        "ORDER BY ALL",
        [return_id],
    )
    chosen = [w for w in waiting if (not items or w[1] in items) and (rule is None or w[3] == rule)]
    if not chosen:
        raise UsageError(
            f"Nothing of {return_id} waits for this decision", "`edu replies list` shows what waits"
        )
    if any(person(w[2]) == person(by.account) for w in chosen):
        raise UsageError("Who replied cannot decide on it", "let the reviewer of the prefecture decide")
    decision = "accepted" if accept else "rejected"
    listed = ", ".join(literal(w[0]) for w in chosen)
    with session.transaction():
        session.execute(
            f"UPDATE ops.fault__identity SET decision = ?, decided_by = ?, decided_at = ?, "
            f"status = CASE WHEN ? = 'accepted' THEN 'accepted' ELSE status END WHERE fault_id IN ({listed})",
            [decision, by.account, datetime.now(), decision],
            what="decision",
        )
        ledger.append(
            session,
            "replies_decided",
            return_id,
            {
                "by": by.account,
                "decision": decision,
                "reason": masking.plain(reason),
                "faults": len(chosen),
                "items": sorted({w[1] for w in chosen}),
            },
        )
    return len(chosen)
