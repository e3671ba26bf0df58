"""Keeps the results of a gate: one line per rule and batch in ops.rule_result__rule_batch, failing units by key.

A batch is what was tested at one go and can be named again: a delivery (collection), or the state of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.gate import GateReport, RuleResult
from expectations.rule import Severity
from warehouse.engine.duckdb import Session, literal

_ORDER = list(Severity)


@dataclass(frozen=True)
class Batch:
    """Name of a batch and the number of its units (rows, or 1 for a file)."""

    name: str
    n_units: int


def store_results(
    session: Session,
    period: str,
    report: GateReport,
    batches: Sequence[Batch],
    *,
    failures: str,
    unit_is_batch: bool = False,
) -> None:
    """Replace the results of these batches on the report's dataset.

    `failures` is the gate's table of failing keys. A failing row belongs to the batch of its delivery; a failing unit to the
    batch named by the first part of its key when `unit_is_batch`, otherwise to the only batch.
    """
    if not batches:
        return
    listed = ", ".join(f"({literal(b.name)}, {b.n_units})" for b in batches)
    names = ", ".join(literal(b.name) for b in batches)
    rules = ", ".join(_rule_values(rule_id, results) for rule_id, results in report.by_rule().items())
    owner = (
        "coalesce(f.delivery_id, split_part(f.unit_key, '|', 1))"
        if unit_is_batch or len(batches) > 1
        else literal(batches[0].name)
    )
    now = literal(datetime.now().isoformat(sep=" ", timespec="seconds"))
    with session.transaction():
        session.execute(
            f"DELETE FROM ops.rule_result__rule_batch WHERE dataset = {literal(report.dataset)} "
            f"AND stage = {literal(str(report.stage))} AND batch IN ({names})"
        )
        session.execute(
            f"""INSERT INTO ops.rule_result__rule_batch
                WITH batch(name, n_units) AS (VALUES {listed}),
                     rule(rule_id, rule_version, severity, status, seconds, detail, n_whole) AS (VALUES {rules}),
                     failed AS (
                       SELECT f.rule_id, {owner} AS name,
                              CASE WHEN bool_or(f.severity = 'block') THEN 'block' WHEN bool_or(f.severity = 'quarantine')
                                THEN 'quarantine' ELSE min(f.severity) END AS severity,
                              count(DISTINCT coalesce(f.row_no::VARCHAR, f.unit_key)) AS n
                       FROM {failures} f WHERE f.dataset = {literal(report.dataset)} GROUP BY ALL)
                SELECT {literal(period)}, batch.name, {literal(report.dataset)}, rule.rule_id, rule.rule_version,
                       -- the gravest of the checks that failed in this batch, not in any other
                       {literal(str(report.stage))}, coalesce(failed.severity, rule.severity),
                       CASE WHEN rule.status IN ('error', 'not_applicable') THEN rule.status
                            WHEN coalesce(failed.n, 0) + rule.n_whole > 0 THEN 'failed' ELSE 'passed' END,
                       CASE WHEN rule.status = 'not_applicable' THEN 0 ELSE batch.n_units END,
                       coalesce(failed.n, 0) + rule.n_whole, rule.seconds / {len(batches)}, rule.detail, TIMESTAMP {now}
                FROM batch CROSS JOIN rule
                LEFT JOIN failed ON failed.rule_id = rule.rule_id AND failed.name = batch.name
                ORDER BY ALL""",
            what="rule results",
        )


def _rule_values(rule_id: str, results: Sequence[RuleResult]) -> str:
    """A rule with several checks counts as one: its worst status, its gravest severity, its time together."""
    statuses = {r.status for r in results}
    status = next(s for s in ("error", "failed", "passed", "not_applicable") if s in statuses)
    judged = [r for r in results if r.status == status] or list(results)
    severity = min((r.severity for r in judged), key=_ORDER.index)
    detail = "; ".join(sorted({r.detail for r in results if r.status == "error" and r.detail}))
    # A check of the whole dataset (its row count) leaves no keys, but it failed all the same.
    n_whole = sum(r.status == "failed" and not r.sample_keys for r in results)
    values = (
        rule_id,
        results[0].rule_version,
        str(severity),
        status,
        sum(r.seconds for r in results),
        detail or None,
        n_whole,
    )
    return f"({', '.join(literal(v) for v in values)})"
