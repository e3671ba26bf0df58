"""RC24 – RC28: schools, codes, places, dates."""

from __future__ import annotations

from rules.cases.table import (
    PASSED,
    QUARANTINED,
    WARNED,
    Rows,
    add,
    each,
)
from rules.valid_rows import BASE, CLOSED, PERIOD, Row, citizen_id, rows_of
from warehouse.contract import load_contracts

for _source in (
    "student_registry",
    "preschool_registry",
    "vocational_registry",
    "class_directory",
    "aid_record",
):
    each("RC24", _source, QUARANTINED, {
        "unknown": {"school_id": "2163999999"},
        "closed": {"school_id": CLOSED},
        # Measures for a poor household have no school.
        **({} if _source == "aid_record" else {"blank": {"school_id": None}}),
        "no_number": {"school_id": "东关小学"},
    })  # fmt: skip

_KINDS = ("code", "flag", "grade", "integer", "decimal", "date", "month", "class_label")
UNREADABLE: dict[str, list[str]] = {}
for _source, _contract in load_contracts("extracts").items():
    UNREADABLE[_source] = [
        c.name
        for c in _contract.columns
        if c.kind in _KINDS and c.zone != "drop" and "unknownAs" not in c.properties
    ]
NO_PLACE = {
    source: [c.name for c in contract.columns if c.kind == "county" and c.zone != "drop"]
    for source, contract in load_contracts("extracts").items()
}


def spoilt(source: str, columns: list[str], text: str) -> Rows:
    """One valid set of rows per column, in which that column of the first row cannot be read."""

    def rows() -> list[Row]:
        made = []
        for n, column in enumerate(columns):
            group = rows_of(source, **{column: text})
            for row in group:
                if row.get("household_no"):
                    row["household_no"] = f"H{n}"
            if source == "graduate_register":
                group[0]["id_no"] = citizen_id("20030808", 2 * n + 1)
            made += group
        return made

    return rows


# the rules that an unreadable value of a column breaks besides, because the value is missing
BESIDE = {
    ("poverty_register", "education_code"): {"RC32"},
    ("poverty_register", "household_relation_code"): {"RC33"},
    ("two_later_survey", "survey_date"): {"RC38"},
    ("student_registry", "guardian1_relation_code"): {"RC30"},
}

each("RC25", "student_registry", QUARANTINED, {
    "ethnic_name": {"ethnic_code": "火星族"},
    "no_such_day": {"birth_date": "2011-02-30"},
    "six_digit_day": {"birth_date": "201503"},
    "flag": {"is_orphan": "可能"},
    "grade": {"grade_code": "九十年级"},
    "distance": {"dist_km": "很远"},
    "month": {"entry_month": "202113"},
})  # fmt: skip
each("RC25", "student_registry", PASSED, {
    "zero_lost": {"ethnic_code": "4"},
    "code": {"ethnic_code": "04", "sex_code": "1", "status_code": "正常"},
    "grade_of_stage": {"grade_code": "五年级"},
    "cohort": {"grade_code": "2021级"},
    "serial_day": {"birth_date": "42078"},
})  # fmt: skip
each("RC25", "aid_record", PASSED, {
    "ten_thousands": {"amount": "0.12万元"}, "words": {"amount": "壹仟贰佰元整"}, "groups": {"amount": "1,200.00元"}})  # fmt: skip
each(
    "RC25", "aid_record", QUARANTINED, {"bare_words": {"amount": "壹仟"}, "other_unit": {"amount": "200美元"}}
)
add("RC25", "student_registry", "grade_of_another_stage", QUARANTINED, {"grade_code": "高一"}, also=("RC28",))
add("RC25", "student_registry", "number_of_an_ethnic_group", QUARANTINED, {"ethnic_code": "35"})
for _source, _columns in BASE.items():
    for _column in (c.name for c in load_contracts("extracts")[_source].columns if c.kind == "phone"):
        # a guardian without a number that can be called is no guardian to call
        _beside = ("RC30",) if (_source, _column) == ("student_registry", "guardian1_phone") else ()
        for _label, _text in (("masked", "138****1234"), ("filler", "13800000000"), ("words", "手机")):
            add("RC25", _source, f"{_column}_{_label}", WARNED, {_column: _text}, also=_beside)
        add("RC25", _source, f"{_column}_two_numbers", PASSED, {_column: "0971-1234567/199 0000 0001"})

for _source, _columns in NO_PLACE.items():
    if _columns:
        add("RC26", _source, "no_such_place", WARNED, {_columns[0]: "长安县"})
        add("RC26", _source, "no_such_code", WARNED, {_columns[0]: "630199"})
        add("RC26", _source, "former_code", PASSED, {_columns[0]: "630122"})
        add("RC26", _source, "other_province", PASSED, {_columns[0]: "440103"})
        add("RC26", _source, "full_name", PASSED, {_columns[0]: "青海省西宁市湟中区"})
add("RC26", "student_registry", "invented_other_district", WARNED, {"hukou_county_code": "632825"})

for _source in ("student_registry", "preschool_registry", "vocational_registry"):
    add("RC27", _source, "future", QUARANTINED, {"entry_month": "2026-04"})
    add("RC27", _source, "twenty_years_ago", QUARANTINED, {"entry_month": "2006-03"})
    add("RC27", _source, "this_month", PASSED, {"entry_month": PERIOD})
    add("RC27", _source, "nearly_twenty_years_ago", PASSED, {"entry_month": "2006-04"})

_old, _young = citizen_id("20080101", 1), citizen_id("20210101", 1)
add("RC28", "student_registry", "too_old", WARNED, {"id_no": _old, "birth_date": "20080101"})
add("RC28", "student_registry", "too_young", WARNED, {"id_no": _young, "birth_date": "20210101"})
add(
    "RC28",
    "preschool_registry",
    "too_old",
    WARNED,
    {"id_no": citizen_id("20150610", 2), "birth_date": "20150610"},
)
add(
    "RC28",
    "preschool_registry",
    "too_young",
    WARNED,
    {"id_no": citizen_id("20240610", 2), "birth_date": "20240610"},
)
add(
    "RC28",
    "vocational_registry",
    "too_young",
    WARNED,
    {"id_no": citizen_id("20150520", 1), "birth_date": "20150520"},
)
add(
    "RC28",
    "student_registry",
    "five_on_the_day",
    PASSED,
    {"id_no": citizen_id("20200831", 1), "birth_date": "20200831"},
)
add(
    "RC28",
    "student_registry",
    "five_a_day_later",
    WARNED,
    {"id_no": citizen_id("20200901", 1), "birth_date": "20200901"},
)
