"""`make bench`: one month of the sample province through the warehouse, against the bare script, in one run.

EDU_BENCH_SCALE (default 0.25) sets the size, EDU_BENCH_RUNS (default 1) the number of runs; medians are written to
benchmarks/results/scale-<scale>.json and .md.
"""

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.measure import Measured, measure

ROOT = Path(__file__).parents[1]
PERIOD = "2025-09"


def main() -> None:
    scale = float(os.environ.get("EDU_BENCH_SCALE", "0.25"))
    runs = int(os.environ.get("EDU_BENCH_RUNS", "1"))
    folder = Path(os.environ.get("EDU_BENCH_FOLDER", tempfile.mkdtemp(prefix="edu-bench-")))
    sample, edu = folder / f"sample-{scale:g}", Path(sys.executable).with_name("edu")
    if not (sample / "landing").exists():
        print(f"sample province at scale {scale:g} …", flush=True)
        arguments = ["sample", "--scale", str(scale), "--month", PERIOD, "--csv-only", "--out", str(sample)]
        made = measure([str(edu), *arguments], ROOT, {})
        print(f"  {made.wall:.0f} s, peak {made.peak_mb:.0f} MB", flush=True)
        if made.code:
            raise SystemExit(made.output)
    full: list[Measured] = []
    again: list[Measured] = []
    bare: list[Measured] = []
    for number in range(runs):
        data = folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        (data / "SAMPLE").write_text("benchmark\n")  # a house of synthetic persons (rule RP18)
        (data / "landing").symlink_to(sample / "landing")
        environment = {"EDU_PATHS_DATA": str(data), "EDU_KEYS_FILE": str(data / "keys.json")}
        full.append(_ok(measure([str(edu), "load", PERIOD, "--json"], ROOT, environment)))
        again.append(_ok(measure([str(edu), "load", PERIOD, "--json"], ROOT, environment)))
        out = folder / "bare"
        shutil.rmtree(out, ignore_errors=True)
        script = [sys.executable, "-m", "benchmarks.bare", str(sample / "landing"), PERIOD, str(out)]
        bare.append(_ok(measure(script, ROOT, {})))
        shutil.rmtree(out)
        print(f"run {number + 1}: full {full[-1].wall:.0f} s, bare {bare[-1].wall:.0f} s", flush=True)
    _write(scale, full, again, bare, folder)


def _ok(measured: Measured) -> Measured:
    if measured.code:
        raise SystemExit(measured.output[-4000:])
    return measured


def _median(values: list[Measured], name: str) -> float:
    return round(statistics.median(getattr(v, name) for v in values), 1)


def _write(
    scale: float, full: list[Measured], again: list[Measured], bare: list[Measured], folder: Path
) -> None:
    document = json.loads("{" + full[-1].output.split("\n{", 1)[1])
    size = sum(f.stat().st_size for f in (folder / f"sample-{scale:g}" / "landing").rglob("*.csv")) / 1e6
    rows = {
        "our month": full,
        "the same month again": again,
        "bare script": bare,
    }
    result = {
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "scale": scale,
        "csv_mb": round(size),
        "rows_read": document["rows"]["read"],
        "runs": len(full),
        "seconds_by_room": {k: round(v, 1) for k, v in document["seconds"].items()},
        "ratio_wall": round(_median(full, "wall") / _median(bare, "wall"), 2),
        "ratio_cpu": round(_median(full, "cpu") / _median(bare, "cpu"), 2),
        **{k: {n: _median(v, n) for n in ("wall", "cpu", "peak_mb")} for k, v in rows.items()},
    }
    target = ROOT / "benchmarks" / "results" / f"scale-{scale:g}"
    target.parent.mkdir(exist_ok=True)
    target.with_suffix(".json").write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    lines = [
        f"# Scale {scale:g}: {result['rows_read']:,} rows, {result['csv_mb']:,} MB of csv in GB18030",
        "",
        f"{result['date']} · {result['machine']} · median of {len(full)} run(s), whole processes",
        "",
        "| what | wall s | CPU s | peak MB |",
        "|---|---|---|---|",
        *(
            f"| {k} | {_median(v, 'wall')} | {_median(v, 'cpu')} | {_median(v, 'peak_mb'):.0f} |"
            for k, v in rows.items()
        ),
        "",
        f"Our month ÷ bare script: wall {result['ratio_wall']}, CPU {result['ratio_cpu']}.",
        "",
        "Seconds by room: " + ", ".join(f"{k} {v}" for k, v in result["seconds_by_room"].items()) + ".",
        "",
    ]
    target.with_suffix(".md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
