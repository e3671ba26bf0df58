"""The state machine: the whole table, every condition both ways, and random walks that can never leave it."""

from __future__ import annotations

import itertools
import json
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import ledger
from warehouse.errors import UsageError
from warehouse.workflow.guards import GUARDS
from warehouse.workflow.review import EVENTS, escalate, mark_published
from warehouse.workflow.states import render, roles, states, transitions

from .conftest import PERIOD, Office, account


def test_everything_that_the_table_names_exists():
    assert {s for t in transitions() for s in (t.from_state, t.to_state)} == set(states())
    assert {g for t in transitions() for g in t.guards} == set(GUARDS)
    assert {r for t in transitions() for r in t.roles} <= set(roles())
    assert {s.escalate_to for s in states().values()} - {""} <= set(roles())
    events = {t.event for t in transitions() if t.roles != ("system",)}
    assert events == set(EVENTS)
    for state in states().values():
        leaving = [t for t in transitions() if t.from_state == state.state]
        assert bool(leaving) == (state.state not in ("superseded", "withdrawn"))
        # Every state in which somebody must act has a deadline, and what comes when it is over.
        escalates = any(t.event == "escalate" for t in leaving)
        assert escalates == bool(state.days_threshold) == bool(state.escalate_to), state.state


@pytest.mark.parametrize(
    "level",
    (
        "validating",
        "validated",
        "submitted_county",
        "in_review_prefecture",
        "accepted_prefecture",
        "in_review_province",
    ),
)
def test_no_way_to_approval_leaves_a_level_out(level):
    reached, more = {"draft"}, True
    while more:
        found = {
            t.to_state for t in transitions() if t.from_state in reached and t.to_state != level
        } - reached
        reached |= found
        more = bool(found)
    assert "approved" not in reached and "published" not in reached


def test_the_drawing_and_the_tables_hold_every_step():
    assert render("mermaid").count("-->") == 1 + len(transitions()) + 2
    assert render("md").count("\n") == 2 + len(transitions())
    assert len(render("text").splitlines()) == 1 + len(transitions())


def test_the_whole_way(office):
    office.until("approved")
    package = office.package()
    assert package.state == "approved" and package.approvals == "p-1 p-2"
    steps = office.session.rows(
        "SELECT event, from_state, to_state, account FROM ops.review__step WHERE version = 1 ORDER BY seq"
    )
    assert [s[0] for s in steps] == [
        "submit",
        "pass",
        "sign",
        "receive",
        "accept",
        "rollup",
        "approve",
        "approve",
    ]
    assert steps[2][3] == "u-630102-03"
    assert all(a[2] == b[1] for a, b in itertools.pairwise(steps))
    assert ledger.problems(office.session) == []


def test_a_refused_file_is_returned_by_the_machine(office):
    office.deliver(status="refused", refused_by="RC12", n_accepted=0, n_quarantined=10)
    office.sync()
    assert office.package().state == "rejected_auto"
    assert office.act("sign", office.head)


@pytest.mark.parametrize(
    ("state", "event", "who", "words"),
    [
        ("validated", "sign", account("x", "owner_head", "630103"), {}),  # own_unit
        (
            "validated",
            "sign",
            account("u-630102-01", "owner_head", "630102"),
            {},
        ),  # signer_apart: the preparer
        (
            "validated",
            "sign",
            account("U-630102-02", "owner_head", "630102"),
            {},
        ),  # the reviewer, spelt otherwise
        ("validated", "sign", account("x", "owner_clerk", "630102"), {}),  # role
        ("validated", "accept", account("x", "prefecture_reviewer", "6301"), {}),  # state
        ("in_review_prefecture", "accept", account("x", "prefecture_reviewer", "6302"), {}),  # upper_unit
        (
            "in_review_prefecture",
            "accept",
            account("u-630102-03", "prefecture_reviewer", "6301"),
            {},
        ),  # new_actor
        (
            "in_review_prefecture",
            "accept",
            account("x", "province_checker", "63"),
            {},
        ),  # not the unit that reviews it
        (
            "in_review_prefecture",
            "return",
            account("x", "prefecture_reviewer", "6301"),
            {"reason": "data_error"},
        ),  # items
        (
            "in_review_prefecture",
            "return",
            account("x", "prefecture_reviewer", "6301"),
            {"comment": "c", "reason": "mood"},
        ),
        ("in_review_prefecture", "approve", account("x", "province_approver", "63"), {}),  # level left out
        ("accepted_prefecture", "rollup", account("x", "prefecture_reviewer", "6301"), {}),  # role
        (
            "in_review_province",
            "approve",
            account("u-6301-02", "province_approver", "63"),
            {},
        ),  # accepted it before
        ("in_review_province", "approve", account("x", "province_approver", "62"), {}),  # another province
        ("in_review_province", "approve", account("x", "operator", "63"), {}),
        ("in_review_province", "approve", account("x", "auditor", "63"), {}),
        ("approved", "reopen", account("x", "province_approver", "63"), {}),  # comment
        ("approved", "reopen", account("x", "province_checker", "63"), {"comment": "c"}),  # role
        ("approved", "withdraw", account("x", "province_approver", "63"), {"comment": "c"}),  # not published
        (
            "approved",
            "return",
            account("x", "province_approver", "63"),
            {"comment": "c", "reason": "data_error"},
        ),  # frozen
    ],
)
def test_refused(office, state, event, who, words):
    office.until(state)
    before = office.session.rows("SELECT count(*), max(hash) FROM ops.ledger__event")
    assert office.act(event, who, **words)
    assert office.package().state == state
    assert office.session.rows("SELECT count(*), max(hash) FROM ops.ledger__event") == before


