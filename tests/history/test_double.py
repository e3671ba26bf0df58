"""Double enrolments of a damaged month against the ledger: all found, and nobody who is in order is called double."""

from pathlib import Path

from sample import generate
from tests.history.loading import build, take_in
from tests.memory import warehouse_in_memory

PERIOD = "2025-10"
_SOURCES = ("school_directory", "student_registry", "vocational_registry", "preschool_registry")


def test_every_double_enrolment_is_found(tmp_path: Path) -> None:
    generate(tmp_path, scale=0.01, periods=[PERIOD], csv_only=True, sources=_SOURCES)
    with warehouse_in_memory(tmp_path) as session:
        for source in _SOURCES:
            take_in(session, tmp_path / "landing", source, PERIOD)
        build(session, PERIOD, ["use.double_enrolment__person_month"])
        at = f"'{tmp_path}/truth/"
        session.execute(
            f"CREATE TEMP TABLE who AS SELECT person_id AS truth_id, CAST(md5('sfz:' || id_no) AS UUID) AS pid FROM {at}person.parquet'"
        )
        kind = "kind IN ('double', 'school-and-vocational')"
        seeded = session.rows(
            f"SELECT DISTINCT w.pid FROM {at}defect.parquet' d JOIN who w ON w.truth_id = d.person_id WHERE {kind}"
        )
        found = session.rows("SELECT person_id FROM use.double_enrolment__person_month")
        other = session.rows(
            f"SELECT DISTINCT w.pid FROM {at}defect.parquet' d JOIN who w ON w.truth_id = d.person_id WHERE NOT {kind}"
        )
        kinds = {r[0] for r in session.rows("SELECT kind_code FROM use.double_enrolment__person_month")}
        assert len(seeded) >= 4 and set(seeded) <= set(found)
        # numbers that were damaged into the number of somebody else are not told apart here
        strange = set(found) - set(seeded)
        assert strange <= set(other), strange
        assert {"two_schools", "two_registries"} <= kinds
