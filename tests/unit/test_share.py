"""The way of a request: clock, answer, delivery cut to the agreement, log, doubt; and the registers that the rules judge."""

import csv
from datetime import date

import pytest
from fixtures.release_world import OPERATOR, approvals, build, column, contract, settings_at

import warehouse.sharing.agreements as agreements_module
from warehouse import ledger
from warehouse.catalogue import prepare
from warehouse.engine.duckdb import open_warehouse
from warehouse.errors import BlockedError, UsageError
from warehouse.reference import rows
from warehouse.release import publish
from warehouse.release.files import sha256_file
from warehouse.sharing import delivery, desk
from warehouse.sharing.registers import build_share_registers, staged_delivery

DAY = date(2025, 10, 9)  # a Thursday
RECIPIENT = "某厅某处"
AGREEMENT = {
    "agreement_id": "A-TEST-1",
    "recipient_zh": RECIPIENT,
    "recipient_en": "Some department",
    "dataset": "school_size__school_month",
    "fields": "school_id|n_pupils|cell_status",
    "row_filter": "stage_code=10|20",
    "purpose_zh": "经费核定",
    "valid_from": "2025-01-01",
    "valid_to": "2025-12-31",
    "term_zh": "不得再提供",
    "security_zh": "加密",
    "destruction_zh": "期满删除",
    "audit_zh": "每年检查",
    "onward_code": "no",
    "consent_doc": "",
    "confidence": "confirmed",
}


def school_mart():
    return contract(
        "school_size__school_month",
        "学校规模 | School size",
        [
            column("period", "月份", "VARCHAR", key=True),
            column("school_id", "学校", "VARCHAR", key=True),
            column("stage_code", "学段", "VARCHAR", key=True),
            column("n_pupils", "人数", unit="人"),
        ],
        disclosure={
            "lane": "round",
            "dimensions": {"snapshot": "period", "school": "school_id", "stage": "stage_code"},
            "counts": {"n_pupils": {}},
        },
    )


@pytest.fixture
def given(monkeypatch):
    """Agreements as the test wants them: a list of rows."""
    known = [dict(AGREEMENT)]
    real = rows

    def fake(table):
        return known if table == "share_agreement" else real(table)

    monkeypatch.setattr(agreements_module, "rows", fake)
    return known


@pytest.fixture
def house(tmp_path, given):
    """Settings and session of a warehouse with one release of a mart."""
    import duckdb

    settings = settings_at(tmp_path)
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    con.execute(
        "CREATE TABLE mart.school_size__school_month AS SELECT '2025-09' AS period, 's' || i AS school_id, "
        "s AS stage_code, (i * 10)::INTEGER AS n_pupils FROM range(1, 8) t(i), (VALUES ('10'), ('20'), ('31')) v(s)"
    )
    mart = school_mart()
    made = build(settings, con, contracts={mart.id: mart})
    publish(settings, made, approvals(made), operator=OPERATOR)
    with open_warehouse(settings) as session:
        prepare(session)
        session.execute("DELETE FROM ref.share_agreement")
        session.execute(
            "INSERT INTO ref.share_agreement BY NAME SELECT 'A-TEST-1' AS agreement_id, 'x' AS source_doc, 'x' AS owner, "
            "'confirmed' AS confidence"
        )
        yield settings, session


def granted(session, day=DAY):
    number = desk.receive(session, RECIPIENT, "school_size__school_month", day, "clerk")
    desk.answer(session, number, by="approver", today=day, agreement_id="A-TEST-1")
    return number


