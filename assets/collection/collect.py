"""One source and month through the door of collection: landing → archive → reading → rules → raw and vault.

Every file is judged on its own: one that fails a blocking rule is refused with reasons, the others go on.
For every file: rows read = rows accepted + rows quarantined; of a refused file all rows count as quarantined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assets.collection import remarks
from assets.collection.judging import FAILURES, judge
from assets.collection.outcome import CollectReport, Outcome
from expectations.rule import all_rules
from warehouse import archive, intake, ledger, vault
from warehouse.config import Settings
from warehouse.contract import Contract, extract_contract
from warehouse.engine.duckdb import Session, literal
from warehouse.intake import origin
from warehouse.keys import Keys
from warehouse.landing import SOURCES, envelope_of, inventory
from warehouse.progress import tell
from warehouse.returns import register


def collect(session: Session, settings: Settings, keys: Keys, source: str, period: str) -> CollectReport:
    """Take in the new files of a source and month. Raises EduError only for faults of the warehouse, never of a file."""
    contract = extract_contract(source)
    report = CollectReport(source, period)
    found = inventory(settings, source, period)
    copies = Counter(d.delivery_id for d in found)
    accepted = {
        row[0]
        for row in session.rows(
            "SELECT delivery_id FROM ops.delivery__version WHERE source = ? AND period = ? AND status = 'accepted'",
            [source, period],
        )
    }
    new = {d.delivery_id: d for d in found if d.delivery_id not in accepted}
    report.n_known = len({d.delivery_id for d in found}) - len(new)
    if not new:
        return report
    deliveries = list(new.values())
    for done, delivery in enumerate(deliveries):
        # Before anything can fail on the content: whatever happens, the original is kept.
        archive.store(settings.archive, keys.archive, delivery.path, delivery.sha256)
        if delivery.envelope_sha256:
            archive.store(
                settings.archive, keys.archive, envelope_of(delivery.path), delivery.envelope_sha256
            )
        tell(f"{source} archive", done + 1, len(deliveries))
    judge(session, settings, keys, contract, report, deliveries, copies, tuple(all_rules().values()))
    keep(session, settings, keys, contract, period, report)
    return report


def refused_in_landing(session: Session, settings: Settings, period: str) -> list[dict[str, str]]:
    """Refused files of a month that still lie in landing: what was corrected or moved out no longer hinders."""
    there = {d.delivery_id for source in SOURCES for d in inventory(settings, source, period)}
    names = ("delivery_id", "source", "owner", "file", "rule", "reason_zh", "reason_en")
    found = [
        dict(zip(names, row, strict=True))
        for row in session.rows(
            "SELECT delivery_id, source, owner, file_name, refused_by, reason_zh, reason_en FROM ops.delivery__version "
            "WHERE period = ? AND status = 'refused' ORDER BY source, owner, file_name",
            [period],
        )
    ]
    return [r for r in found if r["delivery_id"] in there]


def keep(
    session: Session,
    settings: Settings,
    keys: Keys,
    contract: Contract,
    period: str,
    report: CollectReport,
    closed_as: str = "fixed",
) -> None:
    """Take in what was judged: rows into `raw`, identifiers into the vault, the rest into the records; all or nothing.

    `closed_as`: what faults become that are gone (see warehouse/returns/register.py).
    """
    good = [o for o in report.outcomes if o.status == "accepted" and o.read.csv]
    columns = intake.vault_columns(contract)
    if columns:
        for done, o in enumerate(good):
            target = vault.vault_path(settings.vault, contract.id, period, o.delivery.delivery_id)
            vault.write(session, intake.CLEAN, columns, keys.vault, target, o.delivery.delivery_id)
            tell(f"{contract.id} vault", done + 1, len(good))
    tell(f"{contract.id} accept", 0, 1)
    with session.transaction():
        intake.accept_rows(session, contract, [o.delivery.delivery_id for o in good], FAILURES)
        for o in report.outcomes:
            _record(session, o)
        listed = ", ".join(literal(o.delivery.delivery_id) for o in report.outcomes)
        session.execute(f"DELETE FROM ops.quarantine__row_rule WHERE delivery_id IN ({listed})")
        session.execute(
            f"INSERT INTO ops.quarantine__row_rule SELECT DISTINCT delivery_id, row_no, rule_id, field, severity, rule_version "
            f"FROM {FAILURES} WHERE row_no IS NOT NULL ORDER BY ALL"
        )
        remarks.record(session, contract, [(o.delivery, o.read) for o in report.outcomes])
        origin.record(session, contract, [o.delivery.delivery_id for o in good])
        check_conservation(session, contract, report.outcomes)
        register.update(
            session, contract, period, [o.delivery.delivery_id for o in report.outcomes], FAILURES, closed_as
        )
        ledger.append(
            session,
            "collect",
            f"{report.source} {period}",
            {
                "accepted": sorted(o.delivery.delivery_id for o in good),
                "refused": {o.delivery.delivery_id: o.refused_by for o in report.refused},
                "sha256": {o.delivery.delivery_id: o.delivery.sha256 for o in report.outcomes},
                "envelopes": {o.delivery.delivery_id: o.delivery.envelope_sha256 for o in report.outcomes},
                "rows_read": report.n_read,
                "rows_quarantined": report.n_quarantined,
            },
            {"ops.delivery__version": [o.delivery.delivery_id for o in report.outcomes]},
        )


def _record(session: Session, o: Outcome) -> None:
    d, e, r = o.delivery, o.delivery.envelope, o.read
    version = session.value(
        """SELECT coalesce(max(version) FILTER (delivery_id = ?), coalesce(max(version), 0) + 1) FROM ops.delivery__version
           WHERE source = ? AND owner = ? AND period = ? AND part = ?""",
        [d.delivery_id, d.source, d.owner, d.period, d.part],
    )
    session.execute("DELETE FROM ops.delivery__version WHERE delivery_id = ?", [d.delivery_id])
    session.execute(
        f"INSERT INTO ops.delivery__version VALUES ({', '.join('?' * 25)})",
        [
            d.delivery_id, d.source, d.owner, d.period, d.part, version, d.file_name, d.sha256, d.n_bytes, r.format,
            r.encoding, r.header_row, e.n_rows, r.n_records, r.n_records - o.n_quarantined, o.n_quarantined, e.as_of,
            e.received_on, e.preparer, e.reviewer, e.unit_head, o.status, o.refused_by, o.reason_zh, o.reason_en,
        ],
        what="ops.delivery__version",
    )  # fmt: skip
    session.execute("DELETE FROM ops.envelope__delivery WHERE delivery_id = ?", [d.delivery_id])
    if d.envelope_sha256:
        session.execute(
            "INSERT INTO ops.envelope__delivery VALUES (?, ?)", [d.delivery_id, d.envelope_sha256]
        )


def check_conservation(session: Session, contract: Contract, outcomes: Sequence[Outcome]) -> None:
    """For every file, rows in `raw` = rows read − rows set aside; AssertionError stops the transaction."""
    listed = ", ".join(literal(o.delivery.delivery_id) for o in outcomes)
    kept = dict(
        session.rows(
            f"SELECT delivery_id, count(*) FROM {contract.table} WHERE delivery_id IN ({listed}) GROUP BY ALL"
        )
    )
    for o in outcomes:
        expected = 0 if o.status == "refused" else o.read.n_records - o.n_quarantined
        found = kept.get(o.delivery.delivery_id, 0)
        if found != expected:
            raise AssertionError(f"{o.delivery.delivery_id}: {found} rows kept, {expected} expected")
