"""`edu return`, `edu replies` and `edu replay`: what is wrong goes back to its owner, and comes back mended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.desk import by_option
from pipelines.cli.shell import emit, json_option, progress, say, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from warehouse.returns.wording import RuleText


class _Texts(dict[str, Any]):
    """Rule texts; a rule that is no longer in the book still has a name."""

    def __missing__(self, rule_id: str) -> RuleText:
        from warehouse.returns.wording import RuleText

        return RuleText(rule_id, rule_id, "该规则已停用", "联系省级教育数据中心")


def rule_texts() -> dict[str, RuleText]:
    """What each rule says to a clerk, from the rule book."""
    from expectations.rule import all_rules
    from warehouse.returns.wording import RuleText

    return _Texts({r.id: RuleText(r.id, r.title_zh, r.statement_zh, r.fix_zh) for r in all_rules().values()})


@click.command("return", short_help="Write return workbooks for the owners of faulty files and rows")
@click.argument("period")
@click.option("--owner", help="County, college or province code.")
@click.option(
    "--all", "everyone", is_flag=True, help="Every owner with open faults that the account answers for."
)
@click.option("--school", default="", help="Only the records of one school (id of 10 digits); needs --owner.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: data/returns/PERIOD.")
@by_option
@json_option
@with_settings
def return_command(
    settings: Settings,
    period: str,
    owner: str | None,
    everyone: bool,
    school: str,
    out: Path | None,
    account: str,
    as_json: bool,
) -> None:
    """退回 / Write one workbook per owner with every open fault of PERIOD: what is wrong, how to mend it, where to reply.

    The workbooks show persons (masked): the folder is closed to others, and each writing is an event of the ledger.

    Example: edu return 2025-09 --all --by u-centre-05   (an operator; a prefecture's account writes those of its own counties)
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.landing import check_period
    from warehouse.returns import issue
    from warehouse.workflow.duties import on_duty, reaches, require

    check_period(period)
    if everyone == bool(owner) or (school and not owner):
        raise UsageError("Name one owner, or all", "edu return PERIOD --owner CODE [--school ID], or --all")
    who = on_duty(settings, account, "return")
    written = []
    with progress(f"退回 {period}"), open_warehouse(settings) as session:
        prepare(session)
        keys = load_keys(settings.key_file, may_create=False)
        texts = rule_texts()
        if owner:
            require(session, settings, who, "return", owner)
            owners = [owner]
        else:
            owners = [
                o for o in issue.owners(session, period) if reaches(session, settings, who, "return", o)
            ]
        for one in owners:
            found = issue.write_return(
                session, settings, keys, texts, one, period, by=who.account, school=school, out=out
            )
            if found:
                written.append(found)
    for w in written:
        more = f", {w.n_escalated} for the third time → report to the upper leader" if w.n_escalated else ""
        say(f"✓ {w.return_id}: {w.n_records:,} records, {w.n_faults:,} faults, due {w.due_on}{more}")
        say(f"    {w.path}")
    if not written:
        say(f"✓ 没有需要退回的问题 / nothing to return for {period}")
    else:
        say("  next: hand each file to its owner over a protected channel; edu replies import FILE")
    emit(as_json, {"returns": [vars(w) for w in written]})


@click.group(short_help="Replies of the owners: import, list, decide")
def replies() -> None:
    """整改回复 / Replies that came back in return workbooks."""


@replies.command("import", short_help="Read replies back from return workbooks")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@by_option
@json_option
@with_settings
def import_replies(settings: Settings, files: tuple[Path, ...], account: str, as_json: bool) -> None:
    """导入 / Take in the replies of FILES. Notes stay in the encrypted archive; the warehouse keeps choice and hash.

    Example: edu replies import 退回单-*.xlsx --by u-county-01   (an account of the unit that replies)
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.returns import replies as book
    from warehouse.workflow.duties import on_duty

    who = on_duty(settings, account, "reply")
    results = []
    with open_warehouse(settings) as session:
        prepare(session)
        keys = load_keys(settings.key_file, may_create=False)
        for file in files:
            found = book.import_file(session, settings, keys, file, by=who)
            results.append({"file": file.name, **vars(found)})
            if found.is_known:
                say(f"✓ {file.name}: imported before, nothing changed")
                continue
            say(
                f"✓ {file.name}: {found.return_id}, {found.n_replies} replies, {found.n_empty} items without a reply"
            )
            for item in found.not_understood[:10]:
                say(f"  ✗ 编号 {item}: 回复不在列表中 / the reply is not one of the list")
            if found.n_unknown:
                say(f"  ✗ {found.n_unknown} items are not items of this return and were left out")
    waiting = sum(r["n_waiting"] for r in results)
    if waiting:
        say(f"  next: {waiting} faults wait for a decision: edu replies list, then edu replies decide")
    emit(as_json, {"files": results})


@replies.command("list", short_help="Faults that wait for a decision or are escalated")
@click.option("--owner", help="Only this owner.")
@json_option
@with_settings
def list_replies(settings: Settings, owner: str | None, as_json: bool) -> None:
    """待裁定 / What the prefecture must decide, by owner, reply and rule; and what was returned three times. Counts only."""
    from rich.console import Console
    from rich.table import Table

    from warehouse.engine.duckdb import open_reader

    sql = """SELECT owner, source, return_id, coalesce(reply, '') AS reply, rule_id, count(*),
                    count(*) FILTER (awaits_decision), count(*) FILTER (is_escalated), min(item_no)
             FROM ops.fault_state__fault WHERE (awaits_decision OR is_escalated) AND owner = coalesce(?, owner)
             GROUP BY ALL ORDER BY ALL"""
    names = ("owner", "source", "return_id", "reply", "rule", "faults", "waiting", "escalated", "first_item")
    with open_reader(settings) as session:
        found = [dict(zip(names, row, strict=True)) for row in session.rows(sql, [owner])]
    table = Table("报送单位", "来源", "退回编号", "回复", "规则", "问题数", "待裁定", "三次退回", "首项")
    for row in found:
        table.add_row(*(str(row[name] if row[name] is not None else "") for name in names))
    Console(stderr=True).print(table if found else "✓ 没有待裁定事项 / nothing waits")
    emit(as_json, {"waiting": found})


@replies.command(short_help="Accept or reject what an owner says is true")
@click.argument("return_id")
@click.option("--accept/--reject", "accept", required=True, default=None, help="The decision.")
@click.option("--item", "items", multiple=True, help="Item number (repeatable); default: all that wait.")
@click.option("--rule", help="Only faults of this rule.")
@click.option("--reason", required=True, help="Why; no names, no numbers of persons.")
@by_option
@json_option
@with_settings
def decide(
    settings: Settings,
    return_id: str,
    accept: bool,
    items: tuple[str, ...],
    rule: str | None,
    reason: str,
    account: str,
    as_json: bool,
) -> None:
    """裁定 / Decide on replies of RETURN_ID that wait. Accepted faults are not returned again; rejected ones stay open.

    Example: edu replies decide RT-2025-09-CODE-01 --accept --rule RC28 --reason 已核户籍 --by u-pref-02
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.returns import replies as book
    from warehouse.workflow.duties import on_duty

    who = on_duty(settings, account, "decide")
    with open_warehouse(settings) as session:
        prepare(session)
        n = book.decide(
            session, settings, return_id, accept=accept, items=items, rule=rule, reason=reason, by=who
        )
    say(f"✓ {return_id}: {n} faults {'accepted' if accept else 'rejected'}")
    emit(as_json, {"return_id": return_id, "faults": n, "decision": "accepted" if accept else "rejected"})


@click.command(short_help="Judge quarantined rows and refused files again after a rule or list was mended")
@click.option("--source", help="Only this source.")
@click.option("--period", help="Only this month.")
@click.option("--rule", help="Only rows and files that this rule holds back.")
@click.option("--dry-run", is_flag=True, help="Say what would be judged again; change nothing.")
@by_option
@json_option
@with_settings
def replay(
    settings: Settings,
    source: str | None,
    period: str | None,
    rule: str | None,
    dry_run: bool,
    account: str,
    as_json: bool,
) -> None:
    """重放 / Judge again from the archive what was set aside, without a new file: rows that now pass enter once.

    Example: edu replay --source student_registry --period 2025-09 --rule RC25 --by u-centre-05
    """
    from assets.collection.replay import replay as run
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.workflow.duties import on_duty

    who = on_duty(settings, account, "replay")
    with progress("重放"), open_warehouse(settings) as session:
        prepare(session)
        keys = load_keys(settings.key_file, may_create=False)
        found = run(
            session, settings, keys, source=source, period=period, rule=rule, by=who.account, dry_run=dry_run
        )
    for r in found:
        what = "would be judged again" if dry_run else f"{r.n_released:,} rows entered, {r.n_left:,} stay"
        say(
            f"{'·' if r.status == 'waiting' else '✓'} {r.source} {r.period} {r.owner} {r.delivery_id}: {what} ({r.note})"
        )
    if not found:
        say("✓ 没有可重放的文件 / nothing is set aside")
    months = sorted({r.period for r in found if r.n_released})
    if months:
        say(f"  next: edu load {months[0]}  (builds the tables and the candidate anew)")
    emit(as_json, {"deliveries": [vars(r) for r in found]})
    sys.exit(0)
