"""What people are shown of the three months of `mini.py`: cards, gap lists, cases, snapshots; and what they are not shown."""

import json
import re
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

import warehouse.monitor.access as access
from tests.history.mini import MONTHS, OCTOBER, SEPTEMBER, A, fill
from tests.unit.test_mini_province_data import Province, empty_province, token
from warehouse import ledger, vault
from warehouse.analysis import snapshot as snapshots
from warehouse.config import Settings, load_settings
from warehouse.errors import BlockedError, UsageError
from warehouse.keys import Keys, load_keys
from warehouse.monitor.card import write_card
from warehouse.monitor.cases import list_cases, move_case, open_cases, return_rate
from warehouse.monitor.feedback import write_feedback
from warehouse.monitor.gaps import write_gaps
from warehouse.monitor.names import mask_id

RECIPES = Path(__file__).parents[2] / "docs" / "snapshots.md"
World = tuple[Province, Settings, Keys]
_ID = "'635102201508310' || lpad(row_no::VARCHAR, 3, '0')"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("papers")
    (root / "edu.toml").write_text("")
    settings = load_settings(root)
    keys = load_keys(settings.key_file)
    with empty_province(root) as made:
        fill(made)
        for period in MONTHS:
            made.run(period)
        session = made.session
        for source, table in (
            ("student_registry", "raw.student_registry__student"),
            ("poverty_register", "raw.poverty_register__person"),
            ("aid_record", "raw.aid_record__payment"),
        ):
            session.execute(
                f"CREATE OR REPLACE TEMP TABLE clear AS SELECT delivery_id, row_no, '卓玛' || row_no AS name, {_ID} AS id_no, "
                f"'<b>乡</b>' AS township, '村' AS village FROM {table}"
            )
            columns = ["name", "id_no"] + (["township", "village"] if source == "poverty_register" else [])
            for delivery, period in session.rows(
                "SELECT delivery_id, period FROM ops.delivery__version WHERE source = ?", [source]
            ):
                target = vault.vault_path(settings.vault, source, period, delivery)
                vault.write(session, "clear", columns, keys.vault, target, delivery)
        yield made, settings, keys


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def accesses(world: World) -> list[dict[str, Any]]:
    rows = world[0].session.rows("SELECT detail FROM ops.ledger__event WHERE event = 'access' ORDER BY seq")
    return [json.loads(r[0]) for r in rows]


def test_a_number_is_masked_but_for_its_ends() -> None:
    assert mask_id("63510220150831001X") == "635" + "*" * 11 + "001X"
    assert mask_id("63510220150831001X42") == "635" + "*" * 11 + "001X"
    assert mask_id(None) == mask_id("123") == "—"


def test_a_card_shows_one_learner_and_is_recorded(world: World) -> None:
    province, settings, keys = world
    before = len(accesses(world))
    file = write_card(province.session, settings, keys, str(token(20)), OCTOBER, "help", "u-1")
    text = file.read_text(encoding="utf-8")
    assert mode(file) == 0o600 and mode(file.parent) == 0o700
    assert "卓玛3" in text and "少发" in text and "寄宿生生活补助" in text and "小学二年级" in text
    assert "635102201508310003" not in text and "635***********0003" in text
    assert "&lt;b&gt;乡" in text and "<b>乡" not in text
    entry = accesses(world)[before:]
    assert len(entry) == 1 and entry[0]["purpose"] == "help" and entry[0]["by"] == "u-1"
    assert "卓玛" not in json.dumps(entry, ensure_ascii=False)


@pytest.mark.parametrize(
    ("person", "purpose", "account"),
    [(token(20), "planning", "u-1"), (token(20), "curiosity", "u-1"), (token(20), "help", "u 1"), (token(999), "help", "u-1"),
     ("x", "help", "u-1")],
)  # fmt: skip
def test_a_card_without_a_purpose_or_a_person_is_refused(
    world: World, person: object, purpose: str, account: str
) -> None:
    province, settings, keys = world
    before = len(accesses(world))
    with pytest.raises(UsageError):
        write_card(province.session, settings, keys, str(person), OCTOBER, purpose, account)
    assert len(accesses(world)) == before


