"""`edu explain`: from a figure to its formula, inputs, files and rules, in words."""

from __future__ import annotations

from typing import Any

import click

from pipelines.cli.shell import emit, json_option, with_settings
from warehouse.config import Settings

_LISTED = 8
_ORIGIN = {"computed": "本库计算 computed", "reported": "部门报送 reported"}
_LEVEL = {
    "county": "县",
    "former": "当时的县，已撤并或更名",
    "prefecture": "市州",
    "province": "省",
    "set": "地区范围",
}
_BASIS = {
    "school_location": "学校所在地 place of the school", "hukou": "户籍地 county of registration", "origin": "生源地 county of origin",
    "college": "高校 college", "mixed": "不一致 mixed",
}  # fmt: skip
_METHOD = {
    "counted": "逐人(校)计数 counted", "reported": "部门报送 reported", "census": "普查 census", "estimate": "年度推算 estimate",
    "registered": "户籍人口 registered", "projected": "预测 projected", "aged": "由较早年份的单岁人口按龄顺推 aged from an earlier year",
}  # fmt: skip
_OP = {">=": "≥", "<=": "≤", "<": "<", ">": ">", "=": "="}
_UNIT = {"pct": " %", "persons": " 人", "count": " 个"}
_STATUS = {"met": "达标 met", "not_met": "未达标 not met", "not_computable": "无法判定 not judged"}


@click.command(short_help="A figure: formula, inputs, files, rules")
@click.argument("indicator")
@click.argument("region")
@click.argument("year", type=int)
@click.option("--period", help="Month whose figure is meant; default: the newest that has it.")
@json_option
@with_settings
def explain(
    settings: Settings, indicator: str, region: str, year: int, period: str | None, as_json: bool
) -> None:
    """解释一个数 / Explain the figure INDICATOR of REGION in YEAR, from the value down to the files and rules behind it.

    INDICATOR is an id such as I01 or I11.large, REGION a code, a Chinese name or a region set, YEAR the first year of a
    school year: edu explain I07 province 2025
    """
    from warehouse.engine.duckdb import open_reader
    from warehouse.indicators.explain import explain as look

    with open_reader(settings) as session:
        found = look(session, indicator, region, year, period)
    for line in words(found):
        click.echo(line, err=as_json)
    emit(as_json, found)


def words(found: dict[str, Any]) -> list[str]:
    """The explanation as lines of text."""
    lines = []
    for value in found["values"]:
        lines += _value(value)
    lines += ["", "公式 formula"] + [f"  {line}" for line in _formula(found["terms"])]
    definition = found["definition"]
    if definition["note_zh"]:
        lines.append(f"  说明 note: {definition['note_zh']}")
    is_doubtful = definition["confidence"] == "unconfirmed" and "待核定" not in definition["source_doc"]
    doubt = "（待核定 to be confirmed）" if is_doubtful else ""
    lines.append(f"  依据 source: {definition['source_doc']}{doubt}")
    lines += ["", "输入 inputs"] + [f"  {_term(t)}" for t in found["terms"]]
    lines += ["", *_files(found["files"], found["sources"]), "", *_rules(found["rules"])]
    if found["targets"]:
        lines += ["", "目标 targets"] + [f"  {_target(t)}" for t in found["targets"]]
    return lines


def _target(t: dict[str, Any]) -> str:
    number = t["target_id"] + (f".{t['part_no']}" if t["part_no"] else "")
    due = f"（{t['target_year']} 年前 by {t['target_year']}）" if t["target_year"] else ""
    wanted = f"{_OP[t['op']]} {t['target_value']:g}{_UNIT.get(t['unit'], '')}"
    stand = _STATUS.get(t["status_code"], "") + ("（暂定 provisional）" if t["is_provisional"] else "")
    gap = f"，差距 gap {t['gap']:+.1f}" if t["gap"] is not None and t["status_code"] == "not_met" else ""
    return f"{number} {t['name_zh']} · {t['region_set_zh']} {wanted}{due}: {stand}{gap} · 牵头 lead {t['lead_zh'] or '–'}"


def shown(value: Any, decimals: int) -> str:
    """A published value with its decimals."""
    return f"{value:,.{decimals}f}"


