"""X1: the student registry, one row per pupil of primary, junior and general senior schools."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from sample.arrivals import arrive, titled
from sample.data import counties
from sample.dirt import QUARANTINE, REPAIR, WARN, Kind
from sample.draws import Draws, quote, text_list
from sample.extracts.base import (
    Column,
    Context,
    Extract,
    plain_layout,
    shuffled,
    with_order,
    with_variants,
)
from sample.extracts.common import (
    OTHER_DAY,
    WRONG_CHECK,
    class_label,
    flag,
    grade_text,
    parents,
    phone,
    student_no,
)
from sample.writers import Layout

SOURCE = "student_registry"


def base_sql(context: Context) -> str:
    """Pupils of the month with what the sort order and the kinds of dirt look at."""
    return f"""
    SELECT e.person_id AS rid, c.code AS owner, e.person_id, e.sid, e.stage, e.k, e.ne, e.ce, e.class_no, e.pt,
      e.status, e.special, p.male, p.has_id, p.dis > 0 AS disabled, p.eth IN (1, 2, 3, 6) AS short_code,
      contains(p.name, '·') AS dotted, right(p.id18, 1) = 'X' AS ends_x, s.sid % 4 = 0 AND e.pt = 0 AS bracket,
      hc.old_code <> '' AS has_old,
      check17(concat(left(p.id18, 15), '00')) <> '0' AS breaks,
      date_diff('year', p.birth, make_date({context.mi // 12}, 8, 31)) AS about_age
    FROM enrol e JOIN person p USING (person_id) JOIN school s USING (sid) JOIN county c ON c.no = s.county
    JOIN county hc ON hc.no = p.hukou
    WHERE e.stage IN (1, 2, 3)"""


JOINS = """
    JOIN person p ON p.person_id = b.person_id JOIN household h ON h.hid = p.hid JOIN kin ON kin.hid = p.hid
    JOIN school s ON s.sid = b.sid JOIN county hc ON hc.no = p.hukou JOIN county lc ON lc.no = p.county
    JOIN ethnic e ON e.no = p.eth LEFT JOIN point pt ON pt.sid = b.sid AND pt.no = b.pt"""


def columns(d: Draws, mi: int) -> tuple[Column, ...]:
    """The 71 columns of the import sheet and the four of the export."""
    p = "p.person_id"
    father, mother, _ = parents()
    home = "kin.home"
    boards = f"(h.res > 1 AND b.stage >= 2 AND {d.unit(p, 'board')} < .75 OR h.res = 3 AND {d.unit(p, 'board')} < .25)"
    aid = f"(p.poor OR {d.unit(p, 'aid')} < .06)"
    left = d.unit("h.hid", "left")
    dis = text_list(["视力残疾", "听力残疾", "言语残疾", "肢体残疾", "智力残疾", "精神残疾", "多重残疾"])
    inclusive = text_list(
        ["视力残疾随班就读", "听力残疾随班就读", "其他残疾随班就读", "其他残疾随班就读", "智力残疾随班就读",
         "其他残疾随班就读", "其他残疾随班就读"]
    )  # fmt: skip

    def member(n: int, who: dict[str, str], relation: str, guardian: bool) -> list[Column]:
        return [
            Column(f"成员{n}姓名", who["name"]),
            Column(f"成员{n}关系", quote(relation)),
            Column(f"成员{n}关系说明", "''"),
            Column(f"成员{n}现住址", home, True),
            Column(f"成员{n}户口所在地", "hc.code", variants=(f"成员{n}户口所在地行政区划",)),
            Column(f"成员{n}联系电话", who["phone"]),
            Column(f"成员{n}是否监护人", quote("是" if guardian else "否")),
            Column(f"成员{n}身份证件类型", "'居民身份证'"),
            Column(f"成员{n}身份证件号", who["id"]),
            Column(f"成员{n}民族", "e.name"),
            Column(f"成员{n}工作单位", "CASE WHEN h.res = 1 THEN '个体经营' ELSE '务农务牧' END"),
            Column(f"成员{n}职务", "''"),
        ]

    return (
        Column("学校标识码", "s.code", variants=("学校代码", "学校(机构)标识码")),
        Column("姓名", "p.name", variants=("学生姓名",)),
        Column("性别", "CASE WHEN p.male THEN '男' ELSE '女' END", variants=("性别码",)),
        Column("出生日期", "strftime(p.birth, '%Y%m%d')", variants=("出生年月",)),
        Column("出生地", "hc.code", variants=("出生地行政区划代码",)),
        Column("籍贯", "concat(lc.prefecture, hc.name)"),
        Column("民族", "e.name", variants=("民族码",)),
        Column("国籍/地区", "'中国'", variants=("国籍地区",)),
        Column("身份证件类型", "CASE WHEN p.has_id THEN '居民身份证' ELSE '其他' END", variants=("证件类型",)),
        Column("港澳台侨外", "'否'", variants=("港澳台侨外码",)),
        Column("健康状况", f"CASE WHEN p.dis > 0 THEN '残疾' WHEN {d.unit(p, 'health')} < .04 THEN '一般或较弱' ELSE '健康或良好' END"),
        Column("政治面貌", f"CASE WHEN b.k >= 7 AND {d.unit(p, 'league')} < .35 THEN '共青团员' ELSE '群众' END"),
        Column("身份证件号", "CASE WHEN p.has_id THEN p.id18 ELSE '' END", variants=("身份证号", "证件号码")),
        Column("户口性质", "CASE WHEN h.res = 1 THEN '非农业户口' ELSE '农业户口' END"),
        Column("户口所在地", "hc.code", variants=("户口所在地行政区划",)),
        Column("班级", class_label(), variants=("班名",)),
        Column("入学年月", "concat(b.ne, '09')"),
        Column("入学方式", "CASE WHEN b.stage = 3 THEN '统一招生考试/普通入学' ELSE '就近入学' END"),
        Column("就读方式", f"CASE WHEN {boards} THEN '住校' ELSE '走读' END", variants=("住宿",)),
        Column("现住址", home, True),
        Column("通信地址", home, True),
        Column("家庭地址", home, True, variants=("家庭住址",)),
        Column("联系电话", phone(d, p, "contact")),
        Column("邮政编码", "lc.postcode", variants=("邮编",)),
        Column("是否独生子女", flag("h.n_children = 1")),
        Column("是否受过学前教育", flag("p.pre_from < 0")),
        Column("是否留守儿童", f"CASE WHEN h.res = 3 AND {left} < .05 THEN '双亲留守儿童' WHEN h.res > 1 AND {left} < .12 THEN '单亲留守儿童' ELSE '非留守儿童' END", variants=("是否农村留守儿童",)),
        Column("是否需要申请资助", flag(aid), variants=("是否申请资助",)),
        Column("是否享受一补", flag(f"{aid} AND {boards} AND b.stage < 3")),
        Column("是否孤儿", flag(f"{d.unit('h.hid', 'orphan')} < .002")),
        Column("是否烈士或优抚子女", flag(f"{d.unit('h.hid', 'martyr')} < .001")),
        Column("上下学距离（公里）", f"CASE h.res WHEN 3 THEN {d.below(p, 'km', 25)} + 1 ELSE {d.below(p, 'km', 5)} + 1 END", variants=("上下学距离(km)",)),
        Column("上下学交通方式", d.weighted(p, "travel", [("步行", 6), ("公共交通", 2), ("家长自行接送", 4), ("校车", 0.6), ("自行车(含摩托车、电动车)", 1)]), variants=("上下学方式",)),
        Column("是否需要乘坐校车", flag(f"{d.unit(p, 'bus')} < .05")),
        Column("曾用名", "''"),
        Column("身份证件有效期", "''"),
        Column("血型", "''"),
        Column("特长", "''"),
        Column("学籍辅号", "''", variants=("学籍副号",)),
        Column("班内学号", f"lpad(({d.below(p, 'class-no', 60)} + 1)::VARCHAR, 2, '0')", variants=("学号",)),
        Column("学生来源", "'正常入学'"),
        Column("电子信箱", "''"),
        Column("主页地址", "''"),
        Column("残疾类型", f"CASE WHEN p.dis = 0 THEN '无残疾' ELSE {dis}[p.dis] END"),
        Column("是否由政府购买学位", "'否'"),
        Column("随班就读", f"CASE WHEN p.dis = 0 OR b.special THEN '非随班就读' ELSE {inclusive}[p.dis] END", variants=("是否随班就读",)),
        *member(1, father, "父亲", True),
        *member(2, mother, "母亲", True),
        Column("是否进城务工人员随迁子女", flag("p.hukou <> p.county AND h.res < 3 AND b.stage < 3")),
        Column("全国学籍号", student_no(mi, d), variants=("学籍号", "个人标识号")),
        Column("学段", "CASE b.stage WHEN 1 THEN '小学' WHEN 2 THEN '初中' ELSE '普通高中' END"),
        Column("年级", grade_text()),
        Column("学籍状态", "['在读', '休学', '毕业'][b.status]"),
    )  # fmt: skip


# whatever a shifted cell says in the column where it then stands
_ANY_RULE = ";".join(f"RC{n}" for n in range(10, 32))
# a child of the same sex and month, twelve years older: identifier, birth date and student number agree
_OLDER_BIRTH = "(make_date(year(p.birth) - 12, month(p.birth), least(day(p.birth), 28)))"
_OLDER_ID = f"id18(hc.id_area, ymd({_OLDER_BIRTH}), p.seq)"


def kinds(d: Draws, mi: int) -> tuple[Kind, ...]:
    """Everything that goes wrong in the registry."""
    p = "b.rid"
    books = ", ".join(quote(c.code) for n, c in enumerate(counties()) if n in workbooks())
    text_file = f"b.owner NOT IN ({books})"  # cells of a workbook cannot be shifted
    future = f"'{(mi // 12) + 1}09'"
    return (
        Kind("double", "D15", QUARANTINE, "全国学籍号", "same pupil active in two schools",
             rules="RP04", both=True, where="b.has_id AND b.status = 1 AND NOT b.special AND b.pt = 0 AND b.stage < 3 AND b.ce > 0",
             twin={"sid": other_school(d), "owner": f"(SELECT c.code FROM county c JOIN school o ON o.county = c.no WHERE o.sid = {other_school(d)})",
                   "class_no": "1", "ne": "b.ne"}),
        Kind("repeated-row", "D15", QUARANTINE, "全国学籍号", "the same row twice in one file",
             rules="RP04", both=True, where="b.has_id AND b.status = 1", twin={"sid": "b.sid"}),
        Kind("no-id-no-guardian", "D22", QUARANTINE, "身份证件号", "no identifier of the pupil nor of a guardian",
             {"成员1身份证件号": "''", "成员2身份证件号": "''"}, "NOT b.has_id", "RC21"),
        Kind("inclusive", "D12", QUARANTINE, "随班就读", "inclusive class without a disability",
             {"随班就读": "'视力残疾随班就读'"}, "NOT b.disabled", "RC31"),
        Kind("inclusive-mismatch", "D12", QUARANTINE, "残疾类型", "disability is denied for an inclusive pupil",
             {"残疾类型": "'无残疾'"}, "b.disabled AND NOT b.special", "RC31"),
        Kind("checksum", "D12", QUARANTINE, "身份证件号", "wrong check character",
             {"身份证件号": WRONG_CHECK}, "b.has_id", "RC16"),
        Kind("scientific", "D05", QUARANTINE, "身份证件号", "scientific notation",
             {"身份证件号": "concat(left({v}, 1), '.', substr({v}, 2, 5), 'E+17')"}, "b.has_id", "RC17", "RC16;RC21"),
        Kind("trailing-zeros", "D05", QUARANTINE, "身份证件号", "last three digits became 000",
             {"身份证件号": "concat(left({v}, 15), '000')"}, "b.has_id AND b.breaks AND NOT b.male", "RC17", "RC16"),
        Kind("parent-id", "D08", QUARANTINE, "身份证件号", "identifier of the mother typed for the child",
             {"身份证件号": parents()[1]["id"]}, "b.has_id AND NOT b.male", "RC19", "RC28;RP04"),
        Kind("birth", "D12", QUARANTINE, "出生日期", "birth date differs from the identifier",
             {"出生日期": OTHER_DAY}, "b.has_id", "RC19"),
        Kind("sex", "D12", WARN, "性别", "sex differs from the identifier",
             {"性别": "CASE {v} WHEN '男' THEN '女' ELSE '男' END"}, "b.has_id", "RC20"),
        Kind("blank-id", "D22", QUARANTINE, "身份证件号", "identity card but no number",
             {"身份证件号": "''"}, "b.has_id", "RC21"),
        Kind("student-number", "D05", QUARANTINE, "全国学籍号", "a character of the student number is lost",
             {"全国学籍号": "concat(left({v}, 8), substr({v}, 10))"}, "b.has_id", "RC22"),
        Kind("unknown-school", "D15", QUARANTINE, "学校标识码", "school is not in the directory",
             {"学校标识码": "concat(left({v}, 4), '99', right({v}, 4))"}, "true", "RC24"),
        Kind("closed-school", "D15", QUARANTINE, "学校标识码", "school was closed years ago",
             {"学校标识码": "(SELECT min(x.code) FROM school x WHERE x.county = s.county AND x.closed)"}, "b.stage = 1", "RC24"),
        Kind("unknown-ethnic", "D18", QUARANTINE, "民族", "ethnic group that is in no list",
             {"民族": "'河谷族'"}, "true", "RC25"),
        Kind("unknown-health", "D18", QUARANTINE, "健康状况", "option that is in no list",
             {"健康状况": "'优等'"}, "NOT b.disabled", "RC25"),
        Kind("future-entry", "D11", QUARANTINE, "入学年月", "entry lies in the future",
             {"入学年月": future}, "true", "RC27"),
        Kind("old-entry", "D11", QUARANTINE, "入学年月", "entry twenty or more years ago",
             {"入学年月": f"'{mi // 12 - 22}09'"}, "true", "RC27"),
        Kind("age", "D08", WARN, "出生日期", "far too old for the stage; identifier and birth date agree",
             {"出生日期": f"strftime({_OLDER_BIRTH}, '%Y%m%d')", "身份证件号": _OLDER_ID, "全国学籍号": f"concat('G', {_OLDER_ID})"},
             "b.has_id AND b.about_age >= 8 AND b.k > 0", "RC28", "RP08"),
        Kind("no-guardian", "D22", WARN, "成员1姓名", "no guardian",
             {"成员1姓名": "''", "成员1关系": "''", "成员1联系电话": "''", "成员2姓名": "''", "成员2关系": "''", "成员2联系电话": "''"},
             "b.has_id", "RC30"),
        Kind("apostrophe", "D04", REPAIR, "身份证件号", "apostrophe before the number",
             {"身份证件号": "concat('''', {v})"}, "b.has_id"),
        Kind("equals-quote", "D04", REPAIR, "全国学籍号", 'formula text ="…"',
             {"全国学籍号": "concat('=\"', {v}, '\"')"}),
        Kind("nbsp", "D04", REPAIR, "姓名", "no-break space and zero-width space after the name",
             {"姓名": "concat({v}, chr(160), chr(8203))"}),
        Kind("lower-x", "D06", REPAIR, "身份证件号", "lower-case check character",
             {"身份证件号": "lower({v})"}, "b.has_id AND b.ends_x"),
        Kind("full-width", "D06", REPAIR, "身份证件号", "full-width digits",
             {"身份证件号": "translate({v}, '0123456789X', '０１２３４５６７８９Ｘ')"}, "b.has_id"),
        Kind("name-dot", "D09", REPAIR, "姓名", "another dot in the name",
             {"姓名": f"replace({{v}}, '·', ['•', '・', '．', '‧', '.'][1 + {d.below(p, 'dot', 5)}])"}, "b.dotted"),
        Kind("name-space", "D10", REPAIR, "姓名", "ideographic space inside the name",
             {"姓名": "concat(left({v}, 1), chr(12288), substr({v}, 2))"}, "NOT b.dotted"),
        Kind("date-format", "D11", REPAIR, "出生日期", "another way to write the date",
             {"出生日期": f"""(CASE {d.below(p, 'date-format', 6)}
                WHEN 0 THEN strftime(p.birth, '%Y-%m-%d') WHEN 1 THEN strftime(p.birth, '%Y/%-m/%-d')
                WHEN 2 THEN strftime(p.birth, '%Y.%-m.%-d') WHEN 3 THEN strftime(p.birth, '%Y年%-m月%-d日')
                WHEN 4 THEN (p.birth - DATE '1899-12-30')::VARCHAR ELSE strftime(p.birth, '%Y-%m-%d 00:00:00') END)"""}),
        Kind("old-county", "D16", REPAIR, "户口所在地", "county code from before the renaming",
             {"户口所在地": "hc.old_code"}, "b.has_old", may="RC26"),
        Kind("old-county-text", "D16", REPAIR, "出生地", "county as text",
             {"出生地": "hc.name"}, "true", may="RC26"),
        Kind("grade-text", "D17", REPAIR, "年级", "another word for the grade",
             {"年级": "(CASE WHEN b.k < 6 THEN concat('小学', {v}) WHEN b.k < 9 THEN concat('初', ['一', '二', '三'][b.k - 5]) ELSE replace({v}, '高', '普通高中') || '年级' END)"}),
        Kind("lost-zero", "D19", REPAIR, "民族", "code without its leading zero",
             {"民族": "ltrim(e.code, '0')"}, "b.short_code"),
        Kind("yes-no", "D20", REPAIR, "是否独生子女", "another way to say yes or no",
             {"是否独生子女": f"(CASE {d.below(p, 'yes', 3)} WHEN 0 THEN CASE {{v}} WHEN '是' THEN 'Y' ELSE 'N' END WHEN 1 THEN CASE {{v}} WHEN '是' THEN '1' ELSE '0' END ELSE CASE {{v}} WHEN '是' THEN '√' ELSE 'N' END END)"}),
        Kind("masked-phone", "D21", WARN, "联系电话", "masked telephone number",
             {"联系电话": "concat(left({v}, 3), '****', right({v}, 4))"}, rules="RC25"),
        Kind("lost-character", "D02", WARN, "姓名", "a character of the name became a question mark or a private one",
             {"姓名": f"concat(left({{v}}, 1), ['?', '？', '□', chr(59171)][1 + {d.below(p, 'lost-kind', 4)}])"}, "NOT b.dotted", "RC10"),
        Kind("guardian-id", "D12", WARN, "成员1身份证件号", "wrong check character of a guardian's number",
             {"成员1身份证件号": WRONG_CHECK}, "true", "RC16"),
        Kind("guardian-damaged", "D05", WARN, "成员2身份证件号", "a guardian's number in scientific notation",
             {"成员2身份证件号": "concat(left({v}, 1), '.', substr({v}, 2, 5), 'E+17')"}, "true", "RC17"),
        Kind("blank-name", "D22", QUARANTINE, "姓名", "no name", {"姓名": "''"}, "true", "RC11"),
        Kind("blank-sex", "D22", QUARANTINE, "性别", "placeholder instead of the sex", {"性别": "'不详'"}, "true", "RC11"),
        Kind("no-such-day", "D11", QUARANTINE, "出生日期", "a day that does not exist",
             {"出生日期": "concat(year(p.birth), '-02-30')"}, "true", "RC25"),
        Kind("other-calendar", "D11", QUARANTINE, "出生日期", "serial number of the calendar of 1904, in a csv",
             {"出生日期": "(p.birth - DATE '1904-01-01')::VARCHAR"}, "b.has_id", "RC19", "RC28"),
        Kind("other-numbering", "D18", QUARANTINE, "民族", "number of a list of ethnic groups without gaps",
             {"民族": "'34'"}, "true", "RC25"),
        Kind("other-stage", "D17", QUARANTINE, "年级", "grade of another stage", {"年级": "'高一'"}, "b.stage IN (1, 2)", "RC25", "RC28"),
        Kind("old-id", "D07", QUARANTINE, "身份证件号", "fifteen-digit number of a pupil",
             {"身份证件号": "concat(left({v}, 6), substr({v}, 9, 9))"}, "b.has_id", "RC21", "RC16"),
        Kind("placeholder", "D22", REPAIR, "曾用名", "placeholder instead of nothing",
             {"曾用名": f"['无', '不详', '暂无'][1 + {d.below(p, 'nothing', 3)}]"}),
        Kind("full-bracket", "D26", REPAIR, "班级", "full-width brackets in the class name",
             {"班级": "replace(replace({v}, '(', '（'), ')', '）')"}, "b.bracket"),
        Kind("newline", "D27", REPAIR, "家庭地址", "line break and quotes inside the address",
             {"家庭地址": "concat(left({v}, 4), chr(10), '\"', substr({v}, 5), '\",附近')"}),
        Kind("rare-character", "D02", REPAIR, "姓名", "rare character outside GBK",
             {"姓名": f"concat({{v}}, ['䶮', '㛃', '𬭎'][1 + {d.below(p, 'rare-kind', 3)}])"}, "NOT b.dotted"),
        Kind("stray-quote", "D27", REPAIR, "家庭地址", "a quote before the address that nothing closes",
             {"家庭地址": 'concat(\'"原住\', {v})'}, text_file, unquoted=True),
        Kind("shifted", "D27", QUARANTINE, "家庭地址", "a comma in the address without quotes: the cells after it are shifted",
             {"家庭地址": "concat(left({v}, 4), ',', substr({v}, 5))"}, text_file, "RC12", _ANY_RULE, unquoted=True),
    )  # fmt: skip


def other_school(d: Draws) -> str:
    """SQL of another school of the same stage that has a class of the same entry year."""
    # the neighbour in a fixed circle of schools with such a class: deterministic without a search per row
    return (
        """(SELECT y.sid_next FROM neighbour y WHERE y.sid = b.sid AND y.stage = b.stage AND y.ce = b.ce)"""
    )


def prepare(context: Context) -> None:
    """Table `neighbour`: for every (school, stage, entry year) the next such school in a shuffled circle."""
    order = context.draws.hash("sid", "circle")
    context.world.con.execute(f"""
    CREATE OR REPLACE TEMP TABLE neighbour AS
    WITH x AS (SELECT DISTINCT sid, stage, ce FROM enrol e WHERE stage IN (1, 2) AND NOT special)
    SELECT *, coalesce(lead(sid) OVER w, first_value(sid) OVER w) AS sid_next
    FROM x WINDOW w AS (PARTITION BY stage, ce ORDER BY {order}, sid)""")


def workbooks() -> tuple[int, int]:
    """Places of the counties that send a workbook, at a scale where that is possible."""
    return len(counties()) - 1, len(counties()) - 4


def layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
    """Most counties: GB18030 csv. Some: UTF-8, other headers, another order, title rows, a workbook."""
    plain = plain_layout(extract)
    if context.csv_only or context.dirt <= 0:
        return plain
    codes = [c.code for c in counties()]
    place = codes.index(owner)
    from dataclasses import replace

    found = plain
    if place % 9 == 2:
        found = replace(found, encoding="utf-8-sig", notes=(("D01", "UTF-8 with byte order mark"),))
    elif place % 11 == 5:
        found = replace(found, encoding="utf-8")
    if place % 8 == 3:
        found = with_variants(found, extract)
    if place % 10 == 7:
        found = with_order(found, shuffled(context.draws, len(extract.columns), 1))
    found = titled(context, owner, found)
    if context.world.scale <= 0.2 and place in workbooks():
        found = replace(
            plain,
            container="xlsx",
            titles=("中小学生学籍信息表", f"单位：{owner}    时间：{context.period}"),
            footers=(("合计", str(n)), ("填表人：", "审核人：", "日期：")),
            notes=(
                ("D13", "two title rows and a footer"),
                ("D28", "班内学号 is a number that only shows its zero"),
            ),
        )
    return found


def extract(draws: Draws, mi: int) -> Extract:
    """The registry of a month."""
    return Extract(
        source=SOURCE,
        columns=columns(draws, mi),
        base=base_sql,
        joins=JOINS,
        sort="b.sid, b.k, b.class_no, b.pt",
        kinds=kinds(draws, mi),
        prepare=prepare,
        layouts=layout,
        arrive=arrive,
        numbers="班内学号",
        extra={"owners": "county"},
    )
