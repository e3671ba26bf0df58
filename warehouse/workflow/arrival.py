"""What a load does to the packages: new files make or replace versions, and the result of validation moves them by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.workflow.accounts import PIPELINE
from warehouse.workflow.calendar import ANY_MONTH, units_sql
from warehouse.workflow.desk import Desk
from warehouse.workflow.guards import Context
from warehouse.workflow.package import Package
from warehouse.workflow.restatement import record_restatements
from warehouse.workflow.states import states


def sync(session: Session, settings: Settings, *, where: str = "load") -> int:
    """Bring the packages up to date with the deliveries; returns how many versions are new. Instant when nothing arrived."""
    desk = Desk(session, settings, where=where)
    context = desk.context(PIPELINE)
    new = [p for facts in _slots(session, settings) if (p := _arrived(desk, context, facts))]
    desk.write(lambda: record_restatements(session, new, desk.packages))
    return len(new)


def _slots(session: Session, settings: Settings) -> list[dict[str, Any]]:
    """The newest delivery of each part, by owner, source and period. Owners that nobody knows have no package."""
    names = (
        "source", "owner", "period", "owner_level", "upper_unit", "content", "deliveries", "is_refused", "n_read",
        "n_quarantined", "n_warned", "preparer", "reviewer",
    )  # fmt: skip
    rows = session.rows(
        f"""WITH newest AS (
              SELECT * FROM ops.delivery__version
              QUALIFY row_number() OVER (PARTITION BY source, owner, period, part ORDER BY version DESC) = 1),
            warned AS (
              SELECT delivery_id, count(DISTINCT row_no) AS n FROM ops.quarantine__row_rule WHERE severity = 'warn' GROUP BY ALL),
            slot AS (
              SELECT n.*, s.owner_level, coalesce(u.county_code, n.owner) AS unit,
                     coalesce(u.prefecture_code, $province) AS upper_unit, coalesce(w.n, 0) AS warned
              FROM newest n JOIN ref.source s ON s.source = n.source
              LEFT JOIN {units_sql(ANY_MONTH)} u ON u.code = n.owner AND s.owner_level = 'county'
              LEFT JOIN ref.college c ON c.college_code = n.owner AND s.owner_level = 'college'
              LEFT JOIN warned w ON w.delivery_id = n.delivery_id
              WHERE u.code IS NOT NULL OR c.college_code IS NOT NULL
                 OR (s.owner_level = 'province' AND starts_with(n.owner, $province)))
            SELECT source, unit, period, any_value(owner_level), any_value(upper_unit),
                   left(sha256(string_agg(delivery_id || status, ' ' ORDER BY delivery_id)), 32),
                   string_agg(delivery_id, ' ' ORDER BY delivery_id), bool_or(status = 'refused'),
                   coalesce(sum(n_read), 0)::BIGINT, coalesce(sum(n_quarantined), 0)::BIGINT, sum(warned)::BIGINT,
                   min(preparer), min(reviewer)
            FROM slot GROUP BY ALL ORDER BY ALL""",
        {"province": settings.province_code},
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def fresh(facts: dict[str, Any], version: int, n_returned: int = 0) -> Package:
    """A new version in its first state."""
    return Package(
        version=version,
        state="draft",
        since=datetime.now(),
        due=None,
        n_escalated=0,
        n_returned=n_returned,
        actors="",
        approvals="",
        reason=None,
        **facts,
    )


def _arrived(desk: Desk, context: Context, facts: dict[str, Any]) -> Package | None:
    """Make or change the newest version of a slot if its files are not those known; the version if it is new."""
    slot = (facts["source"], facts["owner"], facts["period"])
    versions = desk.packages.get(slot, [])
    last = versions[-1] if versions else None
    # A replay changes no file, but how many rows of it are in.
    known = [(v.content, v.n_read, v.n_quarantined) for v in versions[-2:]]
    if (facts["content"], facts["n_read"], facts["n_quarantined"]) in known:
        return None
    if last and last.state == "draft":
        # It waited: for its first file after a reopening, or (held) for the approved version to be reopened.
        for name, value in facts.items():
            setattr(last, name, value)
        package = last
    else:
        package = fresh(facts, last.version + 1 if last else 1, last.n_returned if last else 0)
        desk.put(package)
        if last and not (
            states()[last.state].is_approved or last.state in ("reopened", "withdrawn", "superseded")
        ):
            desk.take(last, "replace", context)
    validate(desk, context, package)
    return package


def validate(desk: Desk, context: Context, package: Package) -> None:
    """Take a version with files as far as no person is needed; one whose predecessor is frozen is held instead."""
    why = desk.take(package, "submit", context)
    if why:
        already = {d for v in desk.packages[package.slot] if v is not package for d in v.deliveries.split()}
        desk.hold(set(package.deliveries.split()) - already, "frozen")
        desk.note("held", package, context, {"why": why})
        return
    desk.free(package.deliveries.split())
    if desk.take(package, "pass", context):
        desk.take(package, "reject", context)
