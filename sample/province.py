"""Generation of the synthetic province: which sources in which month, the truth tables, the summary."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from sample import truth
from sample.draws import Draws, install_macros
from sample.extracts.base import Context, produce
from sample.extracts.catalogue import SOURCES, due
from sample.extracts.common import build_kin
from sample.schools import build_schools
from sample.state import build_events, build_members, build_state, month_index
from sample.world import World, build_people

Progress = Callable[[str, int, int], None]
MEMORY = "1200MB"
FIRST, LAST = "2016-09", "2026-08"


@dataclass
class Summary:
    """What was written: rows and files per (source, period), defects per kind."""

    out: Path
    scale: float
    seed: int
    periods: tuple[str, ...]
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    defects: dict[str, int] = field(default_factory=dict)
    persons: int = 0

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "scale": self.scale,
            "seed": self.seed,
            "periods": list(self.periods),
            "persons": self.persons,
            "rows": self.rows,
            "files": self.files,
            "defects": self.defects,
        }


def generate(
    out: Path,
    *,
    scale: float = 0.05,
    seed: int = 20160225,
    periods: Sequence[str] = ("2025-09", "2025-10", "2025-11"),
    dirt: float = 1.0,
    progress: Progress | None = None,
    sources: Sequence[str] | None = None,
    csv_only: bool = False,
) -> Summary:
    """Write the extracts of some months and the truth behind them below `out`.

    Equal arguments give byte-identical files, and a month looks the same whichever other months are asked for.
    `progress` is called with a message, the step and the number of steps. Raises ValueError for a period outside
    2016-09 … 2026-08, an unknown source, or a scale out of range.
    """
    months = tuple(sorted(set(periods)))
    wanted = tuple(sources) if sources is not None else SOURCES
    _check(months, wanted, scale)
    jobs = [(p, s) for p in months for s in SOURCES if s in wanted and due(s, p, months[0])]
    total = len(jobs) + 3
    step = 0

    def tell(message: str) -> None:
        nonlocal step
        step += 1
        if progress:
            progress(message, step, total)

    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".sample-", dir=out))
    summary = Summary(out, scale, seed, months)
    try:
        con = duckdb.connect(str(scratch / "world.duckdb"))
        try:
            con.execute(f"SET memory_limit = '{MEMORY}'")
            con.execute(f"SET temp_directory = '{scratch / 'spill'}'")
            con.execute("SET preserve_insertion_order = true")
            con.execute("SET enable_progress_bar = false")
            install_macros(con.execute)
            world = World(con, Draws(seed), scale)
            tell("people")
            build_people(world)
            tell("schools")
            build_kin(world)
            build_schools(world)
            build_members(
                world, [*(month_index(p) - 12 for p in months[:1]), *(month_index(p) for p in months)]
            )
            truth.start(world)
            for period in months:
                context = Context(world, out, period, month_index(period), dirt, csv_only)
                build_state(world, context.mi)
                build_events(world, context.mi)
                truth.add_month(context)
                for source in (s for p, s in jobs if p == period):
                    tell(f"{period} {source}")
                    _one(context, source, months[0], summary)
            tell("truth")
            truth.write(world, out, summary)
            summary.persons = con.execute("SELECT count(*) FROM person").fetchall()[0][0]
            summary.defects = dict(
                con.execute(
                    "SELECT concat(source, '/', kind), count(*) FROM t_defect GROUP BY 1 ORDER BY 1"
                ).fetchall()
            )
        finally:
            con.close()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    totals = out / "truth" / "totals.json"
    known = json.loads(totals.read_text(encoding="utf-8"))
    known.update(summary.as_dict())
    totals.write_text(
        json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return summary


def _one(context: Context, source: str, first: str, summary: Summary) -> None:
    from sample.extracts.catalogue import build

    done = produce(context, build(source, context, first))
    summary.rows.setdefault(source, {})[context.period] = done.n_rows
    summary.files.setdefault(source, {})[context.period] = done.n_files


def _check(months: Sequence[str], wanted: Sequence[str], scale: float) -> None:
    if not months:
        raise ValueError("no period")
    for period in months:
        if not (FIRST <= period <= LAST) or not ("01" <= period[5:] <= "12") or len(period) != 7:
            raise ValueError(f"period {period}: expected {FIRST} to {LAST}")
    unknown = set(wanted) - set(SOURCES)
    if unknown:
        raise ValueError(f"unknown sources: {', '.join(sorted(unknown))}")
    if not 0.002 <= scale <= 2:
        raise ValueError(f"scale {scale}: expected 0.002 to 2")
