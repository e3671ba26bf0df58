"""`python -m benchmarks.collection`: the student registry in GB18030 through the door of collection.

Measured in one run on the same files: seconds and peak memory of decode + parse + clean + rules (and of taking the rows in),
against DuckDB reading the same data, already transcoded to UTF-8, without any check. EDU_BENCH_SCALE (default 1 = 1.3 million
rows) sets the size; results go to benchmarks/results/collection-<scale>.json and .md.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measure import measure

ROOT = Path(__file__).parents[1]
PERIOD = "2025-10"
DIRECTORIES, SOURCE = ("school_directory", "class_directory"), "student_registry"


def main() -> None:
    """Write the sample, run both in processes of their own, write the result."""
    scale = float(os.environ.get("EDU_BENCH_SCALE", "1"))
    folder = Path(os.environ.get("EDU_BENCH_FOLDER", tempfile.mkdtemp(prefix="edu-bench-")))
    sample = folder / f"collection-{scale:g}"
    if not (sample / "landing").exists():
        sources = ",".join((*DIRECTORIES, SOURCE))
        command = [
            "--scale",
            str(scale),
            "--periods",
            PERIOD,
            "--sources",
            sources,
            "--csv-only",
            "--out",
            str(sample),
        ]
        _run([sys.executable, "-m", "sample", *command])
    ours = _run([sys.executable, "-m", "benchmarks.collection", "ours", str(sample), str(folder / "house")])
    bare = _run([sys.executable, "-m", "benchmarks.collection", "bare", str(sample), str(folder / "utf8")])
    steps = json.loads(ours.output.strip().splitlines()[-1])
    read = json.loads(bare.output.strip().splitlines()[-1])
    judged = steps["read"] + steps["stage and clean"] + steps["rules"]
    result = {
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load_average": os.getloadavg()[0],
        "scale": scale,
        "rows": steps.pop("rows"),
        "mb_gb18030": steps.pop("mb"),
        "seconds": steps,
        "seconds_judged": round(judged, 1),
        "peak_mb": ours.peak_mb,
        "bare_seconds": read["seconds"],
        "bare_peak_mb": bare.peak_mb,
        "ratio": round(judged / read["seconds"], 1),
    }
    target = ROOT / "benchmarks" / "results" / f"collection-{scale:g}"
    target.with_suffix(".json").write_text(
        json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    lines = [f"| {name} | {seconds:.1f} s |" for name, seconds in steps.items()]
    target.with_suffix(".md").write_text(
        f"# Collection of {result['rows']:,} registry rows ({result['mb_gb18030']:,} MB in GB18030)\n\n"
        f"{result['machine']}, load average {result['load_average']:.1f}, {result['date']}\n\n| step | seconds |\n|---|---|\n"
        + "\n".join(lines)
        + f"\n| **decode + parse + clean + rules** | **{judged:.1f} s** |\n"
        f"| DuckDB reads the same as UTF-8, no check | {read['seconds']:.1f} s |\n\n"
        f"Ratio {result['ratio']}. Peak memory {ours.peak_mb:.0f} MB (bare: {bare.peak_mb:.0f} MB).\n",
        encoding="utf-8",
    )
    print(target.with_suffix(".md").read_text(encoding="utf-8"))


def _run(command: list[str]) -> Any:
    done = measure(command, ROOT, {})
    if done.code:
        raise SystemExit(done.output[-4000:])
    return done


def ours(sample: Path, house: Path) -> None:
    """Collect the directories, then the registry, and print the seconds of its steps as JSON."""
    shutil.rmtree(house, ignore_errors=True)
    (house / "data").mkdir(parents=True)
    (house / "edu.toml").write_text('[engine]\nmemory_limit = "4GB"\n', encoding="utf-8")
    (house / "data" / "landing").symlink_to(sample / "landing")
    from assets.collection import collect as room
    from assets.collection import judging
    from warehouse import intake
    from warehouse.catalogue import prepare
    from warehouse.config import load_settings
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys

    seconds: dict[str, float] = {}

    def timed(module: Any, name: str, label: str) -> None:
        inner: Callable[..., Any] = getattr(module, name)

        def outer(*args: Any, **given: Any) -> Any:
            started = time.perf_counter()
            found = inner(*args, **given)
            seconds[label] = round(time.perf_counter() - started, 2)
            return found

        setattr(module, name, outer)

    timed(judging, "_read", "read")
    timed(intake, "stage", "stage and clean")
    timed(judging, "_judge_rows", "rules")
    timed(room, "keep", "vault and accept")
    settings = load_settings(house)
    keys = load_keys(settings.key_file)
    with open_warehouse(settings) as session:
        prepare(session)
        for source in (*DIRECTORIES, SOURCE):
            report = room.collect(session, settings, keys, source, PERIOD)
    size = sum(f.stat().st_size for f in (sample / "landing" / SOURCE / PERIOD).glob("*.csv")) / 1e6
    print(json.dumps({**seconds, "rows": report.n_read, "mb": round(size)}))


def bare(sample: Path, folder: Path) -> None:
    """Transcode (not measured), then read everything as text with DuckDB, and print the seconds as JSON."""
    import duckdb

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (sample / "landing" / SOURCE / PERIOD).glob("*.csv"):
        with (
            file.open(encoding="gb18030", newline="") as text,
            (folder / file.name).open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(text, out, 1 << 20)
    con = duckdb.connect(str(folder / "bare.duckdb"))
    con.execute("SET memory_limit = '4GB'")
    started = time.perf_counter()
    con.execute(
        "CREATE TABLE registry AS SELECT * FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"')",
        [str(folder / "*.csv")],
    )
    print(json.dumps({"seconds": round(time.perf_counter() - started, 2)}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"ours": ours, "bare": bare}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
