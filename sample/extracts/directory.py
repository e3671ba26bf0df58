"""X3: the directories of schools (with teaching points and closed schools) and of classes."""

# ruff: noqa: E501 - one column or defect a line: a declaration is read as a table

from __future__ import annotations

from sample.dirt import QUARANTINE, REPAIR, Kind
from sample.draws import Draws
from sample.extracts.base import Column, Context, Extract
from sample.extracts.common import class_label, flag, grade_text, preschool_class


def school_base(context: Context) -> str:
    """Schools and teaching points; a point repeats the code of its centre school and has a point code of its own."""
    del context
    return """
    SELECT s.sid * 100 + 1 AS rid, c.code AS owner, NULL::BIGINT AS person_id, s.sid, 0 AS pt FROM school s
    JOIN county c ON c.no = s.county
    UNION ALL
    SELECT s.sid * 100 + 1 + pt.no, c.code, NULL, s.sid, pt.no FROM point pt JOIN school s USING (sid)
    JOIN county c ON c.no = s.county"""


def schools(d: Draws) -> Extract:
    """The school directory."""
    founded = f"make_date(1950 + {d.below('b.sid', 'founded', 60)}, 9, 1)"
    return Extract(
        source="school_directory",
        columns=(
            Column("学校标识码", "s.code", variants=("学校代码",)),
            Column("教学点编码", "CASE WHEN b.pt > 0 THEN pt.code ELSE '' END"),
            Column("学校名称", "CASE WHEN b.pt > 0 THEN concat(s.name, pt.name) ELSE s.name END"),
            Column("学校驻地地域码", f"concat(c.code, lpad(({d.below('b.sid', 'place', 12)} + 1)::VARCHAR, 3, '0'), '201')"),
            Column("属地管理部门驻地码", "concat(c.code, '001001')"),
            Column("举办者码", "CASE WHEN s.private THEN '999' ELSE '831' END"),
            Column("办别", "CASE WHEN s.private THEN '民办' ELSE '公办' END"),
            Column("办学类型码", "CASE WHEN b.pt > 0 THEN '218' ELSE s.run_type::VARCHAR END"),
            Column("城乡分类代码", "CASE WHEN b.pt > 0 THEN '220' ELSE s.urban_rural::VARCHAR END"),
            Column("是否民族学校", flag("c.sends AND s.sid % 3 = 0")),
            Column("双语教学模式", "CASE WHEN c.sends AND s.sid % 3 = 0 THEN '一类模式' ELSE '' END"),
            Column("是否寄宿制", flag("s.stage >= 2 OR s.stage = 1 AND s.residence = 3 AND s.sid % 2 = 0")),
            Column("是否教学点", flag("b.pt > 0")),
            Column("上级中心校标识码", "CASE WHEN b.pt > 0 THEN s.code ELSE '' END"),
            Column("是否普惠性", "CASE WHEN s.stage = 0 THEN CASE WHEN s.private AND s.sid % 9 = 0 THEN '否' ELSE '是' END ELSE '' END"),
            Column("建校日期", f"strftime({founded}, '%Y%m%d')"),
            Column("撤销日期", f"CASE WHEN s.closed THEN strftime(make_date(2012 + {d.below('b.sid', 'closed', 4)}, 8, 31), '%Y%m%d') ELSE '' END"),
            Column("网络接入", flag(f"{d.unit('b.rid', 'network')} < .985")),
            Column("多媒体教室数", f"CASE WHEN s.stage = 0 OR b.pt > 0 THEN 1 ELSE 6 + {d.below('b.sid', 'media', 40)} END"),
            Column("计算机教室达标", flag(f"{d.unit('b.rid', 'computers')} < .95")),
            Column("教学点资源包", f"CASE WHEN b.pt > 0 THEN {flag(d.unit('b.rid', 'pack') + ' < .97')} ELSE '' END"),
        ),
        base=school_base,
        joins="JOIN school s ON s.sid = b.sid JOIN county c ON c.no = s.county LEFT JOIN point pt ON pt.sid = b.sid AND pt.no = b.pt",
        sort="b.sid, b.pt",
        kinds=(
            Kind("apostrophe", "D04", REPAIR, "学校标识码", "apostrophe before the code", {"学校标识码": "concat('''', {v})"}),
            Kind("yes-no", "D20", REPAIR, "是否寄宿制", "another way to say yes or no",
                 {"是否寄宿制": "CASE {v} WHEN '是' THEN '1' ELSE '0' END"}),
        ),
        extra={"owners": "county"},
    )  # fmt: skip


def class_base(context: Context) -> str:
    """Classes that have pupils in the month, with their true size."""
    del context
    return """
    SELECT (x.sid::BIGINT * 1000 + x.stage::BIGINT * 100 + x.k + 5) * 10000 + x.class_no::BIGINT * 10 + x.pt AS rid, c.code AS owner,
      NULL::BIGINT AS person_id, x.sid, x.stage, x.k, x.ce, x.class_no, x.pt, x.special, x.n
    FROM (SELECT sid, stage, k, ce, class_no, pt, bool_or(special) AS special, count(*) AS n
          FROM enrol GROUP BY ALL) x
    JOIN school s USING (sid) JOIN county c ON c.no = s.county"""


def classes(d: Draws) -> Extract:
    """The class directory."""
    del d
    label = f"CASE b.stage WHEN 0 THEN {preschool_class()} ELSE {class_label()} END"
    return Extract(
        source="class_directory",
        columns=(
            Column("学校标识码", "s.code", variants=("学校代码",)),
            Column("教学点编码", "CASE WHEN b.pt > 0 THEN pt.code ELSE '' END"),
            Column("年级", f"CASE b.stage WHEN 4 THEN ['中职一年级', '中职二年级', '中职三年级'][b.k - 8] ELSE {grade_text()} END"),
            Column("班号", label, variants=("班级",)),
            Column("班级名称", label),
            Column("班级类型", "CASE WHEN b.special THEN '特教班' ELSE '普通班' END"),
            Column("建班年月", "CASE WHEN b.stage = 0 THEN concat(b.ce - (greatest(b.k, -3) + 3), '09') ELSE concat(b.ce, '09') END"),
            Column("班额", "b.n"),
        ),
        base=class_base,
        joins="JOIN school s ON s.sid = b.sid LEFT JOIN point pt ON pt.sid = b.sid AND pt.no = b.pt",
        sort="b.sid, b.stage, b.k, b.pt, b.class_no",
        kinds=(
            Kind("unknown-school", "D15", QUARANTINE, "学校标识码", "school is not in the directory",
                 {"学校标识码": "concat(left({v}, 4), '99', right({v}, 4))"}, "true", "RC24"),
            Kind("full-bracket", "D26", REPAIR, "班号", "full-width brackets in the class name",
                 {"班号": "replace(replace({v}, '(', '（'), ')', '）')"}, "b.sid % 4 = 0 AND b.pt = 0 AND b.stage > 0"),
        ),
        extra={"owners": "county"},
    )  # fmt: skip
