"""Primary suppression: small counts of persons never leave the house.

Mart-level property `disclosure` of a contract (ODCS `customProperties`):

minimum      a count n with 0 < n < minimum is hidden
counts       columns that count persons
hides        columns made NULL when any count of the same row is hidden: rates, means and the like
complements  [[numerator, denominator], …]: the numerator is hidden as well when
             0 < denominator - numerator < minimum, since both together reveal the small rest
             (also read from a mart-level property `complements`)
exempt       columns with unit 人 that need no protection, e.g. public population figures

Hidden is NULL, never 0; zero stays 0. `cell_status` says for each row `shown` or `hidden`, so that a
NULL that means "no value" can be told from a NULL that means "not to be known".

This is PRIMARY suppression only: a hidden cell can still follow from a total and its shown parts, in
the same row, in other rows or in another mart. An engine for secondary suppression replaces `protect`
and keeps its signature; a `cell_status` that the mart already carries is therefore respected, never
overruled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from warehouse.contract import Column, Contract
from warehouse.engine.duckdb import quote
from warehouse.errors import BlockedError, UsageError

STATUS = "cell_status"
STATUSES = {"shown": "公布 | shown", "hidden": "保密 | hidden"}
PERSONS = "人"
INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)

_STATUS_COLUMN = Column(
    name=STATUS,
    header="单元格状态",
    label_en="Are the person counts of this row shown or hidden (too small)?",
    kind="code",
    type="VARCHAR",
    tier="L1",
    zone="raw",
    required=True,
    key=False,
    aliases=(),
    properties={"kind": "code", "values": STATUSES},
)


@dataclass(frozen=True)
class Disclosure:
    """What is hidden in a mart, read from its contract."""

    minimum: int
    counts: tuple[str, ...]
    hides: tuple[str, ...]
    complements: tuple[tuple[str, str], ...]

    @property
    def hideable(self) -> tuple[str, ...]:
        """Columns that may become NULL: counts, numerators, and what is computed from them."""
        return tuple(dict.fromkeys((*self.counts, *(n for n, _ in self.complements), *self.hides)))


def _fault(contract: Contract, zh: str, en: str) -> UsageError:
    return UsageError(
        f"{contract.id}: {zh} / {en}", "correct the property `disclosure` of the mart's contract"
    )


def disclosure_of(contract: Contract, minimum: int | None = None) -> Disclosure | None:
    """The disclosure property, checked; `minimum` overrides. None if the mart counts no persons.

    Raises UsageError when the property names columns that do not fit, and BlockedError when a column
    counts persons and is neither protected nor exempt: what nobody thought of must not be published.
    """
    node: dict[str, Any] = contract.properties.get("disclosure") or {}
    unknown = set(node) - {"minimum", "counts", "hides", "complements", "exempt"}
    if unknown:
        raise _fault(contract, f"未知属性 {sorted(unknown)}", f"unknown settings {sorted(unknown)}")
    counts = tuple(node.get("counts") or ())
    hides = tuple(node.get("hides") or ())
    pairs = [*(node.get("complements") or ()), *(contract.properties.get("complements") or ())]
    if any(len(pair) != 2 for pair in pairs):
        raise _fault(
            contract, "complements 须为 [分子, 分母]", "complements must be [numerator, denominator] pairs"
        )
    complements = tuple(dict.fromkeys((str(n), str(d)) for n, d in pairs))
    exempt = set(node.get("exempt") or ())
    names = {c.name for c in contract.columns}
    used = {*counts, *hides, *exempt, *(name for pair in complements for name in pair)}
    if used - names:
        raise _fault(
            contract, f"没有这些列 {sorted(used - names)}", f"no such columns {sorted(used - names)}"
        )
    open_ = [
        c.name
        for c in contract.columns
        if c.properties.get("unit") == PERSONS
        and c.name not in {*counts, *hides, *exempt, *(n for n, _ in complements)}
    ]
    if open_:
        raise BlockedError(
            f"{contract.id}: 人数列未设保护 {open_} / columns count persons but are not protected: {open_}",
            "list them in `disclosure.counts`, or in `disclosure.exempt` if they are public",
        )
    if not counts and not complements:
        return None
    threshold = node.get("minimum") if minimum is None else minimum
    if not isinstance(threshold, int) or isinstance(threshold, bool) or threshold < 2:
        raise _fault(contract, "minimum 须为不小于 2 的整数", "minimum must be a whole number of at least 2")
    for name in (*counts, *(name for pair in complements for name in pair)):
        if contract.column(name).type.upper() not in INTEGERS:
            raise _fault(contract, f"{name} 须为整数列", f"{name} must be an integer column")
    for name in (*counts, *hides, *(n for n, _ in complements)):
        if contract.column(name).key:
            raise _fault(
                contract, f"{name} 是主键列，不能隐藏", f"{name} is part of the key and cannot be hidden"
            )
    return Disclosure(threshold, counts, hides, complements)


def enforced(contract: Contract, minimum: int | None = None) -> Contract:
    """The contract as the release enforces it: minimum, `cell_status`, hideable columns not required."""
    rule = disclosure_of(contract, minimum)
    if rule is None:
        return contract
    properties = {k: v for k, v in contract.properties.items() if k != "complements"}
    properties["disclosure"] = {
        **properties.get("disclosure", {}),
        "minimum": rule.minimum,
        "counts": list(rule.counts),
        "hides": list(rule.hides),
        "complements": [list(pair) for pair in rule.complements],
    }
    columns = [replace(c, required=False) if c.name in rule.hideable else c for c in contract.columns]
    if STATUS in {c.name for c in columns}:
        columns = [replace(c, required=True) if c.name == STATUS else c for c in columns]
    else:
        columns.append(_STATUS_COLUMN)
    return replace(contract, columns=tuple(columns), properties=properties)


def protect(
    con: duckdb.DuckDBPyConnection, mart_relation: str, contract: Contract, minimum: int | None = None
) -> str:
    """SELECT over a mart with the columns of its enforced contract and nothing small left in it.

    Columns that the contract does not name are not selected, so nothing is published by accident.
    """
    final = enforced(contract, minimum)
    rule = disclosure_of(contract, minimum)
    relation = quote(mart_relation)
    if rule is None:
        return f"SELECT {', '.join(_cast(c, quote(c.name)) for c in final.columns)} FROM {relation}"

    small: dict[str, list[str]] = {
        name: [f"{quote(name)} BETWEEN 1 AND {rule.minimum - 1}"] for name in rule.counts
    }
    for numerator, denominator in rule.complements:
        n, d = quote(numerator), quote(denominator)
        # A numerator of 0 stays 0: its rest is the denominator, which is judged as a count of its own.
        small.setdefault(numerator, [f"{n} BETWEEN 1 AND {rule.minimum - 1}"]).append(
            f"({n} > 0 AND {d}::HUGEINT - {n}::HUGEINT BETWEEN 1 AND {rule.minimum - 1})"
        )
    tests = {name: f"coalesce({' OR '.join(conditions)}, false)" for name, conditions in small.items()}
    row_hidden = " OR ".join(tests.values())
    existing = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    if STATUS in existing:
        row_hidden += f" OR coalesce({quote(STATUS)} = 'hidden', false)"

    selected = []
    for column in final.columns:
        value = quote(column.name)
        if column.name == STATUS:
            value = f"CASE WHEN {row_hidden} THEN 'hidden' ELSE 'shown' END"
        elif column.name in rule.hides:
            value = f"CASE WHEN {row_hidden} THEN NULL ELSE {value} END"
        elif column.name in tests:
            value = f"CASE WHEN {tests[column.name]} THEN NULL ELSE {value} END"
        selected.append(_cast(column, value))
    return f"SELECT {', '.join(selected)} FROM {relation}"


def _cast(column: Column, value: str) -> str:
    return f"CAST({value} AS {column.type}) AS {quote(column.name)}"