def facts(session, table, today=DAY):
    build_share_registers(session, today)
    cursor = session.execute(f"SELECT * FROM work.main.{table} ORDER BY ALL")
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_a_delivery_is_cut_exactly_and_logged(house):
    settings, session = house
    seen = []
    folder, line = delivery.deliver(
        session, settings, granted(session), by="clerk", today=DAY, check=seen.append
    )
    assert line.delivery_no == "JF-2025-0001" == folder.name and seen == [line]
    with (folder / "school_size__school_month.csv").open(encoding="utf-8-sig") as handle:
        lines = list(csv.reader(handle))
    assert lines[0] == ["school_id", "n_pupils", "cell_status"]
    assert len(lines) == 15 and line.n_rows == 14  # stages 10 and 20 only
    assert sha256_file(folder / "school_size__school_month.parquet") == line.sha256
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert line.approver == "approver" and line.delivered_by == "clerk" and line.release_id == "v2025.9.0"
    assert facts(session, "share_delivery") == [
        {
            "delivery_no": "JF-2025-0001",
            "is_agreed": True,
            "is_within_fields": True,
            "is_within_rows": True,
            "is_complete": True,
            "is_logged": True,
        }
    ]
    assert ledger.problems(session) == []
    assert desk.open_items(session, DAY) == []
    # The next month is a further delivery of the same request.
    assert (
        delivery.deliver(session, settings, "SQ-2025-0001", by="clerk", today=DAY)[1].delivery_no
        == "JF-2025-0002"
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"valid_to": "2025-10-08"}, "RS02"),
        ({"valid_from": "2025-10-10"}, "RS02"),
        ({"security_zh": ""}, "RS02"),
        ({"fields": "school_id|n_pupils|cell_status|n_teachers"}, "RS03"),
        ({"fields": "school_id|n_pupils"}, "cell_status"),
        ({"row_filter": "nowhere=1"}, "RS03"),
    ],
)
def test_what_the_agreement_does_not_cover_is_not_delivered(house, given, change, error):
    settings, session = house
    number = granted(session)
    given[0].update(change)
    with pytest.raises(BlockedError, match=error):
        delivery.deliver(session, settings, number, by="clerk", today=DAY)
    assert desk.log_rows(session) == [] and not list(delivery.deliveries_folder(settings).glob("*"))


def test_foreign_data_need_their_providers_consent(house, given):
    given[0]["dataset"] = "poverty_pupil__county_stage_month"
    with pytest.raises(BlockedError, match="RS16"):
        agreements_module.in_force("A-TEST-1", DAY)
    given[0]["consent_doc"] = "农〔2025〕1号"
    assert agreements_module.in_force("A-TEST-1", DAY).agreement_id == "A-TEST-1"
    assert agreements_module.sources_of("graduate_destination__school_major_year") == ("graduate_register",)
    assert agreements_module.foreign_sources("two_later", ["name", "is_poor"]) == ["poverty_register"]
    assert agreements_module.foreign_sources("two_later", ["name"]) == []


@pytest.mark.parametrize("text", ["stage_code", "=1", "a=1||2", "a b=1", "a=1; =2"])
def test_a_filter_that_cannot_be_read_is_refused(text):
    with pytest.raises(UsageError):
        agreements_module.parse_filter(text)


def test_a_filter_is_quoted(given):
    given[0]["row_filter"] = "stage_code=10'; DROP TABLE x"
    with pytest.raises(UsageError):
        agreements_module.load_agreements()
    given[0]["row_filter"] = "stage_code=1'0"
    assert agreements_module.load_agreements()["A-TEST-1"].where() == "\"stage_code\"::VARCHAR IN ('1''0')"


def test_a_check_that_refuses_leaves_nothing(house):
    settings, session = house

    def refuse(_):
        raise BlockedError("no", "no")

    with pytest.raises(BlockedError):
        delivery.deliver(session, settings, granted(session), by="clerk", today=DAY, check=refuse)
    assert desk.log_rows(session) == []
    assert not list(delivery.deliveries_folder(settings).glob("[!.]*"))


def test_a_folder_without_its_row_is_made_again(house):
    settings, session = house
    number = granted(session)
    left = delivery.deliveries_folder(settings) / "JF-2025-0001"
    left.mkdir(parents=True)
    (left / "half.csv").touch()
    folder, _ = delivery.deliver(session, settings, number, by="clerk", today=DAY)
    assert folder == left and not (folder / "half.csv").exists()


def test_only_what_was_granted_and_only_by_somebody_else(house):
    settings, session = house
    number = desk.receive(session, RECIPIENT, "school_size__school_month", DAY, "clerk")
    with pytest.raises(UsageError, match="not granted"):
        delivery.deliver(session, settings, number, by="clerk", today=DAY)
    with pytest.raises(BlockedError, match="cannot answer"):
        desk.answer(session, number, by="clerk", today=DAY, agreement_id="A-TEST-1")
    for wrong in ({}, {"agreement_id": "A-TEST-1", "refusal": "no"}):
        with pytest.raises(UsageError):
            desk.answer(session, number, by="approver", today=DAY, **wrong)
    other = desk.receive(session, "另一处", "school_size__school_month", DAY, "clerk")
    with pytest.raises(BlockedError, match="another recipient"):
        desk.answer(session, other, by="approver", today=DAY, agreement_id="A-TEST-1")
    desk.answer(session, other, by="approver", today=DAY, refusal="无依据")
    with pytest.raises(UsageError, match="answered"):
        desk.answer(session, other, by="approver", today=DAY, refusal="无依据")
    with pytest.raises(UsageError):
        desk.receive(session, "张三 13912345678", "school_size__school_month", DAY, "clerk")
    with pytest.raises(UsageError):
        desk.receive(session, RECIPIENT, "no_such_mart", DAY, "clerk")


