"""Rules of sharing: on staged rows, papers and approvals that are made for the purpose, and then spoilt."""

import pytest

from expectations.registers import of
from expectations.rule import Stage
from expectations.sharing import RULES
from rules.fixtures import copy_world
from rules.test_storage_rules import Store
from warehouse.contract import load_contracts
from warehouse.engine.duckdb import quote
from warehouse.protection import enforced, protection_of

MARTS = load_contracts("marts")
PROTECTED = [m for m, c in MARTS.items() if protection_of(c).lane != "open"]
RATED = [m for m, c in MARTS.items() if c.properties.get("rates")]


@pytest.fixture(scope="module")
def store(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("sharing") / "world")
    with world.session() as session:
        yield Store(world, session, "RS")


def _staged(store, mart, **values):
    """One staged row of a mart: counts of 100, whatever else is empty; `values` replace single columns."""
    contract, rule = enforced(MARTS[mart]), protection_of(MARTS[mart])
    columns = [(c.name, c.type) for c in contract.columns]
    row = {name: "NULL" for name, _ in columns}
    row |= {
        c.name: "1" if "INT" in c.type else ("DATE '2026-03-01'" if c.type == "DATE" else "'x'")
        for c in contract.columns
        if c.key
    }
    row |= dict.fromkeys(rule.counts, "100") | {"cell_status": "'rounded'"}
    row |= {k: "'computed'" for k in ("origin_code",) if k in row}
    row |= {k: v for k, v in values.items() if k in row}
    listed = ", ".join(f"{row[name]}::{type_} AS {quote(name)}" for name, type_ in columns)
    store.session.execute(f"CREATE OR REPLACE TABLE work.main.staged AS SELECT {listed}")
    return store.failing(f"release.{mart}", "work.main.staged")


def _rules(found):
    return set(found)


@pytest.mark.parametrize("mart", PROTECTED)
def test_rs08_no_small_count_leaves_the_house(store, mart):
    rule = protection_of(MARTS[mart])
    count, base = next(iter(rule.counts)), rule.base
    beside = {name: "100" for rate in MARTS[mart].properties.get("rates", ()) for name in rate[1:]}
    assert _rules(_staged(store, mart, **beside)) == set()
    for safe in (0, base):
        assert _rules(_staged(store, mart, **{**beside, count: str(safe)})) == set()
    for exact in (1, base - 1, base + 1):
        assert _rules(_staged(store, mart, **{**beside, count: str(exact)})) == {"RS08"}
    hidden = {**beside, "cell_status": "'hidden'"}
    assert _rules(_staged(store, mart, **hidden, hidden_columns="'pct_x'")) == set()
    assert _rules(_staged(store, mart, **hidden)) == {"RS08"}
    assert _rules(_staged(store, mart, **beside, cell_status="'maybe'")) == {"RS08"}
    assert _rules(_staged(store, mart, **beside, cell_status="NULL")) == {"RS08"}


@pytest.mark.parametrize("mart", RATED)
def test_rs11_a_rate_stands_beside_what_it_was_made_of(store, mart):
    rate, numerator, denominator = MARTS[mart].properties["rates"][0]
    whole = {rate: "1", numerator: "100", denominator: "100"}
    assert "RS11" not in _staged(store, mart, **whole)
    assert "RS11" in _staged(store, mart, **{**whole, numerator: "NULL"})
    assert "RS11" in _staged(store, mart, **{**whole, denominator: "NULL"})


@pytest.mark.parametrize("share", ["NULL", "'不予共享'", "'随意'"])
def test_rs01_a_mart_without_a_share_type(store, share):
    mart = next(iter(MARTS))
    assert store.failing("ref.dataset") == {}
    assert store.spoilt("ref.dataset", f"UPDATE {{t}} SET share_type = {share} WHERE dataset = '{mart}'") == {
        "RS01": {mart}
    }


