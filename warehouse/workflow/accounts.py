"""Accounts of the review: id, role, unit, and which users of this machine may act for them.

One JSON file with mode 0600 in the data folder. An account id given on the command line is believed only when the operating
system's user is listed for it; ids are account ids, never names of persons.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from warehouse.config import Settings
from warehouse.errors import UsageError
from warehouse.reference import thresholds
from warehouse.release.approval import person
from warehouse.release.files import replace_text
from warehouse.workflow.states import SYSTEM, roles

_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")
_UNIT = re.compile(r"\d{2}|\d{4,6}")


@dataclass(frozen=True)
class Account:
    """`unit`: code of the county, college, prefecture or province; `os_users`: who may act for it here; `holder`: staff number
    of the one person it belongs to (never a name); `granted_on`, `expires_on`, `disabled_on`: ISO dates, '' = not stated (RU01).
    """

    account: str
    role: str
    unit: str
    os_users: tuple[str, ...] = field(default=())
    disabled: bool = False
    demo: bool = False
    holder: str = ""
    granted_on: str = ""
    expires_on: str = ""
    disabled_on: str = ""


PIPELINE = Account("pipeline", SYSTEM, "")


def accounts_file(settings: Settings) -> Path:
    """Where the accounts are kept."""
    return settings.data / "accounts" / "accounts.json"


def os_user() -> str:
    """The user of the operating system, by id and not by the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def load_accounts(settings: Settings) -> dict[str, Account]:
    """Accounts by id in comparable form. UsageError if others may read the file or it is damaged."""
    file = accounts_file(settings)
    if not file.exists():
        return {}
    if file.stat().st_mode & 0o077:
        raise UsageError(f"The accounts file {file} can be read by others", f"chmod 600 {file}")
    try:
        found = [Account(**(r | {"os_users": tuple(r["os_users"])})) for r in json.loads(file.read_text())]
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"The accounts file {file} is damaged", "restore it from its backup") from None
    return {person(a.account): a for a in found}


def save_accounts(settings: Settings, accounts: Collection[Account]) -> None:
    """Replace the file as a whole."""
    file = accounts_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = os.umask(0o077)
    try:
        replace_text(file, json.dumps([asdict(a) for a in accounts], ensure_ascii=False, indent=1) + "\n")
    finally:
        os.umask(old)
    file.chmod(0o600)


def granted(account: Account, until: date | None = None) -> Account:
    """The account from today until a day, at most and by default for the longest term (threshold account_months).

    UsageError for a day that is not ahead or beyond the term.
    """
    today = date.today()
    last = today + timedelta(days=int(thresholds()["account_months"]) * 365 // 12)
    if until and not today <= until <= last:
        raise UsageError(
            f"期限 {until} 无效 / an account is not granted until {until}", f"a day from {today} to {last}"
        )
    return replace(
        account,
        granted_on=today.isoformat(),
        expires_on=(until or last).isoformat(),
        disabled=False,
        disabled_on="",
    )


def check_account(account: Account) -> Account:
    """The account itself; UsageError for an id, role or unit that cannot be."""
    if not _ID.fullmatch(account.account) or person(account.account) == PIPELINE.account:
        raise UsageError(
            f"{account.account!r} is not an account id", "letters, digits, '.', '_', '-'; not a name"
        )
    if account.holder and not _ID.fullmatch(account.holder):
        raise UsageError(
            "工号无效 / this is not a staff number", "letters, digits, '.', '_', '-'; not a name"
        )
    known = [r for r in roles() if r != SYSTEM]
    if account.role not in known:
        raise UsageError(f"There is no role {account.role!r}", f"one of: {', '.join(known)}")
    if not _UNIT.fullmatch(account.unit):
        raise UsageError(
            f"{account.unit!r} is not a unit", "code of the county, college, prefecture or province"
        )
    return account


def authenticate(settings: Settings, account: str, *, needs: Collection[str] = ()) -> Account:
    """The account, if it exists, is in use, and this user of the machine may act for it; UsageError otherwise.

    `needs`: roles of which it must have one.
    """
    known = load_accounts(settings)
    found = known.get(person(account))
    if found is None:
        raise UsageError(
            f"没有账号 {account} / there is no account {account}",
            "`edu accounts list` shows them, `edu accounts add` makes one",
        )
    if found.disabled:
        raise UsageError(f"账号 {account} 已停用 / account {account} is disabled", "ask the operator")
    if found.expires_on and found.expires_on < date.today().isoformat():
        raise UsageError(
            f"账号 {account} 已于 {found.expires_on} 到期 / account {account} expired on {found.expires_on}",
            f"edu accounts renew {account}",
        )
    if os_user() not in found.os_users:
        raise UsageError(
            f"本机用户 {os_user()} 不能代表 {account} / user {os_user()} may not act for {account}",
            "log in as the user of that account, or let the operator add the user to it",
        )
    if needs and found.role not in needs:
        raise UsageError(
            f"{account} 的角色是 {found.role}，不能这样做 / {account} has the role {found.role} and may not do this",
            f"needed: {', '.join(needs)}",
        )
    return found
