"""Is a release whole, unchanged and safe? Answered from the folder alone, without the warehouse.

The disclosure checks share no code with the protection: they look only at what is published and at the
contract in the release, so that a fault in one is found by the other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse.config import Settings
from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.errors import BlockedError, EduError
from warehouse.release import pointer
from warehouse.release.duckdb_file import memory_session, table_name
from warehouse.release.files import SUMS, list_files, read_json, read_sums, sha256_file
from warehouse.release.manifest import content_hash, read_contracts, seal

# Byte 12 of a DuckDB file by storage setting; a wrong one means clients that we promised to serve
# cannot open it.
STORAGE_BYTE = {"v1.0.0": 64, "v1.1.0": 64, "v1.2.0": 65, "v1.3.0": 66, "v1.4.0": 67, "v1.5.0": 68}


@dataclass
class VerifyReport:
    """Result of a check. `notes` are worth knowing but make nothing wrong."""

    path: Path
    id: str = ""
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """No problem found."""
        return not self.problems

    def require(self) -> None:
        """BlockedError with the first problems if there are any."""
        if self.problems:
            more = f" (+{len(self.problems) - 3})" if len(self.problems) > 3 else ""
            raise BlockedError(
                f"{self.id or self.path.name}: {'; '.join(self.problems[:3])}{more}",
                "do not use this folder: build and publish again, or roll back to a release that verifies",
            )

    def add(self, zh: str, en: str) -> None:
        """Note a problem in both languages."""
        self.problems.append(f"{zh} / {en}")


def verify_release(path: Path) -> VerifyReport:
    """Check a release or a candidate. Never raises for a damaged folder: what is wrong stands in the report.

    A damaged file ends the check after the checksums: its content is not opened, because it may be made
    to harm.
    """
    report = VerifyReport(path)
    try:
        facts = _papers(path, report)
        if report.ok:
            contracts = read_contracts(path)
            _marts(path, facts, contracts, report)
    except EduError as error:
        report.problems.append(error.message)
    except (KeyError, TypeError, AttributeError):
        report.add("清单内容不完整", "a manifest lacks entries")
    return report


def verify_current(settings: Settings) -> VerifyReport:
    """Check the release that `current` points to, resolved once."""
    link = settings.releases / "current"
    report = VerifyReport(link)
    try:
        name = pointer.current_id(settings)
    except EduError as error:
        report.problems.append(error.message)
        return report
    if name is None:
        report.add("尚无发布", "nothing is published yet")
        return report
    folder = Path(os.path.realpath(link))
    if folder.parent != settings.releases.resolve() or not folder.is_dir():
        report.add("current 指向不存在的发布", "current points to a release that is not there")
        return report
    report = verify_release(folder)
    if name in pointer.retired(settings):
        # Only after a crash within a withdrawal; the next act on releases finishes it.
        report.notes.append(f"{name} 正在撤回 / {name} is being withdrawn; run `edu release list`")
    if report.id != name:
        report.add("发布编号与目录名不符", "the id of the release is not the name of its folder")
    try:
        stated = pointer.pointer_file(settings).get("id")
    except EduError as error:
        report.problems.append(error.message)
    else:
        if stated != name:
            # Possible after a crash between the two writes; both name a whole release.
            report.notes.append(
                f"current.json 指向 {stated} / current.json names {stated}; publish again to align it"
            )
    return report


def _papers(path: Path, report: VerifyReport) -> dict[str, Any]:
    """Checksums, content hash, approvals."""
    listed, found = read_sums(path), set(list_files(path)) - {SUMS}
    report.files = len(found)
    for name in sorted(set(listed) - found):
        report.add(f"缺少文件 {name}", f"file missing: {name}")
    for name in sorted(found - set(listed)):
        report.add(f"多出文件 {name}", f"file not listed: {name}")
    for name in sorted(found & set(listed)):
        if sha256_file(path / name) != listed[name]:
            report.add(f"文件被改动 {name}", f"file changed: {name}")
    if report.problems:
        return {}
    facts: dict[str, Any] = read_json(path / "RELEASE.json")
    report.id = str(facts["id"])
    if content_hash(path) != facts["content_hash"]:
        report.add("内容指纹不符", "the content hash does not fit")
    if (path / "APPROVALS.json").exists():
        approvals = read_json(path / "APPROVALS.json")
        expected = seal((path / SUMS).read_bytes())
        if approvals["id"] != facts["id"] or not approvals["approvals"]:
            report.add("审批记录与发布不符", "the approvals are not of this release")
        if any(node["candidate_hash"] != expected for node in approvals["approvals"]):
            report.add("审批的是另一个版本", "the approvals are of different files")
    elif not path.name.startswith(".") and path.name == facts["id"]:
        report.add("没有审批记录", "there are no approvals")
    return facts


def _marts(path: Path, facts: dict[str, Any], contracts: dict[str, Contract], report: VerifyReport) -> None:
    resources = {r["name"]: r for r in read_json(path / "datapackage.json")["resources"]}
    stated = {m["mart"]: m for m in facts["marts"]}
    files = {Path(name).stem for name in list_files(path) if name.startswith("parquet/")}
    if not (set(contracts) == set(resources) == set(stated) == files):
        report.add("契约、清单与文件不一致", "contracts, manifests and files name different marts")
        return
    header = (path / "marts.duckdb").read_bytes()[:16] if (path / "marts.duckdb").exists() else b""
    wanted = STORAGE_BYTE.get(facts["duckdb_storage_version"])
    if len(header) < 16 or (wanted is not None and header[12] != wanted):
        report.add("marts.duckdb 的格式版本不符", "marts.duckdb is not in the stated storage version")
        return
    session = memory_session()
    try:
        session.execute(f"ATTACH {literal(str(path / 'marts.duckdb'))} AS r (READ_ONLY)")
        tables = {
            row[0]
            for row in session.rows(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'r' AND schema_name = 'mart'"
            )
        }
        if tables != {table_name(c) for c in contracts.values()}:
            report.add("marts.duckdb 的表不符", "marts.duckdb holds other tables than the contracts name")
            return
        if session.rows("SELECT 1 FROM duckdb_views() WHERE database_name = 'r' AND NOT internal"):
            report.add("marts.duckdb 含视图", "marts.duckdb holds views")
        for name, contract in sorted(contracts.items()):
            _mart(session, path, contract, resources[name], stated[name], report)
    finally:
        session.con.close()


def _mart(
    session: Session,
    path: Path,
    contract: Contract,
    resource: dict[str, Any],
    stated: dict[str, Any],
    report: VerifyReport,
) -> None:
    name = contract.id
    file = path / "parquet" / f"{name}.parquet"
    parquet = f"read_parquet({literal(str(file))})"
    table = f"r.mart.{quote(table_name(contract))}"
    wanted = [(c.name, session.value(f"SELECT typeof(CAST(NULL AS {c.type}))")) for c in contract.columns]
    for what, relation in (("Parquet", parquet), ("marts.duckdb", table)):
        if [row[:2] for row in session.rows(f"DESCRIBE SELECT * FROM {relation}")] != wanted:
            report.add(f"{name}: {what} 的列与契约不符", f"columns in {what} differ from the contract")
            return
    if [(f["name"], f["duckdbType"]) for f in resource["schema"]["fields"]] != [
        (c.name, c.type) for c in contract.columns
    ] or resource["schema"]["primaryKey"] != list(contract.key):
        report.add(f"{name}: datapackage.json 与契约不符", "datapackage.json differs from the contract")
    rows = int(session.value(f"SELECT count(*) FROM {parquet}"))
    report.rows[name] = rows
    if not (rows == resource["rowCount"] == stated["rows"]) or resource["bytes"] != file.stat().st_size:
        report.add(f"{name}: 行数或大小与清单不符", "rows or bytes differ from the manifest")
    if resource["hash"] != f"sha256:{sha256_file(file)}":
        report.add(f"{name}: datapackage.json 的指纹不符", "the hash in datapackage.json does not fit")
    differing = session.value(
        f"SELECT (SELECT count(*) FROM (FROM {parquet} EXCEPT ALL FROM {table})) "
        f"+ (SELECT count(*) FROM (FROM {table} EXCEPT ALL FROM {parquet}))"
    )
    if differing:
        report.add(
            f"{name}: Parquet 与 marts.duckdb 内容不同",
            f"Parquet and marts.duckdb differ in {differing} rows",
        )
    keys = ", ".join(quote(k) for k in contract.key)
    if session.rows(f"SELECT 1 FROM {parquet} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"):
        report.add(f"{name}: 主键重复", "the key is not unique")
    for column in contract.columns:
        if column.required and session.rows(
            f"SELECT 1 FROM {parquet} WHERE {quote(column.name)} IS NULL LIMIT 1"
        ):
            report.add(f"{name}: {column.name} 不得为空", f"{column.name} is required but empty in some rows")
    _disclosure(session, parquet, contract, stated, report)


def _disclosure(
    session: Session, parquet: str, contract: Contract, stated: dict[str, Any], report: VerifyReport
) -> None:
    """Every mart declares its protection, nothing small is shown, and the markers are true both ways."""
    node = contract.properties.get("disclosure")
    if not node:
        report.add(f"{contract.id}: 未声明披露保护", "disclosure control is not declared")
        return
    if node["lane"] == "open":
        return
    least, base, counts = node.get("minimum"), node.get("base"), node["counts"]
    if stated["minimum"] != least or not isinstance(least, int) or least < 2:
        report.add(f"{contract.id}: 保密阈值与清单不符", "the disclosure minimum differs from RELEASE.json")
        return

    def rows(condition: str) -> int:
        return int(session.value(f"SELECT count(*) FROM {parquet} WHERE {condition}"))

    hidden = "list_contains(string_split(coalesce(hidden_columns, ''), ','), {})"
    for name, count in counts.items():
        where = f"({(count or {}).get('where') or 'true'})"
        column = quote(name)
        if node["lane"] == "round":
            if n := rows(f"{where} AND {column} % {base} <> 0"):
                report.add(f"{contract.id}: {n} 行的 {name} 未取整", f"{n} rows of {name} are not rounded")
        elif n := rows(f"{where} AND {column} > 0 AND {column} < {least}"):
            report.add(f"{contract.id}: {n} 行公布了过小的人数", f"{n} rows show a count that is too small")
        if n := rows(f"{hidden.format(literal(name))} AND {column} IS NOT NULL"):
            report.add(f"{contract.id}: {n} 行标为保密却有值", f"{n} rows name {name} as hidden but show it")
    for name, expression in (node.get("derived") or {}).items():
        value = f"CAST(({expression}) AS {contract.column(name).type})"
        if n := rows(f"{quote(name)} IS DISTINCT FROM {value}"):
            report.add(
                f"{contract.id}: {n} 行的 {name} 不是由公布数算出",
                f"{n} rows of {name} do not follow from what is shown",
            )
    if n := rows("cell_status IS NULL OR cell_status NOT IN ('shown', 'rounded', 'hidden')"):
        report.add(f"{contract.id}: {n} 行状态无效", f"{n} rows have no valid cell_status")
    if n := rows("(cell_status = 'hidden') <> (hidden_columns IS NOT NULL)"):
        report.add(
            f"{contract.id}: {n} 行的状态与所列不符",
            f"{n} rows are marked hidden but hide nothing, or the reverse",
        )
    if rows("cell_status = 'hidden'") != stated["hidden_rows"]:
        report.add(
            f"{contract.id}: 保密行数与清单不符", "the number of hidden rows differs from RELEASE.json"
        )
