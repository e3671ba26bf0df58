"""What stands around the figures: regions, targets, deliveries, files. Each function returns a part of the page's data."""

from __future__ import annotations

import hashlib
from typing import Any

import duckdb

from dashboard.release import ReleaseFolder
from dashboard.series import text

LEVELS = ("county", "prefecture", "province", "set")
# Built again from the same data it is never byte-equal, so a page with its hash could not be either.
_NOT_REPRODUCIBLE = "marts.duckdb"
_FILES = (
    ("marts.duckdb", "全部数据集（DuckDB）", "All marts (DuckDB)"),
    ("dictionary.xlsx", "数据字典（Excel）", "Dictionary (Excel)"),
    ("dictionary.html", "数据字典（网页）", "Dictionary (web page)"),
    ("CHANGES.md", "与上一版的差异", "Changes since the previous release"),
)


def regions(con: duckdb.DuckDBPyConnection, release: ReleaseFolder) -> list[dict[str, Any]]:
    """Counties, prefectures, province, sets: code `c`, level `l`, names, prefecture `p`, tile `g`.

    Counties are those of the reference table in force; without it, those that the marts name.
    """
    named = _names(con, release)
    current = [r for r in release.reference("county") if not r["valid_to"]]
    tiles = {r["county_code"]: r for r in release.reference("county_tile")}
    found: list[dict[str, Any]] = []
    for row in current:
        tile = tiles.get(row["county_code"])
        found.append(
            {
                "c": row["county_code"],
                "l": "county",
                "zh": row["name_zh"],
                "en": row["name_en"] or row["name_zh"],
                "s": row["short_zh"] or row["name_zh"],
                "p": row["prefecture_code"],
                "g": [int(tile["tile_column"]), int(tile["tile_row"])] if tile else None,
            }
        )
    have = {r["c"] for r in found}
    for level in LEVELS:
        for code, (zh, en) in sorted(named.get(level, {}).items()):
            if code in have or (level == "county" and current):
                continue  # a county that is no more has no tile
            found.append({"c": code, "l": level, "zh": zh, "en": en, "s": zh, "p": None, "g": None})
    short = {r["code"]: r for r in release.reference("map_label") if r["kind"] == "prefecture"}
    for region in found:
        if region["l"] == "prefecture" and region["c"] in short:
            region["s"] = short[region["c"]]["name_zh"]
        if region["l"] == "county" and region["p"] is None:
            region["p"] = next((p for p in named.get("prefecture", {}) if region["c"].startswith(p)), None)
    return found


def _names(con: duckdb.DuckDBPyConnection, release: ReleaseFolder) -> dict[str, dict[str, tuple[str, str]]]:
    """Names of regions by level and code, as the marts print them."""
    found: dict[str, dict[str, tuple[str, str]]] = {level: {} for level in LEVELS}
    for level, code in con.execute("SELECT DISTINCT level, code FROM point ORDER BY ALL").fetchall():
        if level in found:
            found[level][code] = (code, code)
    for mart in release.marts.values():
        if not {"region_level", "region_code", "region_name_zh", "region_name_en"} <= set(mart.columns):
            continue
        rows = (
            con.execute(
                "SELECT region_level, region_code, arg_max(region_name_zh, period), arg_max(region_name_en, period) "
                f"FROM read_parquet({text(str(mart.file))}) GROUP BY ALL ORDER BY ALL"
            ).fetchall()
            if "period" in mart.columns
            else []
        )
        for level, code, zh, en in rows:
            if level in found:
                found[level][code] = (zh or code, en or zh or code)
    return found


def map_labels(release: ReleaseFolder) -> list[dict[str, Any]]:
    """Words on the map: centre in tiles, text, kind."""
    return [
        {
            "k": r["kind"],
            "x": float(r["label_column"]),
            "y": float(r["label_row"]),
            "zh": r["name_zh"],
            "en": r["name_en"],
        }
        for r in release.reference("map_label")
    ]


