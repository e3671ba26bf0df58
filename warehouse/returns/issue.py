"""Writes the return workbook of an owner and month from the register of faults and the archived originals.

The same faults in the same rows are the same return, however often it is written; anything else is the next round. Each
writing is an event of the ledger with its purpose. Originals are decrypted into the session's private folder only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from warehouse import archive, ledger
from warehouse.config import Settings
from warehouse.contract import extract_contract
from warehouse.engine.duckdb import Session, literal
from warehouse.engine.work import private_folder
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.landing import SOURCES
from warehouse.reading import Limits, read_file
from warehouse.returns import records, workbook
from warehouse.returns.content import FileItem, Month, Return
from warehouse.returns.records import TOLD, FileRecords
from warehouse.returns.wording import RuleText, Wording
from warehouse.workdays import add_working_days

PURPOSE = "数据质量退回更正"
_MONTHS = 6


@dataclass(frozen=True)
class Issued:
    """A return workbook that was written."""

    return_id: str
    owner: str
    path: Path
    round: int
    n_records: int
    n_faults: int
    n_escalated: int
    due_on: date


def owners(session: Session, period: str) -> list[str]:
    """Owners with something to mend in a month."""
    found = session.rows(
        f"SELECT DISTINCT d.owner FROM ({_current(period)}) d JOIN ops.fault_sighting__fault_delivery s USING (delivery_id) "
        "JOIN ops.fault__identity f USING (fault_id) WHERE f.status = 'open' ORDER BY ALL"
    )
    return [row[0] for row in found]


def write_return(
    session: Session,
    settings: Settings,
    keys: Keys,
    rules: Mapping[str, RuleText],
    owner: str,
    period: str,
    *,
    by: str,
    school: str = "",
    out: Path | None = None,
    purpose: str = PURPOSE,
) -> Issued | None:
    """Write the workbook; None if there is nothing to return. Raises UsageError for a folder inside a release."""
    folder = _folder(settings, out or settings.returns / period)
    from warehouse import intake

    intake.install_lookups(session)
    deliveries = session.rows(
        f"SELECT source, delivery_id, file_name, sha256, n_read, status FROM ({_current(period)}) d WHERE owner = {literal(owner)}"
    )
    if not deliveries:
        raise UsageError(f"{owner} delivered nothing for {period}", "`edu status` lists what was loaded")
    deliveries.sort(key=lambda d: (SOURCES.index(d[0]), d[2]))
    _tell(session, [d[1] for d in deliveries])
    return_id, number, is_new = _identity(session, owner, period, school)
    sheets = _sheets(session, settings, keys, deliveries, school)
    files = [] if school else _files(session, rules, [d[1] for d in deliveries])
    if not files and not any(s.records for s in sheets):
        return None
    today = date.today()
    due = add_working_days(today, int(session.value(_threshold("return_due_days"))))
    rounds = int(session.value(_threshold("return_escalation_rounds")))
    if is_new:
        _next_round(sheets)
    escalated = {f.fault_id for s in sheets for r in s.records for f in r.faults if f.n_returned >= rounds}
    name = _owner_name(session, owner)
    content = Return(
        title=f"数据质量退回单 · {name}（{owner}）",
        subtitle=f"{period} 报送数据 · 退回编号 {return_id}" + (f" · 学校 {school}" if school else ""),
        facts=[
            ("退回编号", return_id),
            ("报送单位", name),
            ("退回日期", str(today)),
            ("请于此日期前更正", str(due)),
            ("受检记录", f"{sum(s.n_read for s in sheets):,} 条"),
            ("有问题记录", f"{sum(len(s.records) for s in sheets):,} 条"),
            ("其中必须更正", f"{sum(r.must_fix for s in sheets for r in s.records):,} 条"),
            ("退回轮次", f"第 {number} 次" + (f"，{len(escalated)} 个问题已第 {rounds} 次退回，报上级负责人" if escalated else "")),
            ("联系人", _contact(session, owner, settings.province_code)),
        ],
        sheets=sheets,
        files=files,
        rules=rules,
        return_id=return_id,
        trend=[] if school else _trend(session, owner, period),
        escalation_rounds=rounds,
    )  # fmt: skip
    wording = {s.contract.id: Wording(session, s.contract, rules) for s in sheets}
    partial = session.folder / "return.xlsx"
    partial.touch(mode=0o600)
    workbook.write(partial, session.folder, content, wording)
    items = [(item, fault) for item, faults in content.items() for fault in faults]
    issued = Issued(
        return_id, owner, folder / f"退回单-{owner}-{return_id}.xlsx", number, content.n_records, len(items),
        len(escalated), due,
    )  # fmt: skip
    with session.transaction():
        if is_new:
            session.execute(
                f"INSERT INTO ops.return__issue VALUES ({', '.join('?' * 11)})",
                [
                    return_id, owner, period, school, number, _content(session, school), content.n_records, len(items), due,
                    by, today,
                ],
                what="return",
            )  # fmt: skip
            values = ", ".join(
                f"({literal(return_id)}, {literal(item)}, {literal(fault)})" for item, fault in items
            )
            session.execute(
                f"INSERT INTO ops.return_item__fault SELECT * FROM (VALUES {values}) ORDER BY ALL",
                what="items of the return",
            )
        ledger.append(
            session,
            "return",
            f"{owner} {period}",
            {
                "return_id": return_id,
                "purpose": purpose,
                "by": by,
                "records": content.n_records,
                "faults": len(items),
                "sha256": archive.sha256_file(partial),
            },
        )
    deliver(partial, issued.path)
    return issued


def _folder(settings: Settings, folder: Path) -> Path:
    """The target, closed to others. A workbook that shows persons never lies where releases are made or kept."""
    folder = folder.resolve()
    if any(folder.is_relative_to(zone) for zone in (settings.releases, settings.candidates)):
        raise UsageError(
            "Return workbooks are never written into a release", "choose another folder with --out"
        )
    is_ours = folder.is_relative_to(settings.returns)
    made = not folder.exists()
    private_folder(folder, 2 if is_ours else 1)
    if made or is_ours:
        folder.chmod(0o700)
    elif folder.stat().st_mode & 0o077:
        raise UsageError(
            f"The folder {folder} can be read by others", f"chmod 700 {folder}, or name a new folder"
        )
    return folder


def deliver(partial: Path, target: Path) -> None:
    """Move into place, readable by its owner only from the first byte on."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as out, partial.open("rb") as source:
        shutil.copyfileobj(source, out)
    beside.replace(target)
    partial.unlink()


