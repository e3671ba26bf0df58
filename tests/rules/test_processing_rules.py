"""Rules of processing: the mini province passes them; each is then broken in at least one way."""

from datetime import date

import pytest

from expectations.gate import Gate
from expectations.processing import RULES
from expectations.registers import of
from expectations.rule import Stage
from tests.unit.test_mini_province_data import PERIOD, A, empty_province, fill, population
from warehouse.model import load_models, run_model

GROSS = "mart.gross_enrolment__region_year"
ENROLMENT = "mart.enrolment__county_stage_month"
GROSS_ROWS = """SELECT '2025-09' AS period, * FROM (VALUES ('county', 'a', 1, 2), ('county', 'b', 3, 4), ('province', 'p', 4, 6))
    r(region_level, region_code, numerator, denominator)
    CROSS JOIN (SELECT 'gross_primary' AS measure_code, 90.0 AS value_unrounded, 'school' AS region_basis_code,
                '1' AS population_basis_code, 2024 AS population_year)"""
LINEAGE = "SELECT 'core.a' AS model, '{\"raw.a\": \"1\"}' AS inputs, 'c' AS code_version, 'f' AS fingerprint"
COLUMNS = (
    "SELECT 'd' AS dataset, 'tables' AS kind, 'core.d' AS table_name, 'sex_code' AS column_name, '' AS header, "
    "'VARCHAR' AS type, 'raw' AS zone"
)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with empty_province(tmp_path_factory.mktemp("processing")) as province:
        fill(province)
        province.run()
        yield province.session


def failing(session, dataset, statement=None, *, rows=None):
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS {rows or f'SELECT * FROM {dataset} WHERE period = {PERIOD!r}'}"
    )
    if statement:
        session.execute(statement.replace("{t}", "judged"))
    with Gate(session.con, failures_table=None) as gate:
        report = gate.run(Stage.PROCESSING, dataset, "judged", RULES, {"period": PERIOD})
    assert not report.errors
    return {r.rule_id for r in report.failed}


def test_a_county_that_keeps_back_its_vocational_registry_stops_nobody(tmp_path):
    with empty_province(tmp_path) as province:
        fill(province)
        province.session.execute("DELETE FROM raw.vocational_registry__student")
        province.session.execute("DELETE FROM ops.delivery__version WHERE source = 'vocational_registry'")
        province.run()
        for dataset in (GROSS, ENROLMENT, "use.measure__region_year"):
            assert "RP10" not in failing(province.session, dataset)


@pytest.mark.parametrize(
    "dataset", [GROSS, ENROLMENT, "core.graduate__person_year", "core.enrolment__person_month"]
)
def test_the_mini_province_passes(session, dataset):
    # The mini province holds one person who is registered twice, and one destination code of the wrong list.
    known = {"core.enrolment__person_month": {"RP04"}, "core.graduate__person_year": {"RP13"}}
    assert failing(session, dataset) == known.get(dataset, set())


def test_rp01_lineage(session):
    assert failing(session, "lineage", rows=LINEAGE) == set()
    for column, value in (
        ("inputs", "NULL"),
        ("inputs", "'{}'"),
        ("code_version", "NULL"),
        ("fingerprint", "NULL"),
    ):
        assert failing(session, "lineage", f"UPDATE {{t}} SET {column} = {value}", rows=LINEAGE) == {"RP01"}


PERSON, IDENTITY = "core.person__record", "core.identity__record"


@pytest.mark.parametrize("dataset", [PERSON, IDENTITY])
def test_rp02_rp03_pass(session, dataset):
    assert failing(session, dataset) == set()


@pytest.mark.parametrize(
    ("rule", "dataset", "statement"),
    [
        ("RP02", PERSON, "UPDATE {t} SET tier = NULL WHERE row_no = 1"),
        ("RP02", PERSON, "UPDATE {t} SET tier = 'X' WHERE row_no = 1"),
        ("RP02", PERSON, "UPDATE {t} SET tier = 'S', score = 0.98 WHERE row_no = 1"),
        ("RP02", PERSON, "UPDATE {t} SET tier = 'T1', score = NULL WHERE row_no = 1"),
        ("RP03", IDENTITY, "UPDATE {t} SET tier = 'number' WHERE row_no = 1"),
        ("RP03", IDENTITY, "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"),
        ("RP03", PERSON, "UPDATE {t} SET person_id = uuid() WHERE row_no = 1"),
        (
            "RP03",
            "core.enrolment__person_month",
            "DELETE FROM {t} WHERE is_duplicate; UPDATE {t} SET is_id_shared = true",
        ),
    ],
)
def test_rp02_rp03_fail(session, rule, dataset, statement):
    assert failing(session, dataset, statement) == {rule}


