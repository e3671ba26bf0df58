"""Secret keys: one JSON file with mode 0600, outside the database, made on first use.

`archive` encrypts originals, `vault` wraps the column keys of the identity vault, `token` keys the pseudonyms.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import UsageError

NAMES = ("archive", "vault", "token")
_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """Three independent 256-bit keys."""

    archive: bytes
    vault: bytes
    token: bytes

    def __repr__(self) -> str:
        return "Keys(…)"


def load_keys(file: Path, *, may_create: bool = True) -> Keys:
    """Read the key file, or make it. Raises UsageError if others may read it or it is damaged.

    Without `may_create` a missing file is an error: new keys beside old data would quietly make tokens that match nothing.
    """
    if not file.exists() and not may_create:
        raise UsageError(
            f"The key file {file} is missing, but data encrypted with it exist", "restore it from its backup"
        )
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {name: secrets.token_hex(_BYTES) for name in NAMES}
        fresh = file.with_suffix(f".{os.getpid()}")
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as out:
            json.dump(made, out)
        try:
            os.link(fresh, file)  # fails if another process was faster: then its keys are the keys
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    if file.stat().st_mode & 0o077:
        raise UsageError(f"The key file {file} can be read by others", f"chmod 600 {file}")
    try:
        found = json.loads(file.read_text())
        keys = {name: bytes.fromhex(found[name]) for name in NAMES}
        if any(len(key) != _BYTES for key in keys.values()):
            raise ValueError
        return Keys(**keys)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"The key file {file} is damaged", "restore it from its backup") from None
