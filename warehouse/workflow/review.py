"""What people do with packages: sign, accept, return, roll up, approve, reopen, waive; and what follows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.errors import UsageError
from warehouse.ledger import Entry
from warehouse.workflow.accounts import PIPELINE, Account
from warehouse.workflow.arrival import fresh, validate
from warehouse.workflow.calendar import expected_sql
from warehouse.workflow.desk import Desk, Outcome
from warehouse.workflow.guards import Context
from warehouse.workflow.package import Package
from warehouse.workflow.states import states, steps

EVENTS = (
    "sign",
    "accept",
    "return",
    "return_prefecture",
    "rollup",
    "approve",
    "reopen",
    "resubmit",
    "withdraw",
)
WAIVER = "ops.review__waiver"
_WAIVERS = ("prefecture_head", "province_checker", "province_approver")
_CUTTERS = ("province_checker", "province_approver", "operator")


def newest(desk: Desk) -> list[Package]:
    """The newest version of every slot; an approved version stays the one to reopen while a held draft waits."""
    found = []
    for versions in desk.packages.values():
        last = versions[-1]
        frozen = last.state == "draft" and len(versions) > 1 and states()[versions[-2].state].is_approved
        found.append(versions[-2] if frozen else last)
    return found


def able(desk: Desk, event: str, packages: Sequence[Package]) -> list[Package]:
    """Those from whose state the event is possible at all."""
    return [p for p in packages if steps(p.state, event)]


def act(
    desk: Desk,
    event: str,
    packages: Sequence[Package],
    account: Account,
    *,
    comment: str = "",
    reason: str = "",
) -> Outcome:
    """Take one step with each package and write what happened; what follows by itself is done in the same breath."""
    if event not in EVENTS:
        raise UsageError(f"There is no step {event!r}", f"one of: {', '.join(EVENTS)}")
    context, system = desk.context(account, comment, reason), desk.context(PIPELINE)
    outcome = Outcome()
    # A roll-up asks whether its brothers are accepted: judged before the first of them moves, it is the same for all.
    for package in packages:
        why = desk.take(package, event, context)
        if why:
            outcome.refused.append((package, why))
            continue
        outcome.done.append(package)
        _follow(desk, event, package, system)
    desk.write()
    return outcome


def _follow(desk: Desk, event: str, package: Package, system: Context) -> None:
    if event == "sign":
        desk.take(package, "receive", system)
    elif event == "approve" and package.state == "approved":
        desk.free(package.deliveries.split())
        for older in desk.packages[package.slot]:
            if older.state == "reopened":
                desk.take(older, "supersede", system)
    elif event in ("reopen", "resubmit"):
        following = [v for v in desk.packages[package.slot] if v.version > package.version]
        if following:  # a file had come before the reopening and was held
            if following[-1].deliveries:
                validate(desk, system, following[-1])
            return
        names = (
            "source", "owner", "period", "owner_level", "upper_unit", "content", "deliveries", "is_refused", "n_read",
            "n_quarantined", "n_warned", "preparer", "reviewer",
        )  # fmt: skip
        facts: dict[str, Any] = {name: getattr(package, name) for name in names}
        if event == "reopen":
            facts |= {
                "content": "",
                "deliveries": "",
                "is_refused": False,
                "n_read": 0,
                "n_quarantined": 0,
                "n_warned": 0,
            }
        version = fresh(facts, package.version + 1, package.n_returned)
        version.reason = package.reason
        desk.put(version)
        desk.note("new", version, system, {"from": package.state, "to": "draft"})
        if event == "resubmit":
            validate(desk, system, version)
    elif event == "withdraw":
        desk.hold(package.deliveries.split(), "withdrawn")


def waive(
    session: Session,
    settings: Settings,
    account: Account,
    period: str,
    owners: Sequence[tuple[str, str]],
    reason: str,
) -> int:
    """Record that expected packages (source, owner) need not be waited for; returns how many are new."""
    if account.role not in _WAIVERS:
        raise UsageError(
            f"角色 {account.role} 不能豁免 / role {account.role} cannot waive",
            f"needed: {', '.join(_WAIVERS)}",
        )
    if not reason.strip():
        raise UsageError("豁免须写原因 / a waiver needs a reason", "give it with --comment")
    upper = {
        (s, o): u
        for s, o, u in session.rows(
            f"SELECT source, owner, upper_unit FROM {expected_sql(period, settings.province_code)}"
        )
    }
    there = {
        (s, o) for s, o in session.rows(f"SELECT source, owner FROM {WAIVER} WHERE period = ?", [period])
    }
    new = []
    for slot in owners:
        if slot not in upper:
            raise UsageError(f"{' '.join(slot)} is not expected for {period}", "`edu calendar` lists what is")
        if account.unit not in (upper[slot], settings.province_code):
            raise UsageError(f"{account.unit} does not review {slot[1]}", "ask the reviewing unit")
        if slot not in there:
            new.append(slot)
    if new:
        moment = datetime.now().isoformat(sep=" ", timespec="seconds")
        entries = [
            Entry(
                "review.waive",
                f"{source} {owner} {period}",
                {"source": source, "owner": owner, "period": period, "reason": reason, "account": account.account,
                 "unit": account.unit, "role": account.role},
                {WAIVER: [f"{source} {owner} {period}"]},
            )
            for source, owner in new
        ]  # fmt: skip
        values = ", ".join(
            f"({', '.join(map(literal, (s, o, period, reason, account.account, moment)))})" for s, o in new
        )
        from warehouse import ledger

        with session.transaction():
            session.execute(f"INSERT INTO {WAIVER} VALUES {values}", what=WAIVER)
            ledger.append_all(session, entries)
    return len(new)


def cut_off(desk: Desk, account: Account, period: str, *, lift: bool = False) -> int:
    """Hold what is in force for a month and not approved, so that the next load builds on approved packages alone.

    `lift` gives back what a cut-off holds; an approval does so by itself for its package. Returns how many deliveries moved.
    """
    if account.role not in _CUTTERS:
        raise UsageError(
            f"角色 {account.role} 不能截止 / role {account.role} cannot do this",
            f"needed: {', '.join(_CUTTERS)}",
        )
    held = {d for (d,) in desk.session.rows("SELECT delivery_id FROM ops.review__held WHERE why = 'cutoff'")}
    if lift:
        moved = {
            d for v in desk.packages.values() for p in v if p.period == period for d in p.deliveries.split()
        } & held
        desk.free(moved)
    else:
        moved = set(unapproved(desk.session, period))
        desk.hold(moved, "cutoff")
    note = {"account": account.account, "lift": lift, "deliveries": sorted(moved)}
    desk.write(lambda: [Entry("review.cutoff", period, note)])
    return len(moved)


def unapproved(session: Session, period: str) -> list[str]:
    """Deliveries in force in a month whose package is not approved."""
    return [
        d
        for (d,) in session.rows(
            "SELECT delivery_id FROM core.delivery__period ANTI JOIN ops.review__approved USING (delivery_id) "
            "WHERE period = ? ORDER BY 1",
            [period],
        )
    ]


def mark_published(desk: Desk, period: str, release: str) -> int:
    """Approved packages whose deliveries are in force in the month just released become published."""
    inside = {
        d
        for (d,) in desk.session.rows(
            "SELECT delivery_id FROM core.delivery__period WHERE period = ?", [period]
        )
    }
    context = desk.context(PIPELINE, comment=release)
    done = 0
    for versions in desk.packages.values():
        for package in versions:
            if package.state == "approved" and set(package.deliveries.split()) <= inside:
                done += desk.take(package, "publish", context) is None
    desk.write()
    return done


def escalate(desk: Desk) -> list[Package]:
    """Tell the superior of every package whose step is overdue, once per deadline."""
    context = desk.context(PIPELINE)
    late = [
        p for p in newest(desk) if steps(p.state, "escalate") and desk.take(p, "escalate", context) is None
    ]
    desk.write()
    return late


def overdue(desk: Desk, today: date | None = None) -> list[Package]:
    """Packages whose step should have been done by now, or was reported as late and is still not done."""
    day = today or desk.today
    return [p for p in newest(desk) if p.due and (p.due < day or p.n_escalated)]
