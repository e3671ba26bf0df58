"""Accounts for a demo or a test, and a walk of all packages of a month through the levels with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from warehouse.config import Settings
from warehouse.errors import UsageError
from warehouse.reference import rows
from warehouse.release.approval import person
from warehouse.workflow.accounts import Account, granted, load_accounts, os_user, save_accounts
from warehouse.workflow.calendar import overview, province_owner
from warehouse.workflow.desk import Desk
from warehouse.workflow.package import Package
from warehouse.workflow.review import act, newest, waive

APPROVERS = ("demo-reviewer", "demo-director")
OPERATOR = "demo-operator"
CHECKER = "demo-checker"


def make_accounts(settings: Settings) -> int:
    """Add an account per office of every unit; returns how many there are."""
    me = (os_user(),)
    province = settings.province_code
    owners = [r["county_code"] for r in rows("county") if not r["valid_to"]]
    owners += [r["college_code"] for r in rows("college")] + [province_owner(province)]
    prefectures = [r["prefecture_code"] for r in rows("prefecture") if not r["valid_to"]]
    made = [Account(f"u-{o}-01", "owner_clerk", o, me, demo=True) for o in owners]
    made += [Account(f"u-{o}-03", "owner_head", o, me, demo=True) for o in owners]
    made += [Account(f"u-{p}-01", "prefecture_collector", p, me, demo=True) for p in prefectures]
    made += [Account(f"u-{p}-02", "prefecture_reviewer", p, me, demo=True) for p in prefectures]
    made += [Account(a, "province_approver", province, me, demo=True) for a in APPROVERS]
    made += [Account(CHECKER, "province_checker", province, me, demo=True)]
    made += [Account(OPERATOR, "operator", province, me, demo=True)]
    known = load_accounts(settings)
    today = date.today().isoformat()
    for account in made:
        there = known.get(person(account.account))
        if there is None or (there.demo and there.expires_on < today):
            known[person(account.account)] = granted(replace(account, holder=f"demo-{account.account}"))
    save_accounts(settings, known.values())
    return len(made)


def walk(desk: Desk, settings: Settings, period: str, *, waive_missing: bool = False) -> dict[str, int]:
    """Sign, accept, roll up and approve every package of a month that is validated; counts by step."""
    accounts = {a.account: a for a in load_accounts(settings).values() if a.demo and not a.disabled}
    if not set(APPROVERS) <= set(accounts):
        raise UsageError(
            "There are no demo accounts", "`edu accounts demo` makes them; not for a real province"
        )
    counts: dict[str, int] = {}
    province = settings.province_code
    if waive_missing:
        lines = overview(desk.session, period, province, desk.today)
        missing = [(x["source"], x["owner"]) for x in lines if x["missing"]]
        checker = accounts[CHECKER]
        counts["waived"] = waive(
            desk.session, settings, checker, period, missing, "演示 / demo: not delivered"
        )

    def step(event: str, state: str, account: str, packages: Iterable[Package], comment: str = "") -> None:
        mine = [p for p in packages if p.state == state]
        if mine and account in accounts:
            done = act(desk, event, mine, accounts[account], comment=comment).done
            counts[event] = counts.get(event, 0) + len(done)

    mine = [p for p in newest(desk) if p.period == period]
    for owner in sorted({p.owner for p in mine}):
        step("sign", "validated", f"u-{owner}-03", [p for p in mine if p.owner == owner])
    for unit in sorted({p.upper_unit for p in mine}):
        below = [p for p in mine if p.upper_unit == unit]
        reviewer, collector = (CHECKER, CHECKER) if unit == province else (f"u-{unit}-02", f"u-{unit}-01")
        step("accept", "in_review_prefecture", reviewer, below, "演示 / demo: warnings seen")
        step("rollup", "accepted_prefecture", collector, below)
    for approver in APPROVERS:
        step("approve", "in_review_province", approver, mine)
    return counts
