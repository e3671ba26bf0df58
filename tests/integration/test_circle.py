"""The whole circle: a file with faults → returned → corrected → validated → signed → accepted → rolled up → approved → published,
then a correction of what was approved: held, reopened, compared, published again."""

from __future__ import annotations

import json
import os

import pytest

from integration.house import OPERATOR, House, rewrite, without_column
from sample import generate

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_INTEGRATION") != "1", reason="takes many minutes: EDU_INTEGRATION=1 runs it"
)
MONTH = "2025-09"
SOURCES = ("school_directory", "preschool_registry")
COUNTIES = ("630102", "630103")


def package(house: House) -> list[tuple[int, str]]:
    return house.rows(
        f"SELECT version, state FROM ops.review__package WHERE source = '{SOURCES[1]}' AND owner = '{COUNTIES[1]}' ORDER BY 1"
    )


def test_the_circle(tmp_path):
    drawn = tmp_path / "drawn"
    generate(drawn, scale=0.002, periods=(MONTH,), sources=SOURCES, csv_only=True)
    house = House(tmp_path / "house")
    house.deliver(drawn / "landing", [MONTH], SOURCES, COUNTIES)
    file = next((house.settings.landing / SOURCES[1] / MONTH).glob(f"*{COUNTIES[1]}*.csv"))
    sound = file.read_bytes()
    rewrite(file, without_column(sound, "幼儿姓名"))
    assert house.edu("load", MONTH)[0] == 3
    assert package(house) == [(1, "rejected_auto")]

    rewrite(file, sound)
    house.must("load", MONTH)
    assert package(house) == [(1, "superseded"), (2, "validated")]
    # Nothing is published before the levels have done their part.
    assert house.edu("publish", MONTH, "--by", OPERATOR)[0] == 3
    first = house.publish(MONTH)
    assert package(house) == [(1, "superseded"), (2, "published")]
    coverage = json.loads((house.settings.releases / "current" / "quality" / "coverage.json").read_text())
    directory = next(x for x in coverage["sources"] if x["source"] == SOURCES[0])
    assert coverage["status"] == "provisional" and (directory["expected"], directory["in_force"]) == (45, 2)

    # A correction: one child less. It is held, because what is approved is frozen.
    lines = sound.split(b"\n")
    rewrite(file, b"\n".join([*lines[:-2], lines[-1]]))
    envelope = file.with_name(file.name + ".envelope.json")
    paper = json.loads(envelope.read_text(encoding="utf-8"))
    paper["n_rows"] -= 1
    envelope.write_text(json.dumps(paper, ensure_ascii=False), encoding="utf-8")
    house.must("load", MONTH)
    assert package(house)[-2:] == [(2, "published"), (3, "draft")]
    slot = (SOURCES[1], COUNTIES[1], MONTH)
    house.must("review", "reopen", *slot, "--by", "u-review-1", "--comment", "one child was listed twice")
    assert package(house)[-2:] == [(2, "reopened"), (3, "validated")]
    house.must("load", MONTH)
    second = house.publish(MONTH)
    assert second != first and package(house)[-2:] == [(2, "superseded"), (3, "published")]
    found = json.loads(house.must("diff", *slot, "--json"))["corrections"][-1]
    assert found["n_deleted"] == 1 and found["n_added"] == 0
    house.must("verify", "--ledger", "--archive")
