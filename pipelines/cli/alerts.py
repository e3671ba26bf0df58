"""`edu watch` for cron or a timer, and `edu alerts test`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, say_error, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

STALE = 6  # exit code: the last good snapshot is too old, or the daemon is silent


@click.group(short_help="Alerts: try the ways of sending")
def alerts() -> None:
    """提醒 / Mail and webhook, set in edu.toml [alerts]. Example: edu alerts test"""


@alerts.command(short_help="Send a test message on every configured way")
@with_settings
def test(settings: Settings) -> None:
    """测试 / Send a test message by mail and webhook, whichever is configured."""
    from warehouse.alerts import Alert, notify

    sent = notify(settings, [Alert("test", "这是一条测试提醒", "this is a test message")], repeat=True)
    if not sent:
        raise UsageError("没有设置提醒方式 / no way of sending is configured", "set [alerts] in edu.toml")
    _tell(sent)
    if not all(s.ok for s in sent):
        sys.exit(1)


@click.command(short_help="Look what somebody should be told of, and tell them")
@click.option(
    "--daemon-minutes",
    default=0,
    help="Also fail when Dagster's daemon gave no sign for so long; 0 = do not ask.",
)
@json_option
@with_settings
def watch(settings: Settings, daemon_minutes: int, as_json: bool) -> None:
    """值守 / For cron or a systemd timer: late units, overdue reviews, failed doors, and a pipeline that is silent (exit code 6).

    For example: */30 * * * * edu watch --daemon-minutes 15
    """
    from warehouse.alerts import Alert, notify
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.watch import look

    found = []
    if settings.warehouse_file.exists():
        with open_warehouse(settings) as session:
            prepare(session)
            found = look(session, settings, datetime.now())
    if daemon_minutes and not _daemon_lives(settings, daemon_minutes):
        text = (
            f"调度程序已超过 {daemon_minutes} 分钟没有心跳",
            f"the daemon gave no sign for {daemon_minutes} minutes",
        )
        found.append(Alert("silent daemon", *text))
    for a in found:
        say(f"! {a.zh}\n  {a.en}")
    sent = notify(settings, found)
    _tell(sent)
    emit(as_json, {"alerts": [vars(a) for a in found], "sent": [vars(s) for s in sent]})
    if any(a.key.startswith("silent") for a in found):
        sys.exit(STALE)
    if not found:
        say("✓ 无需提醒 / nothing to tell")


def _daemon_lives(settings: Settings, minutes: int) -> bool:
    import time

    from pipelines.run import dagster_home

    dagster_home(settings)
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        beats = [h.timestamp for h in instance.get_daemon_heartbeats().values()]
    return bool(beats) and time.time() - max(beats) <= minutes * 60


def _tell(sent: list[Any]) -> None:
    for s in sent:
        if s.ok:
            say(f"✓ {s.way}: 已发送 / sent")
        else:
            say_error(f"{s.way}: {s.error}", "check [alerts] in edu.toml; `edu alerts test` tries again")


def tell_of_load(settings: Settings, period: str) -> None:
    """After a load that stopped at a door: tell, if anybody wants to be told. Never raises."""
    from warehouse.alerts import notify, ways
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.errors import EduError
    from warehouse.workflow.watch import failed_load

    try:
        if ways(settings):
            with open_warehouse(settings) as session:
                found = failed_load(session, period)
            _tell(notify(settings, found))
    except EduError as error:
        say_error(error.message)
