"""A corrected delivery against the version before it: rows added, deleted, changed, and in which columns. Counts only.

Rows are paired by the key of the extract's contract, with tokens in place of identifiers; rows that share a key are paired in
the order of their other columns. Columns that only the vault holds (names, addresses) are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from warehouse.contract import Contract, extract_contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.ledger import Entry
from warehouse.workflow.package import Package, listed

TABLE = "ops.restatement__delivery"
_ROW = ("delivery_id", "row_no", "owner")
# In a release only the order of magnitude is told: the exact number of one county's rows is a count of persons.
_SIZES = ((10, "<10"), (100, "10–99"), (1_000, "100–999"), (10_000, "1,000–9,999"))


def record_restatements(
    session: Session, packages: Sequence[Package], versions: Mapping[tuple[str, str, str], Sequence[Package]]
) -> list[Entry]:
    """Compare the accepted deliveries of new versions with their predecessors; returns the entries for the ledger."""
    wanted = {d: p for p in packages if p.version > 1 for d in p.deliveries.split()}
    if not wanted:
        return []
    entries = []
    for new, source, owner, period, part, version, old, before in session.rows(
        f"""SELECT n.delivery_id, n.source, n.owner, n.period, n.part, n.version, o.delivery_id, o.version
            FROM ops.delivery__version n JOIN ops.delivery__version o
              ON (o.source, o.owner, o.period, o.part) = (n.source, n.owner, n.period, n.part) AND o.version < n.version
            WHERE n.delivery_id IN ({listed(wanted)}) AND n.status = 'accepted' AND o.status = 'accepted'
              AND n.delivery_id NOT IN (SELECT delivery_id FROM {TABLE})
            QUALIFY row_number() OVER (PARTITION BY n.delivery_id ORDER BY o.version DESC) = 1 ORDER BY ALL"""
    ):
        found = compare(session, extract_contract(source), old, new)
        package = wanted[new]
        reason = _reason(session, new, package, versions[package.slot])
        values = [
            new, source, owner, period, part, version, old, before, found["before"], found["after"], found["added"],
            found["deleted"], found["changed"], json.dumps(found["columns"], sort_keys=True), reason, datetime.now(),
        ]  # fmt: skip
        session.execute(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(values))})", values, what=TABLE)
        counts = {k: v for k, v in found.items() if k != "columns"}
        entries.append(
            Entry(
                "restate",
                f"{source} {owner} {period} v{version}",
                {**counts, "reason": reason},
                {TABLE: [new]},
            )
        )
    return entries


def _reason(session: Session, delivery: str, package: Package, versions: Sequence[Package]) -> str:
    """Why there is a correction: what the version before was returned, reopened or refused for; else what the sender says."""
    before = [v for v in versions if v.version < package.version]
    if before and before[-1].reason:
        return f"{before[-1].state}: {before[-1].reason}"
    if before and before[-1].is_refused:
        return "rejected_auto"
    return "not asked for"


def corrections_text(session: Session, period: str) -> str:
    """Section of CHANGES.md: the corrected deliveries that are in force for a month; empty if there are none."""
    found = session.rows(
        f"""SELECT r.source, r.owner, r.period, r.previous_version, r.version, r.n_added + r.n_deleted + r.n_changed
            FROM {TABLE} r JOIN core.delivery__period d ON d.delivery_id = r.delivery_id AND d.period = ?
            ORDER BY r.source, r.owner, r.period, r.part, r.version""",
        [period],
    )
    if not found:
        return ""
    lines = [
        "",
        "## 更正的报送 / Corrected deliveries",
        "",
        "| 来源 source | 单位 owner | 月份 month | 版本 version | 涉及行数 rows added, deleted or changed |",
        "|---|---|---|---|---|",
    ]
    for source, owner, month, old, new, n in found:
        size = next((words for limit, words in _SIZES if n < limit), "≥10,000") if n else "0"
        lines.append(f"| {source} | {owner} | {month} | v{old} → v{new} | {size} |")
    return "\n".join(lines) + "\n"


def compare(session: Session, contract: Contract, old: str, new: str) -> dict[str, Any]:
    """before, after, added, deleted, changed: numbers of rows; columns: column → rows in which it changed."""
    there = [
        name
        for (name,) in session.rows(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name || '.' || table_name = ? ORDER BY column_index",
            [contract.table],
        )
    ]
    values = [c for c in there if c not in _ROW]
    by_contract = {c.name: c.token if c.zone == "token" else c.name for c in contract.columns}
    key = [by_contract[k] for k in contract.key if by_contract[k] in values] or values
    rest = [c for c in values if c not in key]
    order = ", ".join(f"{quote(c)} NULLS LAST" for c in rest) or "row_no"
    named = ", ".join(map(quote, key))
    sides = {
        name: f"(SELECT *, row_number() OVER (PARTITION BY {named} ORDER BY {order}) AS _n, true AS _here "
        f"FROM {contract.table} WHERE delivery_id = {literal(delivery)})"
        for name, delivery in (("a", old), ("b", new))
    }
    pair = " AND ".join(f"a.{quote(c)} IS NOT DISTINCT FROM b.{quote(c)}" for c in key)
    differs = [f"a.{quote(c)} IS DISTINCT FROM b.{quote(c)}" for c in rest]
    both = "a._here AND b._here"
    counts = [
        "count(a._here)",
        "count(b._here)",
        "count(*) FILTER (a._here IS NULL)",
        "count(*) FILTER (b._here IS NULL)",
        f"count(*) FILTER ({both} AND ({' OR '.join(differs) or 'false'}))",
        *(f"count(*) FILTER ({both} AND {d})" for d in differs),
    ]
    row = session.rows(
        f"SELECT {', '.join(counts)} FROM {sides['a']} a FULL JOIN {sides['b']} b ON {pair} AND a._n = b._n"
    )[0]
    names = ("before", "after", "added", "deleted", "changed")
    columns = {c: n for c, n in zip(rest, row[5:], strict=True) if n}
    return {**dict(zip(names, row[:5], strict=True)), "columns": columns}
