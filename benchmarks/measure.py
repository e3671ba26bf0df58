"""Runs a command as a whole process tree: wall and CPU seconds, peak memory of the tree."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass
class Measured:
    wall: float
    cpu: float
    peak_mb: float
    code: int
    output: str


def _peak(pid: int, stop: threading.Event, peak: list[float]) -> None:
    root = psutil.Process(pid)
    while not stop.wait(0.1):
        total = 0
        try:
            for process in (root, *root.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
        except psutil.Error:
            return
        peak[0] = max(peak[0], total / 1e6)


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
