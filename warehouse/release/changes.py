"""What changed since the previous release: schemas, rows and every revised cell.

Analysts always ask why last year's number changed. CHANGES.md answers with counts and the largest moves
(the room of sharing adds the deliveries that were corrected); `changes/<mart>.parquet` holds every revised cell and removed row. A
schema change that needs a greater version than the contract carries is refused: readers pin the major
version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.errors import BlockedError

_MEANING = ("unit", "codeList")
LARGEST = 20  # moves listed in CHANGES.md for each mart
RESTATED = (
    "source",
    "owner",
    "period",
    "version",
    "n_before",
    "n_after",
    "n_added",
    "n_deleted",
    "n_changed",
)


@dataclass(frozen=True)
class MartChange:
    """One mart against the previous release; counts are None when rows cannot be paired."""

    mart: str
    status: str  # new, removed, changed, same
    version_before: str = ""
    version_after: str = ""
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_retyped: tuple[str, ...] = ()
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    cells: dict[str, int] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)
    largest: tuple[tuple[str, ...], ...] = ()  # key, column, before, after of the largest moves


def needed_bump(before: Contract, after: Contract) -> str:
    """`major`, `minor` or `` : what the version of the new contract must have moved by at least.

    Major: a column went or changed its type, the key or table changed, a value means something else (unit, code
    list), or a column that was never empty may be so now. Minor: columns were added. Words are free.
    """
    old = {c.name: c.type.upper() for c in before.columns}
    new = {c.name: c.type.upper() for c in after.columns}
    if before.key != after.key or before.table != after.table or any(new.get(n) != t for n, t in old.items()):
        return "major"
    for was in before.columns:
        now = after.column(was.name)
        if was.required and not now.required:
            return "major"
        if any(was.properties.get(p) and was.properties.get(p) != now.properties.get(p) for p in _MEANING):
            return "major"
    return "minor" if set(new) - set(old) else ""


def check_versions(before: Mapping[str, Contract], after: Mapping[str, Contract]) -> None:
    """BlockedError when a schema changed more than its version says."""
    for name in sorted(set(before) & set(after)):
        need = needed_bump(before[name], after[name])
        if not need:
            continue
        old, new = _version(before[name]), _version(after[name])
        enough = new[0] > old[0] if need == "major" else new[:2] > old[:2]
        if not enough:
            raise BlockedError(
                f"{name}: 结构变化需要升级{'主' if need == 'major' else '次'}版本号 / "
                f"the change of schema needs a new {need} version "
                f"({before[name].version} → {after[name].version})",
                "raise `version` in the mart's contract",
            )


def _version(contract: Contract) -> tuple[int, int, int]:
    try:
        major, minor, patch = (int(part) for part in contract.version.split("."))
    except ValueError:
        raise BlockedError(
            f"{contract.id}: 版本号须为 1.2.3 形式 / the version must look like 1.2.3", "correct the contract"
        ) from None
    return major, minor, patch


def compare(
    session: Session,
    before_root: Path,
    before: Mapping[str, Contract],
    after_root: Path,
    after: Mapping[str, Contract],
) -> list[MartChange]:
    """Compare the published values of two folders, mart by mart; only protected values are ever read."""
    found = []
    for name in sorted(set(before) | set(after)):
        if name not in before:
            found.append(MartChange(name, "new", version_after=after[name].version))
        elif name not in after:
            found.append(MartChange(name, "removed", version_before=before[name].version))
        else:
            found.append(_compare(session, before_root, before[name], after_root, after[name]))
    return found


def _compare(
    session: Session, before_root: Path, before: Contract, after_root: Path, after: Contract
) -> MartChange:
    old = {c.name: c.type for c in before.columns}
    new = {c.name: c.type for c in after.columns}
    retyped = tuple(n for n in new if n in old and old[n].upper() != new[n].upper())
    added = removed = changed = None
    cells: dict[str, int] = {}
    causes: dict[str, int] = {}
    largest: tuple[tuple[str, ...], ...] = ()
    if before.key == after.key and before.key:
        a = f"read_parquet({literal(str(before_root / 'parquet' / f'{before.id}.parquet'))})"
        b = f"read_parquet({literal(str(after_root / 'parquet' / f'{after.id}.parquet'))})"
        values = [n for n in new if n in old and n not in after.key]
        pair = " AND ".join(f"a.{quote(k)} IS NOT DISTINCT FROM b.{quote(k)}" for k in after.key)
        # A retyped column is compared as text, else every value of it would count as revised.
        differs = [
            f"a.{quote(n)}::VARCHAR IS DISTINCT FROM b.{quote(n)}::VARCHAR"
            if n in retyped
            else f"a.{quote(n)} IS DISTINCT FROM b.{quote(n)}"
            for n in values
        ]
        both = "a._here AND b._here"
        counts = [
            "count(*) FILTER (a._here IS NULL)",
            "count(*) FILTER (b._here IS NULL)",
            f"count(*) FILTER ({both} AND ({' OR '.join(differs) or 'false'}))",
            *(f"count(*) FILTER ({both} AND {d})" for d in differs),
        ]
        row = session.rows(
            f"SELECT {', '.join(counts)} FROM (SELECT *, true AS _here FROM {a}) a "
            f"FULL JOIN (SELECT *, true AS _here FROM {b}) b ON {pair}"
        )[0]
        added, removed, changed = row[:3]
        cells = {n: c for n, c in zip(values, row[3:], strict=True) if c}
        if changed:
            why = _cause(set(values))
            any_cell = " OR ".join(differs)
            causes = dict(
                session.rows(
                    f"SELECT {why}, count(*) FROM {a} a JOIN {b} b ON {pair} WHERE {any_cell} GROUP BY 1 ORDER BY 1"
                )
            )
        if cells or removed:
            relation = _revised_cells(
                a, b, after.key, {n: d for n, d in zip(values, differs, strict=True) if n in cells}
            )
            largest = _write_cells(session, relation, after, after_root)
    columns_added = tuple(n for n in new if n not in old)
    columns_removed = tuple(n for n in old if n not in new)
    revised = (
        bool(removed or changed or columns_added or columns_removed or retyped) or before.key != after.key
    )
    status = "changed" if revised else "extended" if added else "same"
    return MartChange(
        mart=after.id,
        status=status,
        version_before=before.version,
        version_after=after.version,
        columns_added=columns_added,
        columns_removed=columns_removed,
        columns_retyped=retyped,
        added=added,
        removed=removed,
        changed=changed,
        cells=cells,
        causes=causes,
        largest=largest,
    )


# why a row was revised: the first of these that changed; nothing of it means that the data behind it changed
_CAUSES = {
    "definition_version": "定义变更 the definition changed",
    "basis_code": "口径变更 the region basis changed",
    "population_year": "人口来源变更 the population series changed",
    "share_covered": "报送范围变化 more or fewer units have delivered",
    "reference_version": "参考数据变更 reference data changed",
}
_DATA = "数据更正 the data were corrected"


def _cause(columns: set[str]) -> str:
    """SQL text that names the cause of a revision of row a to row b."""
    cases = " ".join(
        f"WHEN a.{quote(c)} IS DISTINCT FROM b.{quote(c)} THEN {literal(words)}"
        for c, words in _CAUSES.items()
        if c in columns
    )
    return f"CASE {cases} ELSE {literal(_DATA)} END" if cases else literal(_DATA)


def _revised_cells(a: str, b: str, key: Sequence[str], differs: Mapping[str, str]) -> str:
    """SELECT of key, kind (revised, removed), column_name, before, after: one row per revised cell or removed row."""
    keys = ", ".join(f"a.{quote(k)}" for k in key)
    pair = " AND ".join(f"a.{quote(k)} IS NOT DISTINCT FROM b.{quote(k)}" for k in key)
    revised = [
        f"SELECT {keys}, 'revised' AS kind, {literal(name)} AS column_name, a.{quote(name)}::VARCHAR AS before, "
        f"b.{quote(name)}::VARCHAR AS after FROM {a} a JOIN {b} b ON {pair} WHERE {condition}"
        for name, condition in differs.items()
    ]
    gone = f"SELECT {keys}, 'removed' AS kind, NULL AS column_name, NULL AS before, NULL AS after FROM {a} a ANTI JOIN {b} b ON {pair}"
    return " UNION ALL ".join([*revised, gone])


def _write_cells(
    session: Session, relation: str, contract: Contract, root: Path
) -> tuple[tuple[str, ...], ...]:
    """Write changes/<mart>.parquet; the largest moves, relative to the value before."""
    target = root / "changes" / f"{contract.id}.parquet"
    target.parent.mkdir(exist_ok=True)
    session.execute(
        f"COPY (SELECT * FROM ({relation}) ORDER BY ALL) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)",
        what=f"changes of {contract.id}",
    )
    keys = ", ".join(f"coalesce({quote(k)}::VARCHAR, '–')" for k in contract.key)
    rows = session.rows(
        f"SELECT concat_ws(' ', {keys}), column_name, coalesce(before, '–'), coalesce(after, '–') "
        f"FROM read_parquet({literal(str(target))}) WHERE kind = 'revised' "
        "ORDER BY abs(TRY_CAST(after AS DOUBLE) - TRY_CAST(before AS DOUBLE)) "
        f"/ greatest(abs(TRY_CAST(before AS DOUBLE)), 1) DESC NULLS LAST, 1, 2 LIMIT {LARGEST}"
    )
    return tuple(tuple(map(str, row)) for row in rows)


_STATUS = {
    "new": "新增 new",
    "removed": "撤下 removed",
    "changed": "有修订 revised",
    "extended": "有增补 extended",
    "same": "无变化 same",
}


def changes_text(release: str, previous: str | None, changes: list[MartChange]) -> str:
    """CHANGES.md, readable as plain text."""
    lines = [f"# {release}", ""]
    if previous is None:
        lines += ["首次发布，没有可比较的版本。", "", "First release: there is nothing to compare with.", ""]
        return "\n".join(lines)
    lines += [
        f"与 {previous} 比较，按主键逐格对照。",
        "",
        f"Compared with {previous}, cell by cell along the keys.",
        "",
        "| 数据集 mart | 状态 status | 版本 version "
        "| 新增行 added | 删除行 removed | 修订行 changed | 修订格 cells |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for c in changes:
        versions = " → ".join(dict.fromkeys(v for v in (c.version_before, c.version_after) if v))
        numbers = " | ".join("–" if n is None else str(n) for n in (c.added, c.removed, c.changed))
        total = "–" if c.changed is None else str(sum(c.cells.values()))
        lines.append(f"| {c.mart} | {_STATUS[c.status]} | {versions} | {numbers} | {total} |")
    for c in changes:
        parts = [
            *(f"- 新增列 column added: `{n}`" for n in c.columns_added),
            *(f"- 删除列 column removed: `{n}`" for n in c.columns_removed),
            *(f"- 改类型 column retyped: `{n}`" for n in c.columns_retyped),
            *(f"- 修订原因 rows revised because: {cause}: {count}" for cause, count in c.causes.items()),
            *(f"- 修订格 cells revised in `{n}`: {count}" for n, count in c.cells.items()),
        ]
        if parts:
            lines += ["", f"## {c.mart}", "", *parts]
        if c.largest:
            lines += ["", "| 行 row | 列 column | 原值 before | 新值 after |", "|---|---|---:|---:|"]
            lines += [f"| {' | '.join(t.replace('|', '/') for t in row)} |" for row in c.largest]
            if sum(c.cells.values()) > len(c.largest):
                lines += ["", f"全部见 all of them: `changes/{c.mart}.parquet`"]
    return "\n".join(lines) + "\n"
