"""A valid row per source, and numbers of persons to make others from.

Persons are invented; their area codes (prefecture digits + 50) were never allocated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from warehouse.contract import extract_contract, load_contracts

PERIOD = "2026-03"
AS_OF = "2026-03-01"
RECEIVED = "2026-03-12"
COUNTY = "630102"
COLLEGE = "10743"
_OF_LEVEL = {"county": COUNTY, "college": COLLEGE, "province": "630000"}
OWNER = {s: _OF_LEVEL[c.properties["ownerLevel"]] for s, c in load_contracts("extracts").items()}
PRIMARY, KINDERGARTEN, VOCATIONAL, SPECIAL, CLOSED = (
    "2163000001",
    "1163000001",
    "3663000001",
    "5163000001",
    "2163000009",
)
Row = dict[str, str | None]


def check_character(first: str) -> str:
    """GB 11643: the closed form, independent of the weights in the product code."""
    return "0123456789X"[(1 - 2 * int(first, 13)) % 11]


def citizen_id(birth: str, sequence: int, area: str = "635102") -> str:
    """A number with the right check character; an odd sequence is male."""
    first = f"{area}{birth}{sequence:03d}"
    return first + check_character(first)


def wrong_check(number: str) -> str:
    """The same number with another check character."""
    return number[:17] + ("1" if number[17] != "1" else "2")


def damaged(number: str) -> str:
    """What a spreadsheet makes of a number: fifteen digits and three zeros, with a check character that is wrong."""
    cut = number[:15]
    return (
        cut + "000" if check_character(cut + "00") != "0" else cut[:14] + str((int(cut[14]) + 1) % 10) + "000"
    )


PUPIL = citizen_id("20150315", 1)
CHILD = citizen_id("20210610", 2)
YOUTH = citizen_id("20090520", 3)
GRADUATE = citizen_id("20030808", 5)
HEAD = citizen_id("19850505", 11)
SPOUSE = citizen_id("19870707", 22)
SON = citizen_id("20120412", 33)
LEAVER = citizen_id("20070909", 7)
DISABLED = citizen_id("20131111", 9)

# One row per source, by contract column, that passes every rule. The headers come from the contract.
BASE: dict[str, tuple[Row, ...]] = {
    "reported_statistics": (
        {
            "year": "2025",
            "as_of_date": "20250901",
            "region_code": COUNTY,
            "measure_code": "pupils_preschool",
            "region_basis_code": "学校所在地",
            "value": "1200",
            "unit_code": "人",
            "figure_status_code": "正式",
        },
    ),
    "school_directory": tuple(
        {
            "school_id": school_id,
            "school_name": name,
            "region_code": "630102001001",
            "school_run_type_code": kind,
            "urban_rural_code": "主城区",
            "is_teaching_point": "否",
            "founded_date": "1998-09-01",
            "closed_date": closed,
        }
        for school_id, name, kind, closed in (
            (PRIMARY, "东关小学", "小学", None),
            (KINDERGARTEN, "东关幼儿园", "幼儿园", None),
            (VOCATIONAL, "东关职业高中", "职业高中学校", None),
            (SPECIAL, "东关特校", "其他特教", None),
            (CLOSED, "旧小学", "小学", "2025-08-31"),
        )
    ),
    "class_directory": (
        {
            "school_id": PRIMARY,
            "grade_code": "小学五年级",
            "class_label": "2021级1班",
            "opened_month": "202109",
            "n_declared": "45",
        },
    ),
    "student_registry": (
        {
            "school_id": PRIMARY,
            "name": "才让·卓玛",
            "sex_code": "男",
            "birth_date": "20150315",
            "birth_county_code": COUNTY,
            "ethnic_code": "藏族",
            "id_type_code": "居民身份证",
            "health_code": "健康或良好",
            "id_no": PUPIL,
            "hukou_county_code": COUNTY,
            "class_label": "2021级1班",
            "entry_month": "202109",
            "addr_now": "青海省西宁市城东区某路1号",
            "phone": "13999990001",
            "is_orphan": "否",
            "dist_km": "2",
            "disability_code": "无残疾",
            "inclusive_code": "非随班就读",
            "guardian1_name": "扎西",
            "guardian1_relation_code": "父亲",
            "guardian1_phone": "13999990002",
            "guardian1_id_no": HEAD,
            "student_no": "G" + PUPIL,
            "stage_code": "小学",
            "grade_code": "小学五年级",
            "status_code": "在读",
        },
    ),
    "student_change": (
        {
            "student_no": "G" + PUPIL,
            "name": "才让·卓玛",
            "id_no": PUPIL,
            "change_category_code": "转学(转出)",
            "change_date": "2026-02-20",
            "change_reason_code": "其他",
            "from_school_id": PRIMARY,
            "from_county_code": COUNTY,
            "from_grade_code": "小学五年级",
            "from_class_label": "2021级1班",
            "has_proof": "是",
        },
    ),
    "vocational_registry": (
        {
            "school_id": VOCATIONAL,
            "id_no": YOUTH,
            "name": "多杰",
            "sex_code": "男",
            "ethnic_code": "汉族",
            "birth_date": "2009-05-20",
            "grade_code": "一年级",
            "entry_month": "2025-09",
            "major_code": "幼儿保育",
            "hukou_county_code": "湟中区",
            "student_kind_code": "普通中专(全日制、脱产)",
            "student_no": "ZZ2025000001",
            "gatqw_code": "无",
            "guardian1_name": "尖措",
            "guardian1_phone": "13999990003",
            "email": "someone@example.org",
        },
    ),
    "preschool_registry": (
        {
            "school_id": KINDERGARTEN,
            "name": "央金",
            "sex_code": "女",
            "birth_date": "20210610",
            "ethnic_code": "回族",
            "id_type_code": "户口簿",
            "id_no": CHILD,
            "student_no": "L" + citizen_id("20210610", 2)[:14] + "0123",
            "entry_month": "202409",
            "class_label": "中1班",
            "grade_code": "中班",
            "hukou_county_code": COUNTY,
            "is_orphan": "否",
        },
    ),
    "graduate_register": (
        {
            "student_no": "2021010101",
            "name": "索南",
            "sex_code": "男",
            "origin_name": "城东区",
            "origin_county_code": COUNTY,
            "ethnic_code": "土族",
            "degree_level_code": "本科生毕业",
            "major_name": "学前教育",
            "major_code": "040106",
            "entry_month": "202109",
            "graduation_date": "20250630",
            "study_form_code": "全日制",
            "destination_code": "10",
            "destination_text_code": "签就业协议形式就业",
            "sign_date": "2025-06-01",
            "unit_name": "某幼儿园",
            "unit_region_code": COUNTY,
            "unit_region_name": "城东区",
            "job_kind_code": "24",
            "graduation_year": "2025",
            "id_no": GRADUATE,
        },
    ),
    "poverty_register": tuple(
        {
            "county_code": "湟中区",
            "township": "某乡",
            "household_no": "H0001",
            "person_no": f"P000{n}",
            "name": name,
            "id_type_code": "居民身份证",
            "id_no": number,
            "sex_code": sex,
            "n_members": "3",
            "household_relation_code": relation,
            "ethnic_code": "藏族",
            "education_code": education,
            "school_state_code": state,
            "health_code": "健康",
            "phone": "13999990004",
            "income_per_capita": "1,000.00元",
        }
        for n, name, number, sex, relation, education, state in (
            (1, "扎西", HEAD, "男", "户主", "小学", None),
            (2, "卓玛", SPOUSE, "女", "配偶", "文盲或半文盲", None),
            (3, "才让", SON, "男", "之子", None, "七年级"),
        )
    ),
    "aid_record": (
        {
            "school_year_code": "2025-2026",
            "term_code": "秋季学期",
            "stage_code": "小学",
            "school_id": PRIMARY,
            "student_no": "G" + PUPIL,
            "name": "才让·卓玛",
            "id_no": PUPIL,
            "programme_code": "寄宿生生活补助",
            "amount": "1,250.00元",
            "paid_date": "2025.10.8",
            "pay_status_code": "成功",
            "bank_card_no": "6222999900001111222",
        },
    ),
    "two_later_survey": (
        {
            "name": "拉毛",
            "id_no": LEAVER,
            "county_code": "共和县",
            "top_education_code": "初中毕业",
            "grad_month": "202507",
            "state_code": "待业",
            "willingness_code": "愿意",
            "survey_date": "2025-09-28",
            "surveyor": "李访员",
            "evidence_no": "ZZ-2025-1",
            "phone": "13999990005",
        },
    ),
    "disability_roster": (
        {
            "name": "旦增",
            "sex_code": "男",
            "certificate_no": DISABLED + "43",
            "id_no": DISABLED,
            "disability_category_code": "肢体",
            "disability_level_code": "三级",
            "hukou_county_code": "共和县",
            "certificate_status_code": "正常",
            "valid_until": "20301231",
        },
    ),
    "population": (
        {
            "year": "2025",
            "as_of_date": "2025-11-01",
            "basis_code": "户籍",
            "region_code": COUNTY,
            "age_label": "6岁",
            "n_male": "1,234",
            "n_female": "1200",
            "n_total": "2434",
        },
    ),
}

# The dBase layout of the graduate register: other headers, codes beside names, the older destinations.
GRADUATE_DBASE: dict[str, str] = {
    "ksh": "21630102150001",
    "sfzh": GRADUATE,
    "xm": "索南",
    "xb": "男",
    "xbdm": "1",
    "mz": "土族",
    "mzdm": "30",
    "yxdm": COLLEGE,
    "yxmc": "青海大学",
    "zydm": "040106",
    "zymc": "学前教育",
    "xldm": "31",
    "syszd": "城东区",
    "syszddm": COUNTY,
    "byrq": "20190630",
    "rxsj": "20150901",
    "byqxdm": "27",
    "dwmc": "某研究所",
    "dwszddm": COUNTY,
}


def rows_of(source: str, **change: str | None) -> list[Row]:
    """The valid rows of a source; the changes go into the first."""
    rows = [dict(row) for row in BASE[source]]
    rows[0].update(change)
    return rows


def encode(source: str, rows: Sequence[Row], encoding: str = "utf-8") -> bytes:
    """A CSV file as the source system would write it: Chinese headers of the contract; unknown names stay as they are."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = {c.name: c.header for c in extract_contract(source).columns}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([known.get(name, name) for name in names])
    writer.writerows([[row.get(name) or "" for name in names] for row in rows])
    return out.getvalue().encode(encoding)