@pytest.mark.parametrize(
    "missing",
    [
        None,
        "has_id",
        "has_period",
        "has_as_of",
        "has_code_version",
        "has_reference_version",
        "has_inputs",
        "has_sums",
    ],
)
def test_rs12_papers_of_a_release(store, missing):
    names = (
        "has_id",
        "has_period",
        "has_as_of",
        "has_code_version",
        "has_reference_version",
        "has_inputs",
        "has_sums",
    )
    store.session.execute(
        "CREATE OR REPLACE TABLE work.main.release_paper AS SELECT 'c1' AS candidate, "
        + ", ".join(f"{str(n != missing).lower()} AS {n}" for n in names)
    )
    assert store.failing("release_paper", "work.main.release_paper") == ({"RS12": {"c1"}} if missing else {})


# ---------------------------------------- recipients: one register row each, true in everything but one column


def _row(store, dataset, key, columns, spoilt):
    facts = ", ".join(f"{c != spoilt} AS {c}" for c in columns)
    store.session.execute(f"CREATE OR REPLACE TABLE work.main.{dataset} AS SELECT 'x1' AS {key}, {facts}")
    return store.failing(dataset, f"work.main.{dataset}")


_DELIVERY = {
    "is_agreed": "RS02",
    "is_within_fields": "RS03",
    "is_within_rows": "RS03",
    "is_complete": "RS13",
    "is_logged": "RS13",
}
_AGREEMENT = {"is_complete": "RS02", "is_onward_limited": "RS04", "has_provider_consent": "RS16"}


@pytest.mark.parametrize("dataset", ["share_staged", "share_delivery"])
@pytest.mark.parametrize("spoilt", [None, *_DELIVERY])
def test_rs02_rs03_rs13_deliveries(store, dataset, spoilt):
    found = _row(store, dataset, "delivery_no", _DELIVERY, spoilt)
    assert found == ({_DELIVERY[spoilt]: {"x1"}} if spoilt else {})


@pytest.mark.parametrize("spoilt", [None, *_AGREEMENT])
def test_rs02_rs04_rs16_agreements(store, spoilt):
    found = _row(store, "share_agreement", "agreement_id", _AGREEMENT, spoilt)
    assert found == ({_AGREEMENT[spoilt]: {"x1"}} if spoilt else {})


@pytest.mark.parametrize("spoilt", [None, "is_answered_in_time", "is_delivered_in_time"])
def test_rs05_requests(store, spoilt):
    found = _row(
        store, "share_request", "request_id", ("is_answered_in_time", "is_delivered_in_time"), spoilt
    )
    assert found == ({"RS05": {"x1"}} if spoilt else {})


@pytest.mark.parametrize("spoilt", [None, "is_in_time", "is_result_returned"])
def test_rs06_corrections(store, spoilt):
    found = _row(store, "share_correction", "correction_id", ("is_in_time", "is_result_returned"), spoilt)
    assert found == ({"RS06": {"x1"}} if spoilt else {})


@pytest.mark.parametrize("spoilt", [None, "has_flow", "reaches_level"])
def test_rs07_what_flows_back(store, spoilt):
    found = _row(store, "return_flow", "source", ("has_flow", "reaches_level"), spoilt)
    assert found == ({"RS07": {"x1"}} if spoilt else {})


@pytest.mark.parametrize(("n", "fails"), [(0, False), (9_999_999, False), (10_000_000, True)])
def test_rs15_ten_million_persons(store, n, fails):
    store.session.execute(
        f"CREATE OR REPLACE TABLE work.main.person_counter AS SELECT 'warehouse' AS scope, {n}::BIGINT AS n_persons"
    )
    assert store.failing("person_counter", "work.main.person_counter") == (
        {"RS15": {"warehouse"}} if fails else {}
    )


@pytest.mark.parametrize(
    ("status", "fails"), [("passed", False), ("not_applicable", False), ("failed", True), ("error", True)]
)
def test_rs17_blocking_rules_of_earlier_stages(store, status, fails):
    store.session.execute(
        "CREATE OR REPLACE TABLE work.main.blocking_result AS SELECT 'RT01' AS rule_id, 'archive_object' AS dataset, "
        f"'2026-03' AS batch, '{status}' AS status"
    )
    found = store.failing("blocking_result", "work.main.blocking_result")
    assert found == ({"RS17": {"RT01|archive_object|2026-03"}} if fails else {})


