"""`edu review`, `edu accounts`, `edu calendar`, `edu diff`: the three levels of review on the command line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, say_error, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

_LISTED = 20


@click.group(short_help="Three levels of review: list, sign, accept, return, approve …")
def review() -> None:
    """审核审定 / Packages (owner × source × period × version) on their way from validation to approval.

    For example: edu review accept --all-of 6328 --period 2025-09 --by u-6328-02 --comment "checked"
    """


@contextmanager
def _desk(settings: Settings, select: str = "true") -> Iterator[Any]:
    """The packages, up to date with the deliveries."""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.arrival import sync
    from warehouse.workflow.desk import Desk

    with open_warehouse(settings) as session:
        prepare(session)
        sync(session, settings, where="cli")
        yield Desk(session, settings, select=select)


def _select(
    desk: Any,
    slot: tuple[str, ...],
    all_of: str | None,
    period: str | None,
    source: str | None,
    province: str,
) -> list[Any]:
    """Newest versions by SOURCE OWNER PERIOD, or all of a unit (owner, prefecture or the province)."""
    from warehouse.landing import check_period
    from warehouse.workflow.review import newest

    found = newest(desk)
    if slot:
        if len(slot) != 3 or all_of:
            raise UsageError("A package is SOURCE OWNER PERIOD", "or use --all-of UNIT --period PERIOD")
        check_period(slot[2])
        found = [p for p in found if p.slot == slot]
    elif not all_of or not period:
        raise UsageError(
            "Which packages?", "SOURCE OWNER PERIOD, or --all-of UNIT --period PERIOD [--source SOURCE]"
        )
    else:
        check_period(period)
        found = [p for p in found if p.period == period and (all_of in (province, p.upper_unit, p.owner))]
        found = [p for p in found if source in (None, p.source)]
    if not found:
        raise UsageError("There is no such package", "`edu review list --period PERIOD` shows them")
    return found


def _selection(command: Any) -> Any:
    for option in (
        click.option("--source", help="Only this source, with --all-of."),
        click.option("--period", help="Month, with --all-of."),
        click.option(
            "--all-of", metavar="UNIT", help="All packages of an owner, a prefecture or the province."
        ),
        click.argument("package", nargs=-1, metavar="[SOURCE OWNER PERIOD]"),
    ):
        command = option(command)
    return command


_by = click.option("--by", "account", required=True, help="Account id; see `edu accounts list`.")
_comment = click.option("--comment", default="", help="Opinion or explanation; kept in the ledger.")


def _step(
    settings: Settings,
    event: str,
    package: tuple[str, ...],
    all_of: str | None,
    period: str | None,
    source: str | None,
    account: str,
    comment: str,
    reason: str = "",
) -> None:
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.review import able, act

    who = authenticate(settings, account)
    with _desk(settings) as desk:
        chosen = _select(desk, package, all_of, period, source, settings.province_code)
        ready = chosen if package else able(desk, event, chosen)
        outcome = act(desk, event, ready, who, comment=comment, reason=reason)
    for refused, why in outcome.refused[:_LISTED]:
        say_error(f"{refused.key}: {why}")
    if len(outcome.refused) > _LISTED:
        say_error(f"… and {len(outcome.refused) - _LISTED} more")
    states = ", ".join(f"{n} {s}" for s, n in sorted(Counter(p.state for p in outcome.done).items()))
    if outcome.done:
        say(f"✓ {event}: {len(outcome.done)} packages, now {states}")
    elif not outcome.refused:
        say_error(
            f"{event}: none of {len(chosen)} packages is in a state for it",
            "`edu review list` shows the states",
        )
    if outcome.refused or not outcome.done:
        sys.exit(3)


def _verb(name: str, text: str, short: str) -> None:
    @review.command(name=name, short_help=short, help=text)
    @_selection
    @_by
    @_comment
    @with_settings
    def verb(
        settings: Settings,
        package: tuple[str, ...],
        all_of: str | None,
        period: str | None,
        source: str | None,
        account: str,
        comment: str,
    ) -> None:
        event = {"submit": "resubmit"}.get(name, name)
        _step(settings, event, package, all_of, period, source, account, comment)


@review.command(name="list", short_help="Packages and whose turn it is")
@click.option("--period", help="Only this month.")
@click.option("--state", help="Only this state.")
@click.option("--unit", help="Only this owner, prefecture or province.")
@click.option("--overdue", "late", is_flag=True, help="Only overdue steps.")
@json_option
@with_settings
def list_(
    settings: Settings, period: str | None, state: str | None, unit: str | None, late: bool, as_json: bool
) -> None:
    """列表 / Newest versions by state, and the packages themselves. Example: edu review list --period 2025-09"""
    from warehouse.workflow.review import newest
    from warehouse.workflow.states import states

    with _desk(settings) as desk:
        today = desk.today
        found = [
            p
            for p in newest(desk)
            if period in (None, p.period)
            and state in (None, p.state)
            and unit in (None, p.owner, p.upper_unit, settings.province_code)
            and (not late or (p.due and p.due < today))
        ]
    for name, n in sorted(Counter(p.state for p in found).items(), key=lambda x: list(states()).index(x[0])):
        waits = states()[name].waits_for
        say(f"  {n:5}  {name:24} {states()[name].name_zh}" + (f"  → {waits}" if waits != "none" else ""))
    for p in found[:_LISTED] if len(found) > _LISTED else found:
        due = f" · due {p.due}" + ("  逾期 overdue" if p.due < today else "") if p.due else ""
        say(f"  {p.key:44} {p.state:22}{due}" + (f" · {p.reason}" if p.reason else ""))
    if len(found) > _LISTED:
        say(f"  … and {len(found) - _LISTED} more: --state, --unit, or --json")
    emit(as_json, {"packages": [{**vars(p), "key": p.key} for p in found]})


@review.command(short_help="One package: its versions and every step")
@click.argument("package", nargs=3, metavar="SOURCE OWNER PERIOD")
@json_option
@with_settings
def show(settings: Settings, package: tuple[str, str, str], as_json: bool) -> None:
    """查看 / Versions and steps of a package: who, when, from which state to which, with which words."""
    with _desk(settings) as desk:
        chosen = desk.packages.get(tuple(package), [])
        if not chosen:
            raise UsageError("There is no such package", "`edu review list --period PERIOD` shows them")
        names = (
            "seq",
            "at",
            "event",
            "version",
            "from",
            "to",
            "account",
            "unit",
            "role",
            "reason",
            "comment",
        )
        steps = [
            dict(zip(names, row, strict=True))
            for row in desk.session.rows(
                "SELECT seq, occurred_at, event, version, from_state, to_state, account, unit, role, reason, comment "
                "FROM ops.review__step WHERE source = ? AND owner = ? AND period = ? ORDER BY seq",
                list(package),
            )
        ]
    for p in chosen:
        say(
            f"v{p.version} {p.state}: {p.n_read} rows, {p.n_quarantined} set aside, {p.n_warned} warned; files {p.deliveries}"
        )
    for s in steps:
        words = " · ".join(str(s[k]) for k in ("reason", "comment") if s[k])
        say(
            f"  {s['seq']:6} {s['at']:%Y-%m-%d %H:%M} v{s['version']} {s['event']:10} → {s['to']}  {s['account']} {words}"
        )
    emit(as_json, {"versions": [vars(p) for p in chosen], "steps": steps})


_verb(
    "submit",
    "重报 / Submit a returned package again as it stands, with the reply in --comment: a new version.",
    "County: submit again as it stands",
)
_verb("sign", "签报 / The head of the delivering unit signs validated packages.", "Owner: the head signs")
_verb(
    "accept",
    "审核通过 / The prefecture accepts packages; with warnings a --comment is needed.",
    "Prefecture: accept",
)
_verb(
    "rollup",
    "汇总上报 / The prefecture submits its accepted packages; all owners must be accepted or waived.",
    "Prefecture: submit the roll-up",
)
_verb(
    "reopen",
    "重开 / The province reopens an approved package with the reason in --comment: a new version begins.",
    "Province: reopen what was approved",
)
_verb(
    "withdraw",
    "撤回 / The province withdraws a published package with the reason in --comment.",
    "Province: withdraw",
)


@review.command(name="return", short_help="Return packages with a reason")
@_selection
@_by
@_comment
@click.option(
    "--reason",
    required=True,
    help="data_error, missing, contradiction, change, mismatch, unsigned or format.",
)
@click.option("--to", type=click.Choice(["county", "prefecture"]), default="county", show_default=True)
@with_settings
def return_(
    settings: Settings,
    package: tuple[str, ...],
    all_of: str | None,
    period: str | None,
    source: str | None,
    account: str,
    comment: str,
    reason: str,
    to: str,
) -> None:
    """退回 / Return packages. Its open faults are the items of the return form; without any, --comment says what is wrong."""
    event = "return" if to == "county" else "return_prefecture"
    _step(settings, event, package, all_of, period, source, account, comment, reason)


@review.command(short_help="Approve packages, or a release candidate")
@click.argument("package", nargs=-1, metavar="[CANDIDATE | SOURCE OWNER PERIOD]")
@click.option("--all-of", metavar="UNIT", help="All packages of an owner, a prefecture or the province.")
@click.option("--period", help="Month, with --all-of.")
@click.option("--source", help="Only this source, with --all-of.")
@_by
@_comment
@with_settings
def approve(
    settings: Settings,
    package: tuple[str, ...],
    all_of: str | None,
    period: str | None,
    source: str | None,
    account: str,
    comment: str,
) -> None:
    """审定 / Two different approvers approve packages; the same two approve CANDIDATE (a name, or a month for its newest).

    For example: edu review approve 2025-09 --by u-1
    """
    if len(package) != 1:
        _step(settings, "approve", package, all_of, period, source, account, comment)
        return
    from pipelines.cli.release import approve_candidate
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("province_approver",))
    found, count = approve_candidate(settings, package[0], who.account, who.role)
    needed = int(settings.get("release", "approvers"))
    say(f"✓ {who.account} approved {found.path.name} ({count} of {needed})")
    if count >= needed:
        say(f"  next: edu publish {found.period} --by <operator>")


@review.command(short_help="Do not wait for packages that will not come")
@_selection
@_by
@click.option("--comment", required=True, help="Reason; kept in the ledger.")
@with_settings
def waive(
    settings: Settings,
    package: tuple[str, ...],
    all_of: str | None,
    period: str | None,
    source: str | None,
    account: str,
    comment: str,
) -> None:
    """豁免 / Waive missing packages with a reason: the roll-up need not wait for them, the release still names them."""
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.calendar import overview
    from warehouse.workflow.review import waive as record

    who = authenticate(settings, account)
    month = package[2] if len(package) == 3 else period
    if not month or (len(package) not in (0, 3)) or not (package or all_of):
        raise UsageError("Which packages?", "SOURCE OWNER PERIOD, or --all-of UNIT --period PERIOD")
    with _desk(settings) as desk:
        missing = [
            (line["source"], line["owner"])
            for line in overview(desk.session, month, settings.province_code, desk.today)
            if line["missing"]
            and (
                (line["source"], line["owner"]) == package[:2]
                if package
                else all_of in (settings.province_code, line["upper_unit"], line["owner"])
                and source in (None, line["source"])
            )
        ]
        if not missing:
            raise UsageError("Nothing of that is missing", f"`edu calendar {month}` lists what is")
        done = record(desk.session, settings, who, month, missing, comment)
    say(f"✓ {done} packages waived")


@review.command(short_help="Build the month on approved packages alone")
@click.argument("period")
@_by
@click.option("--lift", is_flag=True, help="Give back what a cut-off holds.")
@with_settings
def cutoff(settings: Settings, period: str, account: str, lift: bool) -> None:
    """截止 / Hold what is not approved; the next `edu load` builds a provisional candidate from the rest, which names the missing."""
    from warehouse.landing import check_period
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.review import cut_off

    check_period(period)
    who = authenticate(settings, account)
    with _desk(settings) as desk:
        moved = cut_off(desk, who, period, lift=lift)
    say(
        f"✓ {moved} deliveries {'in force again' if lift else 'held'}"
        + (f"; next: edu load {period}" if moved else "")
    )


@review.command(name="states", short_help="Print the state machine")
@click.option(
    "--format", "fmt", type=click.Choice(["text", "mermaid", "md"]), default="text", show_default=True
)
def states_(fmt: str) -> None:
    """状态机 / Every state, event, role and condition as the code has them."""
    from warehouse.workflow.states import render

    click.echo(render(fmt), nl=False)


@review.command(short_help="Demo: walk all packages of a month through the levels")
@click.argument("period")
@click.option("--waive-missing", is_flag=True, help="Waive what has not come.")
@with_settings
def walk(settings: Settings, period: str, waive_missing: bool) -> None:
    """演示 / Sign, accept, roll up and approve everything of PERIOD with demo accounts; refuses to use real ones."""
    from warehouse.landing import check_period

    counts = walk_month(settings, check_period(period), waive_missing=waive_missing)
    say("✓ " + ", ".join(f"{n} {what}" for what, n in counts.items()))


def walk_month(settings: Settings, period: str, *, waive_missing: bool = False) -> dict[str, int]:
    """All packages of a month through the levels with demo accounts; counts by step."""
    from warehouse.workflow.demo import walk

    with _desk(settings) as desk:
        return walk(desk, settings, period, waive_missing=waive_missing)


@click.group(short_help="Accounts of the review: add, list, disable")
def accounts() -> None:
    """账号 / Who may act for whom. Example: edu accounts add u-6328-02 --role prefecture_reviewer --unit 6328"""


@accounts.command(short_help="Add or change an account")
@click.argument("account")
@click.option("--role", required=True)
@click.option("--unit", required=True, help="Code of the county, college, prefecture or province.")
@click.option(
    "--os-user", "users", multiple=True, help="User of this machine who may act for it; default: you."
)
@with_settings
def add(settings: Settings, account: str, role: str, unit: str, users: tuple[str, ...]) -> None:
    """增加 / Add ACCOUNT, or change it. Ids are account ids, never names of persons."""
    from warehouse.workflow.accounts import Account, check_account, load_accounts, os_user, save_accounts
    from warehouse.workflow.accounts import person as comparable

    made = check_account(Account(account, role, unit, users or (os_user(),)))
    known = load_accounts(settings)
    known[comparable(account)] = made
    _note(
        settings, "account.add", made.account, {"role": role, "unit": unit, "os_users": list(made.os_users)}
    )
    save_accounts(settings, known.values())
    say(f"✓ {account}: {role} of {unit}, for {', '.join(made.os_users)}")


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
    known[comparable(account)] = replace(known[comparable(account)], disabled=True)
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
    for a in found[: 3 * _LISTED]:
        say(
            f"  {a.account:24} {a.role:22} {a.unit:8} {', '.join(a.os_users)}"
            + ("  停用 disabled" if a.disabled else "")
        )
    if len(found) > 3 * _LISTED:
        say(f"  … and {len(found) - 3 * _LISTED} more: --json")
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
    with _desk(settings) as desk:
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
    with _desk(settings) as desk:
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
