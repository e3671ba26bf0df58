"""Formats of the return workbook, each made once, and what every sheet shares on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warehouse.returns.content import CHECK, MUST

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

BLUE, ORANGE, YELLOW, GREEN, GREY = "#1F4E8C", "#F8CBAD", "#FFF2CC", "#E2F0D9", "#6B7280"
LINE = {"border": 1, "border_color": "#D1D5DB"}


class Styles:
    """Formats of one workbook."""

    def __init__(self, book: Any, return_id: str) -> None:
        self._book, self._return_id = book, return_id
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **properties: Any) -> Any:
        """A format with these properties of XlsxWriter."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            base = {"font_name": "微软雅黑", "font_size": 10, "valign": "vcenter"}
            self._formats[key] = self._book.add_format({**base, **properties})
        return self._formats[key]

    def write_level(self, ws: Worksheet, row: int, column: int, must: bool) -> None:
        """Whether a record must be corrected or only checked."""
        place = {"align": "center", "valign": "top", **LINE}
        if must:
            style = self.format(bg_color=ORANGE, font_color="#9C2A00", bold=True, **place)
        else:
            style = self.format(bg_color=YELLOW, font_color="#7A5B00", **place)
        ws.write_string(row, column, MUST if must else CHECK, style)

    def flag(self, must: bool) -> Any:
        """A cell at fault."""
        return self.format(
            bg_color=ORANGE if must else YELLOW, valign="top", num_format="@", bold=must, **LINE
        )

    def page(self, ws: Worksheet, *, landscape: bool) -> None:
        """A4, as wide as the page, with the number of the return and of the page below."""
        ws.set_paper(9)
        if landscape:
            ws.set_landscape()
        ws.fit_to_pages(1, 0)
        ws.set_margins(left=0.5, right=0.5)
        ws.set_footer(f"&L{self._return_id}&C第 &P 页 / 共 &N 页&R内部资料 注意保密")
