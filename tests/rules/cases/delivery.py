"""The valid rows of every source; RC02 – RC15: the file and its envelope."""

from __future__ import annotations

from expectations.collection.columns import mandatory
from rules.cases.table import (
    PASSED,
    QUARANTINED,
    REFUSED,
    WARNED,
    Rows,
    add,
)
from rules.valid_rows import BASE, COUNTY, GRADUATE_DBASE, RECEIVED, encode, rows_of

# ---------------------------------------- every source: the valid rows

for _source in BASE:
    add("base", _source, "valid", PASSED)
add("base", "student_registry", "gb18030", PASSED, {"name": "才让䶮"}, encoding="gb18030")
add("base", "student_registry", "utf16", PASSED, encoding="utf-16")
add("base", "student_registry", "bom", PASSED, encoding="utf-8-sig")
add(
    "base",
    "graduate_register",
    "dbase",
    PASSED,
    lambda: encode("graduate_register", [GRADUATE_DBASE], "gb18030"),
)

# ---------------------------------------- RC02 – RC15: the file and its envelope

F = "population"  # the smallest source: rules on files do not look at the rows
add("RC02", F, "extra_column", WARNED, {"备用": "1"}, rows=())
add("RC03", "student_registry", "religion", REFUSED, {"宗教信仰": "无"}, also=("RC02",))
add("RC03", "student_registry", "always_exported", PASSED, {"血型": "A", "电子信箱": "x@example.org"})
add("RC03", F, "photo", REFUSED, {"本人照片": "1"}, also=("RC02",))
add("RC02", F, "unnamed_column", PASSED, {" ": None})

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
    add("RC07", F, f"no_{_field}", REFUSED, {"n_male": str(len(_field))}, envelope={_field: None})
add("RC07", F, "not_sealed", REFUSED, sealed=False)
add("RC07", F, "sealed_in_words", REFUSED, sealed="yes")
add("RC07", F, "no_envelope", REFUSED, {"age_label": "2岁"}, envelope={})
add("RC07", F, "unreadable_envelope", REFUSED, {"age_label": "3岁"}, envelope="{not json")
add("RC07", F, "envelope_is_a_list", REFUSED, {"age_label": "4岁"}, envelope="[1, 2]")
add("RC07", F, "name_instead_of_account", REFUSED, preparer="金某某")
add("RC07", F, "impossible_date", REFUSED, as_of="2026-02-30")
add("RC07", F, "rows_as_text", REFUSED, n_rows="1")

add("RC07", F, "owner_on_no_list", REFUSED, {"age_label": "5岁"}, owner="639999")
add("RC07", F, "county_instead_of_province", REFUSED, {"age_label": "6岁"}, owner=COUNTY)
add("RC07", "graduate_register", "county_instead_of_college", REFUSED, owner=COUNTY)
add("RC07", "student_registry", "former_county", PASSED, owner="630122")

add("RC08", F, "preparer_reviews", REFUSED, reviewer="u.tian")
add("RC08", F, "reviewer_heads", REFUSED, unit_head="u.shen")
add("RC08", F, "preparer_heads", REFUSED, unit_head="u.tian")
add("RC08", F, "only_the_case_differs", REFUSED, reviewer="U.Tian")

MONTHLY = "student_registry"  # the calendar expects it every month, by the 5th of the next one
add("RC09", MONTHLY, "late", WARNED, rows=(), received_on="2026-04-06")
add("RC09", MONTHLY, "last_day", PASSED, received_on="2026-04-05")
add("RC09", MONTHLY, "late_with_reason", PASSED, received_on="2026-04-20", late_reason="大雪封路")
add("RC09", F, "not_expected_in_march", PASSED, received_on="2026-05-01")

add("RC10", F, "neither_encoding", REFUSED, lambda: encode(F, rows_of(F)) + b"\x81\x20\xff\xff\r\n")
add("RC10", F, "nul_bytes", REFUSED, lambda: encode(F, rows_of(F)).replace(b"1200", b"12\x0000"))
add("RC10", F, "replacement_characters", REFUSED, {"residence_code": "\ufffd\ufffd"})

for _text in ("张?", "张？", "张□", "张\ue123"):
    add("RC10", "student_registry", f"lost_character_{ord(_text[-1]):x}", WARNED, {"name": _text})
add("RC10", "student_registry", "rare_character", PASSED, {"name": "张䶮𬭎"})
for _source, _columns in BASE.items():
    if _source != "student_registry" and "name" in _columns[0]:
        add("RC10", _source, "lost_character", WARNED, {"name": "张?"})

for _source, _column, _ in mandatory():
    if _source in BASE:
        add(
            "RC11",
            _source,
            f"blank_{_column}",
            QUARANTINED,
            {_column: None},
        )
add(
    "RC11", F, "column_missing", REFUSED, lambda: [{k: v for k, v in rows_of(F)[0].items() if k != "n_total"}]
)
add("RC11", F, "column_twice", REFUSED, {"总人口": "2434"})
add("RC11", F, "other_dataset", REFUSED, lambda: encode("aid_record", rows_of("aid_record")))
add(
    "RC11",
    "student_registry",
    "id_column_missing",
    REFUSED,
    lambda: [{k: v for k, v in rows_of("student_registry")[0].items() if k != "id_no"}],
)

add("RC12", F, "declared_more", REFUSED, n_rows=2)
add("RC12", F, "declared_none", REFUSED, n_rows=0)
add("RC12", F, "empty_file", REFUSED, lambda: b"")
add("RC12", F, "header_only", REFUSED, lambda: encode(F, rows_of(F)).splitlines(keepends=True)[0], n_rows=1)
add("RC12", F, "nil_return", PASSED, lambda: encode(F, rows_of(F)).splitlines(keepends=True)[0], n_rows=0)
add("RC12", F, "damaged_zip", REFUSED, lambda: b"PK\x03\x04 this is no archive")
for _source in BASE:

    def _ragged(source: str = _source) -> bytes:
        lines = encode(source, rows_of(source)).splitlines(keepends=True)
        return b"".join([lines[0], lines[1].replace(b"\r\n", b",x,y\r\n"), *lines[2:]])

    add("RC12", _source, "ragged", QUARANTINED, _ragged, n_rows=len(BASE[_source]))

add("RC13", F, "twice", WARNED, rows=(), copies=2)

add("RC14", F, "other_source", REFUSED, envelope={"source": "aid_record"})
add("RC14", F, "other_period", REFUSED, envelope={"period": "2026-04"})
add("RC14", F, "as_of_after_receipt", REFUSED, as_of="2026-03-13")
add("RC14", F, "other_hash", REFUSED, sha256="0" * 64)
add("RC14", F, "as_of_is_receipt", PASSED, as_of=RECEIVED)
add("RC14", F, "as_of_of_another_month", WARNED, rows=(), as_of="2026-02-27")


def _titled(text: str) -> Rows:
    return lambda: text.encode() + b"\r\n" + encode(F, rows_of(F))


add("RC14", F, "title_of_another_month", WARNED, _titled("报送月份：2026-02"), rows=())
add("RC14", F, "title_of_this_month", PASSED, _titled("报送月份：2026年3月"))


def ages(n: int) -> Rows:
    return lambda: [{**BASE[F][0], "age_label": f"{age}岁"} for age in range(n)]


# The same owners delivered ten rows in the month before.
EARLIER = {F: {"RC15-population-fewer": 10, "RC15-population-more": 10, "RC15-population-within": 10}}
add("RC15", F, "fewer", WARNED, ages(7), rows=())
add("RC15", F, "more", WARNED, ages(13), rows=())
add("RC15", F, "within", PASSED, ages(8))
