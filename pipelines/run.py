"""Runs one month through Dagster in this process, quietly, and says what came of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse.config import Settings

_PROCESS = "edu/process"  # tag of a run: the process that executes it


@dataclass
class MonthReport:
    """What a load of a month came to. Texts name files, owners and rules, never a person."""

    period: str
    success: bool
    refused: list[dict[str, Any]] = field(default_factory=list)
    blocking: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    returned: list[dict[str, Any]] = field(
        default_factory=list
    )  # rule, severity, n_files, n_rows that go back to owners
    n_repaired: int = 0  # cells
    rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    candidate: str | None = None
    published: str | None = None  # the release that has the candidate's content already
    failed_step: str | None = None


def dagster_home(settings: Settings) -> None:
    """Make DAGSTER_HOME below the data folder and keep its dagster.yaml equal to the project's."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    source, target = settings.root / "dagster.yaml", home / "dagster.yaml"
    if source.is_file() and (not target.is_file() or target.read_bytes() != source.read_bytes()):
        shutil.copyfile(source, target)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"


@contextmanager
def _instance(settings: Settings) -> Iterator[Any]:
    """Dagster's instance, for one load at a time.

    Two processes that make its databases together spoil them, and inside a run Dagster would wait for the writer's pool with
    a busy loop; a second load therefore waits here, idle. Raises BusyError when the other takes too long.
    """
    import dagster as dg

    from warehouse.engine.duckdb import single_holder

    with (
        single_holder(settings.dagster_home / "load.lock", wait_seconds=600),
        dg.DagsterInstance.get() as instance,
    ):
        yield instance


def run_month(settings: Settings, period: str) -> MonthReport:
    """Load a month. Raises EduError when the warehouse itself is at fault; a refused file is part of the report."""
    dagster_home(settings)
    import logging

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    from pipelines.definitions import defs
    from pipelines.pages import DashboardPages
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.errors import EduError

    with _instance(settings) as instance:
        release_dead_runs(instance)
        result = defs.resolve_job_def("month").execute_in_process(
            instance=instance,
            partition_key=period,
            tags={_PROCESS: _identity(os.getpid())},
            raise_on_error=False,
            resources={"warehouse": _resource(settings), "pages": DashboardPages()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        report = MonthReport(period, result.success)
        for event in result.all_events:
            if event.is_step_failure and not report.failed_step:
                report.failed_step = event.step_key
                error = event.step_failure_data.error
                while error and error.cause:
                    error = error.cause
                name = error.cls_name if error else ""
                # A blocked door is told through its rules below; anything else is a fault of the warehouse itself.
                if name not in ("DagsterAssetCheckFailedError",):
                    raise _fault(str(event.step_key), error)
            if event.is_step_success:
                report.seconds[str(event.step_key)] = event.step_success_data.duration_ms / 1000
    # As the writer, so that a load of another month that runs now is waited for.
    with open_warehouse(settings) as session:
        _fill(session, settings, report)
    if report.success:
        found = sorted(settings.candidates.glob(f"{period}-*"), key=lambda p: p.stat().st_mtime)
        report.candidate = next((p.name for p in reversed(found) if p.is_dir()), None)
        report.published = _published(settings, report)
    if not report.success and not report.refused and not report.blocking:
        raise EduError(f"The load stopped at {report.failed_step}", "run `edu doctor`")
    return report


def _published(settings: Settings, report: MonthReport) -> str | None:
    from warehouse.release import list_releases, load_candidate

    if report.candidate is None:
        return None
    content = load_candidate(settings.candidates / report.candidate).content_hash
    same = [r.id for r in list_releases(settings) if (r.period, r.content_hash) == (report.period, content)]
    return same[-1] if same else None


def release_dead_runs(instance: Any) -> int:
    """End the runs whose process was killed, and give back their place in the writer's pool; returns how many.

    A killed process cannot do so itself, and the next load would wait for the place for ever.
    """
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    released = 0
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished)):
        process = run.tags.get(_PROCESS, "")
        pid = process.partition("-")[0]
        if pid.isdigit() and _identity(int(pid)) != process:
            instance.report_run_failed(run, "the process ended without a word")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            released += 1
    return released


def _identity(pid: int) -> str:
    """A process by id and start time, since ids are used again; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return f"{pid}-{stat.rpartition(')')[2].split()[19]}"


def _resource(settings: Settings) -> Any:
    from assets.resource import EduWarehouse

    return EduWarehouse(root=str(settings.root))


def _fault(step: str, error: Any) -> Exception:
    from warehouse.errors import EduError, redact

    first = (error.message if error else "").strip().splitlines()[0] if error and error.message else "unknown"
    return EduError(f"The load stopped at {step}: {redact(first)}", "run `edu doctor`; nothing was published")


def _fill(session: Any, settings: Settings, report: MonthReport) -> None:
    period = report.period
    from assets.collection.collect import refused_in_landing

    report.refused = refused_in_landing(session, settings, period)
    report.files = dict(
        session.rows(
            "SELECT status, count(*) FROM ops.delivery__version WHERE period = ? GROUP BY ALL", [period]
        )
    )
    found = session.rows(
        "SELECT sum(n_read)::BIGINT, sum(n_accepted)::BIGINT, sum(n_quarantined)::BIGINT FROM ops.delivery__version WHERE period = ?",
        [period],
    )[0]
    report.rows = dict(zip(("read", "accepted", "quarantined"), (v or 0 for v in found), strict=True))
    names = ("rule", "severity", "n_files", "n_rows")
    report.returned = [
        dict(zip(names, row, strict=True))
        for row in session.rows(
            "SELECT rule_id, severity, count(DISTINCT delivery_id), count(*) FROM ops.quarantine__row_rule "
            "JOIN ops.delivery__version USING (delivery_id) WHERE period = ? AND status = 'accepted' GROUP BY ALL ORDER BY 2, 4 DESC, 1",
            [period],
        )
    ]
    report.n_repaired = session.value(
        "SELECT coalesce(sum(n_cells), 0)::BIGINT FROM ops.repair__delivery_field JOIN ops.delivery__version USING (delivery_id) "
        "WHERE period = ? AND field <> ''",
        [period],
    )
    columns = ("rule", "dataset", "tested", "failed", "status")
    report.blocking = [
        dict(zip(columns, row, strict=True))
        for row in session.rows(
            "SELECT rule_id, dataset, sum(n_tested)::BIGINT, sum(n_failed)::BIGINT, max(status) FROM ops.rule_result__rule_batch "
            "WHERE period = ? AND severity = 'block' AND status IN ('failed', 'error') AND dataset <> 'delivery' GROUP BY ALL ORDER BY ALL",
            [period],
        )
    ]
