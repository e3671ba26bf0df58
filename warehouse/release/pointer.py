"""Releases on disk, their ids and order, and the pointer to the one that counts.

`current` is a symbolic link and the truth; `current.json` says the same for Windows shares, which
cannot follow links. It also remembers which releases were rolled back, so that a repeated run does not
bring them back unasked. `RETIRED.json` names the releases that were withdrawn or pruned: their ids are
taken for ever, their data are gone from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from warehouse.config import Settings
from warehouse.errors import BlockedError, EduError, UsageError
from warehouse.release.files import read_json, replace_link, replace_text

RETIRED = "RETIRED.json"
_ID = re.compile(r"v(\d{4})\.([1-9]|1[0-2])\.(0|[1-9]\d*)")
_PERIOD = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Release:
    """A published folder. `content_hash` is empty if its RELEASE.json cannot be read."""

    id: str
    period: str
    content_hash: str
    previous: str | None
    path: Path

    @property
    def order(self) -> tuple[int, int, int]:
        """Year, month, patch: the newest release is the greatest."""
        return id_order(self.id)


@dataclass(frozen=True)
class Retired:
    """A release that is no longer offered. `kind`: withdrawn (it was wrong) or pruned (it was old).

    `by` is an account id, `at` ISO 8601. `is_leak`: it showed what had to stay hidden.
    """

    id: str
    kind: str
    reason: str
    by: str
    at: str
    successor: str | None
    content_hash: str
    is_leak: bool = False


def id_order(release: str) -> tuple[int, int, int]:
    """Year, month and patch of a release id; UsageError if it is none."""
    match = _ID.fullmatch(release)
    if not match:
        raise UsageError(
            f"{release!r} 不是发布编号 / is not a release id", "write it like v2025.9.0; see the list"
        )
    year, month, patch = match.groups()
    return int(year), int(month), int(patch)


def check_period(period: str) -> str:
    """The period; UsageError if it is not a month."""
    if not _PERIOD.fullmatch(period):
        raise UsageError(f"{period!r} 不是月份 / is not a month", "write it like 2025-09")
    return period


def release_id(period: str, existing: Iterable[str]) -> str:
    """Id of the next release of a period: year and month of the data; the patch counts corrections."""
    year, month = (int(part) for part in check_period(period).split("-"))
    patches = [order[2] for order in map(id_order, existing) if order[:2] == (year, month)]
    return f"v{year}.{month}.{max(patches, default=-1) + 1}"


def retired(settings: Settings) -> dict[str, Retired]:
    """Withdrawn and pruned releases by id, oldest first."""
    path = settings.releases / RETIRED
    nodes = read_json(path)["releases"] if path.exists() else []
    return {node["id"]: Retired(**node) for node in nodes}


def write_retired(settings: Settings, found: Iterable[Retired]) -> None:
    """Replace RETIRED.json; from this moment on a release that it names is no longer offered."""
    nodes = [asdict(r) for r in sorted(found, key=lambda r: id_order(r.id))]
    replace_text(
        settings.releases / RETIRED, json.dumps({"releases": nodes}, ensure_ascii=False, indent=2) + "\n"
    )


def taken_ids(settings: Settings) -> list[str]:
    """Every id ever given, of retired releases too: an id is never given twice."""
    return [*(r.id for r in list_releases(settings)), *retired(settings)]


def shown_before(settings: Settings, *, without_content: str = "") -> list[Path]:
    """Folders of everything readers may have seen, oldest first: published, and withdrawn or pruned later.

    Disclosure control must reckon with all of it. Left out are releases withdrawn as a leak: what they
    gave away cannot be protected any more. `without_content` leaves out a release with that content hash.
    """
    found = {r.id: (r.content_hash, r.path) for r in list_releases(settings)}
    for gone in retired(settings).values():
        folder = settings.withheld / gone.id
        if not gone.is_leak and folder.is_dir():
            found[gone.id] = (gone.content_hash, folder)
    return [
        path
        for _, (content, path) in sorted(found.items(), key=lambda item: id_order(item[0]))
        if not without_content or content != without_content
    ]


def list_releases(settings: Settings) -> list[Release]:
    """All releases that are offered, oldest first; without withdrawn and pruned ones."""
    found = []
    gone = retired(settings)
    for folder in settings.releases.iterdir() if settings.releases.is_dir() else ():
        if (
            folder.name in gone
            or not _ID.fullmatch(folder.name)
            or folder.is_symlink()
            or not folder.is_dir()
        ):
            continue
        year, month, _ = id_order(folder.name)
        try:
            facts: dict[str, Any] = read_json(folder / "RELEASE.json")
        except EduError:
            facts = {}
        found.append(
            Release(
                id=folder.name,
                period=f"{year:04d}-{month:02d}",
                content_hash=str(facts.get("content_hash", "")),
                previous=facts.get("previous"),
                path=folder,
            )
        )
    return sorted(found, key=lambda r: r.order)


def find_release(settings: Settings, release: str) -> Release:
    """A release by id; UsageError if there is none, or if it was withdrawn or pruned."""
    id_order(release)
    if gone := retired(settings).get(release):
        raise UsageError(
            f"{release} 已{'撤回' if gone.kind == 'withdrawn' else '清理'} / {release} was {gone.kind}: {gone.reason}",
            f"use {gone.successor}" if gone.successor else "choose one from `edu release list`",
        )
    for found in list_releases(settings):
        if found.id == release:
            return found
    raise UsageError(
        f"没有发布 {release} / there is no release {release}", "choose one from the list of releases"
    )


def newest_of(settings: Settings, period: str) -> Release | None:
    """The last correction of a period, or its first release."""
    return next((r for r in reversed(list_releases(settings)) if r.period == period), None)


def previous_of(settings: Settings, period: str) -> Release | None:
    """What readers know before a new release of `period`: the newest so far that was not rolled back."""
    back = rolled_back(settings)
    known = (r for r in reversed(list_releases(settings)) if r.period <= period)
    return next((r for r in known if r.id not in back and r.content_hash), None)


def current_id(settings: Settings) -> str | None:
    """Id of the release that `current` points to; None before the first. BlockedError if it is no link."""
    link = settings.releases / "current"
    if not link.is_symlink():
        if link.exists():
            raise BlockedError(
                "current 不是链接 / current is not a link", "move it away and roll back to a release"
            )
        return None
    return link.readlink().name


def pointer_file(settings: Settings) -> dict[str, Any]:
    """Content of current.json; empty if there is none."""
    path = settings.releases / "current.json"
    return dict(read_json(path)) if path.exists() else {}


def rolled_back(settings: Settings) -> set[str]:
    """Releases that somebody rolled back on purpose."""
    return set(pointer_file(settings).get("rolled_back", ()))


def write_pointer_file(settings: Settings, release: Release | None, back: Iterable[str]) -> None:
    """Replace current.json; written before the link, the one act that makes a release count.

    None: nothing is offered at present.
    """
    document = {
        "id": release.id if release else None,
        "path": release.id if release else None,
        "period": release.period if release else None,
        "content_hash": release.content_hash if release else None,
        "rolled_back": sorted(back, key=id_order),
    }
    replace_text(
        settings.releases / "current.json", json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    )


def switch_link(settings: Settings, release: Release) -> None:
    """Let `current` point to a release; relative, so that the folder may be mounted elsewhere."""
    replace_link(settings.releases / "current", release.id)
