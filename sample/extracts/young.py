"""X4 and X5: the registries of vocational students and of kindergarten children."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from dataclasses import replace

from sample.data import counties, province, table
from sample.dirt import QUARANTINE, REPAIR, WARN, Kind, quota
from sample.draws import Draws, quote
from sample.extracts.base import Column, Context, Extract, plain_layout, shuffled, with_order, with_variants
from sample.extracts.common import (
    OTHER_DAY,
    WRONG_CHECK,
    flag,
    grade_text,
    parents,
    phone,
    preschool_class,
    student_no,
)
from sample.extracts.registry import JOINS
from sample.writers import Layout


def _base(stage: int) -> str:
    return f"""
    SELECT e.person_id AS rid, c.code AS owner, e.person_id, e.sid, e.stage, e.k, e.ne, e.ce, e.class_no, 0 AS pt,
      e.status, p.male, p.has_id, contains(p.name, '·') AS dotted, right(p.id18, 1) = 'X' AS ends_x,
      hc.old_code <> '' AS has_old
    FROM enrol e JOIN person p USING (person_id) JOIN school s USING (sid) JOIN county c ON c.no = s.county
    JOIN county hc ON hc.no = p.hukou WHERE e.stage = {stage}"""


def _vocational_base(context: Context) -> str:
    return f"""
    SELECT *, false AS twofold FROM ({_base(4)})
    UNION ALL
    SELECT e.person_id, c.code, e.person_id, t.sid, 4::TINYINT, e.k, e.ne, e.ce, 1::SMALLINT, 0, 1::TINYINT,
      p.male, p.has_id, contains(p.name, '·'), right(p.id18, 1) = 'X', false, true
    FROM twofold t JOIN enrol e USING (person_id) JOIN person p USING (person_id) JOIN school s ON s.sid = t.sid
    JOIN county c ON c.no = s.county"""


def _prepare_twofold(context: Context) -> None:
    """Table `twofold`: pupils of general senior schools who also stand in a vocational register (dirt D15)."""
    con, d = context.world.con, context.draws
    con.execute("CREATE OR REPLACE TEMP TABLE twofold (person_id BIGINT, sid INTEGER)")
    n = con.execute("SELECT count(*) FROM enrol WHERE stage = 4").fetchall()[0][0]
    # at most one a file on either side, in files long enough to bear it
    con.execute(f"""
    INSERT INTO twofold
    WITH seat AS (
      SELECT min(e.sid) AS sid, row_number() OVER (ORDER BY s.county) AS i FROM enrol e JOIN school s USING (sid)
      WHERE e.stage = 4 GROUP BY s.county HAVING count(*) >= 100
    ), pupil AS (
      SELECT person_id, row_number() OVER (ORDER BY o, person_id) AS i FROM (
        SELECT e.person_id, {d.hash("e.person_id", f"twofold-{context.period}")} AS o,
          row_number() OVER (PARTITION BY s.county ORDER BY o, e.person_id) AS r,
          count(*) OVER (PARTITION BY s.county) AS n
        FROM enrol e JOIN person p USING (person_id) JOIN school s USING (sid)
        WHERE e.stage = 3 AND e.status = 1 AND p.has_id
          AND NOT EXISTS (SELECT 1 FROM t_defect x WHERE x.person_id = e.person_id AND x.period = '{context.period}'))
      WHERE r = 1 AND n >= 40
    )
    SELECT p.person_id, s.sid FROM pupil p JOIN seat s USING (i) WHERE i <= {quota(n, context.dirt)} ORDER BY i""")


def _finish_twofold(context: Context) -> None:
    """Ledger entries of the other side of the double registration: rows of the student registry."""
    context.world.con.execute(f"""
    INSERT INTO t_defect
    SELECT x.kind, x.dirt, r.source, r.period, r.owner, r.file, r.row_no, '全国学籍号', x.rules, x.rules_possible,
      x.severity, x.description, x.person_id, NULL, NULL
    FROM t_defect x JOIN t_row r ON r.person_id = x.person_id AND r.period = x.period
    WHERE x.kind = 'school-and-vocational' AND x.source = 'vocational_registry' AND x.period = '{context.period}'
      AND r.source = 'student_registry' ORDER BY r.owner, r.row_no""")


def vocational(d: Draws, mi: int) -> Extract:
    """The vocational registry. The order of the columns is arbitrary at the source: it differs by county."""
    p = "p.person_id"
    father, _, _ = parents()
    name = quote(province()["name"])
    majors = [(r["name"], float(r["weight"])) for r in table("majors") if r["level"] == "中职"]
    grade = "['中职一年级', '中职二年级', '中职三年级'][b.k - 8]"
    grant = "b.k < 11 AND (h.res > 1 OR p.poor)"
    columns = (
        Column("学校标识码", "s.code", variants=("学校代码",)),
        Column("身份证号", "p.id18", variants=("身份证件号",)),
        Column("姓名", "p.name"),
        Column("性别", "CASE WHEN p.male THEN '男' ELSE '女' END"),
        Column("民族", "e.name"),
        Column("年级", grade),
        Column("入学年月", "concat(b.ne, '09')"),
        Column("招生类型", "'统一招生'"),
        Column("修读专业", d.weighted(p, "major", majors)),
        Column("学制", "'三年'"),
        Column("班级", "concat(b.ce, '级', b.class_no, '班')"),
        Column("联招合作类型", "'非联合招生'"),
        Column("联招合作学校机构代码", "''"),
        Column("户籍所在省", name),
        Column("户籍所在市", "hc.prefecture"),
        Column("户籍所在区县", "hc.code"),
        Column("详细地址", "kin.hometown", True),
        Column("户籍性质", "CASE WHEN h.res = 1 THEN '非农业户口' ELSE '农业户口' END"),
        Column("是否低保", flag(f"p.poor AND {d.unit('p.hid', 'dibao')} < .3")),
        Column("是否享受国家助学金", flag(grant)),
        Column("月发放标准(元)", f"CASE WHEN {grant} THEN '230' ELSE '' END"),
        Column("学校类型", "'职业高中'"),
        Column("生源类别", "'应届初中毕业生'"),
        Column("家长(监护人)姓名", father["name"]),
        Column("家长(监护人)电话", father["phone"]),
        Column("教学点名称", "''"),
        Column("健康情况", "'健康或良好'"),
        Column("现家庭所在省", name),
        Column("现家庭所在市", "lc.prefecture"),
        Column("现家庭所在区县", "lc.code"),
        Column("现家庭详细地址", "kin.home", True),
        Column("专业目录版本", "'2021年版'"),
        Column("学生类别", "'普通中专(全日制、脱产)'"),
        Column("出生日期", "strftime(p.birth, '%Y%m%d')"),
        Column("校内学号", f"concat(b.ne, lpad(({d.below(p, 'local', 9999)})::VARCHAR, 4, '0'))"),
        Column("学生本人联系电话", phone(d, p, "contact")),
        Column("邮政编码", "lc.postcode"),
        Column("省级电子注册学籍号", "concat(b.ne, right(s.code, 6), lpad((p.person_id % 1000000)::VARCHAR, 6, '0'))"),
        Column("曾用名", "''"),
        Column("政治面貌", f"CASE WHEN {d.unit(p, 'league')} < .35 THEN '共青团员' ELSE '群众' END"),
        Column("籍贯", "concat(hc.prefecture, hc.name)"),
        Column("港澳台侨胞", "'无'"),
        Column("毕业学校", "''"),
        Column("电子邮箱", "''"),
        Column("中职学生资助卡号", "''"),
        Column("学籍状态", "['在读', '休学', '毕业'][b.status]"),
        Column("备注", "''"),
    )  # fmt: skip
    return Extract(
        source="vocational_registry",
        columns=columns,
        base=_vocational_base,
        prepare=_prepare_twofold,
        finish=_finish_twofold,
        joins=JOINS,
        sort="b.sid, b.k, b.class_no",
        layouts=_vocational_layout,
        kinds=(
            Kind("school-and-vocational", "D15", QUARANTINE, "身份证号", "active in a general and in a vocational school",
                 where="b.twofold", rules="RP04"),
            Kind("checksum", "D12", QUARANTINE, "身份证号", "wrong check character", {"身份证号": WRONG_CHECK}, "true", "RC16"),
            Kind("birth", "D12", QUARANTINE, "出生日期", "birth date differs from the identifier", {"出生日期": OTHER_DAY}, "true", "RC19"),
            Kind("sex", "D12", WARN, "性别", "sex differs from the identifier",
                 {"性别": "CASE {v} WHEN '男' THEN '女' ELSE '男' END"}, "true", "RC20"),
            Kind("unknown-school", "D15", QUARANTINE, "学校标识码", "school is not in the directory",
                 {"学校标识码": "concat(left({v}, 4), '99', right({v}, 4))"}, "true", "RC24"),
            Kind("unknown-ethnic", "D18", QUARANTINE, "民族", "ethnic group that is in no list", {"民族": "'河谷族'"}, "true", "RC25"),
            Kind("future-entry", "D11", QUARANTINE, "入学年月", "entry lies in the future", {"入学年月": f"'{mi // 12 + 1}09'"}, "true", "RC27"),
            Kind("apostrophe", "D04", REPAIR, "身份证号", "apostrophe before the number", {"身份证号": "concat('''', {v})"}),
            Kind("lower-x", "D06", REPAIR, "身份证号", "lower-case check character", {"身份证号": "lower({v})"}, "b.ends_x"),
            Kind("grade-text", "D17", REPAIR, "年级", "another word for the grade", {"年级": "concat('职', ['一', '二', '三'][b.k - 8])"}),
            Kind("date-format", "D11", REPAIR, "出生日期", "another way to write the date", {"出生日期": "strftime(p.birth, '%Y/%-m/%-d')"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip


def _vocational_layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
    del n
    plain = plain_layout(extract)
    if context.dirt <= 0:
        return plain
    place = [c.code for c in counties()].index(owner)
    return with_order(plain, shuffled(context.draws, len(extract.columns), 100 + place % 5))


def preschool(d: Draws, mi: int) -> Extract:
    """The kindergarten registry."""
    father, mother, _ = parents()
    columns = [
        Column("幼儿园标识码", "s.code", variants=("学校标识码",)),
        Column("幼儿姓名", "p.name", variants=("姓名",)),
        Column("性别", "CASE WHEN p.male THEN '男' ELSE '女' END"),
        Column("出生日期", "strftime(p.birth, '%Y%m%d')"),
        Column("民族", "e.name"),
        Column("国籍", "'中国'"),
        Column("身份证件类型", "CASE WHEN p.has_id THEN '居民身份证' ELSE '其他' END"),
        Column("身份证件号", "CASE WHEN p.has_id THEN p.id18 ELSE '' END", variants=("身份证号",)),
        Column("全国学籍号", student_no(0, d)),
        Column("入园日期", "concat(p.e1 + CASE WHEN b.k = -4 THEN -4 ELSE p.pre_from END, '-09')"),
        Column("就读方式", "'走读'"),
        Column("班级", preschool_class()),
        Column("年级", grade_text()),
        Column("在园状态", "'在读'"),
        Column("血型", "''"),
        Column("户口性质", "CASE WHEN h.res = 1 THEN '非农业户口' ELSE '农业户口' END"),
        Column("户口所在地", "hc.code"),
        Column("港澳台侨外", "'否'"),
        Column("是否独生子女", flag("h.n_children = 1")),
        Column("是否留守儿童", flag(f"h.res > 1 AND {d.unit('h.hid', 'left')} < .1")),
        Column("是否进城务工人员随迁子女", flag("p.hukou <> p.county AND h.res < 3")),
        Column("是否孤儿", flag(f"{d.unit('h.hid', 'orphan')} < .002")),
        Column("是否低保", flag(f"p.poor AND {d.unit('p.hid', 'dibao')} < .3")),
        Column("是否正在接受资助", flag("p.poor")),
        Column("是否残疾幼儿", flag("p.dis > 0")),
        Column("残疾类别", "CASE WHEN p.dis = 0 THEN '无残疾' ELSE ['视力残疾', '听力残疾', '言语残疾', '肢体残疾', '智力残疾', '精神残疾', '多重残疾'][p.dis] END"),
        Column("是否军烈属/优抚子女", "'否'"),
        Column("现住址", "kin.home", True),
        Column("办园类型", "'幼儿园'"),
        Column("是否普惠性", "CASE WHEN s.private AND s.sid % 9 = 0 THEN '否' ELSE '是' END"),
        Column("办别", "CASE WHEN s.private THEN '民办' ELSE '公办' END"),
    ]  # fmt: skip
    for n, who, relation in ((1, father, "父亲"), (2, mother, "母亲")):
        columns += [
            Column(f"监护人{n}姓名", who["name"]),
            Column(f"监护人{n}关系", quote(relation)),
            Column(f"监护人{n}身份证件类型", "'居民身份证'"),
            Column(f"监护人{n}身份证件号", who["id"]),
            Column(f"监护人{n}联系电话", who["phone"]),
        ]
    return Extract(
        source="preschool_registry",
        columns=tuple(columns),
        base=lambda context: _base(0),
        joins=JOINS,
        sort="b.sid, b.k, b.class_no",
        layouts=_preschool_layout,
        kinds=(
            Kind("no-id-no-guardian", "D22", QUARANTINE, "身份证件号", "no identifier of the child nor of a guardian",
                 {"监护人1身份证件号": "''", "监护人2身份证件号": "''"}, "NOT b.has_id", "RC21"),
            Kind("checksum", "D12", QUARANTINE, "身份证件号", "wrong check character", {"身份证件号": WRONG_CHECK}, "b.has_id", "RC16"),
            Kind("scientific", "D05", QUARANTINE, "身份证件号", "scientific notation",
                 {"身份证件号": "concat(left({v}, 1), '.', substr({v}, 2, 5), 'E+17')"}, "b.has_id", "RC17", "RC16;RC21"),
            Kind("birth", "D12", QUARANTINE, "出生日期", "birth date differs from the identifier", {"出生日期": OTHER_DAY}, "b.has_id", "RC19"),
            Kind("sex", "D12", WARN, "性别", "sex differs from the identifier",
                 {"性别": "CASE {v} WHEN '男' THEN '女' ELSE '男' END"}, "b.has_id", "RC20"),
            Kind("unknown-school", "D15", QUARANTINE, "幼儿园标识码", "kindergarten is not in the directory",
                 {"幼儿园标识码": "concat(left({v}, 4), '99', right({v}, 4))"}, "true", "RC24"),
            Kind("unknown-ethnic", "D18", QUARANTINE, "民族", "ethnic group that is in no list", {"民族": "'河谷族'"}, "true", "RC25"),
            Kind("name-dot", "D09", REPAIR, "幼儿姓名", "another dot in the name", {"幼儿姓名": "replace({v}, '·', '•')"}, "b.dotted"),
            Kind("grade-text", "D17", REPAIR, "年级", "another word for the grade", {"年级": "concat('幼儿', {v})"}, "b.k > -4 AND b.k < -1"),
            Kind("old-county", "D16", REPAIR, "户口所在地", "county code from before the renaming", {"户口所在地": "hc.old_code"}, "b.has_old", may="RC26"),
            Kind("yes-no", "D20", REPAIR, "是否独生子女", "another way to say yes or no", {"是否独生子女": "CASE {v} WHEN '是' THEN 'Y' ELSE 'N' END"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip


def _preschool_layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
    del n
    plain = plain_layout(extract)
    if context.csv_only or context.dirt <= 0:
        return plain
    place = [c.code for c in counties()].index(owner)
    if place % 15 == 6:
        return with_variants(plain, extract)
    if place % 22 == 9:
        return replace(plain, container="tsv", notes=(("D03", "text with tabs that calls itself xls"),))
    return plain
