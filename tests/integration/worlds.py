"""How the worlds of the integration tests are built, and what is noted while they are.

Building is the expensive part, so that everything that needs a load of its own is done here, once, and only noted; the
tests then say what must be true of the notes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integration.house import House, digest, rewrite, tree, without_column
from sample import generate
from sample.hostile import PERIOD as HOSTILE_PERIOD
from sample.hostile import write_hostile
from warehouse.landing import SOURCES

MONTHS = ("2025-09", "2025-10")
COUNTIES = ("630102", "630103")
SOME = ("school_directory", "preschool_registry")
THIRD = "2025-11"
_STATE = "SELECT model, period, fingerprint, n_rows, finished_at::VARCHAR FROM ops.model_run__model_period ORDER BY ALL"


def state(house: House) -> dict[str, Any]:
    """What must not move when nothing new is loaded."""
    return {
        "deliveries": house.rows(
            "SELECT * EXCLUDE (as_of, received_on) FROM ops.delivery__version ORDER BY ALL"
        ),
        "ledger": house.rows("SELECT count(*), max(hash) FROM ops.ledger__event"),
        "models": house.rows(_STATE),
        "candidates": tree(house.settings.candidates),
    }


def province(folder: Path) -> dict[str, Any]:
    """All counties, two months, every source: loaded, published, and the second month loaded again."""
    from pipelines.run import run_month

    house = House(folder)
    generate(house.data, scale=0.01, periods=MONTHS)
    # The files of the first month come with a reader's view of its own (in-process), the second through the command.
    first = run_month(house.settings, MONTHS[0])
    assert first.success, (first.refused[:3], first.blocking)
    releases = [house.publish(MONTHS[0])]
    house.must("load", MONTHS[1])
    releases.append(house.publish(MONTHS[1]))
    before, release = state(house), tree(house.settings.releases / "current")
    again = run_month(house.settings, MONTHS[1])
    after = state(house)
    published = json.loads(house.must("publish", MONTHS[1], "--by", "u-operator", "--json"))
    for arguments in (("status", "--json"), ("check", MONTHS[1], "--all"), ("doctor",), ("verify", "--json")):
        house.must(*arguments)
    return {
        "releases": releases,
        "again": vars(again),
        "moved": [k for k in before if before[k] != after[k]],
        "published": published,
        "release moved": tree(house.settings.releases / "current") != release,
        "rebuilt": sorted(p.name for p in house.settings.candidates.glob("2*/")),
    }


def clean(folder: Path) -> dict[str, Any]:
    """A month without a defect goes through the door of collection; nothing may be set aside or warned about."""
    from assets.collection.collect import collect
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys

    house = House(folder)
    generate(house.data, scale=0.005, periods=MONTHS[:1], dirt=0)
    settings = house.settings
    keys = load_keys(settings.key_file)
    with open_warehouse(settings) as session:
        prepare(session)
        for source in SOURCES:
            collect(session, settings, keys, source, MONTHS[0])
        status = session.rows("SELECT status, count(*) FROM ops.delivery__version GROUP BY ALL")
        read = session.rows(
            "SELECT source, sum(n_read)::BIGINT FROM ops.delivery__version GROUP BY ALL ORDER BY ALL"
        )
        fired = session.rows(
            "SELECT source, rule_id, severity, count(*) FROM ops.quarantine__row_rule JOIN ops.delivery__version "
            "USING (delivery_id) GROUP BY ALL ORDER BY ALL"
        )
        files = session.rows(
            "SELECT rule_id, status, count(*) FROM ops.rule_result__rule_batch WHERE dataset = 'delivery' "
            "AND status IN ('failed', 'error') GROUP BY ALL ORDER BY ALL"
        )
    return {"status": status, "read": read, "fired": fired, "files": files}


def counties(folder: Path) -> dict[str, Any]:
    """Two counties, two sources: both months loaded at once, again from scratch elsewhere, a third month with a fault."""
    from pipelines.run import run_month

    drawn = folder / "drawn"
    generate(drawn, scale=0.003, periods=(*MONTHS, THIRD), sources=SOME, csv_only=True)
    house = House(folder / "house")
    house.deliver(drawn / "landing", MONTHS, SOME, COUNTIES)
    loads = [house.start("load", period) for period in MONTHS]
    said = [process.communicate(timeout=3600) for process in loads]
    together = [(p.returncode, err[-2000:]) for p, (_, err) in zip(loads, said, strict=True)]
    for period, process in zip(MONTHS, loads, strict=True):
        if process.returncode == 5:  # one said that the warehouse is busy
            house.must("load", period)
    doctor = json.loads(house.must("doctor", "--json"))
    releases = [house.publish(MONTHS[0])]
    # A candidate says what changes against the current release, so another month's publication makes it stale.
    stale = house.edu("publish", MONTHS[1], "--by", "u-operator", "--dry-run")[0]

    # From scratch: only what was delivered and the keys are kept.
    fresh = House(folder / "fresh")
    for kept in ("landing", "keys"):
        shutil.copytree(house.data / kept, fresh.data / kept)
    assert run_month(fresh.settings, MONTHS[0]).success
    again = fresh.parquet()
    scratch = {"first": {k: v for k, v in house.parquet().items() if k in again}, "again": again}

    # A third month, one of its files without a mandatory column.
    house.deliver(drawn / "landing", [THIRD], SOME, COUNTIES)
    bad = next((house.settings.landing / SOME[1] / THIRD).glob(f"*{COUNTIES[1]}*.csv"))
    sound = bad.read_bytes()
    rewrite(bad, without_column(sound, "幼儿姓名"))
    current = house.settings.releases / "current"
    before = tree(current)
    code, out, err = house.edu("load", THIRD, "--json")
    n_raw = house.rows(
        "SELECT d.source, d.owner, d.status, d.n_accepted, coalesce(r.n, 0) FROM ops.delivery__version d LEFT JOIN ("
        "SELECT delivery_id, count(*) AS n FROM raw.school_directory__school GROUP BY ALL UNION ALL "
        "SELECT delivery_id, count(*) FROM raw.preschool_registry__child GROUP BY ALL) r USING (delivery_id) "
        f"WHERE d.period = '{THIRD}' ORDER BY ALL"
    )
    blocked = {
        "code": code,
        "report": json.loads(out),
        "said": err,
        "file": bad.name,
        "raw": n_raw,
        "release moved": tree(current) != before,
        "verify": house.edu("verify")[0],
        "publish": house.edu("publish", THIRD, "--by", "u-operator")[0],
        "candidates": [p.name for p in house.settings.candidates.glob(f"{THIRD}-*")],
    }
    rewrite(bad, sound)
    assert run_month(house.settings, THIRD).success
    versions = house.rows(
        f"SELECT version, status FROM ops.delivery__version WHERE period = '{THIRD}' AND source = '{SOME[1]}' "
        f"AND owner = '{COUNTIES[1]}' ORDER BY ALL"
    )
    releases.append(house.publish(THIRD))
    return {
        "together": together,
        "doctor": doctor,
        "scratch": scratch,
        "blocked": blocked,
        "versions": versions,
        "stale": stale,
        "releases": releases,
    }


def hostile(folder: Path) -> dict[str, Any]:
    """Every kind of bad file together with good files of the same month."""
    house = House(folder)
    drawn = folder / "drawn"
    generate(drawn, scale=0.003, periods=(HOSTILE_PERIOD,), sources=SOME, csv_only=True)
    n_good = house.deliver(drawn / "landing", [HOSTILE_PERIOD], SOME, COUNTIES)
    # The pupils of the readable cases attend this school, so that their rows are as good as those of others.
    directory = next((house.settings.landing / SOME[0] / HOSTILE_PERIOD).glob("*.csv"))
    _add_school(directory, "2163019999")
    cases = write_hostile(house.data)
    landed = {str(c.path): digest(c.path) for c in cases}
    envelopes = {digest(p) for p in house.settings.landing.rglob("*.envelope.json")}
    code, out, err = house.edu("load", HOSTILE_PERIOD, "--json")
    return {
        "code": code,
        "report": json.loads(out),
        "said": err,
        "n_good": n_good,
        "cases": [vars(c) for c in cases],
        "landed": landed,
        "envelopes": len(envelopes),
        "archived": len(list(house.settings.archive.rglob("*.enc"))),
        "doctor": house.edu("doctor")[0],
        "files": {
            row[0]: row[1:]
            for row in house.rows(
                "SELECT file_name, status, n_read, n_accepted, n_quarantined, refused_by, reason_zh, reason_en "
                "FROM ops.delivery__version ORDER BY ALL"
            )
        },
    }


def drop(folder: Path) -> dict[str, Any]:
    """More than two hundred files of every dirt, format and encoding in one load."""
    from sample.hostile_drop import PERIOD, SCHOOL, write_drop

    house = House(folder)
    drawn = folder / "drawn"
    generate(drawn, scale=0.003, periods=(PERIOD,), sources=SOME[:1], csv_only=True)
    house.deliver(drawn / "landing", [PERIOD], SOME[:1], COUNTIES)
    _add_school(next((house.settings.landing / SOME[0] / PERIOD).glob("*.csv")), SCHOOL)
    cases = write_drop(house.data)
    code, out, err = house.edu("load", PERIOD, "--json")
    return {
        "code": code,
        "report": json.loads(out),
        "said": err,
        "cases": [{**vars(c), "path": c.path.name} for c in cases],
        "archived": len(list(house.settings.archive.rglob("*.enc"))),
        "files": {
            row[0]: row[1:]
            for row in house.rows(
                "SELECT file_name, status, n_read, n_accepted, n_quarantined, refused_by, reason_zh "
                "FROM ops.delivery__version WHERE source = 'student_registry' ORDER BY ALL"
            )
        },
        "rules": house.rows(
            "SELECT file_name, rule_id, count(*) FROM ops.quarantine__row_rule JOIN ops.delivery__version USING (delivery_id) "
            "WHERE severity = 'quarantine' GROUP BY ALL ORDER BY ALL"
        ),
        "repaired": dict(
            house.rows(
                "SELECT dirt, sum(n_cells)::BIGINT FROM ops.repair__delivery_field GROUP BY ALL ORDER BY ALL"
            )
        ),
        "raw": house.rows("SELECT count(*) FROM raw.student_registry__student")[0][0],
        "notes": dict(
            house.rows("SELECT kind, count(*) FROM ops.reading_note__delivery GROUP BY ALL ORDER BY ALL")
        ),
    }


def _add_school(directory: Path, school: str) -> None:
    """One more school of a directory, equal to its first but for the code."""
    import csv
    import io

    from warehouse.landing import ENVELOPE

    rows = list(csv.reader(io.StringIO(directory.read_bytes().decode("gb18030"), newline="")))
    at = rows[0].index("学校标识码")
    rows.append([school if i == at else cell for i, cell in enumerate(rows[1])])
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    rewrite(directory, out.getvalue().encode("gb18030"))
    beside = directory.with_name(directory.name + ENVELOPE)
    envelope = json.loads(beside.read_text(encoding="utf-8"))
    envelope["n_rows"] += 1
    beside.write_text(json.dumps(envelope, ensure_ascii=False), encoding="utf-8")


# Longest first: a worker without work takes the first that nobody has begun.
BUILDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "province": province,
    "counties": counties,
    "clean": clean,
    "drop": drop,
    "hostile": hostile,
}
