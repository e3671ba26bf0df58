"""X12: statutory counts of pupils by county, and teachers, as another body of the synthetic province reports them."""

from __future__ import annotations

from sample.data import province
from sample.draws import Draws, quote
from sample.extracts.base import Column, Context, Extract, titled_workbook
from sample.state import school_year

# stage of the world → what the yearbook calls its pupils, its teachers, and pupils per teacher in the synthetic province
_STAGES = {
    0: ("pupils_preschool", "teachers_preschool", 16.0),
    1: ("pupils_primary", "teachers_primary", 17.0),
    2: ("pupils_junior", "teachers_junior", 13.0),
    3: ("pupils_senior_general", "teachers_senior_general", 13.5),
}
_ODD_COUNTY = 7  # its statistics and its registry disagree by three per cent, when there is dirt


def _base(context: Context) -> str:
    year = school_year(context.mi)
    odd = 1.03 if context.dirt > 0 else 1.0
    codes = ", ".join(f"({s}, {quote(p)}, {quote(t)}, {r})" for s, (p, t, r) in _STAGES.items())
    return f"""
    WITH counted AS (
      SELECT s.county, e.stage, count(*) AS n FROM enrol e JOIN school s USING (sid)
      -- suspended pupils count, graduates and the nursery class do not
      WHERE e.stage < 4 AND e.status < 3 AND e.k >= -3 GROUP BY ALL
    )
    SELECT (row_number() OVER (ORDER BY c.county, k.stage, what.no))::BIGINT AS rid, {quote(province()["owner_code"])} AS owner,
      NULL::BIGINT AS person_id, {year} AS year, c.county, CASE what.no WHEN 1 THEN k.pupils ELSE k.teachers END AS measure,
      CASE what.no WHEN 1 THEN round(c.n * CASE WHEN c.county = {_ODD_COUNTY} THEN {odd} ELSE 1 END)
                   ELSE ceil(c.n / k.ratio) END::INTEGER AS value
    FROM counted c JOIN (VALUES {codes}) k(stage, pupils, teachers, ratio) ON k.stage = c.stage
    CROSS JOIN (VALUES (1), (2)) what(no)"""


def statistics(d: Draws) -> Extract:
    """Pupils and teachers by county and stage at the beginning of the school year."""
    del d
    return Extract(
        source="reported_statistics",
        columns=(
            Column("年份", "b.year::VARCHAR"),
            Column("时点", "concat(b.year, '-09-01')"),
            Column("区划代码", "c.code"),
            Column("学校标识码", "''"),
            Column("统计项", "b.measure"),
            Column("地区口径", "'学校所在地'"),
            Column("数值", "b.value::VARCHAR"),
            Column("计量单位", "'人'"),
            Column("数据状态", "'正式'"),
        ),
        base=_base,
        joins="JOIN county c ON c.no = b.county",
        sort="b.county, b.measure",
        layouts=titled_workbook("教育事业统计主要数据"),
    )
