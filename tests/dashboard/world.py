"""A release folder made by hand: every indicator, every region of the reference tables, up to ten years. No warehouse.

Figures are drawn from a hash of series, region and year, so that the same call gives the same bytes. Known cells:
`HIDDEN` is hidden, `ROUNDED` rounded, `MISSING` has no row, `NO_POPULATION` has a row with a reason; the last year is provisional in
counties whose code ends in 1.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import yaml

from assets.sharing.evidence import copy_reference
from dashboard.build import write_pages
from warehouse.reference import rows

MART = "indicator_value__region_year"
HIDDEN = ("I10", "632626", 2025)
MISSING = ("I10", "632722", 2025)
NO_POPULATION = ("I01", "632857", 2025)
ROUNDED = ("I01", "630103", 2025)
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u2028&amp;\"'`${1}"
_COLUMNS = {
    "period": "VARCHAR",
    "year": "INTEGER",
    "variant_id": "VARCHAR",
    "origin_code": "VARCHAR",
    "region_level": "VARCHAR",
    "region_code": "VARCHAR",
    "indicator_id": "VARCHAR",
    "indicator_name_zh": "VARCHAR",
    "indicator_name_en": "VARCHAR",
    "region_name_zh": "VARCHAR",
    "region_name_en": "VARCHAR",
    "unit": "VARCHAR",
    "direction_code": "VARCHAR",
    "is_default": "BOOLEAN",
    "numerator": "BIGINT",
    "denominator": "BIGINT",
    "value_unrounded": "DOUBLE",
    "value_published": "DECIMAL(18,2)",
    "decimals": "INTEGER",
    "reason_code": "VARCHAR",
    "share_covered": "DOUBLE",
    "is_provisional": "BOOLEAN",
    "is_annual_point": "BOOLEAN",
    "definition_version": "VARCHAR",
    "as_of_date": "DATE",
    "rank_from": "INTEGER",
    "rank_to": "INTEGER",
    "cell_status": "VARCHAR",
}
_KEY = ("period", "year", "variant_id", "origin_code", "region_level", "region_code")
_LEVEL = {
    "I01": 86, "I02": 75, "I03": 99, "I04": 101, "I05a": 95.8, "I05b": 96, "I05c": 95.6, "I06": 93, "I07": 90, "I08": 47,
    "I09": 95, "I10": 95.5, "I11": 3.2, "I12": 15, "I13": 640, "I14": 90, "I15": 0.42, "I16": 11400, "I17": 260, "I18": 99,
    "I19": 95,
}  # fmt: skip


def make_release(
    root: Path,
    years: int = 5,
    *,
    previous: str | None = None,
    shift: float = 0.0,
    hostile: bool = False,
    months: tuple[str, ...] = (),
) -> Path:
    """Write a release and its pages; `shift` moves one cell, `hostile` puts markup into every name.

    `months` are snapshots of the last school year after its annual point, each a copy of it with one more in 630102 I07.
    """
    root.mkdir(parents=True)
    last = 2025
    release = {
        "id": f"v{last}.9.0" if previous is None else f"v{last}.9.1",
        "period": f"{last}-09",
        "data_as_of": f"{last}-09-30",
        "previous": previous,
        "content_hash": "c" * 64,
        "code_version": "0.1.0+test",
        "reference_version": "ref",
        "marts": [],
    }
    _json(root / "RELEASE.json", release)
    copy_reference(root)
    _contract(root)
    _mart(root, range(last - years + 1, last + 1), shift, hostile, months)
    file = root / "parquet" / f"{MART}.parquet"
    resource = {
        "name": MART,
        "path": f"parquet/{MART}.parquet",
        "bytes": file.stat().st_size,
        "hash": "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest(),
        "rowCount": duckdb.sql(f"SELECT count(*) FROM '{file}'").fetchall()[0][0],
        "version": "1.0.0",
    }
    _json(root / "datapackage.json", {"resources": [resource]})
    (root / "CHANGES.md").write_text("# changes\n")
    _json(root / "quality" / "evidence.json", _evidence(hostile))
    write_pages(root)
    return root


def _json(path: Path, node: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(node, ensure_ascii=False), encoding="utf-8")


def _contract(root: Path) -> None:
    node = {
        "id": MART,
        "name": "指标 | Indicators",
        "schema": [
            {
                "name": MART,
                "properties": [
                    {"name": n, "physicalType": t, "primaryKey": n in _KEY} for n, t in _COLUMNS.items()
                ],
            }
        ],
    }
    (root / "contracts").mkdir()
    (root / "contracts" / f"{MART}.odcs.yaml").write_text(yaml.safe_dump(node, allow_unicode=True))


def _regions() -> list[tuple[str, str, str, str, float]]:
    counties = [r for r in rows("county") if not r["valid_to"]]
    found = [("county", r["county_code"], r["name_zh"], r["name_en"], 0.02) for r in counties]
    used = {r["prefecture_code"] for r in counties}
    found += [
        ("prefecture", r["prefecture_code"], r["name_zh"], r["name_en"], 0.12)
        for r in rows("prefecture")
        if r["prefecture_code"] in used
    ]
    found.append(("province", "63", "全省", "Whole province", 1.0))
    found += [
        ("set", r["region_set_id"], r["name_zh"], r["name_en"], 0.4)
        for r in rows("region_set")
        if r["status"] == "ready" and r["region_set_id"] != "province"
    ]
    return found


def _mart(root: Path, years: range, shift: float, hostile: bool, months: tuple[str, ...]) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE region(level VARCHAR, code VARCHAR, zh VARCHAR, en VARCHAR, size DOUBLE)")
    con.executemany("INSERT INTO region VALUES (?, ?, ?, ?, ?)", _regions())
    con.execute(
        "CREATE TABLE indicator(id VARCHAR, zh VARCHAR, en VARCHAR, unit VARCHAR, decimals INTEGER, level DOUBLE)"
    )
    for r in rows("indicator"):
        level = _LEVEL.get(r["indicator_id"], 88.0 if r["unit"] == "pct" else 15.0)
        con.execute(
            "INSERT INTO indicator VALUES (?, ?, ?, ?, ?, ?)",
            [r["indicator_id"], r["name_zh"], r["name_en"], r["unit"], int(r["decimals"]), level],
        )
    if hostile:
        con.execute(
            "UPDATE region SET zh = zh || ?, en = en || ? WHERE level <> 'county'", [HOSTILE, HOSTILE]
        )
        con.execute("UPDATE indicator SET zh = zh || ?, en = en || ?", [HOSTILE, HOSTILE])
    (root / "parquet").mkdir()
    con.execute(
        f"""CREATE TABLE cell AS
        WITH drawn AS (
          SELECT i.*, r.level AS region_level, r.code, r.zh AS rzh, r.en AS ren, r.size, y::INTEGER AS year,
                 (hash(i.id || r.code) % 1000) / 1000.0 - 0.5 AS place_noise, (hash(i.id || r.code || y) % 1000) / 1000.0 - 0.5 AS noise,
                 greatest(60, (120000 * r.size * (0.3 + (hash(r.code) % 1000) / 700.0)))::BIGINT AS d
          FROM indicator i, region r, range({years.start}, {years.stop}) t(y)),
        valued AS (
          SELECT *, CASE WHEN unit = 'pct' THEN
                   greatest(0, level + place_noise * least(8, level) * (1 - 0.9 * (region_level = 'province')::INT) + noise
                     + ({years.stop - 1} - year) * CASE WHEN level < 10 THEN 0.8 ELSE -0.9 END * (0.6 + place_noise))
                 ELSE level * CASE WHEN unit = 'ratio' THEN 1 ELSE size END * (1 + place_noise / 3 + noise / 20) END AS target_value FROM drawn),
        counted AS (SELECT *, (target_value * d / 100)::BIGINT AS n FROM valued)
        SELECT year || '-09' AS period, year, id AS variant_id, 'computed' AS origin_code, region_level, code AS region_code,
               id AS indicator_id, zh AS indicator_name_zh, en AS indicator_name_en, rzh AS region_name_zh, ren AS region_name_en,
               unit, CASE WHEN id = 'I11' THEN 'down' WHEN unit = 'pct' THEN 'up' ELSE 'none' END AS direction_code,
               true AS is_default, CASE WHEN unit = 'pct' THEN n END AS numerator, CASE WHEN unit = 'pct' THEN d END AS denominator,
               CASE WHEN unit = 'pct' THEN n * 100.0 / d ELSE target_value END AS value_unrounded,
               round(CASE WHEN unit = 'pct' THEN n * 100.0 / d ELSE target_value END, decimals)::DECIMAL(18,2) AS value_published,
               decimals, NULL::VARCHAR AS reason_code, 1.0::DOUBLE AS share_covered,
               year = {years.stop - 1} AND region_level = 'county' AND code LIKE '%1' AS is_provisional,
               true AS is_annual_point, id || '.1' AS definition_version, make_date(year, 9, 6) AS as_of_date,
               CASE WHEN region_level = 'county' AND id = 'I01' THEN 3 END AS rank_from,
               CASE WHEN region_level = 'county' AND id = 'I01' THEN 17 END AS rank_to, 'shown' AS cell_status
        FROM counted"""
    )
    empty = "numerator = NULL, denominator = NULL, value_unrounded = NULL, value_published = NULL"
    at = "variant_id = ? AND region_code = ? AND year = ?"
    con.execute(f"UPDATE cell SET {empty}, cell_status = 'hidden' WHERE {at}", HIDDEN)
    con.execute(f"UPDATE cell SET {empty}, reason_code = 'no_population' WHERE {at}", NO_POPULATION)
    con.execute(f"UPDATE cell SET cell_status = 'rounded' WHERE {at}", ROUNDED)
    con.execute(f"DELETE FROM cell WHERE {at}", MISSING)
    con.execute(
        "UPDATE cell SET value_unrounded = value_unrounded + ?, value_published = value_published + ? "
        "WHERE variant_id = 'I07' AND region_code = '630102' AND year = 2024",
        [shift, shift],
    )
    for month in months:
        con.execute(
            f"INSERT INTO cell SELECT * REPLACE ('{month}' AS period, false AS is_annual_point, value_published + CASE WHEN variant_id = 'I07' "
            f"AND region_code = '630102' THEN {month[5:]} ELSE 0 END AS value_published) FROM cell WHERE period = '{years.stop - 1}-09'"
        )
    listed = ", ".join(f"{n}::{t} AS {n}" for n, t in _COLUMNS.items())
    con.execute(
        f"COPY (SELECT {listed} FROM cell ORDER BY ALL) TO '{root}/parquet/{MART}.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )
    con.close()


def _evidence(hostile: bool) -> dict[str, Any]:
    from assets.sharing.evidence import _words
    from expectations.rule import all_rules

    months = [f"2025-{m:02d}" for m in range(4, 10)]
    rules = [_words(r) for _, r in sorted(all_rules().items())]
    if hostile:
        rules[0]["title_zh"] = rules[0]["statement_zh"] = HOSTILE
    ran = [r for r in rules if not r["at_gate"]][:-2]
    results = [
        {
            "rule": r["rule"],
            "stage": r["stage"],
            "severity": r["severity"],
            "dataset": "student_registry",
            "status": "failed" if n % 7 == 3 else "passed",
            "tested": 1000,
            "failed": 4 if n % 7 == 3 else 0,
        }
        for n, r in enumerate(ran)
    ]
    return {
        "period": "2025-09",
        "months": months,
        "rules": rules,
        "results": results,
        "trend": {r["rule"]: [[1000, (n * 5 + m) % 9] for m in range(6)] for n, r in enumerate(ran)},
        "acceptance": [["student_registry", "630102", "2025-09", 1, 500, "u-1", "u-2", "u-3", "2025-09-10"]],
    }
