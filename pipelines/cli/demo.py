"""`edu demo`: the whole way on a synthetic province, so that a new user sees every room once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from pipelines.cli.shell import progress, say
from warehouse.config import Settings
from warehouse.errors import UsageError
from warehouse.intake.origin import MARKER

MONTHS = ("2025-09", "2025-10", "2025-11")
_UNFINISHED = "unfinished"


def write_sample(
    target: Path, *, scale: float, seed: int, months: Sequence[str], dirt: float, csv_only: bool
) -> dict[str, Any]:
    """Write the sample province below `target` (landing/ and truth/); returns counts."""
    from sample import generate
    from warehouse.landing import check_period
    from warehouse.progress import tell

    periods = tuple(check_period(m) for m in months) or MONTHS
    with progress("sample"):
        try:
            summary = generate(
                target, scale=scale, seed=seed, periods=periods, dirt=dirt, csv_only=csv_only, progress=tell
            )
        except ValueError as error:  # arguments out of range
            raise UsageError(str(error), "see `edu sample --help`") from error
    if not (target / MARKER).exists():
        (target / MARKER).write_text(f"sample {scale} {seed}\n", encoding="utf-8")
    rows = summary.rows
    return {
        "folder": str(target),
        "periods": list(periods),
        "files": sum(
            1
            for p in (target / "landing").rglob("*")
            if p.is_file() and not p.name.endswith(".envelope.json")
        ),
        "rows": sum(n for months in rows.values() for n in months.values()),
        "defects": sum(summary.defects.values()),
    }


def seed_registers(settings: Settings) -> int:
    """Enter into the registers what a demo needs; returns the number of entries."""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.registers.demo import seed

    with open_warehouse(settings) as session:
        prepare(session)
        return seed(session, date.today())


def run_demo(settings: Settings, *, scale: float, seed: int, months: Sequence[str]) -> dict[str, Any]:
    """Sample → load → approve → publish → verify, month by month. Can be run again: what is done is skipped."""
    from pipelines.cli.release import approve_candidate, publish_command, verify_command
    from pipelines.cli.report import print_load
    from pipelines.cli.review import walk_month
    from pipelines.run import run_month
    from warehouse.workflow.demo import APPROVERS, OPERATOR, make_accounts

    started = time.monotonic()
    marker = settings.data / MARKER
    if not marker.exists() and settings.landing.is_dir() and any(settings.landing.iterdir()):
        raise UsageError(
            f"{settings.landing} already holds files that are not the demo's",
            "run the demo elsewhere: EDU_PATHS_DATA=/tmp/edu-demo edu demo",
        )
    periods = tuple(months) or MONTHS
    recipe = f"scale {scale} seed {seed} {' '.join(periods)}"
    made = marker.read_text() if marker.exists() else _UNFINISHED
    if made not in (recipe, _UNFINISHED):
        raise UsageError(f"The demo was made with {made}", "`make clean` removes it, or use the same values")
    if made == _UNFINISHED:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written before and after, so that an interrupted start begins again instead of loading half a province.
        marker.write_text(_UNFINISHED)
        shutil.rmtree(settings.landing, ignore_errors=True)
        say(f"1 · sample province (scale {scale}) …")
        written = write_sample(
            settings.data, scale=scale, seed=seed, months=periods, dirt=1.0, csv_only=False
        )
        say(f"    {written['files']} files, {written['rows']:,} rows, {written['defects']:,} seeded defects")
        marker.write_text(recipe)
    make_accounts(settings)
    seed_registers(settings)
    releases = []
    for number, period in enumerate(periods, 2):
        say(f"{number} · {period}: collection → storage → processing → use → sharing …")
        with progress(period):
            report = run_month(settings, period)
        print_load(report)
        if not report.success or not report.candidate:
            raise UsageError(f"{period} was not built", "see the reasons above")
        counts = walk_month(settings, period)
        say("    " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        for approver in APPROVERS:
            approve_candidate(settings, report.candidate, approver, "province_approver")
        published = publish_command(settings, report.candidate, OPERATOR, dry_run=False)
        say(f"    ✓ {published['message']}")
        releases.append(published["id"])
    verified = verify_command(settings, None)
    if verified["problems"]:
        raise UsageError(
            f"the release does not verify: {verified['problems'][:3]}", "report this as a defect"
        )
    path = Path(verified["path"])
    click.secho(
        f"\n✓ release {verified['id']} verifies ({time.monotonic() - started:.0f} s in all)",
        fg="green",
        err=True,
    )
    say(f"""
  release       {path}
  dictionary    {path / "dictionary.html"}
  marts         {path / "marts.duckdb"}   (any DuckDB client from 1.2 on), parquet/ beside it
  the truth     {settings.data / "truth"}   (what the sample seeded, and where)

  try next:     .venv/bin/edu status
                .venv/bin/edu check {periods[-1]}
                make serve                   the Dagster page on http://127.0.0.1:3000""")
    return {"releases": releases, "current": verified["id"], "path": str(path)}
