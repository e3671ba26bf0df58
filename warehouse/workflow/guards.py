"""Conditions of the steps, named in reference/review_transition.csv. Each returns None, or in two languages why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.reference import rows
from warehouse.release.approval import person
from warehouse.workflow.accounts import Account
from warehouse.workflow.calendar import expected_sql
from warehouse.workflow.package import Package
from warehouse.workflow.states import states

# States in which a package has been accepted by its prefecture, or gone further.
_ACCEPTED = ("accepted_prefecture", "in_review_province", "approved", "published", "reopened")


@dataclass
class Context:
    """Who acts, with which words, and what the records say. Facts are asked once per slot or month, not once per package."""

    session: Session
    settings: Settings
    account: Account
    packages: dict[tuple[str, str, str], list[Package]]  # slot -> versions, oldest first, as they are now
    today: date
    comment: str = ""
    reason: str = ""
    _known: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def newest(self, slot: tuple[str, str, str]) -> Package | None:
        """Newest version of a slot."""
        versions = self.packages.get(slot)
        return versions[-1] if versions else None

    def ask(self, key: tuple[str, ...], sql: str, params: list[str]) -> list[str]:
        """First column of a query, remembered under a key."""
        if key not in self._known:
            self._known[key] = [str(r[0]) for r in self.session.rows(sql, params)]
        return self._known[key]


def _has_delivery(p: Package, _: Context) -> str | None:
    return None if p.deliveries else "还没有文件 / no file has arrived"


def _not_frozen(p: Package, c: Context) -> str | None:
    frozen = any(v.version < p.version and states()[v.state].is_approved for v in c.packages[p.slot])
    return (
        "上一版本已审定冻结，须先重开 / the version before is approved: it must be reopened first"
        if frozen
        else None
    )


def _no_block(p: Package, _: Context) -> str | None:
    return "有阻断问题 / a blocking rule failed" if p.is_refused else None


def _blocked(p: Package, _: Context) -> str | None:
    return None if p.is_refused else "没有阻断问题 / no blocking rule failed"


def _own_unit(p: Package, c: Context) -> str | None:
    return (
        None
        if c.account.unit == p.owner
        else f"只能由本单位 {p.owner} 办理 / only unit {p.owner} may do this"
    )


def _upper_unit(p: Package, c: Context) -> str | None:
    if c.account.unit == p.upper_unit:
        return None
    return f"只能由审核单位 {p.upper_unit} 办理 / only unit {p.upper_unit} may do this"


def _signer_apart(p: Package, c: Context) -> str | None:
    made = {person(a) for a in (p.preparer, p.reviewer) if a}
    return (
        "填表人、审核人不能签报 / who prepared or reviewed cannot sign"
        if person(c.account.account) in made
        else None
    )


def _new_actor(p: Package, c: Context) -> str | None:
    before = {person(a) for a in (p.preparer, p.reviewer, *p.actors.split()) if a}
    if person(c.account.account) not in before:
        return None
    return "同一人不能办理同一报送包的两个环节 / one person cannot take two steps of the same package"


def _warnings_commented(p: Package, c: Context) -> str | None:
    if c.comment or not (p.n_warned or p.n_quarantined):
        return None
    return (
        f"有 {p.n_warned} 行提示、{p.n_quarantined} 行隔离，须写审核意见 / "
        f"{p.n_warned} rows with warnings and {p.n_quarantined} set aside: a comment is needed"
    )


def _reconciled(p: Package, c: Context) -> str | None:
    failed = c.ask(
        ("reconciled", p.period),
        "SELECT DISTINCT rule_id FROM ops.rule_result__rule_batch WHERE period = ? AND rule_id IN ('RP09', 'RP10') "
        "AND severity = 'block' AND status IN ('failed', 'error') ORDER BY 1",
        [p.period],
    )
    return f"勾稽不符 / figures do not reconcile: {', '.join(failed)}" if failed else None


def _reason_known(_: Package, c: Context) -> str | None:
    known = [r["reason"] for r in rows("return_reason")]
    return None if c.reason in known else f"退回须注明原因 / a return needs a reason: {', '.join(known)}"


def _return_items(p: Package, c: Context) -> str | None:
    if p.n_quarantined or p.n_warned or p.is_refused or c.comment:
        return None
    return "退回单至少有一项 / a return form has at least one item: say in a comment what is wrong"


def missing_for_rollup(c: Context, source: str, period: str, unit: str) -> list[str]:
    """Owners below a unit whose package of the source and month is neither accepted nor waived."""
    expected = c.ask(
        ("expected", source, period, unit),
        f"SELECT e.owner FROM {expected_sql(period, c.settings.province_code)} e WHERE e.source = ? AND e.upper_unit = ? "
        "AND NOT EXISTS (SELECT 1 FROM ops.review__waiver w WHERE w.source = e.source AND w.owner = e.owner AND w.period = ?) "
        "ORDER BY 1",
        [source, unit, period],
    )
    there = {
        owner: found.state
        for owner in expected
        if (found := c.newest((source, owner, period))) and found.deliveries
    }
    return [owner for owner in expected if there.get(owner) not in _ACCEPTED]


def _complete(p: Package, c: Context) -> str | None:
    missing = missing_for_rollup(c, p.source, p.period, p.upper_unit)
    if not missing:
        return None
    return (
        f"尚缺 {len(missing)} 个单位 / not accepted and not waived: {', '.join(missing[:8])} "
        "(edu review accept, or edu review waive with a reason)"
    )


def _approvals(p: Package, c: Context) -> int:
    return len({person(a) for a in (*p.approvals.split(), c.account.account)})


def _one_more_needed(p: Package, c: Context) -> str | None:
    return None if _approvals(p, c) < int(c.settings.get("release", "approvers")) else "已够 / enough already"


def _enough_approvers(p: Package, c: Context) -> str | None:
    return None if _one_more_needed(p, c) else "审定人数不足 / more approvers are needed"


def _newer_approved(p: Package, c: Context) -> str | None:
    newer = any(v.version > p.version and v.state == "approved" for v in c.packages[p.slot])
    return None if newer else "新版本尚未审定 / the newer version is not approved"


def _newer_delivered(p: Package, c: Context) -> str | None:
    newer = any(v.version > p.version and v.deliveries for v in c.packages[p.slot])
    return None if newer else "没有新版本 / there is no newer version"


def _overdue(p: Package, c: Context) -> str | None:
    return None if p.due and p.due < c.today else "未逾期 / not overdue"


GUARDS: dict[str, Callable[[Package, Context], str | None]] = {
    "has_delivery": _has_delivery,
    "not_frozen": _not_frozen,
    "no_block": _no_block,
    "blocked": _blocked,
    "own_unit": _own_unit,
    "upper_unit": _upper_unit,
    "signer_apart": _signer_apart,
    "new_actor": _new_actor,
    "warnings_commented": _warnings_commented,
    "reconciled": _reconciled,
    "reason_known": _reason_known,
    "return_items": _return_items,
    "complete": _complete,
    "one_more_needed": _one_more_needed,
    "enough_approvers": _enough_approvers,
    "newer_approved": _newer_approved,
    "newer_delivered": _newer_delivered,
    "overdue": _overdue,
}
