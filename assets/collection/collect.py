"""One source and month through the door of collection: landing → archive → reading → rules → raw and vault.

Every file is judged on its own: one that fails a blocking rule is refused with reasons, the others go on.
For every file: rows read = rows accepted + rows quarantined; of a refused file all rows count as quarantined.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assets.collection import remarks
from expectations.doors import parameters
from expectations.gate import Gate
from expectations.results import Batch, store_results
from expectations.rule import Rule, Stage, all_rules
from warehouse import archive, intake, ledger, vault
from warehouse.config import Settings
from warehouse.contract import Contract, extract_contract
from warehouse.engine.duckdb import Session, literal
from warehouse.keys import Keys
from warehouse.landing import SOURCES, Delivery, inventory
from warehouse.progress import tell
from warehouse.reading import Limits, ReadResult, read_many
from warehouse.returns import register

FAILURES = "work.main.failure"
_PARALLEL_BYTES = 20_000_000  # below this, starting processes costs more than it saves
_QUOTA = "RC12"  # a file of which too many rows are wrong is not a file with wrong rows, it is a wrong file


@dataclass
class Outcome:
    """What became of one file."""

    delivery: Delivery
    read: ReadResult
    status: str = "accepted"
    refused_by: str | None = None
    reason_zh: str | None = None
    reason_en: str | None = None
    n_quarantined: int = 0


@dataclass
class CollectReport:
    """What became of a source and month."""

    source: str
    period: str
    n_known: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def refused(self) -> list[Outcome]:
        """Files that were refused."""
        return [o for o in self.outcomes if o.status == "refused"]

    @property
    def n_read(self) -> int:
        """Rows read from new files."""
        return sum(o.read.n_records for o in self.outcomes)

    @property
    def n_quarantined(self) -> int:
        """Rows set aside, including all rows of refused files."""
        return sum(o.n_quarantined for o in self.outcomes)


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
        tell(f"{source} archive", done + 1, len(deliveries))
    judge(session, settings, keys, contract, report, deliveries, copies, tuple(all_rules().values()))
    keep(session, settings, keys, contract, period, report)
    return report


def judge(
    session: Session,
    settings: Settings,
    keys: Keys,
    contract: Contract,
    report: CollectReport,
    deliveries: Sequence[Delivery],
    copies: Counter[str],
    rules: Sequence[Rule],
    *,
    files: bool = True,
) -> None:
    """Read files of one source and judge them and their rows; nothing is taken in yet.

    Leaves the outcomes in the report, the cleaned rows in `work.main.clean` and the failing keys in FAILURES. Without
    `files` the files themselves are not judged again: they were accepted before.
    """
    report.outcomes = _read(session, settings, contract, deliveries)
    _set_up(session, settings, keys, contract, report.period)
    with Gate(session.con, failures_table=FAILURES) as gate:
        if files:
            _judge_files(session, gate, contract, report.period, report, copies, rules, settings)
        good = [o for o in report.outcomes if o.status == "accepted"]
        if any(o.read.csv for o in good):
            tell(f"{contract.id} clean", 0, 1)
            intake.stage(session, contract, [intake.Staged(o.delivery, o.read) for o in good], report.period)
            tell(f"{contract.id} rules", 0, 1)
            _judge_rows(session, gate, contract, report.period, report, rules, settings)


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


def _read(
    session: Session, settings: Settings, contract: Contract, deliveries: Sequence[Delivery]
) -> list[Outcome]:
    limits = Limits(
        max_unpacked_bytes=int(settings.get("limits", "max_unpacked_bytes")),
        max_unpack_ratio=int(settings.get("limits", "max_unpack_ratio")),
    )
    jobs = []
    for delivery in deliveries:
        folder = session.folder / "csv" / delivery.delivery_id
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append((delivery.path, contract.id, folder))
    results: dict[int, ReadResult] = {}
    large = sum(d.n_bytes for d in deliveries) > _PARALLEL_BYTES
    for number, result in read_many(jobs, limits, workers=os.cpu_count() or 1 if large else 1):
        if result.csv:
            # The engine knows a record's file by this name.
            named = result.csv.rename(session.folder / "csv" / f"{deliveries[number].delivery_id}.csv")
            result = replace(result, csv=named)
        results[number] = result
        tell(f"{contract.id} read", len(results), len(jobs))
    return [Outcome(d, results[n]) for n, d in enumerate(deliveries)]


def _set_up(session: Session, settings: Settings, keys: Keys, contract: Contract, period: str) -> None:
    from warehouse.pseudonym import install

    install(session, keys.token)
    intake.install_lookups(session)
    # RC24 checks against the directory of the same month; while a directory is being collected there is none yet.
    session.execute(
        """CREATE OR REPLACE TABLE work.main.open_school AS
           SELECT DISTINCT s.school_id FROM raw.school_directory__school s
           JOIN ops.delivery__version d ON d.delivery_id = s.delivery_id
           WHERE d.status = 'accepted' AND d.period = ? AND (s.closed_date IS NULL OR s.closed_date > (? || '-01')::DATE)""",
        [period, period],
    )
    session.execute(f"DROP TABLE IF EXISTS {FAILURES}")
    session.execute(f"DROP TABLE IF EXISTS {intake.REPAIR}")


def _judge_files(
    session: Session,
    gate: Gate,
    contract: Contract,
    period: str,
    report: CollectReport,
    copies: Counter[str],
    rules: Sequence[Rule],
    settings: Settings,
) -> None:
    session.execute(
        """CREATE OR REPLACE TABLE work.main.delivery (
             delivery_id VARCHAR, source VARCHAR, owner VARCHAR, period VARCHAR, has_envelope BOOLEAN, env_source VARCHAR,
             env_owner VARCHAR, env_period VARCHAR, as_of DATE, received_on DATE, env_sha256 VARCHAR, sha256 VARCHAR,
             n_declared BIGINT, preparer VARCHAR, reviewer VARCHAR, unit_head VARCHAR, is_sealed BOOLEAN, late_reason VARCHAR,
             problem_code VARCHAR, n_records BIGINT, n_missing_headers INTEGER, n_double_headers INTEGER,
             n_unknown_headers INTEGER, n_copies INTEGER, n_previous BIGINT, title_period VARCHAR, n_other_periods INTEGER)"""
    )
    previous = {
        (owner, part): n
        for owner, part, n in session.rows(
            """SELECT owner, part, n_read FROM ops.delivery__version WHERE source = ? AND status = 'accepted' AND period < ?
               QUALIFY row_number() OVER (PARTITION BY owner, part ORDER BY period DESC, version DESC) = 1""",
            [report.source, period],
        )
    }
    # D24: the same content under another month
    months: dict[tuple[str, str], set[str]] = {}
    for owner, sha256, other in session.rows(
        "SELECT owner, sha256, period FROM ops.delivery__version WHERE source = ? AND period <> ? AND status = 'accepted'",
        [report.source, period],
    ):
        months.setdefault((owner, sha256), set()).add(other)
    rows = []
    for o in report.outcomes:
        d, e = o.delivery, o.delivery.envelope
        match = contract.match_header(o.read.header)
        has_header = bool(o.read.header)
        rows.append(
            (
                d.delivery_id,
                d.source,
                d.owner,
                d.period,
                e != type(e)() and not e.unreadable,
                e.source,
                e.owner,
                e.period,
                e.as_of,
                e.received_on,
                e.sha256,
                d.sha256,
                e.n_rows,
                e.preparer,
                e.reviewer,
                e.unit_head,
                e.sealed,
                e.late_reason,
                _problem(o),
                o.read.n_records,
                len(match.missing) if has_header else 0,
                len(match.duplicated),
                len(match.unknown),
                copies[d.delivery_id],
                previous.get((d.owner, d.part)),
                o.read.title_period,
                len(months.get((d.owner, d.sha256), ())),
            )
        )
    session.con.executemany(f"INSERT INTO work.main.delivery VALUES ({', '.join('?' * 27)})", rows)
    found = gate.run(Stage.COLLECTION, "delivery", "work.main.delivery", rules, parameters(settings, period))
    broken = found.errors
    refusing = session.rows(
        f"SELECT unit_key, min(rule_id) FROM {FAILURES} WHERE dataset = 'delivery' AND severity = 'block' GROUP BY ALL"
    )
    by_id = dict(refusing)
    for o in report.outcomes:
        rule_id = by_id.get(o.delivery.delivery_id) or (broken[0].rule_id if broken else None)
        if rule_id:
            _refuse(o, rule_id, contract)
    batches = [Batch(o.delivery.delivery_id, 1) for o in report.outcomes]
    store_results(session, period, found, batches, failures=FAILURES, unit_is_batch=True)


def _problem(outcome: Outcome) -> str | None:
    """Code of what hinders the use of a file. A county with nothing to report delivers a header and declares 0 rows."""
    problem = outcome.read.problem
    if problem is None or (problem.code == "no_records" and outcome.delivery.envelope.n_rows == 0):
        return None
    return problem.code


def _refuse(outcome: Outcome, rule_id: str, contract: Contract) -> None:
    rule = all_rules()[rule_id]
    outcome.status, outcome.refused_by = "refused", rule_id
    outcome.n_quarantined = outcome.read.n_records
    problem = outcome.read.problem
    if problem:
        outcome.reason_zh, outcome.reason_en = (
            f"{problem.zh} {problem.remedy_zh}",
            f"{problem.en} {problem.remedy_en}",
        )
        return
    outcome.reason_zh = f"{rule.statement_zh}。{rule.fix_zh}"
    outcome.reason_en = f"{rule.statement_en}. {rule.fix_en}"
    match = contract.match_header(outcome.read.header)
    if rule_id == "RC11" and match.missing:
        # Headers of the contract, not of the file: nothing here comes from the data.
        outcome.reason_zh = f"缺少必填列：{'、'.join(match.missing)}。{rule.fix_zh}"
        outcome.reason_en = f"mandatory columns missing: {', '.join(match.missing)}. {rule.fix_en}"
    if rule_id == "RC12":
        declared, read = outcome.delivery.envelope.n_rows, outcome.read.n_records
        outcome.reason_zh = f"报送单写 {declared} 行，文件中有 {read} 行。{rule.fix_zh}"
        outcome.reason_en = f"the envelope declares {declared} rows, the file holds {read}. {rule.fix_en}"


def _judge_rows(
    session: Session,
    gate: Gate,
    contract: Contract,
    period: str,
    report: CollectReport,
    rules: Sequence[Rule],
    settings: Settings,
) -> None:
    found = gate.run(Stage.COLLECTION, report.source, intake.CLEAN, rules, parameters(settings, period))
    good = [o for o in report.outcomes if o.status == "accepted"]
    quarantined = dict(
        session.rows(
            f"SELECT delivery_id, count(DISTINCT row_no) FROM {FAILURES} WHERE severity = 'quarantine' "
            "AND row_no IS NOT NULL GROUP BY ALL"
        )
    )
    limit = float(settings.get("limits", "quarantine_share"))
    floor = int(settings.get("limits", "quarantine_rows"))
    for o in good:
        o.n_quarantined = quarantined.get(o.delivery.delivery_id, 0)
        if found.errors:
            # What was not tested was not passed: the rule book is at fault, and the file waits for its repair.
            rule_id = found.errors[0].rule_id
            _refuse(o, rule_id, contract)
            o.reason_zh = f"规则 {rule_id} 未能执行，文件暂不接收。请报告数据中心。"
            o.reason_en = f"rule {rule_id} could not be evaluated, the file waits. Tell the data centre."
        elif o.n_quarantined > max(limit * o.read.n_records, floor):
            n, total = o.n_quarantined, o.read.n_records
            _refuse(o, _QUOTA, contract)
            o.reason_zh = (
                f"{total} 行中有 {n} 行不合格，超过 {limit:.0%}，整件退回。按退回清单逐行更正后重新报送。"
            )
            o.reason_en = f"{n} of {total} rows are wrong, more than {limit:.0%}: correct the listed rows and deliver again"
    batches = [Batch(o.delivery.delivery_id, o.read.n_records) for o in good]
    store_results(session, period, found, batches, failures=FAILURES)
    for o in good:
        if o.status == "refused":
            # The refusal is itself a blocking result: publication asks for these, not for the status of files.
            session.execute(
                "UPDATE ops.rule_result__rule_batch SET status = 'failed', severity = 'block', n_failed = ? "
                "WHERE batch = ? AND dataset = ? AND rule_id = ?",
                [o.n_quarantined, o.delivery.delivery_id, report.source, o.refused_by],
            )


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
