"""The room of collection: one asset per source, all taken in by one step in the order in which they need each other."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_results, check_specs
from assets.collection.collect import collect
from assets.collection.outcome import CollectReport
from assets.resource import MONTHS, WRITER, EduWarehouse
from warehouse.contract import extract_contract
from warehouse.engine.duckdb import Session
from warehouse.landing import SOURCES, fingerprint, inventory, mark_collected
from warehouse.workflow.arrival import sync


def key_of(source: str) -> dg.AssetKey:
    """Asset of a source: its raw table."""
    return dg.AssetKey(extract_contract(source).table.split("."))


_DATASETS = {key_of(s): ("delivery", s) for s in SOURCES}


def _spec(source: str) -> dg.AssetSpec:
    contract = extract_contract(source)
    return dg.AssetSpec(
        key_of(source),
        group_name="collection",
        partitions_def=MONTHS,
        kinds={"duckdb", "parquet"},
        description=f"{contract.product} {contract.title_zh} / {contract.title_en}\n\n{contract.description}",
        owners=None,
        tags={"extract": contract.product},
    )


@dg.multi_asset(
    name="collection",
    specs=[_spec(s) for s in SOURCES],
    check_specs=check_specs(_DATASETS),
    pool=WRITER,
    can_subset=True,
)
def collection(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """采集: new files of the month, judged one by one, accepted or returned."""
    settings, keys, period = warehouse.settings(), warehouse.secret_keys(), context.partition_key
    seen = fingerprint(settings, period)
    with warehouse.open() as session:
        for source in SOURCES:
            key = key_of(source)
            if key not in context.selected_asset_keys:
                continue
            report = collect(session, settings, keys, source, period)
            context.log.info(summary(report))
            batches = [d.delivery_id for d in inventory(settings, source, period)]
            named = dict.fromkeys(_DATASETS[key], batches)
            wanted = {c.name for c in context.selected_asset_check_keys if c.asset_key == key}
            checks = [c for c in check_results(session, key, _DATASETS[key], named) if c.check_name in wanted]
            yield dg.MaterializeResult(key, metadata=_metadata(session, report), check_results=checks)
        context.log.info(f"{sync(session, settings)} new versions of packages")
    if len(context.selected_asset_keys) == len(SOURCES):
        mark_collected(settings, period, seen)


def summary(report: CollectReport) -> str:
    """One line for the log: counts only."""
    return (
        f"{report.source} {report.period}: {len(report.outcomes)} new files ({len(report.refused)} refused), "
        f"{report.n_known} known; {report.n_read} rows read, {report.n_quarantined} set aside"
    )


def _metadata(session: Session, report: CollectReport) -> dict[str, Any]:
    rows = session.value(
        f"SELECT count(*) FROM {extract_contract(report.source).table} r JOIN ops.delivery__version d USING (delivery_id) "
        "WHERE d.period = ?",
        [report.period],
    )
    return {
        "dagster/row_count": rows,
        "files new": len(report.outcomes),
        "files refused": len(report.refused),
        "files known": report.n_known,
        "rows read": report.n_read,
        "rows set aside": report.n_quarantined,
    }
