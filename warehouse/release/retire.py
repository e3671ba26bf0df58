"""Withdraw what was wrong, prune what is old: a release stops being offered, and a tombstone says why.

The order makes every interruption harmless: `current` leaves the release first, then RETIRED.json names it
(from then on nobody is offered it), then its data move to `withheld/` and the tombstone takes their place.
What is missing of the last two steps is done by whoever holds `releases/` next. The data are kept out of
reach, not destroyed: disclosure control must reckon with everything that readers have seen.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from warehouse.config import Settings
from warehouse.errors import BlockedError, UsageError
from warehouse.release import files, pointer
from warehouse.release.pointer import Release, Retired
from warehouse.release.publish import point_to, releases_held

# What must be typed to withdraw the current release when nothing takes its place.
WORDS = "withdraw without successor"
HOLDS = "holds.json"
_KEPT_OF_PRUNED = ("parquet", "contracts", "RELEASE.json", "SHA256SUMS", "APPROVALS.json")
_NUMBER = re.compile(r"\d{11}")
OnStep = Callable[[str], None]


def withdraw(
    settings: Settings,
    release: str,
    *,
    reason: str,
    by: str,
    successor: str | None = None,
    words: str | None = None,
    is_leak: bool = False,
    now: datetime | None = None,
    on_step: OnStep | None = None,
) -> Retired:
    """Stop offering a release because it is wrong or shows too much; doing it twice changes nothing.

    The current release is withdrawn only when `successor` names a release that verifies, or `words` are
    exactly WORDS: then nothing is current. Raises UsageError for a missing reason or an unknown release,
    BlockedError when the current release would leave nothing behind.
    """
    step = on_step or (lambda _: None)
    if not reason.strip() or not by.strip():
        raise UsageError(
            "缺少撤回理由或账号 / a reason and an account are needed", "--reason TEXT --by ACCOUNT"
        )
    if _NUMBER.search(reason):
        raise UsageError(
            "理由中有号码 / the reason holds a long number", "the tombstone is read by all: no personal data"
        )
    with releases_held(settings):
        known = pointer.retired(settings)
        if (there := known.get(release)) and there.kind == "withdrawn":
            return there
        target = pointer.find_release(settings, release)
        if release == successor:
            raise UsageError("后继不能是它自己 / a release does not follow itself", "name another release")
        after = pointer.find_release(settings, successor) if successor else None
        step("start")
        if pointer.current_id(settings) == target.id:
            if after:
                point_to(settings, after, step)
            elif words != WORDS:
                others = [r.id for r in pointer.list_releases(settings) if r.id != target.id]
                raise BlockedError(
                    f"{release} 是当前发布，撤回须指定后继 / {release} is current: withdrawing it needs a successor",
                    f"--successor {others[-1]}"
                    if others
                    else f'nothing can follow it: --without-successor "{WORDS}"',
                )
        at = (now or datetime.now().astimezone()).isoformat(timespec="seconds")
        entry = Retired(
            target.id, "withdrawn", reason.strip(), by, at, successor, target.content_hash, is_leak
        )
        pointer.write_retired(settings, [*known.values(), entry])
        step("recorded")
        finish(settings, step)
        return entry


def finish(settings: Settings, step: OnStep) -> None:
    """Do what is left to do for the releases named in RETIRED.json. Call with `releases/` held."""
    gone = pointer.retired(settings)
    if gone and pointer.current_id(settings) in gone:
        pointer.write_pointer_file(settings, None, pointer.rolled_back(settings))
        step("pointer_file")
        (settings.releases / "current").unlink()
        files.fsync_dir(settings.releases)
        step("unlinked")
    for entry in gone.values():
        folder, kept = settings.releases / entry.id, settings.withheld / entry.id
        if folder.is_dir() and not (folder / "WITHDRAWN.md").exists():
            settings.withheld.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.rename(kept)
            files.fsync_dir(settings.withheld)
            files.fsync_dir(settings.releases)
            step("moved")
        if entry.kind == "pruned" and kept.is_dir():
            _slim(kept)
            step("slimmed")
        if not folder.exists():
            _tombstone(settings, entry, kept)
            step("tombstone")


def _slim(kept: Path) -> None:
    """Leave of a pruned release what disclosure control and its papers need."""
    for path in sorted(kept.iterdir()):
        if path.name not in _KEPT_OF_PRUNED:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _tombstone(settings: Settings, entry: Retired, kept: Path) -> None:
    """A folder in the release's place: why it is gone, what follows it, and its papers without its data."""
    staging = files.new_staging(settings.releases)
    verb = "已撤回 was withdrawn" if entry.kind == "withdrawn" else "已清理 was pruned"
    after = entry.successor or "–"
    lines = [
        f"# {entry.id} {verb}",
        "",
        f"- 理由 reason: {entry.reason}",
        f"- 时间 at: {entry.at}",
        f"- 后继 successor: {after}",
        f"- 内容指纹 content: {entry.content_hash}",
        "",
        "请勿再使用此版数据；已下载的副本请删除。"
        if entry.kind == "withdrawn"
        else "如需此版，请联系数据中心。",
        "Do not use its data any more, and delete copies."
        if entry.kind == "withdrawn"
        else "Ask the data centre if you need it.",
    ]
    files.write_text(staging / "WITHDRAWN.md", "\n".join(lines) + "\n")
    for name in ("RELEASE.json", files.SUMS):
        if (kept / name).is_file():
            # Under another name: nobody shall check a tombstone for files that are meant to be missing.
            shutil.copyfile(kept / name, staging / f"{Path(name).stem}.was{Path(name).suffix}")
    for path in staging.iterdir():
        path.chmod(0o444)
    staging.chmod(0o755)
    files.fsync_tree(staging)
    staging.rename(settings.releases / entry.id)
    files.fsync_dir(settings.releases)


