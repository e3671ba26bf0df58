"""Words and tables for the terminal: what a load came to, what is waiting, what the rules say. Counts only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from pipelines.run import MonthReport
from warehouse.config import Settings
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from warehouse.engine.duckdb import Session

_STAGE_ZH = {"collection": "采集", "storage": "存储", "processing": "处理", "use": "使用", "sharing": "共享"}
_LISTED = 12


def _console() -> Console:
    return Console(stderr=True, soft_wrap=True)


def print_load(report: MonthReport) -> None:
    """The result of a load, with what to do next."""
    console = _console()
    seconds = ", ".join(f"{_STAGE_ZH.get(k, k)} {k} {v:.1f} s" for k, v in report.seconds.items())
    rows = report.rows
    console.print(
        f"{report.period}: {sum(report.files.values())} files ({report.files.get('refused', 0)} refused), "
        f"{rows['read']:,} rows read = {rows['accepted']:,} accepted + {rows['quarantined']:,} set aside"
    )
    console.print(f"[dim]{seconds}[/dim]")
    _print_tasks(console, report)
    for r in report.refused[:_LISTED]:
        console.print(
            f"[red]✗ 退回 refused[/red]  {r['source']} {r['owner']} {r['file']}  [{r['rule']}]".replace(
                "[R", r"\[R"
            )
        )
        console.print(f"    {r['reason_zh']}\n    [dim]{r['reason_en']}[/dim]", highlight=False)
    if len(report.refused) > _LISTED:
        console.print(f"  … and {len(report.refused) - _LISTED} more: edu status --json")
    for b in report.blocking[:_LISTED]:
        from expectations.rule import all_rules

        rule = all_rules()[b["rule"]]
        console.print(
            f"[red]✗ 阻断 blocked[/red]  {b['rule']} {b['dataset']}: {b['failed']:,} of {b['tested']:,} fail"
        )
        console.print(
            f"    {rule.statement_zh}。{rule.fix_zh}\n    [dim]{rule.statement_en}. {rule.fix_en}[/dim]",
            highlight=False,
        )
    if report.published:
        console.print(
            f"[green]✓[/green] 数据没有变化 / nothing new: {report.published} holds exactly this content"
        )
    elif report.success:
        console.print(
            f"[green]✓[/green] release candidate [bold]{report.candidate}[/bold] waits for approval"
        )
        console.print(
            f"  next: edu review approve {report.period} --by <approver>   (two different persons), then edu publish"
        )
    else:
        console.print("[red]✗[/red] 未发布，当前版本不变 / nothing was published, the current release stays")
        if report.refused:
            console.print("  → 更正被退回的文件后重新放入 landing（或移出），再运行 edu load")
            console.print("  → correct the refused files, or move them out of landing, and load again")


def _print_tasks(console: Console, report: MonthReport) -> None:
    """What goes back to the owners, by rule: how much, and what they are to do."""
    from expectations.rule import all_rules

    rules = all_rules()
    files = Counter(r["rule"] for r in report.refused)
    table = Table(
        "规则 rule",
        "处理 outcome",
        "文件 files",
        "行 rows",
        "怎么办 what to do",
        title="退回清单 to be sent back",
        show_lines=False,
    )
    for rule_id, n in files.most_common():
        table.add_row(rule_id, "[red]退回 refused[/red]", str(n), "–", rules[rule_id].fix_zh)
    words = {"quarantine": "[yellow]隔离 set aside[/yellow]", "warn": "提示 warning"}
    for r in report.returned:
        severity = words.get(r["severity"], r["severity"])
        table.add_row(r["rule"], severity, str(r["n_files"]), f"{r['n_rows']:,}", rules[r["rule"]].fix_zh)
    if report.n_repaired:
        console.print(
            f"{report.n_repaired:,} 个单元格已自动修复（原件存档）/ cells repaired, originals kept: docs/dirt.md"
        )
    if table.row_count:
        console.print(table)
        if report.returned:
            console.print("  → edu return 生成退回工作簿 / writes the workbooks that go back to the owners")


def print_score(settings: Settings, truth: Path) -> dict[str, Any]:
    """Recall and precision of the seeded dirt. UsageError if there is no sample or no warehouse to compare."""
    from sample.recall import score

    if not (truth / "defect.parquet").is_file() or not settings.warehouse_file.exists():
        raise UsageError(f"no truth tables in {truth}, or nothing loaded", "edu sample, then edu load PERIOD")
    document = score(settings.warehouse_file, truth).as_dict()
    console = _console()
    for part, title in (("dirt", "问题种类 dirt"), ("rules", "规则 rules")):
        table = Table(
            "编号 id",
            "植入 seeded",
            "查出 caught",
            "误报 false",
            "查全率 recall",
            "查准率 precision",
            title=title,
        )
        for name, s in document[part].items():
            rates = ("–" if s[k] is None else f"{s[k]:.3f}" for k in ("recall", "precision"))
            table.add_row(name, f"{s['seeded']:,}", f"{s['caught']:,}", f"{s['false']:,}", *rates)
        console.print(table)
    for name, said in (("missed", "漏报 missed"), ("false", "误报 false")):
        for line in document[name][:_LISTED]:
            console.print(f"[red]✗ {said}[/red]  {line}", highlight=False)
    return document


def print_status(settings: Settings) -> dict[str, Any]:
    """Months, refused files, candidates and the current release."""
    from warehouse.engine.duckdb import open_reader
    from warehouse.landing import is_collected, periods_in_landing
    from warehouse.release import list_releases, load_approvals
    from warehouse.release.pointer import current_id

    console = _console()
    months: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    if settings.warehouse_file.exists():
        with open_reader(settings) as session:
            names = ("period", "files", "refused", "read", "accepted", "quarantined")
            months = [
                dict(zip(names, row, strict=True))
                for row in session.rows(
                    "SELECT period, count(*), count(*) FILTER (status = 'refused'), coalesce(sum(n_read), 0)::BIGINT, "
                    "coalesce(sum(n_accepted), 0)::BIGINT, coalesce(sum(n_quarantined), 0)::BIGINT "
                    "FROM ops.delivery__version GROUP BY ALL ORDER BY ALL"
                )
            ]
            for m in months:
                m |= _arrival(session, settings, m["period"])
            fields = ("period", "source", "owner", "file", "rule", "reason_zh", "reason_en")
            refused = [
                dict(zip(fields, row, strict=True))
                for row in session.rows(
                    "SELECT period, source, owner, file_name, refused_by, reason_zh, reason_en FROM ops.delivery__version "
                    "WHERE status = 'refused' ORDER BY ALL"
                )
            ]
    waiting = [p for p in periods_in_landing(settings) if not is_collected(settings, p)]
    published = list_releases(settings)
    contents = {r.content_hash[:12] for r in published}
    candidates = [
        {"candidate": p.name, "approvals": len(load_approvals(p))}
        for p in sorted(settings.candidates.glob("*-*/"))
        if p.name.rpartition("-")[2] not in contents
    ]
    current = current_id(settings)
    releases = [r.id for r in published]
    table = Table(
        "月 month",
        "文件 files",
        "退回 refused",
        "读入 read",
        "接收 accepted",
        "隔离 set aside",
        "缺 missing",
        "迟 late",
        title="装载 loaded",
    )
    for m in months:
        table.add_row(
            m["period"],
            str(m["files"]),
            str(m["refused"]),
            *(f"{m[k]:,}" for k in ("read", "accepted", "quarantined", "missing", "late")),
        )
    console.print(table)
    if months and months[-1]["missing"] + months[-1]["late"]:
        console.print(f"缺报、迟报 / missing and late files: edu calendar {months[-1]['period']}")
    for r in refused[:_LISTED]:
        console.print(
            f"[red]退回[/red] {r['period']} {r['source']} {r['owner']} {r['file']} {r['rule']}: {r['reason_zh']}"
        )
    if waiting:
        console.print(f"新文件待加载 / new files wait in landing: {', '.join(waiting)}  → edu load PERIOD")
    for c in candidates:
        console.print(
            f"发布候选 / candidate {c['candidate']}: {c['approvals']} of {settings.get('release', 'approvers')} approvals"
        )
    console.print(f"当前发布 / current release: [bold]{current or '–'}[/bold]  ({len(releases)} releases)")
    fresh = _freshness(settings, current)
    if fresh["as_of"]:
        console.print(f"数据截至 / data as of: {fresh['as_of']} ({fresh['age_days']} 天 days)")
    for late in fresh["stale"]:
        console.print(
            f"[yellow]已过期 / stale since {late['since']}[/yellow] {late['consumer']} {late['title_zh']}",
            highlight=False,
        )
    return {
        "months": months,
        "refused": refused,
        "waiting": waiting,
        "candidates": candidates,
        "current": current,
        "releases": releases,
        "freshness": fresh,
        "silent": _silent(settings),
    }


def _arrival(session: Session, settings: Settings, period: str) -> dict[str, int]:
    """Packages that the calendar expects and nobody waived: how many are missing, how many came after their date."""
    from datetime import date

    from warehouse.workflow.calendar import overview

    lines = [x for x in overview(session, period, settings.province_code, date.today()) if not x["waived"]]
    return {
        "missing": sum(x["missing"] for x in lines),
        "late": sum(x["late"] and not x["missing"] for x in lines),
    }


def _freshness(settings: Settings, current: str | None) -> dict[str, Any]:
    """as_of and age_days of the current release, and the consumers for whom it is stale, since when."""
    from datetime import date

    from warehouse.release.files import read_json
    from warehouse.sharing.consumers import load_consumers, stale

    if current is None:
        return {"as_of": None, "age_days": None, "stale": []}
    as_of = date.fromisoformat(read_json(settings.releases / current / "RELEASE.json")["data_as_of"])
    today = date.today()
    late = [
        {"consumer": c.id, "title_zh": c.title_zh, "title_en": c.title_en, "since": since.isoformat()}
        for c, since in stale(load_consumers(settings), as_of, today)
    ]
    return {"as_of": as_of.isoformat(), "age_days": (today - as_of).days, "stale": late}


def _silent(settings: Settings) -> str | None:
    from datetime import datetime

    from warehouse.engine.duckdb import open_reader
    from warehouse.workflow.watch import silent

    if not settings.warehouse_file.exists():
        return None
    with open_reader(settings) as session:
        found = silent(session, settings, datetime.now())
    return f"{found.zh} / {found.en}" if found else None


def print_check(settings: Settings, period: str, everything: bool) -> dict[str, Any]:
    """Rule results of a month by stage."""
    from expectations.rule import all_rules
    from warehouse.engine.duckdb import open_reader
    from warehouse.landing import check_period

    check_period(period)
    with open_reader(settings) as session:
        names = ("stage", "rule", "dataset", "severity", "status", "batches", "tested", "failed")
        results = [
            dict(zip(names, row, strict=True))
            for row in session.rows(
                """SELECT stage, rule_id, CASE WHEN dataset = 'delivery' THEN d.source ELSE dataset END,
                          coalesce(min(r.severity) FILTER (r.status IN ('failed', 'error')), min(r.severity)),
                          CASE WHEN count(*) FILTER (r.status = 'error') > 0 THEN 'error'
                               WHEN count(*) FILTER (r.status = 'failed') > 0 THEN 'failed'
                               WHEN count(*) FILTER (r.status = 'passed') > 0 THEN 'passed' ELSE 'not_applicable' END,
                          count(*), sum(n_tested)::BIGINT, sum(n_failed)::BIGINT
                   FROM ops.rule_result__rule_batch r LEFT JOIN ops.delivery__version d ON d.delivery_id = r.batch
                   WHERE r.period = ? GROUP BY ALL ORDER BY ALL""",
                [period],
            )
        ]
    if not results:
        raise UsageError(f"{period} was never loaded", "`edu status` lists the months")
    order = list(_STAGE_ZH)
    results.sort(key=lambda r: (order.index(r["stage"]), r["rule"], r["dataset"]))
    shown = [r for r in results if everything or r["status"] in ("failed", "error")]
    rules = all_rules()
    table = Table(
        "阶段",
        "规则",
        "对象 dataset",
        "要求 statement",
        "级别",
        "状态",
        "检查 tested",
        "不合格 failed",
        title=f"{period} 规则 rules",
    )
    for r in shown:
        colour = {"passed": "green", "failed": "yellow", "error": "red"}.get(r["status"], "dim")
        rule = rules.get(r["rule"])
        table.add_row(
            _STAGE_ZH[r["stage"]], r["rule"], r["dataset"], rule.title_zh if rule else "", r["severity"],
            f"[{colour}]{r['status']}[/{colour}]", f"{r['tested']:,}", f"{r['failed']:,}",
        )  # fmt: skip
    console = _console()
    if shown:
        console.print(table)
    ran = len({r["rule"] for r in results})
    blocking = [r for r in results if r["severity"] == "block" and r["status"] in ("failed", "error")]
    console.print(
        f"{ran} rules ran on {len({r['dataset'] for r in results})} datasets; {len(blocking)} blocking failures"
    )
    return {"period": period, "rules": ran, "results": results, "blocking": blocking}
