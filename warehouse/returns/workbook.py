"""The return workbook (退回单): a cover, one sheet per source with one row per record, files as a whole, hidden keys.

Written row by row with constant memory; temporary parts go to the private folder that the caller names. All texts are
stored as texts, so that numbers keep their digits and nothing becomes a formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.contract import Contract
from warehouse.returns.content import FILES, ITEM, KEYS, NOTE, REPLIES, REPLY, Return
from warehouse.returns.cover import write_cover
from warehouse.returns.records import FileRecords, Record
from warehouse.returns.styles import BLUE, GREEN, LINE, Styles
from warehouse.returns.wording import Wording
from warehouse.text_safety import open_workbook

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_COMMENTS = 1_000  # a workbook with more comments opens slowly, and the columns say the same


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
        self._styles = Styles(book, content.return_id)
        self._comments = 0
        book.set_properties({"title": content.title, "comments": content.return_id})

    def write(self, items: Sequence[tuple[str, list[str]]]) -> None:
        by_source: dict[str, list[FileRecords]] = {}
        for sheet in self._content.sheets:
            if sheet.records:
                by_source.setdefault(sheet.contract.id, []).append(sheet)
        names = {source: _sheet_name(files[0].contract) for source, files in by_source.items()}
        write_cover(self._book, self._styles, self._content, names)
        if self._content.files:
            self._files()
        for source, files in by_source.items():
            self._detail(names[source], files, self._wording[source])
        if self._content.return_id:
            self._keys(items)

    def _table(
        self, name: str, titles: Sequence[str], widths: Sequence[float], frozen: int, tab: str
    ) -> Worksheet:
        ws: Worksheet = self._book.add_worksheet(name)
        ws.set_tab_color(tab)
        self._styles.page(ws, landscape=True)
        ws.repeat_rows(0)
        ws.freeze_panes(1, frozen)
        for column, width in enumerate(widths):
            ws.set_column(column, column, width)
        ws.set_row(0, 24)
        head = {"bold": True, "font_color": "#FFFFFF", "align": "center", "border": 1, "text_wrap": True}
        for column, title in enumerate(titles):
            colour = "#548235" if title in (REPLY, NOTE) else BLUE
            ws.write_string(0, column, title, self._styles.format(**head, bg_color=colour))
        return ws

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
        cell = self._styles.format(**LINE, text_wrap=True, valign="top", num_format="@")
        answer = self._styles.format(**LINE, bg_color=GREEN, text_wrap=True, valign="top", num_format="@")
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
                    self._styles.write_level(ws, row, column, must)
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
        ws = self._table(name, titles, widths, 3 + several, BLUE)
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
        line = {**LINE, "valign": "top"}
        cell = self._styles.format(**line, num_format="@")
        text = self._styles.format(**line, text_wrap=True)
        problem, remedy = wording.problem(record), wording.remedy(record)
        ws.set_row(row, 15 * min(20, max(_lines(problem, 34), _lines(remedy, 21))))
        column = 0
        for value in (record.item_no, *([file] if file is not None else [])):
            ws.write_string(row, column, value, cell)
            column += 1
        whole = [f for f in record.faults if f.field is None]
        ws.write_string(
            row, column, record.file_row, self._styles.flag(any(f.must_fix for f in whole)) if whole else cell
        )
        self._styles.write_level(ws, row, column + 1, record.must_fix)
        column += 2
        wrong: dict[str, bool] = {}
        for fault in record.faults:
            if fault.field:
                wrong[fault.field] = wrong.get(fault.field, False) or fault.must_fix
        for c in columns:
            value = record.texts.get(c.name, "")
            if c.name in wrong:
                ws.write_string(row, column, value, self._styles.flag(wrong[c.name]))
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
            answer = self._styles.format(**line, bg_color=GREEN, text_wrap=True, num_format="@")
            ws.write_blank(row, column + 3, None, answer)
            ws.write_blank(row, column + 4, None, answer)

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
