"""Runs every rule that has a check on a dataset, keeps the results, and does not repeat itself on unchanged data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.gate import Gate
from expectations.results import Batch, store_results
from expectations.rule import Rule, Stage, all_rules, select
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.reference import reference_version
from warehouse.version import code_version

_FAILURES = "work.main.door_failure"


@dataclass(frozen=True)
class Subject:
    """What stands at the door: a dataset of the rule book, the relation that holds it, and the name of its state.

    relation  as one would write it after FROM
    state     fingerprint of the content; the same state is judged once. None: taken from the rows (small registers)
    scope     predicate that restricts the relation to the month
    """

    dataset: str
    relation: str
    state: str | None = None
    scope: str | None = None


def parameters(settings: Settings, period: str) -> dict[str, str]:
    """Values of the placeholders in rules: period, province, and the date at which the ages of a school year are taken."""
    year, month = int(period[:4]), int(period[5:])
    return {
        "period": period,
        "province": settings.province_code,
        "approvers": str(settings.get("release", "approvers")),
        "cutoff": f"{year if month >= 9 else year - 1}-08-31",
    }


def _batch(session: Session, settings: Settings, subject: Subject, period: str) -> str:
    """Name of the batch under which results are kept: the state of the data, the rules, their parameters, the code."""
    state = subject.state or session.value(
        f"SELECT md5(coalesce(string_agg(row, '' ORDER BY row), '')) FROM (SELECT md5(t::VARCHAR) AS row FROM {subject.relation} t)"
    )
    rules = [r for r in all_rules().values() if any(c.dataset == subject.dataset for c in r.checks)]
    given = (period, state, rules, parameters(settings, period), code_version(), reference_version())
    return hashlib.sha256(repr(given).encode()).hexdigest()[:16]


def judge(
    session: Session, settings: Settings, period: str, subjects: Sequence[Subject]
) -> Mapping[str, str]:
    """Judge the subjects; returns dataset → batch, under which the results lie in ops.rule_result__rule_batch."""
    rules = tuple(all_rules().values())
    batches: dict[str, str] = {}
    with Gate(session.con, failures_table=_FAILURES) as gate:
        for subject in subjects:
            batch = _batch(session, settings, subject, period)
            batches[subject.dataset] = batch
            known = session.value(
                "SELECT count(*) FILTER (status <> 'error') FROM ops.rule_result__rule_batch WHERE dataset = ? AND batch = ? "
                "HAVING count(*) FILTER (status = 'error') = 0",
                [subject.dataset, batch],
            )
            if not known:
                _judge_one(session, gate, settings, period, subject, batch, rules)
    return batches


def _judge_one(
    session: Session,
    gate: Gate,
    settings: Settings,
    period: str,
    subject: Subject,
    batch: str,
    rules: Sequence[Rule],
) -> None:
    name = literal(subject.dataset)
    session.execute(f"DROP TABLE IF EXISTS {_FAILURES}")
    with session.transaction():
        session.execute(
            f"DELETE FROM ops.unit_failure__unit_rule WHERE period = ? AND dataset = {name}", [period]
        )
        # Superseded states of the same month and dataset are no longer evidence for anything.
        session.execute(
            f"DELETE FROM ops.rule_result__rule_batch WHERE period = ? AND dataset = {name}", [period]
        )
    for stage in Stage:
        if not select(rules, stage, subject.dataset):
            continue
        scope = subject.scope
        report = gate.run(
            stage, subject.dataset, subject.relation, rules, parameters(settings, period), scope
        )
        n_units = max((r.n_tested for r in report.results), default=0)
        store_results(session, period, report, [Batch(batch, n_units)], failures=_FAILURES)
    session.execute(
        f"INSERT INTO ops.unit_failure__unit_rule SELECT DISTINCT ?, dataset, "
        f"coalesce(unit_key, delivery_id || ':' || row_no), rule_id, severity, rule_version FROM {_FAILURES} ORDER BY ALL",
        [period],
        what="failing units",
    )
