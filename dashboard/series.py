"""Series of figures: every mart of regions in one table `cell`, whatever its columns are called.

A column is found by the first of its known names that the contract has; a mart may lack all but the value. `cell` has
one row per series, region and period:

series, indicator, name_zh, name_en, period, year, is_annual, level, code, value (as published), exact, numerator,
denominator, low, high, is_provisional, is_hidden, is_rounded, reason_zh, reason_en, share_covered, as_of, definition,
target, is_met, basis, origin, unit, decimals, direction, method, rank_from, rank_to
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from dashboard.release import Mart, ReleaseFolder

# field of `cell` -> names under which marts know it, best first
_NAMES: dict[str, tuple[str, ...]] = {
    "period": ("period", "month", "snapshot_period"),
    "year": ("school_year_code", "school_year", "year", "graduation_year", "entry_year"),
    "annual": ("is_annual_point", "is_annual", "is_final_point"),
    "level": ("region_level",),
    "code": ("region_code",),
    "indicator": ("indicator_id",),
    "name_zh": ("indicator_name_zh", "measure_name_zh", "name_zh"),
    "name_en": ("indicator_name_en", "measure_name_en", "name_en"),
    "value": ("value_published", "pct_published", "value_unrounded", "value"),
    "exact": ("value_unrounded", "value_exact", "value"),
    "numerator": ("numerator", "n_numerator"),
    "denominator": ("denominator", "n_denominator"),
    "low": ("value_low", "interval_low", "ci_low", "low_95", "pct_low"),
    "high": ("value_high", "interval_high", "ci_high", "high_95", "pct_high"),
    "provisional": ("is_provisional",),
    "status": ("cell_status", "value_status", "status_code"),
    "rounded": ("is_rounded",),
    "reason_zh": ("reason_zh",),
    "reason_en": ("reason_en",),
    "reason": ("reason_code",),
    "covered": ("share_covered", "share_schools_covered", "coverage", "share_counties_covered"),
    "as_of": ("as_of_date", "as_of"),
    "definition": ("definition_version", "definition_id"),
    "target": ("target_value",),
    "met": ("is_target_met", "is_met"),
    "basis": ("region_basis_code", "basis_code", "region_basis"),
    "origin": ("origin_code",),
    "default": ("is_default",),
    "unit": ("unit",),
    "decimals": ("decimals",),
    "direction": ("direction_code",),
    "method": ("interval_code",),
    "rank_from": ("rank_from",),
    "rank_to": ("rank_to",),
}
# key columns that say where and when, not what
_WHERE_WHEN = {n for key in ("period", "year", "level", "code", "basis", "origin") for n in _NAMES[key]}

_CELL = """CREATE OR REPLACE TABLE {table} (
  series VARCHAR, indicator VARCHAR, name_zh VARCHAR, name_en VARCHAR, mart VARCHAR, period VARCHAR, year VARCHAR,
  is_annual BOOLEAN, level VARCHAR, code VARCHAR, value DOUBLE, exact DOUBLE, numerator BIGINT, denominator BIGINT,
  low DOUBLE, high DOUBLE, is_provisional BOOLEAN, is_hidden BOOLEAN, is_rounded BOOLEAN, reason_zh VARCHAR,
  reason_en VARCHAR, share_covered DOUBLE, as_of VARCHAR, definition VARCHAR, target DOUBLE, is_met BOOLEAN, basis VARCHAR,
  origin VARCHAR, unit VARCHAR, decimals INTEGER, direction VARCHAR, method VARCHAR, rank_from INTEGER, rank_to INTEGER)"""

REASONS = {
    "no_delivery": ("本期没有可用的数据", "no data are in force for the period"),
    "no_population": ("缺少该地区的分年龄人口", "no population by age for the region"),
    "zero_denominator": ("分母为零", "the denominator is zero"),
}


@cache
def settings() -> dict[str, Any]:
    """series.yaml."""
    return dict(yaml.safe_load((Path(__file__).parent / "series.yaml").read_text(encoding="utf-8")))


def text(value: str) -> str:
    """A SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """A quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def load_cells(con: duckdb.DuckDBPyConnection, release: ReleaseFolder, table: str) -> None:
    """Fill `table` with the cells of all series of a release. A series that two marts give is taken from the first."""
    con.execute(_CELL.format(table=table))
    chosen = settings()
    # A mart of indicators says more about a series than a mart made for something else.
    marts = sorted(release.marts.values(), key=lambda m: (not m.id.startswith("indicator"), m.id))
    left_out = {*chosen["leave_out"], *(m for m, by in chosen["replaced_by"].items() if by in release.marts)}
    selects = [_select(mart, {}) for mart in marts if _speaks(mart) and mart.id not in left_out]
    selects += [
        _select(release.marts[entry["mart"]], entry)
        for entry in chosen["series"]
        if entry["mart"] in release.marts
        and {entry["value"], entry["numerator"], entry["denominator"]}
        <= set(release.marts[entry["mart"]].columns)
    ]
    for select in selects:
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT * FROM ({select}) "
            f"WHERE series IS NOT NULL AND level IS NOT NULL AND code IS NOT NULL "
            f"AND series NOT IN (SELECT DISTINCT series FROM {table})"
        )


def _speaks(mart: Mart) -> bool:
    """Whether a mart can be read without an entry of series.yaml."""
    has = set(mart.columns)
    return (
        {"region_level", "region_code"} <= has
        and bool(has & set(_NAMES["value"]))
        and bool({"indicator_id", "measure_code"} & has)
    )


def _select(mart: Mart, entry: dict[str, Any]) -> str:
    def field(key: str, type_: str, default: str = "NULL") -> str:
        found = entry.get(key) or next((c for c in _NAMES[key] if c in mart.columns), None)
        return f"TRY_CAST({found if key in entry else name(found)} AS {type_})" if found else default

    dims = [k for k in mart.key if k not in _WHERE_WHEN]
    # The first dimension is what the series is; an indicator's number is the better name where there is one.
    ids = [f"{name(k)}::VARCHAR" for k in dims] or ["'value'"]
    if dims[:1] == ["measure_code"] and "indicator_id" in mart.columns:
        ids[0] = f"coalesce(indicator_id, {ids[0]})"
    series = text(entry["id"]) if "id" in entry else f"concat_ws('.', {', '.join(ids)})"
    tails = {
        lang: ", ".join(
            [
                name(f"{k.removesuffix('_code')}_name_{lang}")
                for k in dims
                if k not in ("measure_code", "indicator_id", "variant_id")
                and f"{k.removesuffix('_code')}_name_{lang}" in mart.columns
            ]
        )
        for lang in ("zh", "en")
    }

    def title(lang: str) -> str:
        if f"name_{lang}" in entry:
            return text(entry[f"name_{lang}"])
        own = field(f"name_{lang}", "VARCHAR")
        return f"concat_ws(' · ', {own}, {tails[lang]})" if tails[lang] else own

    period = field("period", "VARCHAR")
    year = field("year", "VARCHAR")
    status = field("status", "VARCHAR", "''")
    reason = field("reason", "VARCHAR")
    told = {
        lang: f"coalesce({field(f'reason_{lang}', 'VARCHAR')}, CASE {reason} "
        + " ".join(f"WHEN {text(code)} THEN {text(words[i])}" for code, words in REASONS.items())
        + f" ELSE {reason} END)"
        for i, lang in enumerate(("zh", "en"))
    }
    where = str(entry.get("where", "true"))
    if not entry and "is_default" in mart.columns:
        # Variants are for comparison; the page shows the one that is meant when only the indicator is named.
        named = ", ".join(text(n) for n in settings()["order"])
        where = f"coalesce(is_default, true) OR {series} IN ({named})"
    indicator = text(entry["indicator"]) if "indicator" in entry else field("indicator", "VARCHAR")
    return f"""SELECT {series} AS series, {indicator} AS indicator, {title("zh")} AS name_zh, {title("en")} AS name_en,
      {text(mart.id)} AS mart, coalesce({period}, left({year}, 4)) AS period, left({year}, 4) AS year,
      coalesce({field("annual", "BOOLEAN")}, {"true" if period == "NULL" else "NULL"}) AS is_annual,
      {field("level", "VARCHAR")} AS level, {field("code", "VARCHAR")} AS code, {field("value", "DOUBLE")} AS value,
      {field("exact", "DOUBLE")} AS exact, {field("numerator", "BIGINT")} AS numerator,
      {field("denominator", "BIGINT")} AS denominator, {field("low", "DOUBLE")} AS low, {field("high", "DOUBLE")} AS high,
      coalesce({field("provisional", "BOOLEAN")}, false) AS is_provisional,
      coalesce(regexp_matches({status}, 'hidden|suppress'), false) AS is_hidden,
      coalesce({field("rounded", "BOOLEAN")}, contains({status}, 'round'), false) AS is_rounded,
      {told["zh"]} AS reason_zh, {told["en"]} AS reason_en, {field("covered", "DOUBLE")} AS share_covered,
      {field("as_of", "VARCHAR")} AS as_of, {field("definition", "VARCHAR")} AS definition,
      {field("target", "DOUBLE")} AS target, {field("met", "BOOLEAN")} AS is_met, {field("basis", "VARCHAR")} AS basis,
      {field("origin", "VARCHAR")} AS origin, {field("unit", "VARCHAR")} AS unit, {field("decimals", "INTEGER")} AS decimals,
      {field("direction", "VARCHAR")} AS direction, {field("method", "VARCHAR")} AS method,
      {field("rank_from", "INTEGER")} AS rank_from, {field("rank_to", "INTEGER")} AS rank_to
    FROM read_parquet({text(str(mart.file))}) WHERE {where}"""


def choose_axis(con: duckdb.DuckDBPyConnection, first_month: int) -> tuple[str, list[str]]:
    """Time axis and its labels, ascending: school years, or the months of the one school year that the release holds.

    Makes the table `point` from `cell`, see `make_points`.
    """
    (years,) = con.execute(f"SELECT count(DISTINCT {_school_year(first_month)}) FROM cell").fetchall()[0]
    axis = "month" if years == 1 else "year"
    make_points(con, "cell", "point", axis, first_month)
    return axis, [r[0] for r in con.execute("SELECT DISTINCT moment FROM point ORDER BY 1").fetchall()]


def make_points(con: duckdb.DuckDBPyConnection, cells: str, points: str, axis: str, first_month: int) -> None:
    """One row per series, region and moment (the label on the axis): what the page shows.

    Within a school year the annual point (the month of the autumn count) stands for the year; while it is not there,
    the latest month does, and is provisional. The newest month has a label of its own at the end, provisional as well:
    monthly snapshots never mix with annual figures unmarked.
    """
    label = _school_year(first_month) if axis == "year" else "period"
    con.execute(
        f"""CREATE OR REPLACE TABLE {points} AS
            WITH dated AS (
              SELECT * REPLACE (
                coalesce(is_annual, length(period) >= 7 AND CAST(substr(period, 6, 2) AS INTEGER) = {first_month}, true) AS is_annual),
                {label} AS label FROM {cells}),
            known AS (
              SELECT *, bool_or(is_annual) OVER (PARTITION BY series, level, code, label) AS has_annual,
                     max(period) OVER () AS newest FROM dated),
            placed AS (
              SELECT *, CASE WHEN has_annual AND NOT is_annual AND period = newest THEN period ELSE label END AS moment FROM known)
            SELECT * EXCLUDE (is_provisional, label, has_annual, newest), is_provisional OR NOT is_annual AS is_provisional
            FROM placed
            QUALIFY row_number() OVER (
              PARTITION BY series, level, code, moment ORDER BY is_annual DESC, origin = 'reported', period DESC, year DESC) = 1"""
    )


def _school_year(first_month: int) -> str:
    """SQL for the first year of a cell's school year, as text."""
    return (
        "coalesce(year, CASE WHEN length(period) >= 7 THEN CAST(CAST(left(period, 4) AS INTEGER) - "
        f"CASE WHEN CAST(substr(period, 6, 2) AS INTEGER) < {first_month} THEN 1 ELSE 0 END AS VARCHAR) ELSE left(period, 4) END)"
    )
