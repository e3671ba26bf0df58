"""A province of three counties that fits on a sheet of paper; the worked figures are in test_mini_province.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.memory import warehouse_in_memory
from warehouse.engine.duckdb import Session
from warehouse.model import load_models, run_model
from warehouse.people.sources import SOURCES

PERIOD = "2025-09"
A, B, C = "630102", "632301", "632322"  # A in one prefecture; B and C in another, one of the six
OLD_B = "632321"
CITY, CENTRE, SENIOR, VOCATIONAL = "2163000001", "3163000002", "3463000003", "3663000004"
KINDER_A, KINDER_B = "1163000005", "1163000006"
COLLEGE = "10743"


def token(number: int) -> UUID:
    """A stand-in for the keyed token of an identifier."""
    return UUID(int=number)


class Province:
    """Rows are put straight into `raw` and `ops`, as if every file had been read without a fault."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._rows: dict[str, int] = {}

    def put(self, table: str, **values: Any) -> None:
        """One row; columns that are not given are NULL."""
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        self.session.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()), what=table
        )

    def deliver(self, source: str, owner: str, period: str = PERIOD, **values: Any) -> str:
        """One accepted delivery; the counts of its rows come with `rows`."""
        part, version = values.get("part", ""), values.get("version", 1)
        delivery = f"{source[:9]}-{owner}-{period}-{part}-{version}"
        fixed: dict[str, Any] = {
            "delivery_id": delivery, "source": source, "owner": owner, "period": period, "part": part,
            "version": version, "file_name": "f.csv", "sha256": delivery, "n_bytes": 1, "n_read": 10, "n_accepted": 9,
            "n_quarantined": 1, "as_of": date(int(period[:4]), int(period[5:]), 1),
            "received_on": date(int(period[:4]), int(period[5:]), 8), "status": "accepted",
        }  # fmt: skip
        self.put("ops.delivery__version", **(fixed | values))
        return delivery

    def row(self, table: str, delivery: str, owner: str, **values: Any) -> None:
        """One row of a raw table with the next row number of its delivery."""
        self._rows[delivery] = self._rows.get(delivery, 0) + 1
        self.put(table, delivery_id=delivery, row_no=self._rows[delivery], owner=owner, **values)

    def link(self) -> None:
        """Persons by the one token that each row has: the index itself is tested in tests/people."""
        for source in SOURCES.values():
            tokens = ", ".join(["r.id_no_token", *(f"r.{n}" for n in source.numbers)])
            self.session.execute(
                f"""INSERT INTO core.person_profile__row
                    SELECT '{source.source}', r.delivery_id, r.row_no,
                           coalesce({tokens}, md5(r.delivery_id || ':' || r.row_no)::UUID)
                    FROM {source.table} r
                    WHERE NOT EXISTS (SELECT 1 FROM core.person_profile__row o WHERE o.delivery_id = r.delivery_id)"""
            )
        self.session.execute(
            """INSERT INTO core.person_link__history
               SELECT (SELECT count(*) FROM core.person_link__history) + row_number() OVER (ORDER BY profile), profile, '',
                      profile, profile, 'T1', 1, '{}', 'test', 'load', '2025-09'
               FROM (SELECT DISTINCT profile FROM core.person_profile__row)
               WHERE profile NOT IN (SELECT profile FROM core.person_link__history)"""
        )
        self.session.execute(
            """INSERT INTO core.person__id SELECT person_id, '2025-09', 'active', NULL FROM core.person_link__history
               WHERE person_id NOT IN (SELECT person_id FROM core.person__id)"""
        )

    def run(self, period: str = PERIOD) -> None:
        """All models of one period in their order."""
        self.link()
        for model in load_models().values():
            run_model(self.session, model, period, reference="test", code_version="test")


@contextmanager
def empty_province(folder: Path) -> Iterator[Province]:
    """An in-memory warehouse with the reference data cut down to three current counties and one old code."""
    with warehouse_in_memory(folder) as session:
        kept = f"('{A}', '{B}', '{C}', '{OLD_B}')"
        session.execute(f"DELETE FROM ref.county WHERE county_code NOT IN {kept}")
        session.execute(f"DELETE FROM ref.county_crosswalk WHERE old_code <> '{OLD_B}'")
        session.execute(f"DELETE FROM ref.region_set_member WHERE county_code NOT IN {kept}")
        yield Province(session)


