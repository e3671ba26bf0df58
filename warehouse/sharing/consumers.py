"""What consumers rely on: a dashboard or a department keeps its own expectations of marts, run against every candidate.

One YAML file per consumer, in `warehouse/contracts/consumers/` (ours) and `data/consumers/` (departments):

    id: finance_dashboard
    title_zh: 财政厅看板
    title_en: Dashboard of the finance department
    contact: 省财政厅教科文处            # an office, never a person
    accepts_new_major: true            # a new major version of a mart tells this consumer, it does not block
    data_breaks: block                 # block | warn: ranges, rows and freshness
    max_age_days: 45                   # the current release is stale for this consumer after so many days
    needs:
      - mart: school_size__school_month
        version: 1                     # major version it was built on
        grain: [period, school_id, point_code]
        columns: {period: VARCHAR, school_id: VARCHAR, n_pupils: INTEGER}
        where: stage_code = '10'       # optional: the rows it reads
        min_rows: 1
        ranges: {n_pupils: [0, 10000]} # empty values are not judged: they may be hidden
        newest_period: true            # has rows of the candidate's own month

A column, type or grain that is missing under the same major version blocks the candidate: restore it, or raise the
mart's major version. A new major version blocks only consumers that do not accept one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from warehouse.config import Settings
from warehouse.contract import CONTRACTS, Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.errors import EngineError, UsageError

_FIELDS = {
    "id",
    "title_zh",
    "title_en",
    "contact",
    "accepts_new_major",
    "data_breaks",
    "max_age_days",
    "needs",
}
_NEED = {"mart", "version", "grain", "columns", "where", "min_rows", "ranges", "newest_period"}


@dataclass(frozen=True)
class Need:
    """What a consumer relies on in one mart; see the example above."""

    mart: str
    version: int
    columns: dict[str, str]
    grain: tuple[str, ...] = ()
    where: str = "true"
    min_rows: int = 0
    ranges: tuple[tuple[str, float | None, float | None], ...] = ()
    newest_period: bool = False


@dataclass(frozen=True)
class Consumer:
    """Who relies on what, and what a break means to them."""

    id: str
    title_zh: str
    title_en: str
    contact: str
    needs: tuple[Need, ...]
    accepts_new_major: bool = False
    data_breaks: str = "block"
    max_age_days: int | None = None


@dataclass(frozen=True)
class Break:
    """One promise that a candidate does not keep. `kind`: schema, version or data."""

    consumer: str
    mart: str
    kind: str
    blocks: bool
    what_zh: str
    what_en: str


def consumer_files(settings: Settings) -> list[Path]:
    """Files of all consumers: the project's first, then those of this installation."""
    return [
        *sorted((CONTRACTS / "consumers").glob("*.yaml")),
        *sorted((settings.data / "consumers").glob("*.yaml")),
    ]


def load_consumers(settings: Settings) -> list[Consumer]:
    """All consumers; UsageError names a file that is not as described above."""
    found: dict[str, Consumer] = {}
    for file in consumer_files(settings):
        try:
            consumer = parse_consumer(yaml.safe_load(file.read_text(encoding="utf-8")))
            if consumer.id != file.stem or consumer.id in found:
                raise ValueError(f"id {consumer.id} is not the file name, or is not unique")
        except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(
                f"使用方契约 {file.name} 有误 / consumer contract {file.name}: {said}", "see docs/sharing.md"
            ) from None
        found[consumer.id] = consumer
    return list(found.values())


def parse_consumer(node: Mapping[str, Any]) -> Consumer:
    """A consumer from its YAML; ValueError for unknown or missing fields."""
    if unknown := set(node) - _FIELDS:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    if node.get("data_breaks", "block") not in ("block", "warn"):
        raise ValueError("data_breaks is block or warn")
    needs = []
    for need in node["needs"]:
        if unknown := set(need) - _NEED:
            raise ValueError(f"unknown fields {sorted(unknown)} in needs")
        ranges = tuple((c, low, high) for c, (low, high) in (need.get("ranges") or {}).items())
        columns = {str(c): str(t).upper() for c, t in need["columns"].items()}
        used = {*(need.get("grain") or ()), *(c for c, _, _ in ranges)}
        if used - columns.keys():
            raise ValueError(f"{need['mart']}: {sorted(used - columns.keys())} not under columns")
        needs.append(
            Need(
                mart=str(need["mart"]),
                version=int(need["version"]),
                columns=columns,
                grain=tuple(need.get("grain") or ()),
                where=str(need.get("where") or "true"),
                min_rows=int(need.get("min_rows") or 0),
                ranges=ranges,
                newest_period=bool(need.get("newest_period")),
            )
        )
    if not needs:
        raise ValueError("needs is empty")
    return Consumer(
        id=str(node["id"]),
        title_zh=str(node["title_zh"]),
        title_en=str(node["title_en"]),
        contact=str(node["contact"]),
        needs=tuple(needs),
        accepts_new_major=bool(node.get("accepts_new_major", False)),
        data_breaks=str(node.get("data_breaks", "block")),
        max_age_days=node.get("max_age_days"),
    )


