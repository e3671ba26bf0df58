"""X7 and X9: the poverty register and the survey of two-later youth."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from dataclasses import replace

from sample.data import counties, words
from sample.dirt import QUARANTINE, REPAIR, WARN, Kind
from sample.draws import Draws
from sample.extracts.base import Column, Context, Extract, plain_layout
from sample.extracts.common import WRONG_CHECK, flag, phone
from sample.state import school_year
from sample.world import MEMBER_ELDER, MEMBER_FATHER, MEMBER_MOTHER
from sample.writers import Layout

HOUSEHOLD_NO = "concat(hc.id_area, lpad(h.hid::VARCHAR, 10, '0'))"


def school_state(mi: int) -> str:
    """SQL of 在校生状况 of a child `p` (with enrolment `e`, if any); empty if not in school."""
    sy = school_year(mi)
    k = f"({sy} - p.e1 - coalesce((p.repeat_year <= {sy})::INTEGER, 0))"
    year = f"({k} - 11)"
    return f"""(CASE
        WHEN e.stage = 0 THEN '学前教育' WHEN {k} < 0 THEN '学龄前儿童'
        WHEN e.stage = 1 THEN '小学' WHEN e.stage = 2 THEN ['七年级', '八年级', '九年级'][e.k - 5]
        WHEN e.stage = 3 THEN concat('普通高中', ['一', '二', '三'][e.k - 8], '年级')
        WHEN e.stage = 4 THEN concat('中职', ['一', '二', '三'][e.k - 8], '年级')
        WHEN p.leave_kind = 'out' AND p.leave_mi <= {mi} AND {k} < 6 THEN '小学'
        WHEN p.leave_kind = 'out' AND p.leave_mi <= {mi} AND {k} < 9 THEN ['七年级', '八年级', '九年级'][{k} - 5]
        WHEN p.leave_kind IS NULL AND p.he IN ('B', 'O') AND {year} BETWEEN 1 AND 4
          THEN concat('本科', ['一', '二', '三', '四'][{year}], '年级')
        WHEN p.leave_kind IS NULL AND p.he = 'A' AND {year} BETWEEN 1 AND 3
          THEN concat('高职高专', ['一', '二', '三'][{year}], '年级')
        ELSE '' END)"""


def _poverty_base(context: Context) -> str:
    mi, d = context.mi, context.draws
    sy = school_year(mi)
    k = f"({sy} - p.e1 - coalesce((p.repeat_year <= {sy})::INTEGER, 0))"
    adults = []
    for member, letter, condition in (
        (MEMBER_FATHER, "f", "true"),
        (MEMBER_MOTHER, "m", "true"),
        (MEMBER_ELDER, "g", "h.has_elder"),
    ):
        education = d.weighted(
            f"h.hid * 10 + {member}", "education",
            [("文盲或半文盲", 3 if letter != "g" else 9), ("小学", 5), ("初中", 3.5 if letter != "g" else 0.3), ("高中", 0.6 if letter != "g" else 0.01)],
        )  # fmt: skip
        adults.append(f"""
        SELECT h.hid * 10 + {member} AS rid, h.hid, {member} AS member, kin.{letter}_name AS name,
          kin.{letter}_id AS id18, kin.{letter}_birth AS birth, {member == MEMBER_FATHER} AS male, '' AS state,
          {education} AS education, '' AS reason,
          (CASE WHEN {d.unit(f"h.hid * 10 + {member}", "dis")} < .03 THEN 4 ELSE 0 END)::TINYINT AS dis,
          2::TINYINT AS dis_level, false AS compulsory
        FROM household h JOIN kin ON kin.hid = h.hid WHERE h.poor AND {condition}""")
    reason = d.weighted("x.person_id", "reason", [("厌学", 5), ("务工", 3), ("早婚", 0.6), ("随父母外出", 1)])
    return f"""
    WITH child AS (
      SELECT p.*, {k} AS year_no, {school_state(mi)} AS state
      FROM person p LEFT JOIN enrol e ON e.person_id = p.person_id
      WHERE p.poor AND p.birth <= {context.as_of} AND NOT (coalesce(p.leave_kind, '') = 'death' AND p.leave_mi <= {mi})
    ), member AS (
      {" UNION ALL ".join(adults)}
      UNION ALL
      SELECT x.person_id, x.hid, (x.person_id % 10)::INTEGER, x.name, x.id18, x.birth, x.male, x.state,
        CASE WHEN x.state <> '' THEN '' WHEN year_no < 6 THEN '文盲或半文盲' WHEN year_no < 9 THEN '小学'
          WHEN x.leave_kind IS NOT NULL OR x.never OR x.track = 'N' OR year_no < 12 THEN '初中'
          WHEN x.he = 'A' THEN '大专' WHEN x.he IN ('B', 'O') THEN '本科及以上' ELSE '高中' END,
        CASE WHEN x.state = '' AND date_diff('year', x.birth, {context.as_of}) <= 17
          THEN CASE WHEN x.dis > 0 THEN '因残' ELSE {reason} END ELSE '' END,
        x.dis, x.dis_level, year_no BETWEEN 0 AND 8
      FROM child x
    )
    SELECT m.rid, c.code AS owner, m.rid AS person_id, m.hid, m.member::TINYINT AS member,
      m.name, m.id18, m.birth::DATE AS birth, m.male, m.state, m.education, m.reason, m.dis, m.dis_level,
      count(*) OVER (PARTITION BY m.hid) AS n_members, m.compulsory, contains(m.name, '·') AS dotted,
      right(m.id18, 1) = 'X' AS ends_x
    FROM member m JOIN household h ON h.hid = m.hid JOIN county c ON c.no = h.hukou"""


def poverty(d: Draws, mi: int) -> Extract:
    """The person register of poor households, all fields."""
    hid = "b.hid"
    age = f"date_diff('year', b.birth, make_date({mi // 12}, {mi % 12 + 1}, 5))"
    works = f"b.state = '' AND {age} BETWEEN 18 AND 59 AND b.member <> {MEMBER_ELDER} AND b.dis = 0"
    away = f"({works}) AND {d.unit('b.rid', 'work')} < .45"
    monitored = d.unit(hid, "monitor")
    cause = d.weighted(hid, "cause", [("因病", 3), ("因残", 1.5), ("因学", 1.2), ("缺技术", 4), ("缺劳动力", 2), ("缺资金", 3), ("自身发展动力不足", 0.7)])  # fmt: skip
    relation = (
        f"CASE b.member WHEN {MEMBER_FATHER} THEN '户主' WHEN {MEMBER_MOTHER} THEN '配偶' "
        f"WHEN {MEMBER_ELDER} THEN '之母' ELSE CASE WHEN b.male THEN '之子' ELSE '之女' END END"
    )
    dropout = "b.compulsory AND b.state = ''"
    return Extract(
        source="poverty_register",
        columns=(
            Column("序号", "b.row_no"),
            Column("县(市、区、旗)", "hc.name"),
            Column("乡(镇)", "kin.town"),
            Column("行政村", "kin.village"),
            Column("自然村", f"concat({d.below(hid, 'hamlet', 6)} + 1, '社')"),
            Column("户编号", HOUSEHOLD_NO),
            Column("人编号", f"concat({HOUSEHOLD_NO}, lpad(b.member::VARCHAR, 2, '0'))"),
            Column("户主姓名", "kin.f_name"),
            Column("户主证件号码", "kin.f_id"),
            Column("姓名", "b.name"),
            Column("证件类型", "'居民身份证'"),
            Column("证件号码", "CASE WHEN b.dis > 0 THEN concat(b.id18, b.dis, b.dis_level) ELSE b.id18 END", variants=("身份证号",)),
            Column("性别", "CASE WHEN b.male THEN '男' ELSE '女' END"),
            Column("出生日期", "strftime(b.birth, '%Y%m%d')"),
            Column("人数", "b.n_members"),
            Column("与户主关系", relation),
            Column("民族", "e.name"),
            Column("政治面貌", "'群众'"),
            Column("文化程度", "b.education"),
            Column("在校生状况", "b.state"),
            Column("健康状况", f"CASE WHEN b.dis > 0 THEN '残疾' WHEN b.member >= 7 AND {d.unit('b.rid', 'ill')} < .08 THEN '长期慢性病' ELSE '健康' END"),
            Column("劳动技能", f"CASE WHEN b.state <> '' OR {age} < 16 THEN '无劳动力' WHEN b.dis > 0 THEN '丧失劳动力' WHEN {age} > 60 THEN '弱劳动力或半劳动力' ELSE '普通劳动力' END"),
            Column("务工状况", f"CASE WHEN {away} THEN '县外省内务工' ELSE '' END"),
            Column("务工时间（月）", f"CASE WHEN {away} THEN (3 + {d.below('b.rid', 'months', 8)})::VARCHAR ELSE '' END"),
            Column("参加大病医疗", "'是'"),
            Column("是否参加城乡居民基本医疗保险", "'是'"),
            Column("是否参加城镇职工基本医疗保险", "'否'"),
            Column("是否参加城乡居民基本养老保险", flag(f"{age} >= 16 AND b.state = ''")),
            Column("是否参加商业补充医疗保险", "'否'"),
            Column("脱贫属性", "'已脱贫'"),
            Column("脱贫年度", f"2016 + {d.below(hid, 'exit', 5)}"),
            Column("贫困户属性", f"CASE WHEN {d.unit('b.hid', 'dibao')} < .3 THEN '低保脱贫户' ELSE '一般脱贫户' END"),
            Column("户类型", "'脱贫户'"),
            Column("监测对象类别", f"CASE WHEN {monitored} < .03 THEN '脱贫不稳定户' WHEN {monitored} < .05 THEN '突发严重困难户' ELSE '' END"),
            Column("识别监测时间", f"CASE WHEN {monitored} < .05 THEN '20220315' ELSE '' END"),
            Column("主要致贫原因", cause),
            Column("危房户", "'否'"),
            Column("饮水安全", "'是'"),
            Column("饮水困难", "'否'"),
            Column("人均纯收入", f"(8000 + {d.below(hid, 'income', 9000)})::VARCHAR"),
            Column("是否会讲普通话", flag(f"{d.unit('b.rid', 'mandarin')} < .85")),
            Column("是否享受低保", flag(f"{d.unit('b.hid', 'dibao')} < .3")),
            Column("是否特困供养人员", "'否'"),
            Column("是否义务教育阶段适龄儿童少年失学辍学", flag(dropout)),
            Column("义务教育阶段未上学原因", "b.reason"),
            Column("大专或本科毕业生未就业原因", "''"),
            Column("联系电话", "kin.f_phone"),
        ),
        base=_poverty_base,
        joins="""JOIN household h ON h.hid = b.hid JOIN kin ON kin.hid = b.hid JOIN county hc ON hc.no = h.hukou
            JOIN ethnic e ON e.no = h.eth""",
        sort=f"b.hid, 20 - b.member * (b.member >= {MEMBER_ELDER})::INTEGER",
        layouts=_poverty_layout,
        kinds=(
            Kind("no-reason", "D12", QUARANTINE, "义务教育阶段未上学原因", "child of 6 to 16 out of school without a reason",
                 {"义务教育阶段未上学原因": "''"}, "b.compulsory AND b.state = ''", "RC34"),
            Kind("bad-suffix", "D12", QUARANTINE, "证件号码", "suffix of the disability certificate is impossible",
                 {"证件号码": "concat(b.id18, '95')"}, "true", "RC18"),
            Kind("checksum", "D12", QUARANTINE, "证件号码", "wrong check character",
                 {"证件号码": WRONG_CHECK}, "b.dis = 0", "RC16"),
            Kind("scientific", "D05", QUARANTINE, "证件号码", "scientific notation",
                 {"证件号码": "concat(left({v}, 1), '.', substr({v}, 2, 5), 'E+17')"}, "true", "RC17", "RC16;RC18;RC21"),
            Kind("birth", "D12", QUARANTINE, "出生日期", "birth date differs from the identifier",
                 {"出生日期": "strftime(b.birth + CASE WHEN day(b.birth) < 15 THEN 3 ELSE -3 END, '%Y%m%d')"}, "true", "RC19"),
            Kind("sex", "D12", WARN, "性别", "sex differs from the identifier",
                 {"性别": "CASE {v} WHEN '男' THEN '女' ELSE '男' END"}, "b.member < 7", "RC20"),
            Kind("two-states", "D12", QUARANTINE, "文化程度", "education and school state both filled",
                 {"文化程度": "'初中'"}, "b.state IN ('小学', '七年级', '八年级')", "RC32"),
            Kind("no-state", "D22", QUARANTINE, "文化程度", "neither education nor school state",
                 {"文化程度": "''"}, f"b.member = {MEMBER_ELDER}", "RC32"),
            Kind("two-heads", "D12", QUARANTINE, "与户主关系", "two heads in one household",
                 {"与户主关系": "'户主'"}, f"b.member = {MEMBER_MOTHER}", "RC33"),
            Kind("members", "D12", QUARANTINE, "人数", "number of members is not the number of rows",
                 {"人数": "(b.n_members + 2)::VARCHAR"}, f"b.member = {MEMBER_FATHER}", "RC33"),
            Kind("unknown-relation", "D18", QUARANTINE, "与户主关系", "relation that is in no list",
                 {"与户主关系": "'之邻居'"}, "b.member < 7", "RC25"),
            Kind("equals-quote", "D04", REPAIR, "证件号码", 'formula text ="…"', {"证件号码": "concat('=\"', {v}, '\"')"}),
            Kind("lower-x", "D06", REPAIR, "证件号码", "lower-case check character", {"证件号码": "lower({v})"}, "b.ends_x AND b.dis = 0"),
            Kind("old-id", "D07", REPAIR, "证件号码", "fifteen-digit identifier of an elder",
                 {"证件号码": "concat(left(b.id18, 6), substr(b.id18, 9, 9))"}, f"b.member = {MEMBER_ELDER} AND b.dis = 0"),
            Kind("name-dot", "D09", REPAIR, "姓名", "another dot in the name", {"姓名": "replace({v}, '·', '•')"}, "b.dotted"),
            Kind("date-format", "D11", REPAIR, "出生日期", "another way to write the date", {"出生日期": "strftime(b.birth, '%Y-%m-%d')"}),
            Kind("yes-no", "D20", REPAIR, "是否会讲普通话", "another way to say yes or no",
                 {"是否会讲普通话": "CASE {v} WHEN '是' THEN '√' ELSE 'N' END"}),
            Kind("filler-phone", "D21", WARN, "联系电话", "filler instead of a telephone number", {"联系电话": "'13800000000'"}, rules="RC25"),
        ),
        extra={"owners": "county"},
    )  # fmt: skip


def _poverty_layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
    del n
    plain = plain_layout(extract)
    if context.csv_only or context.dirt <= 0:
        return plain
    place = [c.code for c in counties()].index(owner)
    # the bureau's own tools read and write GBK; two offices save as UTF-8 with a byte order mark
    found = replace(plain, encoding="gb18030")
    if place % 17 == 4:
        found = replace(found, encoding="utf-8-sig", notes=(("D01", "UTF-8 with byte order mark"),))
    if place % 12 == 8:
        found = replace(
            found,
            titles=("脱贫户及监测对象信息表（全字段）",),
            notes=(*found.notes, ("D13", "a title row above the header")),
        )
    return found


def survey(d: Draws, mi: int) -> Extract:
    """Young people who stopped after junior or senior school in the last three years, seen at home."""
    p = "p.person_id"
    willing = d.weighted(p, "willing", [("愿意", 5), ("不愿意", 2.5), ("未表态", 1.5), ("联系不上", 0.8)])
    trades = ["汽修", "烹饪/拉面", "护理", "挖掘机", "唐卡/热贡艺术", "民族服饰", "电商", "牧业技术"]
    one, two = d.pick(p, "trade-1", trades[:4]), d.pick(p, "trade-2", trades[4:])
    wants = d.unit(p, "two-trades")
    sep = d.pick(p, "trade-separator", ["、", "，", "；", " "])
    day = f"make_date({mi // 12}, {mi % 12 + 1}, 1) - (5 + {d.below(p, 'survey-day', 40)})::INTEGER"
    return Extract(
        source="two_later_survey",
        columns=(
            Column("户编号", f"CASE WHEN p.poor THEN {HOUSEHOLD_NO} ELSE '' END"),
            Column("人编号", f"CASE WHEN p.poor THEN concat({HOUSEHOLD_NO}, lpad((p.person_id % 10)::VARCHAR, 2, '0')) ELSE '' END"),
            Column("姓名", "p.name"),
            Column("身份证号", "p.id18"),
            Column("户籍县", "hc.code"),
            Column("户籍乡", "kin.town"),
            Column("户籍村", "kin.village"),
            Column("最高学历", "CASE WHEN b.since_junior THEN '初中毕业' WHEN p.track = 'G' THEN '高中毕业' ELSE '中职毕业' END"),
            Column("毕业学校", "''"),
            Column("毕业年月", "concat(b.grad_year, '07')"),
            Column("未升学原因", d.weighted(p, "not-on", [("未考取", 4), ("经济困难", 1), ("不愿读", 3), ("务农务牧", 1.5), ("外出务工", 2), ("结婚", 0.5)])),
            Column("当前状态", d.weighted(p, "state-now", [("待业", 2.5), ("务工", 4), ("在家务农牧", 3), ("参军", 0.3), ("复读", 0.4)])),
            Column("培训意愿", willing),
            Column("意愿工种", f"CASE WHEN {willing} <> '愿意' THEN '' WHEN {wants} < .4 THEN concat({one}, {sep}, {two}) ELSE {one} END", True),
            Column("意愿时间", f"CASE WHEN {willing} = '愿意' THEN {d.pick(p, 'wish-time', ['春季', '冬季', '随时'])} ELSE '' END"),
            Column("意愿地点", f"CASE WHEN {willing} = '愿意' THEN {d.pick(p, 'wish-place', ['本县', '州', '西宁', '省外'])} ELSE '' END"),
            Column("培训期限偏好", f"CASE WHEN {willing} = '愿意' THEN {d.pick(p, 'wish-length', ['1个月以内', '1-3个月', '3-6个月'])} ELSE '' END"),
            Column("国家通用语水平", d.weighted(p, "mandarin", [("熟练", 6), ("一般", 3), ("不会", 0.4)])),
            Column("是否享受雨露计划", flag("p.poor AND p.track = 'V' AND NOT b.since_junior")),
            Column("调查日期", f"strftime({day}, '%Y%m%d')"),
            Column("调查人", d.pick("b.rid // 7", "surveyor", [s + g for s in words("surname_han")[:20] for g in ("海", "玉兰", "建")])),
            Column("佐证编号", "concat('ZF', hc.code, lpad((b.rid % 10000000)::VARCHAR, 7, '0'))"),
            Column("联系电话", phone(d, p, "contact")),
        ),
        base=_survey_base,
        joins="""JOIN person p ON p.person_id = b.person_id JOIN household h ON h.hid = p.hid JOIN kin ON kin.hid = p.hid
            JOIN county hc ON hc.no = h.hukou""",
        sort="b.rid",
        kinds=(
            Kind("checksum", "D12", QUARANTINE, "身份证号", "wrong check character", {"身份证号": WRONG_CHECK}, "true", "RC16"),
            Kind("unknown-willingness", "D18", QUARANTINE, "培训意愿", "answer that is in no list", {"培训意愿": "'再说吧'"}, "true", "RC25"),
            Kind("no-visit", "D22", WARN, "调查人", "visit without a visitor", {"调查人": "''"}, "true", "RC38"),
            Kind("apostrophe", "D04", REPAIR, "身份证号", "apostrophe before the number", {"身份证号": "concat('''', {v})"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip


def _survey_base(context: Context) -> str:
    sy, d = school_year(context.mi), context.draws
    return f"""
    WITH x AS (
      SELECT p.*, {sy} - e1 - coalesce((repeat_year <= {sy})::INTEGER, 0) AS k FROM person p
      WHERE res > 1 AND leave_kind IS NULL AND NOT never AND dis = 0 AND e1 BETWEEN {sy - 16} AND {sy - 8} AND has_id
    )
    SELECT x.person_id AS rid, c.code AS owner, x.person_id, x.track = 'N' AS since_junior,
      ({sy} - (x.k - CASE WHEN x.track = 'N' THEN 9 ELSE 12 END))::SMALLINT AS grad_year
    FROM x JOIN county c ON c.no = x.hukou
    WHERE (x.track = 'N' AND x.k BETWEEN 9 AND 11 OR x.track <> 'N' AND x.he = 'N' AND x.k BETWEEN 12 AND 14)
      AND {d.unit("x.person_id", "surveyed")} < .85"""
