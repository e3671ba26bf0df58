"""Approve, publish and verify, for the command line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse.config import Settings
from warehouse.errors import UsageError
from warehouse.release import (
    Approval,
    Candidate,
    Release,
    Retired,
    load_approvals,
    load_candidate,
    record_approval,
    verify_release,
)
from warehouse.release.pointer import current_id, find_release


def find_candidate(settings: Settings, name: str) -> Candidate:
    """Candidate by name, or the newest of a month. UsageError if there is none."""
    folder = settings.candidates
    found = (
        [folder / name]
        if (folder / name).is_dir()
        else sorted(folder.glob(f"{name}-*/"), key=lambda p: p.stat().st_mtime)
    )
    if not found:
        there = ", ".join(sorted(p.name for p in folder.glob("*-*/"))) or "none"
        raise UsageError(f"There is no candidate {name}", f"`edu load PERIOD` builds one; there are: {there}")
    return load_candidate(found[-1])


def approve_candidate(settings: Settings, name: str, approver: str, role: str) -> tuple[Candidate, int]:
    """Record an approval beside the candidate; returns it and the number of approvals so far."""
    candidate = find_candidate(settings, name)
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    record_approval(candidate.path, Approval(approver, role, at, candidate.hash))
    return candidate, len(load_approvals(candidate.path))


def publish_command(settings: Settings, name: str, operator: str, dry_run: bool) -> dict[str, Any]:
    """Publish a candidate through the gate; BlockedError with reasons if it may not be published."""
    from assets.sharing.publication import gate, publish_candidate
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse

    candidate = find_candidate(settings, name)
    before = current_id(settings)
    with open_warehouse(settings) as session:
        prepare(session)
        if dry_run:
            gate(session, settings, candidate, operator)
            return {
                "message": f"{candidate.path.name} could be published as {candidate.id}",
                "id": candidate.id,
            }
        release = publish_candidate(session, settings, candidate, operator)
    if current_id(settings) != before:
        from warehouse.alerts import Alert, notify

        notify(
            settings, [Alert(f"published {release.id}", f"{release.id} 已发布", f"{release.id} is published")]
        )
    message = (
        f"{release.id} is published"
        if current_id(settings) != before
        else f"{release.id} was published before; nothing changed"
    )
    return {"message": message, "id": release.id, "path": str(release.path)}


def rollback_command(settings: Settings, release: str, by: str, reason: str) -> Release:
    """Let `current` point to another release, with its entry in the ledger."""
    from assets.sharing.publication import rollback_release
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse

    find_release(settings, release)
    with open_warehouse(settings) as session:
        prepare(session)
        return rollback_release(session, settings, release, by=by, reason=reason)


def told_of_withdrawal(settings: Settings, gone: Retired) -> None:
    """Tell those in charge that a release was withdrawn."""
    from warehouse.alerts import Alert, notify

    zh = f"{gone.id} 已撤回：{gone.reason}" + (f"；由 {gone.successor} 接替" if gone.successor else "")
    en = f"{gone.id} was withdrawn: {gone.reason}" + (f"; {gone.successor} follows" if gone.successor else "")
    notify(settings, [Alert(f"withdrawn {gone.id}", zh, en)])


def verify_command(settings: Settings, release: str | None) -> dict[str, Any]:
    """Verify a release by id or folder, or the current one."""
    if release is None:
        current = current_id(settings)
        if current is None:
            raise UsageError("Nothing is published yet", "`edu publish` publishes an approved candidate")
        release = current
    path = Path(release) if Path(release).is_dir() else find_release(settings, release).path
    report = verify_release(path)
    return {
        "id": report.id,
        "path": str(path),
        "files": report.files,
        "rows": report.rows,
        "problems": report.problems,
        "said": f"{report.id}: {report.files} files, {sum(report.rows.values())} rows, nothing wrong",
    }


def verify_records(settings: Settings, *, ledger: bool, archive: bool, expect: str | None) -> dict[str, Any]:
    """Verify the ledger with the rows that it covers, and the originals in the archive."""
    from warehouse import proof
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.ledger import head

    kept = _parse_head(expect)
    with open_warehouse(settings) as session:
        prepare(session)
        seq, digest = head(session)
        problems = proof.ledger_problems(session, settings, kept) if ledger else []
        read = 0
        if archive:
            broken, read = proof.archive_problems(
                session, settings, load_keys(settings.key_file, may_create=False)
            )
            problems += broken
    said = [f"ledger: {seq} entries, head {seq}:{digest}"] if ledger else []
    said += [f"archive: {read} originals"] if archive else []
    return {
        "head": f"{seq}:{digest}",
        "entries": seq,
        "originals": read,
        "problems": [str(p) for p in problems],
        "said": " · ".join(said) + ", nothing wrong",
    }


def _parse_head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    seq, _, digest = text.partition(":")
    if not seq.isdigit() or len(digest) != 64:
        raise UsageError(f"{text!r} is not SEQ:HASH", "use the head that `edu verify --ledger` printed")
    return int(seq), digest
