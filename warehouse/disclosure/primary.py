"""Primary rule: which cells are dangerous by themselves, and why."""

from __future__ import annotations

from collections.abc import Collection

from warehouse.disclosure.cube import Cube

SMALL = "small"  # 1 to minimum-1 persons
GROUP = "group"  # none or all of a whole
FROZEN = "frozen"  # hidden before in the same term
SINGLETON = "singleton"  # keeps two single persons from finding each other
SECONDARY = "secondary"  # keeps the others from being computed


def primary(cube: Cube, minimum: int, frozen: Collection[int]) -> dict[int, str]:
    """Cell -> reason. `frozen` are cells that were hidden earlier in the term."""
    found: dict[int, str] = {}
    for cell, value in enumerate(cube.value):
        if 0 < value < minimum:
            found[cell] = SMALL
        elif cell in frozen and (value > 0 or cell in cube.sensitive):
            found[cell] = FROZEN
    for whole, parts in cube.parts:
        total = cube.value[whole]
        if not total or cube.keys[parts[0]][0] == cube.keys[whole][0]:
            continue  # a split by measure only: all or none of the whole is in one part
        for cell in parts:
            if cell in cube.sensitive and cube.value[cell] in (0, total):
                found.setdefault(cell, GROUP)
    return found
