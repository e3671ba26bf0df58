"""`edu case`, `edu gaps` and `edu snapshot`: the dropout register, gap lists of counties, snapshots for analysts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from warehouse.engine.duckdb import Session


def last_period(session: Session) -> str:
    """The last month with a history. Raises UsageError if there is none."""
    found = session.value("SELECT max(period) FROM core.standing__person_month")
    if not found:
        raise UsageError("还没有载入任何月份 / no month is loaded yet", "edu load PERIOD")
    return str(found)


@click.group(short_help="Register of dropout cases")
def case() -> None:
    """控辍保学个案 / Suspected dropouts as cases that people verify and move."""


@case.command("open", short_help="Open cases for the suspicions of a month")
@click.argument("period")
@click.option("--by", "account", required=True, help="Account id.")
@with_settings
def open_(settings: Settings, period: str, account: str) -> None:
    """立案 / Open a case for every suspicion of PERIOD that has none yet. Example: edu case open 2025-11 --by u-6300-01"""
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.monitor.cases import open_cases

    with open_warehouse(settings) as session:
        say(f"✓ {open_cases(session, period, account)} cases opened")


@case.command("list", short_help="Open cases")
@click.option("--county", help="Only of this county.")
@click.option("--state", help="Only in this state.")
@click.option("--all", "everything", is_flag=True, help="Also closed cases.")
@json_option
@with_settings
def list_(settings: Settings, county: str | None, state: str | None, everything: bool, as_json: bool) -> None:
    """个案清单 / Cases by keys and codes; the page of a person comes from `edu card`."""
    from warehouse.engine.duckdb import open_reader
    from warehouse.monitor.cases import list_cases, return_rate

    with open_reader(settings) as session:
        found = list_cases(session, county=county, state=state, everything=everything)
        returned, confirmed = return_rate(session)
    for c in found:
        seen = "  再次在籍 seen again" if c.is_seen_again else ""
        say(
            f"{c.case_id}  {c.opened_period}  {c.county_code}  {c.kind_code:<18} {c.state:<20} {c.person_id}{seen}"
        )
    say(f"{len(found)} cases · 返校 returned {returned} / 确认 confirmed {confirmed}")
    emit(as_json, {"cases": [vars(c) for c in found], "returned": returned, "confirmed": confirmed})


@case.command("move", short_help="Move a case to its next state")
@click.argument("case_id")
@click.argument("state")
@click.option("--by", "account", required=True, help="Account id.")
@click.option("--reason", help="Code of the reason (dropout_reason.csv); needed for confirmed.")
@click.option("--evidence", help="Number of the evidence, e.g. of the visit.")
@with_settings
def move(
    settings: Settings, case_id: str, state: str, account: str, reason: str | None, evidence: str | None
) -> None:
    """处理个案 / Move CASE_ID to STATE. Example: edu case move 0f3a… confirmed --reason 04 --evidence ZF-2025-1 --by u-county-3"""
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.monitor.cases import move_case

    with open_warehouse(settings) as session:
        before = move_case(session, case_id, state, account, reason=reason, evidence=evidence)
    say(f"✓ {case_id}: {before} → {state}")


@click.command(short_help="Gap list of a county: who, what is due, why, what to check")
@click.argument("county")
@click.option("--purpose", default="aid", show_default=True, help="Purpose; it is recorded.")
@click.option("--by", "account", required=True, help="Account id of the county officer.")
@click.option("--second", help="Second approver, for more than 1 000 persons.")
@click.option("--period", help="Month; default: the last one loaded.")
@with_settings
def gaps(
    settings: Settings, county: str, purpose: str, account: str, second: str | None, period: str | None
) -> None:
    """缺口清单 / Write the printable gap list of COUNTY (mode 0600). Example: edu gaps COUNTY --by u-county-07"""
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.monitor.gaps import write_gaps

    keys = load_keys(settings.key_file, may_create=False)
    with open_warehouse(settings) as session:
        month = period or last_period(session)
        file, lines = write_gaps(session, settings, keys, county, month, purpose, account, second)
    say(f"✓ {lines} 行 lines: {file}")


@click.command(short_help="Extract for a recipient under an agreement")
@click.argument("agreement")
@click.option("--by", "account", required=True, help="Account id.")
@click.option("--second", required=True, help="Account id of the approver, another person.")
@click.option("--period", help="Month; default: the last one loaded.")
@with_settings
def feedback(settings: Settings, agreement: str, account: str, second: str, period: str | None) -> None:
    """两后生反馈 / Two-later youth willing to train, cut to AGREEMENT.

    Example: edu feedback A-LABOUR-1 --by u-6300-01 --second u-6300-02
    """
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.monitor.feedback import write_feedback

    keys = load_keys(settings.key_file, may_create=False)
    with open_warehouse(settings) as session:
        month = period or last_period(session)
        file, lines = write_feedback(session, settings, keys, agreement, month, account, second)
    say(f"✓ {lines} 行 lines: {file}")


@click.command(short_help="Read-only snapshot of pseudonymised persons for analysts")
@click.option("--purpose", required=True, help="planning or evaluation; its key makes the pseudonyms.")
@click.option("--by", "account", required=True, help="Account id of the analyst.")
@click.option("--second", help="Second approver, for more than 1 000 persons.")
@click.option("--from", "first", help="First month; default: twelve months before the last.")
@click.option("--to", "last", help="Last month; default: the last one loaded.")
@click.option(
    "--rotate", is_flag=True, help="Make a new key for the purpose first: new pseudonyms from here on."
)
@json_option
@with_settings
def snapshot(
    settings: Settings,
    purpose: str,
    account: str,
    second: str | None,
    first: str | None,
    last: str | None,
    rotate: bool,
    as_json: bool,
) -> None:
    """分析快照 / Write a snapshot folder. Example: edu snapshot --purpose planning --by u-an-1 --second u-6300-02"""
    from warehouse.analysis.snapshot import make_snapshot
    from warehouse.engine.duckdb import open_warehouse

    with open_warehouse(settings) as session:
        end = last or last_period(session)
        start = first or f"{int(end[:4]) - 1}-{end[5:]}"
        folder, facts = make_snapshot(
            session, settings, purpose, account, first=start, last=end, second=second, rotate=rotate
        )
    say(f"✓ {facts['rows']} rows, at least {facts['smallest_class']} alike: {folder}")
    emit(as_json, {"folder": str(folder), **facts})
