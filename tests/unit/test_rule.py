"""Rules as data: validation, helpers, placeholders, registry."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
from typing import Any

import pytest

from expectations import rule as module
from expectations.rule import (
    Check,
    Rule,
    Severity,
    Stage,
    all_rules,
    between,
    datasets,
    fill,
    in_set,
    matches,
    no_rows,
    not_null,
    register,
    row_count_between,
    satisfies,
    select,
    unique,
)


def make(**changes: Any) -> Rule:
    given: dict[str, Any] = {
        "id": "RC16",
        "title_zh": "身份证校验码",
        "statement_zh": "18 位身份证件号的校验码正确",
        "statement_en": "an 18-character citizen id has a correct check digit",
        "clause": "GB 11643",
        "severity": Severity.QUARANTINE,
        "owner_zh": "学籍主管部门",
        "fix_zh": "核对户口簿",
        "fix_en": "compare with the household register",
        "checks": (not_null("student_registry", "citizen_id"),),
    }
    return Rule(**{**given, **changes})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    monkeypatch.setattr(module, "RULES", rules)
    return rules


@pytest.mark.parametrize(
    ("id_", "stage", "zh"),
    [
        ("RC01", Stage.COLLECTION, "采集"),
        ("RT01", Stage.STORAGE, "存储"),
        ("RP01", Stage.PROCESSING, "处理"),
        ("RU01", Stage.USE, "使用"),
        ("RS01", Stage.SHARING, "共享"),
    ],
)
def test_stage_comes_from_the_id(id_: str, stage: Stage, zh: str) -> None:
    assert make(id=id_).stage is stage
    assert stage.zh == zh


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "RX01"},
        {"id": "RC1"},
        {"id": "rc01"},
        {"title_zh": ""},
        {"statement_zh": "  "},
        {"statement_en": ""},
        {"clause": ""},
        {"owner_zh": ""},
        {"fix_zh": ""},
        {"fix_en": ""},
        {"severity": "fatal"},
        {"checks": ()},
        {"checks": [not_null("a", "b")]},
        {"version": 0},
        {"effective_from": "last year"},
        {"effective_to": "2026"},
    ],
)
def test_a_rule_that_is_not_complete_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        make(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dataset": " "},
        {"expectation": {"type": "x"}},
        {"expectation": {"kwargs": {}}},
        {"expectation": {"type": "x", "kwargs": {"row_condition": "a"}}},
        {"key": ()},
        {"key": "row_no"},
        {"severity": "fatal"},
    ],
)
def test_a_check_that_is_not_complete_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Check(**{"dataset": "a", "expectation": {"type": "x", "kwargs": {}}, **wrong})


def test_rules_and_checks_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().id = "RC02"  # type: ignore[misc]


def test_helpers_build_expectation_configurations() -> None:
    assert satisfies("d", "a > 1", field="a").expectation == {
        "type": "expect_column_values_to_satisfy_sql",
        "kwargs": {"column": "row_no", "predicate": "a > 1"},
    }
    assert satisfies("d", "a > 1", field="a", column="a").expectation["kwargs"]["column"] == "a"
    assert (
        satisfies("d", "a > 1", field="a", key=("school_id",)).expectation["kwargs"]["column"] == "school_id"
    )
    assert in_set("d", "sex", ("1", "2")).expectation["kwargs"] == {"column": "sex", "value_set": ["1", "2"]}
    assert matches("d", "a", "^x$", mostly=0.9).expectation["kwargs"] == {
        "column": "a",
        "regex": "^x$",
        "mostly": 0.9,
    }
    assert between("d", "a", 1).expectation["kwargs"] == {"column": "a", "min_value": 1}
    assert unique("d", "a").expectation["type"] == "expect_column_values_to_be_unique"
    assert unique("d", "a", "b").expectation["kwargs"]["column_list"] == ["a", "b"]
    assert no_rows("d", "SELECT 1 ; ", key=("k",)).expectation["kwargs"] == {"query": "SELECT 1"}
    assert row_count_between("d", 1).expectation["kwargs"] == {"min_value": 1}


def test_helpers_pass_on_what_all_checks_have() -> None:
    check = not_null("d", "a", when="b = 1", key=("k",), severity=Severity.WARN, field="其他")
    assert (check.when, check.key, check.severity, check.field) == ("b = 1", ("k",), Severity.WARN, "其他")
    assert not_null("d", "a").field == "a"
    assert unique("d", "a").field == "a"
    assert unique("d", "a", "b").field is None


def test_placeholders_become_literals_and_nothing_else_is_touched() -> None:
    params = {"period": "2026-09", "who": "O'Brien'; DROP TABLE x --"}
    assert fill("m = {period}", params, "b") == "m = '2026-09'"
    assert fill("m = {who}", params, "b") == "m = 'O''Brien''; DROP TABLE x --'"
    assert fill("SELECT 1 FROM {batch} x", params, "v1") == "SELECT 1 FROM v1 x"
    assert fill("x ~ '^[0-9]{17}$' AND {'a': 1}.a = 1", params, "b") == "x ~ '^[0-9]{17}$' AND {'a': 1}.a = 1"
    with pytest.raises(KeyError, match="as_of"):
        fill("d <= {as_of}", params, "b")


def test_a_value_is_not_searched_for_placeholders() -> None:
    assert fill("{a}", {"a": "{b}", "b": "x"}, "t") == "'{b}'"


def test_effective_months() -> None:
    rule = make(effective_from="2024-09", effective_to="2026-08-31")
    assert [rule.is_effective(m) for m in ("2024-08", "2024-09", "2026-08", "2026-09", None)] == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_select_takes_stage_and_dataset_and_numbers_from_one() -> None:
    rules = [
        make(id="RC01", checks=(not_null("a", "x"), not_null("b", "x"), not_null("a", "y"))),
        make(id="RT01", checks=(not_null("a", "x"),)),
    ]
    assert [(r.id, n) for r, n, _ in select(rules, Stage.COLLECTION, "a")] == [("RC01", 1), ("RC01", 3)]
    assert datasets(rules, "collection") == ("a", "b")


def test_ids_are_unique(registry: dict[str, Rule]) -> None:
    rule = make()
    register([rule])
    register([rule])  # importing twice is no conflict
    with pytest.raises(ValueError, match="RC16"):
        register([make(title_zh="另一条")])
    assert registry == {"RC16": rule}


def _fake(monkeypatch: pytest.MonkeyPatch, name: str, rules: tuple[Rule, ...]) -> None:
    fake = types.ModuleType(name)
    fake.RULES = rules  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, fake)


def test_all_rules_gathers_the_modules(registry: dict[str, Rule], monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in Stage:
        letter = {"collection": "C", "storage": "T", "processing": "P", "use": "U", "sharing": "S"}[stage]
        _fake(monkeypatch, f"expectations.{stage}", (make(id=f"R{letter}01"),))
    assert list(all_rules()) == ["RC01", "RT01", "RP01", "RU01", "RS01"]
    assert list(all_rules()) == list(registry)  # again: the same


def test_all_rules_refuses_a_rule_in_the_wrong_module(
    registry: dict[str, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(monkeypatch, "expectations.collection", (make(id="RT01"),))
    with pytest.raises(ValueError, match="RT01"):
        all_rules()


def test_absent_modules_are_skipped_but_their_broken_imports_are_not(
    registry: dict[str, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(module.importlib, "import_module", absent)
    assert all_rules() == {}

    def broken(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'warehouse.nothing'", name="warehouse.nothing")

    monkeypatch.setattr(module.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError):
        all_rules()


def test_neither_rules_nor_the_gate_import_great_expectations() -> None:
    code = "import sys, expectations.rule, expectations.gate; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
