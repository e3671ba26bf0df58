"""`edu scorecard`, `edu major`, `edu task`: freezing the yearly scorecard, decisions about majors, progress of the tasks."""

from __future__ import annotations

from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings

_BY = "Account of the person who acts; its role must allow it (review_role.csv)."


@click.group(short_help="The yearly scorecard for assessment")
def scorecard() -> None:
    """年度成绩单 / Freeze the targets of a year for assessment, and show what was frozen."""


@scorecard.command(short_help="Freeze a year from the current release")
@click.argument("year", type=int)
@click.option("--by", required=True, help=_BY)
@click.option("--reason", help="Why a further version is needed; the earlier one stays.")
@json_option
@with_settings
def freeze(settings: Settings, year: int, by: str, reason: str | None, as_json: bool) -> None:
    """冻结 / Freeze the scorecard of YEAR from the current, approved release: edu scorecard freeze 2025 --by demo-director"""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.indicators.scorecard import freeze as run
    from warehouse.workflow.duties import on_duty

    who = on_duty(settings, by, "assess")
    with open_warehouse(settings) as session:
        prepare(session)
        done = run(session, settings, year, who.account, reason)
    what = "已冻结 frozen" if done["is_new"] else "内容未变 nothing changed"
    say(
        f"✓ {year} 第 {done['version']} 版 version {done['version']}: {what} · {done['release']} · {done['n_rows']} rows"
    )
    emit(as_json, done)


@scorecard.command(short_help="A frozen scorecard")
@click.argument("year", type=int)
@click.option("--version", type=int, help="Default: the newest.")
@json_option
@with_settings
def show(settings: Settings, year: int, version: int | None, as_json: bool) -> None:
    """查看 / Show the frozen scorecard of YEAR; its content is checked against its hash."""
    from rich.console import Console
    from rich.table import Table

    from warehouse.engine.duckdb import open_reader
    from warehouse.indicators.scorecard import frozen

    with open_reader(settings) as session:
        found = frozen(session, year, version)
    table = Table(
        "目标 target",
        "名称 name",
        "范围 region",
        "要求 wanted",
        "现值 value",
        "差距 gap",
        "趋势 trend",
        "每年需 a year",
        "状态 status",
        "来源 origin",
        "牵头 lead",
        "协同 with",
        title=f"{year} · v{found['version']} · {found['release']}",
    )
    for r in found["rows"]:
        table.add_row(*_line(r))
    Console(stderr=True, soft_wrap=True).print(table)
    emit(as_json, found)


_STATUS = {"met": "达标 met", "not_met": "未达标 not met"}
_TREND = {"improving": "好转 better", "worsening": "退步 worse", "steady": "持平 same"}
_HOW = {
    "computed": "本库计算 computed",
    "reported": "部门报送 reported",
    "not_collected": "未采集 not collected",
}


def _line(r: dict[str, Any]) -> list[str]:
    """A row of the scorecard as texts: the value with its year, and why there is none."""
    value = r["value_published"] if r["value_published"] is not None else r["value_unrounded"]
    due = f" ({r['target_year']})" if r["target_year"] else ""
    number = f"{r['target_id']}.{r['part_no']}" if r["part_no"] else str(r["target_id"])
    status = _STATUS.get(r["status_code"], f"无法判定 not judged: {r['reason_zh']}")
    status += " · 暂定 provisional" if r["is_provisional"] else ""
    status += " · 逾期 overdue" if r["is_overdue"] else ""
    return [
        number, r["target_name_zh"], r["region_name_zh"] or "",
        f"{r['op']} {r['target_value']:g}{due}" if r["target_value"] is not None else "",
        "–" if value is None else f"{float(value):g} ({r['year']})", "–" if r["gap"] is None else f"{r['gap']:+.1f}",
        _TREND.get(r["trend_code"], "–"), "–" if r["pace_needed"] is None else f"{r['pace_needed']:+.1f}",
        status, _HOW[r["computability_code"]], r["lead_zh"] or "",
        (r["co_units_zh"] or "").replace("|", "、"),
    ]  # fmt: skip


@click.group(short_help="Decisions about majors (items 11, 18)")
def major() -> None:
    """专业预警 / Record the state of a major; the rule only proposes."""


@major.command(short_help="Record the state of a major")
@click.argument("college")
@click.argument("major_code")
@click.argument("state")
@click.option("--year", type=int, required=True, help="Cohort from which the state holds.")
@click.option("--reason", required=True, help="Why, in a few words; no persons.")
@click.option("--by", required=True, help=_BY)
@with_settings
def decide(
    settings: Settings, college: str, major_code: str, state: str, year: int, reason: str, by: str
) -> None:
    """决定 / Record STATE (normal, watch, warning, suspended, exit) of MAJOR_CODE at COLLEGE; it shows after the next load."""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.indicators.record import decide_major
    from warehouse.workflow.duties import on_duty

    who = on_duty(settings, by, "major")
    with open_warehouse(settings) as session:
        prepare(session)
        before = decide_major(session, college, major_code, year, state, who.account, reason)
    say(f"✓ {college} {major_code}: {before} → {state} ({year})")


@click.group(short_help="Progress of the policy's tasks")
def task() -> None:
    """任务清单 / Record how far a task is (三·二)."""


@task.command(short_help="Record the progress of a task")
@click.argument("item")
@click.argument("percent", type=int)
@click.option("--period", required=True, help="Month, YYYY-MM.")
@click.option("--note", required=True, help="In a few words; no persons.")
@click.option("--evidence", help="Mart that shows it.")
@click.option("--by", required=True, help=_BY)
@with_settings
def note(
    settings: Settings, item: str, percent: int, period: str, note: str, evidence: str | None, by: str
) -> None:
    """记录 / Record that ITEM is PERCENT done: edu task note 8 60 --period 2025-11 --note … --by u-1"""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.indicators.record import note_task
    from warehouse.landing import check_period
    from warehouse.workflow.duties import on_duty

    check_period(period)
    who = on_duty(settings, by, "progress")
    with open_warehouse(settings) as session:
        prepare(session)
        note_task(session, item, period, percent, who.account, note, evidence)
    say(f"✓ {item}: {percent} %")
