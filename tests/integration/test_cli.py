"""Every verb of `edu` as a user meets it: help, machine-readable answers, exit codes, and what to do next."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from integration.house import APPROVERS, OPERATOR, House
from integration.worlds import MONTHS
from pipelines.cli.main import main

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)

VERBS = [[n] for n in main.commands] + [["review", "approve"]]


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> House:
    """A house into which nothing was delivered."""
    return House(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def loaded(world, tmp_path_factory) -> House:
    """A house of its own with a loaded month and a month that waits in landing, nothing approved, nothing published."""
    root = tmp_path_factory.mktemp("loaded") / "house"
    shutil.copytree(Path(world.get("counties")["folder"]) / "fresh", root)
    return House(root)


@pytest.fixture(scope="module")
def published(world) -> House:
    """A house with a current release; only read."""
    return House(Path(world.get("counties")["folder"]) / "house")


def test_help_of_every_verb():
    from click.testing import CliRunner

    for verb in VERBS:
        for flag in ("--help", "-h"):
            result = CliRunner().invoke(main, [*verb, flag])
            assert result.exit_code == 0 and result.output.startswith("Usage:"), verb


def test_help_and_version_as_a_process(empty):
    code, out, _ = empty.edu("--help")
    assert code == 0 and all(name in out for name in main.commands) and "Exit codes" in out
    assert empty.edu("--version")[0] == 0


def test_nothing_yet(empty):
    """In an empty house every verb answers with words, none with a crash."""
    answer = json.loads(empty.must("doctor", "--json"))
    assert answer["ok"] and len(answer["findings"]) > 4
    status = json.loads(empty.must("status", "--json"))
    assert status["months"] == status["releases"] == [] and status["current"] is None
    code, _, err = empty.edu("check", MONTHS[0])
    assert code != 0 and "edu load" in err
    code, _, err = empty.edu("verify")
    assert code == 2 and "edu publish" in err


@pytest.mark.parametrize("verb", ["load", "check"])
@pytest.mark.parametrize("period", ["2025-13", "2025", "September", "../2025-09"])
def test_wrong_period(empty, verb, period):
    from click.testing import CliRunner

    result = CliRunner(env={"EDU_ROOT": str(empty.root)}).invoke(main, [verb, period])
    assert result.exit_code == 2 and "YYYY-MM" in result.stderr


def test_wrong_period_as_a_process(empty):
    code, _, err = empty.edu("load", "2025-13")
    assert code == 2 and "→" in err and "2025-09" in err


def test_nothing_in_landing(empty):
    code, _, err = empty.edu("load", MONTHS[0])
    assert code == 2 and "landing" in err


def test_unknown_names(loaded):
    for arguments in (
        ("publish", "2031-01", "--by", "u-9"),
        ("review", "approve", "2031-01", "--by", "u-9"),
        ("verify", "v1999.1.0"),
        ("rollback", "v1999.1.0"),
        ("no-such-verb",),
    ):
        code, _, err = loaded.edu(*arguments)
        assert code == 2, (arguments, code, err)


def test_check_and_status_of_a_loaded_month(loaded):
    answer = json.loads(loaded.must("check", MONTHS[0], "--json"))
    assert answer["period"] == MONTHS[0] and answer["rules"] > 30 and answer["blocking"] == []
    assert {r["stage"] for r in answer["results"]} == {
        "collection",
        "storage",
        "processing",
        "use",
        "sharing",
    }
    status = json.loads(loaded.must("status", "--json"))
    assert [m["period"] for m in status["months"]] == [MONTHS[0]]
    assert [c["approvals"] for c in status["candidates"]] == [0]
    assert status["refused"] == [] and status["waiting"] == [MONTHS[1]] and status["current"] is None


def test_publication_asks_for_two_others(loaded):
    """Without approvals, with one, and by one of the approvers: refused each time, nothing becomes current."""
    month = MONTHS[0]
    code, _, err = loaded.edu("publish", month, "--by", OPERATOR)
    assert code == 3 and "→" in err
    loaded.must("review", "walk", month, "--waive-missing")
    assert loaded.edu("publish", month, "--by", OPERATOR)[0] == 3
    loaded.must("review", "approve", month, "--by", APPROVERS[0])
    assert loaded.edu("publish", month, "--by", OPERATOR)[0] == 3
    loaded.edu("review", "approve", month, "--by", APPROVERS[0].upper())
    assert loaded.edu("publish", month, "--by", OPERATOR)[0] == 3
    loaded.must("review", "approve", month, "--by", APPROVERS[1])
    assert (
        loaded.edu("publish", month, "--by", APPROVERS[1])[0] == 2
    )  # an approver's account does not publish
    assert not (loaded.settings.releases / "current").exists()
    loaded.must("publish", month, "--by", OPERATOR, "--dry-run")
    assert not (loaded.settings.releases / "current").exists()
    loaded.must("publish", month, "--by", OPERATOR)
    loaded.must("verify")


def test_a_flipped_byte_is_found(published, tmp_path):
    copy = tmp_path / "release"
    shutil.copytree((published.settings.releases / "current").resolve(), copy)
    published.must("verify", str(copy))
    file = next((copy / "parquet").glob("*enrolment*.parquet"))
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    code, _, err = published.edu("verify", str(copy))
    assert code == 3 and file.name in err


def test_sample_writes_where_told(empty, tmp_path):
    out = empty.must(
        "sample", "--out", str(tmp_path / "s"), "--scale", "0.002", "--month", MONTHS[0], "--json"
    )
    assert json.loads(out)["files"] > 100
    assert not empty.settings.landing.exists()


def test_a_scale_out_of_range_is_a_wrong_argument(empty, tmp_path):
    code, _, err = empty.edu("sample", "--out", str(tmp_path / "s"), "--scale", "5")
    assert code == 2 and "0.002" in err


def test_no_traceback_was_ever_shown(empty, loaded):
    """Runs over what the verbs above said; alone it has little to read."""
    for house in (empty, loaded):
        for file in (house.root / "said").glob("*.txt"):
            assert "Traceback" not in file.read_text(encoding="utf-8"), file.name
