"""The catalogue: every mart with share type, legal basis, tier, fields and duties, in the terms of government data catalogues.

The entries follow the core elements of a 政务信息资源目录 (GB/T 21063; field names from memory of the standard, not verified):
name, code, provider, summary, share type and condition, format, update cycle, fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warehouse.contract import Contract
from warehouse.sharing.agreements import foreign_sources, sources_of

SHARE_TYPES = {
    "无条件共享": "public",
    "有条件共享": "conditional",
    "不予共享": "not shared",
}


def catalogue(contracts: Mapping[str, Contract]) -> list[dict[str, Any]]:
    """One entry per mart, sorted by id. A mart without a known share type is not shared."""
    return [_entry(contracts[name]) for name in sorted(contracts)]


def _entry(contract: Contract) -> dict[str, Any]:
    p = contract.properties
    share_type = str(p.get("shareType", "不予共享"))
    return {
        "id": contract.id,
        "title_zh": contract.title_zh,
        "title_en": contract.title_en,
        "summary": contract.description,
        "provider": contract.owner,
        "share_type_zh": share_type,
        "share_type": SHARE_TYPES.get(share_type, "not shared"),
        "condition_zh": "须有协议（edu share request）" if share_type == "有条件共享" else "",
        "legal_basis": p.get("legalBasis"),
        "purpose": p.get("purpose"),
        "tier": max((c.tier for c in contract.columns), default="L1"),
        "formats": ["parquet", "duckdb", "csv (delivery)"],
        "update_cycle": "monthly",
        "retention_years": p.get("retentionYears"),
        "grain": list(contract.key),
        "sources": list(sources_of(contract.id)),
        "consent_needed_from": foreign_sources(contract.id, [c.name for c in contract.columns]),
        "version": contract.version,
        "fields": [
            {"name": c.name, "name_zh": c.header, "type": c.type, "tier": c.tier, "key": c.key}
            for c in contract.columns
        ],
    }
