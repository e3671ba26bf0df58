"""The cover of the return workbook: what was checked, counts by rule with links, the trend, how to fill it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warehouse.returns.content import CHECK, COVER, FILES, MUST, Return
from warehouse.returns.styles import BLUE, GREY, LINE, Styles

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_INTRODUCTION = (
    "1. “{detail}”等明细表中每行一条记录：“文件行号”是您报送的文件中的行，标色的单元格有问题，右侧写明问题和处理办法。",
    "2. 橙色＝必须更正，更正前该记录不入库；黄色＝请核实，属实的请说明。",
    "3. 请在源系统中更正，重新导出后作为新版本报送；只改本表无效。证件号列请设为文本，避免末几位变成 000。",
    "4. 在绿色“回复”列选择处理结果，需要时填“说明”（勿写姓名、证件号、电话），把本文件交回；可以排序、筛选、分次交回。",
    "5. 更正后的文件到达后问题自动关闭；再次出现自动重开。同一问题第 {rounds} 次退回将报上级负责人。",
)
_SELF_CHECK = (
    "1. 本表由报送单位自行检查生成，规则与省级接收时相同；没有上传任何数据。",
    "2. “文件行号”是所检查文件中的行；橙色＝必须更正，黄色＝请核实。",
    "3. 请在源系统中更正后重新导出，再检查一次，无误后报送。证件号列请设为文本。",
)


def write_cover(book: Any, styles: Styles, content: Return, names: Mapping[str, str]) -> None:
    """Add the cover; `names`: source id → name of its sheet."""
    ws = book.add_worksheet(COVER)
    ws.hide_gridlines(2)
    ws.set_column("A:A", 15)
    ws.set_column("B:B", 24)
    ws.set_column("C:C", 36)
    ws.set_column("D:D", 12)
    ws.set_column("E:F", 13)
    styles.page(ws, landscape=False)
    ws.set_row(0, 30)
    ws.write_string(0, 0, content.title, styles.format(bold=True, font_size=16, font_color="#111827"))
    ws.write_string(1, 0, content.subtitle, styles.format(font_color=GREY))
    row = 3
    for name, value in content.facts:
        ws.write_string(row, 0, name, styles.format(font_color=GREY))
        ws.write_string(row, 1, value, styles.format(bold=True))
        row += 1
    row = _rule_table(ws, styles, content, row + 1, names)
    row = _trend(ws, styles, content, row + 1) if content.trend else row
    row += 1
    ws.write_string(row, 0, "填写说明", styles.format(bold=True))
    detail = next(iter(names.values()), FILES)
    said = _INTRODUCTION if content.return_id else _SELF_CHECK
    texts = [t.format(detail=detail, rounds=content.escalation_rounds) for t in said]
    for text in (*texts, *content.notes):
        row += 1
        ws.set_row(row, 15 * (1 + len(text) // 62))
        ws.merge_range(row, 0, row, 5, text, styles.format(font_color="#374151", text_wrap=True))


def _rule_table(ws: Worksheet, styles: Styles, content: Return, row: int, names: Mapping[str, str]) -> int:
    head = styles.format(bold=True, font_color="#FFFFFF", bg_color=BLUE, align="center", border=1)
    for column, title in enumerate(("规则编号", "问题", "对象", "级别", "记录数", "占受检记录")):
        ws.write_string(row, column, title, head)
    counts: Counter[tuple[bool, str, str]] = Counter()
    read: Counter[str] = Counter()
    for sheet in content.sheets:
        read[sheet.contract.id] += sheet.n_read
        for record in sheet.records:
            worst: dict[str, bool] = {}
            for fault in record.faults:
                worst[fault.rule_id] = worst.get(fault.rule_id, False) or fault.must_fix
            counts.update((must, rule_id, sheet.contract.id) for rule_id, must in worst.items())
    titles = {s.contract.id: s.contract.title_zh for s in content.sheets}
    first = row + 1
    files = Counter((i.severity in ("block", "quarantine"), i.rule_id) for i in content.files)
    lines: list[tuple[bool, str, str, str, int, float | None]] = [
        (must, rule_id, "整个文件", FILES, n, None) for (must, rule_id), n in files.items()
    ]
    lines += [
        (must, rule_id, titles[source], names[source], n, n / max(1, read[source]))
        for (must, rule_id, source), n in counts.items()
    ]
    for must, rule_id, title, where, n, share in sorted(lines, key=lambda k: (not k[0], -k[4], k[1], k[2])):
        row += 1
        link = styles.format(font_color=BLUE, underline=1, **LINE)
        cell = styles.format(**LINE)
        ws.write_url(row, 0, f"internal:'{where}'!A1", link, rule_id, "转到明细")
        ws.write_string(row, 1, content.rules[rule_id].title, cell)
        ws.write_string(row, 2, title, cell)
        styles.write_level(ws, row, 3, must)
        ws.write_number(row, 4, n, styles.format(num_format="#,##0", **LINE))
        percent = styles.format(num_format="0.00%", align="right", **LINE)
        if share is None:
            ws.write_string(row, 5, "—", percent)
        else:
            ws.write_number(row, 5, share, percent)
    if row < first:
        row += 1
        ws.write_string(row, 0, "没有发现问题", styles.format(font_color="#15803D", bold=True))
    else:
        ws.conditional_format(
            first, 4, row, 4, {"type": "data_bar", "bar_color": "#9CB6D8", "bar_solid": True, "min_value": 0,
                               "min_type": "num"},
        )  # fmt: skip
    return row + 1


def _trend(ws: Worksheet, styles: Styles, content: Return, row: int) -> int:
    ws.write_string(row, 0, "近几期情况", styles.format(bold=True))
    head = styles.format(bold=True, font_color=BLUE, bg_color="#E8EEF7", align="center", **LINE)
    row += 1
    for column, title in enumerate(("期间", "受检记录", "有问题记录", "问题占比", MUST, CHECK)):
        ws.write_string(row, column, title, head)
    first = row + 1
    for month in content.trend:
        row += 1
        ws.write_string(row, 0, month.period, styles.format(**LINE))
        number = styles.format(num_format="#,##0", **LINE)
        ws.write_number(row, 1, month.n_read, number)
        ws.write_number(row, 2, month.n_records, number)
        share = month.n_records / max(1, month.n_read)
        ws.write_number(row, 3, share, styles.format(num_format="0.00%", **LINE))
        ws.write_number(row, 4, month.n_must, number)
        ws.write_number(row, 5, month.n_check, number)
    ws.conditional_format(
        first, 2, row, 2, {"type": "data_bar", "bar_color": "#F4B183", "bar_solid": True, "min_value": 0,
                           "min_type": "num"},
    )  # fmt: skip
    return row + 1
