"""RC16 – RC23: numbers of persons."""

from __future__ import annotations

from expectations.collection.columns import others_ids, own_ids
from rules.cases.table import (
    PASSED,
    QUARANTINED,
    WARNED,
    Rows,
    add,
    each,
)
from rules.valid_rows import (
    BASE,
    CHILD,
    DISABLED,
    HEAD,
    PUPIL,
    Row,
    citizen_id,
    damaged,
    rows_of,
    wrong_check,
)

# such numbers exist: one in eleven of the sequence numbers 100, 200 …
_ENDS_IN_000 = next(
    n
    for area in range(635102, 635199)
    for s in range(100, 1000, 100)
    if (n := citizen_id("20150315", s, str(area)))[-1] == "0"
)
_OWN = {source: BASE[source][0]["id_no"] or "" for source, _, _ in own_ids()}
for _source, _number in _OWN.items():
    _cut = damaged(_number)
    add("RC16", _source, "check_character", QUARANTINED, {"id_no": wrong_check(_number)})
    add("RC16", _source, "no_such_day", QUARANTINED, {"id_no": citizen_id(_number[6:10] + "0230", 5)})
    add("RC17", _source, "scientific", QUARANTINED, {"id_no": f"{_number[0]}.{_number[1:6]}E+17"})
    add("RC17", _source, "fifteen_digits", QUARANTINED, {"id_no": _cut})
    if "birth_date" in BASE[_source][0]:
        add(
            "RC19",
            _source,
            "other_day",
            QUARANTINED,
            {"birth_date": _number[6:12] + ("01" if _number[12:14] != "01" else "02")},
        )
        add(
            "RC19",
            _source,
            "other_form_same_day",
            PASSED,
            {"birth_date": f"{_number[6:10]}年{int(_number[10:12])}月{int(_number[12:14])}日"},
        )
    if "sex_code" in BASE[_source][0]:
        add(
            "RC20",
            _source,
            "other_sex",
            WARNED,
            {"sex_code": "女" if BASE[_source][0]["sex_code"] == "男" else "男"},
        )
        add("RC20", _source, "sex_not_told", PASSED, {"sex_code": "未说明"})
add(
    "RC16",
    "student_registry",
    "digits_swapped",
    QUARANTINED,
    {"id_no": PUPIL[:10] + PUPIL[11] + PUPIL[10] + PUPIL[12:]},
)
add(
    "RC16",
    "student_registry",
    "lower_case_and_full_width",
    PASSED,
    {"id_no": "'" + "".join(chr(ord(c) + 0xFEE0) for c in PUPIL) + "\t"},
)
add(
    "RC16",
    "student_registry",
    "passport",
    PASSED,
    {"id_type_code": "护照", "id_no": "E12345678", "student_no": "J" + citizen_id("20150315", 3, "630102")},
)
add("RC17", "student_registry", "really_ends_in_000", PASSED, {"id_no": _ENDS_IN_000, "sex_code": "女"})
add("RC19", "poverty_register", "column_beside", QUARANTINED, {"birth_date": "19850506"})
add("RC18", "poverty_register", "category_8", QUARANTINED, {"id_no": HEAD + "81"})
add("RC18", "poverty_register", "level_5", QUARANTINED, {"id_no": HEAD + "45"})
add("RC18", "poverty_register", "reissue", QUARANTINED, {"id_no": HEAD + "43C1"})
add("RC18", "poverty_register", "twenty", PASSED, {"id_no": HEAD + "43"})
add("RC18", "poverty_register", "twenty_two", PASSED, {"id_no": HEAD + "43b1"})
add("RC16", "poverty_register", "twenty_check_character", QUARANTINED, {"id_no": wrong_check(HEAD) + "43"})

for _source, _column, _ in others_ids():
    add("RC16", _source, f"{_column}_check_character", WARNED, {_column: wrong_check(HEAD)})
    add("RC16", _source, f"{_column}_too_short", WARNED, {_column: HEAD[:16]})
    add("RC17", _source, f"{_column}_scientific", WARNED, {_column: f"{HEAD[0]}.{HEAD[1:6]}E+17"})
add(
    "RC16",
    "student_registry",
    "guardian_with_passport",
    PASSED,
    {"guardian1_id_type_code": "护照", "guardian1_id_no": "E12345678"},
)
add("RC18", "disability_roster", "category_9", QUARANTINED, {"certificate_no": DISABLED + "91"})
add("RC18", "disability_roster", "too_short", QUARANTINED, {"certificate_no": DISABLED + "4"})
add("RC18", "disability_roster", "reissue", PASSED, {"certificate_no": "'" + DISABLED + "43b1"})

each("RC21", "student_registry", QUARANTINED, {
    "blank": {"id_no": None},
    "placeholder": {"id_no": "无"},
    "seventeen": {"id_no": PUPIL[:17]},
    "old_fifteen": {"id_no": PUPIL[:6] + PUPIL[8:17]},
    "no_document_no_guardian": {"id_type_code": "其他", "id_no": None, "guardian1_id_no": None},
})  # fmt: skip
add("RC21", "student_registry", "no_document_but_guardian", PASSED, {"id_type_code": "其他", "id_no": None})
add("RC21", "preschool_registry", "blank", QUARANTINED, {"id_no": None})
add(
    "RC21",
    "preschool_registry",
    "no_document_no_guardian",
    QUARANTINED,
    {"id_type_code": "其他", "id_no": None},
)
add(
    "RC21",
    "preschool_registry",
    "no_document_but_guardian",
    PASSED,
    {"id_type_code": "其他", "id_no": None, "guardian1_id_no": HEAD},
)
add("RC21", "graduate_register", "blank", QUARANTINED, {"id_no": None})
add("RC21", "vocational_registry", "blank", QUARANTINED, {"id_no": None})
add("RC21", "poverty_register", "blank", QUARANTINED, {"id_no": None})
for _source in (
    "aid_record",
    "disability_roster",
    "graduate_register",
    "student_change",
    "two_later_survey",
    "vocational_registry",
):
    add("RC21", _source, "seventeen", QUARANTINED, {"id_no": PUPIL[:17]})
add("RC21", "poverty_register", "nineteen", QUARANTINED, {"id_no": HEAD + "4"})
add("RC21", "poverty_register", "other_document", PASSED, {"id_type_code": "其他", "id_no": "X123"})

for _source, _number in (
    ("student_registry", PUPIL),
    ("student_change", PUPIL),
    ("preschool_registry", CHILD),
):
    each("RC22", _source, QUARANTINED, {
        "short": {"student_no": "G" + _number[:17]},
        "other_letter": {"student_no": "X" + _number},
        "too_long": {"student_no": "J" + _number + "1"},
    })  # fmt: skip
    add("RC22", _source, "lower_case", PASSED, {"student_no": "g" + _number.lower()})
add("RC22", "student_registry", "blank", QUARANTINED, {"student_no": None})
add("RC22", "preschool_registry", "blank", PASSED, {"student_no": None})


# ---------------------------------------- RC23: temporary numbers of a school


def _temporary(n: int, of: int) -> Rows:
    def rows() -> list[Row]:
        made = []
        for k in range(of):
            number = citizen_id("20150315", 2 * k + 1)
            made += rows_of(
                "student_registry",
                id_no=number,
                student_no=("L" + number[:14] + f"{k:04d}") if k < n else "G" + number,
            )
        return made

    return rows


add("RC23", "student_registry", "two_of_twenty", WARNED, _temporary(2, 20), rows=())
add("RC23", "student_registry", "one_of_twenty", PASSED, _temporary(1, 20))
