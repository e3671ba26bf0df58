"""X8: aid paid in the last finished term, with what went wrong with it: the seeded gaps and the ledger of them."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from sample.data import table
from sample.dirt import QUARANTINE, REPAIR, Kind
from sample.draws import Draws, quote
from sample.extracts.base import Column, Context, Extract
from sample.extracts.common import WRONG_CHECK
from sample.extracts.poverty import HOUSEHOLD_NO
from sample.state import STUDYING, build_state, school_year

# What becomes of a payment that is due, up to which draw. `double`: paid by two schools.
FATES = (("unpaid", 0.040), ("returned", 0.050), ("short", 0.060), ("over", 0.066), ("double", 0.072))
INELIGIBLE = 0.004  # share of pupils without a claim who were paid the grant of senior schools all the same


def term(mi: int) -> tuple[int, int, int]:
    """Last finished term before a month: school year, term (1 autumn, 2 spring), month index of its recognition."""
    sy = school_year(mi)
    if mi % 12 >= 8 or mi % 12 < 2:
        return sy - 1, 2, sy * 12 + 2
    return sy, 1, sy * 12 + 8


def _who(d: Draws, year: int) -> dict[str, str]:
    boards = f"(h.res > 1 AND e.stage >= 2 AND {d.unit('p.person_id', 'board')} < .75 OR h.res = 3 AND {d.unit('p.person_id', 'board')} < .25)"
    orphan, martyr = f"{d.unit('h.hid', 'orphan')} < .002", f"{d.unit('h.hid', 'martyr')} < .001"
    needy = f"(p.poor OR p.dis > 0 OR {orphan} OR {martyr})"
    # three years in public or affordable kindergartens; from 2025 on the last year is free for everybody instead
    kindergarten = f"(p.poor OR p.dis > 0 OR {orphan}) AND e.k >= -3 AND NOT (s.private AND s.sid % 9 = 0) AND NOT (e.k = -1 AND {year} >= 2025)"
    return {
        "kindergarten": kindergarten,
        "needy": needy,
        "needy_boarder": f"{needy} AND {boards}",
        "needy_day": f"(p.poor OR p.dis > 0) AND NOT {boards}",
        "poor": "p.poor",
        "rural12": "e.k < 11 AND (h.res > 1 OR p.poor)",
        "all": "true",
    }


def _prepare(context: Context) -> None:
    """Table `due`: one row per person, programme and term with the fate of the payment, also those never paid."""
    con, d = context.world.con, context.draws
    year, number, recognised = term(context.mi)
    build_state(context.world, recognised, "enrol_term")
    who, arms = _who(d, year), []
    for n, r in enumerate(table("aid")):
        if not int(r["from_school_year"]) <= year <= int(r["to_school_year"] or 9999):
            continue
        key = f"p.person_id * 100 + {n}"
        draw = d.unit(key, f"aid-{year}-{number}")
        fate = " ".join(f"WHEN {draw} < {upto} THEN '{name}'" for name, upto in FATES)
        source = f"""
        FROM enrol_term e JOIN person p USING (person_id) JOIN household h ON h.hid = p.hid
        JOIN school s USING (sid) JOIN county c ON c.no = s.county
        WHERE e.stage = {r["stage"]} AND e.status = {STUDYING}"""
        row = f"SELECT e.person_id * 100 + {n} AS rid, c.code AS owner, e.person_id, e.sid, e.stage, e.k, e.ne, {quote(r['programme'])} AS programme"
        arms.append(
            f"{row}, {r['amount']} AS due, (CASE {fate} ELSE 'full' END) AS fate {source} AND ({who[r['who']]})"
        )
        if r["who"] == "needy":
            arms.append(f"""{row}, 0, 'ineligible' {source} AND p.has_id AND NOT {who["needy"]}
              AND {d.unit(key, f"ineligible-{year}-{number}")} < {INELIGIBLE}""")
    con.execute(f"""
    CREATE OR REPLACE TEMP TABLE due AS
    WITH x AS ({" UNION ALL ".join(arms)}), other AS (
      SELECT w.county, w.stage, min(w.sid) AS low, max(w.sid) AS high FROM wheel w GROUP BY ALL)
    SELECT x.* EXCLUDE (fate), CASE WHEN x.sid = o.low THEN o.high ELSE o.low END AS sid_other,
      -- without an identifier nobody is paid; a second school is needed to be paid twice
      CASE WHEN x.stage < 4 AND NOT p.has_id THEN 'unpaid' WHEN x.fate = 'double' AND o.low = o.high THEN 'full' ELSE x.fate END AS fate
    FROM x JOIN person p USING (person_id) JOIN school s USING (sid) JOIN other o ON o.county = s.county AND o.stage = x.stage
    ORDER BY x.rid""")
    con.execute(f"""
    INSERT INTO t_aid
    SELECT {quote(context.period)}, '{year}-{year + 1}', '{number}', d.person_id, d.programme, d.stage, s.code, d.due, d.fate
    FROM due d JOIN school s USING (sid) ORDER BY d.rid""")


def _base(context: Context) -> str:
    del context
    return f"""
    SELECT d.rid, d.owner, d.person_id, d.sid, d.stage, d.k, d.ne, d.programme, d.fate = 'returned' AS returned,
      (CASE d.fate WHEN 'short' THEN d.due // 2 WHEN 'over' THEN d.due + 100 WHEN 'ineligible' THEN 1000 ELSE d.due END) AS amount,
      f.fund
    FROM due d JOIN (SELECT DISTINCT unnest({[r["programme"] for r in table("aid")]}) AS programme,
      unnest({[r["fund"] for r in table("aid")]}) AS fund) f USING (programme)
    WHERE d.fate <> 'unpaid'
    UNION ALL
    SELECT d.rid + 50, c.code, d.person_id, d.sid_other, d.stage, d.k, d.ne, d.programme, false, d.due, '省'
    FROM due d JOIN school s ON s.sid = d.sid_other JOIN county c ON c.no = s.county WHERE d.fate = 'double'"""


def extract(d: Draws, mi: int) -> Extract:
    """Aid of the last finished term, by the school where the pupil stood on the day of recognition."""
    year, number, _ = term(mi)
    month = "11" if number == 1 else "05"
    paid_year = year if number == 1 else year + 1
    return Extract(
        source="aid_record",
        columns=(
            Column("学年", f"'{year}-{year + 1}'"),
            Column("学期", f"'{number}'"),
            Column("学段", "['学前', '小学', '初中', '普通高中', '中职'][b.stage + 1]"),
            Column("学校标识码", "s.code"),
            Column("学籍号", "CASE WHEN b.stage = 4 THEN concat(b.ne, right(s.code, 6), lpad((p.person_id % 1000000)::VARCHAR, 6, '0')) ELSE concat('G', p.id18) END"),
            Column("姓名", "p.name"),
            Column("身份证号", "p.id18"),
            Column("困难认定等级", f"CASE WHEN p.poor THEN CASE WHEN {d.unit('p.hid', 'level')} < .3 THEN '特别困难' ELSE '困难' END ELSE '一般困难' END"),
            Column("困难类型", "CASE WHEN p.poor THEN '脱贫家庭' ELSE '其他低收入' END"),
            Column("资助项目", "b.programme"),
            Column("金额(元)", "b.amount"),
            Column("发放日期", f"concat('{paid_year}{month}', lpad((10 + {d.below('s.sid', 'payday', 15)})::VARCHAR, 2, '0'))"),
            Column("发放方式", "CASE WHEN b.programme LIKE '%免%' THEN '直接减免' ELSE '社保卡' END"),
            Column("发放状态", "CASE WHEN b.returned THEN '退票' ELSE '成功' END"),
            Column("资金来源", "b.fund"),
            Column("户编号", f"CASE WHEN p.poor THEN {HOUSEHOLD_NO} ELSE '' END"),
            Column("人编号", f"CASE WHEN p.poor THEN concat({HOUSEHOLD_NO}, lpad((p.person_id % 10)::VARCHAR, 2, '0')) ELSE '' END"),
        ),
        base=_base,
        prepare=_prepare,
        joins="""JOIN person p ON p.person_id = b.person_id JOIN household h ON h.hid = p.hid JOIN school s ON s.sid = b.sid
            JOIN county hc ON hc.no = h.hukou""",
        sort="b.sid, b.stage, b.k, b.programme",
        kinds=(
            Kind("checksum", "D12", QUARANTINE, "身份证号", "wrong check character", {"身份证号": WRONG_CHECK}, "true", "RC16"),
            Kind("unknown-programme", "D18", QUARANTINE, "资助项目", "programme that is in no list", {"资助项目": "'阳光补贴'"}, "true", "RC25"),
            Kind("unknown-school", "D15", QUARANTINE, "学校标识码", "school is not in the directory",
                 {"学校标识码": "concat(left({v}, 4), '99', right({v}, 4))"}, "true", "RC24"),
            Kind("amount-unit", "D23", REPAIR, "金额(元)", "amount in ten thousands", {"金额(元)": "concat((b.amount / 10000)::DECIMAL(12, 6)::VARCHAR, '万元')"}),
            Kind("amount-words", "D23", QUARANTINE, "金额(元)", "amount in words without a unit", {"金额(元)": "'壹仟'"}, "true", "RC25"),
            Kind("amount-text", "D23", REPAIR, "金额(元)", "amount with separator and unit",
                 {"金额(元)": "concat(CASE WHEN b.amount >= 1000 THEN concat(b.amount // 1000, ',', lpad((b.amount % 1000)::VARCHAR, 3, '0')) ELSE b.amount::VARCHAR END, '.00元')"}),
            Kind("apostrophe", "D04", REPAIR, "身份证号", "apostrophe before the number", {"身份证号": "concat('''', {v})"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip
