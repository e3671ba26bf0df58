"""`edu calendar` and `edu diff`: what is expected, late or missing, and what a corrected file changed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click

from pipelines.cli.desk import open_desk
from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings


@click.command(short_help="Which packages are expected, late or missing")
@click.argument("period")
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Judge lateness on this day; default: today."
)
@json_option
@with_settings
def calendar(settings: Settings, period: str, as_of: Any, as_json: bool) -> None:
    """日历 / Packages expected for PERIOD by the calendar: arrived, late, missing, waived. Example: edu calendar 2025-09"""
    from warehouse.landing import check_period
    from warehouse.workflow.calendar import due_dates, overview

    check_period(period)
    today = as_of.date() if as_of else date.today()
    with open_desk(settings) as desk:
        lines = overview(desk.session, period, settings.province_code, today)
    for source in dict.fromkeys(line["source"] for line in lines):
        mine = [line for line in lines if line["source"] == source]
        missing = [line["owner"] for line in mine if line["missing"] and not line["waived"]]
        due = due_dates(source, period)
        late = sum(line["late"] for line in mine)
        say(
            f"  {source:22} due {due.owner if due else ''}  {sum(not x['missing'] for x in mine):3} of {len(mine):3} arrived"
            f"  {late:3} late  {sum(bool(x['waived']) for x in mine):3} waived"
            + (f"  缺 missing: {', '.join(missing[:8])}{' …' if len(missing) > 8 else ''}" if missing else "")
        )
    emit(as_json, {"period": period, "packages": lines})


@click.command(short_help="What a corrected file changed")
@click.argument("source")
@click.argument("owner")
@click.argument("period")
@json_option
@with_settings
def diff(settings: Settings, source: str, owner: str, period: str, as_json: bool) -> None:
    """更正对照 / Rows added, deleted and changed by each corrected delivery, by column; counts only.

    For example: edu diff student_registry OWNER 2025-09
    """
    with open_desk(settings) as desk:
        names = (
            "part", "version", "previous_version", "n_before", "n_after", "n_added", "n_deleted", "n_changed", "columns",
            "reason",
        )  # fmt: skip
        found = [
            dict(zip(names, row, strict=True))
            for row in desk.session.rows(
                f"SELECT {', '.join(names)} FROM ops.restatement__delivery WHERE source = ? AND owner = ? AND period = ? "
                "ORDER BY part, version",
                [source, owner, period],
            )
        ]
    for d in found:
        d["columns"] = json.loads(d["columns"])
        say(
            f"  v{d['previous_version']} → v{d['version']} {d['part']}: {d['n_before']} → {d['n_after']} rows; "
            f"+{d['n_added']} −{d['n_deleted']} ≠{d['n_changed']}   原因 reason: {d['reason']}"
        )
        for column, n in sorted(d["columns"].items(), key=lambda x: -x[1]):
            say(f"      {column:28} {n}")
    if not found:
        say("  no corrected version")
    emit(as_json, {"source": source, "owner": owner, "period": period, "corrections": found})
