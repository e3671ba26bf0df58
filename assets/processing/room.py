"""The room of processing: conformed codes, one enrolment per person, facts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_specs
from assets.models import datasets_of, key_of, models_of, run_room, spec_of
from assets.resource import WRITER, EduWarehouse
from assets.storage.room import ARCHIVE, CATALOGUE, LEDGER

_MODELS = models_of("processing")
DOOR = [key_of(m.table) for m in _MODELS]


@dg.multi_asset(
    name="processing",
    specs=[spec_of(m, [ARCHIVE, LEDGER, CATALOGUE]) for m in _MODELS],
    check_specs=check_specs(datasets_of(_MODELS)),
    pool=WRITER,
)
def processing(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """处理: conformed codes, one enrolment per person, facts."""
    with warehouse.open() as session:
        yield from run_room(session, warehouse.settings(), context.partition_key, _MODELS, context.log)
