"""The exact answer: what an attacker can work out of a staged folder of the test world, over whole numbers, all tables jointly.

Shares no code with the auditor or the engine: unknowns are persons by county, stage and "aided or not", facts are read
with plain SQL, and scipy's integer programme finds the smallest and largest number of every hidden figure.
"""

import duckdb
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

MUCH = 10_000


class Oracle:
    """Facts of a folder as equations over x[county, stage, aided]."""

    def __init__(self, root, cells):
        """`cells`: (county, stage, prefecture) of every row of the leaf mart."""
        self.cells = list(cells)
        self.rows, self.low, self.high, self.hidden = [], [], [], {}
        for mart in ("leaf", "margin", "more"):
            file = root / "parquet" / f"{mart}.parquet"
            if file.is_file():
                self._read(file, mart)
        self.facts = LinearConstraint(csr_array(np.array(self.rows)), self.low, self.high)

    def _read(self, file, mart):
        found = duckdb.sql(f"SELECT * FROM '{file}'")
        for values in found.fetchall():
            row = dict(zip(found.columns, values, strict=True))
            gone = (row["hidden_columns"] or "").split(",")
            inside = np.array([_covers(mart, row, cell) for cell in self.cells])
            for column, measures in (("n", (True, True)), ("n_aided", (False, True))):
                if column not in row or (row[column] is None and column not in gone):
                    continue
                x = np.concatenate([inside & measures[0], inside & measures[1]]).astype(float)
                value = row[column]
                self.rows.append(x)
                # A zero is shown as zero: who hides, hides somebody.
                self.low.append(1 if value is None else value)
                self.high.append(MUCH if value is None else value)
                if value is None:
                    self.hidden[(mart, *map(str, values[:2]), column)] = x

    def rests(self):
        """Who is not aided, per leaf: no table shows it, a subtraction may."""
        found = {}
        for n, cell in enumerate(self.cells):
            x = np.zeros(2 * len(self.cells))
            x[n] = 1
            found[("rest", *cell[:2], "")] = x
        return found

    def interval(self, x):
        """Smallest and largest whole number that agrees with every table."""
        ends = []
        for sign in (1, -1):
            done = milp(sign * x, integrality=np.ones(len(x)), bounds=Bounds(0, MUCH), constraints=self.facts)
            assert done.status == 0, done.message
            ends.append(round(sign * done.fun))
        return tuple(ends)

    def leaks(self, minimum, width, truth):
        """First hidden figure (or small rest) that can be narrowed beyond the rule, with its interval; None if none."""
        small = {k: x for k, x in self.rests().items() if 0 < truth[k[1:3]] < minimum}
        for name, x in (self.hidden | small).items():
            low, high = self.interval(x)
            if high < minimum or high - low < width:
                return name, (low, high)
        return None


def _covers(mart, row, cell):
    county, stage, prefecture = cell
    if mart == "leaf":
        return (row["county"], row["stage"]) == (county, stage)
    if mart == "more":
        return row["county"] == county and stage in row["stage"]
    here = row["level"] == "all" or row["region"] == (county if row["level"] == "county" else prefecture)
    return here and row["stage"] in (stage, "all")
