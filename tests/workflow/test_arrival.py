"""Late, partial and corrected loads: versions, frozen packages, corrections with their differences, the calendar."""

from __future__ import annotations

import json
from datetime import date, datetime
from uuid import UUID

import pytest

from warehouse import ledger
from warehouse.contract import extract_contract
from warehouse.errors import UsageError
from warehouse.workflow.accounts import Account, accounts_file, authenticate, os_user, save_accounts
from warehouse.workflow.calendar import coverage, due_dates, overview
from warehouse.workflow.restatement import compare, corrections_text
from warehouse.workflow.review import cut_off, mark_published, unapproved

from .conftest import PERIOD, SOURCE


def states_of(office) -> list[tuple[int, str]]:
    return [(p.version, p.state) for p in office.desk().packages[(SOURCE, "630102", PERIOD)]]


def held(office) -> list[tuple[str, str]]:
    return office.session.rows("SELECT delivery_id, why FROM ops.review__held ORDER BY 1")


def test_syncing_again_changes_nothing(office):
    office.deliver()
    assert office.sync() == 1
    before = office.session.rows("SELECT count(*), max(hash) FROM ops.ledger__event")
    assert office.sync() == 0
    assert office.session.rows("SELECT count(*), max(hash) FROM ops.ledger__event") == before


def test_parts_make_one_package_and_a_refused_part_returns_it(office):
    office.deliver(part="a")
    office.deliver(part="b", status="refused", n_accepted=0)
    office.sync()
    assert states_of(office) == [(1, "rejected_auto")]
    office.deliver(part="b", version=2)
    office.sync()
    assert states_of(office) == [(1, "superseded"), (2, "validated")]
    assert len(office.package().deliveries.split()) == 2


def test_an_old_county_code_is_the_county_of_today(office):
    office.deliver(owner="630122")
    office.sync()
    assert list(office.desk().packages) == [(SOURCE, "630106", PERIOD)]


def test_a_file_of_an_unknown_owner_has_no_package(office):
    office.deliver(owner="unknown")
    office.deliver(owner="999999")
    assert office.sync() == 0


def test_a_returned_package_comes_back_as_a_new_version(office):
    office.until("in_review_prefecture")
    office.act("return", office.reviewer, reason="data_error", comment="row 3")
    office.deliver(version=2)
    office.sync()
    assert states_of(office) == [(1, "superseded"), (2, "validated")]
    assert office.package().n_returned == 1
    reason = office.session.value("SELECT reason FROM ops.restatement__delivery")
    assert "data_error" in reason


def test_a_release_names_its_corrections_without_small_numbers(office):
    office.until("in_review_prefecture")
    office.act("return", office.reviewer, reason="data_error", comment="row 3")
    office.deliver(version=2)
    office.sync()
    assert corrections_text(office.session, PERIOD) == ""  # nothing is in force yet
    office.session.execute(
        "INSERT INTO core.delivery__period BY NAME SELECT period, delivery_id, source, owner FROM ops.restatement__delivery"
    )
    for n, words in ((0, "0"), (3, "<10"), (10, "10–99"), (9_999, "1,000–9,999"), (10_000, "≥10,000")):
        office.session.execute(
            "UPDATE ops.restatement__delivery SET n_changed = ?, n_added = 0, n_deleted = 0", [n]
        )
        row = corrections_text(office.session, PERIOD).splitlines()[-1]
        assert row == f"| {SOURCE} | 630102 | {PERIOD} | v1 → v2 | {words} |"


def test_a_returned_package_can_be_right_as_it_stands(office):
    office.until("in_review_prefecture")
    office.act("return", office.reviewer, reason="change", comment="too many")
    assert office.act("resubmit", office.clerk)  # without a reply
    assert office.act("resubmit", office.clerk, comment="属实说明: a school has moved here") == []
    assert states_of(office) == [(1, "superseded"), (2, "validated")]
    assert office.sync() == 0


def test_what_is_approved_stays_in_force_until_it_is_reopened(office):
    office.until("approved")
    new = office.deliver(version=2)
    office.sync()
    assert states_of(office) == [(1, "approved"), (2, "draft")]
    assert held(office) == [(new, "frozen")]
    assert office.act("reopen", office.first, comment="corrected by the county") == []
    assert states_of(office) == [(1, "reopened"), (2, "validated")]
    assert held(office) == []
    for event, who in (
        ("sign", "head"),
        ("accept", "reviewer"),
        ("rollup", "collector"),
        ("approve", "first"),
        ("approve", "second"),
    ):
        assert office.act(event, getattr(office, who)) == [], event
    assert states_of(office) == [(1, "superseded"), (2, "approved")]
    assert ledger.problems(office.session) == []


