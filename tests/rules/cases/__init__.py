"""The fixtures of the rules of collection, as a table; a module per part of the rule book."""

from __future__ import annotations

from rules.cases import numbers, registers  # noqa: F401  (they fill the table)
from rules.cases.delivery import EARLIER, ages
from rules.cases.table import CASES, EARLIER_PERIOD
from rules.cases.values import NO_PLACE, UNREADABLE, spoilt
from rules.fixtures import World
from rules.valid_rows import BASE

# these judge our own registers and records: test_collection_rules.py and test_element_rules.py spoil them
ELSEWHERE = {"RC01", "RC04", "RC05", "RC06", "RC37"}
SOURCES = tuple(BASE)


def deliver(world: World, source: str) -> None:
    """Put all fixtures of a source into landing, each under an owner of its own."""
    for n, case in enumerate(c for c in CASES if c.source == source):
        content = case.content()
        # One owner, many parts: each case is a slot of its own.
        part = f"c{n:03d}"
        owner = case.put.get("owner")
        given = {"part": part, **{k: v for k, v in case.put.items() if k != "owner"}}
        for copy in range(case.copies):
            name = case.file if not copy else f"{case.id}.{copy}.csv"
            world.put(source, content, owner=owner, name=name, **given)
        if case.id in EARLIER.get(source, {}):
            world.put(
                source,
                ages(EARLIER[source][case.id])(),
                name=f"{part}.csv",
                part=part,
                period=EARLIER_PERIOD,
            )
    for group, columns, text in (
        ("unreadable", UNREADABLE[source], "§§"),
        ("unreadable_place", NO_PLACE[source], "§§"),
    ):
        if columns:
            world.put(
                source,
                spoilt(source, columns, text)(),
                owner=None,
                part=group,
                name=f"{group}.csv",
            )
