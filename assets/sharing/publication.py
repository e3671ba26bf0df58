"""The acts on releases, each with its entry in the ledger: publish through the gate, roll back, withdraw, prune.

A gate inside a Dagster run holds only within that run; publishing therefore asks the warehouse's own records again.
An act comes before its entry. A run that is killed in between is completed by repeating the command, and
`edu verify --ledger` names what has no entry.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

from assets.collection.collect import refused_in_landing
from assets.sharing.registers import build_registers, build_review_registers
from expectations.doors import Subject, judge
from expectations.rule import all_rules
from warehouse import ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import BlockedError
from warehouse.release import (
    Candidate,
    Release,
    Retired,
    load_approvals,
    pointer,
    prune,
    publish,
    retired,
    rollback,
    withdraw,
)
from warehouse.release.approval import builders, person
from warehouse.release.retire import Kept
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
    detail = {
        "content": release.content_hash,
        "approvers": sorted(a.approver for a in approvals),
        "operator": operator,
    }
    _note_once(session, "publish", release.id, detail, ("content",))
    mark_published(Desk(session, settings, where="publish"), candidate.period, release.id)
    return release


def rollback_release(session: Session, settings: Settings, release: str, *, by: str, reason: str) -> Release:
    """Let `current` point to another release, and note who did it and why."""
    before = pointer.current_id(settings)
    target = rollback(settings, release)
    if before != target.id:
        detail = {"from": before, "reason": reason, "operator": by}
        with session.transaction():
            ledger.append(session, "rollback", target.id, detail)
    return target


def withdraw_release(
    session: Session,
    settings: Settings,
    release: str,
    *,
    by: str,
    reason: str,
    successor: str | None = None,
    words: str | None = None,
    is_leak: bool = False,
) -> Retired:
    """Withdraw a release, and note it. A repetition only adds the entry that an interrupted run left out."""
    done = withdraw(
        settings, release, reason=reason, by=by, successor=successor, words=words, is_leak=is_leak
    )
    _note_retired(session, done)
    return done


def prune_releases(session: Session, settings: Settings, *, by: str, dry_run: bool) -> list[Kept]:
    """Prune old releases and note it; what a frozen scorecard or a delivery to a recipient cites is kept."""
    plan = prune(settings, by=by, cited=cited_releases(session), dry_run=dry_run)
    if not dry_run:
        for gone in retired(settings).values():
            _note_retired(session, gone)
    return plan


def cited_releases(session: Session) -> dict[str, str]:
    """Releases that other records refer to, and by what."""
    return dict(
        session.rows(
            "SELECT release_id, string_agg(DISTINCT what, ', ' ORDER BY what) FROM ("
            "SELECT release_id, 'scorecard ' || year AS what FROM ops.scorecard__frozen "
            "UNION ALL SELECT release_id, 'delivery ' || delivery_no FROM ops.share__delivery WHERE release_id IS NOT NULL) "
            "GROUP BY ALL"
        )
    )


def _note_retired(session: Session, gone: Retired) -> None:
    facts = {"reason": gone.reason, "operator": gone.by, "at": gone.at, "successor": gone.successor}
    detail = {**facts, "content": gone.content_hash, "is_leak": gone.is_leak}
    _note_once(
        session, "withdraw" if gone.kind == "withdrawn" else "prune", gone.id, detail, ("content", "at")
    )


def _note_once(
    session: Session, event: str, subject: str, detail: dict[str, Any], same: tuple[str, ...]
) -> None:
    """Add an entry unless one of this event and subject agrees with it in the fields named by `same`."""
    known = session.rows(
        "SELECT detail FROM ops.ledger__event WHERE event = ? AND subject = ?", [event, subject]
    )
    if any(all(json.loads(text).get(f) == detail[f] for f in same) for (text,) in known):
        return
    with session.transaction():
        ledger.append(session, event, subject, detail)
