"""kill -9 in the middle of a load: nothing is lost or doubled, nothing is left lying, the next load converges."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from integration.house import House

from sample import generate

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)

MONTH = "2025-10"
COUNTIES = ("630102", "630103")
SOURCES = ("school_directory", "class_directory", "student_registry", "preschool_registry")
_ROWS = "SELECT delivery_id, source, owner, version, status, n_read, n_accepted, n_quarantined FROM ops.delivery__version ORDER BY ALL"
_SET_ASIDE = "SELECT * FROM ops.quarantine__row_rule ORDER BY ALL"
_RESULTS = (
    "SELECT batch, dataset, rule_id FROM ops.rule_result__rule_batch WHERE stage = 'collection' ORDER BY ALL"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[House, list[str]]:
    """A load from start to end, and the steps that it announced."""
    folder = tmp_path_factory.mktemp("kill")
    generate(folder / "drawn", scale=0.004, periods=(MONTH,), sources=SOURCES, csv_only=True)
    house = House(folder / "house")
    assert house.deliver(folder / "drawn" / "landing", [MONTH], SOURCES, COUNTIES) == len(SOURCES) * len(
        COUNTIES
    )
    code, _, err = house.edu("load", MONTH)
    assert code == 0, err
    return house, [line.strip() for line in err.splitlines() if line.startswith(f"  {MONTH}: ")]


def kill_at(house: House, step: str, delay: float) -> int:
    """Start a load, kill it soon after it announces the step; returns its exit code."""
    process = house.start("load", MONTH)
    timer = threading.Timer(200, process.kill)
    timer.start()
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip() == step:
                time.sleep(delay)
                process.kill()
                break
        process.communicate()
    finally:
        timer.cancel()
    return process.returncode


def moments(steps: list[str]) -> list[tuple[str, float]]:
    """Six moments: one in each source and two among the tables. What is done stays done, so they come in order."""
    draw = random.Random(20160225)
    groups = [[s for s in steps if f": {source} " in s] for source in SOURCES]
    models = [s for s in steps if "__" in s]
    groups += [models[: len(models) // 2], models[len(models) // 2 :]]
    return [(draw.choice(group), draw.random() * 0.4) for group in groups]


def same(house: House, other: House) -> None:
    for sql in (_ROWS, _SET_ASIDE, _RESULTS):
        assert house.rows(sql) == other.rows(sql)
    for source in ("student_registry__student", "preschool_registry__child", "school_directory__school"):
        sql = f"SELECT delivery_id, row_no, count(*) FROM raw.{source} GROUP BY ALL ORDER BY ALL"
        rows = house.rows(sql)
        assert rows == other.rows(sql) and all(n == 1 for *_, n in rows)


def test_kill_at_six_moments(undisturbed, tmp_path):
    calm, steps = undisturbed
    house = House(tmp_path / "disturbed")
    for kept in ("landing", "keys"):
        shutil.copytree(calm.data / kept, house.data / kept)
    killed = 0
    for step, delay in moments(steps):
        code = kill_at(house, step, delay)
        assert code in (-signal.SIGKILL, 0), (step, code)
        killed += code == -signal.SIGKILL
        answer = json.loads(house.must("doctor", "--json"))
        assert answer["ok"], (step, answer)
        assert list(Path(house.settings.work).iterdir()) == [], step
    assert killed >= 5
    house.must("load", MONTH)
    assert house.parquet() == calm.parquet()
    same(house, calm)
    assert not list(house.settings.candidates.glob(".staging-*"))
    vaults = [sorted(p.name for p in h.settings.vault.rglob("*") if p.is_file()) for h in (house, calm)]
    assert vaults[0] == vaults[1]
    house.publish(MONTH)