def check_consumers(
    session: Session,
    staged: Path,
    contracts: Mapping[str, Contract],
    consumers: Sequence[Consumer],
    period: str,
) -> list[Break]:
    """The promises that the staged files do not keep, in the order of consumers and needs."""
    return [
        found
        for consumer in consumers
        for need in consumer.needs
        for found in _check(session, staged, contracts.get(need.mart), consumer, need, period)
    ]


def _check(
    session: Session, staged: Path, contract: Contract | None, consumer: Consumer, need: Need, period: str
) -> Iterator[Break]:
    def broken(kind: str, blocks: bool, zh: str, en: str) -> Break:
        return Break(consumer.id, need.mart, kind, blocks, zh, en)

    if contract is None:
        yield broken("schema", True, "数据集不存在", "there is no such mart")
        return
    major = int(contract.version.split(".")[0])
    declared = major > need.version
    if declared:
        yield broken(
            "version",
            not consumer.accepts_new_major,
            f"主版本已升至 {major}，使用方按第 {need.version} 版开发",
            f"the major version is {major}, the consumer was built on {need.version}",
        )
    types = {c.name: c.type.upper() for c in contract.columns}
    faults = [f"{c} {types.get(c, '–')} ≠ {t}" for c, t in need.columns.items() if types.get(c) != t]
    if need.grain and set(need.grain) != set(contract.key):
        faults.append(f"grain {', '.join(contract.key)} ≠ {', '.join(need.grain)}")
    if faults:
        # Under a new major version the break is declared, and judged above.
        yield broken(
            "schema",
            not (declared and consumer.accepts_new_major),
            f"列或粒度不符：{'; '.join(faults)}",
            f"columns or grain differ: {'; '.join(faults)}",
        )
        return
    blocks = consumer.data_breaks == "block"
    parquet = literal(str(staged / "parquet" / f"{need.mart}.parquet"))
    rows = f"(SELECT * FROM read_parquet({parquet}) WHERE {need.where})"
    try:
        n = int(session.value(f"SELECT count(*) FROM {rows}"))
        newest = (
            session.value(f"SELECT count(*) FROM {rows} WHERE period = {literal(period)}")
            if need.newest_period
            else 1
        )
        outside = {
            column: int(
                session.value(f"SELECT count(*) FROM {rows} WHERE NOT ({_within(column, low, high)})")
            )
            for column, low, high in need.ranges
        }
    except EngineError:
        yield broken("schema", True, "where 条件不能执行", "its `where` cannot be evaluated")
        return
    if n < need.min_rows:
        yield broken(
            "data",
            blocks,
            f"只有 {n} 行，至少须 {need.min_rows} 行",
            f"{n} rows, at least {need.min_rows} wanted",
        )
    if not newest:
        yield broken("data", blocks, f"没有 {period} 的数据", f"no rows of {period}")
    for column, count in outside.items():
        if count:
            yield broken(
                "data", blocks, f"{count} 行的 {column} 超出范围", f"{count} rows of {column} out of range"
            )


def _within(column: str, low: float | None, high: float | None) -> str:
    bounds = [f"{quote(column)} >= {low}"] if low is not None else []
    bounds += [f"{quote(column)} <= {high}"] if high is not None else []
    return " AND ".join(bounds) or "true"


def paper(consumers: Sequence[Consumer], breaks: Sequence[Break]) -> dict[str, Any]:
    """quality/consumers.json of a candidate."""
    return {
        "consumers": [
            {
                "id": c.id,
                "title_zh": c.title_zh,
                "title_en": c.title_en,
                "marts": [n.mart for n in c.needs],
                "breaks": [
                    {k: v for k, v in vars(b).items() if k != "consumer"}
                    for b in breaks
                    if b.consumer == c.id
                ],
            }
            for c in consumers
        ]
    }


def blocking(document: Mapping[str, Any]) -> list[str]:
    """The blocking breaks of a quality/consumers.json, in words."""
    return [
        f"{c['id']} {b['mart']}: {b['what_zh']} / {b['what_en']}"
        for c in document.get("consumers", ())
        for b in c["breaks"]
        if b["blocks"]
    ]


def stale(consumers: Sequence[Consumer], as_of: date, today: date) -> list[tuple[Consumer, date]]:
    """Consumers for whom data of this date are too old today, and since when."""
    found = []
    for consumer in consumers:
        if consumer.max_age_days is None:
            continue
        since = as_of + timedelta(days=consumer.max_age_days + 1)
        if since <= today:
            found.append((consumer, since))
    return found
