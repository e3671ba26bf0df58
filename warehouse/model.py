"""Models: one SELECT per table in `sql/<stage>/<schema>.<table>.sql`; the table is named by the file.

Dependencies are read from the SQL. The only parameter is `$period`. A table holds all periods; running a model replaces
one period in one transaction. A model is not run again while its code, contract and inputs are unchanged.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property

import sqlglot
from sqlglot import exp

from warehouse.contract import Contract, load_contracts
from warehouse.engine.duckdb import SQL, Session, literal, quote

STAGES = ("processing", "use", "sharing")


@dataclass(frozen=True)
class Model:
    """One table and the SELECT that makes it."""

    table: str
    stage: str
    sql: str
    contract: Contract

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Tables that the SELECT reads, sorted."""
        tree = sqlglot.parse_one(self.sql, read="duckdb")
        local = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
        found = {f"{t.db}.{t.name}" for t in tree.find_all(exp.Table) if t.db}
        unqualified = {
            t.name for t in tree.find_all(exp.Table) if not t.db and t.name and t.name not in local
        }
        if unqualified:
            raise ValueError(f"{self.table}: tables without a schema: {sorted(unqualified)}")
        return tuple(sorted(found))

    @property
    def name(self) -> str:
        """`schema__table` without the dot: the name of the Dagster asset."""
        return self.table.replace(".", "_", 1)


@dataclass(frozen=True)
class ModelRun:
    """What happened to one model and period."""

    table: str
    skipped: bool
    n_rows: int
    seconds: float


@cache
def load_models() -> dict[str, Model]:
    """All models by table, ordered so that inputs come first.

    Raises ValueError for a model without a contract or the reverse, and for a circle.
    """
    contracts = {c.table: c for group in ("tables", "marts") for c in load_contracts(group).values()}
    found: dict[str, Model] = {}
    for stage in STAGES:
        for file in sorted((SQL / stage).glob("*.sql")):
            table = file.stem
            if table not in contracts:
                raise ValueError(f"{table}: no contract in warehouse/contracts/")
            found[table] = Model(table, stage, file.read_text(encoding="utf-8"), contracts[table])
    orphans = set(contracts) - set(found)
    if orphans:
        raise ValueError(f"contracts without a model: {sorted(orphans)}")
    return {table: found[table] for table in _ordered(found)}


def _ordered(models: Mapping[str, Model]) -> list[str]:
    done: list[str] = []
    waiting = sorted(models)
    while waiting:
        ready = [t for t in waiting if all(i in done or i not in models for i in models[t].inputs)]
        if not ready:
            raise ValueError(f"circular models: {waiting}")
        done += ready
        waiting = [t for t in waiting if t not in ready]
    return done


def table_ddl(contract: Contract) -> list[str]:
    """CREATE TABLE with comments, from the contract. `period` is the first key column of every model table."""
    columns = ", ".join(f"{quote(c.name)} {c.type}{' NOT NULL' if c.key else ''}" for c in contract.columns)
    statements = [
        f"CREATE TABLE IF NOT EXISTS {contract.table} ({columns})",
        f"COMMENT ON TABLE {contract.table} IS {literal(f'{contract.title_zh} / {contract.title_en}')}",
    ]
    for c in contract.columns:
        unit = f" ({c.properties['unit']})" if "unit" in c.properties else ""
        text = f"{c.header} / {c.label_en}{unit} · {c.tier}"
        statements.append(f"COMMENT ON COLUMN {contract.table}.{quote(c.name)} IS {literal(text)}")
    return statements


def ensure_tables(session: Session) -> None:
    """Create the tables of all models; a table whose columns changed is dropped and made again by the next runs."""
    for model in load_models().values():
        present = session.rows(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name || '.' || table_name = ? ORDER BY column_index",
            [model.table],
        )
        declared = [(c.name, c.type) for c in model.contract.columns]
        if present and present != declared:
            with session.transaction():
                session.execute(f"DROP TABLE {model.table}")
                session.execute("DELETE FROM ops.model_run__model_period WHERE model = ?", [model.table])
            present = []
        if not present:
            for statement in table_ddl(model.contract):
                session.execute(statement, what=model.table)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _input_fingerprints(session: Session, model: Model, period: str, reference: str) -> dict[str, str]:
    """Fingerprint of each input: reference data by version, raw tables by deliveries and the rows they gave, models by their last run."""
    found: dict[str, str] = {}
    raw_sources = {c.table: c.id for c in load_contracts("extracts").values()}
    for table in model.inputs:
        schema = table.split(".")[0]
        if schema == "ref":
            found[table] = reference
        elif schema == "ops" or table in raw_sources:
            source = raw_sources.get(table, "%")
            found[table] = str(
                session.value(
                    "SELECT md5(coalesce(string_agg(delivery_id || status || coalesce(n_accepted, 0), ',' ORDER BY delivery_id), '')) "
                    "FROM ops.delivery__version WHERE source LIKE ? AND period <= ?",
                    [source, period],
                )
            )
        else:
            found[table] = str(
                session.value(
                    "SELECT md5(coalesce(string_agg(period || fingerprint, ',' ORDER BY period), '')) "
                    "FROM ops.model_run__model_period WHERE model = ? AND period <= ?",
                    [table, period],
                )
            )
    return found


def run_model(session: Session, model: Model, period: str, *, reference: str, code_version: str) -> ModelRun:
    """Replace one period of a table, unless nothing it depends on has changed.

    `reference` is the version of the reference data. Raises EngineError with a redacted text; the old rows stay.
    """
    started = time.monotonic()
    inputs = _input_fingerprints(session, model, period, reference)
    contract_text = "|".join(f"{c.name}:{c.type}" for c in model.contract.columns)
    fingerprint = _digest(model.sql, contract_text, json.dumps(inputs, sort_keys=True))
    last = session.rows(
        "SELECT fingerprint, n_rows FROM ops.model_run__model_period WHERE model = ? AND period = ?",
        [model.table, period],
    )
    if last and last[0][0] == fingerprint:
        return ModelRun(model.table, True, last[0][1], time.monotonic() - started)
    columns = ", ".join(quote(c.name) for c in model.contract.columns)
    # The primary key columns give a total order, so that the same input gives the same table.
    order = ", ".join(quote(k) for k in model.contract.key)
    with session.transaction():
        session.execute(f"DELETE FROM {model.table} WHERE period = ?", [period], what=model.table)
        session.execute(
            f"INSERT INTO {model.table} ({columns}) SELECT {columns} FROM ({model.sql.rstrip().rstrip(';')}) ORDER BY {order}",
            {"period": period},
            what=model.table,
        )
        n_rows = session.value(f"SELECT count(*) FROM {model.table} WHERE period = ?", [period])
        seconds = time.monotonic() - started
        session.execute(
            "DELETE FROM ops.model_run__model_period WHERE model = ? AND period = ?", [model.table, period]
        )
        session.execute(
            "INSERT INTO ops.model_run__model_period VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                model.table,
                period,
                fingerprint,
                json.dumps(inputs, sort_keys=True),
                code_version,
                n_rows,
                seconds,
                datetime.now(),
            ],
        )
    return ModelRun(model.table, False, n_rows, seconds)


def dependants(tables: Iterable[str]) -> set[str]:
    """All models that read one of the tables, directly or not."""
    wanted = set(tables)
    for model in load_models().values():
        if wanted & set(model.inputs):
            wanted.add(model.table)
    return wanted
