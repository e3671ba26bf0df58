"""Publication: re-reads the rule results of exactly this candidate, checks the approvals, switches `current`.

A gate inside a Dagster run holds only within that run; publishing therefore asks the warehouse's own records again.
"""

from __future__ import annotations

import shutil

from assets.collection.collect import refused_in_landing
from assets.sharing.registers import build_registers, build_review_registers
from expectations.doors import Subject, judge
from expectations.rule import all_rules
from warehouse import ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import BlockedError
from warehouse.release import Candidate, Release, load_approvals, publish
from warehouse.release.approval import builders, person
from warehouse.workflow.arrival import sync
from warehouse.workflow.desk import Desk
from warehouse.workflow.review import mark_published


def remove_superseded(settings: Settings, published: Candidate) -> None:
    """Remove the month's other candidates: they can no longer be published, and nobody shall approve one by mistake."""
    for path in settings.candidates.glob(f"{published.period}-*"):
        if path.name.startswith(published.path.name):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def gate(session: Session, settings: Settings, candidate: Candidate, operator: str) -> None:
    """Judge RS17 and RS18 on this candidate. Raises BlockedError with the reasons."""
    refused = [
        f"{r['source']} {r['owner']} {r['file']}"
        for r in refused_in_landing(session, settings, candidate.period)
    ]
    if refused:
        raise BlockedError(
            f"{len(refused)} 个文件被退回而未更正，不能发布 / refused files are not replaced: {'; '.join(refused[:5])}",
            "deliver corrected files, or move them out of landing and run `edu load` again",
        )
    approvals = load_approvals(candidate.path)
    made = {person(b) for b in builders(candidate.path)} | {person(operator)}
    session.execute("CREATE OR REPLACE TABLE work.main.approval (approver VARCHAR, is_builder BOOLEAN)")
    for approval in approvals:
        is_builder = person(approval.approver) in made
        session.execute(
            "INSERT INTO work.main.approval VALUES (?, ?)", [person(approval.approver), is_builder]
        )
    build_registers(session, candidate.period, candidate)
    sync(session, settings, where="publish")
    build_review_registers(session, candidate.period, settings.province_code)
    subjects = [
        Subject("package_in_force", "work.main.package_in_force"),
        Subject("coverage", "work.main.coverage"),
        Subject("blocking_result", "work.main.blocking_result"),
        Subject("approval", "work.main.approval"),
    ]
    batches = judge(session, settings, candidate.period, subjects)
    failed = session.rows(
        "SELECT DISTINCT rule_id FROM ops.rule_result__rule_batch WHERE period = ? AND severity = 'block' "
        "AND status IN ('failed', 'error') AND list_contains(?::VARCHAR[], batch) ORDER BY ALL",
        [candidate.period, sorted(batches.values())],
    )
    if failed:
        rules = [all_rules()[rule_id] for (rule_id,) in failed]
        raise BlockedError(
            "; ".join(f"{r.id} {r.statement_zh} / {r.statement_en}" for r in rules),
            "; ".join(f"{r.fix_zh} / {r.fix_en}" for r in rules),
        )


def publish_candidate(session: Session, settings: Settings, candidate: Candidate, operator: str) -> Release:
    """Publish through the gate. Raises BlockedError with the reasons; `current` then stays where it is."""
    gate(session, settings, candidate, operator)
    approvals = load_approvals(candidate.path)
    release = publish(settings, candidate, approvals, operator=operator)
    remove_superseded(settings, candidate)
    with session.transaction():
        detail = {
            "content": release.content_hash,
            "approvers": sorted(a.approver for a in approvals),
            "operator": operator,
        }
        ledger.append(session, "publish", release.id, detail)
    mark_published(Desk(session, settings, where="publish"), candidate.period, release.id)
    return release
