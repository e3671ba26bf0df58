"""The clerk's desk of sharing: requests, answers and corrections, each with the day by which it is due (RS05, RS06).

Every change is a row in `ops.share__*` and an entry of the ledger that covers it. Working days: warehouse/workdays.py.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from warehouse import ledger
from warehouse.contract import load_contracts
from warehouse.engine.duckdb import Session
from warehouse.errors import BlockedError, UsageError
from warehouse.reference import rows
from warehouse.sharing.agreements import PERSON_EXTRACTS, load_agreements
from warehouse.workdays import add_working_days

REQUEST, DELIVERY, CORRECTION = "ops.share__request", "ops.share__delivery", "ops.share__correction"
CONDITIONAL, OPEN, CLOSED = "有条件共享", "无条件共享", "不予共享"
RESULTS = ("corrected", "explained", "rejected")
_NUMBER = re.compile(r"\d{11}")


def due(clock: str, share_type: str, received_on: date) -> date:
    """The last day of a clock (answer, deliver, correction) for data of a share type; KeyError if there is no such clock."""
    for row in rows("share_deadline"):
        if row["clock"] == clock and row["share_type"] in (share_type, "*"):
            return add_working_days(received_on, int(row["working_days"]))
    raise KeyError(clock)


def share_type(dataset: str) -> str:
    """Share type of a dataset in the catalogue; person extracts are conditional. UsageError if it is not in the catalogue."""
    if dataset in PERSON_EXTRACTS:
        return CONDITIONAL
    contract = load_contracts("marts").get(dataset)
    if contract is None:
        raise UsageError(
            f"目录中没有 {dataset} / {dataset} is not in the catalogue",
            "`edu share catalogue` lists what there is",
        )
    return str(contract.properties.get("shareType", CLOSED))


def _clean(text: str, what: str) -> str:
    if not text.strip() or _NUMBER.search(text) or len(text) > 200:
        raise UsageError(
            f"{what} 为空、过长或含号码 / {what} is empty, too long or holds a number",
            "offices and codes, never persons",
        )
    return text.strip()


def next_no(session: Session, table: str, column: str, prefix: str, day: date) -> str:
    """The next number of a register: prefix, year, and a count within the year."""
    start = f"{prefix}-{day:%Y}-"
    last = session.value(f"SELECT max({column}) FROM {table} WHERE starts_with({column}, ?)", [start])
    return f"{start}{int(str(last)[len(start) :]) + 1 if last else 1:04d}"


def receive(session: Session, recipient: str, dataset: str, received_on: date, by: str) -> str:
    """Enter a request; returns its number. The clock of its answer starts on the day of receipt."""
    kind = share_type(dataset)
    with session.transaction():
        number = next_no(session, REQUEST, "request_id", "SQ", received_on)
        session.execute(
            f"INSERT INTO {REQUEST} (request_id, recipient_zh, dataset, share_type, received_on, answer_due, taken_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                number,
                _clean(recipient, "recipient"),
                dataset,
                kind,
                received_on,
                due("answer", kind, received_on),
                by,
            ],
        )
        ledger.append(session, "share.request", number, {"dataset": dataset, "by": by}, {REQUEST: [number]})
    return number


def answer(
    session: Session,
    request: str,
    *,
    by: str,
    today: date,
    agreement_id: str | None = None,
    refusal: str | None = None,
) -> dict[str, Any]:
    """Grant a request under an agreement, or refuse it with a reason; once. Returns the request.

    Raises UsageError for an unknown or answered request, BlockedError when the agreement is not about it.
    """
    found = one(session, REQUEST, "request_id", request)
    if found["decision"]:
        raise UsageError(
            f"{request} 已答复 / {request} is answered: {found['decision']}", "enter a new request"
        )
    if bool(agreement_id) == bool(refusal):
        raise UsageError("须同意或拒绝 / grant it or refuse it", "--grant AGREEMENT, or --refuse REASON")
    if by == found["taken_by"]:
        raise BlockedError(
            "登记人不能自行批准 / whoever entered a request cannot answer it",
            "let the approver of the province answer",
        )
    if agreement_id:
        agreement = load_agreements().get(agreement_id)
        same = agreement and (agreement.dataset, agreement.recipient_zh) == (
            found["dataset"],
            found["recipient_zh"],
        )
        if not same:
            raise BlockedError(
                f"RS02 协议 {agreement_id} 与申请的接收方或数据集不符 / the agreement is for another recipient or dataset",
                "choose the agreement of this recipient and dataset, or refuse",
            )
        if found["share_type"] == CLOSED:
            raise BlockedError(
                f"RS01 {found['dataset']} 不予共享 / is not shared", "refuse the request with the legal basis"
            )
    decision = "granted" if agreement_id else "refused"
    values = [today, decision, agreement_id, refusal and _clean(refusal, "reason"), by]
    with session.transaction():
        session.execute(
            f"UPDATE {REQUEST} SET answered_on = ?, decision = ?, agreement_id = ?, reason = ?, decided_by = ?, "
            "deliver_due = CASE WHEN ? = 'granted' THEN ?::DATE END WHERE request_id = ?",
            [*values, decision, due("deliver", found["share_type"], found["received_on"]), request],
        )
        detail = {"decision": decision, "agreement": agreement_id, "by": by}
        ledger.append(session, "share.answer", request, detail, {REQUEST: [request]})
    return one(session, REQUEST, "request_id", request)


def doubt(session: Session, delivery_no: str, unit_key: str, field: str, received_on: date, by: str) -> str:
    """Enter a recipient's doubt about one figure of a delivery; returns its number."""
    delivery = one(session, DELIVERY, "delivery_no", delivery_no)
    if field not in delivery["fields"].split("|"):
        raise UsageError(
            f"{delivery_no} 没有字段 {field} / has no field {field}", f"one of: {delivery['fields']}"
        )
    with session.transaction():
        number = next_no(session, CORRECTION, "correction_id", "JC", received_on)
        session.execute(
            f"INSERT INTO {CORRECTION} (correction_id, delivery_no, unit_key, field, received_on, due, taken_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                number,
                delivery_no,
                _clean(unit_key, "key"),
                field,
                received_on,
                due("correction", "*", received_on),
                by,
            ],
        )
        detail = {"delivery": delivery_no, "field": field, "by": by}
        ledger.append(session, "share.correction", number, detail, {CORRECTION: [number]})
    return number