def _current(period: str) -> str:
    """SQL of the latest version of each part in a month."""
    return (
        f"SELECT * FROM ops.delivery__version WHERE period = {literal(period)} "
        "QUALIFY row_number() OVER (PARTITION BY source, owner, part ORDER BY version DESC) = 1"
    )


def _threshold(name: str) -> str:
    return f"SELECT value FROM ref.threshold WHERE threshold_id = {literal(name)}"


def _owner_name(session: Session, owner: str) -> str:
    return str(
        session.value(
            "SELECT coalesce((SELECT max(name_zh) FROM ref.county WHERE county_code = $1), "
            "(SELECT max(name_zh) FROM ref.college WHERE college_code = $1), "
            "(SELECT max(name_zh) FROM ref.prefecture WHERE prefecture_code = $1), $1)",
            [owner],
        )
    )


def _contact(session: Session, owner: str, province: str) -> str:
    """Office to turn to, and how: the nearest one above the owner in ref.unit_contact (codes of divisions are prefixes)."""
    return str(
        session.value(
            "SELECT max_by(concat_ws('，', office_zh, channel), length(unit)) FROM ref.unit_contact "
            "WHERE starts_with($1, unit) OR unit = $2",
            [owner, province],
        )
    )


def _tell(session: Session, deliveries: list[str]) -> None:
    """Fill TOLD with the open faults of the deliveries."""
    records.create_told(session)
    session.execute(
        f"""INSERT INTO {TOLD}
            SELECT s.delivery_id, s.row_no, f.fault_id, f.rule_id, f.field, f.severity, f.n_returned, f.reply
            FROM ops.fault_sighting__fault_delivery s JOIN ops.fault_state__fault f ON f.fault_id = s.fault_id
            WHERE f.status = 'open' AND s.delivery_id IN ({", ".join(literal(d) for d in deliveries)})""",
        what="faults to return",
    )


def _content(session: Session, school: str) -> str:
    found = session.value(
        f"SELECT md5(string_agg(concat_ws('|', fault_id, delivery_id, row_no), ',' ORDER BY fault_id, delivery_id, row_no)) FROM {TOLD}"
    )
    return hashlib.sha256(f"{school}|{found}".encode()).hexdigest()[:16]


