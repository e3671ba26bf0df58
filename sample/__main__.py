"""`python -m sample --out FOLDER`: write the synthetic province."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sample.province import generate


def _months(text: str) -> list[str]:
    """`2025-09,2025-10` or a range `2024-09..2026-08`."""
    if ".." not in text:
        return [t.strip() for t in text.split(",") if t.strip()]
    first, last = text.split("..")
    index = int(first[:4]) * 12 + int(first[5:]) - 1
    end = int(last[:4]) * 12 + int(last[5:]) - 1
    return [f"{i // 12}-{i % 12 + 1:02d}" for i in range(index, end + 1)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, generate, print what was written."""
    parser = argparse.ArgumentParser(prog="python -m sample", description="Write the synthetic province.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument(
        "--scale", type=float, default=0.05, help="1 = about 1.3 million pupils (default 0.05)"
    )
    parser.add_argument("--seed", type=int, default=20160225)
    parser.add_argument(
        "--periods", type=_months, default=["2025-09", "2025-10", "2025-11"], help="months or a..b"
    )
    parser.add_argument("--dirt", type=float, default=1.0, help="0 = clean files")
    parser.add_argument("--sources", help="comma-separated source ids (default all)")
    parser.add_argument("--csv-only", action="store_true", help="every file as csv in GB18030")
    parser.add_argument("--hostile", action="store_true", help="also write the bad-input cases")
    chosen = parser.parse_args(arguments)

    def progress(message: str, step: int, steps: int) -> None:
        end = "\n" if step == steps else ""
        sys.stderr.write(f"\r{step:4d}/{steps} {message:<44}{end}")
        sys.stderr.flush()

    try:
        summary = generate(
            chosen.out,
            scale=chosen.scale,
            seed=chosen.seed,
            periods=chosen.periods,
            dirt=chosen.dirt,
            progress=progress,
            sources=chosen.sources.split(",") if chosen.sources else None,
            csv_only=chosen.csv_only,
        )
        if chosen.hostile:
            from sample.hostile import write_hostile

            write_hostile(chosen.out)
    except ValueError as error:
        parser.error(str(error))
    for source, months in summary.rows.items():
        sys.stdout.write(f"{source:22} {sum(months.values()):>12,} rows in {len(months)} months\n")
    sys.stdout.write(f"{'seeded defects':22} {sum(summary.defects.values()):>12,}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