def pupil(
    p: Province, delivery: str, owner: str, school: str, grade: str, person: int, **values: Any
) -> None:
    """A pupil of the school registry: in study, Han, born in 2015, entered in September 2025, class 1."""
    fixed: dict[str, Any] = {
        "school_id": school, "grade_code": grade, "class_label": "1", "id_no_token": token(person),
        "student_no_token": token(1000 + person), "sex_code": "1", "ethnic_code": "01", "birth_date": date(2015, 8, 31),
        "entry_month": "2025-09", "status_code": "01", "hukou_county_code": owner,
    }  # fmt: skip
    p.row("raw.student_registry__student", delivery, owner, **(fixed | values))


def population(
    p: Province, county: str, ages: dict[int, tuple[int, int]], delivery: str, **values: Any
) -> None:
    """Boys and girls by age; ages 3 to 17 that are not named are empty."""
    for age in range(3, 18):
        male, female = ages.get(age, (0, 0))
        fixed: dict[str, Any] = {
            "year": 2025, "as_of_date": date(2025, 11, 1), "basis_code": "2", "region_code": county,
            "residence_code": "0", "age_label": str(age), "n_male": male, "n_female": female, "n_total": male + female,
        }  # fmt: skip
        p.row("raw.population__region_age", delivery, "63", **(fixed | values))


def fill(p: Province) -> None:
    """The mini province. Thresholds are made small so that four pupils are a large class."""
    small = {"class_watch": 3, "class_large": 4, "class_super": 5, "school_max": 5, "point_small": 3,
             "point_funding_floor": 6}  # fmt: skip
    for name, value in small.items():
        p.session.execute("UPDATE ref.threshold SET value = ? WHERE threshold_id = ?", [value, name])
    p.session.execute("UPDATE ref.policy_target SET value = 5 WHERE target_id = 'T07'")
    _directories(p)
    _registries(p)
    _population(p)
    _poverty(p)
    _graduates(p)
    _reported(p)
    # a refused correction does not push out the accepted version; a warning and a quarantined row are counted
    p.deliver("student_registry", A, version=2, status="refused", refused_by="RC12", n_read=3, n_accepted=0)
    first = p.session.value(
        "SELECT delivery_id FROM ops.delivery__version WHERE source = 'student_registry' LIMIT 1"
    )
    for row, rule, severity in (
        (1, "RC20", "warn"),
        (1, "RC28", "warn"),
        (2, "RC28", "warn"),
        (9, "RC16", "quarantine"),
    ):
        p.put(
            "ops.quarantine__row_rule",
            delivery_id=first,
            row_no=row,
            rule_id=rule,
            severity=severity,
            rule_version=1,
        )


def _directories(p: Province) -> None:
    table = "raw.school_directory__school"
    a, b = p.deliver("school_directory", A), p.deliver("school_directory", B)
    common: dict[str, Any] = {"is_teaching_point": False, "has_network": True, "is_computer_room_ok": True}
    for school, kind, urban in (
        (CITY, "211", "111"),
        (SENIOR, "342", "111"),
        (VOCATIONAL, "361", "111"),
        (KINDER_A, "111", "112"),
    ):
        p.row(table, a, A, school_id=school, school_name=f"校{school}", region_code=A + "001000",
              school_run_type_code=kind, urban_rural_code=urban, n_multimedia_rooms=1, **common)  # fmt: skip
    # the centre school still stands under the old county code
    p.row(table, b, B, school_id=CENTRE, school_name="中心校", region_code=OLD_B + "100000", school_run_type_code="312",
          urban_rural_code="121", n_multimedia_rooms=9, **common)  # fmt: skip
    p.row(table, b, B, school_id=KINDER_B, school_name="村幼儿园", region_code=B + "200000", school_run_type_code="111",
          urban_rural_code="220", **(common | {"has_network": False}))  # fmt: skip
    p.row(table, b, B, school_id=CENTRE, point_code="P01", school_name="教学点", region_code=B + "200000",
          school_run_type_code="218", urban_rural_code="220", centre_school_id=CENTRE,
          **(common | {"is_teaching_point": True, "has_network": None}))  # fmt: skip
    p.row(table, b, B, school_id=CENTRE, point_code="P02", school_name="已撤教学点", region_code=B + "200000",
          school_run_type_code="218", urban_rural_code="220", centre_school_id=CENTRE, closed_date=date(2025, 8, 31),
          **(common | {"is_teaching_point": True}))  # fmt: skip
    table = "raw.class_directory__class"
    a, b = p.deliver("class_directory", A), p.deliver("class_directory", B)
    p.row(table, a, A, school_id=CITY, grade_code="11", class_label="1", n_declared=44)
    p.row(table, a, A, school_id=CITY, grade_code="11", class_label="2", n_declared=44)
    p.row(table, b, B, school_id=CENTRE, grade_code="11", class_label="1")
    p.row(table, b, B, school_id=CENTRE, grade_code="12", class_label="1", point_code="P01")
    p.row(table, b, B, school_id=CENTRE, grade_code="21", class_label="1")


