"""Registers: what is declared, how words are read, that entries are only added and covered by the ledger."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.fixtures import copy_world

from expectations.rule import all_rules
from warehouse import ledger
from warehouse.errors import UsageError
from warehouse.registers import entries
from warehouse.registers.declared import Field, registers

DRILL = {"scope": "warehouse", "backup_on": "2026-03-01", "drilled_on": "2026-03-02", "result": "passed"}


@pytest.fixture(scope="module")
def opened(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("registers") / "world")
    with world.session() as session:
        yield session


@pytest.fixture
def session(opened):
    opened.execute("DELETE FROM ops.register__entry")
    return opened


@pytest.mark.parametrize("register", registers().values(), ids=lambda r: r.id)
def test_a_declaration_is_whole(register):
    names = {f.name for f in register.fields}
    assert len(names) == len(register.fields)
    assert register.field(register.date_field).type == "date"
    assert {f.type for f in register.fields} <= {
        "text", "date", "integer", "flag", "choice", "choices", "account", "unit", "code", "sha256", "host",
    }  # fmt: skip
    for f in register.fields:
        assert bool(f.choices) == (f.type in ("choice", "choices")), f.name
    if register.subject_field:
        assert register.subject_field in names
    if register.counts_field:
        assert set(register.counts_values) <= set(register.field(register.counts_field).choices)
    assert (register.term_days is None) == (not register.subjects)
    assert set(register.rules) <= set(all_rules())


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("date", "2026-03-01", ("2026-02-30", "1.3.2026", "", "x")),
        ("integer", "12", ("-1", "1.5", "", "１2a")),
        ("flag", "是", ("maybe", "")),
        ("choice", "a", ("c", "", "a|b")),
        ("choices", "b|a", ("c", "a|c", "")),
        ("text", "青教发〔2026〕1号", ("", "x" * 121, "a\nb", "13912345678", "635102201503150016", "卡号6222020000000000")),
        ("account", "u-6301-02", ("张三", "a b", "")),
        ("unit", "*", ("63010", "630102x", "")[1:]),
        ("sha256", "a" * 64, ("a" * 63, "A" * 64)),
        ("host", "mail.example.org:25", ("http://x/y", "")),
    ],
)  # fmt: skip
def test_words_of_a_field(type_, good, bad):
    field = Field("f", "栏", "f", type_, True, ("a", "b") if type_.startswith("choice") else ())
    assert field.read(good) is not None
    for word in bad:
        with pytest.raises(UsageError) as error:
            field.read(word)
        assert len(word) < 3 or word not in str(error.value), "a wrong word may be a personal value"


@given(st.dates())
def test_every_day_is_a_date(day: date):
    assert Field("f", "栏", "f", "date", True, ()).read(day.isoformat()) == day.isoformat()


def test_choices_are_kept_in_the_order_of_the_declaration():
    assert Field("f", "栏", "f", "choices", True, ("a", "b", "c")).read("c|a|c") == "a|c"


def test_an_entry_is_added_and_corrected_by_a_new_version(session):
    first, second = entries.add(session, "restore_drill", [DRILL, {**DRILL, "n_files": "7"}], "u-1")
    assert (first.record_id, second.record_id) == ("restore_drill-1", "restore_drill-2")
    entries.correct(session, second.record_id, {"n_files": "", "result": "failed"}, "u-2", "wrong sheet")
    now = {e.record_id: e for e in entries.listed(session, "restore_drill")}
    assert now[second.record_id].fields == {**DRILL, "result": "failed"}
    assert [e.version for e in entries.history(session, second.record_id)] == [1, 2]
    assert entries.history(session, second.record_id)[0].fields["n_files"] == 7
    entries.correct(session, first.record_id, {}, "u-2", "entered twice", is_void=True)
    assert [e.record_id for e in entries.listed(session, "restore_drill")] == [second.record_id]
    assert len(entries.listed(session, everything=True)) == 4
    assert entries.add(session, "restore_drill", [DRILL], "u-1")[0].record_id == "restore_drill-3"


@pytest.mark.parametrize(
    "wrong",
    [{"result": None}, {"colour": "red"}, {"result": "perhaps"}, {"drilled_on": "yesterday"}],
)
def test_nothing_is_entered_when_one_of_several_is_wrong(session, wrong):
    words = {k: v for k, v in {**DRILL, **wrong}.items() if v is not None}
    with pytest.raises(UsageError):
        entries.add(session, "restore_drill", [DRILL, words], "u-1")
    assert entries.listed(session) == []


def test_what_cannot_be_done(session):
    with pytest.raises(UsageError, match="no such register"):
        entries.add(session, "diary", [{}], "u-1")
    with pytest.raises(UsageError, match="no nil statement"):
        entries.nil(session, "restore_drill", "u-1")
    with pytest.raises(UsageError, match="no such record"):
        entries.correct(session, "restore_drill-9", DRILL, "u-1", "x")
    record = entries.add(session, "restore_drill", [DRILL], "u-1")[0].record_id
    with pytest.raises(UsageError, match="nothing to correct"):
        entries.correct(session, record, {}, "u-1", "x")
    entries.correct(session, record, {}, "u-1", "x", is_void=True)
    with pytest.raises(UsageError, match="no record in force"):
        entries.correct(session, record, DRILL, "u-1", "x")


def test_the_ledger_covers_every_entry(session):
    record = entries.add(session, "restore_drill", [DRILL], "u-1")[0].record_id
    entries.nil(session, "incident", "u-1")

    def broken():
        return [p.where for p in ledger.problems(session) if f"register__entry {record}/v1" in p.where]

    assert broken() == []
    session.execute(
        "UPDATE ops.register__entry SET fields = replace(fields, 'passed', 'failed') WHERE record_id = ?",
        [record],
    )
    assert broken() == [f"ops.register__entry {record}/v1"]