def _value(v: dict[str, Any]) -> list[str]:
    unit = _UNIT.get(v["unit"], "")
    head = f"{v['indicator_name_zh']} · {v['region_name_zh']} ({_LEVEL[v['region_level']]}) · {v['year']} · {v['period']}"
    lines = [head, f"  {v['indicator_name_en']} · {v['region_name_en']} · {_ORIGIN[v['origin_code']]}"]
    if v["value_published"] is None:
        lines.append(f"  无值 no value: {v['reason_zh']} / {v['reason_en']} [{v['reason_code']}]")
    else:
        whole = f"{v['numerator']:,} ÷ {v['denominator']:,}" if v["denominator"] is not None else ""
        lines.append(
            f"  {shown(v['value_published'], v['decimals'])}{unit}"
            + (f" = {whole}" if whole else "")
            + (f"   未取整 unrounded {v['value_unrounded']:.4f}" if whole else "")
            + ("，已封顶 capped" if v["is_capped"] else "")
        )
    if v["value_low"] is not None:
        lines.append(
            f"  95% 区间 interval [{v['interval_code']}]: {v['value_low']:.2f} – {v['value_high']:.2f}"
        )
    if v["rank_from"] is not None:
        lines.append(
            f"  名次 rank: {v['rank_from']}–{v['rank_to']} / {v['n_ranked']}（区间允许的范围 as far as the intervals tell）"
        )
    if v["share_covered"] is not None:
        lines.append(
            f"  覆盖 coverage: 报送单位 units {v['share_covered']:.0%}"
            + (f", 学校 schools {v['share_schools']:.0%}" if v["share_schools"] is not None else "")
            + (" · 暂定 provisional" if v["is_provisional"] else " · 正式 final")
        )
    if v["n_rows_open"] and v["value_with_open_rows"] is not None and v["denominator"]:
        lines.append(
            f"  未决问题行 rows set aside: {v['n_rows_open']:,}；全部计入分子时 if all counted: ≤ {v['value_with_open_rows']:.2f}"
        )
    if v["population_method_code"]:
        lines.append(f"  人口 population: {_METHOD[v['population_method_code']]}, {v['population_year']}")
    basis = f"口径 basis {_BASIS.get(v['basis_code'], v['basis_code'])} · " if v["basis_code"] else ""
    as_of = f" · 时点 as of {v['as_of_date']}" if v["as_of_date"] else ""
    lines.append(
        f"  {basis}定义 definition {v['definition_version']} · 参考数据 reference {v['reference_version']}{as_of}"
    )
    return lines


def _formula(terms: list[dict[str, Any]]) -> list[str]:
    sides = {}
    for side in ("numerator", "denominator"):
        parts: list[str] = []
        seen: set[tuple[str, int, int]] = set()
        for t in terms:
            key = (t["measure_code"], t["lag_years"], t["sign"])
            if t["side"] != side or key in seen:
                continue
            seen.add(key)
            before = f"（{t['lag_years']} 年前 years before）" if t["lag_years"] else ""
            parts.append(("− " if t["sign"] < 0 else "+ " if parts else "") + t["name_zh"] + before)
        sides[side] = " ".join(parts)
    return [sides["numerator"], *([f"÷ {sides['denominator']}"] if sides["denominator"] else [])]


def _term(t: dict[str, Any]) -> str:
    name = f"{t['measure_code']} {t['name_zh']}"
    if t["value"] is None:
        return f"{name} {t['year']}: – 没有 none [{t['reason_code'] or 'not_here'}]"
    value = f"{t['value']:,.4f}".rstrip("0").rstrip(".")
    who = f", {t['n_units_reporting']}/{t['n_units']} 单位 units" if t["n_units"] else ""
    return f"{name} {t['year']}: {value} {t['unit']} ({_METHOD[t['method_code']]}, {_BASIS.get(t['basis_code'], t['basis_code'])}{who})"


def _files(files: list[dict[str, Any]], sources: list[str]) -> list[str]:
    rows = sum(f["n_accepted"] or 0 for f in files)
    aside = sum(f["n_quarantined"] or 0 for f in files)
    missing = sorted(set(sources) - {f["source"] for f in files})
    here = ", ".join(sorted({f["source"] for f in files})) or "–"
    lines = [f"文件 files: {len(files)} ({here}); {rows:,} 行接收 rows accepted, {aside:,} 行隔离 set aside"]
    if missing:
        lines.append(f"  没有文件 no file: {', '.join(missing)}")
    worst = sorted(files, key=lambda f: -(f["n_quarantined"] or 0))[:_LISTED]
    lines += [
        f"  {f['source']} {f['owner']} {f['delivery_period']} v{f['version']} {f['file_name']}: {f['n_accepted']:,} + {f['n_quarantined']:,}"
        for f in worst
    ]
    if len(files) > _LISTED:
        lines.append(f"  … {len(files) - _LISTED} more (--json)")
    return lines


def _rules(rules: list[dict[str, Any]]) -> list[str]:
    """Every rule that judged the files and tables behind the figure; what failed by its name (docs/rules.md)."""
    from expectations.rule import all_rules

    book = all_rules()
    failed = [r for r in rules if r["status"] in ("failed", "error")]
    passed = {r["rule_id"] for r in rules if r["status"] == "passed"} - {r["rule_id"] for r in failed}
    lines = [f"规则 rules: {len(passed)} 条通过 passed: {' '.join(sorted(passed)) or '–'}"]
    for r in failed[:_LISTED]:
        title = book[r["rule_id"]].title_zh if r["rule_id"] in book else ""
        lines.append(f"  ✗ {r['rule_id']} {title} ({r['dataset']}): {r['n_failed']:,} / {r['n_tested']:,}")
    if len(failed) > _LISTED:
        lines.append(f"  … {len(failed) - _LISTED} more (--json)")
    return lines
