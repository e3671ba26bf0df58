"""Who may do what besides the steps of the review: write return workbooks, reply to them, decide on replies, replay; freeze a
scorecard (assess), decide about a major, note the progress of a task, approve a change of reference data.

The roles and their tasks stand in reference/review_role.csv. For whom: a unit replies for itself; the unit above it decides; a
return workbook is written by the unit, the unit above it or the province; a replay concerns the province as a whole.
"""

from __future__ import annotations

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.workflow.accounts import Account, authenticate
from warehouse.workflow.calendar import ANY_MONTH, units_sql
from warehouse.workflow.states import may


def on_duty(settings: Settings, account: str, task: str) -> Account:
    """The account, if this user may act for it and its role does the task; UsageError says why not."""
    who = authenticate(settings, account, needs=may(task))
    if task == "replay" and who.unit != settings.province_code:
        raise UsageError(
            f"{account} 不是省级账号 / {account} is not of the province", "a replay concerns every unit"
        )
    return who


def units_of(session: Session, owner: str, province: str) -> tuple[str, str]:
    """The unit that stands for an owner today, and the unit above it: its prefecture, or the province."""
    found = session.rows(
        f"SELECT county_code, prefecture_code FROM {units_sql(ANY_MONTH)} WHERE code = ?", [owner]
    )
    return (str(found[0][0]), str(found[0][1])) if found else (owner, province)


def reaches(session: Session, settings: Settings, who: Account, task: str, owner: str) -> bool:
    """Whether an account does a task for an owner."""
    unit, above = units_of(session, owner, settings.province_code)
    units = {"reply": (unit,), "decide": (above,), "return": (unit, above, settings.province_code)}[task]
    return who.unit in units


def require(session: Session, settings: Settings, who: Account, task: str, owner: str) -> None:
    """UsageError unless the account does the task for the owner."""
    if not reaches(session, settings, who, task, owner):
        whose = "上级单位" if task == "decide" else "单位"
        raise UsageError(
            f"{who.account} 属于 {who.unit}，不能替 {owner} 办理 / {who.account} is of unit {who.unit} and may not do this for {owner}",
            f"由 {owner} 的{whose}账号办理 / use an account of {'the unit above' if task == 'decide' else 'unit'} {owner}",
        )