def targets(release: ReleaseFolder) -> list[dict[str, Any]]:
    """Targets of the policy with a value, and the name of the regions they are for."""
    sets = {r["region_set_id"]: r for r in release.reference("region_set")}
    found = []
    for row in release.reference("policy_target"):
        if not row["value"]:
            continue
        region = sets.get(row["region_set_id"], {})
        found.append(
            {
                "id": row["target_id"] + (f"/{row['part']}" if row["part"] else ""),
                "ind": row["indicator_id"],
                "set": row["region_set_id"],
                "rzh": region.get("name_zh", row["region_set_id"]),
                "ren": region.get("name_en", row["region_set_id"]),
                "zh": row["name_zh"],
                "en": row["name_en"],
                "y": int(row["year"]) if row["year"] else None,
                "op": row["op"],
                "v": float(row["value"]),
                "u": row["unit"],
                "feed": row["feed"],
                "lead": row["lead_zh"],
                "q": row["quote_zh"],
                "doc": row["source_doc"],
            }
        )
    return found


def deliveries(con: duckdb.DuckDBPyConnection, release: ReleaseFolder) -> dict[str, Any] | None:
    """Per source: owners by state, rows read, accepted, set aside; and the state of every county × source.

    None if the release has no quality scoreboard.
    """
    mart = release.marts.get("quality_scoreboard__county_source_month")
    if mart is None:
        return None
    file = f"read_parquet({text(str(mart.file))})"
    period = release.facts.get("period", "")
    (there,) = con.execute(f"SELECT count(*) FROM {file} WHERE period = {text(period)}").fetchall()[0]
    if not there:
        return None
    sources = con.execute(
        f"""SELECT source, min(extract_code), min(source_name_zh), min(source_name_en), min(owner_level), count(*),
                   count(*) FILTER (status_code = 'accepted'), count(*) FILTER (status_code = 'earlier'),
                   count(*) FILTER (status_code = 'missing'), count(*) FILTER (status_code = 'refused'),
                   sum(n_read)::BIGINT, sum(n_accepted)::BIGINT, sum(n_quarantined)::BIGINT, max(as_of_date)::VARCHAR
            FROM {file} WHERE period = {text(period)}
            GROUP BY source ORDER BY TRY_CAST(substr(min(extract_code), 2) AS INTEGER), source"""
    ).fetchall()
    keys = [
        "id",
        "x",
        "zh",
        "en",
        "level",
        "n",
        "accepted",
        "earlier",
        "missing",
        "refused",
        "read",
        "kept",
        "aside",
        "as_of",
    ]
    states = con.execute(
        f"SELECT owner, source, status_code, n_read, n_quarantined FROM {file} "
        f"WHERE period = {text(period)} AND owner_level = 'county' ORDER BY ALL"
    ).fetchall()
    cells: dict[str, dict[str, list[Any]]] = {}
    for owner, source, state, read, aside in states:
        cells.setdefault(owner, {})[source] = [state, read, aside]
    return {"sources": [dict(zip(keys, row, strict=True)) for row in sources], "cells": cells}


def downloads(release: ReleaseFolder) -> list[dict[str, Any]]:
    """Files of the release with bytes, rows and SHA-256."""
    package = release.json("datapackage.json")
    found = []
    for resource in package.get("resources", []):
        mart = release.marts.get(resource["name"])
        found.append(
            {
                "f": resource["path"],
                "zh": mart.title_zh if mart else resource["name"],
                "en": mart.title_en if mart else resource["name"],
                "n": resource["rowCount"],
                "b": resource["bytes"],
                "h": resource["hash"].removeprefix("sha256:"),
                "v": resource["version"],
            }
        )
    for path, zh, en in _FILES:
        file = release.root / path
        if not file.is_file():
            continue
        fixed = path != _NOT_REPRODUCIBLE
        found.append(
            {
                "f": path,
                "zh": zh,
                "en": en,
                "n": None,
                "b": file.stat().st_size if fixed else None,
                "h": hashlib.sha256(file.read_bytes()).hexdigest() if fixed else None,
                "v": None,
            }
        )
    return found