def _replayed(office, delivery: str, n: int) -> None:
    """What a replay that lets `n` rows in leaves behind."""
    office.session.execute(
        "UPDATE ops.delivery__version SET n_accepted = n_accepted + ?, n_quarantined = n_quarantined - ? WHERE delivery_id = ?",
        [n, n, delivery],
    )
    office.sync()


def test_a_replay_makes_a_new_version_that_must_be_signed_anew(office):
    delivery = office.deliver(n_accepted=8, n_quarantined=2)
    office.sync()
    office.act("sign", office.head)
    _replayed(office, delivery, 1)
    assert states_of(office) == [(1, "superseded"), (2, "validated")]
    assert office.package().n_quarantined == 1
    assert office.sync() == 0


def test_what_a_replay_adds_after_a_reopening_is_not_approved(office):
    office.until("approved")
    delivery = office.package().deliveries
    _in_force(office)
    office.act("reopen", office.first, comment="a list was mended")
    assert unapproved(office.session, PERIOD) == []  # still the approved rows
    _replayed(office, delivery, -1)
    assert states_of(office) == [(1, "reopened"), (2, "validated")]
    assert unapproved(office.session, PERIOD) == [delivery]
    for event, who in (("sign", "head"), ("accept", "reviewer"), ("rollup", "collector")):
        assert office.act(event, getattr(office, who), comment="seen") == [], event
    assert office.act("approve", office.first) == office.act("approve", office.second) == []
    assert unapproved(office.session, PERIOD) == []


def test_reopened_before_the_file_comes(office):
    office.until("approved")
    office.act("reopen", office.first, comment="figures were wrong")
    assert states_of(office) == [(1, "reopened"), (2, "draft")]
    office.sync()
    assert states_of(office) == [(1, "reopened"), (2, "draft")]
    office.deliver(version=2)
    office.sync()
    assert states_of(office) == [(1, "reopened"), (2, "validated")]


def _in_force(office):
    office.session.execute("DELETE FROM core.delivery__period")
    office.session.execute(
        "INSERT INTO core.delivery__period BY NAME SELECT period, delivery_id, source, owner, period AS delivery_period, "
        "'county' AS owner_level FROM ops.delivery__version WHERE status = 'accepted' "
        "AND delivery_id NOT IN (SELECT delivery_id FROM ops.review__held)"
    )


def test_a_cut_off_leaves_out_what_is_not_approved_and_an_approval_brings_it_back(office):
    office.until("in_review_province")
    other = office.deliver(owner="630103")
    office.sync()
    _in_force(office)
    with pytest.raises(UsageError):
        cut_off(office.desk(), office.reviewer, PERIOD)
    assert cut_off(office.desk(), office.operator, PERIOD) == 2
    assert [d for d, _ in held(office)] == sorted([office.package().deliveries, other])
    office.act("approve", office.first)
    office.act("approve", office.second)
    assert held(office) == [(other, "cutoff")]
    assert cut_off(office.desk(), office.operator, PERIOD, lift=True) == 1
    assert held(office) == []
    assert ledger.problems(office.session) == []


def test_published_reopened_withdrawn(office):
    office.until("approved")
    _in_force(office)
    assert mark_published(office.desk(), PERIOD, "v2025.9.0") == 1
    assert mark_published(office.desk(), PERIOD, "v2025.9.0") == 0
    assert office.act("withdraw", office.first, comment="wrong month") == []
    assert states_of(office) == [(1, "withdrawn")] and held(office)[0][1] == "withdrawn"


def test_rows_added_deleted_and_changed_by_identity(office):
    table = extract_contract("school_directory").table
    old = office.deliver("school_directory", version=1)
    new = office.deliver("school_directory", version=2)
    rows = {
        old: [("1", "P", "小学甲"), ("2", "", "乙"), ("3", "", "丙"), ("9", "", "twin"), ("9", "", "twin")],
        new: [("1", "P", "小学甲改"), ("2", "", "乙"), ("4", "", "丁"), ("9", "", "twin")],
    }
    for delivery, listed in rows.items():
        for n, (school, point, name) in enumerate(listed, 1):
            office.session.execute(
                f"INSERT INTO {table} (delivery_id, row_no, owner, school_id, point_code, school_name) VALUES (?, ?, '630102', ?, ?, ?)",
                [delivery, n, school, point, name],
            )
    found = compare(office.session, extract_contract("school_directory"), old, new)
    assert found == {
        "before": 5,
        "after": 4,
        "added": 1,
        "deleted": 2,
        "changed": 1,
        "columns": {"school_name": 1},
    }
    office.sync()  # only the newest version makes a package here, so there is nothing to compare yet
    assert office.session.value("SELECT count(*) FROM ops.restatement__delivery") == 0


