"""Who may look at persons, for which purpose: checked and recorded before anything is shown (RU03, RU04, RU05)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warehouse import ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.engine.work import private_folder
from warehouse.errors import UsageError
from warehouse.reference import rows, thresholds

_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,40}")


def purposes(use: str) -> dict[str, str]:
    """Purposes that allow a use (card, gaps, feedback, snapshot): code → Chinese name."""
    return {r["purpose_code"]: r["name_zh"] for r in rows("purpose") if use in r["uses"].split("|")}


def check(use: str, purpose: str, account: str, n_persons: int = 1, second: str | None = None) -> None:
    """Raises UsageError for an unknown purpose, an account that is none, or many persons without a second account."""
    allowed = purposes(use)
    if purpose not in allowed:
        listed = ", ".join(f"{code} {name}" for code, name in allowed.items())
        raise UsageError(
            f"目的 {purpose} 不适用 / the purpose {purpose!r} is not one for this", f"--purpose: {listed}"
        )
    if not _ACCOUNT.fullmatch(account):
        raise UsageError("账号无效 / this is not an account id", "--by u-6300-01: letters, digits, dot, dash")
    limit = int(thresholds()["export_second_approval"])
    if n_persons > limit and (not second or second == account or not _ACCOUNT.fullmatch(second)):
        raise UsageError(
            f"{n_persons} 人超过 {limit} 人，须第二人批准 / more than {limit} persons need a second approver (RU05)",
            "--second ACCOUNT of another person",
        )


def record(
    session: Session, use: str, purpose: str, account: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """The entry in the ledger; keys and counts only."""
    with session.transaction():
        ledger.append(session, "access", subject, {"use": use, "purpose": purpose, "by": account, **detail})


def private_file(settings: Settings, kind: str, name: str) -> Path:
    """Path of a private file `data/private/<kind>/<name>`, folder 0700; the file is made empty with mode 0600."""
    folder = private_folder(settings.data / "private" / kind, 2)
    file = folder / name
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    return file
