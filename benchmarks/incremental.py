"""`python -m benchmarks.incremental`: what a correction costs beside a whole month.

One run on one house, one process per load: the full month (all sources), the same month after one county has corrected its
student registry by one record, and the same month when nothing has changed. EDU_BENCH_SCALE (default 0.05) sets the size;
results go to benchmarks/results/incremental-<scale>.json and .md.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, measure

ROOT = Path(__file__).parents[1]
PERIOD = "2025-09"
SOURCE = "student_registry"
FULL, CORRECTED, NOTHING = "full month", "one county's correction", "nothing changed"
_EDU = [sys.executable, "-m", "pipelines.cli.main"]


def main() -> None:
    """Write the sample, load three times, write the result."""
    scale = float(os.environ.get("EDU_BENCH_SCALE", "0.05"))
    folder = Path(os.environ.get("EDU_BENCH_FOLDER", tempfile.mkdtemp(prefix="edu-bench-")))
    sample, data = folder / f"incremental-{scale:g}", folder / "incremental-house"
    if not (sample / "landing").exists():
        arguments = ["--scale", str(scale), "--month", PERIOD, "--csv-only", "--out", str(sample)]
        _run([*_EDU, "sample", *arguments], {})
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(sample / "landing", data / "landing")
    (data / "SAMPLE").write_text("benchmark\n")  # a house of synthetic persons (rule RP18)
    environment = {"EDU_PATHS_DATA": str(data), "EDU_KEYS_FILE": str(data / "keys.json")}
    load = [*_EDU, "load", PERIOD, "--json"]
    found = {FULL: _run(load, environment)}
    owner = correct(data / "landing" / SOURCE / PERIOD)
    found[CORRECTED] = _run(load, environment)
    found[NOTHING] = _run(load, environment)
    shutil.rmtree(data)
    _write(scale, owner, found)


def correct(folder: Path) -> str:
    """The county in the middle by size takes back its last record; returns its code."""
    files = sorted(folder.glob("*.csv"), key=lambda f: (f.stat().st_size, f.name))
    file = files[len(files) // 2]
    lines = file.read_bytes().splitlines(keepends=True)
    content = b"".join(lines[:-1])
    file.write_bytes(content)
    beside = file.with_name(file.name + ".envelope.json")
    envelope = json.loads(beside.read_text(encoding="utf-8"))
    envelope |= {"sha256": hashlib.sha256(content).hexdigest(), "n_rows": envelope["n_rows"] - 1}
    beside.write_text(json.dumps(envelope, ensure_ascii=False), encoding="utf-8")
    return str(envelope["owner"])


def _run(command: list[str], environment: dict[str, str]) -> Measured:
    measured = measure(command, ROOT, environment)
    if measured.code:
        raise SystemExit(measured.output[-4000:])
    print(f"{measured.wall:.0f} s  {' '.join(command[3:5])}", flush=True)
    return measured


def _document(measured: Measured) -> dict[str, Any]:
    """The JSON at the end of the output; words stand before it."""
    found: dict[str, Any] = json.loads("{" + measured.output.split("\n{", 1)[1])
    return found


def _write(scale: float, owner: str, found: dict[str, Measured]) -> None:
    full = found[FULL]
    rows = {
        name: {
            "wall": round(m.wall, 1),
            "cpu": round(m.cpu, 1),
            "peak_mb": round(m.peak_mb),
            "ratio_wall": round(m.wall / full.wall, 2),
            "ratio_cpu": round(m.cpu / full.cpu, 2),
            "seconds_by_room": {k: round(v, 1) for k, v in _document(m)["seconds"].items()},
        }
        for name, m in found.items()
    }
    result = {
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load_average": round(os.getloadavg()[0], 1),
        "scale": scale,
        "rows_read": _document(full)["rows"]["read"],
        "corrected": f"{SOURCE} {owner}",
        "loads": rows,
    }
    results, name = ROOT / "benchmarks" / "results", f"incremental-{scale:g}"
    (results / f"{name}.json").write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    lines = [
        f"# A correction beside a whole month, scale {scale:g}: {result['rows_read']:,} rows, all sources",
        "",
        f"{result['date']} · {result['machine']} · load average {result['load_average']} · one run, whole processes",
        "",
        "| load | wall s | CPU s | peak MB | wall ÷ full | CPU ÷ full |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {r['wall']} | {r['cpu']} | {r['peak_mb']} | {r['ratio_wall']} | {r['ratio_cpu']} |"
            for name, r in rows.items()
        ),
        "",
        "Seconds by room:",
        "",
        *(
            f"* {name}: " + ", ".join(f"{k} {v}" for k, v in r["seconds_by_room"].items())
            for name, r in rows.items()
        ),
        "",
    ]
    (results / f"{name}.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
