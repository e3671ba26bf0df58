"""A small real warehouse for tests: delivered files and one load.

Nothing is mocked: `World.put` writes the file and envelope that an owner would deliver, `World.collect` runs the room of
collection on a real warehouse, and the results are read from the tables that an operator would read.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.collection.collect import collect
from assets.collection.outcome import CollectReport
from rules.valid_rows import (
    AS_OF,
    BASE,
    OWNER,
    PERIOD,
    RECEIVED,
    Row,
    encode,
    rows_of,
)
from warehouse.catalogue import prepare
from warehouse.config import Settings, load_settings
from warehouse.contract import extract_contract
from warehouse.engine.duckdb import Session, open_warehouse
from warehouse.errors import EduError
from warehouse.keys import Keys, load_keys
from warehouse.landing import ENVELOPE

_TOML = """
[engine]
memory_limit = "1GB"
threads = 1

[limits]
quarantine_share = {share}
quarantine_rows = {rows}
"""


@dataclass
class Fired:
    """What the rules said of one file and of its rows, and what became of it."""

    status: str
    refused_by: str | None
    n_read: int
    n_accepted: int
    n_quarantined: int
    n_raw: int
    on_file: dict[str, str]
    on_rows: dict[int, dict[str, str]]
    fields: dict[int, list[str]]
    on_units: dict[str, str]  # rules whose unit is neither the file nor a row, e.g. a school
    raw_rows: list[int]


class World:
    """A warehouse in a folder of its own."""

    def __init__(self, root: Path, quarantine_share: float = 1.0, quarantine_rows: int = 0) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "edu.toml").write_text(
            _TOML.format(share=quarantine_share, rows=quarantine_rows), encoding="utf-8"
        )
        self.settings: Settings = load_settings(root)
        self.keys: Keys = load_keys(self.settings.key_file)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The warehouse, for one step."""
        with open_warehouse(self.settings, wait_seconds=5) as session:
            yield session

    def put(
        self,
        source: str,
        rows: Sequence[Row] | bytes,
        *,
        owner: str | None = None,
        period: str = PERIOD,
        name: str | None = None,
        encoding: str = "utf-8",
        envelope: dict[str, Any] | str | None = None,
        **changed: Any,
    ) -> Path:
        """Deliver a file with its envelope.

        `envelope` replaces the envelope as a whole (a text is written as it is, {} means none); `changed` replaces
        single fields of it.
        """
        owner = owner or OWNER[source]
        content = rows if isinstance(rows, bytes) else encode(source, rows, encoding)
        folder = self.settings.landing / source / period
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / (name or f"{owner}-{hashlib.sha256(content).hexdigest()[:8]}.csv")
        file.write_bytes(content)
        fields = {
            "source": source,
            "owner": owner,
            "period": period,
            "as_of": AS_OF if period == PERIOD else f"{period}-01",
            "sha256": hashlib.sha256(content).hexdigest(),
            "n_rows": len(rows) if not isinstance(rows, bytes) else 1,
            "preparer": "u.tian",
            "reviewer": "u.shen",
            "unit_head": "u.zhang",
            "sealed": True,
            "received_on": RECEIVED if period == PERIOD else f"{period}-12",
            "late_reason": None,
        }
        beside = file.with_name(file.name + ENVELOPE)
        if isinstance(envelope, str):
            beside.write_text(envelope, encoding="utf-8")
        elif envelope != {}:
            beside.write_text(json.dumps({**fields, **(envelope or {}), **changed}), encoding="utf-8")
        return file

    def collect(self, session: Session, source: str, period: str = PERIOD) -> CollectReport:
        """The room of collection, on one source and month."""
        return collect(session, self.settings, self.keys, source, period)

    def fired(self, session: Session, source: str) -> dict[str, Fired]:
        """By file name: what every rule said. A file known under several names is given under each of them."""
        table = extract_contract(source).table
        found = {}
        for delivery_id, name, *facts in session.rows(
            "SELECT delivery_id, file_name, status, refused_by, n_read, n_accepted, n_quarantined "
            "FROM ops.delivery__version WHERE source = ?",
            [source],
        ):
            on_rows: dict[int, dict[str, str]] = {}
            fields: dict[int, list[str]] = {}
            for row_no, rule_id, severity, column in session.rows(
                "SELECT row_no, rule_id, severity, field FROM ops.quarantine__row_rule WHERE delivery_id = ? ORDER BY ALL",
                [delivery_id],
            ):
                on_rows.setdefault(row_no, {})[rule_id] = severity
                fields.setdefault(row_no, []).append(column)
            raw = [
                r[0]
                for r in session.rows(
                    f"SELECT row_no FROM {table} WHERE delivery_id = ? ORDER BY 1", [delivery_id]
                )
            ]
            results = session.rows(
                "SELECT dataset, rule_id, severity, status FROM ops.rule_result__rule_batch "
                "WHERE batch = ? AND status IN ('failed', 'error')",
                [delivery_id],
            )
            broken = [r for r in results if r[3] == "error"]
            if broken:
                raise AssertionError(f"rules that could not be evaluated: {broken}")
            on_file = {rule: severity for dataset, rule, severity, _ in results if dataset == "delivery"}
            named = {rule for rules in on_rows.values() for rule in rules}
            on_units = {r: severity for d, r, severity, _ in results if d != "delivery" and r not in named}
            found[name] = Fired(*facts, len(raw), on_file, on_rows, fields, on_units, raw)
        return found

    def count(self, session: Session) -> dict[str, int]:
        """Rows of everything that a second load of the same files must leave alone."""
        tables = [
            "ops.delivery__version",
            "ops.ledger__event",
            "ops.quarantine__row_rule",
            "ops.rule_result__rule_batch",
        ]
        tables += [extract_contract(source).table for source in BASE]
        return {table: session.value(f"SELECT count(*) FROM {table}") for table in tables}


def build_template(root: Path) -> World:
    """A prepared warehouse with the directories of the month."""
    world = World(root)
    with world.session() as session:
        prepare(session)
        for source in ("school_directory", "class_directory"):
            world.put(source, rows_of(source))
            report = world.collect(session, source)
            if report.refused or report.n_quarantined:
                raise AssertionError(f"{source}: the valid rows do not pass: {world.fired(session, source)}")
    return world


def copy_world(template: Path, root: Path, quarantine_share: float = 1.0, quarantine_rows: int = 0) -> World:
    """A warehouse of one's own, from the template: same keys, same contents."""
    shutil.copytree(template, root)
    return World(root, quarantine_share, quarantine_rows)


def once(folder: Path, name: str, make: Callable[[], Any]) -> Any:
    """The JSON that `make` returns, made once for all workers of a test run."""
    target = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            try:
                made = {"value": make()}
            except (AssertionError, EduError) as error:
                made = {"error": str(error)}
            target.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    found = json.loads(target.read_text(encoding="utf-8"))
    if "error" in found:
        raise AssertionError(found["error"])
    return found["value"]
