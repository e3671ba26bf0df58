"""From marts in the warehouse to a candidate: a whole folder that people can look at and approve.

`candidates/<period>-<first 12 of the content hash>`: the same data under the same contracts gives the
same folder. Every file except `marts.duckdb` is byte-reproducible with the same engine version; nothing
in it tells the time, the machine, the path or the person.

Mart-level custom properties read here: `disclosure` (see docs/disclosure.md) and `sortKey`, a list of
columns that lead the order of rows; the key always completes it, so that the order is total. The schema
version is the contract's version.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb

from warehouse.auditor import audit_release
from warehouse.config import Settings
from warehouse.contract import Contract
from warehouse.disclosure import Protected, protect_marts
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.errors import BlockedError, UsageError
from warehouse.protection import HIDDEN_COLUMNS, INTEGERS, STATUS, enforced, protection_of
from warehouse.release import files, pointer
from warehouse.release.approval import record_builder
from warehouse.release.changes import changes_text, check_versions, compare
from warehouse.release.dictionary import (
    Codes,
    html_text,
    source_of,
    standard_of,
    values_found,
    write_xlsx,
)
from warehouse.release.duckdb_file import memory_session, write_duckdb
from warehouse.release.manifest import (
    clean_inputs,
    clean_rules,
    content_hash,
    data_package,
    last_day,
    odcs_text,
    read_contracts,
    seal,
)
from warehouse.release.verify import verify_release
from warehouse.sharing.catalogue import catalogue
from warehouse.sharing.consumers import Consumer, check_consumers, paper

ROW_GROUP = 122_880
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PERSONAL_TIERS = ("L3", "L4")


@dataclass(frozen=True)
class Candidate:
    """A staged release. `hash` is its seal: what an approval must name."""

    path: Path
    id: str
    period: str
    content_hash: str
    previous: str | None
    hash: str


def load_candidate(path: Path) -> Candidate:
    """A candidate from its folder; BlockedError if its papers are missing."""
    facts = files.read_json(path / "RELEASE.json")
    files.read_sums(path)
    return Candidate(
        path=path,
        id=facts["id"],
        period=facts["period"],
        content_hash=facts["content_hash"],
        previous=facts["previous"],
        hash=seal((path / files.SUMS).read_bytes()),
    )


def build_candidate(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    period: str,
    contracts: Mapping[str, Contract],
    inputs: Sequence[Mapping[str, Any]],
    rule_summary: Sequence[Mapping[str, Any]],
    code_version: str,
    reference_version: str,
    operator: str,
    data_as_of: str | None = None,
    codes: Codes | None = None,
    consumers: Sequence[Consumer] = (),
    extras: Callable[[Path], None] | None = None,
) -> Candidate:
    """Write, check and name a candidate; an equal one that is already there is kept, with its approvals.

    `operator` is the account that builds and so may not approve. `data_as_of` defaults to the last day
    of the period. `codes` are code lists for the dictionary. What breaks a promise to one of the
    `consumers` stands in quality/consumers.json, and is refused when publishing if it blocks.
    `extras` is
    called with the staged folder to add files made from it (the dashboard); it must be deterministic and
    change nothing.

    Raises UsageError for faulty contracts, BlockedError when a mart does not fit its contract or must
    not be published.
    """
    pointer.check_period(period)
    if not contracts:
        raise UsageError("没有可发布的数据集 / there is no mart to publish", "give at least one contract")
    if not operator.strip():
        raise UsageError("缺少操作账号 / the operator's account is missing", "name the account that builds")
    known_inputs, rules = clean_inputs(inputs), clean_rules(rule_summary)
    final = {name: enforced(contracts[name]) for name in sorted(contracts)}
    for name, contract in final.items():
        _check_contract(name, contract)

    with files.exclusive(settings.candidates):
        files.sweep_staging(settings.candidates)
        staging = files.new_staging(settings.candidates)
        try:
            session = Session(con, Path())
            for contract in final.values():
                _check_table(session, contract)
            safe = protect_marts(session, final, pointer.shown_before(settings))
            rows = {name: _write_mart(session, staging, c, period, safe[name]) for name, c in final.items()}
            digest = content_hash(staging)
            release, previous = _identity(settings, period, digest)
            hidden = {name: _hidden_rows(staging, contract) for name, contract in final.items()}
            storage = str(settings.get("release", "duckdb_storage_version"))
            facts: dict[str, Any] = {
                "id": release,
                "period": period,
                "data_as_of": data_as_of or last_day(period),
                "previous": previous.id if previous else None,
                "compared_with": [p.name for p in pointer.shown_before(settings, without_content=digest)],
                "content_hash": digest,
                "code_version": code_version,
                "reference_version": reference_version,
                "engine": f"duckdb {duckdb.__version__}",
                "duckdb_storage_version": storage,
                "inputs": known_inputs,
                "marts": [_mart_facts(c, rows[name], hidden[name]) for name, c in final.items()],
            }
            losses = [{"mart": name, **safe[name].loss} for name in final]
            files.write_text(staging / "CHANGES.md", _changes(release, previous, staging, final))
            lists = {**(codes or {}), **values_found(staging, final)}
            write_duckdb(
                staging,
                facts,
                final,
                rules,
                storage,
                lambda contract, column: {
                    "source": source_of(contract, column),
                    "standard": standard_of(contract, column, lists),
                },
            )
            files.write_json(staging / "catalogue.json", {"release": release, "datasets": catalogue(final)})
            files.write_json(staging / "datapackage.json", data_package(facts, final, staging, rows))
            write_xlsx(staging / "dictionary.xlsx", release, final, lists)
            files.write_text(staging / "dictionary.html", html_text(release, final, lists))
            files.write_json(
                staging / "quality" / "summary.json",
                {"release": release, "period": period, "rules": rules, "disclosure": losses},
            )
            relied = _consumers(staging, final, consumers, period)
            files.write_json(staging / "quality" / "consumers.json", relied)
            files.write_json(staging / "RELEASE.json", facts)
            # A release with this very content is this candidate, not something that an attacker has besides.
            audit = audit_release(staging, pointer.shown_before(settings, without_content=digest))
            audit.require()
            files.write_json(staging / "quality" / "audit.json", audit.facts())
            if extras:
                extras(staging)
            files.write_sums(staging, files.sums(staging))
            # What is approved is what was checked: the staged files themselves, not the tables they
            # came from.
            verify_release(staging).require()
            newest = pointer.newest_of(settings, period)
            is_published = newest is not None and newest.content_hash == digest
            return _settle(settings, staging, f"{period}-{digest[:12]}", operator, is_published)
        finally:
            if staging.exists():
                rmtree(staging)


def _consumers(
    staging: Path, contracts: Mapping[str, Contract], consumers: Sequence[Consumer], period: str
) -> dict[str, Any]:
    session = memory_session()
    try:
        return paper(consumers, check_consumers(session, staging, contracts, consumers, period))
    finally:
        session.con.close()


def _check_contract(name: str, contract: Contract) -> None:
    if name != contract.id or not _NAME.fullmatch(name):
        raise UsageError(f"{name}: 数据集编号无效 / not a valid mart id", "use small letters, digits and _")
    if contract.schema != "mart" or not contract.key:
        raise UsageError(
            f"{name}: 须在 mart 中且有主键 / must lie in `mart` and have a key", "correct the mart's contract"
        )
    personal = [c.name for c in contract.columns if c.tier in _PERSONAL_TIERS or c.zone != "raw"]
    if personal:
        raise BlockedError(
            f"{name}: 含个人信息列 {personal} / columns hold personal data: {personal}",
            "leave them out of the mart; a release carries only aggregates of tier L1 and L2",
        )
    sort = contract.properties.get("sortKey") or []
    if not set(sort) <= {c.name for c in contract.columns}:
        raise UsageError(
            f"{name}: sortKey 中有未知列 / sortKey names unknown columns", "correct the mart's contract"
        )


@contextmanager
def _ordered(session: Session) -> Iterator[None]:
    """Let rows follow ORDER BY; a load may have switched `preserve_insertion_order` off."""
    before = session.value("SELECT current_setting('preserve_insertion_order')")
    session.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        session.execute(f"SET preserve_insertion_order = {literal(bool(before))}")


def _check_table(session: Session, contract: Contract) -> None:
    if not session.exists(contract.table):
        raise BlockedError(f"{contract.table} 不存在 / does not exist", "run the models of this period first")
    _check_types(session, contract)
    keys = ", ".join(quote(k) for k in contract.key)
    if session.rows(f"SELECT 1 FROM {quote(contract.table)} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"):
        raise BlockedError(
            f"{contract.id}: 主键重复 / the key is not unique ({', '.join(contract.key)})",
            "correct the model or the key of the contract",
        )


def _write_mart(session: Session, staging: Path, contract: Contract, period: str, safe: Protected) -> int:
    order = dict.fromkeys((*(contract.properties.get("sortKey") or ()), *contract.key))
    metadata = {
        "mart": contract.id,
        "period": period,
        "schema_version": contract.version,
        "title_zh": contract.title_zh,
        "title_en": contract.title_en,
    }
    files.write_text(staging / "contracts" / f"{contract.id}.odcs.yaml", odcs_text(contract))
    target = staging / "parquet" / f"{contract.id}.parquet"
    target.parent.mkdir(exist_ok=True)
    footer = ", ".join(f"{name}: {literal(value)}" for name, value in metadata.items())
    # A hidden sort column would betray its order of magnitude by its place: sort what is published, not
    # the mart.
    published = f"SELECT * FROM ({safe.select})"
    if any(c.name == "period" for c in contract.columns):
        # What later months brought is not the data of this month (decision 0004).
        published += f" WHERE period <= {literal(period)}"
    with _ordered(session):
        session.execute(
            f"COPY ({published} ORDER BY {', '.join(f'{quote(n)} ASC NULLS FIRST' for n in order)}) "
            f"TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, "
            f"ROW_GROUP_SIZE {ROW_GROUP}, KV_METADATA {{{footer}}})",
            what=f"COPY {contract.id}",
        )
    return int(session.value(f"SELECT count(*) FROM read_parquet({literal(str(target))})"))


def _check_types(session: Session, contract: Contract) -> None:
    """Types must be those of the contract; only integers are narrowed, where overflow is an error."""
    actual = {row[0]: row[1] for row in session.rows(f"DESCRIBE SELECT * FROM {quote(contract.table)}")}
    faults = []
    for column in contract.columns:
        if column.name in (STATUS, HIDDEN_COLUMNS) and protection_of(contract).lane != "open":
            continue
        wanted = session.value(f"SELECT typeof(CAST(NULL AS {column.type}))")
        found = actual.get(column.name, "–")
        if found != wanted and not (found in INTEGERS and wanted in INTEGERS):
            faults.append(f"{column.name} {found} ≠ {wanted}")
    if faults:
        raise BlockedError(
            f"{contract.id}: 列与契约不符 / columns differ from the contract: {'; '.join(faults)}",
            "correct the model or the contract",
        )


def _identity(settings: Settings, period: str, digest: str) -> tuple[str, pointer.Release | None]:
    """Id and predecessor; content that is already the newest of its month keeps its papers."""
    newest = pointer.newest_of(settings, period)
    if newest and newest.content_hash == digest:
        found = next((r for r in pointer.list_releases(settings) if r.id == newest.previous), None)
        return newest.id, found
    return pointer.release_id(period, pointer.taken_ids(settings)), pointer.previous_of(settings, period)


def _hidden_rows(staging: Path, contract: Contract) -> int:
    if protection_of(contract).lane == "open":
        return 0
    session = memory_session()
    try:
        source = literal(str(staging / "parquet" / f"{contract.id}.parquet"))
        return int(session.value(f"SELECT count(*) FROM read_parquet({source}) WHERE {STATUS} = 'hidden'"))
    finally:
        session.con.close()


def _mart_facts(contract: Contract, rows: int, hidden: int) -> dict[str, Any]:
    rule = protection_of(contract)
    return {
        "mart": contract.id,
        "table": contract.table,
        "title_zh": contract.title_zh,
        "title_en": contract.title_en,
        "schema_version": contract.version,
        "rows": rows,
        "lane": rule.lane,
        "minimum": None if rule.lane == "open" else rule.minimum,
        "hidden_rows": hidden,
    }


def _changes(
    release: str, previous: pointer.Release | None, staging: Path, contracts: Mapping[str, Contract]
) -> str:
    if previous is None:
        return changes_text(release, None, [])
    before = read_contracts(previous.path)
    check_versions(before, contracts)
    session = memory_session()
    try:
        return changes_text(release, previous.id, compare(session, previous.path, before, staging, contracts))
    finally:
        session.con.close()


def _settle(settings: Settings, staging: Path, name: str, operator: str, is_published: bool) -> Candidate:
    """Give the staged folder its name, unless an equal candidate has it already.

    What was published is not made again because the evidence grew meanwhile (the steps of review, for example).
    """
    target = settings.candidates / name
    if target.exists() and (verify_release(target).ok if is_published else _same_evidence(target, staging)):
        record_builder(target, operator)
        return load_candidate(target)
    files.fsync_tree(staging)
    # Known before the folder is there: a builder must never be able to approve, not even after a crash
    # in between.
    record_builder(target, operator)
    if target.exists():
        target.rename(settings.candidates / f"{files.STAGING}{secrets.token_hex(6)}")
    staging.rename(target)
    files.fsync_dir(settings.candidates)
    files.sweep_staging(settings.candidates)
    return load_candidate(target)


def _same_evidence(target: Path, staging: Path) -> bool:
    """Equal files; marts.duckdb is never byte-equal, but has been checked against the Parquet files."""
    if not verify_release(target).ok:
        return False
    old, new = (
        {n: h for n, h in files.read_sums(root).items() if n != "marts.duckdb"} for root in (target, staging)
    )
    return old == new