def test_rp02_a_pair_that_waits_is_not_linked(session):
    one, other = (
        r[0] for r in session.rows("SELECT profile FROM core.person_link__history ORDER BY seq LIMIT 2")
    )
    session.execute("BEGIN")
    try:
        session.execute(
            "INSERT INTO core.person_review__pair VALUES (uuid(), 'unsure', ?, ?, 0.7, '{}', 'p', '2025-09')",
            [one, other],
        )
        assert failing(session, PERSON) == set()
        session.execute(
            "UPDATE core.person_link__history SET evidence = json_object('with', ?::VARCHAR)::VARCHAR WHERE profile = ?",
            [other, one],
        )
        assert failing(session, PERSON) == {"RP02"}
    finally:
        session.execute("ROLLBACK")


def test_rp03_a_merge_without_a_word_in_the_ledger(session):
    one, other = (r[0] for r in session.rows("SELECT person_id FROM core.person__id ORDER BY 1 LIMIT 2"))
    session.execute("BEGIN")
    try:
        session.execute(
            "UPDATE core.person__id SET status = 'merged', merged_into = ? WHERE person_id = ?", [one, other]
        )
        assert failing(session, PERSON) == {"RP03"}
    finally:
        session.execute("ROLLBACK")


def test_rp04_one_active_registration(session):
    table = "core.enrolment__person_month"
    assert failing(session, table, "DELETE FROM {t} WHERE is_duplicate") == set()
    assert failing(session, table, "UPDATE {t} SET is_duplicate = true, is_active = false") == set()
    assert failing(session, table, "UPDATE {t} SET is_duplicate = true") == {"RP04"}


@pytest.mark.parametrize(
    ("dataset", "statement"),
    [
        (ENROLMENT, "DELETE FROM {t} WHERE rowid = (SELECT max(rowid) FROM {t} WHERE n_pupils > 0)"),
        (ENROLMENT, "UPDATE {t} SET n_pupils = n_pupils + 1 WHERE rowid = (SELECT min(rowid) FROM {t})"),
        (GROSS, "UPDATE {t} SET numerator = numerator + 1 WHERE region_level = 'province'"),
        (GROSS, "UPDATE {t} SET denominator = denominator + 1 WHERE region_level = 'province'"),
    ],
)
def test_rp10_sums(session, dataset, statement):
    rows = GROSS_ROWS if dataset == GROSS else None
    assert failing(session, dataset, rows=rows) == set()
    assert failing(session, dataset, statement, rows=rows) == {"RP10"}


def test_rp10_says_nothing_while_a_county_is_missing(session):
    gap = "UPDATE {t} SET numerator = NULL WHERE region_code = 'a'"
    assert failing(session, GROSS, gap, rows=GROSS_ROWS) == set()


def test_rp11_band(session):
    assert failing(session, GROSS, "UPDATE {t} SET value_unrounded = 130.0") == set()
    assert failing(session, GROSS, "UPDATE {t} SET value_unrounded = 270.45") == {"RP11"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET region_basis_code = NULL WHERE region_level = 'province'",
        "UPDATE {t} SET population_year = population_year + 1 WHERE region_level = 'province'",
        "UPDATE {t} SET population_basis_code = '3' WHERE region_level = 'province'",
    ],
)
def test_rp12_one_basis(session, statement):
    assert "RP12" in failing(session, GROSS, statement)


def test_rp09_statistics_and_register(session):
    table = "mart.reconciliation__region_measure"
    # 13 pupils by the statistics, 12 by the registries of two counties of three
    assert failing(session, table) == {"RP09"}
    assert failing(session, table, "UPDATE {t} SET status_code = 'agrees'") == set()


def test_rp10_measures(session):
    table = "use.measure__region_year"
    assert failing(session, table) == set()
    assert failing(session, table, "UPDATE {t} SET value = value + 1 WHERE region_level = 'province' AND origin_code = 'computed' "
                   "AND measure_code = 'population_3_5'") == {"RP10"}  # fmt: skip


def test_rp11_and_rp12_of_indicators(session):
    table = "mart.indicator_value__region_year"
    sound = f"SELECT * FROM {table} WHERE period = {PERIOD!r} AND variant_id = 'I03'"
    assert failing(session, table, rows=sound) == set()
    assert failing(
        session, table, "UPDATE {t} SET value_unrounded = 270.45 WHERE region_level = 'province'", rows=sound
    ) == {"RP11"}
    assert failing(
        session,
        table,
        "UPDATE {t} SET reason_code = 'mixed_basis' WHERE region_level = 'province'",
        rows=sound,
    ) == {"RP12"}


