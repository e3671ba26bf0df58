"""The register of dropout cases: opened from the list of suspicions, moved by people along the allowed transitions.

States and transitions are reference data (case_state, case_transition). A machine never closes a case; that a child is seen in
a registry again is shown beside the case (rule RP15).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse import ledger
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.monitor.access import check

FIRST_STATE = "suspected"
_STATE = """SELECT case_id, to_state AS state FROM ops.case_move__event
            QUALIFY row_number() OVER (PARTITION BY case_id ORDER BY seq DESC) = 1"""


@dataclass(frozen=True)
class Case:
    """One case as it stands; keys and codes only."""

    case_id: str
    person_id: str
    county_code: str | None
    kind_code: str
    opened_period: str
    state: str
    is_open: bool
    is_seen_again: bool


def open_cases(session: Session, period: str, account: str) -> int:
    """Open a case for every suspicion of the month that has none; returns how many."""
    check("card", "dropout", account)
    new = session.rows(
        "SELECT case_id, person_id, kind_code, county_code FROM use.suspected_dropout__person_month WHERE period = ? "
        "AND case_id NOT IN (SELECT case_id FROM ops.case__person) ORDER BY case_id",
        [period],
    )
    if not new:
        return 0
    now = datetime.now()
    with session.transaction():
        seq = int(session.value("SELECT coalesce(max(seq), 0) FROM ops.case_move__event"))
        session.con.executemany(
            "INSERT INTO ops.case__person VALUES (?, ?, ?, ?, ?, ?)",
            [(c, p, kind, period, county, now) for c, p, kind, county in new],
        )
        session.con.executemany(
            "INSERT INTO ops.case_move__event VALUES (?, ?, NULL, ?, NULL, NULL, ?, ?)",
            [(seq + n, c[0], FIRST_STATE, account, now) for n, c in enumerate(new, start=1)],
        )
        written = {
            "ops.case__person": [c[0] for c in new],
            "ops.case_move__event": [str(seq + n) for n in range(1, len(new) + 1)],
        }
        ledger.append(session, "case", f"open {period}", {"by": account, "cases": len(new)}, written)
    return len(new)


def list_cases(
    session: Session, *, county: str | None = None, state: str | None = None, everything: bool = False
) -> list[Case]:
    """Open cases (or all), newest first."""
    rows = session.rows(
        f"""SELECT c.case_id, c.person_id::VARCHAR, c.county_code, c.kind_code, c.opened_period, s.state, t.is_open,
              EXISTS (SELECT 1 FROM core.standing__person_month h WHERE h.person_id = c.person_id AND h.is_active
                      AND h.period > c.opened_period)
            FROM ops.case__person c JOIN ({_STATE}) s USING (case_id) JOIN ref.case_state t ON t.case_state = s.state
            WHERE (t.is_open OR ?) AND coalesce(c.county_code = ?, ? IS NULL) AND coalesce(s.state = ?, ? IS NULL)
            ORDER BY c.opened_period DESC, c.county_code, c.case_id""",
        [everything or state is not None, county, county, state, state],
    )
    return [Case(*r) for r in rows]


def move_case(
    session: Session, case_id: str, to_state: str, account: str, *, reason: str | None, evidence: str | None
) -> str:
    """Move a case; returns the state it left. Raises UsageError for an unknown case, a move that is not allowed, a move
    without the evidence that it needs, or an unknown reason."""
    check("card", "dropout", account)
    current = session.value(f"SELECT state FROM ({_STATE}) WHERE case_id = ?", [case_id])
    if current is None:
        raise UsageError(f"没有个案 {case_id} / there is no case {case_id}", "edu case list")
    allowed = dict(
        session.rows(
            "SELECT to_state, needs_evidence FROM ref.case_transition WHERE from_state = ?", [current]
        )
    )
    if to_state not in allowed:
        raise UsageError(
            f"个案不能从 {current} 变为 {to_state} / a case does not go from {current} to {to_state}",
            f"allowed: {', '.join(sorted(allowed)) or 'nothing'}",
        )
    if allowed[to_state] and not evidence:
        raise UsageError("须填佐证编号 / this move needs the number of its evidence", "--evidence 佐证编号")
    reasons = {r[0] for r in session.rows("SELECT reason_code FROM ref.dropout_reason")}
    if (to_state == "confirmed" and reason not in reasons) or (reason is not None and reason not in reasons):
        raise UsageError(
            "须填辍学原因 / a confirmed dropout has a reason", f"--reason: {', '.join(sorted(reasons))}"
        )
    with session.transaction():
        seq = int(session.value("SELECT max(seq) FROM ops.case_move__event"))
        session.execute(
            "INSERT INTO ops.case_move__event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [seq + 1, case_id, current, to_state, reason, evidence, account, datetime.now()],
        )
        ledger.append(
            session,
            "case",
            f"move {case_id}",
            {"by": account, "from": current, "to": to_state, "evidence": evidence},
            {"ops.case_move__event": [str(seq + 1)]},
        )
    return str(current)


def return_rate(session: Session) -> tuple[int, int]:
    """(returned, confirmed): cases ever back in school among those ever confirmed as dropouts."""
    row = session.rows(
        """SELECT count(DISTINCT case_id) FILTER (to_state IN ('returned', 'stable')
                    AND case_id IN (SELECT case_id FROM ops.case_move__event WHERE to_state = 'confirmed')),
                  count(DISTINCT case_id) FILTER (to_state = 'confirmed') FROM ops.case_move__event"""
    )[0]
    return int(row[0]), int(row[1])
