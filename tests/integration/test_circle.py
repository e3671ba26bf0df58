"""The whole circle: a file with faults → return workbook → replies and a corrected file → faults close → the county signs → the
prefecture returns and accepts → roll-up → the province approves → published; then a correction of what was approved: held,
reopened, compared, published again. All through the `edu` command."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from integration.house import APPROVERS, OPERATOR, House, rewrite
from sample import generate

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes minutes: EDU_INTEGRATION=1 runs it"
)
MONTH = "2025-09"
SOURCES = ("school_directory", "preschool_registry")
COUNTIES = ("630102", "630103")
PREFECTURE, PROVINCE = "6301", "63"
SLOT = (SOURCES[1], COUNTIES[1], MONTH)
CLERK, HEAD = (f"u-{COUNTIES[1]}-{n}" for n in ("01", "03"))
COLLECTOR, REVIEWER, CHECKER = f"u-{PREFECTURE}-01", f"u-{PREFECTURE}-02", "demo-checker"
EVERYTHING = ("--all-of", PROVINCE, "--period", MONTH)


def package(house: House) -> list[tuple[int, str]]:
    return house.rows(
        f"SELECT version, state FROM ops.review__package WHERE source = '{SLOT[0]}' AND owner = '{SLOT[1]}' ORDER BY 1"
    )


def faults(house: House) -> dict[str, str]:
    """Rule → status of the faults of the county's records."""
    return dict(
        house.rows("SELECT rule_id, status FROM ops.fault__identity WHERE record_key NOT LIKE 'file:%'")
    )


def changed(content: bytes, cells: dict[tuple[int, str], str]) -> bytes:
    """A csv in GB18030 with other texts in some cells: {(record, header): text}."""
    rows = list(csv.reader(io.StringIO(content.decode("gb18030"), newline="")))
    for (record, header), text in cells.items():
        rows[record][rows[0].index(header)] = text
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("gb18030")


def cell(content: bytes, record: int, header: str) -> str:
    rows = list(csv.reader(io.StringIO(content.decode("gb18030"), newline="")))
    return rows[record][rows[0].index(header)]


def answer(workbook: Path, replies: dict[str, tuple[str, str]]) -> int:
    """Fill in the reply column as a clerk would, by what is said to be wrong: {words of it: (reply, note)}."""
    book = openpyxl.load_workbook(workbook)
    done = 0
    for sheet in book.worksheets:
        header = [c.value for c in sheet[1]]
        if "回复" not in header or "问题说明" not in header:
            continue
        for row in sheet.iter_rows(min_row=2):
            text = str(row[header.index("问题说明")].value)
            reply, note = next(r for words, r in replies.items() if words in text)
            row[header.index("回复")].value = reply
            row[header.index("说明")].value = note
            done += 1
    book.save(workbook)
    return done


def test_the_circle(tmp_path):
    drawn = tmp_path / "drawn"
    generate(drawn, scale=0.002, periods=(MONTH,), sources=SOURCES, csv_only=True)
    house = House(tmp_path / "house")
    house.deliver(drawn / "landing", [MONTH], SOURCES, COUNTIES)
    file = next((house.settings.landing / SLOT[0] / MONTH).glob(f"*{SLOT[1]}*.csv"))
    sound = file.read_bytes()
    truth = returned_and_corrected(house, file, sound)
    first = through_three_levels(house)
    frozen = frozen_for_assessment(house, first)
    corrected_after_publication(house, file, truth, first)
    the_frozen_scorecard_stays(house, frozen)
    house.must("verify", "--ledger", "--archive")


def returned_and_corrected(house: House, file: Path, sound: bytes) -> bytes:
    """Two records that are set aside and a doubtful one: the county mends the two and stands by the third."""
    other = "女" if cell(sound, 3, "性别") == "男" else "男"
    doubtful = changed(sound, {(3, "性别"): other})
    rewrite(file, changed(doubtful, {(1, "民族"): "河谷族", (2, "出生日期"): "20210311"}))
    house.must("load", MONTH)
    assert package(house) == [(1, "validated")]
    rules = faults(house)
    assert len(rules) == 3 and set(rules.values()) == {"open"}

    issued = house.must("return", MONTH, "--owner", SLOT[1], "--by", OPERATOR, "--json")
    (only,) = json.loads(issued)["returns"]
    workbook = Path(only["path"])
    assert (only["n_records"], only["n_faults"]) == (3, 3)
    assert workbook.is_relative_to(house.data / "returns") and workbook.stat().st_mode & 0o077 == 0
    mended = ("已改", "")
    replies = {"民族": mended, "出生日期": mended, "性别": ("属实说明", "已核对户口簿")}
    assert answer(workbook, replies) == 3

    rewrite(file, doubtful)  # the corrected file, and the workbook with the replies
    said = json.loads(house.must("replies", "import", str(workbook), "--by", CLERK, "--json"))["files"][0]
    assert (said["n_replies"], said["n_waiting"]) == (3, 1)
    house.must("load", MONTH)
    assert package(house) == [(1, "superseded"), (2, "validated")]
    decision = ("--accept", "--reason", "已核户籍")
    decide = ("replies", "decide", only["return_id"], *decision)
    assert house.edu(*decide, "--by", CLERK)[0] == 2  # who replied does not decide
    house.must(*decide, "--by", REVIEWER)
    assert faults(house) == {rule: "accepted" if rule == "RC20" else "fixed" for rule in rules}
    return doubtful


