"""The one way to open DuckDB: the warehouse with its single writer, and connections beside it.

Errors of the engine quote the data they stumbled over; every statement therefore goes through `Session.execute`,
which turns them into an `EngineError` with a redacted text.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from warehouse.config import Settings
from warehouse.engine.work import work_folder
from warehouse.errors import BusyError, EngineError, redact

SQL = Path(__file__).parent.parent / "sql"
_ABOUT_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
SCHEMAS = ("raw", "core", "use", "mart", "ref", "ops")


def quote(identifier: str) -> str:
    """A quoted identifier; dots separate database, schema and table."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in identifier.split("."))


def literal(value: object) -> str:
    """A SQL literal of a text, number, boolean or None."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


class Session:
    """A DuckDB connection that never lets a data value out in an error, with the folder it may spill into."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con = con
        self.folder = folder

    def execute(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None, *, what: str = ""
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement; `what` names it in the error. Raises EngineError with a redacted text."""
        try:
            return self.con.execute(sql, params) if params else self.con.execute(sql)
        except duckdb.Error as error:
            name = what or sql.strip().split(maxsplit=1)[0].upper()
            text = redact(str(error), about_sql=isinstance(error, _ABOUT_SQL))
            raise EngineError(
                f"{name}: {type(error).__name__}: {text}",
                "run `edu doctor`; if the disk is full, free space and run the same command again",
            ) from None

    def rows(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        return self.execute(sql, params).fetchall()

    def value(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """First column of the first row, or None."""
        found = self.rows(sql, params)
        return found[0][0] if found else None

    def script(self, file: Path) -> None:
        """Run a file of statements."""
        self.execute(file.read_text(encoding="utf-8"), what=file.name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. DuckDB allows one attached database to be written per transaction."""
        self.execute("BEGIN")
        try:
            yield
        except BaseException:
            # A failed statement has already aborted the transaction; ROLLBACK then only ends it.
            self.con.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def exists(self, table: str) -> bool:
        """Is there a table or view `schema.table` in the warehouse?"""
        schema, _, name = table.partition(".")
        return bool(
            self.rows(
                "SELECT 1 FROM information_schema.tables WHERE table_catalog = current_database() "
                "AND table_schema = ? AND table_name = ?",
                [schema, name],
            )
        )


def configure(con: duckdb.DuckDBPyConnection, settings: Settings, folder: Path) -> None:
    """Bounded memory, spill into the private folder, no network, no extension downloads."""
    con.execute(f"SET memory_limit = {literal(settings.get('engine', 'memory_limit'))}")
    threads = int(settings.get("engine", "threads"))
    if threads:
        con.execute(f"SET threads = {threads}")
    con.execute(f"SET temp_directory = {literal(str(folder / 'spill'))}")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.execute("SET enable_progress_bar = false")


@contextmanager
def open_warehouse(settings: Settings, *, wait_seconds: float = 600) -> Iterator[Session]:
    """The warehouse for its single writer, with a private work database attached as `work`.

    Another process that holds it is waited for; then BusyError names its process id.
    """
    settings.warehouse_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        single_holder(settings.warehouse_file.with_suffix(".lock"), wait_seconds),
        work_folder(settings.work) as folder,
    ):
        con = duckdb.connect(str(settings.warehouse_file))
        try:
            configure(con, settings, folder)
            con.execute(f"ATTACH {literal(str(folder / 'work.duckdb'))} AS work")
            session = Session(con, folder)
            for schema in SCHEMAS:
                session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            session.script(SQL / "storage" / "ops.sql")
            session.script(SQL / "collection" / "clean.sql")
            yield session
        finally:
            con.close()


@contextmanager
def open_reader(settings: Settings) -> Iterator[Session]:
    """The warehouse read-only, for status and explanations. Raises BusyError while a load writes it."""
    with work_folder(settings.work) as folder:
        try:
            con = duckdb.connect(str(settings.warehouse_file), read_only=True)
        except duckdb.Error as error:
            if not settings.warehouse_file.exists():
                raise EngineError(
                    "There is no warehouse yet", "run `edu load PERIOD` or `edu demo`"
                ) from None
            raise BusyError(
                f"The warehouse is being written ({redact(str(error))})",
                "wait for the load to end and try again",
            ) from None
        try:
            configure(con, settings, folder)
            yield Session(con, folder)
        finally:
            con.close()


@contextmanager
def single_holder(lock_file: Path, wait_seconds: float) -> Iterator[None]:
    """Hold a lock file for the block; wait for another process that holds it, then BusyError names it."""
    handle = os.open(lock_file, os.O_CREAT | os.O_RDWR, 0o600)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode() or "unknown"
                    raise BusyError(
                        f"The warehouse is held by process {holder}",
                        "wait for it to end, or stop it, and try again",
                    ) from None
                time.sleep(0.2)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
