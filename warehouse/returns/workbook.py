"""The return workbook (退回单): a cover, one sheet per source with one row per record, files as a whole, hidden keys.

Written row by row with constant memory; temporary parts go to the private folder that the caller names. All texts are
stored as texts, so that numbers keep their digits and nothing becomes a formula.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.contract import Contract
from warehouse.returns.records import FileRecords, Record
from warehouse.returns.wording import RuleText, Wording
from warehouse.text_safety import open_workbook

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

REPLIES = {
    "已改": "corrected",
    "属实说明": "true_value",
    "不属于本县(转出)": "moved_away",
    "申请豁免": "exemption",
}
ITEM, REPLY, NOTE = "编号", "回复", "说明"
KEYS = "_keys"
COVER, FILES = "退回单", "整件问题"
_MUST, _CHECK = "必须更正", "请核实"
_COMMENTS = 1_000  # a workbook with more comments opens slowly, and the columns say the same
_BLUE, _ORANGE, _YELLOW, _GREEN, _GREY = "#1F4E8C", "#F8CBAD", "#FFF2CC", "#E2F0D9", "#6B7280"
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


@dataclass
class FileItem:
    """A file that was refused or has a fault as a whole."""

    source_title: str
    file_name: str
    rule_id: str
    severity: str
    reason: str
    fix: str
    fault_id: str = ""
    item_no: str = ""


@dataclass
class Month:
    """One month of the trend."""

    period: str
    n_read: int
    n_records: int
    n_must: int
    n_check: int


@dataclass
class Return:
    """Everything that stands in a workbook. Without `return_id` it is a clerk's own check: no replies, no keys."""

    title: str
    subtitle: str
    facts: list[tuple[str, str]]
    sheets: list[FileRecords]
    files: list[FileItem]
    rules: Mapping[str, RuleText]
    return_id: str = ""
    trend: list[Month] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    escalation_rounds: int = 3
    written_on: date = field(default_factory=date.today)

    @property
    def n_read(self) -> int:
        """Records that were checked."""
        return sum(s.n_read for s in self.sheets)

    @property
    def n_records(self) -> int:
        """Records with faults."""
        return sum(len(s.records) for s in self.sheets)

    def items(self) -> list[tuple[str, list[str]]]:
        """Item number and its fault ids, records first; gives the numbers."""
        found = []
        for number, record in enumerate((r for s in self.sheets for r in s.records), 1):
            record.item_no = f"A{number:05d}"
            found.append((record.item_no, [f.fault_id for f in record.faults]))
        for number, item in enumerate(self.files, 1):
            item.item_no = f"F{number:03d}"
            found.append((item.item_no, [item.fault_id]))
        return found


def write(path: Path, folder: Path, content: Return, wording: Mapping[str, Wording]) -> None:
    """Write the workbook to `path`, which the caller has made private. `wording`: source id → its sentences."""
    items = content.items()
    book = open_workbook(path, constant_memory=True, tmpdir=str(folder))
    try:
        _Writer(book, content, wording).write(items)
    finally:
        book.close()


