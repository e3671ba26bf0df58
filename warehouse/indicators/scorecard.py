"""The scorecard of a year for assessment: frozen from a published release, never changed afterwards (三·一, rule RU12)."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import duckdb

from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.errors import BlockedError, UsageError
from warehouse.indicators.record import check_account
from warehouse.ledger import append
from warehouse.release import verify_current
from warehouse.release.pointer import current_id

MART = "indicator_progress__region_year"


def released_rows(settings: Settings, year: int) -> tuple[str, list[dict[str, Any]]]:
    """The current release and its scorecard of the newest month of a year, as published: small counts are hidden there.

    Raises BlockedError if there is no release or it does not verify, UsageError if it has no month of the year.
    """
    current = current_id(settings)
    if current is None:
        raise BlockedError(
            "没有已发布的版本 / there is no release", "考核只用已批准的数据 / publish first: edu publish"
        )
    folder = settings.releases / current
    verify_current(settings).require()
    con = duckdb.connect()
    try:
        file = literal(str(folder / "parquet" / f"{MART}.parquet"))
        cursor = con.execute(
            f"SELECT * FROM read_parquet({file}) WHERE period = (SELECT max(period) FROM read_parquet({file}) "
            "WHERE period BETWEEN ? AND ?) ORDER BY target_id, part_no, region_set_id", [f"{year}-01", f"{year}-12"],
        )  # fmt: skip
        names = [d[0] for d in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        con.close()
    if not rows:
        raise UsageError(
            f"{current} 没有 {year} 年的月份 / has no month of {year}",
            "publish a release with a month of that year",
        )
    return current, rows


def freeze(
    session: Session, settings: Settings, year: int, by: str, reason: str | None = None
) -> dict[str, Any]:
    """Freeze the scorecard of a year; the same content again changes nothing.

    Returns year, version, release, content_hash, n_rows, is_new. Raises UsageError when the year is frozen with other figures
    and no reason is given for a further version.
    """
    check_account(by)
    release, rows = released_rows(settings, year)
    text = json.dumps(rows, ensure_ascii=False, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    last = session.rows(
        "SELECT version, content_hash, release_id FROM ops.scorecard__frozen WHERE year = ? ORDER BY version DESC LIMIT 1",
        [year],
    )
    if last and last[0][1] == digest:
        return {
            "year": year,
            "version": last[0][0],
            "release": last[0][2],
            "content_hash": digest,
            "n_rows": len(rows),
            "is_new": False,
        }
    if last and not (reason or "").strip():
        raise UsageError(
            f"{year} 年成绩单已冻结为第 {last[0][0]} 版，现在的数不同 / {year} is frozen as version {last[0][0]}, and the figures differ now",
            "the frozen version stays; --reason makes a further one",
        )
    version = last[0][0] + 1 if last else 1
    with session.transaction():
        session.execute(
            "INSERT INTO ops.scorecard__frozen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [year, version, release, digest, len(rows), text, reason, by, datetime.now()],
            what="scorecard",
        )
        append(
            session,
            "scorecard_frozen",
            str(year),
            {"version": version, "release": release, "hash": digest, "by": by},
        )
    return {
        "year": year,
        "version": version,
        "release": release,
        "content_hash": digest,
        "n_rows": len(rows),
        "is_new": True,
    }


def frozen(session: Session, year: int, version: int | None = None) -> dict[str, Any]:
    """A frozen scorecard with its rows; BlockedError if its content no longer has the hash that was recorded."""
    found = session.rows(
        "SELECT version, release_id, content_hash, rows_json, reason, frozen_by, frozen_at FROM ops.scorecard__frozen "
        "WHERE year = ? AND (?::INTEGER IS NULL OR version = ?) ORDER BY version DESC LIMIT 1", [year, version, version],
    )  # fmt: skip
    if not found:
        raise UsageError(
            f"{year} 年没有冻结的成绩单 / {year} has no frozen scorecard",
            f"edu scorecard freeze {year} --by ACCOUNT",
        )
    number, release, digest, text, reason, by, at = found[0]
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise BlockedError(
            f"{year} 年第 {number} 版内容已被改动 / the content of version {number} was changed",
            "compare with the ledger",
        )
    return {"year": year, "version": number, "release": release, "content_hash": digest, "reason": reason, "frozen_by": by,
            "frozen_at": at, "rows": json.loads(text)}  # fmt: skip
