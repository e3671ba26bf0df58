"""X6, X10, X11: graduates of the colleges, population by age, the disability roster."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from dataclasses import replace

from sample.data import province, table
from sample.dirt import QUARANTINE, REPAIR, Kind
from sample.draws import Draws, quote
from sample.extracts.base import Column, Context, Extract, plain_layout, titled_workbook
from sample.extracts.common import DISABILITY, WRONG_CHECK
from sample.names import name_sql
from sample.state import school_year
from sample.world import GRADUATES
from sample.writers import Layout

NEW_CODES_FROM = 2021
OUTSIDER = 10**15  # person numbers of graduates who come from other provinces start here


def cohorts(period: str, first: str, mi: int) -> tuple[int, ...]:
    """Graduation years delivered in a month: the last one; in the first month also the two before."""
    last = school_year(mi)
    return (last, last - 1, last - 2) if period == first else (last,)


def _wheel(level: str) -> list[tuple[str, float]]:
    return [(r["code"], float(r["weight"])) for r in table("colleges") if r["level"] == level]


def _prepare_graduates(context: Context, years: tuple[int, ...]) -> None:
    world, d = context.world, context.draws
    con = world.con
    origins = table("origins")
    con.execute("CREATE OR REPLACE TEMP TABLE graduate AS SELECT 0::BIGINT AS rid, 0 AS cohort WHERE false")
    arms = []
    for year in years:
        wanted = round(GRADUATES * world.scale)
        local = f"""
        SELECT p.person_id AS rid, {year} AS cohort, p.he = 'B' AS bachelor, p.name, p.male, p.birth, p.eth, p.id18,
          hc.code AS origin, concat({quote(province()["name"])}, hc.name) AS origin_name, p.res > 1 AS rural, p.poor
        FROM person p JOIN county hc ON hc.no = p.hukou
        WHERE p.leave_kind IS NULL AND NOT p.never AND p.track <> 'N' AND p.dis = 0
          AND (p.he = 'B' AND p.e1 + 16 + (p.repeat_year IS NOT NULL)::INTEGER = {year}
               OR p.he = 'A' AND p.e1 + 15 + (p.repeat_year IS NOT NULL)::INTEGER = {year})"""
        found = con.execute(f"SELECT count(*) FROM ({local})").fetchall()[0][0]
        key = f"({OUTSIDER} + {year} * 1000000 + i)"
        place = d.below(key, "origin", len(origins))
        male = f"({d.below(key, 'sex', 100)} < 48)"
        birth = f"(make_date({year - 23}, 9, 1) + (i % 365)::INTEGER)"
        codes = "[" + ", ".join(r["code"] for r in origins) + "]"
        names = "[" + ", ".join(quote(r["name"]) for r in origins) + "]"
        arms.append(f"""{local} UNION ALL
        SELECT {key}, {year}, {d.unit(key, "bachelor")} < .62, {name_sql(d, key, "1", male, key)}, {male}, {birth},
          1::TINYINT, id18({codes}[1 + {place}] + 5000, ymd({birth}), (600 + 2 * (i // 365) + {male}::INTEGER)::INTEGER),
          {codes}[1 + {place}]::VARCHAR, {names}[1 + {place}], {d.unit(key, "rural")} < .6, false
        FROM range({max(0, wanted - found)}) t(i)""")
    destination = table("destinations")
    total = sum(float(r["weight"]) for r in destination)
    draw, upto, picks = d.unit("rid", "destination"), 0.0, []
    for i, r in enumerate(destination[:-1], start=1):
        upto += float(r["weight"]) / total
        picks.append(f"WHEN {draw} < {upto:.9f} THEN {i}")
    con.execute(f"""
    CREATE OR REPLACE TEMP TABLE graduate AS
    SELECT *, (CASE WHEN bachelor THEN {d.weighted("rid", "college", _wheel("本科"))}
                    ELSE {d.weighted("rid", "college", _wheel("专科"))} END) AS college,
      (CASE {" ".join(picks)} ELSE {len(destination)} END)::TINYINT AS dest
    FROM ({" UNION ALL ".join(f"({a})" for a in arms)})""")


def graduates(d: Draws, mi: int, years: tuple[int, ...]) -> Extract:
    """The graduate register: the layout of 2024 or the old one in lower-case letters."""
    del mi
    key = "b.rid"
    rows = table("destinations")

    def listed(column: str) -> str:
        return "[" + ", ".join(quote(r[column]) for r in rows) + "]"

    new = f"b.cohort >= {NEW_CODES_FROM}"
    code = f"CASE WHEN {new} THEN {listed('code_new')}[b.dest] ELSE {listed('code_old')}[b.dest] END"
    label = f"CASE WHEN {new} THEN {listed('name_new')}[b.dest] ELSE {listed('name_old')}[b.dest] END"
    old_code = f"{listed('code_old')}[b.dest]"
    settled = f"{old_code} NOT IN ('70', '71', '72')"
    abroad = f"{old_code} = '85'"
    major_b = [(r["name"], float(r["weight"])) for r in table("majors") if r["level"] == "本科"]
    major_a = [(r["name"], float(r["weight"])) for r in table("majors") if r["level"] == "专科"]
    major = f"CASE WHEN b.bachelor THEN {d.weighted(key, 'major', major_b)} ELSE {d.weighted(key, 'major', major_a)} END"
    codes_b = {r["name"]: r["code"] for r in table("majors") if r["level"] == "本科"}
    codes_a = {r["name"]: r["code"] for r in table("majors") if r["level"] == "专科"}
    major_code = (
        f"CASE WHEN b.bachelor THEN {d.weighted(key, 'major', [(codes_b[n], w) for n, w in major_b])} "
        f"ELSE {d.weighted(key, 'major', [(codes_a[n], w) for n, w in major_a])} END"
    )
    nature_pool = [("31", "国有企业", 3), ("39", "其他企业", 6), ("22", "中初教育单位", 2.5), ("23", "医疗卫生单位", 1.5), ("10", "机关", 1), ("29", "其他事业单位", 1)]  # fmt: skip

    def nature(which: int) -> str:
        special = {"46": ("40", "部队"), "50": ("50", "国家基层项目"), "51": ("51", "地方基层项目"), "75": ("75", "自主创业"),
                   "76": ("76", "自由职业"), "80": ("80", "升学"), "85": ("85", "出国、出境")}  # fmt: skip
        arms = " ".join(f"WHEN '{k}' THEN {quote(v[which])}" for k, v in special.items())
        usual = d.weighted(key, "nature", [(str(n[which]), float(n[2])) for n in nature_pool])
        return f"CASE WHEN NOT {settled} THEN '' ELSE CASE {old_code} {arms} ELSE {usual} END END"

    unit_word = d.pick(key, "unit-word", ["昆仑", "祁连", "江源", "河湟", "雪域", "青藏", "高原", "三江"])
    unit_kind = d.pick(
        key,
        "unit-kind",
        [
            "实验学校",
            "人民医院",
            "建设有限公司",
            "科技有限公司",
            "商贸有限公司",
            "文化传媒有限公司",
            "农牧发展有限公司",
        ],
    )
    unit = f"""CASE WHEN NOT {settled} THEN '' ELSE CASE {old_code} WHEN '46' THEN '应征入伍' WHEN '80' THEN '某大学研究生院'
        WHEN '85' THEN '境外院校' WHEN '76' THEN '自由职业' ELSE concat({unit_word}, {unit_kind}) END END"""
    industry = [("42", "教育"), ("43", "卫生和社会工作"), ("24", "建筑业"), ("34", "信息传输、软件和信息技术服务业"), ("31", "批发和零售业"), ("45", "公共管理、社会保障和社会组织")]  # fmt: skip
    works = f"{settled} AND {old_code} NOT IN ('80', '85', '76')"
    place = f"CASE WHEN NOT {settled} OR {abroad} THEN '' ELSE w.code END"
    place_name = f"CASE WHEN NOT {settled} THEN '' WHEN {abroad} THEN '境外' ELSE concat({quote(province()['name'])}, w.prefecture, w.name) END"
    start = "(b.cohort - CASE WHEN b.bachelor THEN 4 ELSE 3 END)"
    number = f"concat({start}, right(b.college, 3), lpad((b.rid % 100000)::VARCHAR, 5, '0'))"
    columns = (
        Column("学号", number),
        Column("身份证号", "b.id18"),
        Column("姓名", "b.name"),
        Column("性别", "CASE WHEN b.male THEN '男' ELSE '女' END"),
        Column("生源地名称", "b.origin_name"),
        Column("生源地代码", "b.origin"),
        Column("民族名称", "e.name"),
        Column("政治面貌", f"CASE WHEN {d.unit(key, 'party')} < .1 THEN '中共党员' WHEN {d.unit(key, 'party')} < .85 THEN '共青团员' ELSE '群众' END"),
        Column("城乡生源", "CASE WHEN b.rural THEN '农村' ELSE '城镇' END"),
        Column("学历层次", "CASE WHEN b.bachelor THEN '本科生毕业' ELSE '专科生毕业' END"),
        Column("专业名称", major),
        Column("专业方向", "''"),
        Column("专业代码", major_code),
        Column("入学年月", f"concat({start}, '09')"),
        Column("毕业日期", "concat(b.cohort, '0701')"),
        Column("培养方式", f"CASE WHEN {d.unit(key, 'bound')} < .04 THEN '定向' ELSE '非定向' END"),
        Column("委培单位", "''"),
        Column("学习形式", "'全日制'"),
        Column("毕业去向类别代码", code),
        Column("毕业去向", label),
        Column("签约日期", f"CASE WHEN {works} THEN concat(b.cohort, '06', lpad((1 + {d.below(key, 'signed', 28)})::VARCHAR, 2, '0')) ELSE '' END"),
        Column("单位名称", unit),
        Column("统一社会信用代码", "''"),
        Column("留学国家地区", f"CASE WHEN {abroad} THEN '马来西亚' ELSE '' END"),
        Column("留学院校中文名称", "''"),
        Column("留学院校外文名称", "''"),
        Column("单位性质代码", nature(0)),
        Column("单位性质", nature(1)),
        Column("单位行业代码", f"CASE WHEN {works} THEN {d.pick(key, 'industry', [c for c, _ in industry])} ELSE '' END"),
        Column("单位行业", f"CASE WHEN {works} THEN {d.pick(key, 'industry', [t for _, t in industry])} ELSE '' END"),
        Column("单位所在地代码", place),
        Column("单位所在地", place_name),
        Column("单位地址", f"CASE WHEN {works} THEN concat(w.name, '人民路', 1 + {d.below(key, 'unit-no', 90)}, '号') ELSE '' END"),
        Column("工作职位类别代码", "''"),
        Column("工作职位类别", "''"),
        Column("毕业年份", "b.cohort"),
    )  # fmt: skip
    legacy = (
        Column("ksh", "concat(right(b.cohort::VARCHAR, 2), left(b.origin, 2), lpad((b.rid % 10000000000)::VARCHAR, 10, '0'))"),
        Column("sfzh", "b.id18"),
        Column("xm", "b.name"),
        Column("xb", "CASE WHEN b.male THEN '男' ELSE '女' END"),
        Column("xbdm", "CASE WHEN b.male THEN '1' ELSE '2' END"),
        Column("mz", "e.name"),
        Column("mzdm", "e.code"),
        Column("zzmm", "'共青团员'"),
        Column("zzmmdm", "'03'"),
        Column("yxdm", "b.college"),
        Column("yxmc", "CASE b.college " + " ".join(f"WHEN '{r['code']}' THEN {quote(r['name'])}" for r in table("colleges")) + " END"),
        Column("zydm", major_code),
        Column("zymc", major),
        Column("xl", "CASE WHEN b.bachelor THEN '本科生毕业' ELSE '专科生毕业' END"),
        Column("xldm", "CASE WHEN b.bachelor THEN '31' ELSE '41' END"),
        Column("syszd", "b.origin_name"),
        Column("syszddm", "b.origin"),
        Column("pyfs", "'非定向'"),
        Column("pyfsdm", "'1'"),
        Column("byrq", "concat(b.cohort, '0701')"),
        Column("rxsj", f"concat({start}, '09')"),
        Column("dxwpdw", "''"),
        Column("sfslb", "'非师范生'"),
        Column("sfslbdm", "'1'"),
        Column("knslb", "CASE WHEN b.poor THEN '家庭困难' ELSE '非困难生' END"),
        Column("knslbdm", "CASE WHEN b.poor THEN '2' ELSE '0' END"),
        Column("cxsy", "CASE WHEN b.rural THEN '农村' ELSE '城镇' END"),
        Column("xh", number),
        Column("bz", "''"),
        Column("byqxdm", code),
        Column("dwmc", unit),
        Column("dwzzjgdm", "''"),
        Column("dwxzdm", nature(0)),
        Column("dwhydm", f"CASE WHEN {works} THEN {d.pick(key, 'industry', [c for c, _ in industry])} ELSE '' END"),
        Column("dwszddm", place),
        Column("dwszd", place_name),
        Column("gzzwlbdm", "''"),
        Column("bynf", "b.cohort"),
    )  # fmt: skip

    def layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
        del n
        plain = plain_layout(extract)
        split = len(columns)
        old = any(r["code"] == owner and r["legacy_layout"] == "1" for r in table("colleges"))
        part = slice(split, None) if years[0] < NEW_CODES_FROM or old else slice(0, split)
        return replace(
            plain,
            order=plain.order[part],
            headers=plain.headers[part],
            encoding="gb18030" if context.csv_only or context.dirt <= 0 or old else "utf-8-sig",
        )

    def both(new_header: str, old_header: str, sql: str) -> dict[str, str]:
        return {new_header: sql, old_header: sql}

    return Extract(
        source="graduate_register",
        columns=(*columns, *legacy),
        prepare=lambda context: _prepare_graduates(context, years),
        base=lambda context: """SELECT g.* , college AS owner, rid AS person_id,
            list_contains([1, 2, 3, 4], dest) AS signed, dest >= 14 AS open FROM graduate g""",
        joins=f"""JOIN ethnic e ON e.no = b.eth
            JOIN county w ON w.no = 1 + {d.below("b.rid", "unit-place", 45)}""",
        sort="b.cohort DESC, b.id18",
        layouts=layout,
        kinds=(
            Kind("twice", "D15", QUARANTINE, "身份证号", "the same graduate twice in one cohort", rules="RC36", both=True, twin={"dest": "b.dest"}),
            Kind("checksum", "D12", QUARANTINE, "身份证号", "wrong check character", both("身份证号", "sfzh", WRONG_CHECK), "true", "RC16"),
            Kind("no-unit", "D22", QUARANTINE, "单位名称", "settled but no unit and no place",
                 {"单位名称": "''", "单位所在地": "''", "单位所在地代码": "''", "dwmc": "''", "dwszd": "''", "dwszddm": "''"}, "b.signed", "RC35"),
            Kind("unit-without", "D12", QUARANTINE, "单位名称", "not settled but a unit is named",
                 both("单位名称", "dwmc", "'某某有限公司'"), "b.open", "RC35"),
            Kind("unknown-destination", "D18", QUARANTINE, "毕业去向类别代码", "destination that is in no list",
                 {"毕业去向类别代码": "'99'", "毕业去向": "'其他去向'", "byqxdm": "'99'"}, "b.signed", "RC25", "RC35"),
            Kind("lower-x", "D06", REPAIR, "身份证号", "lower-case check character", both("身份证号", "sfzh", "lower({v})"), "right(b.id18, 1) = 'X'"),
            Kind("date-format", "D11", REPAIR, "毕业日期", "another way to write the date", both("毕业日期", "byrq", "concat(b.cohort, '-07-01')")),
            Kind("apostrophe", "D04", REPAIR, "身份证号", "apostrophe before the number", both("身份证号", "sfzh", "concat('''', {v})")),
        ),
    )  # fmt: skip


def _population_base(context: Context) -> str:
    world, year = context.world, school_year(context.mi)
    census = 2020 if year >= 2020 else 2010
    parts = []
    for basis, y, date in (
        ("常住(抽样推算)", year, f"{year}-08-31"),
        ("常住(普查)", census, f"{census}-11-01"),
    ):
        mi = y * 12 + int(date[5:7]) - 1
        # children and youth are counted in the world; older and youngest ages follow a smooth curve
        parts.append(f"""
        SELECT '{basis}' AS basis, {y} AS year, '{date}' AS as_of, g.no AS county, g.res, g.age,
          coalesce(n.male, round(g.smooth * .515))::INTEGER AS male,
          coalesce(n.female, round(g.smooth * .485))::INTEGER AS female
        FROM (
          SELECT c.no, r.res, a.age, {world.cohort} * c.weight
              * CASE r.res WHEN 1 THEN c.urban WHEN 2 THEN c.town ELSE greatest(0, 1 - c.urban - c.town) END
              * greatest(.004, CASE WHEN a.age < 50 THEN .97 ELSE .97 - .024 * (a.age - 50) END) AS smooth
          FROM county c, (VALUES (1), (2), (3)) r(res), range(0, 101) a(age)
          WHERE CASE r.res WHEN 1 THEN c.urban WHEN 2 THEN c.town ELSE 1 - c.urban - c.town END > .005) g
        LEFT JOIN (
          SELECT CASE WHEN p.tr_mi <= {mi} THEN p.tr_county ELSE p.county END AS county, p.res,
            date_sub('year', p.birth, DATE '{date}') AS age, count(*) FILTER (male) AS male, count(*) FILTER (NOT male) AS female
          FROM person p WHERE p.birth <= DATE '{date}'
            AND NOT coalesce(p.leave_kind IN ('death', 'out') AND p.leave_mi <= {mi}, false)
          GROUP BY ALL) n
          ON n.county = g.no AND n.res = g.res AND n.age = g.age AND g.age BETWEEN {max(0, y - 2023)} AND {y - 1998}""")
    return f"""
    SELECT (row_number() OVER (ORDER BY year DESC, county, res, age))::BIGINT AS rid,
      {quote(province()["owner_code"])} AS owner, NULL::BIGINT AS person_id, x.*
    FROM ({" UNION ALL ".join(parts)}) x"""


def population(d: Draws) -> Extract:
    """Population by county, residence and single year of age: the estimate of the year and the last census."""
    del d
    return Extract(
        source="population",
        columns=(
            Column("年份", "b.year::VARCHAR"),
            Column("时点", "replace(b.as_of, '-', '')"),
            Column("口径", "b.basis"),
            Column("区划代码", "c.code"),
            Column("城乡", "['城区', '镇区', '乡村'][b.res]"),
            Column("年龄", "CASE WHEN b.age = 100 THEN '100岁及以上' ELSE concat(b.age, '岁') END"),
            Column("男", "b.male::VARCHAR"),
            Column("女", "b.female::VARCHAR"),
            Column("合计", "(b.male + b.female)::VARCHAR"),
        ),
        base=_population_base,
        joins="JOIN county c ON c.no = b.county",
        sort="b.year DESC, b.county, b.res, b.age",
        layouts=titled_workbook("分县分年龄人口"),
    )


def disability(d: Draws, mi: int) -> Extract:
    """Holders of a disability certificate up to the age of eighteen."""
    words = "[" + ", ".join(quote(w) for w in DISABILITY) + "]"
    renewed = f"{d.unit('b.rid', 'renewed')} < .04"
    return Extract(
        source="disability_roster",
        columns=(
            Column("姓名", "p.name"),
            Column("性别", "CASE WHEN p.male THEN '男' ELSE '女' END"),
            Column("残疾人证号", f"concat(p.id18, p.dis, p.dis_level, CASE WHEN {renewed} THEN 'B1' ELSE '' END)"),
            Column("身份证号", "p.id18"),
            Column("残疾类别", f"{words}[p.dis]"),
            Column("等级", "['一级', '二级', '三级', '四级'][p.dis_level]"),
            Column("户籍县", "hc.code"),
            Column("户籍乡", "kin.town"),
            Column("户籍村", "kin.village"),
            Column("监护人", "kin.f_name"),
            Column("联系电话", "kin.f_phone"),
            Column("证件状态", "'正常'"),
            Column("有效期", f"'{mi // 12 + 5}1231'"),
        ),
        base=lambda context: f"""
        SELECT p.person_id AS rid, c.code AS owner, p.person_id FROM person p JOIN county c ON c.no = p.hukou
        WHERE p.dis > 0 AND p.birth BETWEEN {context.as_of} - INTERVAL 18 YEAR AND {context.as_of} - INTERVAL 3 YEAR
          AND NOT coalesce(p.leave_kind IN ('death', 'out') AND p.leave_mi <= {context.mi}, false)
          AND {context.draws.unit("p.person_id", "certificate")} < .88""",
        joins="""JOIN person p ON p.person_id = b.person_id JOIN kin ON kin.hid = p.hid JOIN county hc ON hc.no = p.hukou""",
        sort="b.rid",
        kinds=(
            Kind("bad-suffix", "D12", QUARANTINE, "残疾人证号", "category and level are impossible",
                 {"残疾人证号": "concat(left({v}, 18), '95')"}, "true", "RC18"),
            Kind("apostrophe", "D04", REPAIR, "残疾人证号", "apostrophe before the number", {"残疾人证号": "concat('''', {v})"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip
