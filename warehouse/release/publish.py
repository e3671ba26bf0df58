"""Publish and roll back; with `retire.py` the only code that writes into `releases/`.

The order makes every interruption harmless: copy to `.staging-…`, add the approvals, sync, verify,
rename once, verify again, then write `current.json` and switch `current`. Before the rename nothing
exists; between rename and switch there is a whole release that nobody reads yet, which the next run
adopts; the switch itself is one atomic replacement.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from warehouse.config import Settings
from warehouse.errors import BlockedError, UsageError
from warehouse.release import files, pointer
from warehouse.release.approval import Approval, builders, check_approvals, write_approvals
from warehouse.release.candidate import Candidate, load_candidate
from warehouse.release.pointer import Release
from warehouse.release.verify import verify_release
from warehouse.sharing.consumers import blocking

# Names given to `on_step`, in this order; "copying" once for each file.
STEPS = (
    "start",
    "checked",
    "copying",
    "copied",
    "approved",
    "synced",
    "staged",
    "renamed",
    "verified",
    "pointer_file",
    "switched",
)
OnStep = Callable[[str], None]


def publish(
    settings: Settings,
    candidate: Candidate,
    approvals: Sequence[Approval],
    *,
    operator: str,
    on_step: OnStep | None = None,
) -> Release:
    """Make a candidate the current release of its period, if enough other persons approved it.

    Content that is already the newest release of its period is not published twice: the existing
    release is returned, and `current` is moved to it if an interrupted run had not come that far.
    `current` never moves to an older period: a correction of a past month is published beside it.

    `operator` is the account that publishes; neither it nor a builder may approve. `on_step` hears each
    of STEPS. Raises BlockedError when approvals do not suffice, the candidate is stale or damaged, or
    was rolled back.
    """
    step = on_step or (lambda _: None)
    with releases_held(settings):
        step("start")
        existing = pointer.newest_of(settings, candidate.period)
        if existing and existing.content_hash == candidate.content_hash:
            return _adopt(settings, existing, step)
        candidate = _check(settings, candidate)
        accepted = check_approvals(
            approvals,
            candidate_hash=candidate.hash,
            required=int(settings.get("release", "approvers")),
            operators=[operator, *builders(candidate.path)],
        )
        step("checked")
        staging = files.new_staging(settings.releases)
        _copy(candidate.path, staging, step)
        step("copied")
        write_approvals(staging, candidate.id, accepted)
        hashes = files.read_sums(staging)
        hashes["APPROVALS.json"] = files.sha256_file(staging / "APPROVALS.json")
        files.write_sums(staging, hashes)
        _protect_files(staging)
        step("approved")
        files.fsync_tree(staging)
        step("synced")
        verify_release(staging).require()
        step("staged")
        target = settings.releases / candidate.id
        staging.rename(target)
        files.fsync_dir(settings.releases)
        step("renamed")
        return _activate(settings, pointer.find_release(settings, candidate.id), step)


def rollback(settings: Settings, release: str, *, on_step: OnStep | None = None) -> Release:
    """Let `current` point to another release that verifies, older or newer; nothing else changes."""
    with releases_held(settings):
        target = pointer.find_release(settings, release)
        point_to(settings, target, on_step or (lambda _: None))
        return target


@contextmanager
def releases_held(settings: Settings) -> Iterator[None]:
    """Sole writer of `releases/`, after what an interrupted run left behind is finished or removed."""
    from warehouse.release.retire import finish

    with files.exclusive(settings.releases):
        _open_for_readers(settings)
        files.sweep_staging(settings.releases)
        finish(settings, lambda _: None)
        yield


def point_to(settings: Settings, target: Release, step: OnStep) -> None:
    """Move `current` on purpose; a newer release that is left is remembered as rolled back."""
    back = pointer.rolled_back(settings) - {target.id}
    current = pointer.current_id(settings)
    if current and pointer.id_order(current) > target.order:
        back.add(current)
    verify_release(target.path).require()
    step("verified")
    pointer.write_pointer_file(settings, target, back)
    step("pointer_file")
    pointer.switch_link(settings, target)
    step("switched")


def _open_for_readers(settings: Settings) -> None:
    """Who else on this machine may read `releases/`: setting release.folder_mode.

    The folder of all data is then passable, never listable, and every other zone in it is closed.
    """
    text = str(settings.get("release", "folder_mode"))
    if text not in ("0700", "0750", "0755"):
        raise UsageError(
            f"release.folder_mode = {text!r} 无效 / is not valid", "0700 (nobody), 0750 (group), 0755 (all)"
        )
    mode = int(text, 8)
    settings.releases.chmod(mode)
    if mode != 0o700:
        for zone in settings.data.iterdir():
            if zone.is_dir() and not zone.is_symlink() and zone != settings.releases:
                zone.chmod(0o700)
        settings.data.chmod(0o700 | (mode & 0o011))


def _check(settings: Settings, candidate: Candidate) -> Candidate:
    """The candidate as it lies on disk now; its id and its CHANGES.md must still be true."""
    on_disk = load_candidate(candidate.path)
    if on_disk.hash != candidate.hash:
        raise BlockedError(
            "候选版本已被改动 / the candidate changed after it was loaded", "look at it and approve it again"
        )
    verify_release(candidate.path).require()
    for gone in pointer.retired(settings).values():
        if gone.kind == "withdrawn" and gone.content_hash == on_disk.content_hash:
            raise BlockedError(
                f"相同内容已作为 {gone.id} 撤回 / the same content was withdrawn as {gone.id}: {gone.reason}",
                "correct the data; what was withdrawn does not come back",
            )
    if broken := blocking(files.read_json(candidate.path / "quality" / "consumers.json")):
        raise BlockedError(
            f"破坏了对使用方的约定 / promises to consumers are broken: {'; '.join(broken[:3])}",
            "restore the columns or data, raise the mart's major version, or agree on a new contract with the consumer",
        )
    previous = pointer.previous_of(settings, on_disk.period)
    # Also the newer release of another month: the audit against everything shown must have seen it.
    shown = [p.name for p in pointer.shown_before(settings, without_content=on_disk.content_hash)]
    if (
        on_disk.id != pointer.release_id(on_disk.period, pointer.taken_ids(settings))
        or on_disk.previous != (previous.id if previous else None)
        or files.read_json(candidate.path / "RELEASE.json").get("compared_with") != shown
    ):
        raise BlockedError(
            f"候选版本 {on_disk.id} 已过时 / "
            f"candidate {on_disk.id} is stale: another release was published since",
            "build the candidate again and let it be approved",
        )
    return on_disk


def _copy(source: Path, target: Path, step: OnStep) -> None:
    """Copied, not linked: whoever edits the candidate later must not edit the release."""
    for name in files.list_files(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
        step("copying")


def _protect_files(root: Path) -> None:
    """Readable by all, writable by nobody. It guards against slips; the guard against intent is `verify`."""
    for name in files.list_files(root):
        (root / name).chmod(0o444)
    for folder in (root, *(p for p in root.rglob("*") if p.is_dir())):
        folder.chmod(0o755)


def _adopt(settings: Settings, existing: Release, step: OnStep) -> Release:
    """The same content is there already: finish what an interrupted run began, or do nothing."""
    if existing.id in pointer.rolled_back(settings):
        raise BlockedError(
            f"{existing.id} 已被回退，相同内容不会自动恢复 / "
            f"{existing.id} was rolled back and the same content does not come back by itself",
            f"correct the data, or roll forward to {existing.id} explicitly",
        )
    return _activate(settings, existing, step)


def _activate(settings: Settings, release: Release, step: OnStep) -> Release:
    verify_release(release.path).require()
    step("verified")
    current = pointer.current_id(settings)
    # A dangling pointer is repaired like a missing one; a past month never replaces a later one.
    behind = current is None or pointer.id_order(current) <= release.order
    if behind or not (settings.releases / "current").exists():
        if current != release.id or pointer.pointer_file(settings).get("id") != release.id:
            pointer.write_pointer_file(settings, release, pointer.rolled_back(settings))
            step("pointer_file")
        if current != release.id:
            pointer.switch_link(settings, release)
    step("switched")
    return release
