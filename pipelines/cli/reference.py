"""`edu reference`: changed reference tables and their approval (rule RP17)."""

from __future__ import annotations

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings


@click.group(short_help="Changed reference tables and their approval")
def reference() -> None:
    """参考数据 / A code list, a threshold or a formula that changed is approved before figures that rest on it go out."""


@reference.command("list", short_help="Changes that wait for an approval")
@json_option
@with_settings
def list_(settings: Settings, as_json: bool) -> None:
    """待批准 / Changed tables that nobody has approved yet: edu reference list"""
    from warehouse.engine.duckdb import open_reader
    from warehouse.reference_changes import waiting

    with open_reader(settings) as session:
        found = waiting(session)
    for table, content, at in found:
        say(f"✗ {table} {content} · {at:%Y-%m-%d %H:%M}")
    say(f"{len(found)} 张表待批准 / tables wait" if found else "✓ 没有待批准的变更 / nothing waits")
    emit(as_json, {"waiting": [{"table": t, "content": c, "since": str(at)} for t, c, at in found]})


@reference.command(short_help="Approve changed tables")
@click.argument("tables", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every table that waits.")
@click.option("--document", required=True, help="The paper on which the change rests.")
@click.option("--by", required=True, help="Account of an approver of the province.")
@with_settings
def approve(settings: Settings, tables: tuple[str, ...], everything: bool, document: str, by: str) -> None:
    """批准 / Approve changed TABLES: edu reference approve threshold --document 青教基〔2026〕1号 --by demo-director"""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.errors import UsageError
    from warehouse.reference_changes import approve as run
    from warehouse.reference_changes import waiting
    from warehouse.workflow.duties import on_duty

    if everything == bool(tables):
        raise UsageError("Name the tables, or all", "edu reference approve TABLE …, or --all")
    who = on_duty(settings, by, "reference")
    with open_warehouse(settings) as session:
        prepare(session)
        chosen = [t for t, _, _ in waiting(session)] if everything else list(tables)
        done = run(session, chosen, document, who.account)
    say(f"✓ 已批准 approved: {', '.join(done)}")
