"""HiGHS without its banner: it prints its licence on standard output, where `edu … --json` writes for machines."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any


def new_solver() -> Any:
    """A silent `highspy.Highs`. Not for several threads at once: the process' standard output rests meanwhile."""
    import highspy

    sys.stdout.flush()
    libc = ctypes.CDLL(None)
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        solver = highspy.Highs()
        libc.fflush(None)  # the banner may still lie in C's own buffer
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
    solver.setOptionValue("output_flag", False)
    return solver
