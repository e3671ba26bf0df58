"""Explaining a figure, freezing a scorecard, recording decisions: what is kept, what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from test_mini_province_data import COLLEGE, A, fill

from warehouse.errors import BlockedError, UsageError
from warehouse.indicators import scorecard
from warehouse.indicators.explain import explain
from warehouse.indicators.record import decide_major, note_task
from warehouse.ledger import broken_links

MAJOR = "080901"


@pytest.fixture(scope="module")
def filled(make_world):
    world = make_world()
    fill(world)
    world.run()
    return world


@pytest.fixture
def world(fresh):
    d = fresh.deliver("graduate_register", COLLEGE, part="2025")
    fresh.row("raw.graduate_register__graduate", d, COLLEGE, college_code=COLLEGE, major_code=MAJOR, degree_level_code="31",
              graduation_year=2025, destination_code="10")  # fmt: skip
    fresh.run()
    return fresh


def test_explain_leads_from_the_value_to_the_files(filled) -> None:
    found = explain(filled.session, "i01", "province", 2025)
    (value,) = found["values"]
    assert (value["numerator"], value["denominator"], float(value["value_published"])) == (3, 24, 12.5)
    assert [(t["side"], t["measure_code"], t["value"]) for t in found["terms"]] == [
        ("numerator", "pupils_preschool", 3), ("denominator", "population_3_5", 24),
    ]  # fmt: skip
    assert found["sources"] == ["population", "preschool_registry"]
    assert {(f["source"], f["owner"]) for f in found["files"]} == {
        ("population", "63"), ("preschool_registry", "630102"), ("preschool_registry", "632301"),
    }  # fmt: skip
    assert {t["target_id"] for t in found["targets"]} == {"T01", "T27", "T37"}


def test_explain_of_a_county_names_its_own_files_only(filled) -> None:
    found = explain(filled.session, "I11.large", A, 2025)
    assert {f["owner"] for f in found["files"]} == {A}
    # an old county code leads to the unit of today
    assert explain(filled.session, "I11", "632321", 2025)["region_code"] == "632301"


def test_explain_says_why_there_is_no_value(filled) -> None:
    from pipelines.cli.explain import words

    text = "\n".join(words(explain(filled.session, "I06", "province", 2025)))
    assert "needs_history" in text and "初中毕业班学生数" in text and "1 年前" in text
    text = "\n".join(words(explain(filled.session, "I01", "province", 2025)))
    assert "12.5 % = 3 ÷ 24" in text and "95%" in text and "≤ 20.83" in text


@pytest.mark.parametrize(("indicator", "region", "year", "said"), [
    ("I99", "province", 2025, "no indicator"), ("I01", "atlantis", 2025, "no region"), ("I01", "province", 1999, "known years: 2025"),
])  # fmt: skip
def test_explain_refuses_what_is_not_there(filled, indicator: str, region: str, year: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        explain(filled.session, indicator, region, year)


def test_a_major_goes_one_step_at_a_time(world) -> None:
    s = world.session
    for before, state in (
        ("normal", "watch"),
        ("watch", "warning"),
        ("warning", "suspended"),
        ("suspended", "exit"),
    ):
        assert decide_major(s, COLLEGE, MAJOR, 2025, state, "u-1", "低于中位数") == before
    with pytest.raises(UsageError, match="cannot become"):
        decide_major(s, COLLEGE, MAJOR, 2026, "normal", "u-1", "again")
    assert s.value(
        "SELECT count(*) FROM ops.ledger__event WHERE event = 'major_decided'"
    ) == 4 and not broken_links(s)
    world.run()
    assert s.rows(
        "SELECT state_code, state_name_zh, decided_year FROM mart.major_warning__school_major_year"
    ) == [("exit", "退出", 2025)]


@pytest.mark.parametrize("state", ["exit", "normal", "suspended", "warning", "watch"])
def test_only_one_step_at_a_time_is_allowed(world, state: str) -> None:
    if state == "watch":
        decide_major(world.session, COLLEGE, MAJOR, 2025, state, "u-1", "why")
    else:
        with pytest.raises(UsageError):
            decide_major(world.session, COLLEGE, MAJOR, 2025, state, "u-1", "why")


@pytest.mark.parametrize("change", [
    {"major": "999999"}, {"state": "gone"}, {"by": "张三"}, {"reason": " "}, {"reason": "see 13912345678"},
])  # fmt: skip
def test_decisions_that_are_refused(world, change: dict[str, str]) -> None:
    given = {
        "college": COLLEGE,
        "major": MAJOR,
        "year": 2025,
        "state": "watch",
        "by": "u-1",
        "reason": "why",
    } | change
    with pytest.raises(UsageError):
        decide_major(world.session, **given)
    assert world.session.value("SELECT count(*) FROM ops.major__decision") == 0


def test_a_task_keeps_its_last_progress(world) -> None:
    s = world.session
    note_task(s, "8", "2025-09", 40, "u-1", "规划已制定", None)
    note_task(s, "8", "2025-09", 60, "u-1", "三所学校已扩建", "class_size__region_stage_month")
    world.run()
    assert s.rows(
        "SELECT pct_done, progress_code, evidence, lead_zh FROM mart.policy_task__item WHERE item = '8'"
    ) == [(60, "under_way", "class_size__region_stage_month", "各市州政府")]
    assert s.value("SELECT count(*) FROM mart.policy_task__item") == s.value(
        "SELECT count(*) FROM ref.policy_task"
    )


@pytest.mark.parametrize(
    "change", [{"item": "99"}, {"percent": 101}, {"evidence": "nowhere"}, {"note": ""}, {"by": "李 四"}]
)
def test_progress_that_is_refused(world, change) -> None:
    given = {
        "item": "8",
        "period": "2025-09",
        "percent": 10,
        "by": "u-1",
        "note": "x",
        "evidence": None,
    } | change
    with pytest.raises(UsageError):
        note_task(world.session, **given)


@pytest.fixture
def released(filled, tmp_path: Path, monkeypatch):
    """A release folder that verifies, with the scorecard of the mini province."""
    folder = tmp_path / "v2025.9.0" / "parquet"
    folder.mkdir(parents=True)
    file = folder / f"{scorecard.MART}.parquet"
    filled.session.execute(f"COPY (FROM mart.{scorecard.MART}) TO '{file}' (FORMAT parquet)")
    monkeypatch.setattr(scorecard, "current_id", lambda settings: "v2025.9.0")
    monkeypatch.setattr(scorecard, "verify_current", lambda settings: SimpleNamespace(require=lambda: None))
    return SimpleNamespace(releases=tmp_path), file


def test_a_frozen_scorecard_never_changes(fresh, released) -> None:
    settings, file = released
    s = fresh.session
    first = scorecard.freeze(s, settings, 2025, "u-1")
    assert (first["version"], first["is_new"], first["release"]) == (1, True, "v2025.9.0")
    assert scorecard.freeze(s, settings, 2025, "u-1")["is_new"] is False
    duckdb.connect().execute(
        f"COPY (SELECT * REPLACE (gap + 1 AS gap) FROM read_parquet('{file}')) TO '{file}.new' (FORMAT parquet)"
    )
    Path(f"{file}.new").replace(file)
    with pytest.raises(UsageError, match="frozen as version 1"):
        scorecard.freeze(s, settings, 2025, "u-1")
    assert scorecard.freeze(s, settings, 2025, "u-2", "correction of A")["version"] == 2
    one, two = scorecard.frozen(s, 2025, 1), scorecard.frozen(s, 2025)
    assert one["content_hash"] == first["content_hash"] != two["content_hash"]
    assert {r["target_id"] for r in one["rows"]} == {f"T{n:02d}" for n in range(1, 46)}
    assert s.value(
        "SELECT count(*) FROM ops.ledger__event WHERE event = 'scorecard_frozen'"
    ) == 2 and not broken_links(s)
    s.execute("UPDATE ops.scorecard__frozen SET rows_json = ? WHERE version = 1", [json.dumps([])])
    with pytest.raises(BlockedError, match="was changed"):
        scorecard.frozen(s, 2025, 1)


def test_nothing_is_frozen_without_a_release(fresh, released, monkeypatch) -> None:
    settings, _ = released
    with pytest.raises(UsageError, match="no month of 2019"):
        scorecard.freeze(fresh.session, settings, 2019, "u-1")
    monkeypatch.setattr(scorecard, "current_id", lambda settings: None)
    with pytest.raises(BlockedError, match="no release"):
        scorecard.freeze(fresh.session, settings, 2025, "u-1")
    with pytest.raises(UsageError, match="no frozen scorecard"):
        scorecard.frozen(fresh.session, 2025)
