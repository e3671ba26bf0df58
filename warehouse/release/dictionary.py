"""The data dictionary for people: a workbook and a page, bilingual, made from the enforced contracts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import yaml

from warehouse.contract import CONTRACTS, Column, Contract
from warehouse.engine.duckdb import literal, quote
from warehouse.protection import protection_of
from warehouse.release.duckdb_file import memory_session
from warehouse.text_safety import open_workbook

# list id -> (code, Chinese, English, standard or other document that defines it)
Codes = Mapping[str, Sequence[tuple[str, str, str, str]]]

VALUES = 80  # longer lists of codes found in the data are not printed

HEADINGS = (
    ("字段", "Field", 24),
    ("中文名", "Label (zh)", 22),
    ("英文名", "Label (en)", 38),
    ("主键", "Key", 6),
    ("类型", "Type", 14),
    ("单位", "Unit", 10),
    ("分级", "Tier", 8),
    ("代码表", "Codes", 24),
    ("来源", "Source", 26),
    ("标准", "Standard", 16),
    ("保密", "Protection", 30),
)
# A workbook carries the time of its making; a fixed one keeps equal content equal bytes.
_FIXED_TIME = datetime(2000, 1, 1)
_INK, _BAND = "#1F3A5F", "#EEF2F7"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{k} = {v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _protection(contract: Contract, column: Column) -> str:
    rule = protection_of(contract)
    if rule.lane == "open" or column.name not in rule.hideable:
        return ""
    if column.name in rule.derived:
        return "由公布数计算 / computed from published figures"
    if rule.lane == "round":
        return f"按 {rule.base} 取整 / rounded to {rule.base}"
    return f"1–{rule.minimum - 1} 人及防推算的数不公布 / 1–{rule.minimum - 1} and what would give them away hidden"


@cache
def _sources() -> dict[str, dict[str, dict[str, str]]]:
    file = CONTRACTS / "mart_source.yaml"
    return dict(yaml.safe_load(file.read_text(encoding="utf-8"))) if file.exists() else {}


def source_of(contract: Contract, column: Column) -> str:
    """The columns of the extracts from which a column is made: the contract's word, else what the models say."""
    stated = _text(column.properties.get("source"))
    return stated or _sources().get(contract.id, {}).get(column.name, {}).get("source", "")


def standard_of(contract: Contract, column: Column, codes: Codes) -> str:
    """The standard that defines the values of a column; of a code list, what most of its codes name."""
    if stated := _text(column.properties.get("standard")):
        return stated
    if found := codes.get(str(column.properties.get("codeList"))):
        documents = Counter(row[3] for row in found)
        return documents.most_common(1)[0][0]
    return _sources().get(contract.id, {}).get(column.name, {}).get("standard", "")


def values_found(root: Path, contracts: Mapping[str, Contract]) -> Codes:
    """Codes that occur in the staged marts and have no code list, with their names from the columns beside them.

    `county_code` is named by `county_name_zh` and `county_name_en`; up to VALUES codes of a column.
    """
    session = memory_session()
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    try:
        for name, contract in sorted(contracts.items()):
            columns = {c.name for c in contract.columns}
            file = literal(str(root / "parquet" / f"{name}.parquet"))
            for column in contract.columns:
                stem = column.name.removesuffix("_code")
                if (
                    stem == column.name
                    or column.type.upper() != "VARCHAR"
                    or column.properties.get("codeList")
                ):
                    continue
                names = [
                    f"min({quote(n)})::VARCHAR" if n in columns else "''"
                    for n in (f"{stem}_name_zh", f"{stem}_name_en")
                ]
                rows = session.rows(
                    f"SELECT {quote(column.name)}, coalesce({names[0]}, ''), coalesce({names[1]}, ''), '' "
                    f"FROM read_parquet({file}) WHERE {quote(column.name)} <> '' GROUP BY ALL ORDER BY 1 LIMIT {VALUES + 1}"
                )
                if 0 < len(rows) <= VALUES:
                    found[f"{name}.{column.name}"] = [(str(a), str(b), str(c), str(d)) for a, b, c, d in rows]
    finally:
        session.con.close()
    return found


