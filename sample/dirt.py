"""Seeded dirt: which rows get which defect, and the ledger of it.

A `Kind` rewrites cells of rows that qualify. One row gets at most one kind; fatal kinds never exceed a small share
of a file, so that a file as a whole stays acceptable. Every spot is written to the ledger with the rules that must
fire and those that may fire with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from sample.draws import Draws

REPAIR, WARN, QUARANTINE, BLOCK = "repair", "W", "Q", "B"
FATAL_SHARE = 0.012  # of the rows of a file
RATE = 0.00016  # of the rows of an extract, per kind
LEAST = 3  # spots per kind and month, if enough rows qualify


@dataclass(frozen=True)
class Kind:
    """One kind of defect.

    `sets` maps a header to the SQL of the damaged cell, where `{v}` is the sound cell; `where` says which rows
    qualify (columns of the base table). A kind with `twin` adds a damaged copy of the row instead: `twin` maps base
    columns to SQL, and both rows stand in the ledger if `both`.
    """

    key: str
    dirt: str
    severity: str
    column: str
    description: str
    sets: dict[str, str] = field(default_factory=dict)
    where: str = "true"
    rules: str = ""
    may: str = ""
    twin: dict[str, str] | None = None
    both: bool = False
    unquoted: bool = False  # the damaged cell stands in a line of text as it is

    @property
    def fatal(self) -> bool:
        """Rows of this kind are refused or warned about, not repaired."""
        return self.severity != REPAIR


def quota(n: int, dirt: float) -> int:
    """Spots per kind in an extract of `n` rows."""
    if dirt <= 0:
        return 0
    return max(LEAST, round(n * RATE * dirt))


def assign(
    con: duckdb.DuckDBPyConnection, draws: Draws, kinds: Sequence[Kind], *, tag: str, dirt: float
) -> None:
    """Choose rows of temp table `base` (rid, owner, …) for each kind; result in temp table `pick` (rid, kind)."""
    con.execute("CREATE OR REPLACE TEMP TABLE pick (rid BIGINT, owner VARCHAR, kind SMALLINT, fatal BOOLEAN)")
    n = con.execute("SELECT count(*) FROM base").fetchall()[0][0]
    spots = quota(n, dirt)
    if not spots:
        return
    con.execute(f"""
    CREATE OR REPLACE TEMP TABLE cap AS
    SELECT owner, floor(count(*) * {FATAL_SHARE})::INTEGER AS cap FROM base GROUP BY owner""")
    for number, kind in enumerate(kinds):
        order = draws.hash("b.rid", f"dirt-{tag}-{kind.key}")
        room = "coalesce(cap.cap, 0) - coalesce(u.used, 0)" if kind.fatal else "1000000"
        # a twin takes room in its own file too, and that file may be any: both sides get half of the room
        other = f"({kind.twin['owner']})" if kind.twin and "owner" in kind.twin else "b.owner"
        half = "// 2" if kind.twin is not None else ""
        con.execute(f"""
        CREATE OR REPLACE TEMP TABLE room AS
        SELECT cap.owner, ({room}) {half} AS n FROM cap
        LEFT JOIN (SELECT owner, count(*) AS used FROM pick WHERE fatal GROUP BY owner) u ON u.owner = cap.owner""")
        con.execute(f"""
        INSERT INTO pick
        SELECT c.rid, c.owner, {number}, {kind.fatal} FROM (
          SELECT *, row_number() OVER (PARTITION BY owner ORDER BY o, rid) AS r,
                 row_number() OVER (PARTITION BY other ORDER BY o, rid) AS s
          FROM (SELECT b.rid, b.owner, {order} AS o, {other} AS other FROM base b
                WHERE ({kind.where}) AND NOT EXISTS (SELECT 1 FROM pick k WHERE k.rid = b.rid))) c
        JOIN room r1 ON r1.owner = c.owner JOIN room r2 ON r2.owner = c.other
        WHERE c.r <= r1.n AND c.s <= r2.n ORDER BY o, rid LIMIT {spots}""")
        if kind.twin is not None:
            _add_twins(con, number, kind.twin)


def _add_twins(con: duckdb.DuckDBPyConnection, number: int, twin: dict[str, str]) -> None:
    """Add the second row of a kind with a twin to `base`; its rid is the negative of the first one."""
    names = [r[0] for r in con.execute("DESCRIBE base").fetchall()]
    cells = []
    for name in names:
        if name == "rid":
            cells.append("-b.rid")
        else:
            cells.append(f"({twin[name]}) AS {name}" if name in twin else f"b.{name}")
    con.execute(f"""
    INSERT INTO base SELECT {", ".join(cells)} FROM base b JOIN pick k ON k.rid = b.rid WHERE k.kind = {number}""")
    con.execute(f"""
    INSERT INTO pick SELECT b.rid, b.owner, {number}, true FROM base b
    JOIN pick k ON -k.rid = b.rid WHERE k.kind = {number}""")
