"""Great Expectations on our own, open DuckDB connection.

Great Expectations has no DuckDB engine, and the third-party SQLAlchemy dialects either fail on reflection or
lose results, because Great Expectations reads a result after it has closed the connection. Everything here
uses public extension points, nothing is patched:

* `SharedConnection`: the pipeline's connection behind the DBAPI. Rows are fetched at `execute`, so they
  survive `close`; `commit`, `rollback` and `close` do nothing, so temp tables and open transactions stay as
  they are.
* `DuckDBDialect`: a small SQLAlchemy dialect, registered as `duckdb://`; reflection reads `duckdb_columns()`.
* `DuckDBExecutionEngine` and `DuckDBDatasource`: subclasses without behaviour of their own; the engine's
  class name is what the metric providers below are registered for.
* metric providers: regular expressions (RE2, partial match, as in pandas), plus two expectations of ours,
  `expect_column_values_to_satisfy_sql` and `expect_no_rows_from_query`.

Importing this module imports Great Expectations (seconds): only `gate.py` does so, and only when a gate runs.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer, PGTypeCompiler
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read while Great Expectations is imported

from great_expectations.compatibility import pydantic
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)


class BufferedCursor:
    """PEP-249 cursor over a shared connection; the rows are ours as soon as `execute` returns."""

    arraysize = 1

    def __init__(self, shared: SharedConnection) -> None:
        self._shared = shared
        self.description: Any = None
        self.rowcount = -1
        self._rows: list[Any] = []
        self._position = 0

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> BufferedCursor:
        """Run one statement and fetch its result."""
        try:
            result = self._shared.raw.execute(sql, list(parameters) if parameters else None)
        except duckdb.Error as error:
            # Great Expectations turns exceptions into long texts; the gate wants the original.
            self._shared.last_error = error
            raise
        self.description = result.description
        self._rows = result.fetchall() if result.description else []
        self._position = 0
        return self

    def fetchone(self) -> Any:
        """Next row, or None."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Next rows."""
        rows = self._rows[self._position : self._position + (size or self.arraysize)]
        self._position += len(rows)
        return rows

    def fetchall(self) -> list[Any]:
        """Remaining rows."""
        return self.fetchmany(len(self._rows) + 1)

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class SharedConnection:
    """DBAPI facade of a connection that is not ours: it never commits, rolls back or closes it."""

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self.raw = raw
        self.last_error: duckdb.Error | None = None

    def cursor(self) -> BufferedCursor:
        """A new buffered cursor."""
        return BufferedCursor(self)

    def commit(self) -> None:
        """Nothing: transactions belong to the pipeline."""

    def rollback(self) -> None:
        """Nothing: transactions belong to the pipeline."""

    def close(self) -> None:
        """Nothing: the connection belongs to the pipeline."""


_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "VARCHAR": sa.String,
    "TINYINT": sa.SmallInteger,
    "SMALLINT": sa.SmallInteger,
    "INTEGER": sa.Integer,
    "BIGINT": sa.BigInteger,
    "HUGEINT": sa.BigInteger,
    "UTINYINT": sa.SmallInteger,
    "USMALLINT": sa.Integer,
    "UINTEGER": sa.BigInteger,
    "UBIGINT": sa.BigInteger,
    "FLOAT": sa.Float,
    "DOUBLE": sa.Double,
    "DECIMAL": sa.Numeric,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "TIME": sa.Time,
    "TIMESTAMP": sa.DateTime,
    "TIMESTAMP WITH TIME ZONE": sa.DateTime,
    "BLOB": sa.LargeBinary,
}


