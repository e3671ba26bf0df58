"""The Dagster entry point: five rooms, one job, one schedule, one sensor."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.collection.room import collection
from assets.processing.room import processing
from assets.resource import MONTHS, EduWarehouse
from assets.sharing.room import sharing
from assets.storage.room import storage
from assets.use.room import use
from pipelines.pages import DashboardPages
from warehouse.alerts import Alert, notify, ways
from warehouse.landing import fingerprint, is_collected, periods_in_landing
from warehouse.workflow import watch

# A retry helps against a busy warehouse or a full disk that is being cleared, never against a failed rule:
# blocking checks end a step with an error that Dagster does not retry.
_RETRY = dg.RetryPolicy(max_retries=1, delay=10)

month = dg.define_asset_job(
    "month",
    selection=dg.AssetSelection.all(),
    partitions_def=MONTHS,
    description="一个月走完五间房：采集 → 存储 → 处理 → 使用 → 共享 / one month through the five rooms, up to the release candidate",
)

monthly = dg.build_schedule_from_partitioned_job(
    month,
    name="monthly",
    day_of_month=16,  # the day after the province's cut-off of the monthly monitor
    hour_of_day=2,
    description="每月 16 日 2 时加载上月 / the month before, on the 16th at 02:00",
)


@dg.sensor(
    name="landing",
    job=month,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="发现新报送文件即加载该月 / loads a month when files arrive, leave or change in landing",
)
def landing(context: dg.SensorEvaluationContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """One run request per month whose landing differs from what its last load saw, once it has stopped changing."""
    settings = warehouse.settings()
    before = dict(line.split("=") for line in (context.cursor or "").split() if "=" in line)
    now = {p: fingerprint(settings, p) for p in periods_in_landing(settings)}
    for period, seen in now.items():
        # A drop that still changes between two looks is still being copied.
        if before.get(period) == seen and not is_collected(settings, period):
            yield dg.RunRequest(run_key=f"{period}-{seen}", partition_key=period)
    context.update_cursor(" ".join(f"{p}={s}" for p, s in now.items()))


@dg.run_failure_sensor(
    name="failed_load",
    monitored_jobs=[month],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="加载失败即提醒 / tells of a load that stopped at a door, by mail and webhook (edu.toml [alerts])",
)
def failed_load(context: dg.RunFailureSensorContext, warehouse: EduWarehouse) -> None:
    """One message per month and state of its faults; a fault of the mail server is only logged."""
    settings = warehouse.settings()
    period = context.dagster_run.tags.get("dagster/partition", "")
    if not ways(settings):
        return
    with warehouse.open() as session:
        found = watch.failed_load(session, period)
    found = found or [Alert(f"failed {period}", f"{period} 加载失败", f"the load of {period} failed")]
    for sent in notify(settings, found):
        context.log.info(f"{sent.way}: {'sent' if sent.ok else sent.error}")


defs = dg.Definitions(
    assets=[collection, storage, processing, use, sharing],
    jobs=[month],
    schedules=[monthly],
    sensors=[landing, failed_load],
    resources={"warehouse": EduWarehouse(), "pages": DashboardPages()},
    executor=dg.in_process_executor,
)
