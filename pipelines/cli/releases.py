"""`edu release`: what is published, and the acts that follow a publication: withdraw, hold, prune."""

from __future__ import annotations

from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings

_BY = click.option("--by", "operator", required=True, help="Account id of the operator.")


@click.group(short_help="List, withdraw, hold and prune releases")
def release() -> None:
    """发布版管理 / Releases: which there are, which one counts, and what becomes of old and wrong ones."""


@release.command("list", short_help="All releases, newest first")
@json_option
@with_settings
def list_(settings: Settings, as_json: bool) -> None:
    """发布清单 / All releases ever published, newest first, with their state. Example: edu release list --json"""
    from warehouse.release.overview import overview

    found = overview(settings)
    for r in found:
        size = f"{r['bytes'] / 1e6:8.1f} MB" if r["bytes"] else " " * 11
        say(f"{r['id']:<12} {r['period']}  {r['state_zh']} {r['state']:<12} {size}  {r['note']}".rstrip())
    if not found:
        say("尚无发布 / nothing is published yet  → edu publish")
    emit(as_json, {"releases": found})


@release.command("withdraw", short_help="Stop offering a release that is wrong")
@click.argument("release_id")
@_BY
@click.option("--reason", required=True, help="Why; it stands on the tombstone, so no personal data.")
@click.option("--successor", help="Release that becomes current; needed when RELEASE_ID is current.")
@click.option(
    "--without-successor", "words", help='Exactly "withdraw without successor": nothing is current then.'
)
@click.option("--leak", is_flag=True, help="It showed what had to stay hidden.")
@click.option("--dry-run", is_flag=True, help="Say what would happen.")
@json_option
@with_settings
def withdraw(
    settings: Settings,
    release_id: str,
    operator: str,
    reason: str,
    successor: str | None,
    words: str | None,
    leak: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """撤回 / Withdraw RELEASE_ID: its data leave the folder, a tombstone with the reason stays, its id is never used again.

    Example: edu release withdraw v2025.11.0 --by ops --reason "wrong population" --successor v2025.10.0
    """
    from assets.sharing.publication import withdraw_release
    from pipelines.cli.release import told_of_withdrawal
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.release.overview import overview
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, operator, needs=("operator",))
    if dry_run:
        from warehouse.release.pointer import current_id, find_release

        there = find_release(settings, release_id)
        is_current = current_id(settings) == there.id
        say(
            f"{there.id}: {'当前发布，须有后继 current, needs a successor' if is_current else '可以撤回 can be withdrawn'}"
        )
        emit(as_json, {"id": there.id, "is_current": is_current})
        return
    with open_warehouse(settings) as session:
        prepare(session)
        done = withdraw_release(
            session,
            settings,
            release_id,
            by=who.account,
            reason=reason,
            successor=successor,
            words=words,
            is_leak=leak,
        )
    told_of_withdrawal(settings, done)
    say(f"✓ {done.id} 已撤回 withdrawn: {done.reason}")
    now = next((r["id"] for r in overview(settings) if r["state"] == "current"), None)
    say(f"  当前发布 current: {now or '–'}")
    emit(as_json, {**vars(done), "current": now})


@release.command("hold", short_help="Keep a release from being pruned")
@click.argument("release_id")
@_BY
@click.option("--reason", help="Why it is kept.")
@click.option("--lift", is_flag=True, help="Keep it no longer.")
@with_settings
def hold(settings: Settings, release_id: str, operator: str, reason: str | None, lift: bool) -> None:
    """保留 / Keep RELEASE_ID, or with --lift no longer. Example: edu release hold v2025.9.0 --by ops --reason "audit 2026" """
    from warehouse.errors import UsageError
    from warehouse.release.retire import hold as keep
    from warehouse.workflow.accounts import authenticate

    authenticate(settings, operator, needs=("operator",))

    if lift == bool(reason):
        raise UsageError("须给出 --reason 或 --lift / give --reason, or --lift", "edu release hold --help")
    keep(settings, release_id, None if lift else reason)
    say(f"✓ {release_id} {'不再保留 no longer held' if lift else '已保留 held'}")


@release.command("prune", short_help="Retire old releases; only says which, unless --yes")
@_BY
@click.option("--yes", is_flag=True, help="Really do it. Without it nothing changes.")
@json_option
@with_settings
def prune(settings: Settings, operator: str, yes: bool, as_json: bool) -> None:
    """清理 / Retire old releases. Kept: the current one and the one before, the last release.keep_months months,

    the last of each year, held ones, and those that a scorecard or a delivery refers to. Example: edu release prune --by ops
    """
    from assets.sharing.publication import prune_releases
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, operator, needs=("operator",))
    with open_warehouse(settings) as session:
        prepare(session)
        plan = prune_releases(session, settings, by=who.account, dry_run=not yes)
    goes = [k for k in plan if not k.why]
    for kept in plan:
        say(f"{'保留 keep ' if kept.why else '清理 prune'} {kept.id:<12} {'; '.join(kept.why)}".rstrip())
    size = sum(k.size for k in goes) / 1e6
    say(
        f"{'✓ ' if yes else ''}{len(goes)} releases, {size:.1f} MB"
        + ("" if yes else "  → --yes 执行 to do it")
    )
    result: dict[str, Any] = {"done": yes, "releases": [{**vars(k), "why": list(k.why)} for k in plan]}
    emit(as_json, result)
