"""What each source says about a person: own numbers, birth, sex, county in the warehouse; names and ids in the vault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PersonSource:
    """One source of person records.

    table     raw table
    numbers   token columns of numbers the source itself gives to a person; the first that is filled identifies the record
    group     sources of one group list each person once at a time: roll, poverty, graduate, disability; event = many rows
    order     whose record founds a person when several arrive at once (1 first)
    birth, sex, ethnic, county, household   SQL over the raw row `r`
    guardians, guardian_ids   vault columns
    """

    source: str
    table: str
    numbers: tuple[str, ...]
    group: str
    order: int
    birth: str = "NULL::DATE"
    sex: str = "NULL::VARCHAR"
    ethnic: str = "NULL::VARCHAR"
    county: str = "NULL::VARCHAR"
    household: str = "NULL::UUID"
    guardians: tuple[str, ...] = ()
    guardian_ids: tuple[str, ...] = ()


_TWO = ("guardian1_name", "guardian2_name")
_TWO_IDS = ("guardian1_id_no", "guardian2_id_no")
_SOURCES = (
    PersonSource(
        "student_registry", "raw.student_registry__student", ("student_no_token",), "roll", 1,
        "r.birth_date", "r.sex_code", "r.ethnic_code", "r.hukou_county_code", guardians=_TWO, guardian_ids=_TWO_IDS,
    ),
    PersonSource(
        "vocational_registry", "raw.vocational_registry__student", ("student_no_token",), "roll", 2,
        "r.birth_date", "r.sex_code", "r.ethnic_code", "r.hukou_county_code", guardians=("guardian1_name",),
    ),
    PersonSource(
        "preschool_registry", "raw.preschool_registry__child", ("student_no_token",), "roll", 3,
        "r.birth_date", "r.sex_code", "r.ethnic_code", "r.hukou_county_code", guardians=_TWO, guardian_ids=_TWO_IDS,
    ),
    PersonSource(
        "poverty_register", "raw.poverty_register__person", ("person_no_token",), "poverty", 4,
        "r.birth_date", "r.sex_code", "r.ethnic_code", "coalesce(r.county_code, r.owner)", "r.household_no_token",
        guardians=("head_name",), guardian_ids=("head_id_no",),
    ),
    PersonSource(
        "graduate_register", "raw.graduate_register__graduate", ("candidate_no_token", "student_no_token"), "graduate", 5,
        sex="coalesce(r.sex_code, r.sex_num_code)", ethnic="coalesce(r.ethnic_code, r.ethnic_num_code)",
        county="r.origin_county_code",
    ),
    PersonSource(
        "disability_roster", "raw.disability_roster__person", ("certificate_no_token",), "disability", 6,
        sex="r.sex_code", county="r.hukou_county_code", guardians=("guardian_name",),
    ),
    PersonSource(
        "two_later_survey", "raw.two_later_survey__person", ("person_no_token",), "event", 7,
        county="coalesce(r.county_code, r.owner)",
    ),
    PersonSource("aid_record", "raw.aid_record__payment", ("student_no_token", "person_no_token"), "event", 8),
    PersonSource("student_change", "raw.student_change__event", ("student_no_token",), "event", 9),
)  # fmt: skip
SOURCES = {s.source: s for s in _SOURCES}


def numbers_sql(source: PersonSource) -> str:
    """List of the record's own numbers (tokens), without the empty ones."""
    return f"list_filter([{', '.join('r.' + n for n in source.numbers)}], x -> x IS NOT NULL)"