def _identity(session: Session, owner: str, period: str, school: str) -> tuple[str, int, bool]:
    """Id and round of the return, and whether it is a new one."""
    known = session.rows(
        "SELECT return_id, round, content FROM ops.return__issue WHERE owner = ? AND period = ? AND school_id = ? ORDER BY round",
        [owner, period, school],
    )
    if known and known[-1][2] == _content(session, school):
        return known[-1][0], known[-1][1], False
    number = len(known) + 1
    return f"RT-{period}-{owner}" + (f"-{school}" if school else "") + f"-{number:02d}", number, True


def _next_round(sheets: list[FileRecords]) -> None:
    """Count this return among those that told of each fault."""
    from dataclasses import replace

    for sheet in sheets:
        for record in sheet.records:
            record.faults = tuple(replace(f, n_returned=f.n_returned + 1) for f in record.faults)


def _sheets(
    session: Session,
    settings: Settings,
    keys: Keys,
    deliveries: list[tuple[str, str, str, str, int, str]],
    school: str,
) -> list[FileRecords]:
    with_rows = {
        r[0] for r in session.rows(f"SELECT DISTINCT delivery_id FROM {TOLD} WHERE row_no IS NOT NULL")
    }
    limits = Limits(
        max_unpacked_bytes=int(settings.get("limits", "max_unpacked_bytes")),
        max_unpack_ratio=int(settings.get("limits", "max_unpack_ratio")),
    )
    found = []
    for source, delivery_id, file_name, sha256, n_read, _ in deliveries:
        contract = extract_contract(source)
        if delivery_id not in with_rows:
            if not school:
                found.append(FileRecords(contract, delivery_id, file_name, None, n_read or 0, [], []))
            continue
        original = session.folder / "original" / file_name
        original.parent.mkdir(mode=0o700, exist_ok=True)
        archive.restore(settings.archive, keys.archive, sha256, original)
        read = read_file(original, contract, original.parent, limits)
        found.append(records.load(session, contract, delivery_id, file_name, read, school or None))
        original.unlink()
        if read.csv:
            read.csv.unlink()
    return found


def _files(session: Session, rules: Mapping[str, RuleText], deliveries: list[str]) -> list[FileItem]:
    found = []
    for source, name, rule_id, severity, fault_id, key, refused_by, reason in session.rows(
        f"""SELECT d.source, d.file_name, t.rule_id, t.severity, t.fault_id, f.record_key, d.refused_by, d.reason_zh
            FROM {TOLD} t JOIN ops.delivery__version d ON d.delivery_id = t.delivery_id
            JOIN ops.fault__identity f ON f.fault_id = t.fault_id
            WHERE t.row_no IS NULL ORDER BY t.severity, d.source, d.file_name, t.rule_id, t.fault_id"""
    ):
        rule = rules[rule_id]
        text = reason if rule_id == refused_by and reason else f"{rule.title}：要求：{rule.statement}"
        if key.startswith("unit:"):
            text = f"{text}（{key.removeprefix('unit:')}）"
        title = extract_contract(source).title_zh
        found.append(FileItem(title, name, rule_id, severity, text, rule.fix, fault_id))
    return found


def _trend(session: Session, owner: str, period: str) -> list[Month]:
    """The last months of the owner, from the latest version of each."""
    found = session.rows(
        """WITH latest AS (
             SELECT * FROM ops.delivery__version WHERE owner = ? AND period <= ?
             QUALIFY row_number() OVER (PARTITION BY source, owner, period, part ORDER BY version DESC) = 1),
           faulty AS (
             SELECT d.period, q.delivery_id, q.row_no, bool_or(q.severity = 'quarantine') AS must
             FROM latest d JOIN ops.quarantine__row_rule q ON q.delivery_id = d.delivery_id GROUP BY ALL),
           counted AS (
             SELECT period, count(*) AS n, count(*) FILTER (must) AS n_must FROM faulty GROUP BY ALL)
           SELECT l.period, coalesce(sum(l.n_read), 0)::BIGINT, coalesce(any_value(c.n), 0), coalesce(any_value(c.n_must), 0)
           FROM latest l LEFT JOIN counted c ON c.period = l.period GROUP BY l.period ORDER BY l.period DESC LIMIT ?""",
        [owner, period, _MONTHS],
    )
    return [Month(p, read, n, must, n - must) for p, read, n, must in reversed(found)]
