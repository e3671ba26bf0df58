"""More than two hundred files of every dirt, format and encoding in one load: nothing crashes, nothing is lost."""

from __future__ import annotations

import os
from collections import Counter

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)


@pytest.fixture(scope="module")
def notes(world):
    return world.get("drop")


def test_every_file_is_accounted_for(notes):
    assert len(notes["cases"]) >= 200
    assert set(notes["files"]) == {c["path"] for c in notes["cases"]}
    wrong = {
        c["path"]: notes["files"][c["path"]]
        for c in notes["cases"]
        if (notes["files"][c["path"]][0], notes["files"][c["path"]][4])
        != (c["expected"], c["rule"] if c["expected"] == "refused" else None)
    }
    assert not wrong


def test_rows_are_conserved_file_by_file(notes):
    for case in notes["cases"]:
        _, n_read, n_accepted, n_quarantined, *_ = notes["files"][case["path"]]
        assert n_read == n_accepted + n_quarantined, case["path"]
        if case["expected"] == "accepted":
            assert (n_read, n_quarantined) == (case["n_rows"], case["quarantined"]), case["path"]
    assert notes["raw"] == sum(f[2] for f in notes["files"].values())


def test_rows_are_set_aside_by_the_right_rule(notes):
    expected = {(c["path"], c["rule"], 1) for c in notes["cases"] if c["quarantined"]}
    accepted = {c["path"] for c in notes["cases"] if c["expected"] == "accepted"}
    assert {tuple(r) for r in notes["rules"] if r[0] in accepted} == expected


def test_every_repair_is_counted(notes):
    kinds = {"D01", "D02", "D03", "D04", "D06", "D09", "D10", "D11", "D13", "D14", "D16", "D17", "D19", "D20", "D22", "D23",
             "D26", "D27", "D28"}  # fmt: skip
    assert kinds <= set(notes["repaired"])
    assert {"unknown_header", "sheets_joined", "files_joined", "file_left_out"} <= set(notes["notes"])


def test_a_person_knows_what_to_do_next(notes):
    """Exit code 3; every rule that sends something back stands there with what to do about it."""
    from expectations.rule import all_rules

    assert notes["code"] == 3 and "Traceback" not in notes["said"]
    rules = Counter(r["rule"] for r in notes["report"]["refused"])
    assert rules == Counter(c["rule"] for c in notes["cases"] if c["expected"] == "refused")
    flat = "".join(notes["said"].split())
    # rows of a refused file go back with their file
    accepted = {name for name, file in notes["files"].items() if file[0] == "accepted"}
    for rule in {*rules, *(r for name, r, _ in notes["rules"] if name in accepted)}:
        fix = "".join(all_rules()[rule].fix_zh.split())
        assert rule in notes["said"] and fix[:6] in flat, rule
    assert "退回清单" in notes["said"] and "eduload" in flat
