"""Answers of published tools: the auditor finds the same intervals, the engine the same cells."""

from itertools import product

from warehouse.auditor.bounds import Attack, System
from warehouse.disclosure.cube import Cube
from warehouse.disclosure.suppress import suppress

MUCH = 1e6


def square():
    """4 x 4 table of sdcTable's test-simpleheuristic.R with its nine hidden cells."""
    table = {
        "w": (30, 47, 64, 89),
        "x": (90, 124, 5, 31),
        "y": (92, 100, 59, 85),
        "z": (800, 991, 651, 685),
    }
    return {(r, c): v for r, values in table.items() for c, v in zip("abcd", values, strict=True)}


def attack(cells, hidden, sums):
    system = System()
    number = {k: system.unknown(*((0, MUCH) if k in hidden else (v, v))) for k, v in cells.items()}
    for keys in sums:
        total = float(sum(cells[k] for k in keys))
        system.rows.append((tuple(number[k] for k in keys), total, total))
    model = Attack(system)
    return lambda key: (lambda i: (i.low, i.high, i.status))(model.interval([number[key]]))


def test_the_interval_of_the_handbook():
    """Handbook on SDC, 2nd ed., 4.3, example 3 (Geurts 1992, table 10): X11 lies in [3, 6]; the others follow."""
    cells = {"11": 4, "12": 3, "21": 2, "22": 1, "31": 3, "32": 3}
    intervals = attack(
        cells, {"11", "12", "21", "22"}, [("11", "12"), ("21", "22"), ("11", "21", "31"), ("12", "22", "32")]
    )
    assert intervals("11") == (3, 6, "optimal")
    assert [intervals(c)[:2] for c in ("12", "21", "22")] == [(1, 4), (0, 3), (0, 3)]


def test_whole_numbers_are_narrower_than_fractions():
    """Three pairs that are odd together: only fractions reach their middle."""
    system = System([0.0] * 3, [1.0] * 3, [((0, 1), 1.0, 1.0), ((1, 2), 1.0, 1.0), ((0, 2), 0.0, 1.0)])
    model = Attack(system)
    assert model.interval((0, 2)).high == 1 and model.interval((0, 2), whole=True).high == 0


def test_a_cell_that_two_hidden_per_line_do_not_protect():
    cells = square()
    lines = [[(r, c) for c in "abcd"] for r in "wxyz"] + [[(r, c) for r in "wxyz"] for c in "abcd"]
    hidden = {("w", c) for c in "abc"} | {("x", c) for c in "ac"}
    hidden |= {(r, c) for r, c in product("yz", "bd")}
    assert attack(cells, hidden, lines)(("w", "b")) == (47, 47, "optimal")
    assert attack(cells, hidden | {("x", "d")}, lines)(("w", "b")) == (0, 78, "optimal")
    assert attack(cells, hidden | {("x", "b")}, lines)(("w", "b")) == (0, 141, "optimal")


def test_two_safe_tables_that_are_not_safe_together():
    """sdcTable, test-linked-tables.r: K is 3 exactly; hiding N gives it room."""
    cells = dict(zip("ABIJKLMN", (2, 2, 8, 8, 3, 3, 3, 7), strict=True))
    sums = ["ABIJ", "KLMN", "LM", "ABIJKN"]
    assert attack(cells, set("ABKLM"), sums)("K") == (3, 3, "optimal")
    assert attack(cells, set("ABKLMN"), sums)("K") == (0, 10, "optimal")


def test_the_engine_adds_the_three_cells_that_are_optimal():
    """sdcTable, test-protectTable.r (microdata1): A-female is small; A-male, C-male, C-female join it."""
    counts = {"A": (2, 18), "B": (19, 14), "C": (10, 12), "D": (14, 11)}
    cube = Cube(dimensions=("measure", "region", "sex"))
    number = {(r, s): cube.add(("n", r, s), counts[r][i]) for r in counts for i, s in enumerate(("m", "f"))}
    rows = {r: cube.add(("n", r, "*"), sum(v)) for r, v in counts.items()}
    columns = {
        s: cube.add(("n", "*", s), sum(v[i] for v in counts.values())) for i, s in enumerate(("m", "f"))
    }
    total = cube.add(("n", "*", "*"), 100)
    cube.parts = [(rows[r], (number[r, "m"], number[r, "f"])) for r in counts]
    cube.parts += [(columns[s], tuple(number[r, s] for r in counts)) for s in "mf"]
    cube.parts += [(total, tuple(rows.values())), (total, tuple(columns.values()))]
    hidden = suppress(cube, 3, 3)
    assert {cube.keys[c][1:] for c in hidden} == {(r, s) for r in "AC" for s in "mf"}