def test_the_clock_counts_working_days_from_the_reference_data():
    assert desk.due("answer", "有条件共享", DAY) == date(2025, 10, 23)
    assert desk.due("answer", "无条件共享", DAY) == date(2025, 10, 10)
    assert desk.due("deliver", "有条件共享", DAY) == date(2025, 11, 6)
    assert desk.due("correction", "*", DAY) == date(2025, 10, 23)
    with pytest.raises(KeyError):
        desk.due("nothing", "*", DAY)


@pytest.mark.parametrize(("today", "in_time"), [(date(2025, 10, 23), True), (date(2025, 10, 24), False)])
def test_what_waits_too_long_is_seen(house, today, in_time):
    _, session = house
    number = desk.receive(session, RECIPIENT, "school_size__school_month", DAY, "clerk")
    assert facts(session, "share_request", today)[0]["is_answered_in_time"] is in_time
    assert desk.open_items(session, today)[0]["late"] is not in_time
    desk.answer(session, number, by="approver", today=DAY, agreement_id="A-TEST-1")
    assert facts(session, "share_request", date(2025, 11, 7))[0] == {
        "request_id": number,
        "is_answered_in_time": True,
        "is_delivered_in_time": False,
    }


def test_a_doubt_is_answered_with_its_result(house):
    settings, session = house
    _, line = delivery.deliver(session, settings, granted(session), by="clerk", today=DAY)
    with pytest.raises(UsageError, match="no field"):
        desk.doubt(session, line.delivery_no, "s1", "stage_code", DAY, "clerk")
    number = desk.doubt(session, line.delivery_no, "s1", "n_pupils", DAY, "clerk")
    assert not facts(session, "share_correction", date(2025, 10, 24))[0]["is_in_time"]
    desk.resolve(session, number, result="corrected", ref="v2025.9.1", by="clerk", today=DAY)
    assert facts(session, "share_correction", date(2026, 1, 1))[0]["is_in_time"]
    with pytest.raises(UsageError):
        desk.resolve(session, number, result="corrected", ref="v2025.9.1", by="clerk", today=DAY)
    assert ledger.problems(session) == []


def test_a_log_that_was_touched_is_found(house):
    settings, session = house
    delivery.deliver(session, settings, granted(session), by="clerk", today=DAY)
    session.execute("UPDATE ops.share__delivery SET fields = fields || '|name'")
    assert not facts(session, "share_delivery")[0]["is_within_fields"]
    assert [p.where for p in ledger.problems(session)] == ["ops.share__delivery JF-2025-0001"]
    session.execute("DELETE FROM ops.share__delivery")
    assert not facts(session, "share_delivery")[0]["is_logged"]


def test_the_facts_of_a_staged_delivery_are_those_of_a_logged_one(house):
    settings, session = house
    _, line = delivery.deliver(session, settings, granted(session), by="clerk", today=DAY)
    staged = session.rows(f"SELECT * FROM {staged_delivery(session, line)}")
    build_share_registers(session, DAY)
    assert staged == session.rows("SELECT * FROM work.main.share_delivery")


def test_agreements_and_flows_of_the_project(tmp_path):
    settings = settings_at(tmp_path)
    with open_warehouse(settings) as session:
        prepare(session)
        assert all(a["is_complete"] and a["is_onward_limited"] for a in facts(session, "share_agreement"))
        flows = {f["source"]: f["has_flow"] and f["reaches_level"] for f in facts(session, "return_flow")}
    # Nothing made of these goes back to the counties yet: RS07 says so.
    assert sorted(s for s, ok in flows.items() if not ok) == ["disability_roster", "two_later_survey"]


def test_figures_of_single_institutions_and_of_the_work_itself_are_internal():
    """JY/T 0661 and GB/T 43697 grade aggregates of one school, class or college, and workflow, above public ones (L2)."""
    from warehouse.contract import load_contracts
    from warehouse.sharing.catalogue import catalogue

    tiers = {d["id"]: d["tier"] for d in catalogue(load_contracts("marts"))}
    single = {"school_id", "class_label", "college_code", "owner"}
    wanted = {m: "L2" if single & set(c.key) else "L1" for m, c in load_contracts("marts").items()}
    assert tiers == wanted