def resolve(session: Session, correction: str, *, result: str, ref: str, by: str, today: date) -> None:
    """Answer a doubt: corrected (`ref` is the release that does), explained or rejected (`ref` is the letter's number)."""
    found = one(session, CORRECTION, "correction_id", correction)
    if found["result"] or result not in RESULTS:
        raise UsageError(
            f"{correction} 已答复或结果无效 / is answered, or the result is unknown",
            f"one of: {', '.join(RESULTS)}",
        )
    with session.transaction():
        session.execute(
            f"UPDATE {CORRECTION} SET answered_on = ?, result = ?, result_ref = ?, answered_by = ? WHERE correction_id = ?",
            [today, result, _clean(ref, "ref"), by, correction],
        )
        detail = {"result": result, "ref": ref, "by": by}
        ledger.append(session, "share.resolve", correction, detail, {CORRECTION: [correction]})


def one(session: Session, table: str, column: str, value: str) -> dict[str, Any]:
    """A row of a register; UsageError if there is none."""
    cursor = session.execute(f"SELECT * FROM {table} WHERE {column} = ?", [value])
    names = [d[0] for d in cursor.description or ()]
    found = cursor.fetchall()
    if not found:
        raise UsageError(f"没有 {value} / there is no {value}", "`edu share list` shows what is open")
    return dict(zip(names, found[0], strict=True))


def open_items(session: Session, today: date) -> list[dict[str, Any]]:
    """What waits: requests to answer or deliver, doubts to answer; most urgent first. `late`: working time is over."""
    names = ("number", "what", "subject", "due", "late")
    return [
        dict(zip(names, row, strict=True))
        for row in session.rows(
            f"""SELECT request_id, 'answer', dataset || ' → ' || recipient_zh, answer_due, answer_due < $today FROM {REQUEST}
                WHERE decision IS NULL
                UNION ALL SELECT request_id, 'deliver', dataset || ' → ' || recipient_zh, deliver_due, deliver_due < $today
                FROM {REQUEST} WHERE decision = 'granted' AND delivered_on IS NULL
                UNION ALL SELECT correction_id, 'correction', delivery_no || ' ' || field, due, due < $today FROM {CORRECTION}
                WHERE result IS NULL ORDER BY 4, 1""",
            {"today": today},
        )
    ]


def log_rows(session: Session) -> list[dict[str, Any]]:
    """The log of deliveries, newest first."""
    cursor = session.execute(f"SELECT * FROM {DELIVERY} ORDER BY delivery_no DESC")
    names = [d[0] for d in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
