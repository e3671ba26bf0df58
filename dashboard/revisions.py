"""Which published cells differ from the previous release: the strip "changed since last release"."""

from __future__ import annotations

from typing import Any

import duckdb

from dashboard.release import ReleaseFolder
from dashboard.series import load_cells

LISTED = 300  # the largest moves; CHANGES.md and the marts hold all


def revisions(
    con: duckdb.DuckDBPyConnection, release: ReleaseFolder, previous: ReleaseFolder | None
) -> dict[str, Any]:
    """Counts and the largest moves; `known` is false when the previous release is not at hand.

    A cell is revised when series, region and period are in both releases and the published value, numerator,
    denominator or its being hidden differ. Cells of new periods are additions, no revisions.
    """
    before = release.facts.get("previous")
    if before is None or previous is None:
        return {"previous": before, "known": before is None, "cells": 0, "added": 0, "list": []}
    load_cells(con, previous, "before")
    pair = "b.series = c.series AND b.level = c.level AND b.code = c.code AND b.period = c.period"
    differs = " OR ".join(
        f"b.{n} IS DISTINCT FROM c.{n}" for n in ("value", "numerator", "denominator", "is_hidden")
    )
    (added,) = con.execute(f"SELECT count(*) FROM cell c ANTI JOIN before b ON {pair}").fetchall()[0]
    (gone,) = con.execute(f"SELECT count(*) FROM before b ANTI JOIN cell c ON {pair}").fetchall()[0]
    (count,) = con.execute(f"SELECT count(*) FROM cell c JOIN before b ON {pair} WHERE {differs}").fetchall()[
        0
    ]
    rows = con.execute(
        f"""SELECT c.series, c.level, c.code, c.period, CASE WHEN b.is_hidden THEN 'h' END, b.value,
                   CASE WHEN c.is_hidden THEN 'h' END, c.value
            FROM cell c JOIN before b ON {pair} WHERE {differs}
            ORDER BY abs(c.value - b.value) DESC NULLS LAST, 1, 2, 3, 4 LIMIT {LISTED}"""
    ).fetchall()
    return {
        "previous": before,
        "known": True,
        "cells": count,
        "added": added,
        "gone": gone,
        "list": [[s, lv, c, p, h0 or v0, h1 or v1] for s, lv, c, p, h0, v0, h1, v1 in rows],
    }
