"""All indicators and scorecards of several school years in one run: seconds, peak memory, rows.

python -m benchmarks.indicators --data FOLDER [--years 5]

FOLDER holds a loaded September (the whole province: `make bench` at scale 1 leaves one). It is only read: its month is put
into as many Septembers, grades and cohorts moved with the years, and every person gets the history that the indicators over
time ask for (entry eight years before, moves, aid, suspicion). The models that make the figures then run in a process of
their own, through the code of production, and that process is measured.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.measure import measure
from benchmarks.run import ROOT
from warehouse.catalogue import prepare
from warehouse.engine.duckdb import SCHEMAS, SQL, Session, literal
from warehouse.model import load_models, run_model

TABLES = (
    "use.class_size__class_month", "use.school_size__school_month", "core.reported__region_year", "use.measure__county_school",
    "use.measure__county_person", "use.population_band__region_year", "use.measure__region_year",
    "use.indicator_value__region_year", "mart.indicator_value__region_year", "mart.gross_enrolment__region_year",
    "mart.indicator_progress__region_year", "mart.supervision_alert__region_target", "mart.reconciliation__region_measure",
    "mart.indicator_revision__region_year", "mart.class_offender__class_month", "mart.school_projection__school_year",
    "mart.major_warning__school_major_year", "mart.policy_task__item",
)  # fmt: skip
# tables of the loaded month that are taken over into every year
COPIED = ("core.delivery__period", "core.enrolment__person_month", "core.school__school_month", "core.class__class_month",
          "core.graduate__person_year", "core.population__region_age", "mart.quality_scoreboard__county_source_month")  # fmt: skip
# a year in which these columns stand moves with the September
YEARLY = {"core.graduate__person_year": "graduation_year", "core.population__region_age": "year"}
# persons over time; {period}: the September, {before}: the one before or NULL, {year}: its year
HISTORY = (
    "INSERT INTO core.standing__person_month BY NAME SELECT period, source, delivery_id, row_no, person_id, school_id, "
    "county_code, prefecture_code, hukou_county_code, stage_code, e.grade_code, g.level_no, age, "
    "'{year}-' || ({year} + 1) AS school_year_code, entry_month, 'in_study' AS state_code, is_active, is_full_time, 1 AS n_active "
    "FROM core.enrolment__person_month e LEFT JOIN ref.grade_level g USING (grade_code) WHERE period = {period} AND is_counted",
    # nine in ten of the last grade were in its first one eight years before; so were one in seven who got lost
    "INSERT INTO core.standing__person_month BY NAME SELECT ({year} - 8) || '-09' AS period, source, delivery_id, row_no, "
    "md5(concat(person_id, {year}, CASE WHEN hash(person_id) % 7 = 0 THEN 'gone' END))::UUID AS person_id, county_code, "
    "'11' AS grade_code, 1 AS level_no, ({year} - 8) || '-' || ({year} - 7) AS school_year_code, 'in_study' AS state_code, "
    "true AS is_active, true AS is_full_time, 1 AS n_active FROM core.standing__person_month "
    "WHERE period = {period} AND level_no = 9 AND hash(person_id) % 10 > 0",
    "UPDATE core.standing__person_month SET person_id = md5(concat(person_id, {year}))::UUID WHERE period = {period} AND level_no = 9",
    "INSERT INTO core.movement__person_month BY NAME SELECT period, person_id, {before} AS previous_period, 'stayed' AS presence_code, "
    "true AS was_active, true AS is_active, grade_code AS from_grade_code FROM core.standing__person_month WHERE period = {period}",
    "INSERT INTO use.suspected_dropout__person_month BY NAME SELECT period, person_id, md5(person_id::VARCHAR)[:12] AS case_id, "
    "'left' AS kind_code, county_code, hukou_county_code FROM core.standing__person_month "
    "WHERE period = {period} AND stage_code IN ('10', '20') AND hash(person_id) % 1000 = 0",
    "INSERT INTO use.disabled_child__person_month BY NAME SELECT period, person_id, hukou_county_code AS county_code, age, stage_code, "
    "hash(person_id) % 3 > 0 AS is_three_kinds, true AS is_on_roster, hash(person_id) % 9 > 0 AS is_in_registry "
    "FROM core.standing__person_month WHERE period = {period} AND stage_code IN ('10', '20') AND hash(person_id) % 200 = 0",
    "INSERT INTO use.entitlement__person_rule_term BY NAME SELECT period, person_id, CASE stage_code WHEN '31' THEN 'E09' WHEN '32' "
    "THEN 'E11' ELSE 'E05' END AS rule_id, '10' AS programme_code, school_year_code, '1' AS term_code, county_code, school_id, stage_code, "
    "CASE WHEN hash(person_id) % 5 = 0 THEN 'poverty' ELSE '' END AS poor_groups, true AS is_entitled, "
    "CASE WHEN hash(person_id) % 20 = 0 THEN 'short' ELSE 'full' END AS class_code FROM core.standing__person_month "
    "WHERE period = {period} AND (stage_code IN ('31', '32') OR hash(person_id) % 4 = 0)",
    # what other bodies report: every measure of every county and of the province
    "INSERT INTO raw.reported_statistics__region_year BY NAME SELECT d.delivery_id, row_number() OVER () AS row_no, '63' AS owner, "
    "{year} AS year, make_date({year}, 9, 1) AS as_of_date, r.region_code, m.measure_code, coalesce(m.basis_code, 'school_location') "
    "AS region_basis_code, 100 + hash(r.region_code || m.measure_code) % 9000 AS value, '0' AS unit_code, '1' AS figure_status_code "
    "FROM (SELECT delivery_id FROM core.delivery__period WHERE period = {period} ORDER BY source <> 'reported_statistics', 1 LIMIT 1) d, "
    "ref.measure m, (SELECT county_code AS region_code FROM core.county_unit__code WHERE period = {period} AND is_current "
    "UNION SELECT '630000') r WHERE m.kind = 'reported' OR m.measure_code LIKE 'pupils_%'",
)  # fmt: skip


def open_file(file: Path) -> Session:
    """A warehouse file with every table, and the memory of a small server."""
    session = Session(duckdb.connect(str(file)), file.parent)
    session.execute("SET memory_limit = '4GB'")
    session.execute("ATTACH ':memory:' AS work")
    for schema in SCHEMAS:
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    session.script(SQL / "storage" / "ops.sql")
    session.script(SQL / "collection" / "clean.sql")
    prepare(session)
    return session


def build(loaded: Path, file: Path, years: int) -> list[str]:
    """Write the Septembers into `file`; returns their periods, the oldest first."""
    session = open_file(file)
    session.execute(f"ATTACH {literal(str(loaded))} AS loaded (READ_ONLY)")
    newest = session.value("SELECT max(period) FROM loaded.core.enrolment__person_month")
    periods = [f"{int(newest[:4]) - n}-09" for n in reversed(range(years))]
    models = load_models()
    have = "SELECT column_name FROM duckdb_columns() WHERE database_name = 'loaded' AND schema_name || '.' || table_name = ?"

    def copy(table: str, where: str, replaced: dict[str, str]) -> None:
        columns = {r[0] for r in session.rows(have, [table])}
        columns &= {
            r[0]
            for r in session.rows(
                have.replace("'loaded'", "?"),
                [session.value("SELECT current_database()"), table],
            )
        }
        listed = ", ".join(f"{replaced.get(c, c)} AS {c}" for c in sorted(columns))
        session.execute(f"INSERT INTO {table} BY NAME SELECT {listed} FROM loaded.{table} {where}")

    copy("ops.delivery__version", "", {})
    for n, period in enumerate(periods):
        year, shift = int(period[:4]), int(period[:4]) - int(newest[:4])
        for table in ("core.county_unit__code", "core.region_member__region_county"):
            run_model(session, models[table], period, reference="benchmark", code_version="benchmark")
        for table in COPIED:
            moved = {YEARLY[table]: f"{YEARLY[table]} + ({shift})"} if table in YEARLY else {}
            copy(table, f"WHERE period = {literal(newest)}", {"period": literal(period), **moved})
        before = literal(periods[n - 1]) if n else literal(f"{year - 1}-09")
        for statement in HISTORY:
            session.execute(statement.format(period=literal(period), before=before, year=year))
    session.con.close()
    return periods


def run(file: Path, periods: list[str]) -> None:
    """All models of all years; prints a JSON line with seconds and rows by table and the number of registrations."""
    session = open_file(file)
    pupils = session.value("SELECT count(*) FROM core.enrolment__person_month WHERE is_counted")
    models = load_models()
    found = {t: [0.0, 0] for t in models if t in TABLES}
    for period in periods:
        for table in found:
            done = run_model(session, models[table], period, reference="benchmark", code_version="benchmark")
            found[table][0] += done.seconds
            found[table][1] += done.n_rows
    session.con.close()
    print(json.dumps({"pupils": pupils, "tables": found}))


def main() -> None:
    """Build the years, measure the run in a process of its own, write benchmarks/results/indicators-<years>.md."""
    option = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    if "--run" in option:
        run(Path(option["--run"]), option["--periods"].split(","))
        return
    loaded = Path(option.get("--data", "data")) / "warehouse" / "warehouse.duckdb"
    with tempfile.TemporaryDirectory(dir=option.get("--work")) as folder:
        file = Path(folder) / "years.duckdb"
        periods = build(loaded, file, int(option.get("--years", "5")))
        command = [
            sys.executable,
            "-m",
            "benchmarks.indicators",
            "--run",
            str(file),
            "--periods",
            ",".join(periods),
        ]
        taken = measure(command, ROOT, {})
    if taken.code:
        raise SystemExit(taken.output)
    result = json.loads(taken.output.splitlines()[-1])
    tables = result["tables"]
    lines = [
        f"# All indicators of {len(periods)} school years: {result['pupils']:,} registrations",
        "",
        f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f}, {date.today().isoformat()}; DuckDB limited to 4 GB",
        "",
        f"**{taken.wall:.1f} s**, CPU {taken.cpu:.1f} s, peak {taken.peak_mb:,.0f} MB; {sum(r for _, r in tables.values()):,} rows.",
        "",
        "| table | rows | seconds |", "|---|---:|---:|",
        *(f"| `{t}` | {rows:,} | {seconds:.2f} |" for t, (seconds, rows) in tables.items()), "",
    ]  # fmt: skip
    target = ROOT / "benchmarks" / "results" / f"indicators-{len(periods)}.md"
    target.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
