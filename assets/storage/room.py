"""The room of storage: originals, ledger, catalogue and snapshots are what they claim to be."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks import check_results, check_specs
from assets.collection.room import key_of
from assets.resource import MONTHS, WRITER, EduWarehouse
from assets.storage import kept
from expectations.doors import Subject, judge
from warehouse import archive, ledger
from warehouse.config import Settings
from warehouse.contract import load_contracts
from warehouse.engine.duckdb import Session
from warehouse.keys import Keys
from warehouse.landing import SOURCES

ARCHIVE = dg.AssetKey(["storage", "archive"])
LEDGER = dg.AssetKey(["storage", "ledger"])
CATALOGUE = dg.AssetKey(["storage", "catalogue"])
KEPT = dg.AssetKey(["storage", "register"])
_DATASETS = {
    ARCHIVE: ("archive_object", "work_folder", "setting"),
    LEDGER: ("ledger", "delivery_rows"),
    CATALOGUE: ("ref.dataset", "ref.dataset_column"),
    KEPT: kept.DATASETS,
}
_TEXT = {
    ARCHIVE: "归档 / byte-identical originals, encrypted, named by their hash",
    LEDGER: "台账 / append-only, hash-chained record, and the rows it speaks of",
    CATALOGUE: "目录 / datasets and columns with grade, zone, retention and share type",
    KEPT: "登记册 / what the house keeps about itself: assessments, drills, trainings, incidents, endpoints, accounts",
}


@dg.multi_asset(
    name="storage",
    specs=[
        dg.AssetSpec(
            key,
            group_name="storage",
            partitions_def=MONTHS,
            description=_TEXT[key],
            deps=[key_of(s) for s in SOURCES],
        )
        for key in _DATASETS
    ],
    check_specs=check_specs(_DATASETS),
    pool=WRITER,
)
def storage(context: dg.AssetExecutionContext, warehouse: EduWarehouse) -> Iterator[Any]:
    """存储: nothing lost, nothing changed, nothing where it must not be."""
    settings, keys, period = warehouse.settings(), warehouse.secret_keys(), context.partition_key
    with warehouse.open() as session:
        counts = build_registers(session, settings, keys, period) | kept.build_kept(session, settings)
        subjects = [
            Subject(dataset, dataset if dataset.startswith("ref.") else f"work.main.{dataset}")
            for datasets in _DATASETS.values()
            for dataset in datasets
        ]
        batches = {d: [b] for d, b in judge(session, settings, period, subjects).items()}
        for key, datasets in _DATASETS.items():
            metadata = {d: counts[d] for d in datasets if d in counts}
            yield dg.MaterializeResult(
                key, metadata=metadata, check_results=check_results(session, key, datasets, batches)
            )


def build_registers(session: Session, settings: Settings, keys: Keys, period: str) -> dict[str, int]:
    """The facts that the storage rules judge, as transient tables; returns their row counts."""
    counts = {
        "archive_object": _archive(session, settings, keys, period),
        "ledger": _ledger(session),
        "work_folder": _table(
            session,
            "work_folder",
            "name VARCHAR, is_stale BOOLEAN",
            _work_folders(settings),
        ),
        "setting": _table(
            session,
            "setting",
            "name VARCHAR, is_local BOOLEAN",
            [
                (f"{s}.{n}", "://" not in str(v))
                for s, names in settings.values.items()
                for n, v in names.items()
            ],
        ),
    }
    tables = " UNION ALL ".join(
        f"SELECT delivery_id, count(*) AS n FROM {c.table} GROUP BY ALL"
        for c in load_contracts("extracts").values()
    )
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.delivery_rows AS
            WITH there AS ({tables})
            SELECT d.delivery_id, d.n_read, d.n_accepted, d.n_quarantined, d.received_on, coalesce(there.n, 0) AS n_there
            FROM ops.delivery__version d LEFT JOIN there ON there.delivery_id = d.delivery_id WHERE d.period <= ?""",
        [period],
        what="rows per delivery",
    )
    return counts


def _work_folders(settings: Settings) -> list[tuple[str, bool]]:
    """Private folders and whether they are older than a day; fresh ones are only counted, their names are chance."""
    found = []
    for number, folder in enumerate(sorted(settings.work.iterdir()), 1):
        is_stale = time.time() - folder.stat().st_mtime > 24 * 3600
        found.append((folder.name if is_stale else f"fresh {number}", is_stale))
    return found


def _table(session: Session, name: str, columns: str, rows: list[tuple[Any, ...]]) -> int:
    session.execute(f"CREATE OR REPLACE TABLE work.main.{name} ({columns})")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        session.con.executemany(f"INSERT INTO work.main.{name} VALUES ({marks})", rows)
    return len(rows)


def _archive(session: Session, settings: Settings, keys: Keys, period: str) -> int:
    rows = []
    for delivery_id, sha256 in session.rows(
        "SELECT delivery_id, sha256 FROM ops.archived__object WHERE period = ? ORDER BY delivery_id, kind",
        [period],
    ):
        path = archive.object_path(settings.archive, sha256)
        read_only = path.exists() and not path.stat().st_mode & 0o222
        rows.append((delivery_id, archive.is_intact(settings.archive, keys.archive, sha256), read_only))
    return _table(
        session, "archive_object", "delivery_id VARCHAR, is_intact BOOLEAN, is_read_only BOOLEAN", rows
    )


def _ledger(session: Session) -> int:
    broken = set(ledger.broken_links(session))
    session.execute(
        "CREATE OR REPLACE TABLE work.main.ledger AS SELECT seq, NOT list_contains(?::BIGINT[], seq) AS is_linked "
        "FROM ops.ledger__event",
        [sorted(broken)],
    )
    return int(session.value("SELECT count(*) FROM work.main.ledger"))
