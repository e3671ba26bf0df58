"""Rules as data: what must hold, why, how serious it is, who repairs it.

A rule has one or more checks; a check is one Great Expectations configuration on one dataset. The helpers
below build checks, so that a module of rules reads like a table. This module does not import Great
Expectations.

SQL in a check (predicates, `when`, queries) may contain two kinds of placeholders in braces:

* `{batch}`: the rows under test: the dataset, restricted to the gate's scope and to the check's `when`.
* `{name}`: a parameter of the run, e.g. `{period}`. It is replaced by a quoted SQL string literal, so it
  stands without quotes and is cast where another type is needed: `as_of <= {as_of}::DATE`.

Only identifiers in braces are placeholders: the regular expression `^[0-9]{17}$` and the struct `{'a': 1}`
are left alone. A placeholder without a parameter is an error of the rule, not an empty string.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ROW_KEY = ("delivery_id", "row_no")
# who repairs
CENTRE, OWNER, SCHOOL_COUNTY = "省级教育数据中心", "报送单位", "学校所在县"
_RULE_ID = re.compile(r"R[CTPUS]\d{2}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Stage(StrEnum):
    """The five stages of the data lifecycle (item 33)."""

    COLLECTION = "collection"
    STORAGE = "storage"
    PROCESSING = "processing"
    USE = "use"
    SHARING = "sharing"

    @property
    def zh(self) -> str:
        """Chinese name."""
        return _STAGE_ZH[self]


_STAGE_ZH = {
    Stage.COLLECTION: "采集",
    Stage.STORAGE: "存储",
    Stage.PROCESSING: "处理",
    Stage.USE: "使用",
    Stage.SHARING: "共享",
}
_STAGE_OF = dict(zip("CTPUS", Stage, strict=True))


class Severity(StrEnum):
    """What a failure means: refuse everything, set the rows aside, tell the owner, keep as evidence."""

    BLOCK = "block"
    QUARANTINE = "quarantine"
    WARN = "warn"
    AUDIT = "audit"

    @property
    def zh(self) -> str:
        """Chinese name."""
        return _SEVERITY_ZH[self]


BLOCK, QUARANTINE, WARN, AUDIT = Severity
_SEVERITY_ZH = {
    Severity.BLOCK: "阻断",
    Severity.QUARANTINE: "隔离",
    Severity.WARN: "提示",
    Severity.AUDIT: "留痕",
}


@dataclass(frozen=True)
class Check:
    """One expectation on one dataset.

    dataset      an extract being collected (`student_registry`), a table (`core.enrolment__person_month`) or
                 `release`
    expectation  Great Expectations configuration: {"type": …, "kwargs": {…}}
    key          columns that name a failing unit; they must not hold personal values, they end up in results
    when         SQL predicate: the rows to which the check applies; a row for which it is NULL is not tested
    field        the column at fault, for the return workbook
    severity     override of the rule's severity
    units        SQL that counts the units tested, for queries whose unit is not a row of the dataset
    """

    dataset: str
    expectation: dict[str, Any]
    key: tuple[str, ...] = ROW_KEY
    when: str | None = None
    field: str | None = None
    severity: Severity | None = None
    units: str | None = None

    def __post_init__(self) -> None:
        if not self.dataset.strip():
            raise ValueError("a check names its dataset")
        if not isinstance(self.expectation.get("type"), str) or not isinstance(
            self.expectation.get("kwargs"), dict
        ):
            raise ValueError(f"{self.dataset}: an expectation is {{'type': …, 'kwargs': {{…}}}}")
        if "row_condition" in self.expectation["kwargs"]:
            raise ValueError(f"{self.dataset}: use `when`, not row_condition")
        if not self.key or isinstance(self.key, str) or not all(self.key):
            raise ValueError(f"{self.dataset}: a check has key columns")
        if self.severity is not None:
            Severity(self.severity)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the catalogue: its statement in two languages, clause, severity, repair and checks."""

    id: str
    title_zh: str
    statement_zh: str
    statement_en: str
    clause: str
    severity: Severity
    owner_zh: str
    fix_zh: str
    fix_en: str
    checks: tuple[Check, ...]
    version: int = 1
    effective_from: str = "2016-01"
    effective_to: str | None = None

    def __post_init__(self) -> None:
        if not _RULE_ID.fullmatch(self.id):
            raise ValueError(f"rule id {self.id!r}: RC, RT, RP, RU or RS and two digits")
        for name in ("title_zh", "statement_zh", "statement_en", "clause", "owner_zh", "fix_zh", "fix_en"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{self.id}: {name} is empty")
        Severity(self.severity)
        if not isinstance(self.checks, tuple) or not all(isinstance(c, Check) for c in self.checks):
            raise ValueError(f"{self.id}: checks is a tuple of checks")
        if not self.checks:
            raise ValueError(f"{self.id}: a rule without a check says nothing")
        if self.version < 1:
            raise ValueError(f"{self.id}: version {self.version}")
        for month in (self.effective_from, self.effective_to):
            if month is not None and not re.match(r"\d{4}-\d{2}", month):
                raise ValueError(f"{self.id}: effective dates are YYYY-MM or YYYY-MM-DD")

    @property
    def stage(self) -> Stage:
        """Stage of the lifecycle, from the second letter of the id."""
        return _STAGE_OF[self.id[1]]

    def is_effective(self, period: str | None) -> bool:
        """Whether the rule applies to a period (month); without a period every rule applies."""
        if not period:
            return True
        month = period[:7]
        return self.effective_from[:7] <= month and (
            self.effective_to is None or month <= self.effective_to[:7]
        )


# ---------------------------------------- helpers for checks


def _check(
    dataset: str,
    type_: str,
    kwargs: Mapping[str, Any],
    *,
    field: str | None,
    when: str | None = None,
    key: Sequence[str] = ROW_KEY,
    severity: Severity | None = None,
    mostly: float | None = None,
    units: str | None = None,
) -> Check:
    given = {name: value for name, value in kwargs.items() if value is not None}
    if mostly is not None:
        given["mostly"] = mostly
    return Check(dataset, {"type": type_, "kwargs": given}, tuple(key), when, field, severity, units)


def satisfies(
    dataset: str, predicate: str, *, field: str | None, column: str | None = None, **common: Any
) -> Check:
    """Every row satisfies a SQL predicate. A predicate that is NULL for a row is not satisfied.

    Rows are skipped where `column` is NULL. By default it is the last key column (`row_no`), which never is:
    every row is judged, also rows whose other columns are empty. To leave rows out, say so: `column=` or
    `when=`.
    """
    key = tuple(common.get("key", ROW_KEY))
    kwargs = {"column": column or key[-1], "predicate": predicate}
    return _check(dataset, "expect_column_values_to_satisfy_sql", kwargs, field=field, **common)


def in_set(dataset: str, column: str, values: Iterable[Any], **common: Any) -> Check:
    """Values of a column are in a list; empty values are skipped (`not_null` is a rule of its own)."""
    kwargs = {"column": column, "value_set": list(values)}
    return _check(dataset, "expect_column_values_to_be_in_set", kwargs, **{"field": column, **common})


def matches(dataset: str, column: str, regex: str, **common: Any) -> Check:
    """Values of a column contain a regular expression (RE2; anchor it); empty values are skipped."""
    kwargs = {"column": column, "regex": regex}
    return _check(dataset, "expect_column_values_to_match_regex", kwargs, **{"field": column, **common})


def not_null(dataset: str, column: str, **common: Any) -> Check:
    """A column is never empty."""
    kwargs = {"column": column}
    return _check(dataset, "expect_column_values_to_not_be_null", kwargs, **{"field": column, **common})


def between(dataset: str, column: str, low: Any = None, high: Any = None, **common: Any) -> Check:
    """Values of a column lie between two bounds, both included; empty values are skipped."""
    kwargs = {"column": column, "min_value": low, "max_value": high}
    return _check(dataset, "expect_column_values_to_be_between", kwargs, **{"field": column, **common})


def unique(dataset: str, *columns: str, **common: Any) -> Check:
    """A combination of columns occurs once; as in SQL, rows with an empty value among them are not compared.

    All members of a repeated group fail, not only the later ones: which one is right is for the owner to say.
    """
    common = {"field": columns[0] if len(columns) == 1 else None, **common}
    if len(columns) == 1:
        return _check(dataset, "expect_column_values_to_be_unique", {"column": columns[0]}, **common)
    kwargs = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
    return _check(dataset, "expect_compound_columns_to_be_unique", kwargs, **common)


def no_rows(dataset: str, sql: str, *, field: str | None = None, **common: Any) -> Check:
    """A SELECT over `{batch}` (and other tables) finds nothing; it returns at least the key columns of
    failing units.

    A unit found twice counts once. `units` counts the units tested where a unit is not a row of the dataset,
    e.g. `SELECT count(DISTINCT school_id) FROM {batch}`.
    """
    query = sql.strip().rstrip(";").rstrip()
    return _check(dataset, "expect_no_rows_from_query", {"query": query}, field=field, **common)


def row_count_between(dataset: str, low: int | None = None, high: int | None = None, **common: Any) -> Check:
    """The number of rows; the unit under test is the dataset, so no row keys are written."""
    kwargs = {"min_value": low, "max_value": high}
    return _check(dataset, "expect_table_row_count_to_be_between", kwargs, **{"field": None, **common})


def on_columns(predicate: str, **common: Any) -> Check:
    """Every column of the catalogue made from the contracts (ref.dataset_column) satisfies a predicate."""
    key = ("dataset", "column_name")
    return satisfies("ref.dataset_column", predicate, field=None, column="column_name", key=key, **common)


def threshold(name: str) -> str:
    """SQL of a number in ref.threshold."""
    return f"(SELECT value FROM ref.threshold WHERE threshold_id = '{name}')"


# ---------------------------------------- parameters and registry


def fill(sql: str, params: Mapping[str, str], batch: str) -> str:
    """SQL with its placeholders replaced; KeyError names a parameter that is missing."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "batch":
            return batch
        if name not in params:
            raise KeyError(f"parameter {name} is not given")
        return "'" + str(params[name]).replace("'", "''") + "'"

    return _PLACEHOLDER.sub(value, sql)


RULES: dict[str, Rule] = {}


def register(rules: Iterable[Rule]) -> None:
    """Add rules to the registry; ValueError if an id is taken by another rule."""
    for rule in rules:
        if RULES.setdefault(rule.id, rule) is not rule:
            raise ValueError(f"rule id {rule.id} is not unique")


def all_rules() -> dict[str, Rule]:
    """The registry after importing the five modules of rules in order; absent modules are skipped."""
    for stage in Stage:
        name = f"{__package__}.{stage}"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        wrong = [rule.id for rule in module.RULES if rule.stage is not stage]
        if wrong:
            raise ValueError(f"{name}: rules of another stage: {', '.join(wrong)}")
        register(module.RULES)
    return RULES


def select(rules: Iterable[Rule], stage: Stage | str, dataset: str) -> list[tuple[Rule, int, Check]]:
    """The checks of a stage on a dataset with their ordinal (from 1) within their rule."""
    return [
        (rule, number, check)
        for rule in rules
        if rule.stage == Stage(stage)
        for number, check in enumerate(rule.checks, 1)
        if check.dataset == dataset
    ]


def datasets(rules: Iterable[Rule], stage: Stage | str) -> tuple[str, ...]:
    """The datasets on which a stage has checks, in order of first mention."""
    return tuple(dict.fromkeys(c.dataset for r in rules if r.stage == Stage(stage) for c in r.checks))
