"""Data contracts: one YAML file per extract, table and mart, in Open Data Contract Standard 3.1 form.

A contract is the single description of a dataset. From it come the header aliases of an extract, the DDL and
comments of its table, the dictionary, the masking and the release gate.

Custom properties of a column (ODCS `customProperties`):

kind        how the text is read (KINDS below)
zone        raw = typed into the warehouse; token = keyed token in the warehouse and clear text in the vault;
            vault = clear text in the vault only; drop = never stored (blacklist)
aliases     header variants seen in real files
codeList    list in reference/code_list.csv (kind = code)
standard    national-standard code of the element (JY/T 1001…)
unit        unit of measure
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parent / "contracts"

# kind -> DuckDB type of the cleaned value in the warehouse
KINDS = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "flag": "BOOLEAN",
    "integer": "INTEGER",
    "decimal": "DECIMAL(18,2)",
    "date": "DATE",
    "month": "VARCHAR",  # YYYY-MM
    "citizen_id": "VARCHAR",
    "student_no": "VARCHAR",
    "local_no": "VARCHAR",  # number of another register (poverty person, college student …), namespaced by `namespace`
    "school_id": "VARCHAR",
    "county": "VARCHAR",  # six digits as of registration
    "grade": "VARCHAR",
    "class_label": "VARCHAR",
    "name": "VARCHAR",
    "phone": "VARCHAR",
}
ZONES = ("raw", "token", "vault", "drop")
TIERS = ("L1", "L2", "L3", "L4")


@dataclass(frozen=True)
class Column:
    """One column: its name in code, its Chinese header, how it is read, how sensitive it is, where it may go."""

    name: str
    header: str
    label_en: str
    kind: str
    type: str
    tier: str
    zone: str
    required: bool
    key: bool
    aliases: tuple[str, ...]
    properties: dict[str, Any]

    @property
    def token(self) -> str:
        """Name of the keyed token column in the warehouse (zone `token`)."""
        return f"{self.name}_token"


@dataclass(frozen=True)
class HeaderMatch:
    """Result of matching a header row: position -> column, missing mandatory headers, unknown and double headers."""

    mapping: dict[int, Column]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    duplicated: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """A dataset: its table, grain, columns, owner and the custom properties of the whole."""

    id: str
    version: str
    title_zh: str
    title_en: str
    domain: str
    product: str
    owner: str
    description: str
    table: str
    columns: tuple[Column, ...]
    properties: dict[str, Any]

    @property
    def schema(self) -> str:
        """Database schema of the table."""
        return self.table.split(".")[0]

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the primary-key columns: the grain."""
        return tuple(c.name for c in self.columns if c.key)

    def column(self, name: str) -> Column:
        """Column by name; KeyError if there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @cached_property
    def _by_header(self) -> dict[str, Column]:
        found: dict[str, Column] = {}
        for column in self.columns:
            for header in (column.header, *column.aliases):
                found[normalise_header(header)] = column
        return found

    def match_header(self, cells: Sequence[str | None]) -> HeaderMatch:
        """Match a header row by name; order is arbitrary."""
        mapping: dict[int, Column] = {}
        unknown: list[str] = []
        duplicated: list[str] = []
        seen: set[str] = set()
        for position, cell in enumerate(cells):
            text = normalise_header(cell or "")
            if not text:
                continue
            column = self._by_header.get(text)
            if column is None:
                unknown.append(text)
            elif column.name in seen:
                duplicated.append(column.header)
            else:
                seen.add(column.name)
                mapping[position] = column
        missing = [c.header for c in self.columns if c.required and c.name not in seen]
        return HeaderMatch(mapping, tuple(missing), tuple(unknown), tuple(duplicated))

    def count_known(self, cells: Iterable[str | None]) -> int:
        """Number of cells that are known headers: locates the header row below title rows."""
        return sum(normalise_header(cell or "") in self._by_header for cell in cells)


_HEADER_NOISE = re.compile(r"[\s*★☆\u200b-\u200d\ufeff:：'\"]+")


def normalise_header(text: str) -> str:
    """Full-width to half-width, without spaces, line breaks, stars and colons; brackets unified (dirt D14)."""
    return _HEADER_NOISE.sub("", unicodedata.normalize("NFKC", text)).lower()


def _custom(node: dict[str, Any]) -> dict[str, Any]:
    return {p["property"]: p["value"] for p in node.get("customProperties", [])}


def _column(node: dict[str, Any], where: str) -> Column:
    custom = _custom(node)
    kind = custom.get("kind", "text")
    zone = custom.get("zone", "raw")
    tier = node.get("classification", "L2")
    if kind not in KINDS or zone not in ZONES or tier not in TIERS:
        raise ValueError(f"{where}.{node.get('name')}: kind={kind}, zone={zone}, classification={tier}")
    return Column(
        name=node["name"],
        header=node["businessName"],
        label_en=node.get("description", ""),
        kind=kind,
        type=node.get("physicalType", KINDS[kind]),
        tier=tier,
        zone=zone,
        required=bool(node.get("required", False)),
        key=bool(node.get("primaryKey", False)),
        aliases=tuple(custom.get("aliases", ())),
        properties=custom,
    )


def parse_contract(document: dict[str, Any]) -> Contract:
    """Contract from a parsed ODCS document with exactly one schema object.

    Raises ValueError for an unknown kind, zone or tier, and for column names or headers that are not unique.
    """
    schema = document["schema"][0]
    title_zh, _, title_en = document["name"].partition(" | ")
    columns = tuple(_column(node, document["id"]) for node in schema["properties"])
    names = [c.name for c in columns]
    headers = [normalise_header(h) for c in columns for h in (c.header, *c.aliases)]
    for what, values in (("column", names), ("header", headers)):
        double = {v for v in values if values.count(v) > 1}
        if double:
            raise ValueError(f"{document['id']}: {what} not unique: {sorted(double)}")
    return Contract(
        id=document["id"],
        version=document["version"],
        title_zh=title_zh,
        title_en=title_en,
        domain=document["domain"],
        product=document.get("dataProduct", ""),
        owner=document["team"]["name"],
        description=document["description"]["purpose"],
        table=schema["physicalName"],
        columns=columns,
        properties=_custom(document),
    )


@cache
def load_contracts(group: str) -> dict[str, Contract]:
    """All contracts of a group (`extracts`, `tables` or `marts`) by id, in file-name order."""
    found = {}
    for file in sorted((CONTRACTS / group).glob("*.yaml")):
        contract = parse_contract(yaml.safe_load(file.read_text(encoding="utf-8")))
        if contract.id != file.stem:
            raise ValueError(f"{file.name}: id {contract.id} is not the file name")
        found[contract.id] = contract
    return found


def extract_contract(source: str) -> Contract:
    """Contract of an extract by source id; KeyError if the source is unknown."""
    return load_contracts("extracts")[source]