@pytest.mark.parametrize(
    ("state", "event", "who", "words", "becomes"),
    [
        (
            "in_review_prefecture",
            "return",
            "reviewer",
            {"comment": "c", "reason": "unsigned"},
            "returned_to_county",
        ),
        (
            "accepted_prefecture",
            "return",
            "reviewer",
            {"comment": "c", "reason": "format"},
            "returned_to_county",
        ),
        (
            "in_review_province",
            "return",
            "checker",
            {"comment": "c", "reason": "change"},
            "returned_to_county",
        ),
        (
            "in_review_province",
            "return_prefecture",
            "first",
            {"comment": "c", "reason": "change"},
            "returned_to_prefecture",
        ),
        ("in_review_province", "approve", "first", {}, "in_review_province"),
    ],
)
def test_allowed(office, state, event, who, words, becomes):
    office.until(state)
    assert office.act(event, getattr(office, who), **words) == []
    assert office.package().state == becomes
    assert ledger.problems(office.session) == []


def test_one_person_cannot_approve_twice(office):
    office.until("in_review_province")
    assert office.act("approve", office.first) == []
    assert office.act("approve", account("P-1", "province_approver", "63"))
    assert office.package().state == "in_review_province"


def test_warnings_need_a_comment(office):
    key = office.deliver()
    office.session.execute(
        "INSERT INTO ops.quarantine__row_rule VALUES (?, 1, 'RC20', NULL, 'warn', 1), (?, 1, 'RC28', NULL, 'warn', 1)",
        [key, key],
    )
    office.sync()
    assert office.package().n_warned == 1
    office.act("sign", office.head)
    assert "comment" in office.act("accept", office.reviewer)[0]
    assert office.act("accept", office.reviewer, comment="seen") == []


def test_figures_must_reconcile(office):
    office.until("in_review_prefecture")
    office.session.execute(
        "INSERT INTO ops.rule_result__rule_batch VALUES (?, 'b', 'mart.x', 'RP10', 1, 'processing', 'block', 'failed', 1, 1, 0, "
        "NULL, now()::TIMESTAMP)",
        [PERIOD],
    )
    assert "RP10" in office.act("accept", office.reviewer)[0]
    office.session.execute("UPDATE ops.rule_result__rule_batch SET status = 'passed'")
    assert office.act("accept", office.reviewer) == []


def test_a_rollup_is_whole_or_says_what_it_does_without(office):
    office.deliver()
    office.deliver(owner="630103")
    office.sync()
    for owner in ("630102", "630103"):
        office.act("sign", account(f"u-{owner}-03", "owner_head", owner), owner=owner)
    office.act("accept", office.reviewer)
    assert "630103" in office.act("rollup", office.collector)[0]
    office.waive_others()  # a waiver of what has arrived is possible too: its package goes its own way
    assert office.act("rollup", office.collector) == []
    assert (
        office.package().state == "in_review_province"
        and office.package("630103").state == "in_review_prefecture"
    )


def test_a_waiver_needs_a_reason_an_office_and_an_expected_package(office):
    from warehouse.workflow.review import waive

    slot = [("student_registry", "630103")]
    for who, slots, reason in (
        (office.checker, slot, " "),
        (office.reviewer, slot, "r"),
        (account("x", "prefecture_head", "6302"), slot, "r"),
        (office.checker, [("student_registry", "999999")], "r"),
    ):
        with pytest.raises(UsageError):
            waive(office.session, office.settings, who, PERIOD, slots, reason)
    assert (
        waive(office.session, office.settings, account("x", "prefecture_head", "6301"), PERIOD, slot, "r")
        == 1
    )
    assert waive(office.session, office.settings, office.checker, PERIOD, slot, "r") == 0
    assert ledger.problems(office.session) == []


