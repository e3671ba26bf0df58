"""The room of processing: one person across the sources, conformed codes, one enrolment per person, facts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_specs
from assets.models import datasets_of, key_of, models_of, run_room, spec_of
from assets.processing.people import BEFORE, PEOPLE, link_people, people_results, people_specs
from assets.resource import WRITER, EduWarehouse
from assets.storage.room import ARCHIVE, CATALOGUE, LEDGER

_MODELS = models_of("processing")
_DOORS = [ARCHIVE, LEDGER, CATALOGUE]
DOOR = [*PEOPLE, *(key_of(m.table) for m in _MODELS)]


@dg.multi_asset(
    name="processing",
    specs=[*people_specs(_DOORS), *(spec_of(m, _DOORS) for m in _MODELS)],
    check_specs=check_specs(datasets_of(_MODELS)),
    pool=WRITER,
)
def processing(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """处理: one person across the sources, conformed codes, one enrolment per person, facts."""
    settings, period = warehouse.settings(), context.partition_key
    with warehouse.open() as session:

        def link() -> list[dg.MaterializeResult[Any]]:
            return people_results(
                link_people(session, settings, warehouse.secret_keys(), period, context.log)
            )

        yield from run_room(session, settings, period, _MODELS, context.log, before={BEFORE: link})
