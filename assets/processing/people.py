"""The person index inside the room of processing: made before the first model that reads it."""

from typing import Any

import dagster as dg

from assets.models import key_of
from assets.resource import MONTHS
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.keys import Keys
from warehouse.people.step import TABLES, Linked, link_period, model_version

# Needed by the step: deliveries in force and current county codes; the first model that reads its tables.
BEFORE = "core.person__record"
_TEXT = {
    TABLES[0]: "来源行的档案 / which profile (content of a source record) every row shows",
    TABLES[1]: "人员链接 / append-only links of profiles to persons: tier, score, evidence, model version",
    TABLES[2]: "人员登记 / persons; an id is issued once; merged persons point to the surviving one",
}
PEOPLE = [key_of(t) for t in TABLES]


def people_specs(doors: list[dg.AssetKey]) -> list[dg.AssetSpec]:
    """Assets of the person index."""
    return [
        dg.AssetSpec(
            key_of(table),
            group_name="processing",
            partitions_def=MONTHS,
            kinds={"duckdb", "python"},
            description=text,
            deps=[key_of("core.delivery__period"), key_of("core.county_unit__code"), *doors],
        )
        for table, text in _TEXT.items()
    ]


def link_people(session: Session, settings: Settings, keys: Keys, period: str, log: Any) -> Linked:
    """Run the step and say what it did, in counts."""
    linked = link_period(session, settings, keys, period)
    log.info(
        f"people: {linked.rows} rows, {linked.profiles} new profiles, {linked.persons} new persons, "
        f"{linked.reviews} pairs to review"
    )
    return linked


def people_results(linked: Linked) -> list[dg.MaterializeResult[Any]]:
    """One result per asset of the index."""
    metadata = {**vars(linked), "model_version": model_version()}
    return [dg.MaterializeResult(key, metadata=metadata) for key in PEOPLE]
