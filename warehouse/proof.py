"""Proofs for an auditor: the ledger, the rows that it covers, the releases that it names, and the archive's contents."""

from __future__ import annotations

import json

from warehouse import archive, ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.keys import Keys
from warehouse.ledger import Problem
from warehouse.release import list_releases, retired


def ledger_problems(
    session: Session, settings: Settings, expected: tuple[int, str] | None = None
) -> list[Problem]:
    """What is wrong with the chain, the rows it covers, and the releases it speaks of."""
    found = ledger.problems(session, expected)
    published = {}
    for subject, detail in session.rows(
        "SELECT subject, detail FROM ops.ledger__event WHERE event = 'publish' ORDER BY seq"
    ):
        try:
            published[subject] = json.loads(detail).get("content")
        except (ValueError, AttributeError):
            published[subject] = None
    for release in list_releases(settings):
        if release.id not in published:
            # The chain alone cannot show that its end was cut off; a release without its entry can.
            found.append(
                Problem(
                    f"release {release.id}", "台账中没有该发布", "published without an entry in the ledger"
                )
            )
        elif published[release.id] != release.content_hash:
            found.append(
                Problem(f"release {release.id}", "内容与台账不符", "content differs from the ledger")
            )
    return found + _retired_problems(session, settings, set(published))


def _retired_problems(session: Session, settings: Settings, published: set[str]) -> list[Problem]:
    """Releases that are gone without an entry, or named as gone by nobody."""
    gone = retired(settings)
    noted = {
        subject
        for (subject,) in session.rows(
            "SELECT DISTINCT subject FROM ops.ledger__event WHERE event IN ('withdraw', 'prune')"
        )
    }
    there = {r.id for r in list_releases(settings)}
    found = [
        Problem(f"release {name}", "撤回或清理未入台账", f"{gone[name].kind} without an entry in the ledger")
        for name in sorted(gone.keys() - noted)
    ]
    found += [
        Problem(f"release {name}", "发布目录丢失", "published, and neither there nor withdrawn nor pruned")
        for name in sorted(published - there - gone.keys())
    ]
    return found


def archive_problems(session: Session, settings: Settings, keys: Keys) -> tuple[list[Problem], int]:
    """Originals that are missing or do not hold the bytes that their name promises; and how many were read."""
    wanted = session.rows(
        "SELECT o.sha256, min(concat(d.source, ' ', d.owner, ' ', d.period, ' v', d.version, ' ', o.kind)) FROM ops.archived__object o "
        "JOIN ops.delivery__version d ON d.delivery_id = o.delivery_id GROUP BY ALL ORDER BY ALL"
    )
    found = [
        Problem(f"archive {sha256[:12]} ({name})", "原件缺失或被改动", "original missing or altered")
        for sha256, name in wanted
        if not archive.is_intact(settings.archive, keys.archive, sha256)
    ]
    return found, len(wanted)
