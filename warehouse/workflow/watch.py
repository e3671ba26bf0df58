"""What somebody should be told of: failed doors, refused files, late units, overdue reviews, and a pipeline that is silent."""

from __future__ import annotations

from datetime import datetime, timedelta

from warehouse.alerts import Alert
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.workflow.calendar import overview
from warehouse.workflow.desk import Desk
from warehouse.workflow.review import escalate, overdue


def snapshot_age(session: Session, now: datetime) -> int | None:
    """Days since the last release, or since the first load when nothing was ever published; None before any load."""
    if not session.exists("ops.ledger__event"):
        return None
    at = session.value(
        "SELECT coalesce(max(occurred_at) FILTER (event = 'publish'), min(occurred_at) FILTER (event = 'collect')) "
        "FROM ops.ledger__event"
    )
    return None if at is None else (now - at).days


def silent(session: Session, settings: Settings, now: datetime) -> Alert | None:
    """The dead-man's check: the last good snapshot is older than `watch.snapshot_days`."""
    age, limit = snapshot_age(session, now), int(settings.get("watch", "snapshot_days"))
    if age is None or age <= limit:
        return None
    return Alert(
        "silent",
        f"已有 {age} 天没有新的发布（上限 {limit} 天），请检查调度是否停止",
        f"no release for {age} days (limit {limit}): is the daemon still running?",
    )


def failed_load(session: Session, period: str) -> list[Alert]:
    """Files that are refused now and blocking rules that fail now, in a month."""
    found = []
    refused = session.rows(
        "SELECT source, owner, refused_by FROM ops.delivery__version WHERE period = ? QUALIFY row_number() OVER "
        "(PARTITION BY source, owner, part ORDER BY version DESC) = 1 AND status = 'refused' ORDER BY ALL",
        [period],
    )
    if refused:
        some = "; ".join(" ".join(r) for r in refused[:8])
        found.append(
            Alert(
                f"refused {period}",
                f"{period}：{len(refused)} 个文件被退回：{some}",
                f"{period}: {len(refused)} files are refused: {some}",
                str(refused),
            )
        )
    rules = session.rows(
        "SELECT rule_id, dataset, sum(n_failed)::BIGINT FROM ops.rule_result__rule_batch WHERE period = ? AND severity = 'block' "
        "AND status IN ('failed', 'error') AND dataset <> 'delivery' GROUP BY ALL ORDER BY ALL",
        [period],
    )
    if rules:
        some = "; ".join(f"{r} {d} {n}" for r, d, n in rules[:8])
        found.append(
            Alert(
                f"blocked {period}",
                f"{period}：{len(rules)} 条阻断规则未通过：{some}",
                f"{period}: {len(rules)} blocking rules fail: {some}",
                str(rules),
            )
        )
    return found


def look(session: Session, settings: Settings, now: datetime) -> list[Alert]:
    """Everything that somebody should be told of now; overdue packages are reported to their superiors in passing."""
    found = [a for a in (silent(session, settings, now),) if a]
    newest = session.value("SELECT max(period) FROM ops.delivery__version")
    if newest:
        found += failed_load(session, newest)
    due = (now.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    for period in sorted({due, newest or due}):
        lines = overview(session, period, settings.province_code, now.date())
        late = [x for x in lines if x["missing"] and x["late"] and not x["waived"]]
        if late:
            units = sorted({x["owner"] for x in late})
            some = ", ".join(units[:10]) + (" …" if len(units) > 10 else "")
            found.append(
                Alert(
                    f"late {period}",
                    f"{period}：{len(units)} 个单位逾期未报 {len(late)} 个包：{some}",
                    f"{period}: {len(units)} units are late with {len(late)} packages: {some}",
                    f"{len(late)} {units}",
                )
            )
    desk = Desk(session, settings, where="watch", today=now.date())
    escalate(desk)
    waiting = overdue(desk)
    if waiting:
        states = sorted({p.state for p in waiting})
        found.append(
            Alert(
                "overdue",
                f"{len(waiting)} 个报送包逾期未办：{', '.join(states)}",
                f"{len(waiting)} packages wait beyond their date: {', '.join(states)}",
                str(sorted(p.key for p in waiting)),
            )
        )
    return found