def through_three_levels(house: House) -> str:
    """The county signs, the prefecture returns once and then accepts, the province approves; returns the release."""
    for county in COUNTIES:
        house.must("review", "sign", "--all-of", county, "--period", MONTH, "--by", f"u-{county}-03")
    # Nothing is published before the levels have done their part.
    assert house.edu("publish", MONTH, "--by", OPERATOR)[0] == 3
    why = ("--reason", "data_error", "--comment", "请说明性别与证件不一致的原因")
    house.must("review", "return", *SLOT, "--by", REVIEWER, *why)
    assert package(house)[-1] == (2, "returned_to_county")
    house.must("review", "submit", *SLOT, "--by", HEAD, "--comment", "已核对户口簿，属实")
    assert package(house) == [(1, "superseded"), (2, "superseded"), (3, "validated")]
    house.must("review", "sign", *SLOT, "--by", HEAD)
    below = ("--all-of", PREFECTURE, "--period", MONTH)
    house.must("review", "accept", *below, "--by", REVIEWER, "--comment", "提示已核")
    # The roll-up waits for the other counties, until somebody answers for doing without them.
    assert house.edu("review", "rollup", *below, "--by", COLLECTOR)[0] == 3
    house.must("review", "waive", *EVERYTHING, "--by", CHECKER, "--comment", "其他县未报")
    house.must("review", "rollup", *below, "--by", COLLECTOR)
    for approver in APPROVERS:
        assert package(house)[-1] == (3, "in_review_province")
        house.must("review", "approve", *EVERYTHING, "--by", approver)
    assert package(house)[-1] == (3, "approved")
    for approver in APPROVERS:
        house.must("review", "approve", MONTH, "--by", approver)
    release = str(json.loads(house.must("publish", MONTH, "--by", OPERATOR, "--json"))["id"])
    house.must("verify")
    assert package(house)[-1] == (3, "published")
    coverage = json.loads((house.settings.releases / "current" / "quality" / "coverage.json").read_text())
    directory = next(x for x in coverage["sources"] if x["source"] == SOURCES[0])
    assert coverage["status"] == "provisional" and (directory["expected"], directory["in_force"]) == (45, 2)
    return release


def frozen_for_assessment(house: House, release: str) -> dict[str, Any]:
    """The scorecard of the year, from the release that was approved."""
    assert house.edu("scorecard", "freeze", MONTH[:4], "--by", CLERK)[0] == 2  # a county does not assess
    done = json.loads(house.must("scorecard", "freeze", MONTH[:4], "--by", APPROVERS[0], "--json"))
    assert (done["version"], done["is_new"], done["release"]) == (1, True, release)
    return dict(json.loads(house.must("scorecard", "show", MONTH[:4], "--json")))


def the_frozen_scorecard_stays(house: House, frozen: dict[str, Any]) -> None:
    """After the correction and its release: the version of the assessment is what it was; new figures need a reason."""
    assert json.loads(house.must("scorecard", "show", MONTH[:4], "--json")) == frozen
    code, _, said = house.edu("scorecard", "freeze", MONTH[:4], "--by", APPROVERS[0])
    assert code == 0 or "--reason" in said, said
    assert json.loads(house.must("scorecard", "show", MONTH[:4], "--version", "1", "--json")) == frozen
    passed = house.rows(
        "SELECT DISTINCT status FROM ops.rule_result__rule_batch WHERE rule_id = 'RU12' AND n_tested > 0"
    )
    assert passed == [("passed",)]


def corrected_after_publication(house: House, file: Path, content: bytes, first: str) -> None:
    """One child less: held, because what is approved is frozen; reopened, it becomes a version and a release of its own."""
    lines = content.split(b"\n")
    rewrite(file, b"\n".join([*lines[:-2], lines[-1]]))
    envelope = file.with_name(file.name + ".envelope.json")
    paper = json.loads(envelope.read_text(encoding="utf-8"))
    paper["n_rows"] -= 1
    envelope.write_text(json.dumps(paper, ensure_ascii=False), encoding="utf-8")
    house.must("load", MONTH)
    assert package(house)[-2:] == [(3, "published"), (4, "draft")]
    house.must("review", "reopen", *SLOT, "--by", APPROVERS[0], "--comment", "one child was listed twice")
    assert package(house)[-2:] == [(3, "reopened"), (4, "validated")]
    house.must("load", MONTH)
    second = house.publish(MONTH)
    assert second != first and package(house)[-2:] == [(3, "superseded"), (4, "published")]
    changes = (house.settings.releases / "current" / "CHANGES.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(SLOT)} | v2 → v3 | <10 |" in changes
    found = json.loads(house.must("diff", *SLOT, "--json"))["corrections"][-1]
    assert found["n_deleted"] == 1 and found["n_added"] == 0
