"""Named cases: who must become one person, who must not, and who must be asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from warehouse.engine.duckdb import Session
from warehouse.people import match, normalise
from warehouse.people.step import MODEL
from warehouse.pseudonym import install as install_tokens

A, B = "630102", "632701"
BORN = date(2012, 5, 17)


def citizen(area: str, born: date, sequence: int) -> str:
    """A valid number in an area that was never allocated."""
    first = f"{int(area) + 5000}{born:%Y%m%d}{sequence:03d}"
    total = sum(
        int(c) * w for c, w in zip(first, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    return first + "10X98765432"[total % 11]


@dataclass
class Row:
    """One record of a register."""

    source: str
    name: str
    id_no: str | None = None
    number: int | None = None
    birth: date | None = BORN
    sex: str | None = "1"
    county: str | None = A
    guardians: list[str] = field(default_factory=list)
    guardian_ids: list[str] = field(default_factory=list)


ID = citizen(A, BORN, 123)
POOR, SCHOOL, GRAD, DISABLED = (
    "poverty_register",
    "student_registry",
    "graduate_register",
    "disability_roster",
)


def run(
    folder: Path, rows: list[Row], *, model: Path | None = MODEL, gone: tuple[int, ...] = ()
) -> tuple[list[int], set[tuple[int, int]]]:
    """Entity of each row, and pairs of rows that were asked about. Rows in `gone` stood there last month only."""
    con = duckdb.connect()
    session = Session(con, folder)
    try:
        install_tokens(session, b"\x01" * 32)
        normalise.install(session)
        session.execute(
            "CREATE TEMP TABLE incoming (source VARCHAR, delivery_id VARCHAR, row_no BIGINT, numbers UUID[], birth DATE, sex VARCHAR, "
            "ethnic VARCHAR, county VARCHAR, household UUID)"
        )
        session.execute(
            "CREATE TEMP TABLE identity (delivery_id VARCHAR, row_no BIGINT, name VARCHAR, id_no VARCHAR, guardians VARCHAR[], "
            "guardian_ids VARCHAR[])"
        )
        for n, r in enumerate(rows):
            numbers = [UUID(int=r.number)] if r.number else []
            con.execute(
                "INSERT INTO incoming VALUES (?, 'd', ?, ?::UUID[], ?, ?, '01', ?, NULL)",
                [r.source, n, numbers, r.birth, r.sex, r.county],
            )
            con.execute(
                "INSERT INTO identity VALUES ('d', ?, ?, ?, ?::VARCHAR[], ?::VARCHAR[])",
                [n, r.name, r.id_no, r.guardians, r.guardian_ids],
            )
        session.execute("CREATE TEMP TABLE known (profile UUID, person_id UUID, in_force BOOLEAN)")
        session.execute("CREATE TEMP TABLE decision (left_profile UUID, right_profile UUID, verdict VARCHAR)")
        normalise.profiles(session)
        row_of = dict(
            session.rows("SELECT p.n, min(r.row_no) FROM profile p JOIN row_out r USING (profile) GROUP BY 1")
        )
        for row in gone:
            session.execute(
                "UPDATE record SET in_force = false WHERE profile = (SELECT profile FROM row_out WHERE row_no = ?)",
                [row],
            )
        match.match(session, model=model)
        entity = dict(session.rows("SELECT n, ent FROM member"))
        place = dict(session.rows("SELECT r.row_no, p.n FROM row_out r JOIN profile p USING (profile)"))
        asked = {tuple(sorted((row_of[a], row_of[b]))) for a, b in session.rows("SELECT l, r FROM review")}
        return [entity[place[n]] for n in range(len(rows))], asked  # type: ignore[return-value]
    finally:
        con.close()


JOINED = {
    "same id and name": [Row(SCHOOL, "王小明", ID), Row(POOR, "王小明", ID)],
    "dots of every kind": [Row(SCHOOL, "多杰·才让", ID), Row(POOR, "多杰•才让", ID)],
    "no dot": [Row(SCHOOL, "多杰·才让", None), Row(POOR, "多杰才让", None)],
    "another spelling of a Tibetan name": [Row(SCHOOL, "扎西卓玛", ID), Row(POOR, "札西卓麻", ID)],
    "another spelling, no id": [Row(SCHOOL, "仁青拉毛", None), Row(POOR, "仁钦拉姆", None)],
    "one-word name with id": [Row(SCHOOL, "扎西", ID), Row(POOR, "扎西", ID)],
    "homophone": [Row(SCHOOL, "王小明", ID), Row(POOR, "王晓明", ID)],
    "surname with two readings": [Row(SCHOOL, "单小明", ID), Row(POOR, "单晓明", ID)],
    "check character wrong": [
        Row(SCHOOL, "王小明", ID),
        Row(POOR, "王小明", ID[:17] + ("1" if ID[17] != "1" else "2")),
    ],
    "neighbours exchanged": [
        Row(SCHOOL, "王小明", ID),
        Row(POOR, "王小明", ID[:15] + ID[16] + ID[15] + ID[17]),
    ],
    "a digit dropped": [Row(SCHOOL, "王小明", ID), Row(POOR, "王小明", ID[:9] + ID[10:])],
    "cut by a spreadsheet": [Row(SCHOOL, "王小明", ID), Row(POOR, "王小明", ID[:15] + "000")],
    "no id, same name birth sex county": [Row(SCHOOL, "王小明", None), Row(POOR, "王小明", ID)],
    "disability number begins with the id": [
        Row(SCHOOL, "王小明", ID),
        Row(DISABLED, "王小明", ID, birth=None),
    ],
    "one-word name, no id, another county, same guardian": [
        Row(SCHOOL, "扎西", None, guardians=["才让多杰"]),
        Row(POOR, "扎西", ID, county=B, guardians=["才让多杰"]),
    ],
    "homophone, no id, same guardian": [
        Row(SCHOOL, "王小明", None, guardians=["王建国"]),
        Row(POOR, "王晓明", ID, county=B, guardians=["王建国", "李秀英"]),
    ],
    "no id, a slip in the birth date, same guardian and county": [
        Row(SCHOOL, "王小明", None, birth=date(2012, 5, 18), guardians=["王建国"]),
        Row(POOR, "王小明", ID, guardians=["王建国"]),
    ],
    "character of two mistyped, id and birth the same": [Row(SCHOOL, "王军", ID), Row(POOR, "玉军", ID)],
    "character lost": [Row(SCHOOL, "扎西", ID), Row(POOR, "?西", ID)],
    "given name replaced, id and birth the same": [Row(SCHOOL, "王小明", ID), Row(POOR, "王海燕", ID)],
    "disability number of 22 digits": [
        Row(SCHOOL, "多杰·才让", ID),
        Row(DISABLED, "多杰才让", ID, birth=None, guardians=["扎西"]),
    ],
    "three sources, dots and a spelling": [
        Row(SCHOOL, "扎西·卓玛", ID),
        Row(POOR, "扎西卓玛", ID),
        Row(DISABLED, "札西•卓麻", ID, birth=None),
    ],
    "same student number, id corrected": [
        Row(SCHOOL, "王小明", ID, number=7),
        Row("student_change", "王小明", citizen(A, BORN, 125), number=7, birth=None, sex=None, county=None),
    ],
}


@pytest.mark.parametrize("case", JOINED)
def test_one_person(tmp_path: Path, case: str) -> None:
    entities, _ = run(tmp_path, JOINED[case])
    assert len(set(entities)) == 1


def test_temporary_student_number_replaced(tmp_path: Path) -> None:
    """L → G: last month without, this month with the final number; the id and name agree."""
    rows = [Row(SCHOOL, "王小明", ID, number=1), Row(SCHOOL, "王小明", ID, number=2)]
    assert len(set(run(tmp_path, rows, gone=(0,))[0])) == 1


def test_id_replaced_by_another_under_the_same_number(tmp_path: Path) -> None:
    """The old record is gone; side by side they are two people with one number."""
    rows = [
        Row(SCHOOL, "王小明", ID, number=1),
        Row(SCHOOL, "王小明", citizen(B, BORN, 777), number=1, birth=None),
    ]
    assert len(set(run(tmp_path, rows, gone=(0,))[0])) == 1
    assert len(set(run(tmp_path, rows)[0])) == 2


def test_number_without_id_replaced(tmp_path: Path) -> None:
    """J → G: last month no id at all; linked by name, birth, sex and county, because the old record is gone."""
    rows = [Row(SCHOOL, "王小明", None, number=1), Row(SCHOOL, "王小明", ID, number=2)]
    assert len(set(run(tmp_path, rows, gone=(0,))[0])) == 1
    assert len(set(run(tmp_path, rows)[0])) == 2  # side by side in one register they are two


OTHER = citizen(A, date(2010, 3, 2), 123)
PARENT = citizen(A, date(1980, 1, 9), 123)
APART = {
    "same id, another name": [Row(SCHOOL, "王小明", ID), Row(POOR, "李海燕", ID, birth=None)],
    "brother's id": [Row(SCHOOL, "王建军", OTHER, birth=date(2010, 3, 2)), Row(POOR, "王小明", OTHER)],
    "brothers with one character of two": [Row(SCHOOL, "王军", OTHER, birth=date(2010, 3, 2)), Row(POOR, "王明", OTHER)],
    "brother's id with his birth date, both in one household": [
        Row(SCHOOL, "王小军", ID), Row(POOR, "王小刚", ID, guardians=["王小军", "王建国"]),
    ],
    "sister of the same county and guardian, born the next month": [
        Row(SCHOOL, "王小明", None, guardians=["王建国"]), Row(POOR, "王晓敏", None, birth=date(2012, 6, 17), guardians=["王建国"]),
    ],
    "same name and guardian, valid ids far apart, another county": [
        Row(SCHOOL, "扎西", ID, guardians=["多杰"]), Row(POOR, "扎西", citizen(B, BORN, 777), county=B, guardians=["多杰"]),
    ],
    "id and birth the same, nothing of the name": [Row(SCHOOL, "王小明", ID), Row(POOR, "李海燕", ID)],
    "parent's id on a child": [
        Row(POOR, "王建国", PARENT, birth=date(1980, 1, 9)),
        Row(SCHOOL, "王小明", PARENT, guardians=["王建国"], guardian_ids=[PARENT]),
    ],
    "two brothers with one id": [Row(SCHOOL, "王小军", ID, number=1), Row(SCHOOL, "王小强", ID, number=2, birth=date(2014, 1, 1))],
    "placeholder of ones": [Row(SCHOOL, "王小明", "1" * 18, birth=None), Row(POOR, "王小明", "1" * 18, birth=None)],
    "placeholder 0000": [
        Row(SCHOOL, "王小明", ID[:14] + "0000", birth=None, county=A),
        Row(POOR, "王小明", ID[:14] + "0000", birth=None, county=B),
    ],
    "same name and county, born another day, both ids valid": [
        Row(SCHOOL, "扎西", ID), Row(POOR, "扎西", OTHER, birth=date(2010, 3, 2)),
    ],
    "same name, birth and county, both ids valid and far apart": [Row(SCHOOL, "扎西", ID), Row(POOR, "扎西", citizen(B, BORN, 777))],
    "three with the same name, birth and county": [
        Row(SCHOOL, "扎西", None, number=1), Row(SCHOOL, "扎西", None, number=2), Row(POOR, "扎西", None),
    ],
    "same number of a school's own and same name, two ids": [
        Row("aid_record", "才多", ID, number=5, birth=None, sex=None, county=None),
        Row("aid_record", "才多", OTHER, number=5, birth=None, sex=None, county=None),
    ],
    "same number in two colleges": [Row(GRAD, "王小明", None, number=5, birth=None), Row(GRAD, "李海燕", None, number=5, birth=None)],
}  # fmt: skip


@pytest.mark.parametrize("case", APART)
def test_not_one_person(tmp_path: Path, case: str) -> None:
    entities, _ = run(tmp_path, APART[case])
    assert len(set(entities)) == len(entities)


def test_twins(tmp_path: Path) -> None:
    """Neighbouring numbers, one birth date, one guardian: each finds himself, even when one has the other's number."""
    one, two = citizen(A, BORN, 123), citizen(A, BORN, 125)
    kin = ["王建国"]
    rows = [
        Row(SCHOOL, "王大龙", one, guardians=kin), Row(SCHOOL, "王小虎", two, guardians=kin),
        Row(POOR, "王大龙", one, guardians=kin), Row(POOR, "王小虎", one, guardians=kin),
    ]  # fmt: skip
    entities, _ = run(tmp_path, rows)
    assert entities[0] == entities[2] and entities[0] != entities[1]
    assert entities[3] not in (entities[0],)


def test_two_hold_the_id_so_half_a_name_is_not_enough(tmp_path: Path) -> None:
    rows = [Row(SCHOOL, "王小军", ID, number=1), Row(SCHOOL, "李小兵", ID, number=2), Row(POOR, "王大勇", ID)]
    entities, _ = run(tmp_path, rows)
    assert len(set(entities)) == 3


def test_the_same_id_with_another_name_is_asked_about(tmp_path: Path) -> None:
    _, asked = run(tmp_path, APART["same id, another name"])
    assert asked == {(0, 1)}


def test_without_the_model_the_tiers_do_their_part(tmp_path: Path) -> None:
    assert len(set(run(tmp_path, JOINED["check character wrong"], model=None)[0])) == 1
