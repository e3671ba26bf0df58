"""RC29 – RC38: single registers."""

from __future__ import annotations

from rules.cases.table import (
    PASSED,
    QUARANTINED,
    WARNED,
    Rows,
    add,
    each,
)
from rules.valid_rows import GRADUATE_DBASE, SPECIAL, citizen_id, encode, rows_of

add("RC29", "student_change", "drop_out", QUARANTINED, {"change_category_code": "退学"})
add(
    "RC29",
    "student_change",
    "expulsion",
    QUARANTINED,
    {"change_category_code": "42", "from_grade_code": "初二"},
)
add(
    "RC29",
    "student_change",
    "drop_out_without_grade",
    QUARANTINED,
    {"change_category_code": "31", "from_grade_code": None},
)
add(
    "RC29",
    "student_change",
    "other_event_without_grade",
    PASSED,
    {"from_grade_code": None},
)
add(
    "RC29",
    "student_change",
    "drop_out_of_senior_school",
    PASSED,
    {"change_category_code": "31", "from_grade_code": "高一"},
)

each("RC30", "student_registry", WARNED, {
    "no_name": {"guardian1_name": None},
    "no_relation": {"guardian1_relation_code": None},
    "no_telephone": {"guardian1_phone": "无"},
})  # fmt: skip
add(
    "RC30",
    "student_registry",
    "second_guardian",
    PASSED,
    {
        "guardian1_phone": None,
        "guardian2_name": "卓玛",
        "guardian2_relation_code": "母亲",
        "guardian2_phone": "13999990009",
    },
)

each("RC31", "student_registry", QUARANTINED, {
    "sight_as_hearing": {"disability_code": "视力残疾", "inclusive_code": "听力残疾随班就读"},
    "none_but_included": {"inclusive_code": "智力残疾随班就读"},
    "limbs_not_included": {"disability_code": "肢体残疾"},
})  # fmt: skip
each("RC31", "student_registry", PASSED, {
    "sight": {"disability_code": "视力残疾", "inclusive_code": "视力残疾随班就读"},
    "limbs": {"disability_code": "肢体", "inclusive_code": "其他随班就读"},
    "special_school": {"school_id": SPECIAL, "disability_code": "智力残疾"},
})  # fmt: skip

add("RC32", "poverty_register", "both", QUARANTINED, {"school_state_code": "小学"})
add("RC32", "poverty_register", "neither", QUARANTINED, {"education_code": None})
add(
    "RC33",
    "poverty_register",
    "two_heads",
    QUARANTINED,
    {"household_relation_code": "户主"},
    row=2,
    rows=(1, 2, 3),
)
add("RC33", "poverty_register", "no_head", QUARANTINED, {"household_relation_code": "其他"}, rows=(1, 2, 3))
add(
    "RC33",
    "poverty_register",
    "two_spouses",
    QUARANTINED,
    {"household_relation_code": "配偶"},
    row=3,
    rows=(1, 2, 3),
)
add("RC33", "poverty_register", "four_declared", QUARANTINED, {"n_members": "4"}, row=2, rows=(1, 2, 3))
add(
    "RC33",
    "poverty_register",
    "no_household_number",
    QUARANTINED,
    lambda: [{**row, "household_no": None} for row in rows_of("poverty_register")],
    rows=(1, 2, 3),
)
add(
    "RC34",
    "poverty_register",
    "no_reason",
    QUARANTINED,
    {"school_state_code": None, "education_code": "小学"},
    row=3,
)
add(
    "RC34",
    "poverty_register",
    "sixteen",
    QUARANTINED,
    {"id_no": citizen_id("20090302", 33), "school_state_code": None, "education_code": "小学"},
    row=3,
)
add(
    "RC34",
    "poverty_register",
    "seventeen",
    PASSED,
    {"id_no": citizen_id("20090301", 33), "school_state_code": None, "education_code": "小学"},
    row=3,
)
add(
    "RC34",
    "poverty_register",
    "reason",
    PASSED,
    {"school_state_code": None, "education_code": "小学", "not_in_school_reason_code": "厌学"},
    row=3,
)

each("RC35", "graduate_register", QUARANTINED, {
    "no_unit": {"unit_name": None},
    "no_place": {"unit_region_code": None, "unit_region_name": None},
    "unsettled_with_unit": {"destination_code": "70", "destination_text_code": "待就业"},
    "only_the_text_no_unit": {"destination_code": None, "unit_name": None},
})  # fmt: skip
each("RC35", "graduate_register", PASSED, {
    "further_study": {"destination_code": "801", "destination_text_code": "研究生", "unit_name": None, "unit_region_code": None},
    "unsettled": {"destination_code": "70", "destination_text_code": "待就业", "unit_name": None},
    "place_in_words": {"unit_region_code": None},
})  # fmt: skip


def _pair(**second: str) -> Rows:
    return lambda: [*rows_of("graduate_register"), *rows_of("graduate_register", **second)]


add("RC36", "graduate_register", "twice", QUARANTINED, _pair(unit_name="另一单位"), rows=(1, 2))
add("RC36", "graduate_register", "two_years", PASSED, _pair(graduation_year="2024"))
add("RC36", "graduate_register", "two_persons", PASSED, _pair(id_no=citizen_id("20030809", 5)))
add(
    "RC36",
    "graduate_register",
    "dbase_twice",
    QUARANTINED,
    lambda: encode("graduate_register", [GRADUATE_DBASE, {**GRADUATE_DBASE, "ksh": "2"}]),
    rows=(1, 2),
    n_rows=2,
)

each("RC38", "two_later_survey", WARNED, {
    "no_visitor": {"surveyor": None}, "no_date": {"survey_date": None}, "no_evidence": {"evidence_no": "无"}})  # fmt: skip
