"""Runs one build or publish in its own process and kills it, as the kernel would, at a named step."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from fixtures.release_world import OPERATOR, approvals, build, settings_at, warehouse

from warehouse.release import publish


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(root: str, step: str) -> None:
    settings = settings_at(Path(root))
    if step == "build":
        build(settings, warehouse(corrected=True), extras=die)
    candidate = build(settings, warehouse(corrected=True))
    publish(
        settings,
        candidate,
        approvals(candidate),
        operator=OPERATOR,
        on_step=lambda name: die() if name == step else None,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
