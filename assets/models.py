"""SQL models as Dagster assets: one factory for the rooms of processing, use and sharing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.checks import check_results, rules_on
from assets.resource import MONTHS
from expectations.doors import Subject, judge
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.model import Model, load_models, run_model
from warehouse.progress import tell
from warehouse.reference import reference_version
from warehouse.version import code_version


def models_of(stage: str) -> list[Model]:
    """Models of a stage, inputs first."""
    return [m for m in load_models().values() if m.stage == stage]


def key_of(table: str) -> dg.AssetKey:
    """Asset of a table."""
    return dg.AssetKey(table.split("."))


def spec_of(model: Model, doors: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    """Asset of a model; `doors` are assets of the room before, whose blocking checks it must wait for."""
    inputs = [key_of(t) for t in model.inputs if not t.startswith(("ref.", "ops."))]
    return dg.AssetSpec(
        key_of(model.table),
        group_name=model.stage,
        partitions_def=MONTHS,
        kinds={"duckdb", "sql"},
        description=f"{model.contract.title_zh} / {model.contract.title_en}\n\n{model.contract.description}"
        f"\n\n```sql\n{model.sql.strip()}\n```",
        deps=[*inputs, *(d for d in doors if d not in inputs)],
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(c.name, c.type, description=f"{c.header} / {c.label_en} · {c.tier}")
                    for c in model.contract.columns
                ]
            )
        },
    )


def datasets_of(models: Sequence[Model]) -> dict[dg.AssetKey, tuple[str, ...]]:
    """Asset → dataset of the rule book, for the models that have rules."""
    return {key_of(m.table): (m.table,) for m in models if rules_on([m.table])}


def read_by_rules(table: str) -> list[str]:
    """The table and the model tables that its rules read beside it."""
    checks = [c for rule in rules_on([table]) for c in rule.checks if c.dataset == table]
    words = set(re.findall(r"\b(?:core|use|mart)\.\w+", repr(checks)))
    return [table, *sorted((words & set(load_models())) - {table})]


def run_room(
    session: Session,
    settings: Settings,
    period: str,
    models: Sequence[Model],
    log: Any,
    before: Mapping[str, Callable[[], Iterable[dg.MaterializeResult[Any]]]] | None = None,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Run the models of a room, then judge their tables; yields one result per asset with its checks.

    `before` maps a table to a step that must be done before its model; the step's own results are yielded too.
    """
    reference, code = reference_version(), code_version()
    runs, steps = {}, dict[str, list[dg.MaterializeResult[Any]]]()
    for done, model in enumerate(models):
        tell(model.table, done, len(models))
        if before and model.table in before:
            steps[model.table] = list(before[model.table]())
        runs[model.table] = run_model(session, model, period, reference=reference, code_version=code)
    ran = [r for r in runs.values() if not r.skipped]
    log.info(f"{len(ran)} tables made, {len(runs) - len(ran)} unchanged, {sum(r.n_rows for r in ran)} rows")
    judged = [m for m in models if rules_on([m.table])]
    made = dict(
        session.rows("SELECT model, content FROM ops.model_run__model_period WHERE period = ?", [period])
    )
    subjects = [
        # Rules that compare the table with others are judged again when one of those changed.
        Subject(
            m.table,
            m.table,
            state=" ".join(made.get(t, "") for t in read_by_rules(m.table)),
            scope="period = {period}",
        )
        for m in judged
    ]
    batches: Mapping[str, list[str]] = {d: [b] for d, b in judge(session, settings, period, subjects).items()}
    for model in models:
        run = runs[model.table]
        yield from steps.get(model.table, ())
        yield dg.MaterializeResult(
            key_of(model.table),
            metadata={
                "dagster/row_count": run.n_rows,
                "seconds": round(run.seconds, 3),
                "unchanged": run.skipped,
            },
            check_results=check_results(session, key_of(model.table), (model.table,), batches),
        )
