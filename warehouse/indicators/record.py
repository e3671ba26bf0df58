"""What people decide and report about majors and tasks: rows that are only added, each with an account id and an event of the ledger."""

from __future__ import annotations

import re
from datetime import datetime

from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.ledger import append

_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,40}")


def check_account(by: str) -> str:
    """An account id; UsageError for anything that could be a name."""
    if not _ACCOUNT.fullmatch(by):
        raise UsageError(
            f"{by!r} 不是账号 / is not an account id", "letters, digits, dot and hyphen; never a name"
        )
    return by


def _text(text: str, what: str) -> str:
    """A note in the ledger for ever: not empty, and nothing in it that looks like a number of a person."""
    if not text.strip():
        raise UsageError(f"{what}：不能为空 / is empty", "say why in a few words")
    if re.search(r"\d{11,}", text):
        raise UsageError(
            f"{what}：含疑似个人号码 / holds what looks like a number of a person", "leave persons out of it"
        )
    return text.strip()


def newest_code(session: Session, college: str, major: str) -> str | None:
    """The code under which the warning table holds a major; an old code leads to its new one. None if it is not there."""
    found = session.rows(
        "SELECT major_code FROM mart.major_warning__school_major_year WHERE college_code = $college AND (major_code = $major "
        "OR major_code IN (SELECT new_code FROM ref.major_crosswalk WHERE old_code = $major)) ORDER BY major_code <> $major LIMIT 1",
        {"college": college, "major": major},
    )
    return str(found[0][0]) if found else None


def decide_major(
    session: Session, college: str, major: str, year: int, state: str, by: str, reason: str
) -> str:
    """Record the state of a major of a college or vocational school from a year on; returns the state before.

    Raises UsageError for a step that `major_transition` does not allow, and for what is not in the warning table.
    """
    check_account(by)
    _text(reason, "理由 reason")
    states = [
        r[0] for r in session.rows("SELECT code FROM ref.code_list WHERE list_id = 'major_state' ORDER BY 1")
    ]
    if state not in states:
        raise UsageError(f"没有状态 {state} / there is no state {state}", "one of: " + ", ".join(states))
    code = newest_code(session, college, major)
    if code is None:
        raise UsageError(
            f"{college} {major}: 预警表中没有 / is not in the warning table",
            "take college and major from mart.major_warning__school_major_year",
        )
    last = session.rows(
        "SELECT state_code, year FROM ops.major__decision WHERE college_code = $college AND (major_code = $code OR major_code IN "
        "(SELECT old_code FROM ref.major_crosswalk WHERE new_code = $code)) ORDER BY seq DESC LIMIT 1",
        {"college": college, "code": code},
    )
    before, since = last[0] if last else ("normal", 0)
    if year < since:
        raise UsageError(
            f"{year} 早于上次决定 {since} / is before the last decision {since}",
            "a decision holds from its year on; take a later one",
        )
    allowed = [
        r[0]
        for r in session.rows(
            "SELECT to_state FROM ref.major_transition WHERE from_state = ? ORDER BY 1", [before]
        )
    ]
    if state not in allowed:
        raise UsageError(
            f"不能由 {before} 变为 {state} / {before} cannot become {state}",
            "allowed: " + (", ".join(allowed) or "none, a closed major stays closed"),
        )
    with session.transaction():
        seq = session.value("SELECT coalesce(max(seq), 0) + 1 FROM ops.major__decision")
        session.execute(
            "INSERT INTO ops.major__decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [seq, college, code, year, state, reason.strip(), by, datetime.now()],
        )
        append(
            session,
            "major_decided",
            f"{college}/{code}",
            {"year": year, "from": before, "to": state, "by": by},
        )
    return str(before)


def note_task(
    session: Session, item: str, period: str, percent: int, by: str, note: str, evidence: str | None
) -> None:
    """Record the progress of a task. UsageError for an unknown item, a share outside 0–100 or evidence that is no mart."""
    check_account(by)
    _text(note, "说明 note")
    if not session.value("SELECT count(*) FROM ref.policy_task WHERE item = ?", [item]):
        raise UsageError(
            f"没有任务 {item} / there is no task {item}",
            "items 1–34 and the chapters; see mart.policy_task__item",
        )
    if not 0 <= percent <= 100:
        raise UsageError(f"进展 {percent} / progress {percent}", "a whole number from 0 to 100")
    if evidence and not session.value(
        "SELECT count(*) FROM ref.dataset WHERE kind = 'marts' AND dataset = ?", [evidence]
    ):
        raise UsageError(
            f"没有数据集 {evidence} / there is no mart {evidence}",
            "name a mart, for example class_size__region_stage_month",
        )
    with session.transaction():
        seq = session.value("SELECT coalesce(max(seq), 0) + 1 FROM ops.task__progress")
        session.execute(
            "INSERT INTO ops.task__progress VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [seq, item, period, percent, note.strip(), evidence, by, datetime.now()],
        )
        append(session, "task_progress", item, {"percent": percent, "period": period, "by": by})
