"""Which published cells differ from the previous release: the strip "changed since last release"."""

from __future__ import annotations

from typing import Any

import duckdb

from dashboard.release import ReleaseFolder
from dashboard.series import load_cells, make_points

LISTED = 300  # the largest moves; CHANGES.md and the marts hold all


def revisions(
    con: duckdb.DuckDBPyConnection,
    release: ReleaseFolder,
    previous: ReleaseFolder | None,
    axis: str,
    first_month: int,
) -> dict[str, Any]:
    """Counts and the largest moves; `known` is false when the previous release is not at hand.

    Compared is what the two pages show of series, region and moment. `cells`: value, numerator, denominator or being
    hidden differ, and the earlier figure was final; `updated`: it was provisional, so that a change was to be expected;
    `added` and `gone`: only one of the two shows a figure. A month that the page no longer shows because the next one has
    taken its place is not gone: the marts still hold it. `list` has the revised cells first.
    """
    before = release.facts.get("previous")
    if before is None or previous is None:
        return {
            "previous": before,
            "known": before is None,
            "cells": 0,
            "updated": 0,
            "added": 0,
            "gone": 0,
            "list": [],
        }
    load_cells(con, previous, "cell_before")
    make_points(con, "cell_before", "point_before", axis, first_month)
    differs = " OR ".join(
        f"b.{n} IS DISTINCT FROM c.{n}" for n in ("value", "numerator", "denominator", "is_hidden")
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP VIEW pair AS
            SELECT series, level, code, moment, b.is_provisional AS was_provisional, b.is_hidden AS was_hidden, b.value AS old,
                   c.is_hidden, c.value, {differs} AS is_changed,
                   b.series IS NOT NULL AND (b.value IS NOT NULL OR b.is_hidden) AS was_shown,
                   c.series IS NOT NULL AND (c.value IS NOT NULL OR c.is_hidden) AS is_shown
            FROM point_before b FULL JOIN point c USING (series, level, code, moment)"""
    )
    (cells, updated, added, gone) = con.execute(
        """SELECT count(*) FILTER (was_shown AND is_shown AND is_changed AND NOT was_provisional),
                  count(*) FILTER (was_shown AND is_shown AND is_changed AND was_provisional),
                  count(*) FILTER (is_shown AND NOT was_shown),
                  count(*) FILTER (was_shown AND NOT is_shown AND moment IN (SELECT moment FROM point))
           FROM pair"""
    ).fetchall()[0]
    rows = con.execute(
        f"""SELECT series, level, code, moment, CASE WHEN was_hidden THEN 'h' END, old, CASE WHEN is_hidden THEN 'h' END, value,
                   was_provisional
            FROM pair WHERE was_shown AND is_shown AND is_changed
            ORDER BY was_provisional, abs(value - old) DESC NULLS LAST, 1, 2, 3, 4 LIMIT {LISTED}"""
    ).fetchall()
    return {
        "previous": before,
        "known": True,
        "cells": cells,
        "updated": updated,
        "added": added,
        "gone": gone,
        "list": [[s, lv, c, t, h0 or v0, h1 or v1, int(p)] for s, lv, c, t, h0, v0, h1, v1, p in rows],
    }
