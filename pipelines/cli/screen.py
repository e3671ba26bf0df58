"""`edu screen FILE`: the clerk's own check, with the rules of the pipeline and nothing else."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.shell import emit, json_option, progress, say, with_settings
from warehouse.config import Settings

if TYPE_CHECKING:
    from assets.collection.screen import Screened
    from warehouse.engine.duckdb import Session


@click.command(short_help="Check a file with the rules of the pipeline; needs no warehouse")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="Kind of extract, e.g. student_registry; default: by the headers.")
@click.option("--owner", help="County, college or province code of the file.")
@click.option("--period", help="Month YYYY-MM of the data; default: this month.")
@click.option("--out", type=click.Path(path_type=Path), help="Workbook to write; default: beside FILE.")
@click.option("--no-workbook", is_flag=True, help="Only show the result.")
@json_option
@with_settings
def screen(
    settings: Settings,
    file: Path,
    source: str | None,
    owner: str | None,
    period: str | None,
    out: Path | None,
    no_workbook: bool,
    as_json: bool,
) -> None:
    """自查 / Check FILE before it is delivered: the same reading and rules as the pipeline, on this machine only.

    The result is shown with row numbers (never values) and written as a workbook beside the file. Exit code 0: nothing
    found; 3: faults.

    Example: edu screen 学籍202509.xlsx --period 2025-09
    """
    from assets.collection.screen import screen as check
    from assets.collection.screen import screening
    from warehouse.errors import UsageError
    from warehouse.landing import SOURCES, check_period

    if period:
        check_period(period)
    if source and source not in SOURCES:
        raise UsageError(f"Unknown source {source!r}", f"one of: {', '.join(SOURCES)}")
    target = out or file.with_name(f"{file.stem}-自查.xlsx")
    if target.resolve() == file.resolve():
        raise UsageError("The workbook would replace the file itself", "name another file with --out")
    with progress("自查"), screening(settings) as (session, own, keys):
        found = check(session, own, keys, file.resolve(), source=source, owner=owner, period=period)
        if not found.is_clean and not no_workbook:
            _write(session, found, target)
    _show(found)
    if not found.is_clean and not no_workbook:
        say(f"  {target}")
    emit(as_json, _document(found))
    sys.exit(0 if found.is_clean else 3)


def _write(session: Session, found: Screened, target: Path) -> None:
    from pipelines.cli.returns import rule_texts
    from warehouse.contract import extract_contract
    from warehouse.returns import workbook
    from warehouse.returns.content import FileItem, Return
    from warehouse.returns.issue import deliver
    from warehouse.returns.wording import Wording

    contract = extract_contract(found.source)
    rules = rule_texts()
    sheets = [found.records] if found.records else []
    name = found.outcome.delivery.file_name
    files = [
        FileItem(
            contract.title_zh, name, rule_id, severity,
            (found.outcome.reason_zh or "") if rule_id == found.outcome.refused_by and not unit
            else f"要求：{rules[rule_id].statement}" + (f"（{unit}）" if unit else ""),
            rules[rule_id].fix,
        )
        for rule_id, severity, unit in found.units
    ]  # fmt: skip
    refused_by = found.outcome.refused_by
    if refused_by and not any(i.rule_id == refused_by and i.severity == "block" for i in files):
        reason = found.outcome.reason_zh or ""
        files.insert(
            0,
            FileItem(contract.title_zh, name, refused_by, "block", reason, rules[refused_by].fix),
        )
    n_records = len(found.records.records) if found.records else 0
    content = Return(
        title=f"数据自查结果 · {contract.title_zh}",
        subtitle=f"{name} · {found.period} · 由报送单位自行检查，规则与接收时相同",
        facts=[
            ("文件", name),
            ("检查日期", str(date.today())),
            ("受检记录", f"{found.outcome.read.n_records:,} 条"),
            ("有问题记录", f"{n_records:,} 条"),
            (
                "结论",
                "整件不能接收" if found.outcome.status == "refused" else "可以报送；橙色记录更正前不入库",
            ),
        ],
        sheets=sheets,
        files=files,
        rules=rules,
        notes=[
            f"未在此检查：{rule_id} {rules[rule_id].title}（{why.partition(' / ')[0]}）"
            for rule_id, why in found.not_checked
        ],
    )
    partial = session.folder / "screen.xlsx"
    partial.touch(mode=0o600)
    workbook.write(partial, session.folder, content, {contract.id: Wording(session, contract, rules)})
    deliver(partial, target)


def _show(found: Screened) -> None:
    from rich.console import Console
    from rich.table import Table

    from expectations.rule import Severity, all_rules

    console = Console(stderr=True)
    o = found.outcome
    console.print(
        f"{o.delivery.file_name}: {found.source} {found.period}, {o.read.n_records:,} 条记录 records",
        highlight=False,
    )
    if found.counts:
        table = Table("规则", "问题", "级别", "数量 n", "文件行 first rows")
        for rule_id, severity, n, rows in found.counts:
            colour = "yellow" if severity in ("warn", "audit") else "red"
            more = " …" if n > len(rows) > 0 else ""
            where = "、".join(rows) + more if rows else "整个文件 the file"
            table.add_row(
                rule_id,
                all_rules()[rule_id].title_zh,
                f"[{colour}]{Severity(severity).zh}[/{colour}]",
                f"{n:,}",
                where,
            )
        console.print(table)
    if o.status == "refused":
        console.print(f"[red]✗ 整件不能接收 the file would be refused[/red]  {o.refused_by}", highlight=False)
        console.print(f"    {o.reason_zh}\n    [dim]{o.reason_en}[/dim]", highlight=False)
    elif o.n_quarantined:
        console.print(f"[red]✗[/red] {o.n_quarantined:,} 条记录不能入库 records would be set aside")
    elif found.counts:
        console.print("[yellow]![/yellow] 可以报送，请核实提示 may be delivered; look at the hints")
    else:
        console.print("[green]✓[/green] 没有发现问题 nothing wrong was found")
    for rule_id, why in found.not_checked:
        console.print(
            f"[dim]· 未检查 not checked here: {rule_id} {all_rules()[rule_id].title_zh}（{why}）[/dim]"
        )


def _document(found: Screened) -> dict[str, Any]:
    o = found.outcome
    return {
        "file": o.delivery.file_name,
        "source": found.source,
        "period": found.period,
        "status": o.status,
        "refused_by": o.refused_by,
        "rows": o.read.n_records,
        "set_aside": o.n_quarantined,
        "rules": [{"rule": r, "severity": s, "n": n, "first_rows": rows} for r, s, n, rows in found.counts],
        "not_checked": [{"rule": r, "why": w} for r, w in found.not_checked],
    }