def _registries(p: Province) -> None:
    a, b = p.deliver("student_registry", A), p.deliver("student_registry", B)
    for person, sex, ethnic, status in ((1, "1", "01", "01"), (2, "2", "01", "01"), (3, "1", "04", "01"), (4, "2", "03", "01"),
                                        (5, "1", "01", "02")):  # fmt: skip
        pupil(p, a, A, CITY, "11", person, sex_code=sex, ethnic_code=ethnic, status_code=status)
    for person, sex, hukou in ((11, "1", B), (12, "2", OLD_B), (13, "2", A)):
        pupil(
            p, a, A, SENIOR, "31", person, sex_code=sex, hukou_county_code=hukou, birth_date=date(2009, 9, 1)
        )
    for person, sex in ((21, "1"), (22, "1"), (23, "2"), (24, "2"), (26, "2")):
        pupil(p, b, B, CENTRE, "11", person, sex_code=sex, ethnic_code="04")
    # person 2 of county A is still listed here with an earlier entry
    pupil(p, b, B, CENTRE, "11", 2, sex_code="2", student_no_token=token(999), entry_month="2024-09")
    pupil(p, b, B, CENTRE, "12", 31, sex_code="1", ethnic_code="04")
    pupil(p, b, B, CENTRE, "12", 32, sex_code="2", ethnic_code="04")
    pupil(p, b, B, CENTRE, "21", 41, sex_code="1", ethnic_code="04")
    pupil(p, b, B, CENTRE, "21", 42, sex_code="2", ethnic_code="04", status_code="04")
    pupil(p, b, B, CENTRE, "21", 43, sex_code="1", ethnic_code="04")
    v = p.deliver("vocational_registry", A)
    for person, sex, kind, hukou in ((51, "1", "1", B), (52, "2", "3", A)):
        p.row("raw.vocational_registry__student", v, A, school_id=VOCATIONAL, grade_code="V1", class_label="1",
              id_no_token=token(person), student_no_token=token(1000 + person), sex_code=sex, ethnic_code="01",
              student_kind_code=kind, hukou_county_code=hukou, entry_month="2025-09")  # fmt: skip
    ka, kb = p.deliver("preschool_registry", A), p.deliver("preschool_registry", B)
    for delivery, owner, school, person, grade, sex in (
        (ka, A, KINDER_A, 61, "P1", "1"),
        (ka, A, KINDER_A, 62, "P3", "2"),
        (ka, A, KINDER_A, 63, "P0", "1"),
        (kb, B, KINDER_B, 64, "P2", "2"),
    ):
        p.row("raw.preschool_registry__child", delivery, owner, school_id=school, grade_code=grade, class_label="1",
              id_no_token=token(person), sex_code=sex, ethnic_code="01", birth_date=date(2021, 1, 1))  # fmt: skip


