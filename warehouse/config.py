"""Settings from edu.toml and EDU_* variables, and the one place that knows where each data zone lies."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from warehouse.errors import UsageError

DEFAULTS: dict[str, dict[str, Any]] = {
    "province": {"code": "63"},
    "paths": {"data": "data"},
    "keys": {"file": "data/keys/keys.json"},
    "engine": {"memory_limit": "4GB", "threads": 0},
    "release": {
        "duckdb_storage_version": "v1.2.0",
        "approvers": 2,
        "folder_mode": "0700",
        "keep_months": 13,
    },
    "alerts": {
        "smtp_host": "",
        "smtp_port": 25,
        "smtp_security": "plain",
        "smtp_user": "",
        "smtp_ca_file": "",
        "mail_from": "",
        "mail_to": "",
        "secrets_file": "data/keys/alerts.json",
        "timeout_seconds": 10,
        "repeat_hours": 24,
    },
    "watch": {"snapshot_days": 40},
    "limits": {
        "quarantine_share": 0.02,
        "quarantine_rows": 10,
        "max_unpacked_bytes": 8 * 1024**3,
        "max_unpack_ratio": 200,
    },
}


@dataclass(frozen=True)
class Settings:
    """Effective settings; `origin` says for each value where it came from (default, file, environment)."""

    root: Path
    values: dict[str, dict[str, Any]]
    origin: dict[str, str]

    def get(self, section: str, name: str) -> Any:
        """One value, e.g. `get("engine", "threads")`."""
        return self.values[section][name]

    def _path(self, section: str, name: str) -> Path:
        return (self.root / str(self.get(section, name))).resolve()

    @property
    def province_code(self) -> str:
        """Two digits: the province this warehouse serves."""
        return str(self.get("province", "code"))

    @cached_property
    def data(self) -> Path:
        """Root of all data zones."""
        return self._path("paths", "data")

    @property
    def landing(self) -> Path:
        """`landing/<source>/<period>/<file>` with `<file>.envelope.json` beside it."""
        return self.data / "landing"

    @property
    def archive(self) -> Path:
        """Encrypted byte-identical originals, named by their SHA-256."""
        return self.data / "archive"

    @property
    def vault(self) -> Path:
        """Direct identifiers in Parquet with encrypted columns."""
        return self.data / "vault"

    @property
    def work(self) -> Path:
        """Private transient folders, one per step; emptied after the step and after a crash."""
        return self.data / "work"

    @property
    def warehouse_file(self) -> Path:
        """The one DuckDB file with a single writer."""
        return self.data / "warehouse" / "warehouse.duckdb"

    @property
    def candidates(self) -> Path:
        """Release candidates that wait for approval."""
        return self.data / "candidates"

    @property
    def returns(self) -> Path:
        """Return workbooks for the owners; persons are shown masked, mode 0700."""
        return self.data / "returns"

    @property
    def releases(self) -> Path:
        """Immutable releases and the pointer `current`."""
        return self.data / "releases"

    @property
    def withheld(self) -> Path:
        """Data of withdrawn and pruned releases, for evidence and disclosure control only; mode 0700."""
        return self.data / "withheld"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.data / "dagster"

    @property
    def key_file(self) -> Path:
        """JSON with the secret keys, mode 0600."""
        return self._path("keys", "file")


def _coerce(text: str, like: Any, where: str) -> Any:
    try:
        if isinstance(like, bool):
            return text.lower() in ("1", "true", "yes")
        return type(like)(text)
    except ValueError:
        raise UsageError(f"{where} must be a {type(like).__name__}", "correct the value") from None


def load_settings(root: Path | None = None) -> Settings:
    """Read edu.toml beside `root` (default: EDU_ROOT, or the nearest folder upwards that holds one).

    Raises UsageError for an unknown section or name, so that a misspelt setting is never silently ignored.
    """
    if root is None:
        start = Path(os.environ.get("EDU_ROOT", Path.cwd()))
        root = next((p for p in (start, *start.parents) if (p / "edu.toml").is_file()), start)
    values = {section: dict(names) for section, names in DEFAULTS.items()}
    origin = {f"{s}.{n}": "default" for s, names in DEFAULTS.items() for n in names}
    file = root / "edu.toml"
    if file.is_file():
        try:
            parsed = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"edu.toml is not valid TOML: {error}", "correct the file") from None
        for section, names in parsed.items():
            if not isinstance(names, dict):
                raise UsageError(f"edu.toml: {section} stands outside a section", "see docs/operator.md")
            for name, value in names.items():
                if name not in values.get(section, {}):
                    raise UsageError(f"edu.toml: unknown setting {section}.{name}", "see docs/operator.md")
                values[section][name] = value
                origin[f"{section}.{name}"] = "edu.toml"
    for section, names in values.items():
        for name in names:
            variable = f"EDU_{section}_{name}".upper()
            if variable in os.environ:
                names[name] = _coerce(os.environ[variable], DEFAULTS[section][name], variable)
                origin[f"{section}.{name}"] = variable
    return Settings(root=root.resolve(), values=values, origin=origin)
