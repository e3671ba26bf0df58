"""Zip files: the files inside, unpacked under limits that hold for declared and for real sizes."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from warehouse.reading.result import Limits, Refused

_IGNORED = {"thumbs.db", "desktop.ini", ".ds_store"}
_FREE = 16 * 1024**2  # below this size no ratio is suspicious
_CHUNK = 1024**2
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, UnicodeError)


def _suspicious(unpacked: int, packed: int, limits: Limits) -> bool:
    return unpacked > limits.max_unpacked_bytes or (
        unpacked > _FREE and unpacked > max(packed, 1) * limits.max_unpack_ratio
    )


def too_large(limits: Limits) -> Refused:
    """Refusal of a zip bomb."""
    return Refused("zip_too_large", limit=limits.max_unpacked_bytes, ratio=limits.max_unpack_ratio)


def check_declared(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Refuse encrypted members, unsafe names, links, and declared sizes beyond the limits."""
    for member in members:
        name = member.filename.replace("\\", "/")
        if name.startswith("/") or ".." in PurePosixPath(name).parts or name[1:2] == ":":
            raise Refused("zip_unsafe")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Refused("zip_unsafe")
        if member.flag_bits & 1:
            raise Refused("password")
        if _suspicious(member.file_size, member.compress_size, limits):
            raise too_large(limits)
    if sum(member.file_size for member in members) > limits.max_unpacked_bytes:
        raise too_large(limits)


def _usable(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if member.is_dir() or not parts or parts[0] == "__MACOSX":
        return False
    return parts[-1].lower() not in _IGNORED and not parts[-1].startswith(("._", "~$"))


def unpack(path: Path, target: Path, limits: Limits) -> list[tuple[Path, str]]:
    """Inflate the files of a zip to `target`.1, .2 …; returns them with the suffix of their names, in order of names."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_declared(archive.infolist(), limits)
            usable = sorted((m for m in archive.infolist() if _usable(m)), key=lambda m: m.filename)
            if not usable:
                raise Refused("zip_empty")
            if len(usable) > limits.max_members:
                raise Refused("zip_many", files=len(usable), limit=limits.max_members)
            found, total = [], 0
            for number, member in enumerate(usable, 1):
                inner = target.with_name(f"{target.name}.{number}")
                total += _inflate(archive, member, inner, limits)
                if total > limits.max_unpacked_bytes:
                    raise too_large(limits)
                found.append((inner, PurePosixPath(member.filename).suffix.lower()))
            return found
    except DAMAGED:
        raise Refused("damaged_zip") from None


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, limits: Limits) -> int:
    done = 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with archive.open(member) as source, os.fdopen(handle, "wb") as out:
        while block := source.read(_CHUNK):
            done += len(block)
            if _suspicious(done, member.compress_size, limits):
                raise too_large(limits)
            out.write(block)
    return done
