"""Runs publish, roll back and withdraw in turn in its own process, which is killed at a random moment.

Started with a folder; says `ready` when everything is imported, then does the acts that are still to do.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from fixtures.release_world import OPERATOR, approvals, build, settings_at, warehouse

from warehouse.config import Settings
from warehouse.release import load_candidate, publish, rollback, withdraw

NOW = datetime(2025, 12, 1, tzinfo=UTC)
FIRST, CORRECTED, NEXT = "v2025.9.0", "v2025.9.1", "v2025.10.0"
ACTS = ("publish", "rollback", "withdraw", "withdraw_all")


def prepare(root: Path) -> Path:
    """A world with one release and a candidate that corrects it; returns the candidate."""
    settings = settings_at(root)
    first = build(settings)
    publish(settings, first, approvals(first), operator=OPERATOR)
    return build(settings, warehouse(corrected=True)).path


def act(settings: Settings, name: str, candidate: Path) -> None:
    """One act; repeated after a kill it must come to the same end."""
    if name == "publish":
        found = load_candidate(candidate)
        publish(settings, found, approvals(found), operator=OPERATOR)
    elif name == "rollback":
        rollback(settings, FIRST)
    elif name == "withdraw":
        withdraw(settings, CORRECTED, reason="wrong", by=OPERATOR, successor=FIRST, now=NOW)
    elif name == "withdraw_all":
        words = "withdraw without successor"
        withdraw(settings, FIRST, reason="wrong", by=OPERATOR, words=words, now=NOW)


if __name__ == "__main__":
    settings = settings_at(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    for name in sys.argv[3:]:
        act(settings, name, Path(sys.argv[2]))
        print(name, flush=True)
