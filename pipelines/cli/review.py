"""`edu review`: the three levels of review on the command line."""

from __future__ import annotations

import sys
from collections import Counter

import click

from pipelines.cli.desk import Selection, by_option, open_desk, selection
from pipelines.cli.shell import emit, json_option, say, say_error, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

_LISTED = 20


@click.group(short_help="Three levels of review: list, sign, accept, return, approve …")
def review() -> None:
    """审核审定 / Packages (owner × source × period × version) on their way from validation to approval.

    For example: edu review accept --all-of 6328 --period 2025-09 --by u-6328-02 --comment "checked"
    """


_comment = click.option("--comment", default="", help="Opinion or explanation; kept in the ledger.")


def _step(
    settings: Settings, event: str, chosen: Selection, account: str, comment: str, reason: str = ""
) -> None:
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.review import able, act

    who = authenticate(settings, account)
    with open_desk(settings) as desk:
        packages = chosen.choose(desk, settings)
        ready = packages if chosen.package else able(desk, event, packages)
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
            f"{event}: none of {len(packages)} packages is in a state for it",
            "`edu review list` shows the states",
        )
    if outcome.refused or not outcome.done:
        sys.exit(3)


def _verb(name: str, text: str, short: str) -> None:
    @review.command(name=name, short_help=short, help=text)
    @selection()
    @by_option
    @_comment
    @with_settings
    def verb(settings: Settings, chosen: Selection, account: str, comment: str) -> None:
        event = {"submit": "resubmit"}.get(name, name)
        _step(settings, event, chosen, account, comment)


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

    with open_desk(settings) as desk:
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
    with open_desk(settings) as desk:
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
@selection()
@by_option
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
    chosen: Selection,
    account: str,
    comment: str,
    reason: str,
    to: str,
) -> None:
    """退回 / Return packages. Its open faults are the items of the return form; without any, --comment says what is wrong."""
    event = "return" if to == "county" else "return_prefecture"
    _step(settings, event, chosen, account, comment, reason)


@review.command(short_help="Approve packages, or a release candidate")
@selection("[CANDIDATE | SOURCE OWNER PERIOD]")
@by_option
@_comment
@with_settings
def approve(settings: Settings, chosen: Selection, account: str, comment: str) -> None:
    """审定 / Two different approvers approve packages; the same two approve CANDIDATE (a name, or a month for its newest).

    For example: edu review approve 2025-09 --by u-1
    """
    if len(chosen.package) != 1:
        _step(settings, "approve", chosen, account, comment)
        return
    from pipelines.cli.release import approve_candidate
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("province_approver",))
    found, count = approve_candidate(settings, chosen.package[0], who.account, who.role)
    needed = int(settings.get("release", "approvers"))
    say(f"✓ {who.account} approved {found.path.name} ({count} of {needed})")
    if count >= needed:
        say(f"  next: edu publish {found.period} --by <operator>")


@review.command(short_help="Do not wait for packages that will not come")
@selection()
@by_option
@click.option("--comment", required=True, help="Reason; kept in the ledger.")
@with_settings
def waive(settings: Settings, chosen: Selection, account: str, comment: str) -> None:
    """豁免 / Waive missing packages with a reason: the roll-up need not wait for them, the release still names them."""
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.calendar import overview
    from warehouse.workflow.review import waive as record

    who = authenticate(settings, account)
    month = chosen.month()
    with open_desk(settings) as desk:
        lines = overview(desk.session, month, settings.province_code, desk.today)
        missing = [
            (line["source"], line["owner"])
            for line in lines
            if line["missing"] and chosen.covers(line["source"], line["owner"], line["upper_unit"], settings)
        ]
        if not missing:
            raise UsageError("Nothing of that is missing", f"`edu calendar {month}` lists what is")
        done = record(desk.session, settings, who, month, missing, comment)
    say(f"✓ {done} packages waived")


@review.command(short_help="Build the month on approved packages alone")
@click.argument("period")
@by_option
@click.option("--lift", is_flag=True, help="Give back what a cut-off holds.")
@with_settings
def cutoff(settings: Settings, period: str, account: str, lift: bool) -> None:
    """截止 / Hold what is not approved; the next `edu load` builds a provisional candidate from the rest, which names the missing."""
    from warehouse.landing import check_period
    from warehouse.workflow.accounts import authenticate
    from warehouse.workflow.review import cut_off

    check_period(period)
    who = authenticate(settings, account)
    with open_desk(settings) as desk:
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

    with open_desk(settings) as desk:
        return walk(desk, settings, period, waive_missing=waive_missing)
