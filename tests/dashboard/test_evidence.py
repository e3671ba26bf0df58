"""What the room of sharing writes for the pages, and the commands."""

from __future__ import annotations

import json

import duckdb
import pytest
from click.testing import CliRunner

from assets.sharing.evidence import TABLES, account, write_evidence
from assets.sharing.registers import AFTER_BUILD
from dashboard.build import pages_version
from expectations.rule import all_rules
from pipelines.cli.dashboard import dashboard_group
from pipelines.pages import DashboardPages
from warehouse.engine.duckdb import SQL, Session
from warehouse.reference import table_names

PERSONAL_TABLES = {"source_register", "notice_register", "name_variant", "placeholder_id", "surname_reading"}


@pytest.mark.parametrize("value", ("u-6301-01", "xn.edu_2", "A1"))
def test_account_ids_stay(value):
    assert account(value) == value


@pytest.mark.parametrize(
    "value", ("张三", "Zhang San", "630102201001011234", "u-13800001234", "x" * 40, "", "=1+1", "<b>")
)
def test_what_is_no_account_is_a_star(value):
    assert account(value) == "*"


def test_reference_tables_in_a_release_are_public():
    assert not set(TABLES) & PERSONAL_TABLES
    assert set(TABLES) - {"review_state"} <= set(table_names())


@pytest.fixture
def session(tmp_path):
    con = duckdb.connect()
    con.execute("CREATE SCHEMA core; CREATE SCHEMA ops")
    con.execute((SQL / "storage" / "people.sql").read_text(encoding="utf-8"))
    con.execute("CREATE TABLE core.person__record(period VARCHAR, tier VARCHAR, person_id UUID)")
    con.execute("CREATE TABLE core.delivery__period(period VARCHAR, delivery_id VARCHAR)")
    con.execute("INSERT INTO core.delivery__period VALUES ('2025-09', 'd1'), ('2025-10', 'd2')")
    con.execute(
        "CREATE TABLE ops.delivery__version AS SELECT * FROM (VALUES "
        "('d1', 'student_registry', '630102', '2025-09', 1, 10, 'u-1', '张三', NULL, DATE '2025-09-08'),"
        "('d2', 'student_registry', '630102', '2025-10', 1, 12, 'u-1', 'u-2', 'u-3', DATE '2025-10-08')) "
        "t(delivery_id, source, owner, period, version, n_accepted, preparer, reviewer, unit_head, received_on)"
    )
    con.execute(
        "CREATE TABLE ops.rule_result__rule_batch AS SELECT * FROM (VALUES "
        "('2025-09', 'd1', 'student_registry', 'RC16', 'failed', 100, 4), ('2025-10', 'd2', 'student_registry', 'RC16', 'passed', 120, 0),"
        "('2025-10', 'x', 'content_scan', 'RT03', 'passed', 9, 0)) t(period, batch, dataset, rule_id, status, n_tested, n_failed)"
    )
    con.execute(
        "CREATE TABLE ops.review__step AS SELECT * FROM (VALUES "
        "('student_registry', '630102', '2025-10', 'accept', 'accepted', 'u-9', '6301', 'prefecture', '王五同意', '2025-10-09'::TIMESTAMP)) "
        "t(source, owner, period, event, to_state, account, unit, role, reason, occurred_at)"
    )
    yield Session(con, tmp_path)
    con.close()


def test_evidence_of_a_month(session, tmp_path):
    results = [
        {"rule": "RC16", "dataset": "student_registry", "status": "passed", "tested": 120, "failed": 0}
    ]
    write_evidence(session, "2025-10", tmp_path, results)
    text = (tmp_path / "quality/evidence.json").read_text(encoding="utf-8")
    node = json.loads(text)
    assert node["months"] == ["2025-09", "2025-10"]
    # the trend counts what lies in the month, never what is judged on the candidate itself
    assert node["trend"] == {"RC16": [[100, 4], [120, 0]]}
    assert node["acceptance"] == [
        ["student_registry", "630102", "2025-10", 1, 12, "u-1", "u-2", "u-3", "2025-10-08"]
    ]
    assert node["decisions"][0][:7] == [
        "student_registry",
        "accept",
        "accepted",
        "u-9",
        "6301",
        "prefecture",
        1,
    ]
    assert "王五" not in text
    assert {r["rule"] for r in node["rules"]} == set(all_rules())
    write_evidence(session, "2025-09", tmp_path, results)
    later = json.loads((tmp_path / "quality/evidence.json").read_text(encoding="utf-8"))
    assert later["months"] == ["2025-09"] and later["acceptance"][0][5:8] == ["u-1", "*", None]


def test_rules_of_the_gate_are_marked(session, tmp_path):
    write_evidence(session, "2025-10", tmp_path, [])
    at_gate = {
        r["rule"]
        for r in json.loads((tmp_path / "quality/evidence.json").read_text())["rules"]
        if r["at_gate"]
    }
    judged = {
        r.id
        for r in all_rules().values()
        if all(c.dataset in AFTER_BUILD or c.dataset.startswith("release.") for c in r.checks)
    }
    assert at_gate == judged and {"RS17", "RS18"} <= at_gate and "RC16" not in at_gate


def test_pages_come_as_a_resource(releases, tmp_path):
    import shutil

    staged = tmp_path / "staged"
    shutil.copytree(releases / "v2025.9.1", staged, ignore=shutil.ignore_patterns("dashboard"))
    pages = DashboardPages()
    pages.write(staged, releases / "v2025.9.0")
    assert pages.version() == pages_version() and len(pages.version()) == 12
    for kind in ("index", "evidence"):
        made, known = (root / "dashboard" / f"{kind}.html" for root in (staged, releases / "v2025.9.1"))
        assert made.read_bytes() == known.read_bytes()


def test_commands(releases, tmp_path, monkeypatch):
    monkeypatch.setenv("EDU_ROOT", str(tmp_path))
    run = CliRunner()
    found = run.invoke(dashboard_group, ["open", "--print", str(releases / "v2025.9.1")])
    assert found.output.strip().endswith("v2025.9.1/dashboard/index.html") and found.output.startswith(
        "file://"
    )
    out = tmp_path / "out"
    built = run.invoke(dashboard_group, ["build", str(releases / "v2025.9.1"), "--out", str(out), "--json"])
    assert built.exit_code == 0, built.output
    assert (out / "dashboard/index.html").read_bytes() == (
        releases / "v2025.9.1/dashboard/index.html"
    ).read_bytes()
    again = run.invoke(dashboard_group, ["build", str(releases / "v2025.9.1"), "--out", str(out)])
    assert again.exit_code != 0
    assert run.invoke(dashboard_group, ["open", "--print"]).exit_code != 0  # nothing published
