"""A release folder as the pages see it: papers, contracts, reference tables. Nothing else is opened."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Mart:
    """A mart of a release: its file, title, columns (name → type) and key."""

    id: str
    file: Path
    title_zh: str
    title_en: str
    columns: dict[str, str]
    key: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseFolder:
    """A release, a candidate or a staged folder."""

    root: Path

    def json(self, name: str) -> Any:
        """A JSON document of the release; an empty dict if it is not there."""
        file = self.root / name
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    @cached_property
    def facts(self) -> dict[str, Any]:
        """RELEASE.json."""
        return dict(self.json("RELEASE.json"))

    @cached_property
    def marts(self) -> dict[str, Mart]:
        """Marts by id, from the contracts as enforced."""
        found = {}
        for file in sorted((self.root / "contracts").glob("*.odcs.yaml")):
            node = yaml.safe_load(file.read_text(encoding="utf-8"))
            title_zh, _, title_en = str(node.get("name", "")).partition(" | ")
            properties = node["schema"][0]["properties"]
            found[node["id"]] = Mart(
                id=node["id"],
                file=self.root / "parquet" / f"{node['id']}.parquet",
                title_zh=title_zh,
                title_en=title_en or title_zh,
                columns={p["name"]: p["physicalType"] for p in properties},
                key=tuple(p["name"] for p in properties if p.get("primaryKey")),
            )
        return found

    def reference(self, table: str) -> list[dict[str, str]]:
        """Rows of a reference table as the release carries it; no rows if it does not."""
        file = self.root / "reference" / f"{table}.csv"
        if not file.is_file():
            return []
        with file.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
