"""Every rule of collection on the real path: file in landing → read → staged → cleaned → gate → raw and quarantine."""

import pytest

from expectations.collection import RULES
from rules import cases
from rules.cases.table import CASES, PASSED, QUARANTINED, REFUSED, WARNED
from rules.cases.values import BESIDE, NO_PLACE, UNREADABLE
from rules.fixtures import copy_world
from rules.valid_rows import BASE, PERIOD, citizen_id, rows_of

_BY_ID = {rule.id: rule for rule in RULES}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_exactly_this_rule_speaks(case, outcome):
    got = outcome(case.source, case.file)
    if case.expected == PASSED:
        assert (got.on_file, got.on_rows, got.on_units) == ({}, {}, {})
        assert (got.status, got.n_raw) == ("accepted", got.n_read)
        return
    spoken = {case.rule, *case.also}
    if case.expected == REFUSED:
        assert set(got.on_file) == spoken
        assert got.on_file[case.rule] == "block"
        assert (got.status, got.refused_by, got.n_raw) == ("refused", case.rule, 0)
        assert got.n_quarantined == got.n_read
        return
    assert got.status == "accepted"
    if case.rows:
        assert {row: set(rules) for row, rules in got.on_rows.items()} == dict.fromkeys(case.rows, spoken)
        severity = "quarantine" if case.expected == QUARANTINED else "warn"
        assert {rules[case.rule] for rules in got.on_rows.values()} == {severity}
        assert (got.on_file, got.on_units) == ({}, {})
    else:
        assert got.on_rows == {}
        assert got.on_file | got.on_units == {case.rule: "warn"}
    kept = set(range(1, got.n_read + 1)) - (set(case.rows) if case.expected == QUARANTINED else set())
    assert set(got.raw_rows) == kept
    assert got.n_accepted == got.n_raw
    assert got.n_read == got.n_accepted + got.n_quarantined


@pytest.mark.parametrize("source", [s for s, columns in UNREADABLE.items() if columns])
def test_every_column_that_cannot_be_read_is_named(source, outcome):
    got = outcome(source, "unreadable.csv")
    size = len(BASE[source])
    for n, column in enumerate(UNREADABLE[source]):
        row = n * size + 1
        assert got.on_rows.get(row, {}).get("RC25") == "quarantine", column
        assert column in got.fields[row], column
        beside = BESIDE.get((source, column), set())
        assert set(got.on_rows[row]) == {"RC25", *beside}, column
        assert row not in got.raw_rows, column


@pytest.mark.parametrize("source", [s for s, columns in NO_PLACE.items() if columns])
def test_every_place_that_cannot_be_read_is_named_and_kept(source, outcome):
    got = outcome(source, "unreadable_place.csv")
    size = len(BASE[source])
    for n, column in enumerate(NO_PLACE[source]):
        row = n * size + 1
        assert got.on_rows.get(row) == {"RC26": "warn"}, column
        assert got.fields[row] == [column]
        assert row in got.raw_rows, column


def test_every_rule_and_dataset_has_a_failing_fixture():
    failing = {(c.rule, c.source) for c in CASES if c.expected != PASSED}
    failing |= {("RC25", source) for source, columns in UNREADABLE.items() if columns}
    failing |= {("RC26", source) for source, columns in NO_PLACE.items() if columns}
    on_files = {rule for rule, _ in failing} | cases.ELSEWHERE
    # what is no extract is spoilt in test_element_rules.py
    wanted = {(r.id, c.dataset) for r in RULES for c in r.checks if c.dataset in ("delivery", *cases.SOURCES)}
    missing = {
        (rule, dataset)
        for rule, dataset in wanted
        if (rule not in on_files if dataset == "delivery" else (rule, dataset) not in failing)
    }
    assert missing == set()


def test_every_fixture_speaks_of_a_rule_and_expects_its_severity():
    words = {"block": REFUSED, "quarantine": QUARANTINED, "warn": WARNED}
    for case in CASES:
        if case.expected == PASSED:
            continue
        datasets = {"delivery", case.source}
        severities = {
            words[c.severity or _BY_ID[case.rule].severity]
            for c in _BY_ID[case.rule].checks
            if c.dataset in datasets
        }
        assert case.expected in severities, case.id
    assert len({c.id for c in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("rule", "source", "spoil"),
    [
        ("RC01", "population", "DELETE FROM ref.source_register WHERE source = 'population'"),
        (
            "RC01",
            "population",
            "UPDATE ref.source_register SET owner_unit = NULL WHERE source = 'population'",
        ),
        (
            "RC01",
            "population",
            "UPDATE ref.source_register SET legal_basis = NULL WHERE source = 'population'",
        ),
        ("RC01", "population", "UPDATE ref.source_register SET purpose = NULL WHERE source = 'population'"),
        ("RC04", "population", "DELETE FROM ref.notice_register WHERE source = 'population'"),
        (
            "RC04",
            "population",
            "UPDATE ref.notice_register SET valid_to = '2026-02-28' WHERE source = 'population'",
        ),
        (
            "RC04",
            "population",
            "UPDATE ref.notice_register SET valid_from = '2026-04-01' WHERE source = 'population'",
        ),
        ("RC04", "student_change", "UPDATE ref.notice_register SET under14_rule = false"),
    ],
)
def test_our_own_registers_are_judged_too(world, rule, source, spoil):
    world.put(source, rows_of(source), name="a.csv")
    with world.session() as session:
        session.execute(spoil)
        world.collect(session, source)
        got = world.fired(session, source)["a.csv"]
    assert (got.status, got.refused_by, got.on_file) == ("refused", rule, {rule: "block"})


@pytest.mark.parametrize(
    ("floor", "status", "refused_by", "n_raw"), [(2, "refused", "RC12", 0), (3, "accepted", None, 97)]
)
def test_a_file_with_too_many_wrong_rows_is_refused_as_a_whole(
    template, tmp_path, floor, status, refused_by, n_raw
):
    world = copy_world(template, tmp_path / "strict", quarantine_share=0.02, quarantine_rows=floor)
    good = [dict(rows_of("two_later_survey")[0], id_no=citizen_id("20070909", 2 * n + 1)) for n in range(100)]
    for spoilt in (3, 2):
        rows = [dict(row, state_code="§§") if n < spoilt else row for n, row in enumerate(good)]
        world.put("two_later_survey", rows, name=f"{spoilt}.csv", owner=f"63252{spoilt}")
    with world.session() as session:
        world.collect(session, "two_later_survey", PERIOD)
        got = world.fired(session, "two_later_survey")
    assert (got["3.csv"].status, got["3.csv"].refused_by, got["3.csv"].n_raw) == (status, refused_by, n_raw)
    assert set(got["3.csv"].on_rows) == {1, 2, 3}  # also of a refused file, for the return workbook
    assert (got["2.csv"].status, got["2.csv"].n_raw) == ("accepted", 98)
