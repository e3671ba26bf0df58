"""Models: one SELECT per table in `sql/<stage>/<schema>.<table>.sql`; the table is named by the file.

Dependencies are read from the SQL. The only parameter is `$period`. A table holds all periods; running a model replaces
one period in one transaction. A model is not run again while its code, contract and inputs are unchanged, and what it made
is told by its *content*: a model that was run again and came to the same rows stops the chain there.
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

# tables of what people record, rows only added
RECORDED = ("ops.major__decision", "ops.task__progress", "ops.case_move__event")
STAGES = ("processing", "use", "sharing")
IN_FORCE = "core.delivery__period"
_DELIVERY = "ops.delivery__version"


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

    @cached_property
    def delivery_sources(self) -> frozenset[str] | None:
        """Sources whose deliveries in force can change the result; None: all.

        Each use of core.delivery__period must compare `source` with literals, or join rows of raw tables by delivery_id.
        """
        tree = sqlglot.parse_one(self.sql, read="duckdb")
        raw = {c.table: c.id for c in load_contracts("extracts").values()}
        read = frozenset(raw[t] for t in self.inputs if t in raw)
        found: set[str] = set()
        for use in tree.find_all(exp.Table):
            if f"{use.db}.{use.name}" != IN_FORCE:
                continue
            select = use.find_ancestor(exp.Select)
            named = _literal_sources(select) if select else set()
            if not named and select and read and _joins_delivery_id(select, use.alias_or_name):
                named = set(read)
            if not named:
                return None
            found |= named
        return frozenset(found)

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


def _literal_sources(select: exp.Select) -> set[str]:
    """Texts with which the WHERE of this SELECT itself compares `source`, every one of which must hold (AND)."""
    where = select.args.get("where")
    for part in where.this.flatten() if where and isinstance(where.this, exp.And) else [where and where.this]:
        if (
            isinstance(part, exp.In | exp.EQ)
            and isinstance(part.this, exp.Column)
            and part.this.name == "source"
        ):
            values = part.expressions if isinstance(part, exp.In) else [part.expression]
            if values and all(isinstance(v, exp.Literal) for v in values):
                return {v.name for v in values}
    return set()


def _joins_delivery_id(select: exp.Select, alias: str) -> bool:
    """Does this SELECT join the deliveries in force, with an inner join, to something by delivery_id?"""
    for join in select.args.get("joins") or ():
        if join.side or join.alias_or_name != alias or not join.args.get("on"):
            continue
        for equal in join.args["on"].find_all(exp.EQ):
            sides = (equal.this, equal.expression)
            if all(isinstance(s, exp.Column) and s.name == "delivery_id" for s in sides):
                return True
    return False


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


def content_hash(session: Session, table: str, columns: Iterable[str], where: str) -> str:
    """Number of rows and an order-free hash of them; equal for equal rows within one version of the engine."""
    row = f"hash({', '.join(map(quote, columns))})"
    return str(
        session.value(
            f"SELECT concat_ws(':', count(*), coalesce(sum({row}), 0), coalesce(bit_xor({row}), 0)) FROM {table} WHERE {where}"
        )
    )


def _input_fingerprints(session: Session, model: Model, period: str, reference: str) -> dict[str, str]:
    """Fingerprint of each input: reference data by version, raw and operational tables by deliveries, models by content."""
    found: dict[str, str] = {}
    raw_sources = {c.table: c.id for c in load_contracts("extracts").values()}
    until = f"period <= {literal(period)}"
    for table in model.inputs:
        schema = table.split(".")[0]
        if schema == "ref":
            found[table] = reference
        elif table in raw_sources:
            # A refused file adds no row; rows that are replayed change the number of those accepted.
            accepted = f"source = {literal(raw_sources[table])} AND status = 'accepted' AND {until}"
            found[table] = content_hash(session, _DELIVERY, ("delivery_id", "n_accepted"), accepted)
        elif table in RECORDED:
            found[table] = content_hash(session, table, ("seq",), "true")
        elif schema == "ops":
            counts = ("delivery_id", "status", "n_accepted", "n_quarantined")
            held = content_hash(session, "ops.review__held", ("delivery_id",), "true")
            found[table] = f"{content_hash(session, _DELIVERY, counts, until)} {held}"
        elif table == IN_FORCE and model.delivery_sources is not None:
            columns = tuple(c.name for c in load_models()[table].contract.columns)
            listed = ", ".join(literal(s) for s in sorted(model.delivery_sources))
            found[table] = content_hash(session, table, columns, f"{until} AND source IN ({listed})")
        else:
            found[table] = content_of(session, table, until)
    return found


def content_of(session: Session, table: str, where: str) -> str:
    """What a model's last runs came to, over some periods."""
    return str(
        session.value(
            "SELECT md5(coalesce(string_agg(period || ' ' || content, ',' ORDER BY period), '')) "
            f"FROM ops.model_run__model_period WHERE model = ? AND {where}",
            [table],
        )
    )


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
        content = content_hash(
            session, model.table, (c.name for c in model.contract.columns), f"period = {literal(period)}"
        )
        seconds = time.monotonic() - started
        session.execute(
            "DELETE FROM ops.model_run__model_period WHERE model = ? AND period = ?", [model.table, period]
        )
        session.execute(
            "INSERT INTO ops.model_run__model_period VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                model.table,
                period,
                fingerprint,
                json.dumps(inputs, sort_keys=True),
                code_version,
                n_rows,
                seconds,
                datetime.now(),
                content,
            ],
        )
        session.execute(
            "INSERT INTO ops.model_content__run SELECT $model, $period, $fingerprint, version(), $content WHERE NOT EXISTS "
            "(SELECT 1 FROM ops.model_content__run WHERE model = $model AND period = $period AND fingerprint = $fingerprint "
            "AND engine = version() AND content = $content)",
            {"model": model.table, "period": period, "fingerprint": fingerprint, "content": content},
        )
    return ModelRun(model.table, False, n_rows, seconds)


def dependants(tables: Iterable[str]) -> set[str]:
    """All models that read one of the tables, directly or not."""
    wanted = set(tables)
    for model in load_models().values():
        if wanted & set(model.inputs):
            wanted.add(model.table)
    return wanted