def _population(p: Province) -> None:
    d = p.deliver("population", "63", "2025-01")
    ages_a = (
        {3: (1, 1), 4: (1, 1), 5: (1, 1), 15: (3, 3)} | dict.fromkeys(range(6, 11), (1, 0)) | {11: (1, 1)}
    )
    population(p, A, ages_a, d)
    population(p, OLD_B, {3: (8, 8), 6: (4, 4), 12: (2, 1), 15: (1, 0)}, d)
    population(p, C, {3: (1, 1), 6: (1, 0), 12: (1, 0), 15: (1, 0)}, d)
    # the census is another series and a subtotal is no single age
    population(p, A, dict.fromkeys(range(3, 18), (500, 500)), d, basis_code="1", year=2020)
    p.row("raw.population__region_age", d, "63", year=2025, basis_code="2", region_code=A, residence_code="0",
          age_label=None, n_male=77, n_female=77, n_total=154)  # fmt: skip


def _poverty(p: Province) -> None:
    table = "raw.poverty_register__person"
    a, b = p.deliver("poverty_register", A, "2025-06"), p.deliver("poverty_register", B, "2025-07")
    born = date(2015, 8, 31)
    p.row(
        table,
        a,
        A,
        id_no_token=token(21),
        school_state_code="03",
        county_code=A,
        sex_code="1",
        birth_date=born,
    )
    for values in (
        {"id_no_token": token(21), "school_state_code": "03", "sex_code": "1", "birth_date": born},
        {"id_no_token": token(23), "school_state_code": "03"},
        {
            "id_no_token": token(24),
            "school_state_code": "03",
            "sex_code": "1",
            "birth_date": date(2014, 1, 1),
        },
        {"id_no_token": token(42), "school_state_code": "06", "sex_code": "2", "birth_date": born},
        {"person_no_token": token(7005), "school_state_code": "07"},
        {"id_no_token": token(7006), "birth_date": date(2015, 9, 1)},
        {"id_no_token": token(7007), "birth_date": date(1980, 1, 1)},
        {"id_no_token": token(7008), "birth_date": date(2008, 1, 1), "school_state_code": "20"},
    ):
        p.row(table, b, B, county_code=OLD_B, **values)


def _graduates(p: Province) -> None:
    table = "raw.graduate_register__graduate"
    common: dict[str, Any] = {"college_code": COLLEGE, "major_code": "080901", "degree_level_code": "31"}
    first = p.deliver("graduate_register", COLLEGE, "2025-08", part="2025")
    codes = ["10", "10", "11", "271", "70", "76", "75", "801", "70", "71"]
    for n, code in enumerate(codes):
        p.row(
            table,
            first,
            COLLEGE,
            id_no_token=token(8000 + n),
            graduation_year=2025,
            destination_code=code,
            **common,
        )
    # the fifth one has signed by September
    later = p.deliver("graduate_register", COLLEGE, "2025-09", part="2025")
    p.row(
        table, later, COLLEGE, id_no_token=token(8004), graduation_year=2025, destination_code="10", **common
    )
    old = p.deliver("graduate_register", COLLEGE, "2019-12", part="2019")
    for n, code in enumerate(["27", "80", "801", "65"]):
        p.row(
            table,
            old,
            COLLEGE,
            id_no_token=token(8100 + n),
            graduation_year=2019,
            destination_code=code,
            **common,
        )


def reported(p: Province, delivery: str, measure: str, value: float, year: int = 2025, **values: Any) -> None:
    """One cell of the reported statistics: a final figure of the province, by location of the school, in single units."""
    fixed: dict[str, Any] = {
        "year": year, "as_of_date": date(year, 9, 1), "region_code": "630000", "measure_code": measure,
        "region_basis_code": "school_location", "value": value, "unit_code": "0", "figure_status_code": "1",
    }  # fmt: skip
    p.row("raw.reported_statistics__region_year", delivery, "63", **(fixed | values))


def _reported(p: Province) -> None:
    d = p.deliver("reported_statistics", "63", "2025-01")
    reported(p, d, "model_vocational_schools", 21)
    reported(p, d, "teachers_primary", 4)
    reported(p, d, "pupils_primary", 13)
    # two of the three counties; the year of the target was met with three of four
    reported(p, d, "counties_balanced", 3, 2018)
    reported(p, d, "counties_all", 4, 2018)
    reported(p, d, "counties_balanced", 2)
    reported(p, d, "counties_all", 3)
