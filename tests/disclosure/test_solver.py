"""The solver says nothing on standard output, which belongs to `--json`."""

import subprocess
import sys

TALK = """
from warehouse.engine.solver import new_solver
for _ in range(2):
    solver = new_solver()
    x = solver.addVariable(lb=0, ub=5)
    solver.addConstr(x <= 3)
    solver.maximize(x)
print("only this")
"""


def test_nothing_but_our_own_words_on_stdout():
    done = subprocess.run(
        [sys.executable, "-c", TALK], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "only this\n"
