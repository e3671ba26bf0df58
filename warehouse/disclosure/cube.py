"""The master cube of a subject and snapshot: every cell, and the sums that tie the cells together.

One mart, the one with the most dimensions, gives the leaves. All margins are enumerated from the levels and
groups that the contracts declare, whether or not a mart publishes them: a table published later is a
selection of cells that are protected already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise, product

from warehouse.errors import BlockedError
from warehouse.protection import WHOLE, Axis, Count, Protection

Key = tuple[str, ...]  # measure, then one member per dimension of the cube
MEASURE = "measure"


@dataclass(frozen=True)
class Row:
    """A row of a mart: its number, members per dimension, their wholes per level, values per count column.

    `members` is None where the row is protected on its own; `key` are the values of the mart's key.
    """

    number: int
    key: Key
    members: Mapping[str, str] | None
    levels: Mapping[str, tuple[str, ...]]
    values: Mapping[str, int]


@dataclass(frozen=True)
class Table:
    """One mart of the cube in one snapshot."""

    mart: str
    rule: Protection
    rows: Sequence[Row]


@dataclass
class Cube:
    """Cells of one subject and snapshot.

    value[i]     exact count of cell i
    parts        wholes and their parts: cell -> tuples of cells that add up to it
    leaves       cells without parts; below[i] are the leaves of cell i
    place        (mart, row number, column) -> cell; None is a cell that is empty by structure (zero)
    disagree     figures of a mart that differ from the cube and are protected on their own
    """

    dimensions: tuple[str, ...]
    keys: list[Key] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    parts: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    below: dict[int, list[int]] = field(default_factory=dict)
    place: dict[tuple[str, int, str], int | None] = field(default_factory=dict)
    sensitive: set[int] = field(default_factory=set)
    disagree: int = 0

    def add(self, key: Key, value: int) -> int:
        """A new cell; its index."""
        self.keys.append(key)
        self.value.append(value)
        return len(self.keys) - 1


def is_rest(cube: Cube, cell: int) -> bool:
    """The implied rest of a split; no table shows it."""
    return cube.keys[cell][0].startswith("~")


def empty_allowed(cube: Cube, cell: int) -> bool:
    """May the cell be thought empty? Elsewhere an empty cell would have been shown as such."""
    return cell in cube.sensitive or is_rest(cube, cell)


def row_members(axes: Mapping[str, Axis], row: Mapping[str, str]) -> dict[str, str] | None:
    """Member per dimension of a row; None when one of them is protected on its own."""
    found = {}
    for name, axis in axes.items():
        value = "/".join(row[c] for c in axis.columns)
        if axis.level:
            level = row[axis.level]
            if level in axis.apart:
                return None
            value = WHOLE if level == axis.whole else value
        member = axis.members.get(value, value)
        if member is None:
            return None
        found[name] = member
    return found


def build(tables: Sequence[Table]) -> Cube:
    """The cube of some marts. Raises BlockedError when parts of a row exceed their whole."""
    linked = [t for t in tables if not t.rule.apart]
    dimensions = tuple(sorted({d for t in linked for d in t.rule.axes}))
    cube = Cube(dimensions=(MEASURE, *dimensions))
    index: dict[Key, int] = {}
    if linked:
        base = max(linked, key=lambda t: (t.rule.fineness, t.mart))
        index = _fill(cube, base, _parents(linked, dimensions))
    for table in tables:
        _place(cube, table, index, dimensions)
    return cube


def _parents(tables: Sequence[Table], dimensions: Sequence[str]) -> dict[str, dict[str, set[str]]]:
    """Dimension -> member -> the members it is directly part of."""
    found: dict[str, dict[str, set[str]]] = {d: defaultdict(set) for d in dimensions}
    for table in tables:
        for name, axis in table.rule.axes.items():
            for group, members in axis.groups.items():
                for member in members:
                    found[name][member].add(group)
        for row in table.rows:
            for name, levels in row.levels.items():
                if row.members is None:
                    continue
                chain = (row.members[name], *levels, WHOLE)
                for member, whole in pairwise(chain):
                    found[name][member].add(whole)
    return found


def _measures(counts: Iterable[Count]) -> tuple[list[tuple[str, str | None]], dict[str, set[str]]]:
    """Leaf measures (name, whole whose rest it is), and measure -> the measures it is part of."""
    counts = list(counts)
    by_column = {c.column: c for c in counts}
    parents: dict[str, set[str]] = defaultdict(set)
    leaves: list[tuple[str, str | None]] = [(c.column, None) for c in counts if not c.parts]
    for c in counts:
        for part in c.parts:
            parents[by_column[part].measure].add(c.measure)
        if c.parts and not c.exhaustive:
            parents[f"~{c.measure}"].add(c.measure)
            leaves.append((f"~{c.measure}", c.column))
    return leaves, parents


def _fill(cube: Cube, base: Table, parents: dict[str, dict[str, set[str]]]) -> dict[Key, int]:
    """Leaves of the base mart and all margins above them."""
    leaf_measures, measure_parents = _measures(base.rule.counts.values())
    above = {**parents, MEASURE: measure_parents}
    groups = {d: {g for t in (base,) for g in t.rule.axes[d].groups} for d in base.rule.axes}

    @cache
    def direct(dimension: str, member: str) -> tuple[str, ...]:
        found = set(above.get(dimension, {}).get(member, ()))
        # Without levels every member is part of the whole directly, as are members of a group.
        if dimension != MEASURE and member != WHOLE and (not found or found <= groups.get(dimension, set())):
            found.add(WHOLE)
        return tuple(sorted(found))

    @cache
    def chain(dimension: str, member: str) -> tuple[str, ...]:
        found = [member]
        for name in found:
            # A group ends here: its members reach the whole by themselves.
            if name not in groups.get(dimension, set()):
                found += [m for m in direct(dimension, name) if m not in found]
        return tuple(found)

    index: dict[Key, int] = {}
    below: dict[int, list[int]] = defaultdict(list)
    for row in base.rows:
        if row.members is None:
            continue
        for measure, value in _leaf_values(base, row, leaf_measures):
            # An empty cell is a part of nothing, unless it may have to be hidden.
            if value == 0 and not _kept(base.rule, measure):
                continue
            members = (measure, *(row.members.get(d, WHOLE) for d in cube.dimensions[1:]))
            leaf = index.get(members)
            if leaf is not None:
                raise BlockedError(
                    f"{base.mart}: 单元重复 / a cell occurs twice", "correct the key of the mart"
                )
            for key in product(*(chain(d, m) for d, m in zip(cube.dimensions, members, strict=True))):
                cell = index.get(key)
                if cell is None:
                    cell = index[key] = cube.add(key, 0)
                cube.value[cell] += value
                if key == members:
                    leaf = cell
                below[cell].append(index[members])
            cube.leaves.append(index[members])
    cube.below = dict(below)
    sums: dict[tuple[Key, int], list[int]] = defaultdict(list)
    for key, cell in index.items():
        for position, dimension in enumerate(cube.dimensions):
            for whole in direct(dimension, key[position]):
                if key[position] in groups.get(dimension, set()):
                    continue
                split = (*key[:position], whole, *key[position + 1 :])
                if split in index:
                    sums[(split, position)].append(cell)
    cube.parts = [(index[whole], tuple(cells)) for (whole, _), cells in sums.items()]
    names = {c.measure for c in base.rule.counts.values() if c.sensitive}
    cube.sensitive = {cell for key, cell in index.items() if key[0] in names}
    return index


def _kept(rule: Protection, measure: str) -> bool:
    """Zero cells of a sensitive split may have to be hidden, and so need a cell."""
    sensitive = {c.column for c in rule.counts.values() if c.sensitive}
    wholes = {c.measure for c in rule.counts.values() if sensitive & set(c.parts)}
    return measure in {rule.counts[s].measure for s in sensitive} or measure.removeprefix("~") in wholes


def _leaf_values(
    base: Table, row: Row, leaves: Sequence[tuple[str, str | None]]
) -> Iterable[tuple[str, int]]:
    for name, whole in leaves:
        if whole is None:
            if name in row.values:
                yield base.rule.counts[name].measure, row.values[name]
            continue
        if whole in row.values:
            rest = row.values[whole] - sum(row.values.get(p, 0) for p in base.rule.counts[whole].parts)
            if rest < 0:
                raise BlockedError(
                    f"{base.mart}: {whole} 小于其各部分之和 / {whole} is less than the sum of its parts",
                    "correct the model, or `parts` in the mart's contract",
                )
            yield name, rest


def _place(cube: Cube, table: Table, index: dict[Key, int], dimensions: Sequence[str]) -> None:
    for row in table.rows:
        for column, value in row.values.items():
            where = (table.mart, row.number, column)
            if row.members is not None and not table.rule.apart:
                measure = table.rule.counts[column].measure
                cell = index.get((measure, *(row.members.get(d, WHOLE) for d in dimensions)))
                if (0 if cell is None else cube.value[cell]) == value:
                    cube.place[where] = cell
                    continue
                cube.disagree += 1
            cube.place[where] = cube.add(("", table.mart, column, *row.key), value)