def test_a_gap_list_can_be_worked_from(world: World) -> None:
    province, settings, keys = world
    file, lines = write_gaps(province.session, settings, keys, A, OCTOBER, "aid", "u-2")
    text = file.read_text(encoding="utf-8")
    assert mode(file) == 0o600 and mode(file.parent) == 0o700
    # 6, 20, 21, 22, 23, 24, 26, 27, 100, 101, 102; those paid in full are not listed
    assert lines == 11
    listed = [n for n in range(1, 130) if str(token(n)) in text]
    assert listed == [6, 20, 21, 22, 23, 24, 26, 27, 100, 101, 102]
    for word in ("未发", "少发", "多发", "重复", "无资格已发", "待核", "入户核实", "325.00", "<th>姓名"):
        assert word in text, word
    assert not [n for n in range(1, 40) if f"635102201508310{n:03d}" in text]


def test_many_persons_need_a_second_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    province, settings, keys = world
    monkeypatch.setattr(access, "thresholds", lambda: {"export_second_approval": 5})
    for second in (None, "u-2"):
        with pytest.raises(UsageError):
            write_gaps(province.session, settings, keys, A, OCTOBER, "aid", "u-2", second)
    assert write_gaps(province.session, settings, keys, A, OCTOBER, "aid", "u-2", "u-3")[1] == 11
    with pytest.raises(UsageError):
        write_gaps(province.session, settings, keys, "999999", OCTOBER, "aid", "u-2", "u-3")


def test_cases_are_opened_once_and_moved_by_people(world: World) -> None:
    session = world[0].session
    assert open_cases(session, SEPTEMBER, "u-4") == 3  # 11, 19, 100
    assert open_cases(session, SEPTEMBER, "u-4") == 0
    # 6 and 32 are new; 11 and 100 have their case
    assert open_cases(session, OCTOBER, "u-4") == 2
    cases = {c.person_id: c for c in list_cases(session)}
    back = cases[str(token(19))]
    assert len(cases) == 5 and back.is_seen_again and not cases[str(token(11))].is_seen_again
    with pytest.raises(UsageError):
        move_case(session, back.case_id, "returned", "u-4", reason=None, evidence="ZF-1")
    move_case(session, back.case_id, "verifying", "u-4", reason=None, evidence=None)
    for reason, evidence in (("04", None), (None, "ZF-1"), ("77", "ZF-1")):
        with pytest.raises(UsageError):
            move_case(session, back.case_id, "confirmed", "u-4", reason=reason, evidence=evidence)
    move_case(session, back.case_id, "confirmed", "u-4", reason="04", evidence="ZF-1")
    move_case(session, back.case_id, "persuading", "u-4", reason=None, evidence="ZF-2")
    assert return_rate(session) == (0, 1)
    assert move_case(session, back.case_id, "returned", "u-4", reason=None, evidence="ZF-3") == "persuading"
    assert return_rate(session) == (1, 1)
    move_case(session, back.case_id, "stable", "u-4", reason=None, evidence="ZF-4")
    assert len(list_cases(session)) == 4 and len(list_cases(session, everything=True)) == 5
    with pytest.raises(UsageError):
        move_case(session, "nothing", "verifying", "u-4", reason=None, evidence=None)


def test_cases_are_covered_by_the_ledger(world: World) -> None:
    session = world[0].session
    open_cases(session, SEPTEMBER, "u-4")

    def named() -> list[str]:
        return [p.where for p in ledger.problems(session) if p.where.startswith("ops.case")]

    assert named() == []
    case, seq = session.rows(
        "SELECT case_id, max(seq)::VARCHAR FROM ops.case_move__event GROUP BY 1 ORDER BY 1"
    )[0]
    with pytest.raises(ZeroDivisionError), session.transaction():  # what is spoilt here is rolled back
        session.execute("UPDATE ops.case__person SET kind_code = 'never' WHERE case_id = ?", [case])
        session.execute("DELETE FROM ops.case_move__event WHERE seq = ?", [int(seq)])
        assert named() == [f"ops.case__person {case}", f"ops.case_move__event {seq}"]
        raise ZeroDivisionError


