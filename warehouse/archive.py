"""Byte-identical originals, encrypted with AES-256-GCM, named by the SHA-256 of the original.

File format: 12-byte nonce, ciphertext, 16-byte tag. Policy item 33 (storage); rules RT01, RT02.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from warehouse.engine.work import private_folder
from warehouse.errors import EduError

_CHUNK = 4 * 1024 * 1024
_TAG = 16
_NONCE = 12


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def object_path(archive: Path, sha256: str) -> Path:
    """Where the original with this hash lies."""
    return archive / sha256[:2] / f"{sha256}.enc"


def store(archive: Path, key: bytes, source: Path, sha256: str) -> Path:
    """Encrypt `source` into the archive; an object that is there already is left alone."""
    target = object_path(archive, sha256)
    if target.exists():
        return target
    private_folder(target.parent, 2)
    nonce = os.urandom(_NONCE)
    encryptor = Cipher(AES(key), GCM(nonce)).encryptor()
    partial = target.with_suffix(f".{os.getpid()}.part")
    handle = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o400)
    with os.fdopen(handle, "wb") as out, source.open("rb") as original:
        out.write(nonce)
        while chunk := original.read(_CHUNK):
            out.write(encryptor.update(chunk))
        out.write(encryptor.finalize() + encryptor.tag)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(target)
    return target


def _plain(path: Path, key: bytes) -> Iterator[bytes]:
    left = path.stat().st_size - _NONCE - _TAG
    with path.open("rb") as source:
        nonce = source.read(_NONCE)
        source.seek(-_TAG, os.SEEK_END)
        tag = source.read(_TAG)
        source.seek(_NONCE)
        decryptor = Cipher(AES(key), GCM(nonce, tag)).decryptor()
        while left > 0:
            chunk = source.read(min(_CHUNK, left))
            left -= len(chunk)
            yield decryptor.update(chunk)
        yield decryptor.finalize()


def restore(archive: Path, key: bytes, sha256: str, target: Path) -> None:
    """Decrypt an original into `target` (a private folder). Raises EduError if it is missing or was altered."""
    path = object_path(archive, sha256)
    digest = hashlib.sha256()
    try:
        with target.open("wb") as out:
            for chunk in _plain(path, key):
                digest.update(chunk)
                out.write(chunk)
    except (OSError, InvalidTag, ValueError):
        target.unlink(missing_ok=True)
        raise EduError(
            f"Archive object {sha256[:12]} is missing or altered", "restore it from the backup"
        ) from None
    if digest.hexdigest() != sha256:
        target.unlink(missing_ok=True)
        raise EduError(
            f"Archive object {sha256[:12]} does not hold what its name says", "restore it from the backup"
        )


def is_intact(archive: Path, key: bytes, sha256: str) -> bool:
    """Does the object decrypt to exactly the bytes that its name promises?"""
    digest = hashlib.sha256()
    try:
        for chunk in _plain(object_path(archive, sha256), key):
            digest.update(chunk)
    except (OSError, InvalidTag, ValueError):
        return False
    return digest.hexdigest() == sha256
