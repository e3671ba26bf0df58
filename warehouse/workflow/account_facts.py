"""What the rules judge of the accounts, as a transient table of the day: account ids, units and dates, never a name.

work.main.account: account, role, unit, is_known_unit, holder, granted_on, expires_on, is_in_use, is_disabled, disabled_on,
last_used_on (the last act in the ledger or on a delivery), left_on (register staff_leave), judged_on.
"""

from __future__ import annotations

from datetime import date

from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.reference import rows
from warehouse.release.approval import person
from warehouse.workflow.accounts import Account, load_accounts
from warehouse.workflow.calendar import province_owner

# Whoever acts stands in an entry of the ledger under one of these names, or on the envelope of a delivery.
_USED = """
SELECT account, max(used_on) AS last_used_on FROM (
  SELECT unnest([detail ->> '$.by', detail ->> '$.account', detail ->> '$.operator', detail ->> '$.second']) AS account,
         occurred_at::DATE AS used_on FROM ops.ledger__event
  UNION ALL
  SELECT unnest(from_json(detail -> '$.approvers', '["VARCHAR"]')), occurred_at::DATE FROM ops.ledger__event
  UNION ALL
  SELECT unnest([preparer, reviewer, unit_head]), received_on FROM ops.delivery__version)
WHERE account IS NOT NULL GROUP BY account"""


def is_in_use(account: Account, today: date) -> bool:
    """Whether somebody can act with it today. One without an expiry can."""
    return not account.disabled and not (account.expires_on and account.expires_on < today.isoformat())


def units_in_use(settings: Settings) -> set[str]:
    """Units with accounts in use."""
    return {a.unit for a in load_accounts(settings).values() if is_in_use(a, date.today())}


def build(session: Session, settings: Settings, today: date) -> int:
    """Make the transient table; returns the number of accounts."""
    province = settings.province_code
    units = {r["county_code"] for r in rows("county") if not r["valid_to"]}
    units |= {r["prefecture_code"] for r in rows("prefecture") if not r["valid_to"]}
    units |= {r["college_code"] for r in rows("college")} | {province, province_owner(province)}
    found = [
        (
            person(a.account), a.role, a.unit, a.unit in units, a.holder, a.granted_on or None, a.expires_on or None,
            is_in_use(a, today), a.disabled, a.disabled_on or None,
        )
        for a in load_accounts(settings).values()
    ]  # fmt: skip
    session.execute(
        "CREATE OR REPLACE TABLE work.main.account_file (account VARCHAR, role VARCHAR, unit VARCHAR, is_known_unit BOOLEAN, "
        "holder VARCHAR, granted_on DATE, expires_on DATE, is_in_use BOOLEAN, is_disabled BOOLEAN, disabled_on DATE)"
    )
    if found:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in found)
        session.execute(f"INSERT INTO work.main.account_file VALUES {values}")
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.account AS
            SELECT a.*, u.last_used_on, l.left_on, {literal(today.isoformat())}::DATE AS judged_on
            FROM work.main.account_file AS a
            LEFT JOIN ({_USED}) AS u ON lower(u.account) = a.account
            LEFT JOIN (SELECT lower(fields ->> '$.account') AS account, min(TRY_CAST(fields ->> '$.left_on' AS DATE)) AS left_on
                       FROM ops.register__record WHERE register_id = 'staff_leave' AND kind = 'record' GROUP BY ALL) AS l
              ON l.account = a.account
            ORDER BY a.account""",
        what="accounts",
    )
    return len(found)
