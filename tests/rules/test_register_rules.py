"""Rules over the registers that the house keeps, its endpoints and its accounts: each entered right, then wrong in several ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.storage.kept import build_kept
from expectations.registers import of
from expectations.rule import Stage
from rules.fixtures import copy_world
from rules.test_storage_rules import Store
from warehouse.registers import entries
from warehouse.registers.demo import seed
from warehouse.workflow.accounts import Account, granted, save_accounts

TODAY = date(2026, 3, 16)


def day(n: int) -> str:
    return (TODAY + timedelta(days=n)).isoformat()


class Kept(Store):
    """A house with registers; `rules` says what fails of the registers as of TODAY or n days later."""

    def enter(self, register, **words):
        return entries.add(self.session, register, [words], "u-1")[0].record_id

    def rules(self, dataset, later=0):
        build_kept(self.session, self.world.settings, TODAY + timedelta(days=later))
        self.session.execute("DELETE FROM ops.rule_result__rule_batch WHERE dataset = ?", [dataset])
        return self.failing(dataset, f"work.main.{dataset}")

    def accounts(self, *accounts):
        save_accounts(self.world.settings, accounts)


@pytest.fixture(scope="module")
def opened(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("registers") / "world")
    with world.session() as session:
        yield Kept(world, session, "R")


@pytest.fixture
def kept(opened):
    """Registers as a demo has them on TODAY; whatever a test enters is taken away again."""
    opened.session.execute("DELETE FROM ops.register__entry")
    opened.accounts(Account("u-1", "operator", "63", ("x",), holder="1"))
    # Entered as of TODAY: the moment of an entry is the moment of a nil statement.
    seed(opened.session, TODAY)
    opened.session.execute("UPDATE ops.register__entry SET recorded_at = ?::TIMESTAMP", [day(0)])
    yield opened
    opened.accounts()


def _duty(register, subject):
    return f"{register}|{subject}"


def test_a_demo_has_what_it_needs(kept):
    assert kept.rules("register_duty") == {}
    assert kept.session.value("SELECT count(*) FROM work.main.register_duty") >= 8


@pytest.mark.parametrize(
    ("rules", "register", "subject", "term"),
    [
        (("RP16", "RT09"), "impact_assessment", "automated_lists", 1095),
        (("RT11",), "log_check", "network", 180),
        (("RT12",), "restore_drill", "warehouse", 90),
        (("RT17",), "contractor", "all", 365),
        (("RU08",), "compliance_audit", "minors", 365),
        (("RU09",), "training", "63", 365),
        (("RU11",), "incident", "all", 365),
        (("RS10",), "public_list", "all", 365),
    ],
)
def test_a_record_holds_for_its_term_and_no_day_longer(kept, rules, register, subject, term):
    unit = _duty(register, subject)
    assert all(unit not in units for units in kept.rules("register_duty", later=term).values())
    found = kept.rules("register_duty", later=term + 1)
    assert {r for r, units in found.items() if unit in units} == set(rules)
    kept.session.execute("DELETE FROM ops.register__entry WHERE register_id = ?", [register])
    found = kept.rules("register_duty")
    assert {r for r, units in found.items() if unit in units} == set(rules)


def test_rp16_a_source_with_sensitive_data_needs_its_own_assessment(kept):
    kept.session.execute(
        "INSERT INTO ops.delivery__version BY NAME SELECT * REPLACE ('aid_record' AS source, 'aid' AS delivery_id) "
        "FROM ops.delivery__version LIMIT 1"
    )
    assert kept.rules("register_duty") == {}
    record = kept.session.value(
        "SELECT record_id FROM ops.register__entry WHERE fields ->> '$.subject' = 'aid_record'"
    )
    for words in ({"conclusion": "rejected"}, {"completed_on": day(1)}):
        before = entries.history(kept.session, record)[-1].fields
        entries.correct(kept.session, record, words, "u-1", "test")
        failed = {"RP16": {"impact_assessment|aid_record"}, "RT09": {"impact_assessment|aid_record"}}
        assert kept.rules("register_duty") == failed
        entries.correct(kept.session, record, {k: str(v) for k, v in before.items()}, "u-1", "back")
    entries.correct(kept.session, record, {}, "u-1", "test", is_void=True)
    assert "RP16" in kept.rules("register_duty")
    kept.session.execute("DELETE FROM ops.delivery__version WHERE delivery_id = 'aid'")
    assert kept.rules("register_duty") == {}, "a source of which nothing was taken in needs none"


def test_rt12_a_drill_that_failed_is_none(kept):
    kept.session.execute("DELETE FROM ops.register__entry WHERE register_id = 'restore_drill'")
    words = {"scope": "warehouse", "backup_on": day(-2), "drilled_on": day(-1)}
    kept.enter("restore_drill", **words, result="failed")
    assert kept.rules("register_duty") == {"RT12": {"restore_drill|warehouse"}}
    kept.enter("restore_drill", **words, result="passed")
    assert kept.rules("register_duty") == {}


def test_ru09_every_unit_with_an_account_in_use_is_trained(kept):
    kept.session.execute("DELETE FROM ops.register__entry WHERE register_id = 'training'")
    kept.enter("training", unit="63", trained_on=day(-3), topic="rules", n_persons="4")
    assert kept.rules("register_duty") == {}
    other = Account("u-2", "owner_head", "630102", ("x",), holder="2")
    kept.accounts(Account("u-1", "operator", "63", ("x",), holder="1"), other)
    assert kept.rules("register_duty") == {"RU09": {"training|630102"}}


_RECORDS = [
    ("RT09", "impact_assessment", {"subject": "aid_record", "completed_on": day(-9), "conclusion": "acceptable", "document_no": "1",
                                   "kept_until": day(1100)},
     [{"kept_until": day(900)}, {"destroyed_on": day(30)}]),
    ("RT11", "log_check", {"kind": "access", "system": "s", "checked_on": day(-9), "oldest_on": day(-300), "in_service_on": day(-900)},
     [{"oldest_on": day(-100)}, {"oldest_on": day(-100), "in_service_on": day(-101)}]),
    ("RT12", "restore_drill", {"scope": "archive", "backup_on": day(-9), "drilled_on": day(-8), "result": "passed"},
     [{"backup_on": day(-7)}, {"drilled_on": day(1)}]),
    ("RT17", "contractor", {"contract_no": "c", "organisation": "o", "service": "s", "is_personal": "true", "valid_from": day(-400),
                            "valid_to": day(-1), "returned_on": day(0), "certificate_no": "x"},
     [{"returned_on": ""}, {"certificate_no": ""}]),
    ("RU09", "training", {"unit": "*", "trained_on": day(-9), "topic": "t", "n_persons": "3"}, [{"n_persons": "0"}]),
    ("RU11", "incident", {"incident_no": "i", "kind": "leak", "found_on": day(-9), "n_persons": "3", "contained_on": day(-9),
                          "reported_on": day(-6), "notified_on": day(-5)},
     [{"contained_on": ""}, {"reported_on": ""}, {"reported_on": day(-5)}, {"notified_on": ""}, {"contained_on": day(-10)}]),
    # Monday 2 March to Wednesday 11 March: seven working days
    ("RS10", "public_list", {"list_no": "l", "purpose": "aid", "shown": "name|school|class", "n_persons": "9", "published_on": "2026-03-02",
                             "taken_down_on": "2026-03-11"},
     [{"shown": "name|id_no"}, {"shown": "reason"}, {"taken_down_on": "2026-03-12"}, {"taken_down_on": ""}]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "register", "words", "wrongs"), _RECORDS, ids=[r[0] for r in _RECORDS])
def test_records_of(kept, rule, register, words, wrongs):
    dataset = f"register_{register}"
    record = kept.enter(register, **words)
    assert kept.rules(dataset) == {}
    for wrong in wrongs:
        entries.correct(kept.session, record, wrong, "u-1", "test")
        assert kept.rules(dataset) == {rule: {record}}, wrong
        entries.correct(kept.session, record, words, "u-1", "back")


def test_ru11_nobody_need_be_told_of_what_did_no_harm(kept):
    words = {
        "incident_no": "i",
        "kind": "loss",
        "found_on": day(-9),
        "contained_on": day(-9),
        "reported_on": day(-9),
    }
    kept.enter("incident", **words, n_persons="3", is_harmless="true")
    kept.enter("incident", **words, n_persons="0")
    assert kept.rules("register_incident") == {}


def test_rt17_a_contract_that_runs_or_without_personal_data_proves_nothing(kept):
    words = {"contract_no": "c", "organisation": "o", "service": "s", "valid_from": day(-400)}
    kept.enter("contractor", **words, is_personal="true", valid_to=day(0))
    kept.enter("contractor", **words, is_personal="false", valid_to=day(-1))
    assert kept.rules("register_contractor") == {}


@pytest.fixture
def endpoint(kept):
    values = kept.world.settings.values["alerts"]
    before = values["smtp_host"]
    yield lambda host: values.update(smtp_host=host)
    values["smtp_host"] = before


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost", "::1"])
def test_rs14_no_endpoint_or_one_of_this_machine(kept, endpoint, host):
    endpoint(host)
    assert kept.rules("network_endpoint") == {}
    assert kept.session.value("SELECT count(*) FROM work.main.network_endpoint") >= 2


def test_rs14_an_endpoint_is_declared_and_lies_in_the_country(kept, endpoint, monkeypatch):
    endpoint("mail.example.org")
    assert kept.rules("network_endpoint") == {"RS14": {"alerts.smtp_host"}}
    words = {"host": "Mail.example.org", "purpose": "alerts", "declared_on": day(-1)}
    record = kept.enter("network_endpoint", **words, location="domestic")
    assert kept.rules("network_endpoint") == {}
    entries.correct(kept.session, record, {"location": "abroad"}, "u-1", "test")
    assert kept.rules("network_endpoint") == {"RS14": {"alerts.smtp_host", record}}
    endpoint("")
    entries.correct(kept.session, record, {}, "u-1", "test", is_void=True)
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_URL", "https://hooks.example.org/x/secret")
    assert kept.rules("network_endpoint") == {"RS14": {"alerts.webhook_url"}}
    assert "secret" not in str(kept.session.rows("SELECT * FROM work.main.network_endpoint"))


_WHOLE = Account("u-9", "operator", "63", ("x",), holder="9", granted_on=day(-30), expires_on=day(300))


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, False),
        ({"holder": ""}, True),
        ({"unit": "999999"}, True),
        ({"role": "system"}, True),
        ({"expires_on": ""}, True),
        ({"expires_on": day(336)}, True),
        ({"granted_on": ""}, True),
        ({"granted_on": day(1)}, True),
        ({"holder": "", "disabled": True}, False),
        ({"holder": "", "expires_on": day(-1)}, False),
    ],
)
def test_ru01_an_account_in_use_is_one_person_for_a_term(kept, change, fails):
    kept.accounts(replace(_WHOLE, **change))
    assert kept.rules("account").get("RU01", set()) == ({"u-9"} if fails else set())


def test_ru01_what_the_command_grants_passes(kept):
    made = granted(Account("u-9", "operator", "63", ("x",), holder="9"))
    kept.accounts(made)
    assert kept.rules("account", later=(date.today() - TODAY).days) == {}


def test_ru10_an_account_that_nobody_uses(kept):
    kept.accounts(_WHOLE)
    assert kept.rules("account", later=60) == {}
    assert kept.rules("account", later=61) == {"RU10": {"u-9"}}
    kept.accounts(replace(_WHOLE, disabled=True))
    assert kept.rules("account", later=61) == {}


def test_ru10_an_act_in_the_ledger_is_a_use(kept):
    from warehouse import ledger

    kept.accounts(_WHOLE)
    later = (date.today() - TODAY).days
    kept.accounts(Account(**{**vars(_WHOLE), "expires_on": (date.today() + timedelta(days=1)).isoformat()}))
    assert "RU10" in kept.rules("account", later=later)
    ledger.append(kept.session, "access", "card 1", {"by": "U-9", "persons": 1})
    assert "RU10" not in kept.rules("account", later=later)


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, True),
        ({"disabled": True, "disabled_on": day(-4)}, True),
        ({"disabled": True, "disabled_on": day(-5)}, False),
        ({"granted_on": day(-4)}, False),
    ],
)
def test_ru10_staff_who_left(kept, change, fails):
    kept.enter("staff_leave", account="u-9", left_on=day(-5))
    kept.accounts(replace(_WHOLE, **change))
    assert kept.rules("account") == ({"RU10": {"u-9"}} if fails else {})


def test_every_rule_has_a_test():
    # what registers cannot show is tested beside the elements
    files = (Path(__file__), Path(__file__).with_name("test_element_rules.py"))
    source = "".join(f.read_text(encoding="utf-8") for f in files)
    ids = [rule.id for stage in Stage for rule in of(stage)]
    assert len(ids) >= 12
    assert [i for i in ids if f'"{i}"' not in source] == []
