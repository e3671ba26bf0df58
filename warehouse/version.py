"""Version of the code that made a table: the package version and a hash over everything that decides a result."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
_DECIDING = ("warehouse", "expectations", "assets")


@cache
def code_version() -> str:
    """For example `0.1.0+3f9c2a81b04d`; the same for the same sources on every machine."""
    digest = hashlib.sha256()
    for package in _DECIDING:
        for file in sorted((ROOT / package).rglob("*")):
            if file.suffix in (".py", ".sql", ".yaml") and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{version('edu-warehouse')}+{digest.hexdigest()[:12]}"
