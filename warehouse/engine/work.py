"""Private transient folders: mode 0700, one per step, removed after the step and after a crash.

Steps that must see identifiers (reading, cleaning, identifier rules) work only here.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def private_folder(folder: Path, levels: int) -> Path:
    """Make a folder and its parents; it and the levels above it that are new are closed to others."""
    for part in reversed([folder, *folder.parents][:levels]):
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextmanager
def work_folder(work: Path) -> Iterator[Path]:
    """A new private folder below `work`; removed when the block ends, whatever happens in it."""
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    work.chmod(0o700)
    sweep(work)
    folder = work / f"{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    # The lock lives as long as the process, so a folder without a living owner can be told from one in use.
    lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(work: Path) -> int:
    """Remove the folders of dead processes; returns how many."""
    removed = 0
    for folder in work.iterdir() if work.is_dir() else ():
        try:
            lock = os.open(folder / ".lock", os.O_RDWR)
        except OSError:
            # No lock file yet: a folder being made right now, or one that died in its first instant.
            if not _alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        finally:
            os.close(lock)
    return removed


def _alive(name: str) -> bool:
    pid = name.partition("-")[0]
    return pid.isdigit() and Path(f"/proc/{pid}").exists()
