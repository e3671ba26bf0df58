"""`edu scorecard`, `edu major`, `edu task`: freezing the yearly scorecard, decisions about majors, progress of the tasks."""

from __future__ import annotations

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings

_BY = "Account id of the person who decides, for example u-6300-01."


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
    """冻结 / Freeze the scorecard of YEAR from the current, approved release: edu scorecard freeze 2025 --by u-6300-01"""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.indicators.scorecard import freeze as run

    with open_warehouse(settings) as session:
        prepare(session)
        done = run(session, settings, year, by, reason)
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
        "目标",
        "名称",
        "范围",
        "要求",
        "现值",
        "差距",
        "状态",
        "牵头",
        title=f"{year} · v{found['version']} · {found['release']}",
    )
    for r in found["rows"]:
        value, gap = (
            r["value_published"] if r["value_published"] is not None else r["value_unrounded"],
            r["gap"],
        )
        table.add_row(
            f"{r['target_id']}.{r['part_no']}", r["target_name_zh"], r["region_name_zh"] or "",
            f"{r['op']} {r['target_value']:g}" if r["target_value"] is not None else "",
            "–" if value is None else str(value), "–" if gap is None else f"{gap:+.1f}",
            r["status_code"] if r["status_code"] != "not_computable" else f"{r['status_code']}: {r['reason_zh']}", r["lead_zh"] or "",
        )  # fmt: skip
    Console(stderr=True, soft_wrap=True).print(table)
    emit(as_json, found)


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

    with open_warehouse(settings) as session:
        prepare(session)
        before = decide_major(session, college, major_code, year, state, by, reason)
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

    check_period(period)
    with open_warehouse(settings) as session:
        prepare(session)
        note_task(session, item, period, percent, by, note, evidence)
    say(f"✓ {item}: {percent} %")
