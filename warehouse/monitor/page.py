"""A printable page: plain HTML with its style inside, nothing loaded from elsewhere, every value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Any

_STYLE = """
body{font:14px/1.5 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2em auto;max-width:60em;color:#222}
h1{font-size:1.4em;border-bottom:2px solid #333}h2{font-size:1.1em;margin:1.2em 0 .3em}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.25em .5em;text-align:left;vertical-align:top}
th{background:#eee}th .en{display:block;font-weight:normal}.en{color:#666;font-size:.85em}.wide{max-width:96em}
td.n{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}td.small{font-size:.7em;color:#666;min-width:14em}
footer{margin-top:2em;font-size:.8em;color:#666}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}th{background:none}}
"""
_ACROSS = "@page{size:A4 landscape;margin:10mm}@media print{body{font-size:9px}}"


class Small(str):
    """A cell in small print, with room to write in."""


def both(zh: str, en: str) -> str:
    """A text in two languages, Chinese first."""
    return f'{escape(zh)} <span class="en">{escape(en)}</span>'


def table(headers: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> str:
    """A table; headers are (zh, en) pairs, cells plain values, None as a dash."""
    head = "".join(f"<th>{both(*h)}</th>" for h in headers)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, Small):
        return f'<td class="small">{escape(value)}</td>'
    if isinstance(value, int | float | Decimal):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape('—' if value is None else str(value))}</td>"


def page(title: tuple[str, str], parts: Iterable[str], footer: tuple[str, str], *, wide: bool = False) -> str:
    """The whole document; `wide` for tables of many columns, printed across."""
    return (
        f'<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title[0])}</title>'
        f"<style>{_STYLE}{_ACROSS if wide else ''}</style></head><body{' class=wide' if wide else ''}><h1>{both(*title)}</h1>{''.join(parts)}"
        f"<footer>{both(*footer)}</footer></body></html>\n"
    )
