"""One person, one card (item 28): a page for the responsible teacher, with a reason beside everything it claims."""

from __future__ import annotations

import uuid
from pathlib import Path

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.monitor import access
from warehouse.monitor.names import mask_id, resolve
from warehouse.monitor.page import both, page, table
from warehouse.monitor.words import CLASSES, FLAGS, REASONS, STATES, class_name, code_names, groups, names

_CARD = """SELECT delivery_id, row_no, school_year_code, term_code, county_code, sex_code, ethnic_code, age, school_id, stage_code,
  grade_code, class_label, boarding_code, n_due, n_gap, amount_due, amount_paid, flag_codes, poor_groups, follow_code
  FROM use.student_card__person_term WHERE period = ? AND person_id = ?"""


def write_card(
    session: Session, settings: Settings, keys: Keys, person: str, period: str, purpose: str, account: str
) -> Path:
    """Write the card of a person as one HTML page (0600); the access is in the ledger before the page exists.

    Raises UsageError for a purpose that does not allow it, or a person without a card in the month.
    """
    access.check("card", purpose, account)
    try:
        person = str(uuid.UUID(person))
    except ValueError:
        raise UsageError(
            "人员编号无效 / this is not a person id", "take it from a gap list or `edu case list`"
        ) from None
    found = session.rows(_CARD, [period, person])
    if not found:
        raise UsageError(
            f"{period} 没有此人的卡 / this person has no card in {period}",
            "cards are kept for learners of poor households",
        )
    card = found[0]
    access.record(session, "card", purpose, account, f"card {person}", {"period": period, "persons": 1})
    key = (str(card[0]), int(card[1]))
    shown = resolve(session, settings, keys, [key], ["name", "id_no", "township", "village"]).get(key, {})
    text = page(
        ("一人一卡", "One person, one card"),
        [_identity(session, card, shown), _now(session, card, period), *_flags(session, card), _schooling(session, person, period),
         _aid(session, person, period)],
        (
            f"{period} · {access.purposes('card')[purpose]} · {account} · 内部资料，用后妥善保管；名单由系统生成，处置前须人工核实",
            "Internal; made by a machine, a person confirms before anything is done",
        ),
    )  # fmt: skip
    file = access.private_file(settings, "cards", f"{person}-{period}.html")
    file.write_text(text, encoding="utf-8")
    return file


def _school(session: Session, school: str | None, period: str) -> str | None:
    found = session.value(
        "SELECT school_name FROM core.school__school_month WHERE school_id = ? AND point_code = '' AND period <= ? "
        "ORDER BY period DESC LIMIT 1",
        [school, period],
    )
    return str(found) if found else school


def _identity(session: Session, card: tuple[object, ...], shown: dict[str, str | None]) -> str:
    county = names(session, "county", "county_code").get(str(card[4]), ("—", ""))[0]
    place = "".join(str(shown[c]) for c in ("township", "village") if shown.get(c))
    rows = [
        (shown.get("name"), mask_id(shown.get("id_no")), code_names(session, "sex").get(str(card[5])),
         code_names(session, "ethnic").get(str(card[6])), card[7], county + place, groups(str(card[18] or "")) or None)
    ]  # fmt: skip
    headers = [("姓名", "Name"), ("证件号", "Identity number"), ("性别", "Sex"), ("民族", "Ethnic group"), ("年龄", "Age"),
               ("户籍", "Home"), ("困难类型", "Hardship")]  # fmt: skip
    return table(headers, rows)


def _now(session: Session, card: tuple[object, ...], period: str) -> str:
    """Where the learner is this month; nothing for one who is in no registry."""
    if card[8] is None:
        return ""
    grade = names(session, "grade", "grade_code").get(str(card[10]), ("—", ""))[0]
    label = class_name(None if card[11] is None else str(card[11]))
    boards = code_names(session, "boarding").get(str(card[12]))
    headers = [("现就读学校", "School"), ("年级", "Grade"), ("班级", "Class"), ("寄宿", "Boarding")]
    return table(headers, [(_school(session, str(card[8]), period), grade, label or None, boards)])


def _flags(session: Session, card: tuple[object, ...]) -> list[str]:
    exits = {
        code: (zh, en, check)
        for code, zh, en, check in session.rows(
            "SELECT exit_code, name_zh, name_en, check_zh FROM ref.exit_reason"
        )
    }
    lines = []
    for code in str(card[17] or "").split(";"):
        if code in exits:
            lines.append((f"{exits[code][0]} {exits[code][1]}", exits[code][2]))
        elif code:
            zh, en, check = FLAGS.get(code, (code, "", ""))
            lines.append((f"{zh} {en}", check))
    if not lines:
        return []
    return [
        f"<h2>{both('提示与核查', 'Flags and what to check')}</h2>",
        table([("提示", "Flag"), ("核查", "What to check")], lines),
    ]


def _schooling(session: Session, person: str, period: str) -> str:
    rows = session.rows(
        """SELECT min(period), max(period), school_id, grade_code, state_code FROM (
             SELECT *, row_number() OVER (ORDER BY period)
               - row_number() OVER (PARTITION BY school_id, grade_code, state_code ORDER BY period) AS run
             FROM core.standing__person_month WHERE person_id = ? AND period <= ?)
           GROUP BY school_id, grade_code, state_code, run ORDER BY 1""",
        [person, period],
    )
    grades = names(session, "grade", "grade_code")
    lines = [
        (a, b, _school(session, s, period), grades.get(g, (g, ""))[0], STATES.get(state, state))
        for a, b, s, g, state in rows
    ]
    headers = [("自", "From"), ("至", "To"), ("学校", "School"), ("年级", "Grade"), ("状态", "State")]
    return f"<h2>{both('就学经历', 'Schooling')}</h2>{table(headers, lines)}"


def _aid(session: Session, person: str, period: str) -> str:
    rows = session.rows(
        """SELECT e.school_year_code, e.term_code, coalesce(r.name_zh, '待定'), e.amount_due, e.amount_paid, e.class_code, e.reason_code
           FROM use.entitlement__person_rule_term e
           LEFT JOIN ref.entitlement_rule r ON r.rule_id = e.rule_id AND r.programme_code = e.programme_code
           WHERE e.period = ? AND e.person_id = ? ORDER BY ALL""",
        [period, person],
    )
    terms = code_names(session, "term")
    lines = [
        (y, terms.get(t, t), name, due, None if c == "not_judged" else paid, CLASSES[c][0], REASONS[r][0], "" if c == "full" else REASONS[r][2])
        for y, t, name, due, paid, c, r in rows
    ]  # fmt: skip
    headers = [("学年", "School year"), ("学期", "Term"), ("项目", "Programme"), ("应发(元)", "Due"), ("实发(元)", "Paid"),
               ("结论", "Class"), ("说明", "Why"), ("核查", "What to check")]  # fmt: skip
    return f"<h2>{both('应助尽助', 'Due and paid')}</h2>{table(headers, lines)}"
