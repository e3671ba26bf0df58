"""kill -9 at random moments of publish, roll back and withdraw: `current` verifies, and repeating comes to the same bytes.

Eight moments as a rule; with EDU_INTEGRATION=1 a hundred (`make province`). The seed is printed with a failure.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import random_driver as driver

from warehouse.release import list_releases, verify_current, verify_release
from warehouse.release.pointer import current_id, retired

ROUNDS = 100 if os.environ.get("EDU_INTEGRATION") else 8
SEED = int(os.environ.get("EDU_KILL_SEED", "20160225"))
PATHS = (
    ("publish",),
    ("publish", "rollback"),
    ("publish", "withdraw"),
    ("publish", "withdraw", "withdraw_all"),
)


def digests(data: Path) -> dict[str, str]:
    """Everything in `releases/` and `withheld/`, links by their target."""
    found = {}
    for path in sorted((*data.glob("releases/**/*"), *data.glob("withheld/**/*"))):
        name = path.relative_to(data).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and path.name != ".lock":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A prepared world and, for every path of acts, the bytes to which an undisturbed run comes and its seconds."""
    base = tmp_path_factory.mktemp("kill") / "base"
    candidate = driver.prepare(base).relative_to(base)
    wanted = {}
    for path in PATHS:
        root = base.with_name("calm")
        shutil.copytree(base, root, symlinks=True)
        started = time.monotonic()
        for name in path:
            driver.act(driver.settings_at(root), name, root / candidate)
        wanted[path] = (digests(root / "data"), time.monotonic() - started)
        shutil.rmtree(root)
    return base, candidate, wanted


def run(root: Path, candidate: Path, path: tuple[str, ...], after: float) -> tuple[int, list[str]]:
    """Do the acts of a path in a process that is killed `after` seconds; return code, and the acts that were finished."""
    process = subprocess.Popen(
        [sys.executable, str(Path(driver.__file__)), str(root), str(root / candidate), *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(after)
    finally:
        process.kill()
    out = process.communicate(timeout=60)[0]
    return process.returncode, out.split()


def check(settings, done: list[str]) -> None:
    """What readers may rely on at any moment, whatever was killed."""
    if current_id(settings) is None:
        assert driver.FIRST in retired(settings), "nothing is current, and nobody withdrew the last release"
    else:
        report = verify_current(settings)
        assert report.ok, report.problems
    assert all(verify_release(r.path).ok for r in list_releases(settings))
    if "publish" in done and "rollback" not in done and "withdraw" not in done:
        assert driver.CORRECTED in {*retired(settings), *(r.id for r in list_releases(settings))}


@pytest.mark.parametrize("n", range(ROUNDS))
def test_kill_at_a_random_moment(world, tmp_path, n):
    base, candidate, wanted = world
    dice = random.Random(SEED + n)
    path = PATHS[n % len(PATHS)]
    files, seconds = wanted[path]
    after = dice.uniform(0, seconds * 1.1)
    root = tmp_path / "world"
    shutil.copytree(base, root, symlinks=True)
    settings = driver.settings_at(root)
    code, done = run(root, candidate, path, after)
    assert code in (0, -signal.SIGKILL), (SEED, n)
    check(settings, done)
    # An act that was finished is not repeated; the one that was killed is, then the others follow.
    for name in path[len(done) :]:
        driver.act(settings, name, root / candidate)
        check(settings, [])
    assert digests(settings.data) == files, (SEED, n, path, after)
    shutil.rmtree(root)
