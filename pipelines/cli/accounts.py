"""`edu accounts`: who may act for whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

_LISTED = 60


@click.group(short_help="Accounts of the review: add, list, disable")
def accounts() -> None:
    """账号 / Who may act for whom. Example: edu accounts add u-6328-02 --role prefecture_reviewer --unit 6328 --holder 20418"""


@accounts.command(short_help="Add or change an account")
@click.argument("account")
@click.option("--role", required=True)
@click.option("--unit", required=True, help="Code of the county, college, prefecture or province.")
@click.option(
    "--os-user", "users", multiple=True, help="User of this machine who may act for it; default: you."
)
@click.option("--holder", required=True, help="Staff number of the one person it belongs to; never a name.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; default and at most: twelve months."
)
@with_settings
def add(
    settings: Settings, account: str, role: str, unit: str, users: tuple[str, ...], holder: str, until: Any
) -> None:
    """增加 / Add ACCOUNT, or change it. Ids are account ids, never names of persons."""
    from warehouse.workflow.accounts import (
        Account,
        check_account,
        granted,
        load_accounts,
        os_user,
        save_accounts,
    )
    from warehouse.workflow.accounts import person as comparable

    made = check_account(Account(account, role, unit, users or (os_user(),), holder=holder))
    made = granted(made, until.date() if until else None)
    known = load_accounts(settings)
    known[comparable(account)] = made
    _note(
        settings,
        "account.add",
        made.account,
        {
            "role": role,
            "unit": unit,
            "os_users": list(made.os_users),
            "holder": holder,
            "until": made.expires_on,
        },
    )
    save_accounts(settings, known.values())
    say(f"✓ {account}: {role} of {unit}, for {', '.join(made.os_users)}, until {made.expires_on}")


@accounts.command(short_help="Renew an account for twelve months")
@click.argument("account")
@click.option("--holder", help="Staff number, where none is stated yet.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; default and at most: twelve months."
)
@with_settings
def renew(settings: Settings, account: str, holder: str | None, until: Any) -> None:
    """续期 / Renew ACCOUNT, also a disabled one, from today. Example: edu accounts renew u-6328-02 --holder 20418"""
    from dataclasses import replace

    from warehouse.workflow.accounts import check_account, granted, load_accounts, save_accounts
    from warehouse.workflow.accounts import person as comparable

    known = load_accounts(settings)
    if comparable(account) not in known:
        raise UsageError(f"There is no account {account}", "`edu accounts list` shows them")
    old = known[comparable(account)]
    made = granted(check_account(replace(old, holder=holder or old.holder)), until.date() if until else None)
    known[comparable(account)] = made
    _note(settings, "account.renew", account, {"holder": made.holder, "until": made.expires_on})
    save_accounts(settings, known.values())
    say(f"✓ {account} until {made.expires_on}")


@accounts.command(short_help="Disable an account")
@click.argument("account")
@with_settings
def disable(settings: Settings, account: str) -> None:
    """停用 / Disable ACCOUNT: nobody can act for it any more; what it did stays."""
    from dataclasses import replace

    from warehouse.workflow.accounts import load_accounts, save_accounts
    from warehouse.workflow.accounts import person as comparable

    known = load_accounts(settings)
    if comparable(account) not in known:
        raise UsageError(f"There is no account {account}", "`edu accounts list` shows them")
    today = date.today().isoformat()
    known[comparable(account)] = replace(known[comparable(account)], disabled=True, disabled_on=today)
    _note(settings, "account.disable", account, {})
    save_accounts(settings, known.values())
    say(f"✓ {account} is disabled")


@accounts.command(name="list", short_help="List accounts")
@json_option
@with_settings
def list_accounts(settings: Settings, as_json: bool) -> None:
    """列表 / Accounts with role, unit and the users who may act for them."""
    from warehouse.workflow.accounts import load_accounts

    found = list(load_accounts(settings).values())
    for a in found[:_LISTED]:
        say(
            f"  {a.account:24} {a.role:22} {a.unit:8} {', '.join(a.os_users)}  {a.expires_on or '期限未定 no expiry'}"
            + ("  停用 disabled" if a.disabled else "")
        )
    if len(found) > _LISTED:
        say(f"  … and {len(found) - _LISTED} more: --json")
    emit(as_json, {"accounts": [vars(a) for a in found]})


@accounts.command(name="demo", short_help="Make demo accounts for every unit")
@with_settings
def demo_accounts(settings: Settings) -> None:
    """演示账号 / One account per office of every unit, all for the present user. Only for a demo or a test."""
    from warehouse.workflow.demo import make_accounts

    say(f"✓ {make_accounts(settings)} demo accounts")


def _note(settings: Settings, event: str, subject: str, detail: dict[str, Any]) -> None:
    from warehouse import ledger
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.accounts import os_user

    with open_warehouse(settings) as session:
        prepare(session)
        with session.transaction():
            ledger.append(session, event, subject, {**detail, "by": os_user()})
