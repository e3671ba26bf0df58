"""Brings a warehouse up to date with the code: reference data, the catalogue of datasets and columns, all tables."""

from __future__ import annotations

from warehouse import reference_changes
from warehouse.contract import Contract, load_contracts
from warehouse.engine.duckdb import SQL, Session, literal
from warehouse.intake import raw_ddl
from warehouse.model import ensure_tables
from warehouse.reference import load_reference, reference_version
from warehouse.version import code_version

_GROUPS = ("extracts", "tables", "marts")


def prepare(session: Session) -> None:
    """Create or update everything that the code and the reference data declare; instant when nothing changed."""
    wanted = f"{code_version()} {reference_version()}"
    if session.value("SELECT max(version) FROM ops.prepared__version") == wanted:
        return
    with session.transaction():
        load_reference(session.con)
        _catalogue(session)
        for contract in load_contracts("extracts").values():
            for statement in raw_ddl(contract):
                session.execute(statement, what=contract.table)
        # Records of the parts of the house, beside ops.sql; their views read the reference data.
        for file in sorted((SQL / "storage").glob("*.sql")):
            if file.name != "ops.sql":
                session.script(file)
        reference_changes.record(session)
    ensure_tables(session)
    # Last, so that an interrupted preparation is done again.
    with session.transaction():
        session.execute("DELETE FROM ops.prepared__version")
        session.execute("INSERT INTO ops.prepared__version VALUES (?)", [wanted])


def _catalogue(session: Session) -> None:
    """ref.source, ref.dataset and ref.dataset_column: the contracts as tables, for models and rules."""
    contracts = [(group, c) for group in _GROUPS for c in load_contracts(group).values()]
    session.execute(
        """CREATE OR REPLACE TABLE ref.dataset (
             dataset VARCHAR, kind VARCHAR, table_name VARCHAR, title_zh VARCHAR, title_en VARCHAR, owner VARCHAR,
             version VARCHAR, tier VARCHAR, retention_years INTEGER, legal_basis VARCHAR, purpose VARCHAR, share_type VARCHAR)"""
    )
    session.execute(
        """CREATE OR REPLACE TABLE ref.dataset_column (
             dataset VARCHAR, kind VARCHAR, table_name VARCHAR, column_name VARCHAR, header VARCHAR, label_en VARCHAR,
             type VARCHAR, read_as VARCHAR, tier VARCHAR, zone VARCHAR, is_key BOOLEAN, standard VARCHAR)"""
    )
    session.execute(
        "CREATE OR REPLACE TABLE ref.source (source VARCHAR, extract VARCHAR, in_force VARCHAR, owner_level VARCHAR, "
        "title_zh VARCHAR, title_en VARCHAR, table_name VARCHAR)"
    )
    datasets, columns, sources = [], [], []
    for group, c in contracts:
        p = c.properties
        datasets.append(
            (
                c.id,
                group,
                c.table,
                c.title_zh,
                c.title_en,
                c.owner,
                c.version,
                _grade(c),
                p.get("retentionYears"),
                p.get("legalBasis"),
                p.get("purpose") or c.description,
                p.get("shareType"),
            )
        )
        for k in c.columns:
            columns.append(
                (
                    c.id,
                    group,
                    c.table,
                    k.token if k.zone == "token" else k.name,
                    k.header,
                    k.label_en,
                    k.type,
                    k.kind,
                    k.tier,
                    k.zone,
                    k.key,
                    k.properties.get("standard"),
                )
            )
        if group == "extracts":
            sources.append((c.id, c.product, p["inForce"], p["ownerLevel"], c.title_zh, c.title_en, c.table))
    for table, rows in (("ref.dataset", datasets), ("ref.dataset_column", columns), ("ref.source", sources)):
        values = ", ".join(f"({', '.join(literal(v) for v in row)})" for row in rows)
        session.execute(f"INSERT INTO {table} VALUES {values}", what=table)


def _grade(contract: Contract) -> str:
    """Grade of a dataset = the highest tier of its stored columns (GB/T 43697-2024, 就高从严)."""
    return max((c.tier for c in contract.columns if c.zone != "drop"), default="L1")
