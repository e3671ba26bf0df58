"""A gate: the rules of one stage, evaluated by Great Expectations over one relation of the open DuckDB
connection.

Results carry counts and keys, never a value. Failing keys go from table to table inside DuckDB, in the words
of the very condition that Great Expectations counted; if the two numbers differ, the check is an error.

Nothing can go missing: every check yields exactly one result, and what could not be evaluated is an error
that blocks.

How a run works: the checks are grouped by their `when`; each group gets a temporary view over the relation
(scope and `when` applied) and is validated as one suite, so that its row conditions are counted in one scan.
A check that Great Expectations could not evaluate within the suite is repeated alone, so that one broken rule
harms no other.

Great Expectations takes seconds to import: that happens in the first `run`, nowhere else. Run gates in
autocommit: a failing statement inside an open transaction aborts it, and then every later check is an error
too.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import duckdb

from expectations.rule import ROW_KEY, Check, Rule, Severity, Stage, fill, select
from warehouse.errors import EngineError, UsageError, redact

Status = Literal["passed", "failed", "error", "not_applicable"]

SAMPLE = 20
_KEYS = "gate__keys"
_NUMBERS = itertools.count(1)  # names of views and datasources are never used twice in a process
_SATISFY = "expect_column_values_to_satisfy_sql"
_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
_GX_SEVERITY = {
    Severity.BLOCK: "critical",
    Severity.QUARANTINE: "critical",
    Severity.WARN: "warning",
    Severity.AUDIT: "info",
}
# Counts and no values: the query for unexpected values still runs, with LIMIT 0.
_RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}

FAILURE_COLUMNS = {
    "rule_id": "VARCHAR",
    "rule_version": "INTEGER",
    "dataset": "VARCHAR",
    "field": "VARCHAR",
    "severity": "VARCHAR",
    "delivery_id": "VARCHAR",
    "row_no": "BIGINT",
    "unit_key": "VARCHAR",
}


@dataclass(frozen=True)
class RuleResult:
    """Outcome of one check.

    n_tested and n_failed count units: rows, or what the check's key names; a check of a whole dataset (row
    count) has one unit. n_failed may be above zero in a passed check with `mostly`. seconds is the check's
    share of its suite plus the time for its keys.
    """

    rule_id: str
    rule_version: int
    dataset: str
    check_no: int
    stage: Stage
    severity: Severity
    status: Status
    n_tested: int
    n_failed: int
    share_failed: float
    seconds: float
    detail: str
    sample_keys: tuple[str, ...]

    @property
    def blocks(self) -> bool:
        """Whether it closes the gate. An error always does: what was not tested was not passed."""
        return self.status == "error" or (self.status == "failed" and self.severity is Severity.BLOCK)


@dataclass(frozen=True)
class GateReport:
    """Results of one run, in order of the rules and of the checks within a rule."""

    stage: Stage
    dataset: str
    results: tuple[RuleResult, ...]
    seconds: float

    @property
    def blocking_failed(self) -> tuple[RuleResult, ...]:
        """Failed checks that block, and all errors."""
        return tuple(r for r in self.results if r.blocks)

    @property
    def errors(self) -> tuple[RuleResult, ...]:
        """Checks that could not be evaluated."""
        return tuple(r for r in self.results if r.status == "error")

    @property
    def failed(self) -> tuple[RuleResult, ...]:
        """Checks that failed, of any severity; without errors."""
        return tuple(r for r in self.results if r.status == "failed")

    @property
    def is_open(self) -> bool:
        """Whether the data may pass."""
        return not self.blocking_failed

    def by_rule(self) -> dict[str, tuple[RuleResult, ...]]:
        """Results by rule id."""
        found: dict[str, list[RuleResult]] = {}
        for result in self.results:
            found.setdefault(result.rule_id, []).append(result)
        return {rule_id: tuple(results) for rule_id, results in found.items()}


@dataclass
class _Task:
    """One check on its way through a run."""

    rule: Rule
    number: int
    check: Check
    view: str = ""
    column: str = ""  # stands for the `when` of a predicate in the shared view
    kwargs: dict[str, Any] = field(default_factory=dict)
    expectation: Any = None
    outcome: Any = None
    seconds: float = 0.0
    result: RuleResult | None = None

    @property
    def severity(self) -> Severity:
        return Severity(self.check.severity or self.rule.severity)

    @property
    def type(self) -> str:
        return str(self.check.expectation["type"])

    @property
    def key(self) -> str:
        return ", ".join(_identifier(name) for name in self.check.key)

    def close(
        self,
        status: Status,
        n_tested: int = 0,
        n_failed: int = 0,
        detail: str = "",
        sample_keys: tuple[str, ...] = (),
    ) -> None:
        self.result = RuleResult(
            rule_id=self.rule.id,
            rule_version=self.rule.version,
            dataset=self.check.dataset,
            check_no=self.number,
            stage=self.rule.stage,
            severity=self.severity,
            status=status,
            n_tested=n_tested,
            n_failed=n_failed,
            share_failed=n_failed / n_tested if n_tested else float(n_failed > 0),
            seconds=round(self.seconds, 4),
            detail=detail,
            sample_keys=sample_keys,
        )


class Gate:
    """Evaluates rules over relations of one connection. Use it for many runs, then close it.

    failures_table receives one line per failing unit (FAILURE_COLUMNS) and is created if it does not exist;
    lines are only ever added. Units with the key (delivery_id, row_no) fill these two columns, all others
    `unit_key`, the values of the key joined with `|`. With None keys are counted and sampled, not kept.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, *, failures_table: str | None = "gate_failure"
    ) -> None:
        self._con = con
        self._failures_table = failures_table
        self._context: Any = None
        self._datasource: Any = None

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of Great Expectations and of the connection, which stays open: it belongs to the caller."""
        if self._datasource is not None:
            self._context.delete_datasource(self._datasource.name)
        self._context = self._datasource = None

    def run(
        self,
        stage: Stage | str,
        dataset: str,
        relation: str,
        rules: Iterable[Rule],
        params: Mapping[str, str] | None = None,
        scope_sql: str | None = None,
    ) -> GateReport:
        """Evaluate the checks of `stage` on `dataset` over the rows of `relation`.

        relation   table or view as one would write it after FROM, e.g. `work.main.clean__student_registry`
        rules      the catalogue or a part of it; rules of other stages and checks of other datasets are left
                   out
        params     values of the placeholders, see rule.py; `period` also decides which rules are in force
        scope_sql  predicate that restricts the relation, e.g. to the deliveries of this load

        Raises UsageError if no check fits: a misspelt dataset must not look like a clean one.
        """
        started = time.perf_counter()
        given = dict(params or {})
        tasks = [_Task(*item) for item in select(rules, stage, dataset)]
        if not tasks:
            raise UsageError(f"no rule of stage {stage} has a check on {dataset}", "check the name")
        self._open()
        views: list[str] = []
        try:
            for group in self._groups(tasks, given, relation, scope_sql):
                views.append(group[0].view)
                self._evaluate(group, given)
        finally:
            self._clean(views)
        results = tuple(task.result for task in tasks if task.result is not None)
        if len(results) != len(tasks):
            raise EngineError(f"{len(tasks)} checks but {len(results)} results", "report this as a defect")
        return GateReport(Stage(stage), dataset, results, round(time.perf_counter() - started, 3))

    # ---------------------------------------- preparation

    def _open(self) -> None:
        """Import Great Expectations, once, and connect it; make the table of failures."""
        # Its log quotes SQL, tracebacks and values; what matters is in the results. The level alone is not
        # enough: some of its modules set a level of their own.
        log = logging.getLogger("great_expectations")
        log.setLevel(logging.CRITICAL)
        log.propagate = False
        if not log.handlers:
            log.addHandler(logging.NullHandler())
        if self._failures_table is not None:
            columns = ", ".join(f"{name} {type_}" for name, type_ in FAILURE_COLUMNS.items())
            try:
                self._con.execute(f"CREATE TABLE IF NOT EXISTS {self._failures_table} ({columns})")
            except duckdb.Error as error:
                raise EngineError(f"table of failures: {_explain(error)}") from None
        if self._context is not None:
            return
        # First ours: it sets the environment that Great Expectations reads while it is imported.
        from expectations.duckdb_source import DuckDBDatasource

        import great_expectations  # isort: skip

        self._context = great_expectations.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._datasource = self._context.add_datasource(
            datasource=DuckDBDatasource.over(self._con, name=f"gate_{next(_NUMBERS)}")
        )

    def _groups(
        self, tasks: Sequence[_Task], params: Mapping[str, str], relation: str, scope_sql: str | None
    ) -> Iterable[list[_Task]]:
        """Tasks that share a view, with the view made.

        A predicate with a `when` needs no view of its own: the `when` becomes a column that is NULL for the rows it
        leaves out, and Great Expectations skips those. So all predicates on a relation are counted in one scan.
        """
        groups: dict[str | None, list[_Task]] = {}
        marks: dict[str, str] = {}
        for task in tasks:
            if not task.rule.is_effective(params.get("period")):
                task.close("not_applicable", detail="not in force in this period")
            elif self._mark(task, params, relation, marks):
                groups.setdefault(None, []).append(task)
            else:
                groups.setdefault(task.check.when, []).append(task)
        for when, group in groups.items():
            view = f"gate__{next(_NUMBERS)}"
            try:
                conditions = [f"({fill(c, params, relation)})" for c in (scope_sql, when) if c]
                where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
                columns = ["*"]
                if when is None:
                    columns += [f"CASE WHEN {sql} THEN 1 END AS {name}" for sql, name in marks.items()]
                self._con.execute(
                    f"CREATE TEMP VIEW {view} AS SELECT {', '.join(columns)} FROM {relation}{where}"
                )
            except (duckdb.Error, KeyError) as error:
                for task in group:
                    task.close("error", detail=_explain(error))
                continue
            for task in group:
                task.view = view
            yield group

    def _mark(self, task: _Task, params: Mapping[str, str], relation: str, marks: dict[str, str]) -> bool:
        """Give a predicate its column for `when`; False if the check needs a view of its own."""
        kwargs = task.check.expectation["kwargs"]
        if not task.check.when or task.type != _SATISFY or "{batch}" in kwargs["predicate"]:
            return False
        try:
            sql = (
                f"({fill(task.check.when, params, relation)}) AND {_identifier(kwargs['column'])} IS NOT NULL"
            )
            # A broken `when` must not break the view that others share.
            self._con.execute(f"SELECT {sql} FROM {relation} LIMIT 0")
        except (duckdb.Error, KeyError):
            return False
        task.column = marks.setdefault(sql, f"gate__when_{len(marks)}")
        return True

    def _build(self, task: _Task, index: int, params: Mapping[str, str]) -> None:
        """The Great Expectations object of a task."""
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
        from great_expectations.expectations.metadata_types import FailureSeverity

        task.kwargs = dict(task.check.expectation["kwargs"])
        if task.column:
            task.kwargs["column"] = task.column
        if "predicate" in task.kwargs:
            task.kwargs["predicate"] = fill(task.kwargs["predicate"], params, task.view)
        if "query" in task.kwargs:
            found = fill(task.kwargs["query"], params, task.view)
            # Distinct: a unit that a join finds twice has failed once.
            task.kwargs["query"] = f"SELECT DISTINCT {task.key} FROM ({found}) AS found"
        kwargs = dict(task.kwargs)
        if "query" in kwargs:
            kwargs["query"] = kwargs["query"].replace("{", "{{").replace("}", "}}")  # for str.format
        task.expectation = ExpectationConfiguration(
            type=task.type,
            kwargs=kwargs,
            meta={"task": index},
            severity=FailureSeverity(_GX_SEVERITY[task.severity]),
        ).to_domain_obj()

    # ---------------------------------------- evaluation

    def _evaluate(self, group: Sequence[_Task], params: Mapping[str, str]) -> None:
        """Close all tasks of a group: one suite together, then alone what the suite could not evaluate."""
        for index, task in enumerate(group):
            try:
                self._build(task, index, params)
            except (
                Exception
            ) as error:  # whatever is wrong with one configuration is an error of this check only
                task.close("error", detail=_explain(error))
        ready = [task for task in group if task.result is None]
        if not ready:
            return
        view = group[0].view
        self._datasource.forget_error()
        try:
            asset = self._datasource.add_table_asset(view)
            batch = asset.add_batch_definition_whole_table("all").get_batch()
            self._validate(batch, ready)
            n_rows = self._count(f"SELECT count(*) FROM {view}")
        except Exception as error:  # the relation itself cannot be read
            for task in ready:
                task.close("error", detail=_explain(self._datasource.last_error or error))
            return
        finally:
            if any(asset.name == view for asset in self._datasource.assets):
                self._datasource.delete_asset(view)
        for task in ready:
            started = time.perf_counter()
            try:
                if task.outcome is None:
                    self._datasource.forget_error()
                    self._validate(batch, [task])
                if task.outcome is None:
                    task.close("error", detail=self._reason(task))
                    continue
                self._judge(task, batch, n_rows, params, started)
            except Exception as error:
                task.close("error", detail=_explain(error))

    @staticmethod
    def _validate(batch: Any, tasks: Sequence[_Task]) -> None:
        """Validate tasks as one suite; `outcome` stays None where the expectation could not be evaluated."""
        from great_expectations.core import ExpectationSuite

        started = time.perf_counter()
        suite = ExpectationSuite("gate", expectations=[task.expectation for task in tasks])
        report = batch.validate(suite, result_format=_RESULT_FORMAT)
        # Results come in another order than expectations, and an expectation may lack one: match them by
        # meta.
        outcomes = {result.expectation_config.meta["task"]: result for result in report.results}
        share = (time.perf_counter() - started) / len(tasks)
        for task in tasks:
            outcome = outcomes.get(task.expectation.meta["task"])
            task.outcome = None if outcome is None or _raised(outcome.exception_info) else outcome
            task.seconds += share

    def _reason(self, task: _Task) -> str:
        """Why a check could not be evaluated: a column that is not there, or the engine's error."""
        named = [task.kwargs.get(name) for name in ("column", "column_A", "column_B")]
        named += task.kwargs.get("column_list") or task.kwargs.get("column_set") or []
        there = {row[0] for row in self._con.execute(f"DESCRIBE {task.view}").fetchall()}
        missing = [name for name in named if name and name not in there]
        if missing:
            return f"no column {', '.join(missing)}"
        error = self._datasource.last_error
        return _explain(error) if error else f"{task.type} could not be evaluated"

    def _judge(self, task: _Task, batch: Any, n_rows: int, params: Mapping[str, str], started: float) -> None:
        """Result of an evaluated task: counts from Great Expectations, keys from DuckDB."""
        found = task.outcome.result
        status: Status = "passed" if task.outcome.success else "failed"
        detail = ""
        if "query" in task.kwargs:
            n_failed = int(found["observed_value"])
            n_tested = n_rows
            if task.check.units:
                n_tested = self._count(fill(task.check.units, params, task.view))
            keys = task.kwargs["query"]
        elif "element_count" in found:
            n_failed = int(found["unexpected_count"] or 0)
            n_tested = int(found["element_count"]) - int(found.get("missing_count") or 0)
            keys = self._condition(task, batch) if n_failed else ""
        else:
            # An aggregate: the unit under test is the dataset; the observed value may be one of a person.
            n_tested, n_failed, keys = 1, int(status == "failed"), ""
            if task.type.startswith("expect_table_row_count"):
                detail = f"{n_rows} rows"
        if not n_tested and not n_failed:
            task.close("not_applicable")
            return
        sample: tuple[str, ...] = ()
        if n_failed and keys:
            n_keys, sample = self._keep(task, keys, n_failed)
            if n_keys != n_failed:
                status, detail = "error", f"{n_failed} units failed but {n_keys} keys were found"
        task.seconds += time.perf_counter() - started
        task.close(status, n_tested, n_failed, detail, sample)

    # ---------------------------------------- keys

    def _condition(self, task: _Task, batch: Any) -> str:
        """SELECT of the failing keys of a map expectation, from Great Expectations' own condition."""
        import sqlalchemy as sa
        from great_expectations.expectations.registry import get_metric_kwargs
        from great_expectations.validator.metric_configuration import MetricConfiguration
        from great_expectations.validator.validator import Validator

        if task.type in _UNIQUE:
            # Their condition is a join with itself, in which the key columns are ambiguous.
            columns = task.kwargs.get("column_list") or [task.kwargs["column"]]
            names = [_identifier(name) for name in columns]
            return (
                f"SELECT {task.key} FROM {task.view} WHERE {' AND '.join(f'{n} IS NOT NULL' for n in names)} "
                f"QUALIFY count(*) OVER (PARTITION BY {', '.join(names)}) > 1"
            )
        name = f"{task.expectation.map_metric}.condition"
        kwargs = get_metric_kwargs(
            name, configuration=task.expectation.configuration, runtime_configuration={}
        )
        engine = batch.data.execution_engine
        validator = Validator(execution_engine=engine, batches=[batch], data_context=self._context)
        condition, domain, accessors = validator.get_metric(
            MetricConfiguration(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])
        )
        rows = engine.get_domain_records(domain_kwargs={**domain, **accessors})
        rows = rows.subquery() if hasattr(rows, "subquery") else rows
        columns = [sa.column(column) for column in task.check.key]
        statement = sa.select(*columns).select_from(rows).where(condition)
        return str(statement.compile(dialect=engine.engine.dialect, compile_kwargs={"literal_binds": True}))

    def _keep(self, task: _Task, keys: str, n_failed: int) -> tuple[int, tuple[str, ...]]:
        """Write the failing keys to the table of failures; their number, and the first of them."""
        if task.check.key == ROW_KEY:
            columns, order = "delivery_id::VARCHAR AS delivery_id, row_no::BIGINT AS row_no", "1, 2"
            target, sample = "delivery_id, row_no", "delivery_id || ':' || row_no"
        else:
            parts = ", ".join(f"coalesce({_identifier(n)}::VARCHAR, '')" for n in task.check.key)
            columns, order = f"concat_ws('|', {parts}) AS unit_key", "1"
            target, sample = "unit_key", "unit_key"
        n_keys = self._count(f"CREATE OR REPLACE TEMP TABLE {_KEYS} AS SELECT {columns} FROM ({keys}) AS k")
        if n_keys != n_failed:
            return n_keys, ()
        if self._failures_table is not None:
            rule, check = task.rule, task.check
            self._con.execute(
                f"INSERT INTO {self._failures_table} "
                f"(rule_id, rule_version, dataset, field, severity, {target}) "
                f"SELECT ?, ?, ?, ?, ?, {target} FROM temp.{_KEYS}",
                [rule.id, rule.version, check.dataset, check.field, str(task.severity)],
            )
        rows = self._con.execute(
            f"SELECT {sample} FROM (SELECT * FROM temp.{_KEYS} ORDER BY {order} LIMIT {SAMPLE})"
        )
        return n_keys, tuple(str(row[0]) for row in rows.fetchall())

    def _count(self, sql: str) -> int:
        row = self._con.execute(sql).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def _clean(self, views: Iterable[str]) -> None:
        """Remove what a run put into the temporary schema."""
        try:
            self._con.execute(f"DROP TABLE IF EXISTS temp.{_KEYS}")
            for view in views:
                self._con.execute(f"DROP VIEW IF EXISTS temp.{view}")
        except duckdb.Error:
            # The caller's transaction is aborted: it takes the views with it when it is rolled back.
            logging.getLogger(__name__).warning("temporary objects of a gate were not removed")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _raised(info: Mapping[str, Any] | None) -> bool:
    """Whether an expectation raised; Great Expectations nests the flag by metric when a metric raised."""
    if not info:
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(part.get("raised_exception") for part in info.values() if isinstance(part, Mapping))


# These messages are about the statement, which is ours; all others may quote the data, whatever their
# punctuation.
_ABOUT_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)


def _explain(error: object) -> str:
    """Why a check could not be evaluated, in words that cannot hold a value from the data."""
    if isinstance(error, KeyError):
        return str(error.args[0])  # from `fill`: the name of a parameter
    if isinstance(error, _ABOUT_SQL):
        text = " ".join(str(error).split("LINE 1:")[0].split())
        return f"{type(error).__name__}: {redact(text)}"
    return f"{type(error).__name__} (message withheld: it may quote data)"