def _cells(contract: Contract, column: Column, codes: Codes) -> tuple[str, ...]:
    p = column.properties
    own = f"{contract.id}.{column.name}"
    return (
        column.name,
        column.header,
        column.label_en,
        "是 yes" if column.key else "",
        column.type,
        _text(p.get("unit")),
        column.tier,
        _text(p.get("codeList") or p.get("values") or (own if own in codes else "")),
        source_of(contract, column),
        standard_of(contract, column, codes),
        _protection(contract, column),
    )


def _used_codes(
    contracts: Mapping[str, Contract], codes: Codes
) -> dict[str, Sequence[tuple[str, str, str, str]]]:
    used = {c.properties.get("codeList") for contract in contracts.values() for c in contract.columns}
    used |= {f"{name}.{c.name}" for name, contract in contracts.items() for c in contract.columns}
    return {name: codes[name] for name in sorted(codes) if name in used}


def write_xlsx(path: Path, release: str, contracts: Mapping[str, Contract], codes: Codes) -> None:
    """dictionary.xlsx: an index, one sheet per mart, the code lists.

    Everything is text, so no id loses its zeros.
    """
    book = open_workbook(path)
    book.set_properties({"title": f"数据字典 Data dictionary {release}", "created": _FIXED_TIME})
    font = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top", "text_wrap": True}
    style = {
        "title": book.add_format(
            {**font, "bold": True, "font_size": 15, "font_color": _INK, "text_wrap": False}
        ),
        "note": book.add_format({**font, "font_color": "#555555", "text_wrap": False}),
        "head": book.add_format(
            {
                **font,
                "bold": True,
                "font_color": "#FFFFFF",
                "bg_color": _INK,
                "valign": "vcenter",
                "border": 1,
            }
        ),
        "even": book.add_format({**font, "num_format": "@", "border": 1, "border_color": "#D5DBE3"}),
        "odd": book.add_format(
            {**font, "num_format": "@", "border": 1, "border_color": "#D5DBE3", "bg_color": _BAND}
        ),
        "link": book.add_format({**font, "font_color": "#0B5CAD", "underline": 1}),
    }
    ordered = sorted(contracts.items())
    sheets = {
        name: _sheet_name(i, contract.title_zh or name) for i, (name, contract) in enumerate(ordered, 1)
    }

    def table(
        sheet: Any, top: int, headings: Sequence[tuple[str, str, int]], rows: Sequence[Sequence[str]]
    ) -> None:
        for position, (zh, en, width) in enumerate(headings):
            sheet.set_column(position, position, width)
            sheet.write_string(top, position, f"{zh}\n{en}", style["head"])
        sheet.set_row(top, 34)
        for n, row in enumerate(rows):
            for position, text in enumerate(row):
                sheet.write_string(top + 1 + n, position, text, style["odd" if n % 2 else "even"])
        sheet.freeze_panes(top + 1, 1)
        if rows:
            sheet.autofilter(top, 0, top + len(rows), len(headings) - 1)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(top)
        sheet.set_footer(f"&L{release}&R&P / &N")

    index = book.add_worksheet("目录 Index")
    index.write_string(0, 0, f"数据字典 Data dictionary · {release}", style["title"])
    index.write_string(
        1, 0, "单元格状态为 hidden 的行，人数过少不予公布 / counts too small are hidden", style["note"]
    )
    headings = (
        ("数据集", "Mart", 34),
        ("名称", "Title (zh)", 34),
        ("英文名称", "Title (en)", 40),
        ("版本", "Version", 10),
        ("主键", "Key", 36),
        ("责任单位", "Owner", 22),
        ("用途", "Purpose", 60),
    )
    rows = [
        (n, c.title_zh, c.title_en, c.version, ", ".join(c.key), c.owner, c.description) for n, c in ordered
    ]
    table(index, 3, headings, rows)
    for n, (name, _) in enumerate(ordered):
        index.write_url(4 + n, 0, f"internal:'{sheets[name]}'!A1", style["link"], name)
    for name, contract in ordered:
        sheet = book.add_worksheet(sheets[name])
        sheet.write_string(0, 0, f"{contract.title_zh} {contract.title_en}".strip(), style["title"])
        sheet.write_string(1, 0, f"{contract.table} · {contract.version} · {contract.owner}", style["note"])
        table(sheet, 3, HEADINGS, [_cells(contract, c, codes) for c in contract.columns])
    used = _used_codes(contracts, codes)
    if used:
        sheet = book.add_worksheet("代码表 Codes")
        sheet.write_string(0, 0, "代码表 Code lists", style["title"])
        lists = (
            ("代码表", "List", 26),
            ("代码", "Code", 16),
            ("中文", "Chinese", 34),
            ("英文", "English", 40),
            ("标准", "Standard", 24),
        )
        table(sheet, 3, lists, [(n, *map(_text, row)) for n, list_ in used.items() for row in list_])
    book.close()


