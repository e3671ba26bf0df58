"""The desk at which every step is taken: it asks the machine and the guards, changes the package and writes the ledger.

Nothing else changes a state. A step is refused with a reason or is recorded with who (account, unit, role), what (from, to,
version, content), when, from where, and the comment; rows and entries of one call are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from warehouse import ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.ledger import Entry
from warehouse.reference import thresholds
from warehouse.workdays import add_working_days
from warehouse.workflow.accounts import PIPELINE, Account, os_user
from warehouse.workflow.guards import GUARDS, Context
from warehouse.workflow.package import TABLE, Package, listed, load_packages, store_packages
from warehouse.workflow.states import Transition, roles, states, steps

HELD = "ops.review__held"


@dataclass
class Outcome:
    """What became of a wish: packages that took the step, and those that did not, with the reason."""

    done: list[Package] = field(default_factory=list)
    refused: list[tuple[Package, str]] = field(default_factory=list)


class Desk:
    """Packages in memory while steps are taken; `write` puts them and their entries into the warehouse."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        *,
        where: str = "cli",
        select: str = "true",
        today: date | None = None,
    ) -> None:
        self.session, self.settings, self.where = session, settings, where
        self.today = today or date.today()
        self.packages = load_packages(session, select)
        self._changed: dict[str, Package] = {}
        self._entries: list[Entry] = []
        self._hold: dict[str, str] = {}
        self._free: set[str] = set()

    def context(self, account: Account, comment: str = "", reason: str = "") -> Context:
        """What guards are asked with."""
        return Context(self.session, self.settings, account, self.packages, self.today, comment, reason)

    def put(self, package: Package) -> None:
        """A new version of a slot."""
        self.packages.setdefault(package.slot, []).append(package)
        self._changed[package.key] = package

    def take(self, package: Package, event: str, context: Context) -> str | None:
        """Take one step if the machine, the role and the guards allow it; otherwise the reason why not."""
        possible = steps(package.state, event)
        if not possible:
            name = states()[package.state]
            return f"{package.state}（{name.name_zh}）不能 {event} / not possible from this state ({name.name_en})"
        why = ""
        for step in possible:
            why = self._why_not(package, step, context) or ""
            if not why:
                self._apply(package, step, context)
                return None
        return why

    def _why_not(self, package: Package, step: Transition, context: Context) -> str | None:
        account = context.account
        if account.role not in step.roles:
            return f"角色 {account.role} 不能 {step.event} / role {account.role} may not do this: {', '.join(step.roles)}"
        if roles()[account.role].unit_kind == "province" and account.unit != self.settings.province_code:
            return f"{account.account} 不属于本省 / belongs to another province"
        if step.needs_comment and not context.comment:
            return "须写说明 / a comment is needed"
        return next((why for g in step.guards if (why := GUARDS[g](package, context))), None)

    def _apply(self, package: Package, step: Transition, context: Context) -> None:
        before = package.state
        account = context.account
        state = states()[step.to_state]
        now = datetime.now()
        if step.event == "escalate":
            package.n_escalated += 1
        else:
            package.since, package.n_escalated = now, 0
        package.state = step.to_state
        days = int(thresholds()[state.days_threshold]) if state.days_threshold else None
        if days is None:
            package.due = None
        elif step.event == "escalate":
            package.due = add_working_days(self.today, days)
        else:
            package.due = add_working_days(now.date() if before != step.to_state else self.today, days)
        if account is not PIPELINE and account.account not in package.actors.split():
            package.actors = f"{package.actors} {account.account}".strip()
        if step.event == "approve":
            package.approvals = f"{package.approvals} {account.account}".strip()
        if step.event in ("return", "return_prefecture"):
            package.n_returned += 1
            package.approvals = ""
        if context.reason or (context.comment and step.needs_comment):
            package.reason = context.reason or context.comment
        self._changed[package.key] = package
        self.note(step.event, package, context, {"from": before, "to": step.to_state})

    def note(self, event: str, package: Package, context: Context, more: dict[str, Any]) -> None:
        """An entry about a package."""
        account = context.account
        detail: dict[str, Any] = {
            "source": package.source,
            "owner": package.owner,
            "period": package.period,
            "version": package.version,
            "content": package.content,
            "account": account.account,
            "unit": account.unit,
            "role": account.role,
            "where": f"{self.where} {os_user()}",
            **more,
        }
        detail |= {k: v for k, v in (("comment", context.comment), ("reason", context.reason)) if v}
        if event == "escalate":
            detail["told"] = states()[package.state].escalate_to
        self._entries.append(Entry(f"review.{event}", package.key, detail, {TABLE: [package.key]}))

    def hold(self, deliveries: Iterable[str], why: str) -> None:
        """Deliveries that are not in force from now on."""
        self._hold |= dict.fromkeys(deliveries, why)
        self._free -= set(self._hold)

    def free(self, deliveries: Iterable[str]) -> None:
        """Deliveries that are in force again."""
        self._free |= set(deliveries)
        self._hold = {d: w for d, w in self._hold.items() if d not in self._free}

    def write(self, more: Callable[[], Sequence[Entry]] = tuple) -> None:
        """Everything since the last call, in one transaction, with what `more` writes and notes; else nothing."""
        with self.session.transaction():
            store_packages(self.session, self._changed.values())
            entries = [*self._entries, *more(), *self._move()]
            if entries:
                ledger.append_all(self.session, entries)
        self._changed, self._entries, self._hold, self._free = {}, [], {}, set()

    def _move(self) -> list[Entry]:
        """Put deliveries out of force, or in force again."""
        wanted = set(self._hold) | self._free
        there = {
            d
            for (d,) in self.session.rows(
                f"SELECT delivery_id FROM {HELD} WHERE delivery_id IN ({listed(wanted)})"
            )
        }
        moved = set(self._hold) | (self._free & there)
        if not moved:
            return []
        self.session.execute(f"DELETE FROM {HELD} WHERE delivery_id IN ({listed(moved)})")
        for delivery, why in sorted(self._hold.items()):
            self.session.execute(f"INSERT INTO {HELD} VALUES ({literal(delivery)}, {literal(why)})")
        return [
            Entry(
                "hold", "deliveries", {"held": self._hold, "free": sorted(self._free & there)}, {HELD: moved}
            )
        ]
