"""Every kind of bad file beside good ones: each is told apart, named and explained; the good ones go on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from integration.house import digest
from integration.worlds import COUNTIES, SOME

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)

# What a remedy asks the clerk to do.
_REMEDY_ZH = re.compile("重新|再次|核对|补齐|取消|另存|删去|更正|确认|零报告")
_REMEDY_EN = re.compile(r"\b(again|deliver|save|remove|check|add|export|correct)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def notes(world):
    return world.get("hostile")


def test_every_case_comes_out_as_expected(notes):
    found = {c["name"]: notes["files"][Path(c["path"]).name][0] for c in notes["cases"]}
    assert found == {c["name"]: c["expected"] for c in notes["cases"]}
    assert len(found) >= 15


def test_refusals_name_the_file_and_the_remedy(notes):
    for case in notes["cases"]:
        status, *_, rule, zh, en = notes["files"][Path(case["path"]).name]
        if status == "refused":
            assert re.fullmatch(r"RC\d\d", rule), case["name"]
            assert _REMEDY_ZH.search(zh) and _REMEDY_EN.search(en), (case["name"], zh, en)
        else:
            assert rule is zh is en is None, case["name"]


def test_reasons_say_what_is_wrong(notes):
    said = {c["name"]: notes["files"][Path(c["path"]).name][5] or "" for c in notes["cases"]}
    for name, word in {
        "garbage": "编码",
        "missing-column": "身份证件号",
        "empty": "空的",
        "zip-bomb": "解压",
        "locked": "密码",
        "nul-bytes": "NUL",
        "truncated": "损坏",
        "wrong-count": "报送单写 5 行",
    }.items():
        assert word in said[name], (name, said[name])


def test_rows_of_readable_files_are_kept(notes):
    """A file that is only strange is worth as much as any other."""
    for case in notes["cases"]:
        _, n_read, n_accepted, n_quarantined, *_ = notes["files"][Path(case["path"]).name]
        assert n_read == n_accepted + n_quarantined
        if case["expected"] == "accepted":
            assert n_accepted == (0 if case["name"] == "nothing-to-report" else 3), case["name"]
        else:
            assert n_accepted == 0


def test_good_files_go_on(notes):
    good = {
        n: f for n, f in notes["files"].items() if not n.startswith(tuple(c["name"] for c in notes["cases"]))
    }
    assert len(good) == notes["n_good"] == len(SOME) * len(COUNTIES)
    assert all(f[0] == "accepted" and f[2] > 0 for f in good.values())


def test_the_load_ends_with_words(notes):
    """Exit code 3, every refused file named on the terminal or counted, nothing crashed, the house in order."""
    assert notes["code"] == 3 and notes["doctor"] == 0
    refused = {Path(c["path"]).name for c in notes["cases"] if c["expected"] == "refused"}
    assert {r["file"] for r in notes["report"]["refused"]} == refused
    shown = sum(name in notes["said"] for name in refused)
    assert shown >= 8 and (shown == len(refused) or "more: edu status" in notes["said"])
    assert "Traceback" not in notes["said"]


def test_nothing_is_lost(notes):
    """Every delivered file lies untouched in landing and once in the archive, and so does every envelope."""
    assert {p: digest(Path(p)) for p in notes["landed"]} == notes["landed"]
    assert notes["archived"] == len({*notes["landed"].values()}) + notes["n_good"] + notes["envelopes"]