def _sheet_name(number: int, title: str) -> str:
    """Excel allows 31 characters and forbids some; the number keeps shortened names apart."""
    allowed = re.sub(r"[\[\]:*?/\\]", " ", title)
    return f"{number:02d} {allowed}"[:31].rstrip(" '")


_STYLE = """
:root{--ink:#1f3a5f;--line:#d5dbe3;--band:#f5f7fa}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1280px;padding:24px 20px 60px;color:#1c2430;line-height:1.55;
font:15px/1.55 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",system-ui,sans-serif}
h1{font-size:26px;margin:0 0 4px;color:var(--ink)}h2{font-size:19px;margin:44px 0 2px;color:var(--ink)}
p{margin:4px 0 10px}.en,.note{color:#5b6675}
nav{columns:2 320px;margin:18px 0}nav a{display:block;padding:3px 0;color:#0b5cad}
.wrap{overflow-x:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{background:var(--ink);color:#fff;text-align:left;font-weight:600;padding:7px 10px;white-space:nowrap}
th small{display:block;font-weight:400;opacity:.8}
td{padding:6px 10px;border-top:1px solid var(--line);vertical-align:top}
tbody tr:nth-child(even){background:var(--band)}
td:first-child{font-family:ui-monospace,Consolas,monospace;white-space:nowrap}
@media print{body{max-width:none;padding:0;font-size:10pt}
.wrap{overflow:visible;border:0}
h2{break-after:avoid}}
"""


def html_text(release: str, contracts: Mapping[str, Contract], codes: Codes) -> str:
    """dictionary.html: one file, no script, nothing loaded from anywhere; every text is escaped."""
    ordered = sorted(contracts.items())
    parts = [
        "<!doctype html>",
        '<html lang="zh-CN"><head><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy"',
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>数据字典 Data dictionary {escape(release)}</title><style>{_STYLE}</style></head><body>",
        f'<h1>数据字典 <span class="en">Data dictionary</span></h1><p class="note">{escape(release)}</p>',
        '<nav aria-label="目录 Index">',
        *(f'<a href="#{escape(n)}">{_bilingual(c.title_zh, c.title_en)}</a>' for n, c in ordered),
        "</nav>",
    ]
    head = [(zh, en) for zh, en, _ in HEADINGS]
    for name, contract in ordered:
        parts += [
            f'<h2 id="{escape(name)}">{_bilingual(contract.title_zh, contract.title_en)}</h2>',
            f'<p class="note">{escape(" · ".join((contract.table, contract.version, contract.owner)))}</p>',
            f"<p>{escape(contract.description)}</p>",
            _table(head, [_cells(contract, c, codes) for c in contract.columns]),
        ]
    for name, rows in _used_codes(contracts, codes).items():
        parts += [
            f'<h2 id="code-{escape(name)}">{_bilingual("代码表", "Codes")} {escape(name)}</h2>',
            _table(
                [("代码", "Code"), ("中文", "Chinese"), ("英文", "English"), ("标准", "Standard")],
                [tuple(map(_text, r)) for r in rows],
            ),
        ]
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _bilingual(zh: str, en: str) -> str:
    return f'{escape(zh)} <span class="en" lang="en">{escape(en)}</span>'


def _table(head: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(
        f'<th scope="col">{escape(zh)}<small lang="en">{escape(en)}</small></th>' for zh, en in head
    )
    body = "\n".join("<tr>" + "".join(f"<td>{escape(t)}</td>" for t in row) + "</tr>" for row in rows)
    return f'<div class="wrap"><table><thead><tr>{cells}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
