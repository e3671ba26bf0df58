"""What a mart declares about disclosure control: the contract property `disclosure`, read and checked.

Both sides read this grammar: the engine that protects (`warehouse/disclosure`) and the auditor that attacks
(`warehouse/auditor`). It holds no method of either. The grammar is documented in docs/disclosure.md.

A mart without the property is not published: what nobody thought of must not leave the house.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from warehouse.contract import Column, Contract
from warehouse.errors import BlockedError, UsageError
from warehouse.reference import rows

STATUS = "cell_status"
STATUSES = {
    "shown": "公布原值 | shown as counted",
    "rounded": "按基数取整 | rounded to the base",
    "hidden": "含不公布的数 | at least one figure is hidden",
}
HIDDEN_COLUMNS = "hidden_columns"
LANES = ("round", "suppress", "open")
PERSONS = "人"
WHOLE = "*"  # the member that is the whole of a dimension
INTEGERS = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"]
)
_FIGURES = INTEGERS | {"DOUBLE", "FLOAT", "DECIMAL", "BOOLEAN"}
_KEYS = {"lane", "tier", "cube", "dimensions", "counts", "derived", "exempt", "reason", "apart", "sparse"}
_RESOLVED = {"minimum", "base", "width", "rate_minimum", "snapshot"}
_AXIS_KEYS = {"columns", "levels", "level", "whole", "apart", "members", "groups"}
_COUNT_KEYS = {"parts", "exhaustive", "sensitive", "as", "where"}
_PARAMETER = re.compile(r"\$([a-z_]+)")


@dataclass(frozen=True)
class Axis:
    """A dimension of the cube as one mart shows it.

    columns  key columns whose values together name the member
    levels   columns of the same row that name its wholes, finest first (county: prefecture)
    level    column that names the level of the member; `whole` is the level that is the whole dimension,
             `apart` the levels whose members overlap and are protected on their own
    members  value of the column -> member of the cube; None: on its own
    groups   member -> members of which it is the sum
    """

    columns: tuple[str, ...]
    levels: tuple[str, ...] = ()
    level: str = ""
    whole: str = ""
    apart: tuple[str, ...] = ()
    members: Mapping[str, str | None] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Count:
    """A column that counts persons.

    parts       columns that count parts of it; `exhaustive` when they add up to it
    sensitive   none or all of the whole being in it says something about each: 0 % and 100 % are hidden
    measure     its name in the cube, equal in all marts that show the same figure
    where       SQL over the row: rows in which the column counts persons (empty: all)
    """

    column: str
    parts: tuple[str, ...] = ()
    exhaustive: bool = False
    sensitive: bool = False
    measure: str = ""
    where: str = ""


@dataclass(frozen=True)
class Protection:
    """Declaration of one mart. `minimum`, `base`, `width` are resolved from its tier.

    apart    its figures are of many kinds and add up to nothing: each is protected on its own
    sparse   it has rows only where somebody is; a row that rounds to nothing is left out
    """

    lane: str
    tier: str
    cube: str
    minimum: int
    base: int
    width: int
    snapshot: str
    axes: Mapping[str, Axis]
    counts: Mapping[str, Count]
    derived: Mapping[str, str]
    exempt: tuple[str, ...]
    apart: bool
    sparse: bool

    @property
    def hideable(self) -> tuple[str, ...]:
        """Columns that may become NULL: the counts and what is computed from them."""
        return (*self.counts, *self.derived)

    @property
    def fineness(self) -> tuple[bool, int, int]:
        """Of the marts of a cube the finest gives its leaves: it has no rows of totals, and the most dimensions."""
        totals = any(a.level or WHOLE in a.members.values() for a in self.axes.values())
        return not totals, len(self.axes), len(self.counts)


def tiers() -> dict[str, dict[str, int]]:
    """Tier -> minimum, base, width, rate_minimum, from reference/disclosure_tier.csv."""
    names = ("minimum", "base", "width", "rate_minimum")
    return {r["tier"]: {n: int(r[n]) for n in names} for r in rows("disclosure_tier")}


def protection_of(contract: Contract) -> Protection:
    """The declaration of a mart, checked and resolved.

    Raises BlockedError when there is none or a figure is not covered, UsageError when it does not fit.
    """
    node = contract.properties.get("disclosure")
    if not node:
        raise BlockedError(
            f"{contract.id}: 未声明披露保护 / disclosure control is not declared",
            "declare `disclosure` in the mart's contract; see docs/disclosure.md",
        )
    _only(contract, "disclosure", node, _KEYS | _RESOLVED)
    lane = node.get("lane")
    if lane not in LANES:
        raise _fault(contract, f"lane 须为 {LANES} 之一", f"lane must be one of {LANES}")
    counts = {n: _count(contract, n, c or {}) for n, c in (node.get("counts") or {}).items()}
    if lane == "open":
        if not node.get("reason") or counts:
            raise _fault(contract, "open 须写明理由且无人数列", "lane open needs a reason and no counts")
    elif not counts:
        raise _fault(contract, "没有列出人数列", "no counts are named")
    tier = node.get("tier", "internal")
    known = tiers()
    if tier not in known:
        raise _fault(contract, f"未知级别 {tier}", f"unknown tier {tier}")
    numbers = {n: int(node.get(n, known[tier][n])) for n in ("minimum", "base", "width")}
    if numbers["minimum"] < 2 or numbers["base"] < 2 or numbers["width"] < 1:
        raise _fault(contract, "阈值过小", "minimum, base or width is too small")
    derived = {n: str(e) for n, e in (node.get("derived") or {}).items()}
    rule = Protection(
        lane=lane,
        tier=tier,
        cube=str(node.get("cube") or contract.id),
        snapshot="period" if "period" in contract.key else "",
        axes={name: _axis(contract, name, a) for name, a in (node.get("dimensions") or {}).items()},
        counts=counts,
        derived=derived,
        exempt=tuple(node.get("exempt") or ()),
        apart=bool(node.get("apart")),
        sparse=bool(node.get("sparse")),
        **numbers,
    )
    _covers(contract, rule)
    return rule


def enforced(contract: Contract) -> Contract:
    """The contract as a release enforces it: numbers resolved, marker columns added, hideable not required."""
    rule = protection_of(contract)
    if rule.lane == "open":
        return contract
    node = dict(contract.properties["disclosure"])
    parameters = {r["threshold_id"]: r["value"] for r in rows("threshold")} | {
        n: str(v) for n, v in tiers()[rule.tier].items()
    }
    node |= {"cube": rule.cube, "minimum": rule.minimum, "base": rule.base, "width": rule.width}
    node["derived"] = {n: _resolve(contract, e, parameters) for n, e in rule.derived.items()}
    loose = set(rule.hideable) if rule.lane == "suppress" else set(rule.derived)
    columns = [replace(c, required=False) if c.name in loose else c for c in contract.columns]
    names = {c.name for c in columns}
    for marker in _MARKERS:
        if marker.name not in names:
            columns.append(marker)
    return replace(contract, columns=tuple(columns), properties={**contract.properties, "disclosure": node})


def _marker(name: str, header: str, label: str, **properties: Any) -> Column:
    return Column(
        name=name,
        header=header,
        label_en=label,
        kind="code",
        type="VARCHAR",
        tier="L1",
        zone="raw",
        required=name == STATUS,
        key=False,
        aliases=(),
        properties={"kind": "code", **properties},
    )


_MARKERS = (
    _marker(
        STATUS, "单元格状态", "Are the person counts of this row shown, rounded or hidden?", values=STATUSES
    ),
    _marker(HIDDEN_COLUMNS, "不公布的列", "Columns of this row that are hidden, with commas; empty if none"),
)


def _fault(contract: Contract, zh: str, en: str) -> UsageError:
    return UsageError(
        f"{contract.id}: {zh} / {en}", "correct `disclosure` of the mart's contract; see docs/disclosure.md"
    )


def _only(contract: Contract, what: str, node: Any, known: set[str]) -> None:
    if not isinstance(node, Mapping):
        raise _fault(contract, f"{what} 须为映射", f"{what} must be a mapping")
    if unknown := sorted(set(node) - known):
        raise _fault(contract, f"{what}: 未知属性 {unknown}", f"{what}: unknown settings {unknown}")


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value or ()))


def _axis(contract: Contract, name: str, node: Any) -> Axis:
    if isinstance(node, str):
        node = {"columns": [node]}
    _only(contract, name, node, _AXIS_KEYS)
    return Axis(
        columns=_texts(node.get("columns")),
        levels=_texts(node.get("levels")),
        level=str(node.get("level", "")),
        whole=str(node.get("whole", "")),
        apart=_texts(node.get("apart")),
        members={str(k): None if v is None else str(v) for k, v in (node.get("members") or {}).items()},
        groups={str(k): _texts(v) for k, v in (node.get("groups") or {}).items()},
    )


def _count(contract: Contract, name: str, node: Any) -> Count:
    _only(contract, name, node, _COUNT_KEYS)
    return Count(
        column=name,
        parts=_texts(node.get("parts")),
        exhaustive=bool(node.get("exhaustive")),
        sensitive=bool(node.get("sensitive")),
        measure=str(node.get("as") or name),
        where=str(node.get("where") or ""),
    )


def _resolve(contract: Contract, expression: str, parameters: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            raise _fault(contract, f"未知参数 ${match[1]}", f"unknown parameter ${match[1]}")
        return parameters[match[1]]

    return _PARAMETER.sub(value, expression)


def _covers(contract: Contract, rule: Protection) -> None:
    """Names fit, every key column has its place, every figure is protected, computed or exempt."""
    names = {c.name for c in contract.columns}
    used = {*rule.hideable, *rule.exempt}
    for axis in rule.axes.values():
        used |= {*axis.columns, *axis.levels, *filter(None, [axis.level])}
    parts = [p for c in rule.counts.values() for p in c.parts]
    used |= set(parts)
    if used - names:
        raise _fault(
            contract, f"没有这些列 {sorted(used - names)}", f"no such columns {sorted(used - names)}"
        )
    if set(parts) - set(rule.counts) or len(parts) != len(set(parts)):
        raise _fault(contract, "parts 须各列出一次且为人数列", "parts must be counts, each named once")
    for name in rule.counts:
        column = contract.column(name)
        if column.type.upper() not in INTEGERS or column.key:
            raise _fault(
                contract, f"{name} 须为非主键整数列", f"{name} must be an integer column outside the key"
            )
    placed = {rule.snapshot, *(c for a in rule.axes.values() for c in (*a.columns, a.level))}
    if rule.lane != "open" and not rule.apart and set(contract.key) - placed:
        missing = sorted(set(contract.key) - placed)
        raise _fault(contract, f"主键列未归入维度 {missing}", f"key columns without dimension: {missing}")
    _open(contract, _uncovered(contract, rule))


def _uncovered(contract: Contract, rule: Protection) -> Iterable[str]:
    done = {*rule.hideable, *rule.exempt, *contract.key}
    for column in contract.columns:
        if column.name in done:
            continue
        kind = column.type.upper().split("(")[0]
        if column.properties.get("unit") == PERSONS or (rule.lane != "open" and kind in _FIGURES):
            yield column.name


def _open(contract: Contract, names: Iterable[str]) -> None:
    if found := list(names):
        raise BlockedError(
            f"{contract.id}: 数值列未设保护 {found} / figures are neither protected nor exempt: {found}",
            "list them in `counts`, `derived` or `exempt` of the mart's `disclosure`; see docs/disclosure.md",
        )