def test_rp12_one_source_for_one_cell(tmp_path):
    with empty_province(tmp_path) as p:
        delivery = p.deliver("population", "63")
        for as_of, total in ((date(2025, 11, 1), 10), (date(2025, 6, 30), 12)):
            population(p, A, {4: (total, 0)}, delivery, as_of_date=as_of)
        p.run()
        assert failing(p.session, "core.population__region_age") == {"RP12"}
        p.session.execute(
            "UPDATE raw.population__region_age SET as_of_date = '2025-11-01', n_total = 10 WHERE age_label = '4'"
        )
        assert failing(p.session, "core.population__region_age") == set()


@pytest.mark.parametrize("column", ["destination_scheme", "rate_group_code"])
def test_rp13_code_list_version(session, column):
    table = "core.graduate__person_year"
    sound = "SELECT * FROM core.graduate__person_year WHERE destination_scheme IS NOT NULL"
    assert failing(session, table, rows=sound) == set()
    assert failing(session, table, f"UPDATE {{t}} SET {column} = NULL", rows=sound) == {"RP13"}


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (None, {}),
        (None, {"column_name": "id_no_token", "type": "UUID"}),
        (None, {"column_name": "change_reason_code", "kind": "extracts"}),
        ("RP14", {"column_name": "id_no"}),
        ("RP14", {"column_name": "guardian1_phone"}),
        ("RP14", {"column_name": "name", "kind": "extracts"}),
        ("RP22", {"column_name": "change_reason_code"}),
        ("RP22", {"column_name": "death_date"}),
    ],
)
def test_columns(session, rule, values):
    changed = ", ".join(f"{k} = '{v}'" for k, v in values.items())
    statement = f"UPDATE {{t}} SET {changed}" if changed else None
    found = failing(session, "ref.dataset_column", statement, rows=COLUMNS)
    assert found == ({rule} if rule else set())


def test_rp17_a_changed_table_is_approved(tmp_path, monkeypatch):
    from warehouse import reference, reference_changes
    from warehouse.errors import UsageError

    for file in reference.REFERENCE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with empty_province(tmp_path) as p:
        s = p.session
        changes = "SELECT * FROM ops.reference__in_force"
        # as it came with the installation
        assert failing(s, "reference_change", rows=changes) == set() and reference_changes.waiting(s) == []
        assert reference_changes.record(s) == 0
        monkeypatch.setattr(reference, "REFERENCE", tmp_path)
        table = tmp_path / "threshold.csv"
        table.write_bytes(
            table.read_bytes().replace(b"warning_min_entrants,20,", b"warning_min_entrants,15,")
        )
        assert reference_changes.record(s) == 1
        assert failing(s, "reference_change", rows=changes) == {"RP17"}
        for tables, document in ((["threshold"], " "), (["county"], "paper"), ([], "paper")):
            with pytest.raises(UsageError):
                reference_changes.approve(s, tables, document, "u-1")
        assert reference_changes.approve(s, ["threshold"], "青教基〔2026〕1号", "u-1") == ["threshold"]
        assert failing(s, "reference_change", rows=changes) == set()
        # the next change needs its own approval
        table.write_bytes(
            table.read_bytes().replace(b"warning_min_entrants,15,", b"warning_min_entrants,10,")
        )
        reference_changes.record(s)
        assert failing(s, "reference_change", rows=changes) == {"RP17"}


def test_rp19_the_same_again(session):
    runs = "SELECT * FROM ops.model_content__run"
    assert failing(session, "reprocessing", rows=runs) == set()
    # computed again from the same inputs: no second result
    n = session.value("SELECT count(*) FROM ops.model_content__run")
    session.execute("DELETE FROM ops.model_run__model_period WHERE model = 'use.measure__region_year'")
    model = load_models()["use.measure__region_year"]
    assert not run_model(session, model, PERIOD, reference="test", code_version="test").skipped
    assert session.value("SELECT count(*) FROM ops.model_content__run") == n
    other = "INSERT INTO {t} SELECT model, period, fingerprint, engine, 'other' FROM {t} LIMIT 1"
    assert failing(session, "reprocessing", other, rows=runs) == {"RP19"}
    # a new version of the engine hashes anew; changed inputs are another state
    for change in ("engine = 'v9'", "fingerprint = 'new'"):
        statement = f"{other}; UPDATE {{t}} SET {change} WHERE content = 'other'"
        assert failing(session, "reprocessing", statement, rows=runs) == set()


def test_every_rule_is_broken_here():
    # those of the history of persons are broken in tests/history
    elsewhere = {"RP06", "RP07", "RP08", "RP15", "RP23"}
    here = {f"RP{n:02d}" for n in (1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 17, 19, 22)}
    assert {r.id for r in RULES if r not in of(Stage.PROCESSING)} == here | elsewhere
