"""Runs a command as a whole process tree: wall and CPU seconds, peak memory of the tree."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Measured:
    wall: float
    cpu: float
    peak_mb: float
    code: int
    output: str


def _tree_mb(pid: int) -> float:
    """Resident memory of a process and its descendants, from /proc."""
    total, waiting = 0, [pid]
    while waiting:
        current = Path(f"/proc/{waiting.pop()}")
        try:
            pages = int((current / "statm").read_text().split()[1])
            for task in (current / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, IndexError):
            continue  # it ended while being looked at
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total / 1e6


def _peak(pid: int, stop: threading.Event, peak: list[float]) -> None:
    while not stop.wait(0.1):
        peak[0] = max(peak[0], _tree_mb(pid))


def measure(command: list[str], cwd: Path, env: dict[str, str]) -> Measured:
    """Run to the end; peak memory is the sum of resident sets of the tree, sampled ten times a second."""
    before = os.times()
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        stop, peak = threading.Event(), [0.0]
        watcher = threading.Thread(target=_peak, args=(process.pid, stop, peak), daemon=True)
        watcher.start()
        output = process.stdout.read() if process.stdout else ""
        code = process.wait()
        wall = time.monotonic() - started
        stop.set()
        watcher.join()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(wall, cpu, peak[0], code, output)
