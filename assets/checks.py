"""Rules as Dagster asset checks: one check per asset and rule, its result read back from the rule results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from expectations.rule import Rule, Severity, all_rules
from warehouse.engine.duckdb import Session, literal


def rules_on(datasets: Iterable[str]) -> list[Rule]:
    """Rules with at least one check on one of the datasets."""
    wanted = set(datasets)
    return [r for r in all_rules().values() if any(c.dataset in wanted for c in r.checks)]


def _blocks(rule: Rule, datasets: Sequence[str]) -> bool:
    return any((c.severity or rule.severity) is Severity.BLOCK for c in rule.checks if c.dataset in datasets)


def check_specs(assets: Mapping[dg.AssetKey, Sequence[str]]) -> list[dg.AssetCheckSpec]:
    """One specification per asset and rule; `assets` says which datasets of the rule book an asset stands for."""
    return [
        dg.AssetCheckSpec(
            name=rule.id,
            asset=key,
            description=f"{rule.title_zh}：{rule.statement_zh}\n\n{rule.statement_en}\n\n{rule.clause} · {rule.severity.zh}",
            blocking=_blocks(rule, datasets),
        )
        for key, datasets in assets.items()
        for rule in rules_on(datasets)
    ]


def check_results(
    session: Session, key: dg.AssetKey, datasets: Sequence[str], batches: Mapping[str, Sequence[str]]
) -> list[dg.AssetCheckResult]:
    """Results of an asset's rules over the given batches per dataset; counts only."""
    pairs = [(d, b) for d in datasets for b in batches.get(d, ())]
    found: dict[str, tuple[str, int, int, int]] = {}
    if pairs:
        listed = ", ".join(f"({literal(d)}, {literal(b)})" for d, b in pairs)
        for rule_id, *counts in session.rows(
            f"""SELECT rule_id, CASE WHEN count(*) FILTER (status IN ('failed', 'error') AND severity = 'block') > 0 THEN 'block'
                       ELSE 'warn' END,
                       sum(n_tested)::BIGINT, sum(n_failed)::BIGINT, count(*) FILTER (status = 'error')::BIGINT
                FROM ops.rule_result__rule_batch WHERE (dataset, batch) IN ({listed}) GROUP BY ALL"""
        ):
            found[rule_id] = tuple(counts)
    results = []
    for rule in rules_on(datasets):
        severity, tested, failed, errors = found.get(rule.id, ("warn", 0, 0, 0))
        bad = failed > 0 or errors > 0
        error = errors > 0 or severity == "block"
        results.append(
            dg.AssetCheckResult(
                asset_key=key,
                check_name=rule.id,
                passed=not bad,
                severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
                metadata={"tested": tested, "failed": failed, "not evaluated": errors, "怎么改": rule.fix_zh}
                if bad
                else {"tested": tested},
            )
        )
    return results
