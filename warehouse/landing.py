"""What lies in landing: files, their envelopes, and which of them are new.

`landing/<source>/<period>/<file>` with `<file>.envelope.json` beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from warehouse.archive import sha256_file
from warehouse.config import Settings
from warehouse.contract import load_contracts
from warehouse.errors import UsageError

ENVELOPE = ".envelope.json"
# Reference data first: later sources are checked against the directories.
SOURCES = (
    "population",
    "reported_statistics",
    "school_directory",
    "class_directory",
    "student_registry",
    "student_change",
    "vocational_registry",
    "preschool_registry",
    "poverty_register",
    "aid_record",
    "two_later_survey",
    "disability_roster",
    "graduate_register",
)
_PERIOD = re.compile(r"(19|20)\d{2}-(0[1-9]|1[0-2])")
_ACCOUNT = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True)
class Envelope:
    """The declaration that comes with a file (rule RC07). Persons are account ids, not names."""

    source: str | None = None
    owner: str | None = None
    period: str | None = None
    part: str = ""
    as_of: date | None = None
    received_on: date | None = None
    sha256: str | None = None
    n_rows: int | None = None
    preparer: str | None = None
    reviewer: str | None = None
    unit_head: str | None = None
    sealed: bool = False
    late_reason: str | None = None
    unreadable: bool = False


@dataclass(frozen=True)
class Delivery:
    """One file in landing."""

    delivery_id: str
    source: str
    owner: str
    period: str
    part: str
    path: Path
    sha256: str
    n_bytes: int
    envelope: Envelope = field(default_factory=Envelope)
    envelope_sha256: str | None = None

    @property
    def file_name(self) -> str:
        """Name as delivered, without its folder."""
        return self.path.name


def check_period(period: str) -> str:
    """The period itself; UsageError if it is not YYYY-MM."""
    if not _PERIOD.fullmatch(period):
        raise UsageError(f"{period!r} is not a period", "write a month as YYYY-MM, for example 2025-09")
    return period


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _account(value: Any) -> str | None:
    return value if isinstance(value, str) and _ACCOUNT.fullmatch(value) else None


def _sha256(value: Any) -> str | None:
    text = str(value).lower()
    return text if re.fullmatch(r"[0-9a-f]{64}", text) else None


def envelope_of(file: Path) -> Path:
    """Where the envelope of a file lies, if there is one."""
    return file.with_name(file.name + ENVELOPE)


def read_envelope(file: Path) -> Envelope:
    """Envelope of a delivered file; fields that are missing or malformed are None, for the rules to judge."""
    envelope = envelope_of(file)
    if not envelope.is_file():
        return Envelope()
    try:
        found = json.loads(envelope.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError
    except (ValueError, OSError, RecursionError):
        return Envelope(unreadable=True)
    n_rows = found.get("n_rows")
    return Envelope(
        source=_account(found.get("source")),
        owner=_account(found.get("owner")),
        period=found.get("period") if _PERIOD.fullmatch(str(found.get("period"))) else None,
        part=_account(found.get("part")) or "",
        as_of=_date(found.get("as_of")),
        received_on=_date(found.get("received_on")),
        sha256=_sha256(found.get("sha256")),
        n_rows=n_rows if isinstance(n_rows, int) and not isinstance(n_rows, bool) and n_rows >= 0 else None,
        preparer=_account(found.get("preparer")),
        reviewer=_account(found.get("reviewer")),
        unit_head=_account(found.get("unit_head")),
        sealed=found.get("sealed") is True,
        late_reason=str(found["late_reason"])[:200] if found.get("late_reason") else None,
    )


def delivery_id(source: str, owner: str, period: str, part: str, sha256: str) -> str:
    """Identity of a delivery: first 16 hex digits over its slot and its content."""
    return hashlib.sha256("\x1f".join((source, owner, period, part, sha256)).encode()).hexdigest()[:16]


def files_in(settings: Settings, source: str, period: str) -> list[Path]:
    """Delivered files of a source and period, without envelopes, hidden files, folders and symbolic links."""
    folder = settings.landing / source / period
    if not folder.is_dir():
        return []
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_file()
        and not p.is_symlink()
        and not p.name.startswith((".", "~$"))
        and not p.name.endswith(ENVELOPE)
    )


def inventory(settings: Settings, source: str, period: str) -> list[Delivery]:
    """Every delivered file of a source and period, hashed, with its envelope. UsageError for an unknown source."""
    if source not in load_contracts("extracts"):
        raise UsageError(f"Unknown source {source!r}", f"one of: {', '.join(SOURCES)}")
    found = []
    for path in files_in(settings, source, check_period(period)):
        envelope = read_envelope(path)
        sha256 = sha256_file(path)
        owner = envelope.owner or "unknown"
        found.append(
            Delivery(
                delivery_id=delivery_id(source, owner, period, envelope.part, sha256),
                source=source,
                owner=owner,
                period=period,
                part=envelope.part,
                path=path,
                sha256=sha256,
                n_bytes=path.stat().st_size,
                envelope=envelope,
                envelope_sha256=sha256_file(envelope_of(path)) if envelope_of(path).is_file() else None,
            )
        )
    return found


def periods_in_landing(settings: Settings) -> list[str]:
    """All months for which anything was delivered, ascending."""
    if not settings.landing.is_dir():
        return []
    return sorted(
        {
            p.name
            for source in settings.landing.iterdir()
            if source.is_dir()
            for p in source.iterdir()
            if _PERIOD.fullmatch(p.name)
        }
    )


def fingerprint(settings: Settings, period: str) -> str:
    """Changes when a file of the month arrives, leaves or changes; reads no content."""
    digest = hashlib.sha256()
    for source in SOURCES:
        for path in files_in(settings, source, period):
            for file in (path, envelope_of(path)):
                facts = file.stat() if file.is_file() else None
                digest.update(
                    f"{source}/{file.name}/{facts and (facts.st_size, facts.st_mtime_ns)}\n".encode()
                )
    return digest.hexdigest()[:16]


def _marker(settings: Settings, period: str) -> Path:
    return settings.data / "state" / "collected" / period


def mark_collected(settings: Settings, period: str, seen: str) -> None:
    """Remember what lay in landing when the month was collected, for the sensor."""
    marker = _marker(settings, period)
    marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker.write_text(seen)


def is_collected(settings: Settings, period: str) -> bool:
    """Is what lies in landing what the last load of the month saw?"""
    marker = _marker(settings, period)
    return marker.is_file() and marker.read_text() == fingerprint(settings, period)
