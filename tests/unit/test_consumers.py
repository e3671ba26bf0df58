"""What a consumer relies on: each way to break it, whether that blocks, and that a blocking break is not published."""

import copy
from dataclasses import replace
from datetime import date

import pytest
import yaml
from fixtures.release_world import (
    OPERATOR,
    PERIOD,
    approvals,
    build,
    column,
    contract,
    settings_at,
)

from warehouse.contract import CONTRACTS, load_contracts
from warehouse.errors import BlockedError, UsageError
from warehouse.protection import enforced
from warehouse.release import publish
from warehouse.release.duckdb_file import memory_session
from warehouse.release.files import read_json
from warehouse.release.manifest import read_contracts
from warehouse.sharing.consumers import check_consumers, load_consumers, parse_consumer, stale

NODE = {
    "id": "portal",
    "title_zh": "门户",
    "title_en": "Portal",
    "contact": "某处",
    "accepts_new_major": True,
    "max_age_days": 45,
    "needs": [
        {
            "mart": "school__school",
            "version": 1,
            "grain": ["school_id"],
            "columns": {"school_id": "VARCHAR", "n_classes": "INTEGER"},
            "where": "school_id <> ''",
            "min_rows": 3000,
            "ranges": {"n_classes": [0, 39]},
        }
    ],
}


def portal(**need):
    node = copy.deepcopy(NODE)
    node["needs"][0].update(need)
    return parse_consumer(node)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    return build(settings_at(tmp_path_factory.mktemp("consumers"))).path


def breaks(staged, consumer, known=None):
    session = memory_session()
    try:
        return check_consumers(session, staged, known or read_contracts(staged), [consumer], PERIOD)
    finally:
        session.con.close()


def test_a_promise_that_is_kept(staged):
    assert breaks(staged, portal()) == []


@pytest.mark.parametrize(
    ("need", "kind"),
    [
        ({"mart": "nowhere"}, "schema"),
        ({"columns": {"school_id": "VARCHAR", "n_classes": "BIGINT"}}, "schema"),
        ({"columns": {"school_id": "VARCHAR", "n_classes": "INTEGER", "n_rooms": "INTEGER"}}, "schema"),
        ({"grain": ["school_id", "n_classes"]}, "schema"),
        ({"where": "no_such_column = 1"}, "schema"),
        ({"min_rows": 3001}, "data"),
        ({"ranges": {"n_classes": [1, None]}}, "data"),
        ({"ranges": {"n_classes": [None, 38]}}, "data"),
    ],
)
def test_each_way_to_break_it(staged, need, kind):
    found = breaks(staged, portal(**need))
    assert [(b.kind, b.blocks) for b in found] == [(kind, True)]
    assert found[0].what_zh and found[0].what_en
    if kind == "data":
        warned = breaks(staged, replace(portal(**need), data_breaks="warn"))
        assert [b.blocks for b in warned] == [False]


def test_the_newest_month_must_be_there(tmp_path):
    import duckdb

    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    con.execute("CREATE TABLE mart.m__month AS SELECT '2025-08' AS period, 1::INTEGER AS n")
    mart = contract(
        "m__month",
        "月 | Month",
        [column("period", "月份", "VARCHAR", key=True), column("n", "数")],
        disclosure={"lane": "open", "reason": "test"},
    )
    made = build(settings_at(tmp_path), con, contracts={mart.id: mart}).path
    need = {
        "mart": "m__month",
        "grain": ["period"],
        "columns": {"period": "VARCHAR"},
        "ranges": {},
        "min_rows": 1,
    }
    assert breaks(made, portal(**need, where="true")) == []
    found = breaks(made, portal(**need, where="true", newest_period=True))
    assert [b.kind for b in found] == ["data"] and PERIOD in found[0].what_en


@pytest.mark.parametrize(("accepts", "blocks"), [(True, False), (False, True)])
def test_a_new_major_version_tells_or_blocks(staged, accepts, blocks):
    known = read_contracts(staged)
    known["school__school"] = replace(known["school__school"], version="2.0.0")
    consumer = replace(
        portal(columns={"school_id": "VARCHAR", "gone": "DATE"}, ranges={}), accepts_new_major=accepts
    )
    found = breaks(staged, consumer, known)
    assert [b.kind for b in found] == ["version", "schema"]
    assert {b.blocks for b in found} == {blocks}


def test_a_candidate_that_breaks_a_promise_is_not_published(tmp_path):
    settings = settings_at(tmp_path)
    made = build(settings, consumers=[portal(min_rows=3001)])
    paper = read_json(made.path / "quality" / "consumers.json")
    assert paper["consumers"][0]["breaks"][0]["blocks"]
    with pytest.raises(BlockedError, match="3000 rows, at least 3001"):
        publish(settings, made, approvals(made), operator=OPERATOR)
    good = build(settings, consumers=[portal()])
    assert publish(settings, good, approvals(good), operator=OPERATOR).id == "v2025.9.0"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda n: n.update(colour="red"),
        lambda n: n.update(data_breaks="maybe"),
        lambda n: n.update(needs=[]),
        lambda n: n.pop("contact"),
        lambda n: n["needs"][0].update(freshness=3),
        lambda n: n["needs"][0].update(ranges={"other": [0, 1]}),
        lambda n: n["needs"][0].pop("columns"),
    ],
)
def test_a_contract_that_is_none_is_named(tmp_path, spoil):
    settings = settings_at(tmp_path)
    node = copy.deepcopy(NODE)
    spoil(node)
    file = settings.data / "consumers" / "portal.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(node, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UsageError, match="consumer contract"):
        load_consumers(settings)
    file.write_text(yaml.safe_dump(NODE, allow_unicode=True), encoding="utf-8")
    assert [c.id for c in load_consumers(settings)][-1] == "portal"


def test_stale_since():
    as_of = date(2025, 9, 30)
    assert stale([portal()], as_of, date(2025, 11, 14)) == []
    assert stale([portal()], as_of, date(2025, 11, 15)) == [(portal(), date(2025, 11, 15))]
    assert stale([replace(portal(), max_age_days=None)], as_of, date(2030, 1, 1)) == []


def test_our_own_consumers_fit_our_marts(tmp_path):
    """Columns, types and grain against the contracts as released; the data are judged in every candidate."""
    ours = load_consumers(settings_at(tmp_path))
    assert len(ours) == len(list((CONTRACTS / "consumers").glob("*.yaml"))) >= 1
    known = {name: enforced(c) for name, c in load_contracts("marts").items()}
    for consumer in ours:
        for need in consumer.needs:
            types = {c.name: c.type.upper() for c in known[need.mart].columns}
            assert need.columns.items() <= types.items(), need.mart
            assert set(need.grain) == set(known[need.mart].key)
            assert int(known[need.mart].version.split(".")[0]) == need.version
