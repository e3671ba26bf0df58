"""Work is proportional to what changed: a model runs again only when something that it can see is different."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_mini_province_data import PERIOD, A, Province, empty_province, fill, pupil

from warehouse.model import load_models, run_model

MODELS = load_models()


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    with empty_province(tmp_path) as made:
        fill(made)
        made.run()
        yield made


def run(p: Province) -> set[str]:
    """Run all models of the month; returns those that were really run."""
    ran = set()
    for model in MODELS.values():
        if not run_model(p.session, model, PERIOD, reference="test", code_version="test").skipped:
            ran.add(model.table)
    return ran


def tables(p: Province) -> dict[str, list[tuple[object, ...]]]:
    return {t: p.session.rows(f"SELECT * FROM {t} ORDER BY ALL") for t in MODELS}


def copy_delivery(p: Province, source: str, owner: str) -> str:
    """The newest delivery of a slot again, as a next version with the same rows."""
    old, version = p.session.rows(
        "SELECT delivery_id, version FROM ops.delivery__version "
        "WHERE source = ? AND owner = ? AND status = 'accepted' ORDER BY version DESC",
        [source, owner],
    )[0]
    new = f"{old}-again"
    p.session.execute(
        "INSERT INTO ops.delivery__version SELECT * REPLACE (? AS delivery_id, ? AS version) FROM ops.delivery__version "
        "WHERE delivery_id = ?",
        [new, version + 7, old],
    )
    table = p.session.value("SELECT table_name FROM ref.source WHERE source = ?", [source])
    p.session.execute(
        f"INSERT INTO {table} SELECT * REPLACE (? AS delivery_id) FROM {table} WHERE delivery_id = ?",
        [new, old],
    )
    return new


def test_nothing_changed_runs_nothing(province: Province) -> None:
    assert run(province) == set()


def test_another_source_does_not_touch_the_pupils(province: Province) -> None:
    copy_delivery(province, "population", "63")
    ran = run(province)
    assert "core.delivery__period" in ran
    assert (
        not {
            "core.enrolment__person_month",
            "core.graduate__person_year",
            "mart.enrolment__county_stage_month",
        }
        & ran
    )


def test_a_directory_delivered_again_without_a_change_stops_the_chain(province: Province) -> None:
    """The classes name their delivery and so differ; the pupils that are made with them come out the same, and the rest rests."""
    copy_delivery(province, "class_directory", A)
    ran = run(province)
    assert {"core.class__class_month", "core.enrolment__person_month"} <= ran
    assert not {"mart.enrolment__county_stage_month", "use.school_size__school_month"} & ran


def test_a_corrected_registry_reaches_everything_that_counts_pupils(province: Province) -> None:
    again = copy_delivery(province, "student_registry", A)
    province._rows[again] = 10_000
    school = province.session.value(
        "SELECT min(school_id) FROM raw.student_registry__student WHERE delivery_id = ?", [again]
    )
    pupil(province, again, A, school, "22", 7777)
    ran = run(province)
    assert {"core.enrolment__person_month", "mart.enrolment__county_stage_month"} <= ran
    assert "mart.graduate_destination__school_major_year" not in ran


def test_rows_replayed_into_a_delivery_are_seen(province: Province) -> None:
    delivery = province.session.value(
        "SELECT min(delivery_id) FROM ops.delivery__version WHERE source = 'graduate_register'"
    )
    province.session.execute(
        "UPDATE ops.delivery__version SET n_accepted = n_accepted + 1 WHERE delivery_id = ?", [delivery]
    )
    assert "core.graduate__person_year" in run(province)


@pytest.mark.parametrize(
    "source",
    (
        "school_directory",
        "class_directory",
        "student_registry",
        "vocational_registry",
        "preschool_registry",
        "poverty_register",
        "graduate_register",
        "population",
    ),
)
def test_what_is_left_out_would_have_come_to_the_same(province: Province, source: str) -> None:
    """Soundness: drop rows of one source, run only what seems to depend on it, and compare with everything from scratch."""
    owners = province.session.rows(
        "SELECT DISTINCT owner FROM ops.delivery__version WHERE source = ? AND status = 'accepted' ORDER BY 1",
        [source],
    )
    again = copy_delivery(province, source, owners[0][0])
    table = province.session.value("SELECT table_name FROM ref.source WHERE source = ?", [source])
    province.session.execute(f"DELETE FROM {table} WHERE delivery_id = ? AND row_no % 2 = 0", [again])
    province.session.execute(
        "UPDATE ops.delivery__version SET n_accepted = 5, as_of = as_of + 3 WHERE delivery_id = ?", [again]
    )
    assert run(province)
    incremental = tables(province)
    province.session.execute("DELETE FROM ops.model_run__model_period")
    assert run(province) == set(MODELS)
    assert incremental == tables(province)


def test_sources_of_the_models_that_read_deliveries() -> None:
    found = {t: m.delivery_sources for t, m in MODELS.items() if "core.delivery__period" in m.inputs}
    assert found["core.poverty_person__period"] == {"poverty_register"}
    assert found["mart.school_size__school_month"] == {"student_registry"}
    # It counts the deliveries of everybody.
    assert found["mart.quality_scoreboard__county_source_month"] is None
