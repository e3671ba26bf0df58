"""`edu release`, `edu rollback` and `edu share` as an operator meets them: words, exit codes, the ledger."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from fixtures.release_world import release, settings_at, warehouse

from assets.sharing.publication import prune_releases, withdraw_release
from pipelines.cli.main import main
from warehouse import proof
from warehouse.catalogue import prepare
from warehouse.engine.duckdb import open_warehouse
from warehouse.release import retired
from warehouse.release.pointer import current_id
from warehouse.workflow.accounts import Account, os_user, save_accounts


@pytest.fixture
def house(tmp_path):
    """Two releases with their entries, an operator and an approver; `edu(...)` → exit code, stdout, stderr."""
    (tmp_path / "edu.toml").write_text("")
    settings = settings_at(tmp_path)
    made = [release(settings), release(settings, warehouse(corrected=True))]
    me = (os_user(),)
    save_accounts(
        settings, [Account("ops", "operator", "63", me), Account("shen", "province_approver", "63", me)]
    )
    with open_warehouse(settings) as session:
        prepare(session)
        from warehouse import ledger

        with session.transaction():
            for r in made:
                ledger.append(session, "publish", r.id, {"content": r.content_hash})

    def edu(*arguments):
        result = CliRunner(env={"EDU_ROOT": str(tmp_path), "EDU_DEBUG": ""}).invoke(main, arguments)
        return result.exit_code, result.stdout, result.stderr

    return SimpleNamespace(settings=settings, edu=edu)


def events(settings):
    with open_warehouse(settings) as session:
        assert proof.ledger_problems(session, settings) == []
        return session.rows(
            "SELECT event, subject FROM ops.ledger__event WHERE event IN ('rollback', 'withdraw', 'prune') ORDER BY seq"
        )


def test_rollback_wants_an_account_and_a_reason_and_is_noted(house):
    assert house.edu("rollback", "v2025.9.0")[0] == 2
    assert house.edu("rollback", "v2025.9.0", "--by", "shen", "--reason", "x")[0] == 2
    code, _, err = house.edu("rollback", "v2025.9.0", "--by", "ops", "--reason", "wrong")
    assert code == 0 and "v2025.9.0" in err
    assert house.edu("rollback", "v2025.9.0", "--by", "ops", "--reason", "wrong")[0] == 0
    assert events(house.settings) == [("rollback", "v2025.9.0")]


def test_withdraw_is_refused_in_words_and_then_noted(house):
    by = ("--by", "ops", "--reason", "wrong figures")
    code, _, err = house.edu("release", "withdraw", "v2025.9.1", *by)
    assert code == 3 and "--successor v2025.9.0" in err
    code, out, _ = house.edu("release", "withdraw", "v2025.9.1", *by, "--dry-run", "--json")
    assert code == 0 and json.loads(out) == {"id": "v2025.9.1", "is_current": True}
    code, out, err = house.edu("release", "withdraw", "v2025.9.1", *by, "--successor", "v2025.9.0", "--json")
    assert code == 0 and json.loads(out)["current"] == "v2025.9.0", err
    states = json.loads(house.edu("release", "list", "--json")[1])["releases"]
    assert [(r["id"], r["state"]) for r in states] == [("v2025.9.1", "withdrawn"), ("v2025.9.0", "current")]
    code, _, err = house.edu("verify", "v2025.9.1")
    assert code == 2 and "wrong figures" in err
    assert events(house.settings) == [("withdraw", "v2025.9.1")]


def test_an_act_without_its_entry_is_named_and_repeated(house):
    """As after a kill between the act and its entry."""
    from warehouse.release import withdraw

    withdraw(house.settings, "v2025.9.0", reason="old", by="ops")
    with open_warehouse(house.settings) as session:
        found = proof.ledger_problems(session, house.settings)
        assert [p.where for p in found] == ["release v2025.9.0"]
        withdraw_release(session, house.settings, "v2025.9.0", by="ops", reason="old")
        withdraw_release(session, house.settings, "v2025.9.0", by="ops", reason="old")
    assert events(house.settings) == [("withdraw", "v2025.9.0")]


def test_a_release_that_is_simply_gone_is_named(house):
    import shutil

    shutil.rmtree(house.settings.releases / "v2025.9.0")
    with open_warehouse(house.settings) as session:
        assert [p.where for p in proof.ledger_problems(session, house.settings)] == ["release v2025.9.0"]


def test_prune_spares_what_is_cited(house):
    for month in ("2025-10", "2025-11", "2025-12"):
        release(house.settings, period=month)
    house.settings.values["release"]["keep_months"] = 1
    with open_warehouse(house.settings) as session:
        session.execute(
            "INSERT INTO ops.scorecard__frozen BY NAME SELECT 2025 AS year, 1 AS version, 'v2025.9.1' AS release_id, "
            "'h' AS content_hash, 1 AS n_rows, '[]' AS rows_json, 'u' AS frozen_by, now()::TIMESTAMP AS frozen_at"
        )
        plan = {k.id: k.why for k in prune_releases(session, house.settings, by="ops", dry_run=False)}
    assert [r for r, why in plan.items() if not why] == ["v2025.9.0", "v2025.10.0"]
    assert "scorecard 2025" in plan["v2025.9.1"][0]
    assert set(retired(house.settings)) == {"v2025.9.0", "v2025.10.0"}
    assert current_id(house.settings) == "v2025.12.0"


def test_hold_and_prune_from_the_command_line(house):
    assert house.edu("release", "hold", "v2025.9.0", "--by", "ops")[0] == 2
    assert house.edu("release", "hold", "v2025.9.0", "--by", "ops", "--reason", "audit")[0] == 0
    code, out, _ = house.edu("release", "prune", "--by", "ops", "--json")
    answer = json.loads(out)
    assert code == 0 and not answer["done"] and all(r["why"] for r in answer["releases"])
    assert "audit" in json.dumps(answer, ensure_ascii=False)


def test_share_from_request_to_refusal(house):
    code, out, err = house.edu("share", "catalogue", "--json")
    assert code == 0 and len(json.loads(out)["datasets"]) > 10, err
    agreed = json.loads(house.edu("share", "agreements", "--json")[1])["agreements"]
    assert {a["agreement_id"] for a in agreed} >= {"A-LABOUR-1", "A-FINANCE-1"}
    today = date.today().isoformat()
    arguments = ("share", "request", "school_size__school_month", "--recipient", "某厅", "--received", today)
    assert house.edu(*arguments, "--by", "shen")[0] == 2
    number = json.loads(house.edu(*arguments, "--by", "ops", "--json")[1])["request_id"]
    code, out, _ = house.edu("share", "list", "--json")
    assert code == 0 and [w["number"] for w in json.loads(out)["waiting"]] == [number]
    code, _, err = house.edu("share", "answer", number, "--grant", "A-FINANCE-1", "--by", "shen")
    assert code == 3 and "RS02" in err  # another recipient
    code, _, err = house.edu("share", "deliver", number, "--by", "ops")
    assert code == 2 and "not granted" in err
    assert house.edu("share", "answer", number, "--refuse", "无依据", "--by", "shen")[0] == 0
    late = (
        "share",
        "request",
        "school_size__school_month",
        "--recipient",
        "某厅",
        "--received",
        "2020-01-01",
    )
    assert house.edu(*late, "--by", "ops")[0] == 0
    assert house.edu("share", "list")[0] == 3
    assert house.edu("share", "consumers")[0] == 3  # the page's marts are not in this small release