def test_feedback_is_cut_to_the_agreement(world: World) -> None:
    province, settings, keys = world
    survey = province.deliver("two_later_survey", A, OCTOBER)
    for person, willing in ((12, "1"), (501, "1"), (502, "2")):
        province.row("raw.two_later_survey__person", survey, A, id_no_token=token(person), county_code=A, willingness_code=willing,
                     top_education_code="1", trade_codes="01")  # fmt: skip
    province.run(OCTOBER)
    province.session.execute(
        f"CREATE OR REPLACE TEMP TABLE clear AS SELECT delivery_id, row_no, '=甲' || row_no AS name, {_ID} AS id_no "
        "FROM raw.two_later_survey__person"
    )
    target = vault.vault_path(settings.vault, "two_later_survey", OCTOBER, survey)
    vault.write(province.session, "clear", ["name", "id_no"], keys.vault, target, survey)
    listed = province.session.rows(
        "SELECT person_id, list_code FROM use.two_later__person_month WHERE period = ? ORDER BY 1", [OCTOBER]
    )
    assert listed == [(token(12), "both"), (token(501), "surveyed_only"), (token(502), "surveyed_only")]
    day = date(2026, 1, 1)
    file, n = write_feedback(province.session, settings, keys, "A-LABOUR-1", OCTOBER, "u-6", "u-7", today=day)
    assert province.session.rows("SELECT recipient_zh, n_rows, approver FROM ops.share__delivery")[0][1:] == (
        2,
        "u-7",
    )
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert n == 2 and len(lines) == 3 and mode(file) == 0o600
    assert lines[0].split(",")[:3] == ["name", "id_no", "county_code"] and "is_poor" not in lines[0]
    assert lines[1].startswith("'=甲1,")  # a name never becomes a formula
    for agreement, second, on in (
        ("A-LABOUR-1", "u-7", date(2030, 1, 1)),
        ("A-NONE", "u-7", day),
        ("A-LABOUR-1", None, day),
        ("A-LABOUR-1", "u-6", day),
    ):
        with pytest.raises(UsageError):
            write_feedback(province.session, settings, keys, agreement, OCTOBER, "u-6", second, today=on)


def small(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    monkeypatch.setattr(snapshots, "thresholds", lambda: {"release_k": 5, "release_removed_share": share})


def test_a_snapshot_in_which_too_many_would_be_removed_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    province, settings, _ = world
    small(monkeypatch, 0)
    with pytest.raises(BlockedError):
        snapshots.make_snapshot(province.session, settings, "planning", "u-5", first=MONTHS[0], last=OCTOBER)
    assert not list(settings.data.glob("snapshots/*"))


def test_a_snapshot_holds_alike_persons_under_pseudonyms(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    province, settings, _ = world
    small(monkeypatch, 1)
    made = {}
    for purpose in ("planning", "evaluation"):
        folder, facts = snapshots.make_snapshot(
            province.session, settings, purpose, "u-5", first=MONTHS[0], last=OCTOBER
        )
        file = folder / "analysis.duckdb"
        assert mode(folder) == 0o500 and mode(file) == 0o400 and facts["smallest_class"] >= 5
        with duckdb.connect(str(file), read_only=True) as con:
            made[purpose] = {
                r[0] for r in con.execute("SELECT DISTINCT learner FROM learner_month").fetchall()
            }
            columns = {
                r[0]
                for r in con.execute("SELECT column_name FROM duckdb_columns() WHERE NOT internal").fetchall()
            }
            assert not columns & {
                "person_id",
                "birth_date",
                "county_code_of_home",
                "id_no_token",
                "row_no",
                "delivery_id",
            }
            types = {
                r[0]
                for r in con.execute(
                    "SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal"
                ).fetchall()
            }
            assert "UUID" not in types
            at = con.execute("SELECT count(*), min(period) FROM learners_at('2025-12')").fetchone()
            assert at and at[0] > 0 and at[1] == OCTOBER
            comment = con.execute(
                "SELECT comment FROM duckdb_tables() WHERE table_name = 'aid_term'"
            ).fetchone()
            assert comment and "Due and paid" in comment[0]
            for recipe in re.findall(
                r"^```sql\n(.*?)^```", RECIPES.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
            ):
                assert con.execute(recipe).description, recipe
        key = json.loads((settings.key_file.parent / f"purpose-{purpose}.json").read_text())["key"]
        raw = file.read_bytes()
        assert bytes.fromhex(key) not in raw and key.encode() not in raw and token(20).bytes not in raw
    assert made["planning"] and not made["planning"] & made["evaluation"]
    rotated, facts = snapshots.make_snapshot(
        province.session, settings, "planning", "u-5", first=MONTHS[0], last=OCTOBER, rotate=True
    )
    assert facts["key_id"] == "k2" and rotated.is_dir()
    with pytest.raises(UsageError):
        snapshots.make_snapshot(province.session, settings, "help", "u-5", first=MONTHS[0], last=OCTOBER)
    assert [e["use"] for e in accesses(world)].count("snapshot") == 3
