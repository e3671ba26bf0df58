"""Rules of use: columns that must not reach analysts or dashboards."""

import pytest

from expectations.use import RULES
from rules.fixtures import copy_world
from rules.test_storage_rules import Store


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


def test_every_rule_has_a_failing_fixture():
    assert {r.id for r in RULES} == {"RU07", "RU14"}
