"""A warehouse in memory: all schemas, operational tables, macros of cleaning and reference data; no file, no vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.catalogue import prepare
from warehouse.engine.duckdb import SCHEMAS, SQL, Session


@contextmanager
def warehouse_in_memory(folder: Path) -> Iterator[Session]:
    """The session; `folder` takes what spills."""
    con = duckdb.connect(
        config={"memory_limit": "1GB", "threads": 2, "temp_directory": str(folder / "spill")}
    )
    con.execute("ATTACH ':memory:' AS work")
    session = Session(con, folder)
    for schema in SCHEMAS:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    session.script(SQL / "storage" / "ops.sql")
    session.script(SQL / "collection" / "clean.sql")
    prepare(session)
    try:
        yield session
    finally:
        con.close()