# ---------------------------------------- pruning


@dataclass(frozen=True)
class Kept:
    """What pruning means for one release. `why`: the reasons to keep it; empty: it goes. `size` in bytes."""

    id: str
    why: tuple[str, ...]
    size: int


def holds(settings: Settings) -> dict[str, str]:
    """Releases held back from pruning: id → reason."""
    path = settings.releases / HOLDS
    return dict(files.read_json(path)) if path.exists() else {}


def hold(settings: Settings, release: str, reason: str | None) -> None:
    """Keep a release from being pruned, or with reason None no longer."""
    with releases_held(settings):
        pointer.find_release(settings, release)
        found = {k: v for k, v in holds(settings).items() if k != release}
        if reason is not None:
            if not reason.strip():
                raise UsageError("缺少理由 / a reason is needed", "--reason TEXT")
            found[release] = reason.strip()
        files.replace_text(settings.releases / HOLDS, files.json_text(dict(sorted(found.items()))))


def reasons_to_keep(
    releases: Sequence[Release],
    *,
    current: str | None,
    back: Collection[str],
    months: int,
    held: Mapping[str, str],
    cited: Mapping[str, str],
) -> dict[str, tuple[str, ...]]:
    """Why each release stays (pure): current, the one to fall back to, recent months, last of a year, held, cited.

    `releases` oldest first. `months` counts months that have a release, so that a gap does not eat history.
    """
    recent = set(sorted({r.period for r in releases})[-months:] if months > 0 else ())
    last_of_year = {r.period[:4]: r.id for r in releases}  # the last one wins
    order = [r.id for r in releases if r.id not in back]
    fallback = order[order.index(current) - 1] if current in order and order.index(current) else None
    found: dict[str, tuple[str, ...]] = {}
    for r in releases:
        why = [
            (r.id == current, "当前 current"),
            (r.id == fallback, "可回退 to fall back to"),
            (r.period in recent, f"近 {months} 个月 last {months} months"),
            (last_of_year[r.period[:4]] == r.id, "当年最后一版 last of its year"),
            (r.id in held, f"保留 held: {held.get(r.id, '')}"),
            (r.id in cited, f"被引用 cited: {cited.get(r.id, '')}"),
        ]
        found[r.id] = tuple(text for applies, text in why if applies)
    return found


def prune(
    settings: Settings,
    *,
    by: str,
    cited: Mapping[str, str] | None = None,
    dry_run: bool = True,
    now: datetime | None = None,
    on_step: OnStep | None = None,
) -> list[Kept]:
    """Retire old releases; by default only say which. `cited`: releases that other records refer to → by what."""
    with releases_held(settings):
        releases = pointer.list_releases(settings)
        plan = reasons_to_keep(
            releases,
            current=pointer.current_id(settings),
            back=pointer.rolled_back(settings),
            months=int(settings.get("release", "keep_months")),
            held=holds(settings),
            cited=cited or {},
        )
        found = [Kept(r.id, plan[r.id], _size(r.path)) for r in releases]
        if dry_run:
            return found
        at = (now or datetime.now().astimezone()).isoformat(timespec="seconds")
        new = [
            Retired(r.id, "pruned", "保留期已过 past its time", by, at, None, r.content_hash)
            for r in releases
            if not plan[r.id]
        ]
        if new:
            pointer.write_retired(settings, [*pointer.retired(settings).values(), *new])
            finish(settings, on_step or (lambda _: None))
        return found


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in files.list_files(folder))
