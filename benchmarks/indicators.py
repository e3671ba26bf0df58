"""Time and rows of the indicator models on a loaded warehouse: every month is computed again in one run, without its cache.

python -m benchmarks.indicators [--data FOLDER]     prints a table; reads a copy, never the warehouse itself
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from warehouse.engine.duckdb import Session
from warehouse.model import load_models, run_model

TABLES = ("core.reported__region_year", "use.measure__county_school", "use.population_band__region_year", "use.measure__region_year",
          "use.indicator_value__region_year", "mart.indicator_value__region_year", "mart.gross_enrolment__region_year",
          "mart.indicator_progress__region_year", "mart.supervision_alert__region_target", "mart.reconciliation__region_measure",
          "mart.indicator_revision__region_year", "mart.class_offender__class_month", "mart.school_projection__school_year",
          "mart.major_warning__school_major_year", "mart.policy_task__item")  # fmt: skip


def _option(name: str, default: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def blow_up(session: Session, times: int, years: int) -> None:
    """The newest month, `times` as many registrations, in `years` Septembers; every other month is dropped."""
    newest = session.value("SELECT max(period) FROM core.enrolment__person_month")
    tables = [m.table for m in load_models().values() if m.table not in TABLES and session.exists(m.table)]
    for table in tables:
        columns = [c.name for c in load_models()[table].contract.columns]
        session.execute(
            f"CREATE OR REPLACE TEMP TABLE newest AS SELECT * FROM {table} WHERE period = ?", [newest]
        )
        session.execute(f"DELETE FROM {table}")
        is_person = table == "core.enrolment__person_month"
        picked = ", ".join(
            "?"
            if c == "period"
            else "CAST(md5(person_key::VARCHAR || k) AS UUID)"
            if is_person and c == "person_key"
            else f'"{c}"'
            for c in columns
        )
        source = f"newest CROSS JOIN range({times if is_person else 1}) AS t(k)"
        for year in range(years):
            month = f"{int(newest[:4]) - year}{newest[4:]}"
            session.execute(f"INSERT INTO {table} SELECT {picked} FROM {source}", [month])


def main() -> None:
    """Copy the warehouse, compute every month again, print seconds and rows by table."""
    data = Path(_option("--data", "data"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(shutil.copy(data / "warehouse" / "warehouse.duckdb", folder))
        session = Session(duckdb.connect(str(file)), Path(folder))
        session.execute("SET memory_limit = '4GB'")
        if "--times" in sys.argv:
            blow_up(session, int(_option("--times", "1")), int(_option("--years", "1")))
        months = [
            r[0] for r in session.rows("SELECT DISTINCT period FROM core.enrolment__person_month ORDER BY 1")
        ]
        pupils = session.value("SELECT count(*) FROM core.enrolment__person_month WHERE is_counted")
        models = load_models()
        session.execute(
            "DELETE FROM ops.model_run__model_period WHERE list_contains(?, model)", [list(TABLES)]
        )
        began = time.monotonic()
        seconds, rows = dict.fromkeys(TABLES, 0.0), dict.fromkeys(TABLES, 0)
        for month in months:
            for table in (t for t in models if t in TABLES):
                run = run_model(
                    session, models[table], month, reference="benchmark", code_version="benchmark"
                )
                seconds[table] += run.seconds
                rows[table] += run.n_rows
        total = time.monotonic() - began
        session.con.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(months)} months, {pupils:,} registrations: {total:.1f} s, peak {peak:,.0f} MiB")
    for table in TABLES:
        print(f"| `{table}` | {rows[table]:,} | {seconds[table]:.2f} |")


if __name__ == "__main__":
    main()
