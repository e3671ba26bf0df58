"""The room of use: tables for people who decide: classes, schools, poor pupils; and who looked at persons."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_results, check_specs
from assets.models import datasets_of, key_of, models_of, run_room, spec_of
from assets.processing.room import DOOR as PROCESSED
from assets.resource import MONTHS, WRITER, EduWarehouse
from expectations.doors import Subject, judge

_MODELS = models_of("use")
ACCESS = dg.AssetKey(["use", "access"])
DOOR = [key_of(m.table) for m in _MODELS]
_JUDGED = ("ops.access__event", "ref.purpose")


@dg.multi_asset(
    name="use",
    specs=[
        *(spec_of(m, PROCESSED) for m in _MODELS),
        dg.AssetSpec(
            ACCESS,
            group_name="use",
            partitions_def=MONTHS,
            description="访问留痕 / every look at persons so far: card, gap list, feedback, snapshot; account and purpose",
            deps=PROCESSED,
        ),
    ],
    check_specs=check_specs({**datasets_of(_MODELS), ACCESS: _JUDGED}),
    pool=WRITER,
)
def use(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """使用: tables for people who decide: classes, schools, poor pupils."""
    with warehouse.open() as session:
        settings, period = warehouse.settings(), context.partition_key
        yield from run_room(session, settings, period, _MODELS, context.log)
        batches = {
            d: [b] for d, b in judge(session, settings, period, [Subject(d, d) for d in _JUDGED]).items()
        }
        yield dg.MaterializeResult(
            ACCESS,
            metadata={"accesses": session.value("SELECT count(*) FROM ops.access__event")},
            check_results=check_results(session, ACCESS, _JUDGED, batches),
        )
