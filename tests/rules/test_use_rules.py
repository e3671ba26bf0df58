"""Rules of use: columns that must not reach analysts or dashboards; looks at persons; what decides about persons."""

import pytest

from expectations.registers import of
from expectations.rule import Stage
from expectations.use import RULES
from rules.fixtures import copy_world
from rules.test_storage_rules import Store
from warehouse import ledger


@pytest.fixture(scope="module")
def store(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("use") / "world")
    with world.session() as session:
        yield Store(world, session, "RU")


def test_the_catalogue_passes(store):
    assert store.failing("ref.dataset_column") == {}


_COLUMN = (
    "INSERT INTO {{t}} SELECT 'spoilt', '{kind}', 'mart.spoilt', '{name}', '{header}', '', '{type}', 'code', '{tier}', "
    "'raw', false, NULL"
)


@pytest.mark.parametrize(
    ("rule", "kind", "column"),
    [
        ("RU07", "marts", {"name": "n_pupils", "tier": "L3"}),
        ("RU07", "marts", {"name": "n_pupils", "tier": "L4"}),
        ("RU07", "marts", {"name": "who", "type": "UUID"}),
        ("RU07", "marts", {"name": "id_no_token"}),
        ("RU07", "marts", {"name": "person_key"}),
        ("RU07", "marts", {"name": "row_no", "type": "BIGINT"}),
        ("RU07", "marts", {"name": "birth_date", "type": "DATE"}),
        (None, "marts", {"name": "n_pupils"}),
        (None, "tables", {"name": "person_key", "type": "UUID", "tier": "L3"}),
        ("RU14", "tables", {"name": "religion_code"}),
        ("RU14", "tables", {"name": "code", "header": "宗教信仰"}),
        ("RU14", "tables", {"name": "code", "header": "死亡原因"}),
        ("RU14", "tables", {"name": "guardian1_post"}),
        ("RU14", "tables", {"name": "code", "header": "父亲职务"}),
        ("RU14", "marts", {"name": "change_reason_code"}),
        (None, "extracts", {"name": "change_reason_code"}),
    ],
)
def test_a_column_too_many(store, rule, kind, column):
    fields = {"header": "列", "type": "VARCHAR", "tier": "L2", **column}
    found = store.spoilt("ref.dataset_column", _COLUMN.format(kind=kind, **fields))
    assert found == ({rule: {f"spoilt|{column['name']}"}} if rule else {})


_LOOK = {"use": "card", "purpose": "help", "by": "u-1", "persons": 1}


def _judged(store, subject="card 1", **changed):
    detail = {k: v for k, v in {**_LOOK, **changed}.items() if v is not None}
    with store.session.transaction():
        ledger.append(store.session, "access", subject, detail)
    number = ledger.head(store.session)[0]
    store.session.execute(
        f"CREATE OR REPLACE TABLE work.main.looked AS SELECT * FROM ops.access__event WHERE seq = {number}"
    )
    found = store.failing("ops.access__event", "work.main.looked")
    return {rule for rule, units in found.items() if units == {str(number)}}


@pytest.mark.parametrize(
    ("changed", "rules"),
    [
        ({}, set()),
        ({"use": "gaps", "purpose": "aid", "persons": 1000}, set()),
        ({"use": "gaps", "purpose": "aid", "persons": 1001, "second": "u-2"}, set()),
        ({"use": "gaps", "purpose": "aid", "persons": 1001}, {"RU05"}),
        ({"use": "gaps", "purpose": "aid", "persons": 1001, "second": "u-1"}, {"RU05"}),
        ({"by": None}, {"RU03"}),
        ({"by": "王 五"}, {"RU03"}),
        ({"persons": None}, {"RU03", "RU05"}),
        ({"purpose": None}, {"RU04"}),
        ({"purpose": "curiosity"}, {"RU04"}),
        ({"purpose": "planning"}, {"RU04"}),
        ({"use": None}, {"RU03", "RU04"}),
    ],
)
def test_a_look_at_persons(store, changed, rules):
    assert _judged(store, **changed) == rules


@pytest.mark.parametrize(
    ("uses", "rules"), [("card|gaps", {}), ("snapshot", {}), ("card|snapshot", {"RU13": {"mixed"}})]
)
def test_no_purpose_serves_analysis_and_decisions(store, uses, rules):
    change = (
        f"INSERT INTO {{t}} SELECT * REPLACE ('mixed' AS purpose_code, '{uses}' AS uses) FROM {{t}} LIMIT 1"
    )
    assert store.spoilt("ref.purpose", change) == rules


@pytest.mark.parametrize(
    ("source", "caught"), [("raw.student_registry__student", False), ("raw.population__region_age", True)]
)
def test_statistics_decide_about_nobody(store, source, caught):
    """Two steps up from the source: a table of history reads it, the card reads the history."""
    store.session.execute(
        "CREATE OR REPLACE TABLE work.main.lineage AS SELECT * FROM (VALUES "
        "('use.student_card__person_term', '{\"core.middle\": \"x\"}', 'v', 'f'), "
        f"('core.middle', '{{\"{source}\": \"x\"}}', 'v', 'f'), "
        "('use.measure__county_school', '{\"raw.population__region_age\": \"x\"}', 'v', 'f')) t(model, inputs, code_version, fingerprint)"
    )
    assert store.failing("lineage", "work.main.lineage") == (
        {"RU13": {"use.student_card__person_term"}} if caught else {}
    )


_FROZEN = "INSERT INTO ops.scorecard__frozen VALUES (2025, {version}, '{release}', {hash}, 0, '[]', NULL, 'u-1', '2026-01-31')"


@pytest.mark.parametrize(
    ("release", "content", "failing"),
    [
        ("v2025.9.0", "sha256('[]')", {}),
        ("v2025.10.0", "sha256('[]')", {"RU12": {"2025|1"}}),  # a release that nobody published
        ("v2025.9.0", "sha256('[1]')", {"RU12": {"2025|1"}}),  # changed after it was frozen
    ],
)
def test_ru12_a_scorecard_comes_from_a_published_release(store, release, content, failing):
    session = store.session
    session.execute("DELETE FROM ops.scorecard__frozen")
    if not session.value("SELECT count(*) FROM ops.ledger__event WHERE event = 'publish'"):
        ledger.append(session, "publish", "v2025.9.0", {"approvers": ["u-1", "u-2"]})
    session.execute(_FROZEN.format(version=1, release=release, hash=content))
    assert store.failing("assessment_use", "ops.scorecard__frozen") == failing


def test_every_rule_has_a_failing_fixture():
    assert {r.id for r in RULES if r not in of(Stage.USE)} == {
        "RU03",
        "RU04",
        "RU05",
        "RU07",
        "RU12",
        "RU13",
        "RU14",
    }