def test_overdue_is_told_once_per_deadline(office):
    office.until("in_review_prefecture")
    due = office.package().due
    assert escalate(office.desk(due)) == []
    late = escalate(office.desk(due + timedelta(days=1)))
    assert [p.key for p in late] == ["student_registry 630102 2025-09 v1"]
    assert escalate(office.desk(due + timedelta(days=1))) == []
    assert office.package().state == "in_review_prefecture" and office.package().n_escalated == 1
    told = json.loads(
        office.session.value("SELECT detail FROM ops.ledger__event WHERE event = 'review.escalate'")
    )["told"]
    assert told == "prefecture_head"


PEOPLE = [
    account("u-630102-01", "owner_clerk", "630102"),
    account("u-630102-02", "owner_head", "630102"),
    account("u-630102-03", "owner_head", "630102"),
    account("u-6301-01", "prefecture_collector", "6301"),
    account("u-6301-02", "prefecture_reviewer", "6301"),
    account("u-6301-03", "prefecture_head", "6301"),
    account("u-6302-02", "prefecture_reviewer", "6302"),
    account("p-0", "province_checker", "63"),
    account("p-1", "province_approver", "63"),
    account("p-2", "province_approver", "63"),
    account("audit", "auditor", "63"),
]
_STEP = st.one_of(
    st.tuples(st.sampled_from(EVENTS), st.sampled_from(PEOPLE)),
    st.tuples(st.sampled_from(("deliver", "refuse", "publish", "escalate", "sync")), st.none()),
)
# Random steps alone seldom come far: a part of the walks begins on the way.
_BEGIN = st.sampled_from(
    ("", "validated", "in_review_prefecture", "accepted_prefecture", "in_review_province", "approved")
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=_BEGIN, walk=st.lists(_STEP, min_size=1, max_size=14))
def test_random_walks_stay_on_the_table_and_skip_no_level(prepared, tmp_path, begin, walk):
    from warehouse.config import load_settings

    from .conftest import _TABLES

    for table in _TABLES:
        prepared.execute(f"DELETE FROM {table}")
    office = Office(prepared, load_settings(tmp_path))
    office.waive_others()
    if begin:
        office.until(begin)
    for n, (event, who) in enumerate(walk, 10):
        if event == "deliver":
            office.deliver(version=n)
        elif event == "refuse":
            office.deliver(version=n, status="refused", n_accepted=0, n_quarantined=10)
        elif event == "escalate":
            escalate(office.desk(date(2099, 1, 1)))
        elif event == "publish":
            prepared.execute("DELETE FROM core.delivery__period")
            prepared.execute(
                "INSERT INTO core.delivery__period BY NAME SELECT period, delivery_id, source, owner FROM ops.delivery__version"
            )
            mark_published(office.desk(), PERIOD, "v1")
        elif event != "sync":
            office.act(event, who, comment="c", reason="data_error")
        office.sync()
    permitted = {(t.from_state, t.event, t.to_state) for t in transitions()}
    history: dict[int, list[tuple[str, str]]] = {}
    for event, start, end, version, who in prepared.rows(
        "SELECT event, from_state, to_state, version, account FROM ops.review__step WHERE version IS NOT NULL ORDER BY seq"
    ):
        if event not in ("new", "held"):
            assert (start, event, end) in permitted
            history.setdefault(version, []).append((event, who))
    for versions in office.desk().packages.values():
        frozen = [p for p in versions if p.state in ("approved", "published")]
        assert len(frozen) <= 1, "one approved version at a time"
        for p in versions:
            assert p.state in states()
            if p.state in ("approved", "published", "reopened", "withdrawn"):
                # Since the last return, in this order; and the two who approve did nothing else.
                events = [e for e, _ in history[p.version]]
                last = {
                    e: len(events) - 1 - events[::-1].index(e)
                    for e in ("sign", "accept", "rollup", "approve")
                }
                assert last["sign"] < last["accept"] < last["rollup"] < last["approve"]
                approvers = p.approvals.split()
                assert len(set(approvers)) == 2
                assert not {w for e, w in history[p.version] if e in ("sign", "accept")} & set(approvers)
    assert ledger.problems(prepared) == []