def test_pairs_pupils_by_their_tokens(office):
    contract = extract_contract("student_registry")
    office.session.execute(f"DELETE FROM {contract.table}")
    for delivery, grades in (("a", {1: "21", 2: "21"}), ("b", {2: "22", 3: "21"})):
        for n, (pupil, grade) in enumerate(grades.items(), 1):
            office.session.execute(
                f"INSERT INTO {contract.table} (delivery_id, row_no, owner, school_id, student_no_token, grade_code) "
                "VALUES (?, ?, 'x', 's', ?, ?)",
                [delivery, n, UUID(int=pupil), grade],
            )
    found = compare(office.session, contract, "a", "b")
    assert (found["added"], found["deleted"], found["changed"], found["columns"]) == (
        1,
        1,
        1,
        {"grade_code": 1},
    )
    office.session.execute(f"DELETE FROM {contract.table}")


def test_calendar_says_when_and_what(office):
    assert due_dates("student_registry", "2025-12").owner == date(2026, 1, 5)
    assert due_dates("poverty_register", "2025-10") is None
    lines = overview(office.session, "2025-10", "63", date(2025, 11, 5))
    assert len(lines) == 6 * 45 and all(line["missing"] and not line["late"] for line in lines)
    assert all(x["late"] for x in overview(office.session, "2025-10", "63", date(2025, 11, 6)))


def test_a_late_file_is_late_even_when_it_is_there(office):
    office.deliver(received_on=date(2025, 10, 6))
    office.deliver(owner="630103", received_on=date(2025, 10, 5))
    office.sync()
    late = {
        x["owner"]: x["late"]
        for x in overview(office.session, PERIOD, "63", date(2025, 10, 5))
        if x["source"] == SOURCE
    }
    assert late["630102"] and not late["630103"] and not late["630104"]


def test_38_of_45_counties_is_told_and_not_filled_up(office):
    counties = [
        o
        for (o,) in office.session.rows(
            "SELECT county_code FROM ref.county WHERE valid_to IS NULL ORDER BY 1"
        )
    ]
    assert len(counties) == 45
    for owner in counties[:38]:
        office.deliver(owner=owner)
    office.sync()
    _in_force(office)
    line = next(x for x in coverage(office.session, PERIOD, "63") if x["source"] == SOURCE)
    assert (line["expected"], line["in_force"], line["approved"]) == (45, 38, 0)
    assert line["missing"] == counties[38:] and line["not_approved"] == counties[:38]


def test_accounts_are_believed_only_for_their_user(office):
    settings = office.settings
    mine = Account("u-1", "operator", "63", (os_user(),))
    others = Account("u-2", "operator", "63", ("somebody-else",))
    gone = Account("u-3", "operator", "63", (os_user(),), disabled=True)
    save_accounts(settings, [mine, others, gone])
    assert accounts_file(settings).stat().st_mode & 0o777 == 0o600
    assert authenticate(settings, "U-1") == mine
    for name in ("u-2", "u-3", "u-4"):
        with pytest.raises(UsageError):
            authenticate(settings, name)
    with pytest.raises(UsageError):
        authenticate(settings, "u-1", needs=("province_approver",))
    accounts_file(settings).chmod(0o644)
    with pytest.raises(UsageError):
        authenticate(settings, "u-1")
    accounts_file(settings).chmod(0o600)
    accounts_file(settings).write_text(json.dumps([{"account": "x"}]))
    with pytest.raises(UsageError):
        authenticate(settings, "u-1")


def test_steps_hold_no_name_only_accounts(office):
    office.until("approved")
    for (detail,) in office.session.rows("SELECT detail FROM ops.ledger__event WHERE event LIKE 'review.%'"):
        found = json.loads(detail)
        assert {"account", "role", "unit"} <= set(found)
        assert set(found) <= {
            "source", "owner", "period", "version", "content", "account", "unit", "role", "where", "from", "to", "comment",
            "reason", "rows", "told", "why",
        }  # fmt: skip


def test_since_is_a_moment(office):
    office.deliver()
    office.sync()
    assert isinstance(office.package().since, datetime)
