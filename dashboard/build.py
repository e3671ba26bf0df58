"""Builds the pages of a release: everything that the browser shows is decided here, the browser only draws.

Data of `index.html` (one JSON object):

release, period, asOf, previous, axis (`year` | `month`), times (labels), regions (see facts.regions), labels,
series: per series its words, target and, per region × time in the order of `regions` and `times`,
  v value as published, n numerator, d denominator, lo, hi (95 %), f flags: one base-36 digit per cell, sum of
  1 provisional, 2 hidden, 4 rounded, 8 missing, 16 target met; w: {cell: reason},
  rk: {cell: [best, worst place that the intervals allow]}
rules, revisions, deliveries, files
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb

from dashboard.evidence import evidence_data, rules_of
from dashboard.facts import deliveries, downloads, map_labels, regions, targets
from dashboard.html import page
from dashboard.release import ReleaseFolder
from dashboard.revisions import revisions
from dashboard.series import choose_axis, load_cells, settings

PROVISIONAL, HIDDEN, ROUNDED, MISSING, MET = 1, 2, 4, 8, 16
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_UNITS = {
    "pct": ("%", "%"),
    "ratio": ("", ""),
    "persons": ("人", ""),
    "count": ("个", ""),
    "index": ("", ""),
}
_Z = 1.959964


def write_pages(root: Path, previous: Path | None = None) -> list[Path]:
    """Write `dashboard/index.html` and `dashboard/evidence.html` into a release folder; returns the two files.

    `previous` is the folder of the release before, for the list of revised cells; default: the folder of that name
    beside `root`. The same folder gives the same bytes.
    """
    release = ReleaseFolder(root)
    before = previous or root.parent / str(release.facts.get("previous"))
    earlier = ReleaseFolder(before) if (before / "RELEASE.json").is_file() else None
    folder = root / "dashboard"
    folder.mkdir(exist_ok=True)
    files = []
    for kind, data in (("index", index_data(release, earlier)), ("evidence", evidence_data(release))):
        file = folder / f"{kind}.html"
        file.write_bytes(page(kind, data).encode("utf-8"))
        files.append(file)
    return files


def pages_version() -> str:
    """12 hex digits over everything that makes the pages: when it moves, a candidate is built again."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted(here.rglob("*")):
        if file.is_file() and file.suffix in (".py", ".yaml", ".html", ".css", ".js"):
            digest.update(file.relative_to(here).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def index_data(release: ReleaseFolder, previous: ReleaseFolder | None) -> dict[str, Any]:
    """Everything that index.html shows."""
    limits = {r["threshold_id"]: r["value"] for r in release.reference("threshold")}
    con = duckdb.connect(":memory:")
    try:
        load_cells(con, release, "cell")
        first_month = int(float(limits.get("enrolment_month", 9)))
        axis, times = choose_axis(con, first_month)
        places = regions(con, release)
        facts = release.facts
        return {
            "release": facts.get("id", ""),
            "period": facts.get("period", ""),
            "asOf": facts.get("data_as_of", ""),
            "code": facts.get("code_version", ""),
            "reference": facts.get("reference_version", ""),
            "axis": axis,
            "times": times,
            "regions": places,
            "labels": map_labels(release),
            "series": _series(con, release, places, times),
            "targets": targets(release),
            "rules": rules_of(release),
            "revisions": revisions(con, release, previous, axis, first_month),
            "deliveries": deliveries(con, release),
            "files": downloads(release),
        }
    finally:
        con.close()


def _series(
    con: duckdb.DuckDBPyConnection, release: ReleaseFolder, places: list[dict[str, Any]], times: list[str]
) -> list[dict[str, Any]]:
    words = {r["indicator_id"]: r for r in release.reference("indicator")}
    found = []
    heads = con.execute(
        """SELECT series, any_value(indicator), arg_max(name_zh, period), arg_max(name_en, period), min(mart),
                  max(target) FILTER (level = 'province'), max(as_of), max(definition), max(basis),
                  coalesce(bool_or(numerator > denominator), false), any_value(unit), max(decimals),
                  any_value(direction), any_value(method), coalesce(bool_or(origin = 'reported'), false)
           FROM point GROUP BY series ORDER BY series"""
    ).fetchall()
    entries = {e["id"]: e for e in settings()["series"]}
    for head in heads:
        series, indicator, zh, en, mart, target_value, as_of, definition, basis, over = head[:10]
        unit_code, places_after, direction, method, reported = head[10:]
        about = words.get(indicator or "", {})
        entry = entries.get(series, {})
        target = _target(release, indicator, entry.get("target_id"), target_value)
        unit = unit_code or entry.get("unit") or about.get("unit") or "pct"
        decimals = int(about.get("decimals") or 1) if places_after is None else places_after
        if method not in ("wilson", "poisson", "byar"):
            method = "none" if unit != "pct" else "byar" if over else "wilson"
        node: dict[str, Any] = {
            "id": series,
            "ind": indicator,
            "zh": zh or about.get("name_zh") or series,
            "en": en or about.get("name_en") or zh or series,
            "u": settings()["units"].get(indicator) or _UNITS.get(unit, (unit, unit)),
            "dec": decimals,
            "dir": _direction(target) if target else "none" if direction not in ("up", "down") else direction,
            "target": target,
            "mart": mart,
            "asOf": as_of,
            "def": definition,
            "basis": basis or about.get("basis"),
            "fzh": about.get("formula_zh"),
            "fen": about.get("formula_en"),
            "ages": [about.get("age_from") or None, about.get("age_to") or None],
            "doc": about.get("source_doc"),
            "conf": about.get("confidence"),
            "src": _sources(release, series, indicator, entry),
            "ci": "byar" if method == "poisson" else method,
            "rep": reported,
        }
        node.update(_cells(con, node, places, times))
        found.append(node)
    order = {name: n for n, name in enumerate(settings()["order"])}
    # Indicators without a figure in the latest moment are kept, at the end: that they are missing is news too.
    newest = [len(times) * n + len(times) - 1 for n in range(len(places))] if times else []
    return sorted(
        found,
        key=lambda s: (
            all(s["v"][at] is None for at in newest),
            order.get(s["id"], order.get(s["ind"], len(order))),
            s["id"],
        ),
    )


def _target(
    release: ReleaseFolder, indicator: str | None, target_id: str | None, value: float | None
) -> dict[str, Any] | None:
    """The target that colours a series: the one named, else the province's; its value may come from the mart."""
    rows = [
        r
        for r in release.reference("policy_target")
        if r["value"]
        and (
            r["target_id"] == target_id
            if target_id
            else indicator and r["indicator_id"] == indicator and r["region_set_id"] == "province"
        )
        and r["unit"] in ("pct", "ratio")
    ]
    if not rows:
        # A rate of part of the province has only the target of that part.
        rows = [
            r
            for r in release.reference("policy_target")
            if not target_id and indicator == "I02" and r["indicator_id"] == indicator and r["value"]
        ]
    if not rows:
        return None if value is None else {"v": value, "op": ">=", "y": None, "id": None}
    row = rows[0]
    return {
        "v": float(row["value"]) if value is None else value,
        "op": row["op"],
        "y": int(row["year"]) if row["year"] else None,
        "id": row["target_id"],
    }


def _direction(target: dict[str, Any]) -> str:
    down = target["op"].startswith("<") or (target["op"] == "=" and target["v"] == 0)
    return "down" if down else "up"


def _sources(release: ReleaseFolder, series: str, indicator: str | None, entry: dict[str, Any]) -> list[str]:
    known = entry.get("sources") or settings()["sources"].get(series) or settings()["sources"].get(indicator)
    if known:
        return list(known)
    feeds = [
        r["feed"] for r in release.reference("policy_target") if r["indicator_id"] == indicator and r["feed"]
    ]
    return feeds[0].split("|") if feeds else []


def _cells(
    con: duckdb.DuckDBPyConnection, node: dict[str, Any], places: list[dict[str, Any]], times: list[str]
) -> dict[str, Any]:
    """Arrays of region × time; what the release does not hold is missing."""
    size = len(places) * len(times)
    row_of = {(p["l"], p["c"]): n for n, p in enumerate(places)}
    column_of = {t: n for n, t in enumerate(times)}
    v: list[float | None] = [None] * size
    n: list[int | None] = [None] * size
    d: list[int | None] = [None] * size
    lo: list[float | None] = [None] * size
    hi: list[float | None] = [None] * size
    flags = [MISSING] * size
    why: dict[int, list[str]] = {}
    cover: list[float | None] = [None] * size
    ranks: dict[int, list[int]] = {}
    rows = con.execute(
        """SELECT level, code, moment, is_provisional, is_hidden, is_rounded, reason_zh, reason_en, value, exact, numerator,
                  denominator, is_met, low, high, share_covered, rank_from, rank_to
           FROM point WHERE series = ? ORDER BY ALL""",
        [node["id"]],
    ).fetchall()
    for level, code, moment, prov, hid, rounded, zh, en, value, exact, num, den, met, *more in rows:
        low, high, share, best, worst = more
        if (level, code) not in row_of:
            continue
        at = row_of[level, code] * len(times) + column_of[moment]
        flags[at] = PROVISIONAL * prov + ROUNDED * rounded
        if hid:
            # Nothing of a hidden cell goes into the page, whatever the mart still carries.
            flags[at] += HIDDEN
            continue
        cover[at] = share
        if value is None:
            flags[at] += MISSING
            if zh or en:
                why[at] = [zh or en, en or zh]
            continue
        if best is not None and worst is not None:
            ranks[at] = [best, worst]
        v[at], n[at], d[at] = round(value, node["dec"] + 2), num, den
        if low is None or high is None:
            low, high = interval(node["ci"], num, den)
        lo[at], hi[at] = (None, None) if low is None or high is None else (round(low, 2), round(high, 2))
        if node["target"] and is_met(node["target"], exact if exact is not None else value, num, den, met):
            flags[at] += MET
    cells: dict[str, Any] = {"v": v, "n": n, "d": d, "f": "".join(_DIGITS[x] for x in flags)}
    if any(x is not None for x in lo):
        cells |= {"lo": lo, "hi": hi}
    if any(x is not None and x < 1 for x in cover):
        cells["cov"] = cover
    if ranks:
        cells["rk"] = ranks
    return cells | {"w": why}


def is_met(
    target: dict[str, Any], value: float, numerator: int | None, denominator: int | None, stated: bool | None
) -> bool:
    """Whether a value meets a target: the mart's own word first, then the exact fraction, then the value."""
    if stated is not None:
        return stated
    left, right = value, float(target["v"])
    if numerator is not None and denominator and abs(numerator * 100 / denominator - value) < 0.1:
        left, right = numerator * 100.0, target["v"] * denominator
    return {
        ">=": left >= right,
        ">": left > right,
        "<=": left <= right,
        "<": left < right,
        "=": left == right,
    }[target["op"]]


def interval(
    method: str, numerator: int | None, denominator: int | None
) -> tuple[float | None, float | None]:
    """95 % interval of a percentage: Wilson for a share of persons, Byar's Poisson limits for a gross rate.

    Registers count everybody: the interval does not say that persons were missed, but how far a rate of so few would
    move by chance from year to year.
    """
    if numerator is None or not denominator or method == "none" or numerator < 0:
        return None, None
    if method == "wilson":
        if numerator > denominator:
            return None, None
        p, n, z2 = numerator / denominator, denominator, _Z * _Z
        middle, half = p + z2 / (2 * n), _Z * ((p * (1 - p) + z2 / (4 * n)) / n) ** 0.5
        return 100 * (middle - half) / (1 + z2 / n), 100 * (middle + half) / (1 + z2 / n)
    o = numerator
    low = o * (1 - 1 / (9 * o) - _Z / (3 * o**0.5)) ** 3 if o else 0.0
    high = (o + 1) * (1 - 1 / (9 * (o + 1)) + _Z / (3 * (o + 1) ** 0.5)) ** 3
    return 100 * low / denominator, 100 * high / denominator
