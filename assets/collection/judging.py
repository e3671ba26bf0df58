"""Reads the files of one source and month and judges them and their rows by the rules of collection; takes nothing in."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from assets.collection.outcome import CollectReport, Outcome
from expectations.doors import parameters
from expectations.gate import Gate
from expectations.results import Batch, store_results
from expectations.rule import Rule, Stage, all_rules
from warehouse import intake
from warehouse.config import Settings
from warehouse.contract import Contract
from warehouse.engine.duckdb import Session
from warehouse.keys import Keys
from warehouse.landing import Delivery
from warehouse.progress import tell
from warehouse.reading import Limits, ReadResult, read_many
from warehouse.reading.forbidden import count_forbidden
from warehouse.workflow.calendar import due_dates

FAILURES = "work.main.failure"
_PARALLEL_BYTES = 20_000_000  # below this, starting processes costs more than it saves
_QUOTA = "RC12"  # a file of which too many rows are wrong is not a file with wrong rows, it is a wrong file


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
             n_unknown_headers INTEGER, n_copies INTEGER, n_previous BIGINT, title_period VARCHAR, n_other_periods INTEGER,
             due_on DATE, n_forbidden_headers INTEGER)"""
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
    due = due_dates(report.source, period)
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
                due.owner if due else None,
                count_forbidden(contract, o.read.header),
            )
        )
    session.con.executemany(f"INSERT INTO work.main.delivery VALUES ({', '.join('?' * 29)})", rows)
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
