"""Deliveries: a file cut from a published release, exactly to an agreement, checked by reading it again, and logged (RS03, RS13).

`data/deliveries/<number>/` (0700): `<dataset>.csv` and `.parquet` with the agreed fields in their order, `dictionary.csv`,
`DELIVERY.json` (recipient, purpose, duties, release, hashes) and `SHA256SUMS`. The folder appears whole or not at all, after
the check and before the row of the log; a folder without its row was never handed over and is removed by the next run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from warehouse import ledger
from warehouse.config import Settings
from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.engine.work import private_folder
from warehouse.errors import BlockedError, UsageError
from warehouse.release import files, pointer, verify_release
from warehouse.release.duckdb_file import memory_session
from warehouse.release.manifest import read_contracts
from warehouse.sharing.agreements import DUTIES, Agreement, in_force
from warehouse.sharing.desk import CLOSED, DELIVERY, REQUEST, next_no, one, share_type
from warehouse.text_safety import CsvWriter

STATUS = "cell_status"


@dataclass(frozen=True)
class Line:
    """A row of the log, in the order of its columns."""

    delivery_no: str
    agreement_id: str
    request_id: str | None
    recipient_zh: str
    dataset: str
    release_id: str | None
    period: str
    fields: str
    row_filter: str
    agreed_fields: str
    agreed_filter: str
    agreed_from: str
    agreed_to: str
    n_rows: int
    n_outside: int
    sha256: str
    delivered_on: date
    delivered_by: str
    approver: str


def deliveries_folder(settings: Settings) -> Path:
    """Where deliveries lie until they are handed over."""
    return settings.data / "deliveries"


def deliver(
    session: Session,
    settings: Settings,
    request_id: str,
    *,
    by: str,
    today: date,
    release_id: str | None = None,
    check: Callable[[Line], None] = lambda _: None,
) -> tuple[Path, Line]:
    """Cut what a granted request allows from a release (default: the current one); returns the folder and the log's row.

    `check` sees the row before anything is handed over and may raise. Raises BlockedError when the agreement is not in
    force or the file does not hold exactly what was agreed, UsageError when the request was not granted.
    """
    request = one(session, REQUEST, "request_id", request_id)
    if request["decision"] != "granted":
        raise UsageError(
            f"{request_id} 未获批准 / {request_id} was not granted",
            "edu share answer REQUEST --grant AGREEMENT --by APPROVER",
        )
    agreement = in_force(request["agreement_id"], today)
    if share_type(agreement.dataset) == CLOSED:
        raise BlockedError(f"RS01 {agreement.dataset} 不予共享 / is not shared", "refuse the request")
    source = _release(settings, release_id)
    contract = read_contracts(source.path).get(agreement.dataset)
    _check_fields(agreement, contract, source.id)
    assert contract is not None  # noqa: S101 - checked by _check_fields
    target = private_folder(deliveries_folder(settings), 1)
    with files.exclusive(target):
        files.sweep_staging(target)
        _remove_unlogged(session, target)
        number = next_no(session, DELIVERY, "delivery_no", "JF", today)
        staging = files.new_staging(target)
        try:
            n_rows = _write(staging, source.path, agreement)
            n_outside = _outside(staging / f"{agreement.dataset}.parquet", agreement, n_rows)
            line = _line(number, request, agreement, source, by, today, staging, n_rows, n_outside)
            if n_outside:
                raise BlockedError(
                    f"RS03 {n_outside} 行超出协议 / {n_outside} rows are not covered by the agreement",
                    "report a defect",
                )
            check(line)
            _papers(staging, line, agreement, contract)
            files.fsync_tree(staging)
            staging.rename(target / number)
            files.fsync_dir(target)
            log(session, line)
        finally:
            if staging.exists():
                shutil.rmtree(staging)
    return target / number, line


def log(session: Session, line: Line) -> None:
    """Write a delivery into the log and the ledger; a request that it answers is delivered."""
    marks = ", ".join("?" for _ in vars(line))
    covered: dict[str, list[str]] = {DELIVERY: [line.delivery_no]}
    with session.transaction():
        session.execute(f"INSERT INTO {DELIVERY} VALUES ({marks})", list(vars(line).values()))
        if line.request_id:
            session.execute(
                f"UPDATE {REQUEST} SET delivered_on = coalesce(delivered_on, ?) WHERE request_id = ?",
                [line.delivered_on, line.request_id],
            )
            covered[REQUEST] = [line.request_id]
        detail = {
            "agreement": line.agreement_id,
            "release": line.release_id,
            "sha256": line.sha256,
            "rows": line.n_rows,
            "approver": line.approver,
            "by": line.delivered_by,
        }
        ledger.append(session, "share.delivery", line.delivery_no, detail, covered)


def _release(settings: Settings, release_id: str | None) -> pointer.Release:
    name = release_id or pointer.current_id(settings)
    if name is None:
        raise UsageError("尚无发布 / nothing is published yet", "deliveries are cut from a published release")
    found = pointer.find_release(settings, name)
    verify_release(found.path).require()
    return found


def _check_fields(agreement: Agreement, contract: Contract | None, release: str) -> None:
    names = {c.name for c in contract.columns} if contract else set()
    unknown = [f for f in (*agreement.fields, *(c for c, _ in agreement.conditions)) if f not in names]
    if unknown:
        raise BlockedError(
            f"RS03 {release} 的 {agreement.dataset} 没有 {'、'.join(unknown)} / has no {', '.join(unknown)}",
            "correct the agreement, or deliver from a release that has these columns",
        )
    if STATUS in names and STATUS not in agreement.fields:
        raise BlockedError(
            f"协议须含 {STATUS}，否则隐藏的数会被当作缺失 / the agreement must hold {STATUS}: a hidden figure is not a missing one",
            "add it to the fields of the agreement",
        )


def _write(staging: Path, release: Path, agreement: Agreement) -> int:
    """The data as Parquet and csv; number of rows."""
    columns = ", ".join(quote(f) for f in agreement.fields)
    source = literal(str(release / "parquet" / f"{agreement.dataset}.parquet"))
    query = f"SELECT {columns} FROM read_parquet({source}) WHERE {agreement.where()} ORDER BY ALL"
    target = staging / f"{agreement.dataset}.parquet"
    session = memory_session()
    try:
        session.execute(f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        # Through the writer that disarms what a spreadsheet would take for a formula.
        with target.with_suffix(".csv").open("w", encoding="utf-8-sig", newline="") as out:
            writer = CsvWriter(out)
            writer.row(list(agreement.fields))
            n_rows = 0
            cursor = session.execute(f"SELECT * FROM read_parquet({literal(str(target))})")
            while batch := cursor.fetchmany(10_000):
                n_rows += len(batch)
                for row in batch:
                    writer.row(list(row))
    finally:
        session.con.close()
    return n_rows


def _outside(file: Path, agreement: Agreement, n_rows: int) -> int:
    """Rows of the finished file that the agreement does not cover, with columns that it does not name counted as all rows.

    A condition on a column that is not delivered cannot be seen in the file; it was applied when the file was cut.
    """
    session = memory_session()
    try:
        parquet = f"read_parquet({literal(str(file))})"
        names = [row[0] for row in session.rows(f"DESCRIBE SELECT * FROM {parquet}")]
        if tuple(names) != agreement.fields:
            return max(n_rows, 1)
        visible = [
            f"({quote(c)}::VARCHAR IN ({', '.join(map(literal, allowed))})) IS NOT TRUE"
            for c, allowed in agreement.conditions
            if c in names
        ]
        return int(session.value(f"SELECT count(*) FROM {parquet} WHERE {' OR '.join(visible) or 'false'}"))
    finally:
        session.con.close()


def _line(
    number: str,
    request: dict[str, Any],
    agreement: Agreement,
    release: pointer.Release,
    by: str,
    today: date,
    staging: Path,
    n_rows: int,
    n_outside: int,
) -> Line:
    return Line(
        delivery_no=number,
        agreement_id=agreement.agreement_id,
        request_id=request["request_id"],
        recipient_zh=agreement.recipient_zh,
        dataset=agreement.dataset,
        release_id=release.id,
        period=release.period,
        fields="|".join(agreement.fields),
        row_filter=agreement.row_filter,
        agreed_fields="|".join(agreement.fields),
        agreed_filter=agreement.row_filter,
        agreed_from=agreement.valid_from,
        agreed_to=agreement.valid_to,
        n_rows=n_rows,
        n_outside=n_outside,
        sha256=files.sha256_file(staging / f"{agreement.dataset}.parquet"),
        delivered_on=today,
        delivered_by=by,
        approver=request["decided_by"],
    )


def _papers(staging: Path, line: Line, agreement: Agreement, contract: Contract) -> None:
    with (staging / "dictionary.csv").open("w", encoding="utf-8-sig", newline="") as out:
        writer = CsvWriter(out)
        writer.row(["字段 field", "中文名", "English", "类型 type", "单位 unit", "分级 tier"])
        for name in agreement.fields:
            c = contract.column(name)
            writer.row([c.name, c.header, c.label_en, c.type, c.properties.get("unit") or "", c.tier])
    files.write_json(
        staging / "DELIVERY.json",
        {
            **{k: (v.isoformat() if isinstance(v, date) else v) for k, v in vars(line).items()},
            "recipient_en": agreement.recipient_en,
            "duties": {name: agreement.values[column] for column, name in DUTIES.items()},
        },
    )
    files.write_sums(staging, files.sums(staging))


def _remove_unlogged(session: Session, target: Path) -> None:
    """Folders of runs that ended between the folder and its row: never handed over, so they are made again."""
    known = {n for (n,) in session.rows(f"SELECT delivery_no FROM {DELIVERY}")}
    for folder in target.glob("JF-*"):
        if folder.is_dir() and folder.name not in known:
            shutil.rmtree(folder)
