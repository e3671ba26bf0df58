"""The person index of a loaded sample province against its truth: pairs of records of two sources that show one person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Records in force in a month with their true person: one row per (source, true person, person of the index).
_RECORD = """
CREATE OR REPLACE TEMP TABLE shown AS
SELECT r.source, t.person_id AS true_id, r.person_id, max(r.tier) AS tier, coalesce(max(d.kind), 'none') AS defect
FROM core.person__record r
JOIN ops.delivery__version v USING (delivery_id)
JOIN read_parquet($row) t
  ON t.source = v.source AND t.owner = v.owner AND t.period = v.period AND t.file = v.file_name AND t.row_no = r.row_no
LEFT JOIN (SELECT source, owner, period, file, row_no, min(kind) AS kind FROM read_parquet($defect) GROUP BY ALL) d
  ON d.source = t.source AND d.owner = t.owner AND d.period = t.period AND d.file = t.file AND d.row_no = t.row_no
WHERE r.period = $period AND r.role = 'self' AND t.person_id IS NOT NULL
GROUP BY r.source, t.person_id, r.person_id"""

_PAIR = """
CREATE OR REPLACE TEMP TABLE pair AS
SELECT a.true_id = b.true_id AS is_true, greatest(a.tier, b.tier) AS tier, least(a.defect, b.defect) AS d1,
       greatest(a.defect, b.defect) AS d2, a.source || '+' || b.source AS sources, true AS is_found
FROM shown a JOIN shown b ON b.person_id = a.person_id AND a.source < b.source
UNION ALL
SELECT true, NULL, least(a.defect, b.defect), greatest(a.defect, b.defect), a.source || '+' || b.source, false
FROM shown a JOIN shown b ON b.true_id = a.true_id AND a.source < b.source AND a.person_id <> b.person_id"""

_FACETS = {
    "all": ("'all'", "true"),
    "tier": ("tier", "is_found"),
    "sources": ("sources", "true"),
    "defect": ("CASE WHEN d1 = 'none' THEN d2 ELSE d1 END", "true"),
}


def measure(session: Any, truth: Path, period: str) -> list[tuple[str, str, int, int, int | None]]:
    """(facet, value, pairs found, wrong ones, true pairs) of a month; per tier there are no true pairs (None).

    `session` is a warehouse session; `truth` the folder with row.parquet and defect.parquet. precision = 1 - wrong / found,
    recall = (found - wrong) / true.
    """
    given = {"row": str(truth / "row.parquet"), "defect": str(truth / "defect.parquet"), "period": period}
    session.execute(_RECORD, given)
    session.execute(_PAIR)
    rows: list[tuple[str, str, int, int, int | None]] = []
    for facet, (value, condition) in _FACETS.items():
        wanted = "NULL" if facet == "tier" else "count(*) FILTER (is_true)"
        rows += session.rows(
            f"""SELECT '{facet}', {value}, count(*) FILTER (is_found), count(*) FILTER (is_found AND NOT is_true), {wanted}
                FROM pair WHERE {condition} GROUP BY 2 ORDER BY 2"""
        )
    return rows
