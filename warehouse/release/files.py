"""Folders that appear whole or not at all: staging, checksums, fsync, atomic replacement of files and links.

A folder is written as `.staging-<random>`, synced to disk and renamed once. Whoever sees the final name
sees the whole content; whoever dies before leaves only a `.staging-` folder, which the next run
removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warehouse.errors import BlockedError, BusyError

STAGING = ".staging-"
SUMS = "SHA256SUMS"


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def list_files(root: Path) -> list[str]:
    """Relative paths (with `/`) of all files below `root`, sorted by code point.

    Raises BlockedError for a link: what it points to is not covered by the checksums.
    """
    found = []
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            if (Path(folder) / name).is_symlink():
                where = (Path(folder) / name).relative_to(root).as_posix()
                raise BlockedError(
                    f"发布目录中有链接 {where} / {where} is a link", "replace the link by the file itself"
                )
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
    return sorted(found)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends on every platform; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def write_json(path: Path, document: Any) -> None:
    """Write readable JSON; the order of keys is the writer's, so equal documents are equal bytes."""
    write_text(path, json_text(document))


def json_text(document: Any) -> str:
    """Readable JSON with a line end."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """A JSON document; BlockedError if the file is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BlockedError(
            f"{path.name} 缺失或无法读取 / {path.name} is missing or unreadable",
            "restore the folder from the backup, or build and publish again",
        ) from None


def sums(root: Path) -> dict[str, str]:
    """path -> SHA-256 of all files below `root`, except the list of checksums itself."""
    return {name: sha256_file(root / name) for name in list_files(root) if name != SUMS}


def write_sums(root: Path, hashes: Mapping[str, str]) -> None:
    """Write SHA256SUMS in the form that `sha256sum -c` reads."""
    write_text(root / SUMS, "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)))


def read_sums(root: Path) -> dict[str, str]:
    """path -> SHA-256 as listed in SHA256SUMS; BlockedError if the list is missing or malformed."""
    found: dict[str, str] = {}
    try:
        for line in (root / SUMS).read_text(encoding="utf-8").splitlines():
            digest, gap, name = line[:64], line[64:66], line[66:]
            if gap != "  " or not name or name in found or set(digest) - set("0123456789abcdef"):
                raise ValueError
            found[name] = digest
    except (OSError, ValueError):
        raise BlockedError(
            f"{SUMS} 缺失或格式错误 / {SUMS} is missing or malformed",
            "restore the folder from the backup, or build and publish again",
        ) from None
    return found


def fsync_dir(path: Path) -> None:
    """Make the entries of a folder durable: without it a rename may be lost with the power."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(root: Path) -> None:
    """Make all files and folders below `root` durable, deepest first."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            handle = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        fsync_dir(Path(folder))


def new_staging(parent: Path) -> Path:
    """A new empty `.staging-<random>` folder; call with the lock of `exclusive` held."""
    folder = parent / f"{STAGING}{secrets.token_hex(6)}"
    folder.mkdir()
    return folder


def sweep_staging(parent: Path) -> None:
    """Remove what an interrupted run left behind. Call with the lock of `exclusive` held."""
    for left in parent.glob(f"{STAGING}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def replace_text(path: Path, text: str) -> None:
    """Replace a file atomically and durably."""
    temporary = path.parent / f"{STAGING}{secrets.token_hex(6)}"
    write_text(temporary, text)
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(path)
    fsync_dir(path.parent)


def replace_link(path: Path, target: str) -> None:
    """Point a symbolic link elsewhere atomically and durably: a reader never finds it missing."""
    temporary = path.parent / f"{STAGING}{secrets.token_hex(6)}"
    temporary.symlink_to(target)
    temporary.replace(path)
    fsync_dir(path.parent)


@contextmanager
def exclusive(parent: Path) -> Iterator[None]:
    """Only one process builds or publishes at a time; the lock of a killed process is freed by the kernel."""
    parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(parent / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                f"另一个进程正在写 {parent.name} / another process is writing {parent.name}",
                "wait for it to end, then run the same command again",
            ) from None
        yield
    finally:
        os.close(handle)
