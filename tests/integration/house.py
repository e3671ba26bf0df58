"""A whole house in a folder: settings, landing, and the `edu` command run as a user would run it.

Sample provinces are drawn small; what is asserted holds at every scale.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from warehouse.config import Settings, load_settings
from warehouse.landing import ENVELOPE

PROJECT = Path(__file__).parent.parent.parent
APPROVERS = ("u-review-1", "u-review-2")
OPERATOR = "u-operator"
_TOML = """
[engine]
memory_limit = "1GB"
threads = 1
"""


class House:
    """A warehouse of its own below `root`; made if it is not there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "edu.toml").exists():
            (root / "edu.toml").write_text(_TOML)
            shutil.copyfile(PROJECT / "dagster.yaml", root / "dagster.yaml")
        self.data = root / "data"
        self._accounts()

    def _accounts(self) -> None:
        """Two approvers and an operator beside the demo accounts of every unit."""
        from warehouse.intake.origin import mark_sample_house
        from warehouse.release.approval import person
        from warehouse.workflow.accounts import Account, granted, load_accounts, os_user, save_accounts
        from warehouse.workflow.demo import make_accounts

        make_accounts(self.settings)
        mark_sample_house(self.settings)
        known = load_accounts(self.settings)
        offices = [(a, "province_approver") for a in APPROVERS] + [(OPERATOR, "operator")]
        for account, role in offices:
            made = Account(account, role, self.settings.province_code, (os_user(),), holder=account)
            known[person(account)] = granted(made)
        save_accounts(self.settings, known.values())

    @property
    def settings(self) -> Settings:
        return load_settings(self.root)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `edu`; the environment holds nothing that points elsewhere."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("EDU_", "DAGSTER_"))}
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli.main", *arguments],
            cwd=self.root,
            env={**env, "PYTHONPATH": str(PROJECT), "EDU_ROOT": str(self.root), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def edu(self, *arguments: str, timeout: float = 3600) -> tuple[int, str, str]:
        """Run `edu`; returns exit code, stdout and stderr, and keeps both below root/said."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        said = self.root / "said"
        said.mkdir(exist_ok=True)
        number = len(list(said.iterdir()))
        (said / f"{number:03d}-{arguments[0].strip('-')}.txt").write_text(out + err, encoding="utf-8")
        return process.returncode, out, err

    def must(self, *arguments: str) -> str:
        """Run `edu` and expect success; returns stdout."""
        code, out, err = self.edu(*arguments)
        assert code == 0, f"edu {' '.join(arguments)} ended with {code}:\n{err[-3000:]}"
        return out

    def publish(self, period: str) -> str:
        """All packages walk through the levels, two approve, a third publishes, anybody verifies; returns the release id."""
        self.must("review", "walk", period, "--waive-missing")
        for approver in APPROVERS:
            self.must("review", "approve", period, "--by", approver)
        release = json.loads(self.must("publish", period, "--by", OPERATOR, "--json"))["id"]
        self.must("verify")
        return str(release)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A query on the warehouse file."""
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as con:
            return con.execute(sql).fetchall()

    def parquet(self) -> dict[str, str]:
        """Hash of every Parquet file of the candidates, by month and mart. One candidate per month is expected."""
        found = {
            f"{p.parent.parent.name[:7]}/{p.name}": digest(p)
            for p in sorted(self.settings.candidates.glob("2*/parquet/*.parquet"))
        }
        assert len(found) == len(list(self.settings.candidates.glob("2*/parquet/*.parquet")))
        return found

    def deliver(
        self, landing: Path, periods: Iterable[str], sources: Sequence[str], owners: Sequence[str]
    ) -> int:
        """Copy the files of some sources, owners and months from a sample's landing; returns how many."""
        n = 0
        for period in periods:
            for source in sources:
                for envelope in sorted((landing / source / period).glob(f"*{ENVELOPE}")):
                    if json.loads(envelope.read_text(encoding="utf-8"))["owner"] in owners:
                        target = self.settings.landing / source / period
                        target.mkdir(parents=True, exist_ok=True)
                        shutil.copy(envelope, target)
                        shutil.copy(envelope.with_name(envelope.name.removesuffix(ENVELOPE)), target)
                        n += 1
        return n


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(root: Path) -> dict[str, str]:
    """Hash of every file below a folder."""
    return {p.relative_to(root).as_posix(): digest(p) for p in sorted(root.rglob("*")) if p.is_file()}


def rewrite(file: Path, content: bytes) -> None:
    """Give a delivered file another content and its envelope the hash of it."""
    file.write_bytes(content)
    beside = file.with_name(file.name + ENVELOPE)
    envelope = json.loads(beside.read_text(encoding="utf-8"))
    envelope["sha256"] = hashlib.sha256(content).hexdigest()
    beside.write_text(json.dumps(envelope, ensure_ascii=False), encoding="utf-8")


def without_column(content: bytes, header: str) -> bytes:
    """A csv in GB18030 without one of its columns. Cells of the sample's plain csv hold no separator before it."""
    import csv
    import io

    rows = list(csv.reader(io.StringIO(content.decode("gb18030"), newline="")))
    at = rows[0].index(header)
    out = io.StringIO(newline="")
    csv.writer(out).writerows([r[:at] + r[at + 1 :] for r in rows])
    return out.getvalue().encode("gb18030")