def test_rs17_no_result_at_all_is_no_pass(store):
    store.session.execute(
        "CREATE OR REPLACE TABLE work.main.blocking_result (rule_id VARCHAR, dataset VARCHAR, batch VARCHAR, status VARCHAR)"
    )
    store.failing("blocking_result", "work.main.blocking_result")
    status = store.session.value(
        "SELECT status FROM ops.rule_result__rule_batch WHERE rule_id = 'RS17' AND dataset = 'blocking_result'"
    )
    assert status == "failed"


@pytest.mark.parametrize(
    ("approvers", "fails"),
    [
        ([("li", False), ("wang", False)], False),
        ([("li", False), ("wang", False), ("pipeline", True)], False),
        ([("li", False)], True),
        ([("li", False), ("li", False)], True),
        ([("li", False), ("pipeline", True)], True),
        ([], True),
    ],
)
def test_rs18_two_different_persons(store, approvers, fails):
    store.session.execute("CREATE OR REPLACE TABLE work.main.approval (approver VARCHAR, is_builder BOOLEAN)")
    for row in approvers:
        store.session.execute("INSERT INTO work.main.approval VALUES (?, ?)", row)
    assert store.failing("approval", "work.main.approval") == ({"RS18": {"release"}} if fails else {})


@pytest.mark.parametrize(("approved", "fails"), [(True, False), (False, True)])
def test_rs18_every_package_in_force_is_approved(store, approved, fails):
    store.session.execute(
        f"CREATE OR REPLACE TABLE work.main.package_in_force AS SELECT 'd1' AS delivery_id, {approved} AS is_approved"
    )
    found = store.failing("package_in_force", "work.main.package_in_force")
    assert found == ({"RS18": {"d1"}} if fails else {})


@pytest.mark.parametrize(
    ("expected", "waived", "approved", "fails"),
    [
        (45, 0, 45, False),
        (45, 0, 38, False),
        (45, 0, 36, False),
        (45, 0, 35, True),
        (45, 40, 5, False),
        (0, 0, 0, False),
    ],
)
def test_rs18_enough_of_what_was_expected_is_approved(store, expected, waived, approved, fails):
    store.session.execute(
        f"CREATE OR REPLACE TABLE work.main.coverage AS SELECT '2026-03' AS month, {expected}::BIGINT AS n_expected, "
        f"{approved}::BIGINT AS n_approved, {waived}::BIGINT AS n_waived"
    )
    assert store.failing("coverage", "work.main.coverage") == ({"RS18": {"2026-03"}} if fails else {})


def _given(store, agreement, day, fields):
    store.session.execute(
        f"CREATE OR REPLACE TABLE work.main.given AS SELECT 1::BIGINT AS seq, DATE '{day}' AS accessed_on, "
        f"'agreement {agreement}' AS subject, 'feedback' AS use_code, 'labour' AS purpose_code, 'u-1' AS account, "
        f"NULL::VARCHAR AS second_account, 3::BIGINT AS n_persons, {fields}::VARCHAR[] AS fields"
    )
    return set(store.failing("ops.access__event", "work.main.given"))


@pytest.mark.parametrize(
    ("agreement", "day", "fails"),
    [
        ("A-LABOUR-1", "2025-01-01", False),
        ("A-LABOUR-1", "2027-12-31", False),
        ("A-LABOUR-1", "2028-01-01", True),
    ],
)
def test_rs02_an_agreement_was_in_force(store, agreement, day, fails):
    assert _given(store, agreement, day, "['name']") == ({"RS02"} if fails else set())


def test_rs02_no_agreement_at_all(store):
    assert _given(store, "A-NONE", "2026-01-01", "['name']") == {"RS02", "RS03"}


@pytest.mark.parametrize(
    ("fields", "fails"),
    [
        ("['name', 'id_no', 'trade_codes']", False),
        ("['name', 'is_poor']", True),
        ("[]", True),
        ("NULL", True),
    ],
)
def test_rs03_only_the_fields_of_the_agreement(store, fields, fails):
    assert _given(store, "A-LABOUR-1", "2026-01-01", fields) == ({"RS03"} if fails else set())


def test_every_rule_has_a_test():
    names = [name.split("_") for name in globals() if name.startswith("test_rs")]
    tested = {part.upper() for name in names for part in name if part.startswith("rs") and part[2:].isdigit()}
    assert {r.id for r in RULES if r not in of(Stage.SHARING)} == tested
