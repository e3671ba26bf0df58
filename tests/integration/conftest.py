"""The worlds of these tests: each is built once per run, by whichever worker comes first.

A worker that needs a world that another is building builds one of the others meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration import worlds


class Worlds:
    """World name → what its builder noted, with `folder` where it lies."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        self.known: dict[str, dict[str, Any]] = {}

    def _attempt(self, name: str) -> bool:
        target = self.shared / f"house-{name}.json"
        with (self.shared / f"house-{name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            if not target.exists():
                folder = self.shared / f"house-{name}"
                build: Callable[[Path], dict[str, Any]] = worlds.BUILDERS[name]
                started = time.monotonic()
                try:
                    made = {**build(folder), "folder": str(folder)}
                except BaseException:  # every test of this world says so
                    made = {"error": traceback.format_exc()[-4000:]}
                made["seconds"] = time.monotonic() - started
                target.write_text(json.dumps(made, ensure_ascii=False, default=str), encoding="utf-8")
        self.known[name] = json.loads(target.read_text(encoding="utf-8"))
        return True

    def get(self, name: str) -> dict[str, Any]:
        while name not in self.known and not self._attempt(name):
            waiting = [w for w in worlds.BUILDERS if not (self.shared / f"house-{w}.json").exists()]
            if not any(self._attempt(w) for w in waiting):
                time.sleep(0.2)
        if "error" in self.known[name]:
            pytest.fail(self.known[name]["error"])
        return self.known[name]


@pytest.fixture(scope="session")
def world(shared_folder: Path) -> Worlds:
    return Worlds(shared_folder)