class _TypeCompiler(PGTypeCompiler):
    def visit_DOUBLE_PRECISION(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE"


class _Preparer(PGIdentifierPreparer):
    def quote_schema(self, schema: str, force: Any = None) -> str:
        """`database.schema` is two identifiers, so tables of attached databases can be named."""
        return ".".join(self.quote(part) for part in schema.split("."))


class DuckDBDialect(DefaultDialect):
    """The part of a DuckDB dialect that Great Expectations needs: PostgreSQL's SQL, DuckDB's catalogue."""

    name = "duckdb"
    driver = "shared"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    _backslash_escapes = False  # asked for by PGCompiler: a backslash in a literal is a backslash
    statement_compiler = PGCompiler
    preparer = _Preparer
    type_compiler_cls = _TypeCompiler

    @classmethod
    def import_dbapi(cls) -> Any:
        """The DBAPI module: its exception classes are what SQLAlchemy wraps."""
        return duckdb

    def initialize(self, connection: Any) -> None:
        """No round trips: the answers are known."""
        self.default_schema_name = "main"

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing: transactions belong to the pipeline."""

    @staticmethod
    def _names(connection: Any, what: str, schema: str | None) -> list[str]:
        database, _, name = (schema or "main").rpartition(".")
        rows = connection.exec_driver_sql(
            f"SELECT {what}_name FROM duckdb_{what}s() WHERE schema_name = ? AND database_name IN "
            "(coalesce(nullif(?, ''), current_database()), CASE WHEN ? = '' THEN 'temp' END)",
            (name, database, database),
        )
        return [row[0] for row in rows.fetchall()]

    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        """`schema` for the current database, `database.schema` for attached ones."""
        rows = connection.exec_driver_sql(
            "SELECT CASE WHEN database_name = current_database() THEN schema_name "
            "ELSE database_name || '.' || schema_name END FROM duckdb_schemas()"
        )
        return [row[0] for row in rows.fetchall()]

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Tables of a schema; without a schema also temporary ones."""
        return self._names(connection, "table", schema)

    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Views of a schema; without a schema also temporary ones."""
        return self._names(connection, "view", schema)

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether a table or view exists."""
        return bool(self._columns(connection, table_name, schema))

    @staticmethod
    def _columns(connection: Any, table: str, schema: str | None) -> list[Any]:
        database, _, name = (schema or "main").rpartition(".")
        rows: list[Any] = connection.exec_driver_sql(
            "SELECT column_name, data_type, is_nullable, comment, database_name FROM duckdb_columns() "
            "WHERE table_name = ? AND schema_name = ? AND database_name IN "
            "(coalesce(nullif(?, ''), current_database()), CASE WHEN ? = '' THEN 'temp' END) "
            "ORDER BY database_name = 'temp' DESC, column_index",
            (table, name, database, database),
        ).fetchall()
        # A temporary table hides a table of the same name, as it does in a statement.
        return [row for row in rows if row[4] == rows[0][4]]

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Columns with their types; a type Great Expectations has no word for becomes NULL type."""
        rows = self._columns(connection, table_name, schema)
        if not rows:
            raise sa.exc.NoSuchTableError(table_name)
        return [
            {
                "name": name,
                "type": _TYPES.get(type_.partition("(")[0], sa.types.NullType)(),
                "nullable": nullable,
                "default": None,
                "comment": comment,
            }
            for name, type_, nullable, comment, _ in rows
        ]

    def get_pk_constraint(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """No rule asks for keys of the catalogue."""
        return {"constrained_columns": [], "name": None}


registry.register("duckdb", __name__, "DuckDBDialect")


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """SQLAlchemy engine under a name of its own, so that metric providers can be registered for it alone."""


class DuckDBDatasource(SQLDatasource):
    """Datasource over an open connection: `DuckDBDatasource.over(con, schema="core")`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]
    schema_name: str | None = None
    _shared: Any = pydantic.PrivateAttr(None)

    @classmethod
    def over(
        cls, con: duckdb.DuckDBPyConnection, name: str = "warehouse", schema: str | None = None
    ) -> DuckDBDatasource:
        """Datasource on `con`; `schema` may be `database.schema`."""
        datasource = cls(name=name, connection_string="duckdb://", schema_name=schema)
        datasource._shared = SharedConnection(con)
        return datasource

    @property
    def schema_(self) -> str | None:
        """Schema of all table assets; the way Great Expectations asks a datasource for it."""
        return self.schema_name

    @property
    def last_error(self) -> duckdb.Error | None:
        """The last error of the engine, before anybody wrapped it."""
        error: duckdb.Error | None = self._shared.last_error
        return error

    def forget_error(self) -> None:
        """Start watching for the next error."""
        self._shared.last_error = None

    @property
    def execution_engine_type(self) -> builtins.type[DuckDBExecutionEngine]:
        """Our engine class."""
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        """SQLAlchemy engine whose only connection is the pipeline's."""
        if self._engine is None:
            self._engine = sa.create_engine("duckdb://", creator=lambda: self._shared, poolclass=StaticPool)
        return self._engine

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        """Execution engine; query assets stay queries (no temporary tables behind our back)."""
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine


def _regex(column: Any, pattern: str) -> Any:
    # regexp_matches = partial match, like pandas; DuckDB's operator ~ is a FULL match and would change
    # meanings.
    return sa.func.regexp_matches(column, pattern)


def _provider(
    metric: str, keys: tuple[str, ...], condition: Callable[..., Any]
) -> type[ColumnMapMetricProvider]:
    """A column condition of Great Expectations, for our engine only. Being defined is being registered."""

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls: type, column: Any, **kwargs: Any) -> Any:
        return condition(column, **{key: kwargs[key] for key in keys if kwargs.get(key) is not None})

    body = {
        "condition_metric_name": f"column_values.{metric}",
        "condition_value_keys": keys,
        "_duckdb": _duckdb,
    }
    return type(f"DuckDB_{metric}", (ColumnMapMetricProvider,), body)


def _regex_list(column: Any, regex_list: Sequence[str], match_on: str = "any") -> Any:
    found = [_regex(column, pattern) for pattern in regex_list]
    return sa.and_(*found) if match_on == "all" else sa.or_(*found)


def _not_regex_list(column: Any, regex_list: Sequence[str]) -> Any:
    return sa.and_(*(sa.not_(_regex(column, pattern)) for pattern in regex_list))


_provider("match_regex", ("regex",), lambda column, regex: _regex(column, regex))
_provider("not_match_regex", ("regex",), lambda column, regex: sa.not_(_regex(column, regex)))
_provider("match_regex_list", ("regex_list", "match_on"), _regex_list)
_provider("not_match_regex_list", ("regex_list",), _not_regex_list)
# A predicate that is NULL has not been satisfied: unknown must not pass a gate.
_provider(
    "satisfy_sql",
    ("predicate",),
    lambda column, predicate: sa.func.coalesce(sa.literal_column(f"({predicate})", sa.Boolean), sa.false()),
)


class ExpectColumnValuesToSatisfySql(ColumnMapExpectation):
    """Every row whose `column` is not NULL satisfies `predicate`, a boolean SQL expression over the row.

    `column` only decides which rows are judged. With a key column, which is never NULL, every row is judged.
    A predicate that evaluates to NULL is NOT satisfied.
    """

    predicate: str
    map_metric: ClassVar[str] = "column_values.satisfy_sql"
    success_keys: ClassVar[tuple[str, ...]] = ("predicate", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "predicate")


class ExpectNoRowsFromQuery(BatchExpectation):
    """`query` finds nothing. Rows are counted, never fetched (UnexpectedRowsExpectation fetches 200)."""

    query: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.row_count",)
    success_keys: ClassVar[tuple[str, ...]] = ("query",)
    args_keys: ClassVar[tuple[str, ...]] = ("query",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> Any:
        count = metrics["query.row_count"]
        return {"success": count == 0, "result": {"observed_value": count}}
