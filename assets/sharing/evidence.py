"""What the pages of a release are made from beside its marts: `quality/*.json` and `reference/*.csv`.

Rules with their words and clauses, results per dataset, the trend of twelve months, who prepared, checked and released
each delivery (account ids). Counts, ids and words of the rule book only.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.sharing.registers import AFTER_BUILD, results_in_force
from expectations.rule import Rule, all_rules
from warehouse.engine.duckdb import Session, literal
from warehouse.people import quality
from warehouse.reference import REFERENCE
from warehouse.release import files

# Public reference tables that explain the marts; registers of persons or accounts are never among them.
TABLES = (
    "college",
    "county",
    "county_tile",
    "indicator",
    "map_label",
    "policy_target",
    "prefecture",
    "region_set",
    "region_set_member",
    "review_state",
    "rule_pending",
    "threshold",
)
MONTHS = 12
# Owners type their accounts themselves: what does not look like one may be a name or a number of a person.
_ACCOUNT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_NUMBER = re.compile(r"\d{11,}")


def write_evidence(session: Session, period: str, staged: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Write the evidence of a month and the reference tables into a staged release."""
    months = [
        row[0]
        for row in session.rows(
            "SELECT DISTINCT period FROM core.delivery__period WHERE period <= ? ORDER BY 1 DESC LIMIT ?",
            [period, MONTHS],
        )
    ][::-1]
    rules = sorted(all_rules().values(), key=lambda r: r.id)
    document = {
        "period": period,
        "months": months,
        "rules": [_words(rule) for rule in rules],
        "results": list(results),
        "trend": _trend(session, months),
        "acceptance": _acceptance(session, period),
        "decisions": _decisions(session, period),
    }
    files.write_json(staged / "quality" / "evidence.json", document)
    files.write_json(staged / "quality" / "person_index.json", quality.paper(session, period))
    copy_reference(staged)


def copy_reference(root: Path) -> None:
    """Copy the reference tables that explain the marts into `root/reference/`, byte for byte."""
    (root / "reference").mkdir(exist_ok=True)
    for table in TABLES:
        if (REFERENCE / f"{table}.csv").is_file():
            shutil.copyfile(REFERENCE / f"{table}.csv", root / "reference" / f"{table}.csv")


def _words(rule: Rule) -> dict[str, Any]:
    datasets = {c.dataset for c in rule.checks}
    return {
        "rule": rule.id,
        "version": rule.version,
        "stage": str(rule.stage),
        "severity": str(rule.severity),
        "title_zh": rule.title_zh,
        "statement_zh": rule.statement_zh,
        "statement_en": rule.statement_en,
        "clause": rule.clause,
        "owner_zh": rule.owner_zh,
        # Judged on the finished candidate, so its result cannot stand inside it.
        "at_gate": all(d in AFTER_BUILD or d.startswith("release.") for d in datasets),
    }


def _trend(session: Session, months: Sequence[str]) -> dict[str, list[list[int] | None]]:
    """Rule id → per month [tested, failed], None for a month in which it did not run."""
    found: dict[str, list[list[int] | None]] = {}
    for at, month in enumerate(months):
        rows = session.rows(
            f"SELECT rule_id, sum(n_tested)::BIGINT, sum(n_failed)::BIGINT FROM ({results_in_force(month)}) "
            "WHERE status <> 'not_applicable' GROUP BY rule_id ORDER BY rule_id"
        )
        for rule_id, tested, failed in rows:
            found.setdefault(rule_id, [None] * len(months))[at] = [tested, failed]
    return dict(sorted(found.items()))


def _acceptance(session: Session, period: str) -> list[list[Any]]:
    """[source, owner, period, version, rows, preparer, reviewer, head of unit, received on] of the deliveries in force."""
    rows = session.rows(
        f"""SELECT d.source, d.owner, d.period, d.version, d.n_accepted, d.preparer, d.reviewer, d.unit_head,
                   d.received_on::VARCHAR
            FROM core.delivery__period f JOIN ops.delivery__version d ON d.delivery_id = f.delivery_id
            WHERE f.period = {literal(period)} ORDER BY ALL"""
    )
    return [[*r[:5], *(account(x) for x in r[5:8]), r[8]] for r in rows]


def _decisions(session: Session, period: str) -> list[list[Any]]:
    """[source, step, new state, account, unit, role, packages, first day, last day] of the reviews of a month.

    Reasons and comments stay inside: they are free text and may name persons.
    """
    if not session.exists("ops.review__step"):
        return []
    rows = session.rows(
        f"""SELECT source, event, to_state, account, unit, role, count(DISTINCT owner),
                   min(occurred_at)::DATE::VARCHAR, max(occurred_at)::DATE::VARCHAR
            FROM ops.review__step WHERE period = {literal(period)} GROUP BY ALL ORDER BY ALL"""
    )
    return [[*r[:3], account(r[3]), *r[4:]] for r in rows]


def account(value: str | None) -> str | None:
    """An account id, or `*` for a text that is none."""
    if value is None:
        return None
    return value if _ACCOUNT.fullmatch(value) and not _NUMBER.search(value) else "*"
