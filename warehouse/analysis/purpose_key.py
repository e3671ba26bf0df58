"""Keys of the pseudonyms of each purpose: a file per purpose beside the other keys, never in a database.

Two purposes have independent keys, so that their snapshots cannot be joined; a rotation makes a new key with the next id, and
old snapshots keep their old pseudonyms, which nothing joins to new ones.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any

from warehouse.config import Settings
from warehouse.errors import UsageError


@dataclass(frozen=True)
class PurposeKey:
    """Key of a purpose and the number of its rotation."""

    key_id: str
    key: bytes

    def __repr__(self) -> str:
        return f"PurposeKey({self.key_id})"


def purpose_key(settings: Settings, purpose: str, *, rotate: bool = False) -> PurposeKey:
    """The present key of a purpose; made on first use and on rotation. Raises UsageError if others may read the file."""
    file = settings.key_file.parent / f"purpose-{purpose}.json"
    if file.exists() and file.stat().st_mode & 0o077:
        raise UsageError(f"The key file {file.name} can be read by others", f"chmod 600 {file.name}")
    held: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"number": 0}
    if rotate or not file.exists():
        held = {"number": held["number"] + 1, "key": secrets.token_hex(32)}
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(f".{os.getpid()}")
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as out:
            json.dump(held, out)
        fresh.replace(file)
    return PurposeKey(f"k{held['number']}", bytes.fromhex(held["key"]))
