"""X2: changes of the student registry since the last snapshot: transfers, suspensions, repetitions, deaths."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from sample.data import province, table
from sample.dirt import QUARANTINE, REPAIR, Kind
from sample.draws import Draws
from sample.extracts.base import Column, Context, Extract
from sample.extracts.common import grade_text, student_no

# a transfer inside the province is two records: one of the school that lets go, one of the school that receives
_RECORDS = (
    ("transfer", "转学(转出)", "sid_from"),
    ("transfer", "转学(转入)", "sid_to"),
    ("out", "转学(转出)", "sid_from"),
    ("suspend", "休学", "sid_from"),
    ("resume", "复学", "sid_from"),
    ("repeat", "留级", "sid_from"),
    ("death", "死亡", "sid_from"),
)


def base_sql(context: Context) -> str:
    """One row per record, delivered by the county of the school that makes it."""
    parts = []
    for number, (kind, category, school) in enumerate(_RECORDS):
        parts.append(f"""
        SELECT n.person_id * 10 + {number} AS rid, c.code AS owner, n.person_id, n.kind AS what, '{category}' AS category,
          n.date, n.stage, n.k, n.class_no, n.ce, n.sid_from, n.sid_to, p.male, p.has_id,
          (hc.old_code <> '') AS has_old
        FROM event_now n JOIN person p USING (person_id) JOIN school s ON s.sid = n.{school}
        JOIN county c ON c.no = s.county JOIN county hc ON hc.no = p.hukou WHERE n.kind = '{kind}'""")
    return " UNION ALL ".join(parts)


def columns(d: Draws, mi: int) -> tuple[Column, ...]:
    """Columns of the change record."""
    elsewhere = d.pick("b.person_id", "other-province", [r["name"] for r in table("origins")])
    inside = "b.what = 'transfer'"
    return (
        Column("全国学籍号", student_no(mi, d), variants=("学籍号",)),
        Column("姓名", "p.name"),
        Column("身份证件号", "CASE WHEN p.has_id THEN p.id18 ELSE '' END"),
        Column("异动类别码", "b.category"),
        Column("异动日期", "strftime(b.date, '%Y%m%d')"),
        Column("异动原因码", "CASE b.what WHEN 'suspend' THEN '疾病' WHEN 'death' THEN '其他死亡' ELSE '其他' END"),
        Column("申请日期", "strftime(b.date - 4, '%Y%m%d')"),
        Column("审批日期", "strftime(b.date, '%Y%m%d')"),
        Column("审批文号", "concat('学异', year(b.date), '-', lpad((b.rid % 1000000)::VARCHAR, 6, '0'))"),
        Column("核办状态", "'核办通过'"),
        Column("异动来源学校码", "f.code"),
        Column("异动去向学校码", "CASE WHEN b.what = 'transfer' THEN t.code ELSE '' END"),
        Column("转出县", f"CASE WHEN {inside} OR b.what = 'out' THEN fc.code ELSE '' END"),
        Column("转入县", f"CASE WHEN {inside} THEN tc.code ELSE '' END"),
        Column("转入省", f"CASE WHEN {inside} THEN '{province()['name']}' WHEN b.what = 'out' THEN {elsewhere} ELSE '' END"),
        Column("原班号", "concat(b.ce, '级1班')"),
        Column("原年级", "CASE WHEN b.what = 'repeat' THEN " + grade_text() + " ELSE " + grade_text() + " END"),
        Column("现班号", "CASE WHEN b.what IN ('out', 'death') THEN '' ELSE concat(b.ce, '级', b.class_no, '班') END"),
        Column("现年级", "CASE WHEN b.what IN ('out', 'death') THEN '' ELSE " + grade_text() + " END"),
        Column("是否有佐证材料", "'是'"),
        Column("异动说明", "''", True),
    )  # fmt: skip


def kinds(d: Draws) -> tuple[Kind, ...]:
    """Dirt of the change record; a month has few rows, so few spots."""
    return (
        Kind("compulsory-expulsion", "D12", QUARANTINE, "异动类别码", "leaving school at the compulsory stage",
             {"异动类别码": "'退学'"}, "b.stage < 3 AND b.what IN ('suspend', 'out')", "RC29", "RP06"),
        Kind("unknown-category", "D18", QUARANTINE, "异动类别码", "category that is in no list",
             {"异动类别码": "'临时离校'"}, "b.what = 'repeat'", "RC25"),
        Kind("date-format", "D11", REPAIR, "异动日期", "another way to write the date",
             {"异动日期": f"(CASE {d.below('b.rid', 'date-format', 3)} WHEN 0 THEN strftime(b.date, '%Y-%m-%d') WHEN 1 THEN strftime(b.date, '%Y/%-m/%-d') ELSE strftime(b.date, '%Y年%-m月%-d日') END)"}),
        Kind("apostrophe", "D04", REPAIR, "身份证件号", "apostrophe before the number",
             {"身份证件号": "concat('''', {v})"}, "b.has_id"),
        Kind("nbsp", "D04", REPAIR, "姓名", "no-break space after the name", {"姓名": "concat({v}, chr(160))"}),
    )  # fmt: skip


def extract(draws: Draws, mi: int) -> Extract:
    """The change record of a month."""
    return Extract(
        source="student_change",
        columns=columns(draws, mi),
        base=base_sql,
        joins="""JOIN person p ON p.person_id = b.person_id JOIN school f ON f.sid = b.sid_from
            JOIN county fc ON fc.no = f.county LEFT JOIN school t ON t.sid = b.sid_to
            LEFT JOIN county tc ON tc.no = t.county LEFT JOIN county hc ON hc.no = p.hukou""",
        sort="b.date, b.person_id, b.category",
        kinds=kinds(draws),
        extra={"owners": "county"},
    )
