"""What a release says about itself: contracts as enforced, Data Package, RELEASE.json, content hash.

The content hash covers the Parquet files and the contracts, nothing else: the same data under the same
contracts is the same content, whoever built it, when and where.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from warehouse.contract import Contract, parse_contract
from warehouse.errors import BlockedError, UsageError
from warehouse.release.files import list_files, sha256_file

INPUT_FIELDS = ("source", "owner", "period", "version", "sha256", "rows")
CONTENT = ("parquet/", "contracts/")

# DuckDB type without parameters -> type of ODCS (logicalType) and of Frictionless Table Schema
_LOGICAL = {
    "VARCHAR": ("string", "string"),
    "BOOLEAN": ("boolean", "boolean"),
    "DATE": ("date", "date"),
    "TIMESTAMP": ("timestamp", "datetime"),
    "DOUBLE": ("number", "number"),
    "FLOAT": ("number", "number"),
    "DECIMAL": ("number", "number"),
}
_INTEGER = ("integer", "integer")
_TEXT_LIMIT = 300
_ID_NUMBER = re.compile(r"\d{15,}")


def logical_types(physical: str) -> tuple[str, str]:
    """(ODCS, Frictionless) type of a DuckDB type."""
    base = physical.upper().split("(")[0]
    return _INTEGER if base.endswith("INT") or base == "INTEGER" else _LOGICAL.get(base, ("string", "any"))


def odcs(contract: Contract) -> dict[str, Any]:
    """ODCS 3.1 document of a contract; `parse_contract` turns it back into the same contract."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": contract.id,
        "name": f"{contract.title_zh} | {contract.title_en}" if contract.title_en else contract.title_zh,
        "version": contract.version,
        "status": "active",
        "domain": contract.domain,
        "dataProduct": contract.product,
        "description": {"purpose": contract.description},
        "team": {"name": contract.owner},
        "customProperties": _custom(contract.properties),
        "schema": [
            {
                "name": contract.table.split(".")[-1],
                "physicalName": contract.table,
                "logicalType": "object",
                "properties": [
                    {
                        "name": column.name,
                        "businessName": column.header,
                        "description": column.label_en,
                        "logicalType": logical_types(column.type)[0],
                        "physicalType": column.type,
                        "required": column.required,
                        "primaryKey": column.key,
                        "classification": column.tier,
                        "customProperties": _custom(column.properties),
                    }
                    for column in contract.columns
                ],
            }
        ],
    }


def _custom(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in properties.items()]


def odcs_text(contract: Contract) -> str:
    """The document as YAML."""
    return yaml.safe_dump(odcs(contract), allow_unicode=True, sort_keys=False, width=110)


def read_contracts(root: Path) -> dict[str, Contract]:
    """Contracts of a release or candidate by mart id; BlockedError if one cannot be read."""
    found = {}
    for file in sorted((root / "contracts").glob("*.odcs.yaml")):
        try:
            contract = parse_contract(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            raise BlockedError(
                f"contracts/{file.name} 无法读取 / is not readable", "restore the folder or build again"
            ) from None
        found[contract.id] = contract
    return found


def content_hash(root: Path) -> str:
    """SHA-256 over the sorted (path, SHA-256) of the Parquet files and contracts."""
    lines = [f"{sha256_file(root / name)}  {name}\n" for name in list_files(root) if name.startswith(CONTENT)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def seal(sums_text: bytes) -> str:
    """What an approval refers to: SHA-256 of SHA256SUMS as the candidate had it, without APPROVALS.json."""
    lines = [line for line in sums_text.splitlines(keepends=True) if not line.endswith(b"  APPROVALS.json\n")]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def last_day(period: str) -> str:
    """Last day of a month, ISO."""
    year, month = (int(part) for part in period.split("-"))
    return f"{period}-{calendar.monthrange(year, month)[1]:02d}"


def clean_inputs(inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The deliveries a release was made from, only the known fields and in a fixed order.

    File names are left out on purpose: counties put names of persons into them.
    """
    for node in inputs:
        missing = [name for name in INPUT_FIELDS if name not in node]
        if missing:
            raise UsageError(
                f"输入缺少 {missing} / an input lacks {missing}", "give every delivery all its fields"
            )
    cleaned = [{name: node[name] for name in INPUT_FIELDS} for node in inputs]
    return sorted(cleaned, key=lambda n: tuple(str(n[name]) for name in INPUT_FIELDS))


def clean_rules(rule_summary: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rule results, counts only: a nested value, a long text or number could be a row and is refused."""
    for node in rule_summary:
        for name, value in node.items():
            scalar = value is None or isinstance(value, bool | int | float | str)
            if not scalar or (
                isinstance(value, str) and (len(value) > _TEXT_LIMIT or _ID_NUMBER.search(value))
            ):
                raise BlockedError(
                    f"规则结果字段 {name} 可能含有数据值 / "
                    f"field {name} of a rule result may hold data values",
                    "publish counts and rule ids only",
                )
    # Numbers of ids sort as texts; the order only has to be the same every time.
    return sorted(
        (dict(n) for n in rule_summary), key=lambda n: tuple((k, str(v)) for k, v in sorted(n.items()))
    )


def data_package(
    release: Mapping[str, Any], contracts: Mapping[str, Contract], root: Path, rows: Mapping[str, int]
) -> dict[str, Any]:
    """Frictionless Data Package v2: fields, keys, bytes and hashes for readers in any language."""
    sources = dict.fromkeys((node["source"], node["owner"]) for node in release["inputs"])
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "edu-marts",
        "title": "教育数据仓库共享数据集 | Shared marts of the education data warehouse",
        "version": release["id"].removeprefix("v"),
        "period": release["period"],
        "dataAsOf": release["data_as_of"],
        "sources": [{"title": f"{source} ({owner})"} for source, owner in sources],
        "resources": [_resource(contract, root, rows[name]) for name, contract in sorted(contracts.items())],
    }


def _resource(contract: Contract, root: Path, rows: int) -> dict[str, Any]:
    path = f"parquet/{contract.id}.parquet"
    return {
        "name": contract.id,
        "title": f"{contract.title_zh} | {contract.title_en}",
        "description": contract.description,
        "path": path,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": (root / path).stat().st_size,
        "hash": f"sha256:{sha256_file(root / path)}",
        "rowCount": rows,
        "version": contract.version,
        "shareType": contract.properties.get("shareType"),
        "schema": {
            "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
            "fields": [
                {
                    "name": c.name,
                    "title": c.header,
                    "description": c.label_en,
                    "type": logical_types(c.type)[1],
                    "duckdbType": c.type,
                    "unit": c.properties.get("unit"),
                    "codeList": c.properties.get("codeList"),
                    "tier": c.tier,
                    "constraints": {"required": c.required},
                }
                for c in contract.columns
            ],
            "primaryKey": list(contract.key),
        },
    }
