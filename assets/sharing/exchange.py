"""Deliveries to recipients through the gate: rules RS02, RS03 and RS13 judge every one before it is handed over."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from expectations.doors import Subject, judge
from expectations.rule import all_rules
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import BlockedError
from warehouse.sharing.delivery import Line, deliver
from warehouse.sharing.registers import staged_delivery


def deliver_through_gate(
    session: Session, settings: Settings, request: str, *, by: str, today: date, release_id: str | None = None
) -> tuple[Path, Line]:
    """Cut and log a delivery. Raises BlockedError with the rules that it breaks; nothing is handed over then."""

    def check(line: Line) -> None:
        relation = staged_delivery(session, line)
        batch = judge(session, settings, line.period, [Subject("share_staged", relation)])["share_staged"]
        broken = session.rows(
            "SELECT DISTINCT rule_id FROM ops.rule_result__rule_batch WHERE dataset = 'share_staged' AND batch = ? "
            "AND status IN ('failed', 'error') ORDER BY ALL",
            [batch],
        )
        if broken:
            rules = [all_rules()[rule_id] for (rule_id,) in broken]
            raise BlockedError(
                "; ".join(f"{r.id} {r.statement_zh} / {r.statement_en}" for r in rules),
                "; ".join(f"{r.fix_zh} / {r.fix_en}" for r in rules),
            )

    return deliver(session, settings, request, by=by, today=today, release_id=release_id, check=check)
