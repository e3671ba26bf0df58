"""Feedback extract for a recipient outside: two-later youth who are willing to train, cut to the agreement (RS02, RS03, RS13).

A delivery of persons always has a second account as its approver; it stands in the log of deliveries (warehouse/sharing).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.monitor import access
from warehouse.monitor.names import resolve
from warehouse.reference import rows
from warehouse.release.files import sha256_file
from warehouse.sharing.agreements import Agreement, load_agreements
from warehouse.sharing.delivery import Line, log
from warehouse.sharing.desk import DELIVERY, next_no
from warehouse.text_safety import CsvWriter

_CLEAR = ("name", "id_no")
_KNOWN = (
    "county_code", "finished_stage_code", "finished_period", "is_poor", "work_state_code", "willingness_code", "trade_codes",
    "wish_time_code", "wish_place_code", "wish_duration_code",
)  # fmt: skip
_WILLING = "1"


def write_feedback(
    session: Session,
    settings: Settings,
    keys: Keys,
    agreement_id: str,
    period: str,
    account: str,
    second: str | None = None,
    *,
    today: date | None = None,
) -> tuple[Path, int]:
    """Write the csv of the willing under an agreement (0600); returns file and rows.

    Only the fields of the agreement, in its order. Raises UsageError when there is no agreement in force on this day, it names a
    field that this extract does not have, or a second account is needed.
    """
    found = [r for r in rows("share_agreement") if r["agreement_id"] == agreement_id]
    day = (today or date.today()).isoformat()
    if (
        not found
        or found[0]["dataset"] != "two_later"
        or not found[0]["valid_from"] <= day <= (found[0]["valid_to"] or day)
    ):
        raise UsageError(
            f"没有有效的协议 {agreement_id} / no agreement {agreement_id} in force", "share_agreement.csv"
        )
    fields = found[0]["fields"].split("|")
    unknown = [f for f in fields if f not in (*_CLEAR, *_KNOWN)]
    if unknown:
        raise UsageError(
            f"协议含未知字段 / the agreement names unknown fields {unknown}", "share_agreement.csv"
        )
    listed = session.rows(
        f"SELECT delivery_id, row_no, {', '.join(_KNOWN)} FROM use.two_later__person_month "
        "WHERE period = ? AND willingness_code = ? ORDER BY county_code, delivery_id, row_no",
        [period, _WILLING],
    )
    access.check("feedback", "labour", account, len(listed), second)
    if not second or second == account:
        raise UsageError(
            "对外提供个人数据须另一人批准 / data of persons leave the house only with another approver (RS13)",
            "--second ACCOUNT of another person",
        )
    detail = {"period": period, "persons": len(listed), "fields": fields, "second": second}
    access.record(session, "feedback", "labour", account, f"agreement {agreement_id}", detail)
    shown = resolve(session, settings, keys, [(r[0], r[1]) for r in listed], _CLEAR)
    file = access.private_file(settings, "feedback", f"{agreement_id}-{period}.csv")
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = CsvWriter(out)
        writer.row(fields)
        for delivery, row, *values in listed:
            known = dict(zip(_KNOWN, values, strict=True)) | shown.get((delivery, row), {})
            writer.row([known.get(f) for f in fields])
    _log(session, load_agreements()[agreement_id], file, period, len(listed), account, second, day)
    return file, len(listed)


def _log(
    session: Session,
    agreement: Agreement,
    file: Path,
    period: str,
    n_rows: int,
    account: str,
    second: str,
    day: str,
) -> None:
    fields = "|".join(agreement.fields)
    line = Line(
        delivery_no=next_no(session, DELIVERY, "delivery_no", "JF", date.fromisoformat(day)),
        agreement_id=agreement.agreement_id,
        request_id=None,
        recipient_zh=agreement.recipient_zh,
        dataset=agreement.dataset,
        release_id=None,
        period=period,
        fields=fields,
        row_filter=agreement.row_filter,
        agreed_fields=fields,
        agreed_filter=agreement.row_filter,
        agreed_from=agreement.valid_from,
        agreed_to=agreement.valid_to,
        n_rows=n_rows,
        n_outside=0,  # the list is made of nobody else
        sha256=sha256_file(file),
        delivered_on=date.fromisoformat(day),
        delivered_by=account,
        approver=second,
    )
    log(session, line)
