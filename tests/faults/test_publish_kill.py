"""kill -9 at every step of publishing: readers always see a whole release, and the next run converges."""

import hashlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from fixtures.release_world import OPERATOR, approvals, build, release, settings_at, warehouse

from warehouse.release import list_releases, publish, rollback, verify_current, verify_release
from warehouse.release.pointer import pointer_file
from warehouse.release.publish import STEPS

DRIVER = Path(__file__).parent / "publish_driver.py"


def drive(root: Path, step: str) -> int:
    return subprocess.run([sys.executable, str(DRIVER), str(root), step], check=False, timeout=120).returncode


def digests(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [True, False], ids=["first", "correction"])
def test_kill_at_each_step(tmp_path, step, first):
    settings = settings_at(tmp_path)
    old = None if first else release(settings)
    before = digests(old.path) if old else {}
    assert drive(tmp_path, step) == -signal.SIGKILL

    new = f"v2025.9.{0 if first else 1}"
    report = verify_current(settings)
    if step == "switched":
        assert report.ok and report.id == new
    elif first:
        assert not (settings.releases / "current").exists()
    else:
        assert report.ok and report.id == "v2025.9.0"
    # Whatever carries a release name is whole.
    assert all(verify_release(r.path).ok for r in list_releases(settings))

    # The candidate was built before the kill, so that the same bytes must be published.
    candidate = build(settings, warehouse(corrected=True))
    published = publish(settings, candidate, approvals(candidate), operator=OPERATOR)
    assert published.id == new and verify_current(settings).id == new
    assert verify_current(settings).problems == [] == verify_current(settings).notes
    release_files, candidate_files = digests(published.path), digests(candidate.path)
    assert release_files.pop("APPROVALS.json")
    del release_files["SHA256SUMS"], candidate_files["SHA256SUMS"]
    assert release_files == candidate_files
    assert [r.id for r in list_releases(settings)] == (["v2025.9.0"] if first else ["v2025.9.0", "v2025.9.1"])
    assert not list(settings.releases.glob(".staging-*"))
    if old:
        assert digests(old.path) == before


def test_kill_while_building(tmp_path):
    settings = settings_at(tmp_path)
    assert drive(tmp_path, "build") == -signal.SIGKILL
    assert list(settings.candidates.glob(".staging-*"))
    assert not list(settings.candidates.glob("2025*"))
    build(settings)
    assert not list(settings.candidates.glob(".staging-*"))


@pytest.mark.parametrize("step", STEPS)
def test_exception_at_each_step(tmp_path, step):
    settings = settings_at(tmp_path)
    release(settings)
    candidate = build(settings, warehouse(corrected=True))

    def fail(name: str) -> None:
        if name == step:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(settings, candidate, approvals(candidate), operator=OPERATOR, on_step=fail)
    assert verify_current(settings).ok
    assert publish(settings, candidate, approvals(candidate), operator=OPERATOR).id == "v2025.9.1"
    assert verify_current(settings).id == "v2025.9.1"


READER = """
import sys, duckdb
from pathlib import Path
seen = set()
print("ready", flush=True)
while True:
    con = duckdb.connect(sys.argv[1] + "/current/marts.duckdb", read_only=True)
    ids = con.execute("SELECT id FROM meta.release").fetchall()
    rows = con.execute("SELECT count(*) FROM mart.school__school").fetchall()
    assert rows == [(3000,)], rows
    con.close()
    seen.add(ids[0][0])
    if Path(sys.argv[1] + "/stop").exists():
        break
print(sorted(seen))
"""


def test_second_process_reads_while_publishing(tmp_path):
    settings = settings_at(tmp_path)
    release(settings)
    candidate = build(settings, warehouse(corrected=True))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(settings.releases)], stdout=subprocess.PIPE, text=True
    )
    timer = threading.Timer(60, reader.kill)
    timer.start()
    try:
        assert reader.stdout.readline() == "ready\n"
        publish(settings, candidate, approvals(candidate), operator=OPERATOR)
        for _ in range(20):
            rollback(settings, "v2025.9.0")
            rollback(settings, "v2025.9.1")
        (settings.releases / "stop").touch()
        out = reader.communicate(timeout=60)[0]
    finally:
        timer.cancel()
        reader.kill()
    assert reader.returncode == 0
    assert "v2025.9.1" in out
    assert pointer_file(settings)["id"] == (settings.releases / "current").readlink().name
