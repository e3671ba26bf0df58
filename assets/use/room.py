"""The room of use: tables for people who decide: classes, schools, poor pupils."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_specs
from assets.models import datasets_of, key_of, models_of, run_room, spec_of
from assets.processing.room import DOOR as PROCESSED
from assets.resource import WRITER, EduWarehouse

_MODELS = models_of("use")
DOOR = [key_of(m.table) for m in _MODELS]


@dg.multi_asset(
    name="use",
    specs=[spec_of(m, PROCESSED) for m in _MODELS],
    check_specs=check_specs(datasets_of(_MODELS)),
    pool=WRITER,
)
def use(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """使用: tables for people who decide: classes, schools, poor pupils."""
    with warehouse.open() as session:
        yield from run_room(session, warehouse.settings(), context.partition_key, _MODELS, context.log)
