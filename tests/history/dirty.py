"""A damaged sample province through the real door of collection, month by month, then the models of a person's history.

Reading, cleaning, rules, quarantine and the vault are those of a load. Persons come from the ledger of truth instead of the
person index, whose error is measured in tests/people: what is wrong here is wrong in the history.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assets.collection.collect import collect
from sample import generate
from tests.history.loading import build
from warehouse.catalogue import prepare
from warehouse.config import load_settings
from warehouse.engine.duckdb import Session, literal, open_warehouse
from warehouse.keys import load_keys
from warehouse.model import load_models, run_model

_TOML = '[engine]\nmemory_limit = "1GB"\nthreads = 2\n'
Timings = dict[str, tuple[float, float]]


def _persons(session: Session, truth: Path) -> None:
    """The person index as it would be without an error: every accepted row shows its person of the ledger."""
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE shown AS
            SELECT t.source, d.delivery_id, t.row_no, md5('truth:' || t.person_id)::UUID AS person_id
            FROM read_parquet({literal(str(truth / "row.parquet"))}) t
            JOIN ops.delivery__version d ON d.source = t.source AND d.period = t.period AND d.owner = t.owner
             AND d.file_name = t.file
            WHERE t.person_id IS NOT NULL AND d.delivery_id NOT IN (SELECT delivery_id FROM core.person_profile__row)"""
    )
    session.execute(
        "INSERT INTO core.person_profile__row SELECT source, delivery_id, row_no, person_id FROM shown ORDER BY ALL"
    )
    session.execute(
        """INSERT INTO core.person_link__history
           SELECT (SELECT count(*) FROM core.person_link__history) + row_number() OVER (ORDER BY person_id), person_id, '',
                  person_id, person_id, 'T1', 1, '{}', 'truth', 'load', ''
           FROM (SELECT DISTINCT person_id FROM shown)
           WHERE person_id NOT IN (SELECT profile FROM core.person_link__history)"""
    )


@contextmanager
def damaged_months(
    folder: Path,
    months: Sequence[str],
    wanted: Sequence[str],
    sources: Sequence[str],
    *,
    scale: float,
    dirt: float = 1.0,
) -> Iterator[tuple[Session, Timings]]:
    """A warehouse into which the months were loaded one by one; also (seconds of collection, of models) by month."""
    generate(folder / "data", scale=scale, periods=months, dirt=dirt, csv_only=True, sources=sources)
    (folder / "edu.toml").write_text(_TOML)
    settings = load_settings(folder)
    keys = load_keys(settings.key_file)
    took: Timings = {}
    with open_warehouse(settings) as session:
        prepare(session)
        for period in months:
            started = time.monotonic()
            for source in sources:
                collect(session, settings, keys, source, period)
            collected = time.monotonic()
            run_model(
                session, load_models()["core.delivery__period"], period, reference="test", code_version="test"
            )
            _persons(session, folder / "data" / "truth")
            build(session, period, wanted)
            took[period] = (collected - started, time.monotonic() - collected)
        yield session, took