class _Writer:
    def __init__(self, book: Any, content: Return, wording: Mapping[str, Wording]) -> None:
        self._book, self._content, self._wording = book, content, wording
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._comments = 0
        book.set_properties({"title": content.title, "comments": content.return_id})

    def _format(self, **properties: Any) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            base = {"font_name": "微软雅黑", "font_size": 10, "valign": "vcenter"}
            self._formats[key] = self._book.add_format({**base, **properties})
        return self._formats[key]

    def write(self, items: Sequence[tuple[str, list[str]]]) -> None:
        by_source: dict[str, list[FileRecords]] = {}
        for sheet in self._content.sheets:
            if sheet.records:
                by_source.setdefault(sheet.contract.id, []).append(sheet)
        names = {source: _sheet_name(files[0].contract) for source, files in by_source.items()}
        self._cover(names)
        if self._content.files:
            self._files()
        for source, files in by_source.items():
            self._detail(names[source], files, self._wording[source])
        if self._content.return_id:
            self._keys(items)

    # ---------------------------------------- cover

    def _cover(self, names: Mapping[str, str]) -> None:
        content, ws = self._content, self._book.add_worksheet(COVER)
        ws.hide_gridlines(2)
        ws.set_column("A:A", 15)
        ws.set_column("B:B", 24)
        ws.set_column("C:C", 36)
        ws.set_column("D:D", 12)
        ws.set_column("E:F", 13)
        self._print(ws, landscape=False)
        ws.set_row(0, 30)
        ws.write_string(0, 0, content.title, self._format(bold=True, font_size=16, font_color="#111827"))
        ws.write_string(1, 0, content.subtitle, self._format(font_color=_GREY))
        row = 3
        for name, value in content.facts:
            ws.write_string(row, 0, name, self._format(font_color=_GREY))
            ws.write_string(row, 1, value, self._format(bold=True))
            row += 1
        row = self._rule_table(ws, row + 1, names)
        row = self._trend(ws, row + 1) if content.trend else row
        row += 1
        ws.write_string(row, 0, "填写说明", self._format(bold=True))
        detail = next(iter(names.values()), FILES)
        said = _INTRODUCTION if content.return_id else _SELF_CHECK
        texts = [t.format(detail=detail, rounds=content.escalation_rounds) for t in said]
        for text in (*texts, *content.notes):
            row += 1
            ws.set_row(row, 15 * (1 + len(text) // 62))
            ws.merge_range(row, 0, row, 5, text, self._format(font_color="#374151", text_wrap=True))

    def _rule_table(self, ws: Worksheet, row: int, names: Mapping[str, str]) -> int:
        head = self._format(bold=True, font_color="#FFFFFF", bg_color=_BLUE, align="center", border=1)
        for column, title in enumerate(("规则编号", "问题", "对象", "级别", "记录数", "占受检记录")):
            ws.write_string(row, column, title, head)
        counts: Counter[tuple[bool, str, str]] = Counter()
        read: Counter[str] = Counter()
        for sheet in self._content.sheets:
            read[sheet.contract.id] += sheet.n_read
            for record in sheet.records:
                worst: dict[str, bool] = {}
                for fault in record.faults:
                    worst[fault.rule_id] = worst.get(fault.rule_id, False) or fault.must_fix
                counts.update((must, rule_id, sheet.contract.id) for rule_id, must in worst.items())
        titles = {s.contract.id: s.contract.title_zh for s in self._content.sheets}
        first = row + 1
        files = Counter((i.severity in ("block", "quarantine"), i.rule_id) for i in self._content.files)
        lines: list[tuple[bool, str, str, str, int, float | None]] = [
            (must, rule_id, "整个文件", FILES, n, None) for (must, rule_id), n in files.items()
        ]
        lines += [
            (must, rule_id, titles[source], names[source], n, n / max(1, read[source]))
            for (must, rule_id, source), n in counts.items()
        ]
        for must, rule_id, title, where, n, share in sorted(
            lines, key=lambda k: (not k[0], -k[4], k[1], k[2])
        ):
            row += 1
            level = self._level(must)
            link = self._format(border=1, border_color="#D1D5DB", font_color=_BLUE, underline=1)
            cell = self._format(border=1, border_color="#D1D5DB")
            ws.write_url(row, 0, f"internal:'{where}'!A1", link, rule_id, "转到明细")
            ws.write_string(row, 1, self._content.rules[rule_id].title, cell)
            ws.write_string(row, 2, title, cell)
            ws.write_string(row, 3, _MUST if must else _CHECK, level)
            ws.write_number(row, 4, n, self._format(border=1, border_color="#D1D5DB", num_format="#,##0"))
            percent = self._format(border=1, border_color="#D1D5DB", num_format="0.00%", align="right")
            if share is None:
                ws.write_string(row, 5, "—", percent)
            else:
                ws.write_number(row, 5, share, percent)
        if row < first:
            row += 1
            ws.write_string(row, 0, "没有发现问题", self._format(font_color="#15803D", bold=True))
        else:
            ws.conditional_format(
                first, 4, row, 4, {"type": "data_bar", "bar_color": "#9CB6D8", "bar_solid": True, "min_value": 0,
                                   "min_type": "num"},
            )  # fmt: skip
        return row + 1

    def _trend(self, ws: Worksheet, row: int) -> int:
        ws.write_string(row, 0, "近几期情况", self._format(bold=True))
        head = self._format(
            bold=True, font_color=_BLUE, bg_color="#E8EEF7", align="center", border=1, border_color="#D1D5DB"
        )
        row += 1
        for column, title in enumerate(("期间", "受检记录", "有问题记录", "问题占比", _MUST, _CHECK)):
            ws.write_string(row, column, title, head)
        cell = {"border": 1, "border_color": "#D1D5DB"}
        first = row + 1
        for month in self._content.trend:
            row += 1
            ws.write_string(row, 0, month.period, self._format(**cell))
            number = self._format(**cell, num_format="#,##0")
            ws.write_number(row, 1, month.n_read, number)
            ws.write_number(row, 2, month.n_records, number)
            share = month.n_records / max(1, month.n_read)
            ws.write_number(row, 3, share, self._format(**cell, num_format="0.00%"))
            ws.write_number(row, 4, month.n_must, number)
            ws.write_number(row, 5, month.n_check, number)
        ws.conditional_format(
            first, 2, row, 2, {"type": "data_bar", "bar_color": "#F4B183", "bar_solid": True, "min_value": 0,
                               "min_type": "num"},
        )  # fmt: skip
        return row + 1

    def _level(self, must: bool) -> Any:
        if must:
            return self._format(
                bg_color=_ORANGE, font_color="#9C2A00", bold=True, border=1, border_color="#D1D5DB"
            )
        return self._format(bg_color=_YELLOW, font_color="#7A5B00", border=1, border_color="#D1D5DB")

    # ---------------------------------------- sheets

    def _table(
        self, name: str, titles: Sequence[str], widths: Sequence[float], frozen: int, tab: str
    ) -> Worksheet:
        ws: Worksheet = self._book.add_worksheet(name)
        ws.set_tab_color(tab)
        self._print(ws, landscape=True)
        ws.repeat_rows(0)
        ws.freeze_panes(1, frozen)
        for column, width in enumerate(widths):
            ws.set_column(column, column, width)
        ws.set_row(0, 24)
        head = {"bold": True, "font_color": "#FFFFFF", "align": "center", "border": 1, "text_wrap": True}
        for column, title in enumerate(titles):
            colour = "#548235" if title in (REPLY, NOTE) else _BLUE
            ws.write_string(0, column, title, self._format(**head, bg_color=colour))
        return ws

    def _print(self, ws: Worksheet, *, landscape: bool) -> None:
        ws.set_paper(9)
        if landscape:
            ws.set_landscape()
        ws.fit_to_pages(1, 0)
        ws.set_margins(left=0.5, right=0.5)
        ws.set_footer(f"&L{self._content.return_id}&C第 &P 页 / 共 &N 页&R内部资料 注意保密")

    def _replies(self, ws: Worksheet, last: int, column: int) -> None:
        ws.data_validation(
            1, column, last, column,
            {"validate": "list", "source": list(REPLIES), "error_title": "请从列表中选择",
             "error_message": "可选：" + "、".join(REPLIES)},
        )  # fmt: skip

    def _files(self) -> None:
        titles = [ITEM, "来源", "文件", "级别", "规则", "问题", "处理办法"]
        widths = [8, 20, 34, 11, 8, 60, 50]
        if self._content.return_id:
            titles, widths = [*titles, REPLY, NOTE], [*widths, 18, 30]
        ws = self._table(FILES, titles, widths, 1, "#C00000")
        cell = self._format(border=1, border_color="#D1D5DB", text_wrap=True, valign="top", num_format="@")
        answer = self._format(
            border=1, border_color="#D1D5DB", bg_color=_GREEN, text_wrap=True, valign="top", num_format="@"
        )
        row = 0
        for row, item in enumerate(self._content.files, 1):
            ws.set_row(row, 15 * max(1, -(-len(item.reason) // 32), -(-len(item.fix) // 26)))
            must = item.severity in ("block", "quarantine")
            values = [
                item.item_no,
                item.source_title,
                item.file_name,
                "",
                item.rule_id,
                item.reason,
                item.fix,
            ]
            for column, value in enumerate(values):
                if column == 3:
                    ws.write_string(row, column, _MUST if must else _CHECK, self._level(must))
                else:
                    ws.write_string(row, column, value, cell)
            for column in range(len(values), len(titles)):
                ws.write_blank(row, column, None, answer)
        ws.autofilter(0, 0, row, len(titles) - 1)
        if self._content.return_id:
            self._replies(ws, row, len(titles) - 2)

    def _detail(self, name: str, files: Sequence[FileRecords], wording: Wording) -> None:
        contract = files[0].contract
        shown = {c.name for file in files for c in file.columns}
        columns = [c for c in contract.columns if c.name in shown]
        several = len(files) > 1
        titles = [ITEM, *(["文件"] if several else []), "文件行号", "级别", *(c.header for c in columns)]
        widths = [9.0, *([26.0] if several else []), 10.0, 10.0]
        widths += [_width(c.kind) for c in columns]
        first_text = len(titles)
        titles += ["问题说明", "处理办法"]
        widths += [62, 40]
        if self._content.return_id:
            titles += ["上次回复", REPLY, NOTE]
            widths += [12, 18, 30]
        if len(set(titles)) != len(titles):
            raise ValueError(f"{contract.id}: headers are not unique")
        ws = self._table(name, titles, widths, 3 + several, _BLUE)
        row = 0
        for file in files:
            for record in file.records:
                row += 1
                self._record(ws, row, file.file_name if several else None, record, columns, wording)
        ws.autofilter(0, 0, row, len(titles) - 1)
        if self._content.return_id:
            self._replies(ws, row, first_text + 3)

    def _record(
        self,
        ws: Worksheet,
        row: int,
        file: str | None,
        record: Record,
        columns: Sequence[Any],
        wording: Wording,
    ) -> None:
        line = {"border": 1, "border_color": "#D1D5DB", "valign": "top"}
        cell = self._format(**line, num_format="@")
        text = self._format(**line, text_wrap=True)
        problem, remedy = wording.problem(record), wording.remedy(record)
        ws.set_row(row, 15 * min(20, max(_lines(problem, 34), _lines(remedy, 21))))
        column = 0
        for value in (record.item_no, *([file] if file is not None else [])):
            ws.write_string(row, column, value, cell)
            column += 1
        whole = [f for f in record.faults if f.field is None]
        ws.write_string(
            row, column, record.file_row, self._flag(any(f.must_fix for f in whole)) if whole else cell
        )
        ws.write_string(row, column + 1, _MUST if record.must_fix else _CHECK, self._level(record.must_fix))
        column += 2
        wrong: dict[str, bool] = {}
        for fault in record.faults:
            if fault.field:
                wrong[fault.field] = wrong.get(fault.field, False) or fault.must_fix
        for c in columns:
            value = record.texts.get(c.name, "")
            if c.name in wrong:
                ws.write_string(row, column, value, self._flag(wrong[c.name]))
                if self._comments < _COMMENTS:
                    self._comments += 1
                    options = {"x_scale": 2.2, "y_scale": 1.3, "font_size": 9}
                    ws.write_comment(row, column, f"{problem}\n{remedy}", options)
            else:
                ws.write_string(row, column, value, cell)
            column += 1
        ws.write_string(row, column, problem, text)
        ws.write_string(row, column + 1, remedy, text)
        if self._content.return_id:
            told = {v: k for k, v in REPLIES.items()}
            earlier = "、".join(dict.fromkeys(told[f.reply] for f in record.faults if f.reply in told))
            ws.write_string(row, column + 2, earlier, cell)
            answer = self._format(**line, bg_color=_GREEN, text_wrap=True, num_format="@")
            ws.write_blank(row, column + 3, None, answer)
            ws.write_blank(row, column + 4, None, answer)

    def _flag(self, must: bool) -> Any:
        colour = _ORANGE if must else _YELLOW
        return self._format(
            bg_color=colour, border=1, border_color="#D1D5DB", valign="top", num_format="@", bold=must
        )

    def _keys(self, items: Sequence[tuple[str, list[str]]]) -> None:
        """Which faults each item stands for; opaque, so that replies find them again whatever is sorted or renamed."""
        ws = self._book.add_worksheet(KEYS)
        ws.very_hidden()
        ws.write_row(0, 0, ["return_id", self._content.return_id])
        for row, (item_no, fault_ids) in enumerate(items, 1):
            ws.write_string(row, 0, item_no)
            ws.write_string(row, 1, ",".join(fault_ids))


def _sheet_name(contract: Contract) -> str:
    return "".join(c for c in contract.title_zh if c not in "[]:*?/\\'")[:28]


def _width(kind: str) -> float:
    return {"citizen_id": 22, "student_no": 23, "local_no": 22, "name": 12, "school_id": 13, "flag": 9}.get(
        kind, 14
    )


def _lines(text: str, width: int) -> int:
    return sum(max(1, -(-len(line) // width)) for line in text.split("\n"))
