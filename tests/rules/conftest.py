"""What the rules of collection said of every fixture; one load per source, shared by the workers of a run."""

from __future__ import annotations

import fcntl
import json
import time

import pytest

from rules import cases
from rules.fixtures import Fired, copy_world


def _load(template, folder, source):
    """Deliver all fixtures of a source, load them together, and note what every rule said of every file."""
    world = copy_world(template, folder / f"cases-{source}")
    cases.deliver(world, source)
    with world.session() as session:
        if source in cases.EARLIER:
            world.collect(session, source, cases.EARLIER_PERIOD)
        world.collect(session, source)
        return {name: vars(fired) for name, fired in world.fired(session, source).items()}


@pytest.fixture(scope="session")
def outcome(template, shared_folder):
    """(source, file name) → Fired. A worker that finds a source being loaded by another loads the next one meanwhile."""

    def attempt(source):
        target = shared_folder / f"cases-{source}.json"
        with (shared_folder / f"cases-{source}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return None
            if not target.exists():
                try:
                    made = _load(template, shared_folder, source)
                except Exception as error:  # every test of the source says so
                    made = {"error": f"{type(error).__name__}: {error}"}
                target.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        return json.loads(target.read_text(encoding="utf-8"))

    known = {}

    def get(source, name):
        while source not in known:
            found = attempt(source)
            if found is not None:
                known[source] = found
                break
            waiting = [s for s in cases.SOURCES if not (shared_folder / f"cases-{s}.json").exists()]
            if not any(attempt(s) for s in reversed(waiting)):
                time.sleep(0.2)
        if "error" in known[source]:
            pytest.fail(known[source]["error"])
        found = dict(known[source][name])
        for field in ("on_rows", "fields"):
            found[field] = {int(row): value for row, value in found[field].items()}
        return Fired(**found)

    return get
