"""The fixtures of the rules of collection, as a table: what is changed in a valid delivery, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from expectations.collection.columns import mandatory, others_ids, own_ids
from rules.fixtures import (
    BASE,
    CHILD,
    CLOSED,
    COUNTY,
    DISABLED,
    GRADUATE_DBASE,
    HEAD,
    PERIOD,
    PUPIL,
    RECEIVED,
    SPECIAL,
    Row,
    World,
    citizen_id,
    damaged,
    encode,
    rows_of,
    wrong_check,
)
from warehouse.contract import load_contracts

PASSED, WARNED, QUARANTINED, REFUSED = "passed", "warned", "quarantined", "refused"
EARLIER_PERIOD = "2026-02"
Rows = Callable[[], Sequence[Row] | bytes]


@dataclass(frozen=True)
class Case:
    """One delivered file.

    rule      the rule that the file is about
    expected  passed: no rule says anything; otherwise what becomes of the file (refused) or of `rows`
    rows      numbers of the rows that the rule catches; all other rows must be clean
    also      other rules that must speak too, because the change breaks them as well
    """

    rule: str
    source: str
    label: str
    expected: str
    content: Rows
    rows: tuple[int, ...] = (1,)
    also: frozenset[str] = frozenset()
    put: dict[str, Any] = field(default_factory=dict)
    copies: int = 1

    @property
    def id(self) -> str:
        return f"{self.rule}-{self.source}-{self.label}"

    @property
    def file(self) -> str:
        return f"{self.id}.csv"


# the rules that an empty mandatory cell breaks besides
BLANK_BESIDE: dict[tuple[str, str], tuple[str, ...]] = {}

CASES: list[Case] = []


def _add(
    rule: str,
    source: str,
    label: str,
    expected: str,
    change: Row | Rows | None = None,
    *,
    row: int = 1,
    rows: tuple[int, ...] | None = None,
    also: Sequence[str] = (),
    copies: int = 1,
    **put: Any,
) -> None:
    """A case; `change` goes into row `row` of the valid rows, or makes the content as a whole."""

    def changed() -> list[Row]:
        made = rows_of(source)
        made[row - 1].update(change or {})  # type: ignore[arg-type]
        return made

    content = change if callable(change) else changed
    CASES.append(
        Case(
            rule,
            source,
            label,
            expected,
            content,
            (row,) if rows is None else rows,
            frozenset(also),
            put,
            copies,
        )
    )


def _each(rule: str, source: str, expected: str, changes: dict[str, Row], **common: Any) -> None:
    for label, change in changes.items():
        _add(rule, source, label, expected, change, **common)


# ---------------------------------------- every source: the valid rows

for _source in BASE:
    _add("base", _source, "valid", PASSED)
_add("base", "student_registry", "gb18030", PASSED, {"name": "才让䶮"}, encoding="gb18030")
_add("base", "student_registry", "utf16", PASSED, encoding="utf-16")
_add("base", "student_registry", "bom", PASSED, encoding="utf-8-sig")
_add(
    "base",
    "graduate_register",
    "dbase",
    PASSED,
    lambda: encode("graduate_register", [GRADUATE_DBASE], "gb18030"),
)

# ---------------------------------------- RC02 – RC15: the file and its envelope

F = "population"  # the smallest source: rules on files do not look at the rows
_add("RC02", F, "extra_column", WARNED, {"备用": "1"}, rows=())
_add("RC02", "student_registry", "religion", WARNED, {"宗教信仰": "无"}, rows=())
_add("RC02", F, "unnamed_column", PASSED, {" ": None})

for _field in (
    "source",
    "owner",
    "period",
    "as_of",
    "received_on",
    "sha256",
    "n_rows",
    "preparer",
    "reviewer",
    "unit_head",
):
    _add("RC07", F, f"no_{_field}", REFUSED, {"n_male": str(len(_field))}, envelope={_field: None})
_add("RC07", F, "not_sealed", REFUSED, sealed=False)
_add("RC07", F, "sealed_in_words", REFUSED, sealed="yes")
_add("RC07", F, "no_envelope", REFUSED, {"age_label": "2岁"}, envelope={})
_add("RC07", F, "unreadable_envelope", REFUSED, {"age_label": "3岁"}, envelope="{not json")
_add("RC07", F, "envelope_is_a_list", REFUSED, {"age_label": "4岁"}, envelope="[1, 2]")
_add("RC07", F, "name_instead_of_account", REFUSED, preparer="金某某")
_add("RC07", F, "impossible_date", REFUSED, as_of="2026-02-30")
_add("RC07", F, "rows_as_text", REFUSED, n_rows="1")

_add("RC07", F, "owner_on_no_list", REFUSED, {"age_label": "5岁"}, owner="639999")
_add("RC07", F, "county_instead_of_province", REFUSED, {"age_label": "6岁"}, owner=COUNTY)
_add("RC07", "graduate_register", "county_instead_of_college", REFUSED, owner=COUNTY)
_add("RC07", "student_registry", "former_county", PASSED, owner="630122")

_add("RC08", F, "preparer_reviews", REFUSED, reviewer="u.tian")
_add("RC08", F, "reviewer_heads", REFUSED, unit_head="u.shen")
_add("RC08", F, "preparer_heads", REFUSED, unit_head="u.tian")
_add("RC08", F, "only_the_case_differs", REFUSED, reviewer="U.Tian")

_add("RC09", F, "late", WARNED, rows=(), received_on="2026-03-16")
_add("RC09", F, "last_day", PASSED, received_on="2026-03-15")
_add("RC09", F, "late_with_reason", PASSED, received_on="2026-03-20", late_reason="大雪封路")

_add("RC10", F, "neither_encoding", REFUSED, lambda: encode(F, rows_of(F)) + b"\x81\x20\xff\xff\r\n")
_add("RC10", F, "nul_bytes", REFUSED, lambda: encode(F, rows_of(F)).replace(b"1200", b"12\x0000"))
_add("RC10", F, "replacement_characters", REFUSED, {"residence_code": "\ufffd\ufffd"})

for _text in ("张?", "张？", "张□", "张\ue123"):
    _add("RC10", "student_registry", f"lost_character_{ord(_text[-1]):x}", WARNED, {"name": _text})
_add("RC10", "student_registry", "rare_character", PASSED, {"name": "张䶮𬭎"})
for _source, _columns in BASE.items():
    if _source != "student_registry" and "name" in _columns[0]:
        _add("RC10", _source, "lost_character", WARNED, {"name": "张?"})

for _source, _column, _ in mandatory():
    if _source in BASE:
        _add(
            "RC11",
            _source,
            f"blank_{_column}",
            QUARANTINED,
            {_column: None},
            also=BLANK_BESIDE.get((_source, _column), ()),
        )
_add(
    "RC11", F, "column_missing", REFUSED, lambda: [{k: v for k, v in rows_of(F)[0].items() if k != "n_total"}]
)
_add("RC11", F, "column_twice", REFUSED, {"总人口": "2434"})
_add("RC11", F, "other_dataset", REFUSED, lambda: encode("aid_record", rows_of("aid_record")))
_add(
    "RC11",
    "student_registry",
    "id_column_missing",
    REFUSED,
    lambda: [{k: v for k, v in rows_of("student_registry")[0].items() if k != "id_no"}],
)

_add("RC12", F, "declared_more", REFUSED, n_rows=2)
_add("RC12", F, "declared_none", REFUSED, n_rows=0)
_add("RC12", F, "empty_file", REFUSED, lambda: b"")
_add("RC12", F, "header_only", REFUSED, lambda: encode(F, rows_of(F)).splitlines(keepends=True)[0], n_rows=1)
_add("RC12", F, "nil_return", PASSED, lambda: encode(F, rows_of(F)).splitlines(keepends=True)[0], n_rows=0)
_add("RC12", F, "damaged_zip", REFUSED, lambda: b"PK\x03\x04 this is no archive")
for _source in BASE:

    def _ragged(source: str = _source) -> bytes:
        lines = encode(source, rows_of(source)).splitlines(keepends=True)
        return b"".join([lines[0], lines[1].replace(b"\r\n", b",x,y\r\n"), *lines[2:]])

    _add("RC12", _source, "ragged", QUARANTINED, _ragged, n_rows=len(BASE[_source]))

_add("RC13", F, "twice", WARNED, rows=(), copies=2)

_add("RC14", F, "other_source", REFUSED, envelope={"source": "aid_record"})
_add("RC14", F, "other_period", REFUSED, envelope={"period": "2026-04"})
_add("RC14", F, "as_of_after_receipt", REFUSED, as_of="2026-03-13")
_add("RC14", F, "other_hash", REFUSED, sha256="0" * 64)
_add("RC14", F, "as_of_is_receipt", PASSED, as_of=RECEIVED)
_add("RC14", F, "as_of_of_another_month", WARNED, rows=(), as_of="2026-02-27")


def _titled(text: str) -> Rows:
    return lambda: text.encode() + b"\r\n" + encode(F, rows_of(F))


_add("RC14", F, "title_of_another_month", WARNED, _titled("报送月份：2026-02"), rows=())
_add("RC14", F, "title_of_this_month", PASSED, _titled("报送月份：2026年3月"))


def _ages(n: int) -> Rows:
    return lambda: [{**BASE[F][0], "age_label": f"{age}岁"} for age in range(n)]


# The same owners delivered ten rows in the month before.
EARLIER = {F: {"RC15-population-fewer": 10, "RC15-population-more": 10, "RC15-population-within": 10}}
_add("RC15", F, "fewer", WARNED, _ages(7), rows=())
_add("RC15", F, "more", WARNED, _ages(13), rows=())
_add("RC15", F, "within", PASSED, _ages(8))

# ---------------------------------------- RC16 – RC22: numbers of persons

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
    _add("RC16", _source, "check_character", QUARANTINED, {"id_no": wrong_check(_number)})
    _add("RC16", _source, "no_such_day", QUARANTINED, {"id_no": citizen_id(_number[6:10] + "0230", 5)})
    _add("RC17", _source, "scientific", QUARANTINED, {"id_no": f"{_number[0]}.{_number[1:6]}E+17"})
    _add("RC17", _source, "fifteen_digits", QUARANTINED, {"id_no": _cut})
    if "birth_date" in BASE[_source][0]:
        _add(
            "RC19",
            _source,
            "other_day",
            QUARANTINED,
            {"birth_date": _number[6:12] + ("01" if _number[12:14] != "01" else "02")},
        )
        _add(
            "RC19",
            _source,
            "other_form_same_day",
            PASSED,
            {"birth_date": f"{_number[6:10]}年{int(_number[10:12])}月{int(_number[12:14])}日"},
        )
    if "sex_code" in BASE[_source][0]:
        _add(
            "RC20",
            _source,
            "other_sex",
            WARNED,
            {"sex_code": "女" if BASE[_source][0]["sex_code"] == "男" else "男"},
        )
        _add("RC20", _source, "sex_not_told", PASSED, {"sex_code": "未说明"})
_add(
    "RC16",
    "student_registry",
    "digits_swapped",
    QUARANTINED,
    {"id_no": PUPIL[:10] + PUPIL[11] + PUPIL[10] + PUPIL[12:]},
)
_add(
    "RC16",
    "student_registry",
    "lower_case_and_full_width",
    PASSED,
    {"id_no": "'" + "".join(chr(ord(c) + 0xFEE0) for c in PUPIL) + "\t"},
)
_add(
    "RC16",
    "student_registry",
    "passport",
    PASSED,
    {"id_type_code": "护照", "id_no": "E12345678", "student_no": "J" + citizen_id("20150315", 3, "630102")},
)
_add("RC17", "student_registry", "really_ends_in_000", PASSED, {"id_no": _ENDS_IN_000, "sex_code": "女"})
_add("RC19", "poverty_register", "column_beside", QUARANTINED, {"birth_date": "19850506"})
_add("RC18", "poverty_register", "category_8", QUARANTINED, {"id_no": HEAD + "81"})
_add("RC18", "poverty_register", "level_5", QUARANTINED, {"id_no": HEAD + "45"})
_add("RC18", "poverty_register", "reissue", QUARANTINED, {"id_no": HEAD + "43C1"})
_add("RC18", "poverty_register", "twenty", PASSED, {"id_no": HEAD + "43"})
_add("RC18", "poverty_register", "twenty_two", PASSED, {"id_no": HEAD + "43b1"})
_add("RC16", "poverty_register", "twenty_check_character", QUARANTINED, {"id_no": wrong_check(HEAD) + "43"})

for _source, _column, _ in others_ids():
    _add("RC16", _source, f"{_column}_check_character", WARNED, {_column: wrong_check(HEAD)})
    _add("RC16", _source, f"{_column}_too_short", WARNED, {_column: HEAD[:16]})
    _add("RC17", _source, f"{_column}_scientific", WARNED, {_column: f"{HEAD[0]}.{HEAD[1:6]}E+17"})
_add(
    "RC16",
    "student_registry",
    "guardian_with_passport",
    PASSED,
    {"guardian1_id_type_code": "护照", "guardian1_id_no": "E12345678"},
)
_add("RC18", "disability_roster", "category_9", QUARANTINED, {"certificate_no": DISABLED + "91"})
_add("RC18", "disability_roster", "too_short", QUARANTINED, {"certificate_no": DISABLED + "4"})
_add("RC18", "disability_roster", "reissue", PASSED, {"certificate_no": "'" + DISABLED + "43b1"})

_each("RC21", "student_registry", QUARANTINED, {
    "blank": {"id_no": None},
    "placeholder": {"id_no": "无"},
    "seventeen": {"id_no": PUPIL[:17]},
    "old_fifteen": {"id_no": PUPIL[:6] + PUPIL[8:17]},
    "no_document_no_guardian": {"id_type_code": "其他", "id_no": None, "guardian1_id_no": None},
})  # fmt: skip
_add("RC21", "student_registry", "no_document_but_guardian", PASSED, {"id_type_code": "其他", "id_no": None})
_add("RC21", "preschool_registry", "blank", QUARANTINED, {"id_no": None})
_add(
    "RC21",
    "preschool_registry",
    "no_document_no_guardian",
    QUARANTINED,
    {"id_type_code": "其他", "id_no": None},
)
_add(
    "RC21",
    "preschool_registry",
    "no_document_but_guardian",
    PASSED,
    {"id_type_code": "其他", "id_no": None, "guardian1_id_no": HEAD},
)
_add("RC21", "graduate_register", "blank", QUARANTINED, {"id_no": None})
_add("RC21", "vocational_registry", "blank", QUARANTINED, {"id_no": None})
_add("RC21", "poverty_register", "blank", QUARANTINED, {"id_no": None})
for _source in (
    "aid_record",
    "disability_roster",
    "graduate_register",
    "student_change",
    "two_later_survey",
    "vocational_registry",
):
    _add("RC21", _source, "seventeen", QUARANTINED, {"id_no": PUPIL[:17]})
_add("RC21", "poverty_register", "nineteen", QUARANTINED, {"id_no": HEAD + "4"})
_add("RC21", "poverty_register", "other_document", PASSED, {"id_type_code": "其他", "id_no": "X123"})

for _source, _number in (
    ("student_registry", PUPIL),
    ("student_change", PUPIL),
    ("preschool_registry", CHILD),
):
    _each("RC22", _source, QUARANTINED, {
        "short": {"student_no": "G" + _number[:17]},
        "other_letter": {"student_no": "X" + _number},
        "too_long": {"student_no": "J" + _number + "1"},
    })  # fmt: skip
    _add("RC22", _source, "lower_case", PASSED, {"student_no": "g" + _number.lower()})
_add("RC22", "student_registry", "blank", QUARANTINED, {"student_no": None})
_add("RC22", "preschool_registry", "blank", PASSED, {"student_no": None})


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


_add("RC23", "student_registry", "two_of_twenty", WARNED, _temporary(2, 20), rows=())
_add("RC23", "student_registry", "one_of_twenty", PASSED, _temporary(1, 20))

# ---------------------------------------- RC24 – RC28: schools, codes, places, dates

for _source in (
    "student_registry",
    "preschool_registry",
    "vocational_registry",
    "class_directory",
    "aid_record",
):
    _each("RC24", _source, QUARANTINED, {
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
_NO_PLACE = {
    source: [c.name for c in contract.columns if c.kind == "county" and c.zone != "drop"]
    for source, contract in load_contracts("extracts").items()
}


def _spoilt(source: str, columns: list[str], text: str) -> Rows:
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

_each("RC25", "student_registry", QUARANTINED, {
    "ethnic_name": {"ethnic_code": "火星族"},
    "no_such_day": {"birth_date": "2011-02-30"},
    "six_digit_day": {"birth_date": "201503"},
    "flag": {"is_orphan": "可能"},
    "grade": {"grade_code": "九十年级"},
    "distance": {"dist_km": "很远"},
    "month": {"entry_month": "202113"},
})  # fmt: skip
_each("RC25", "student_registry", PASSED, {
    "zero_lost": {"ethnic_code": "4"},
    "code": {"ethnic_code": "04", "sex_code": "1", "status_code": "正常"},
    "grade_of_stage": {"grade_code": "五年级"},
    "cohort": {"grade_code": "2021级"},
    "serial_day": {"birth_date": "42078"},
})  # fmt: skip
_each("RC25", "aid_record", PASSED, {
    "ten_thousands": {"amount": "0.12万元"}, "words": {"amount": "壹仟贰佰元整"}, "groups": {"amount": "1,200.00元"}})  # fmt: skip
_each(
    "RC25", "aid_record", QUARANTINED, {"bare_words": {"amount": "壹仟"}, "other_unit": {"amount": "200美元"}}
)
_add(
    "RC25", "student_registry", "grade_of_another_stage", QUARANTINED, {"grade_code": "高一"}, also=("RC28",)
)
_add("RC25", "student_registry", "number_of_an_ethnic_group", QUARANTINED, {"ethnic_code": "35"})
for _source, _columns in BASE.items():
    for _column in (c.name for c in load_contracts("extracts")[_source].columns if c.kind == "phone"):
        # a guardian without a number that can be called is no guardian to call
        _beside = ("RC30",) if (_source, _column) == ("student_registry", "guardian1_phone") else ()
        for _label, _text in (("masked", "138****1234"), ("filler", "13800000000"), ("words", "手机")):
            _add("RC25", _source, f"{_column}_{_label}", WARNED, {_column: _text}, also=_beside)
        _add("RC25", _source, f"{_column}_two_numbers", PASSED, {_column: "0971-1234567/199 0000 0001"})

for _source, _columns in _NO_PLACE.items():
    if _columns:
        _add("RC26", _source, "no_such_place", WARNED, {_columns[0]: "长安县"})
        _add("RC26", _source, "no_such_code", WARNED, {_columns[0]: "630199"})
        _add("RC26", _source, "former_code", PASSED, {_columns[0]: "630122"})
        _add("RC26", _source, "other_province", PASSED, {_columns[0]: "440103"})
        _add("RC26", _source, "full_name", PASSED, {_columns[0]: "青海省西宁市湟中区"})
_add("RC26", "student_registry", "invented_other_district", WARNED, {"hukou_county_code": "632825"})

for _source in ("student_registry", "preschool_registry", "vocational_registry"):
    _add("RC27", _source, "future", QUARANTINED, {"entry_month": "2026-04"})
    _add("RC27", _source, "twenty_years_ago", QUARANTINED, {"entry_month": "2006-03"})
    _add("RC27", _source, "this_month", PASSED, {"entry_month": PERIOD})
    _add("RC27", _source, "nearly_twenty_years_ago", PASSED, {"entry_month": "2006-04"})

_old, _young = citizen_id("20080101", 1), citizen_id("20210101", 1)
_add("RC28", "student_registry", "too_old", WARNED, {"id_no": _old, "birth_date": "20080101"})
_add("RC28", "student_registry", "too_young", WARNED, {"id_no": _young, "birth_date": "20210101"})
_add(
    "RC28",
    "preschool_registry",
    "too_old",
    WARNED,
    {"id_no": citizen_id("20150610", 2), "birth_date": "20150610"},
)
_add(
    "RC28",
    "preschool_registry",
    "too_young",
    WARNED,
    {"id_no": citizen_id("20240610", 2), "birth_date": "20240610"},
)
_add(
    "RC28",
    "vocational_registry",
    "too_young",
    WARNED,
    {"id_no": citizen_id("20150520", 1), "birth_date": "20150520"},
)
_add(
    "RC28",
    "student_registry",
    "five_on_the_day",
    PASSED,
    {"id_no": citizen_id("20200831", 1), "birth_date": "20200831"},
)
_add(
    "RC28",
    "student_registry",
    "five_a_day_later",
    WARNED,
    {"id_no": citizen_id("20200901", 1), "birth_date": "20200901"},
)

# ---------------------------------------- RC29 – RC38: single registers

_add("RC29", "student_change", "drop_out", QUARANTINED, {"change_category_code": "退学"})
_add(
    "RC29",
    "student_change",
    "expulsion",
    QUARANTINED,
    {"change_category_code": "42", "from_grade_code": "初二"},
)
_add(
    "RC29",
    "student_change",
    "drop_out_without_grade",
    QUARANTINED,
    {"change_category_code": "31", "from_grade_code": None},
)
_add(
    "RC29",
    "student_change",
    "other_event_without_grade",
    PASSED,
    {"from_grade_code": None},
)
_add(
    "RC29",
    "student_change",
    "drop_out_of_senior_school",
    PASSED,
    {"change_category_code": "31", "from_grade_code": "高一"},
)

_each("RC30", "student_registry", WARNED, {
    "no_name": {"guardian1_name": None},
    "no_relation": {"guardian1_relation_code": None},
    "no_telephone": {"guardian1_phone": "无"},
})  # fmt: skip
_add(
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

_each("RC31", "student_registry", QUARANTINED, {
    "sight_as_hearing": {"disability_code": "视力残疾", "inclusive_code": "听力残疾随班就读"},
    "none_but_included": {"inclusive_code": "智力残疾随班就读"},
    "limbs_not_included": {"disability_code": "肢体残疾"},
})  # fmt: skip
_each("RC31", "student_registry", PASSED, {
    "sight": {"disability_code": "视力残疾", "inclusive_code": "视力残疾随班就读"},
    "limbs": {"disability_code": "肢体", "inclusive_code": "其他随班就读"},
    "special_school": {"school_id": SPECIAL, "disability_code": "智力残疾"},
})  # fmt: skip

_add("RC32", "poverty_register", "both", QUARANTINED, {"school_state_code": "小学"})
_add("RC32", "poverty_register", "neither", QUARANTINED, {"education_code": None})
_add(
    "RC33",
    "poverty_register",
    "two_heads",
    QUARANTINED,
    {"household_relation_code": "户主"},
    row=2,
    rows=(1, 2, 3),
)
_add("RC33", "poverty_register", "no_head", QUARANTINED, {"household_relation_code": "其他"}, rows=(1, 2, 3))
_add(
    "RC33",
    "poverty_register",
    "two_spouses",
    QUARANTINED,
    {"household_relation_code": "配偶"},
    row=3,
    rows=(1, 2, 3),
)
_add("RC33", "poverty_register", "four_declared", QUARANTINED, {"n_members": "4"}, row=2, rows=(1, 2, 3))
_add(
    "RC33",
    "poverty_register",
    "no_household_number",
    QUARANTINED,
    lambda: [{**row, "household_no": None} for row in rows_of("poverty_register")],
    rows=(1, 2, 3),
)
_add(
    "RC34",
    "poverty_register",
    "no_reason",
    QUARANTINED,
    {"school_state_code": None, "education_code": "小学"},
    row=3,
)
_add(
    "RC34",
    "poverty_register",
    "sixteen",
    QUARANTINED,
    {"id_no": citizen_id("20090302", 33), "school_state_code": None, "education_code": "小学"},
    row=3,
)
_add(
    "RC34",
    "poverty_register",
    "seventeen",
    PASSED,
    {"id_no": citizen_id("20090301", 33), "school_state_code": None, "education_code": "小学"},
    row=3,
)
_add(
    "RC34",
    "poverty_register",
    "reason",
    PASSED,
    {"school_state_code": None, "education_code": "小学", "not_in_school_reason_code": "厌学"},
    row=3,
)

_each("RC35", "graduate_register", QUARANTINED, {
    "no_unit": {"unit_name": None},
    "no_place": {"unit_region_code": None, "unit_region_name": None},
    "unsettled_with_unit": {"destination_code": "70", "destination_text_code": "待就业"},
    "only_the_text_no_unit": {"destination_code": None, "unit_name": None},
})  # fmt: skip
_each("RC35", "graduate_register", PASSED, {
    "further_study": {"destination_code": "801", "destination_text_code": "研究生", "unit_name": None, "unit_region_code": None},
    "unsettled": {"destination_code": "70", "destination_text_code": "待就业", "unit_name": None},
    "place_in_words": {"unit_region_code": None},
})  # fmt: skip


def _pair(**second: str) -> Rows:
    return lambda: [*rows_of("graduate_register"), *rows_of("graduate_register", **second)]


_add("RC36", "graduate_register", "twice", QUARANTINED, _pair(unit_name="另一单位"), rows=(1, 2))
_add("RC36", "graduate_register", "two_years", PASSED, _pair(graduation_year="2024"))
_add("RC36", "graduate_register", "two_persons", PASSED, _pair(id_no=citizen_id("20030809", 5)))
_add(
    "RC36",
    "graduate_register",
    "dbase_twice",
    QUARANTINED,
    lambda: encode("graduate_register", [GRADUATE_DBASE, {**GRADUATE_DBASE, "ksh": "2"}]),
    rows=(1, 2),
    n_rows=2,
)

_each("RC38", "two_later_survey", WARNED, {
    "no_visitor": {"surveyor": None}, "no_date": {"survey_date": None}, "no_evidence": {"evidence_no": "无"}})  # fmt: skip

# ----------------------------------------

ELSEWHERE = {"RC01", "RC04"}  # these judge our own registers: test_collection_rules.py spoils them
SOURCES = tuple(BASE)


def deliver(world: World, source: str) -> None:
    """Put all fixtures of a source into landing, each under an owner of its own."""
    for n, case in enumerate(c for c in CASES if c.source == source):
        content = case.content()
        # One owner, many parts: each case is a slot of its own.
        part = f"c{n:03d}"
        owner = case.put.get("owner")
        given = {"part": part, **{k: v for k, v in case.put.items() if k != "owner"}}
        for copy in range(case.copies):
            name = case.file if not copy else f"{case.id}.{copy}.csv"
            world.put(source, content, owner=owner, name=name, **given)
        if case.id in EARLIER.get(source, {}):
            world.put(
                source,
                _ages(EARLIER[source][case.id])(),
                name=f"{part}.csv",
                part=part,
                period=EARLIER_PERIOD,
            )
    for group, columns, text in (
        ("unreadable", UNREADABLE[source], "§§"),
        ("unreadable_place", _NO_PLACE[source], "§§"),
    ):
        if columns:
            world.put(
                source,
                _spoilt(source, columns, text)(),
                owner=None,
                part=group,
                name=f"{group}.csv",
            )
