"""Where the header row is, which rows are blank, and which trailing rows are footers (dirt D13)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.contract import Contract
from warehouse.reading.result import Facts, Limits, Refused

SEARCH_ROWS = 50
MAX_FOOTERS = 50
_HEADER_ROWS = 3  # a header of merged cells has at most so many rows

_FOOTER = re.compile(
    r"(合计|总计|小计|共计)([:：\d].*)?$"
    r"|(填表人|填报人|制表人?|审核人|复核人|经办人|负责人|单位负责人|校长|联系人|联系电话|填表单位|填报单位|单位盖章|盖章)"
    r"([:：(（].*)?$"
    r"|(填表|填报|制表|上报|报送|打印|导出)?(日期|时间)([:：].*)?$"
    r"|(备注|说明|注)\d?[:：].*$|备注$"
    r"|共\d+(人|名|条|户|行|页).*$"
    r"|第\d+页.*$"
)
TOTALS = ("合计", "小计", "总计", "共计")
_TOTAL = re.compile(r".{0,20}(合计|小计|总计|共计)[:：]?")
_AMOUNT = re.compile(r"-?[\d,]+(\.\d+)?(人|名|元|%)?|[-—]+")
_PERIOD = re.compile(
    r"(?:数据)?(?:时间|期间|月份|所属期|报送期|统计期|报送月份|统计月份)[:：]((?:19|20)\d{2})[-年/.]?(0[1-9]|1[0-2]|[1-9])(?!\d)"
)


@dataclass(frozen=True)
class Found:
    """A header: its cells, the positions of its first and last row, and how many cells are known."""

    cells: tuple[str, ...]
    first: int
    last: int
    known: int


def is_blank(cells: Sequence[str]) -> bool:
    """True if no cell holds anything but white space (also U+3000 and no-break space)."""
    return not any(cell and cell.strip() for cell in cells)


def is_total(cells: Sequence[str]) -> bool:
    """True if a row, anywhere in the file, is a total: its first cell says so and all others are numbers (dirt D13)."""
    filled = ["".join(cell.split()) for cell in cells if cell and cell.strip()]
    if not filled or _TOTAL.fullmatch(filled[0]) is None:
        return False
    return all(_AMOUNT.fullmatch(text) for text in filled[1:])


def is_footer(cells: Sequence[str]) -> bool:
    """True if the first non-empty cell is a total or a signature line (dirt D13)."""
    for cell in cells:
        text = "".join(cell.split())
        if text:
            return _FOOTER.match(text) is not None
    return False


def needed(contract: Contract) -> int:
    """Known headers a row must have: few, so that a rule can name the missing ones."""
    required = sum(column.required for column in contract.columns)
    return min(len(contract.columns), max(3, -(-required // 3)))


def _combine(rows: Sequence[Sequence[str]], contract: Contract) -> tuple[str, ...]:
    """One header from several rows: per column the lowest known cell, else the lowest that is not empty."""
    width = max(len(row) for row in rows)
    cells = []
    for position in range(width):
        column = [row[position] for row in rows if position < len(row) and row[position].strip()]
        column.reverse()
        cells.append(next((c for c in column if contract.count_known((c,))), column[0] if column else ""))
    return tuple(cells)


def nearest(rows: Sequence[Sequence[str]], contract: Contract) -> Found | None:
    """The row, or block of merged rows, with the most known headers; None if there are no rows."""
    rows = rows[:SEARCH_ROWS]
    counts = [contract.count_known(row) for row in rows]
    if not counts:
        return None
    top = max(range(len(rows)), key=lambda r: (counts[r], -r))
    best = Found(tuple(rows[top]), top, top, counts[top])
    for first in range(max(0, top - _HEADER_ROWS + 1), top + 1):
        for last in range(top, min(len(rows), first + _HEADER_ROWS)):
            block = range(first, last + 1)
            if first == last or any(counts[r] < 2 for r in block):
                continue
            cells = _combine([rows[r] for r in block], contract)
            known = contract.count_known(cells)
            if known >= best.known + 2:
                best = Found(cells, first, last, known)
    return best


def locate(rows: Sequence[Sequence[str]], contract: Contract, limits: Limits, facts: Facts) -> Found:
    """Find the header and record it in the facts. Raises Refused: header_not_found, too_wide, empty_file."""
    if all(is_blank(row) for row in rows):
        raise Refused("empty_file")
    found = nearest(rows, contract)
    need = needed(contract)
    if found is None or found.known < need:
        raise Refused("header_not_found", known=found.known if found else 0, needed=need)
    if len(found.cells) > limits.max_columns:
        raise Refused("too_wide", columns=len(found.cells), limit=limits.max_columns)
    before = [is_blank(row) for row in rows[: found.first]]
    facts.header = tuple(" ".join(cell.splitlines()) if "\n" in cell else cell for cell in found.cells)
    facts.header_row = found.last + 1
    facts.n_header = found.last - found.first + 1
    facts.n_blank += sum(before)
    facts.n_title = len(before) - sum(before)
    named = {
        f"{year}-{int(month):02d}"
        for row in rows[: found.first]
        for year, month in _PERIOD.findall("".join("".join(cell.split()) for cell in row if cell))
    }
    facts.title_period = named.pop() if len(named) == 1 else None
    return found
