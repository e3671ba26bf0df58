"""What the number formats of an xlsx say that its values do not: leading zeros (dirt D28) and the 1904 calendar (D11).

A cell that holds 11 in the format 000000 is shown as 000011, and that is what the clerk typed. The workbook reader gives
values only, so styles are looked up here; sheets are scanned only if a style with leading zeros exists at all.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

_ZEROS = re.compile(
    r'(?:"[^"]*"|\\.)*(0{2,20})(?:"[^"]*"|\\.)*(?:;.*)?'
)  # 000000, also with fixed text around it
_NUM_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\b[^>]*>")
_XF_LIST = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_XF = re.compile(rb"<(?:\w+:)?xf\b[^>]*>")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*[^>/])>(?:\s*<(?:\w+:)?v>)([0-9]+)(?:\.0+)?<")
_BLOCK = 4 * 1024**2


def _attribute(tag: bytes, name: bytes) -> str | None:
    found = re.search(rb"(?:^|[\s:])" + name + rb'\s*=\s*"([^"]*)"', tag)
    if found is None:
        return None
    text = found.group(1).decode("utf-8", "replace")
    for code, sign in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(code, sign)
    return text


class Formats:
    """Number formats of one xlsx that was checked before (sizes, names)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            book = package.read("xl/workbook.xml")
            styles = package.read("xl/styles.xml") if "xl/styles.xml" in names else b""
            rels = "xl/_rels/workbook.xml.rels"
            relations = package.read(rels) if rels in names else b""
        self.is_1904 = _attribute(
            b" ".join(re.findall(rb"<(?:\w+:)?workbookPr\b[^>]*>", book)), b"date1904"
        ) in ("1", "true")
        self._width = _padded_styles(styles)
        targets = {_attribute(tag, b"Id"): _attribute(tag, b"Target") for tag in _RELATION.findall(relations)}
        self._member: dict[str, str] = {}
        for tag in _SHEET.findall(book):
            target = targets.get(_attribute(tag, b"id"))
            if target:
                member = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                if member in names:
                    self._member[_attribute(tag, b"name") or ""] = member

    def padded(self, sheet: str, columns: set[int]) -> dict[tuple[int, int], str]:
        """(row, column), both from 0, → the digits as shown, of the numbers with leading zeros in these columns."""
        found: dict[tuple[int, int], str] = {}
        member = self._member.get(sheet)
        if not self._width or not columns or member is None:
            return found
        letters = {_letters(column): column for column in columns}
        with zipfile.ZipFile(self._path) as package, package.open(member) as source:
            rest = b""
            while True:
                block = source.read(_BLOCK)
                data = rest + block
                cut = data.rfind(b"<row") if block else len(data)
                cut = max(cut, 0)
                for attributes, digits in _CELL.findall(data[:cut]):
                    width = self._width.get(_attribute(attributes, b"s") or "", 0)
                    if width <= len(digits) or (b't="' in attributes and b't="n"' not in attributes):
                        continue
                    reference = _attribute(attributes, b"r") or ""
                    name = reference.rstrip("0123456789")
                    if name in letters and reference != name:
                        at = int(reference[len(name) :]) - 1, letters[name]
                        found[at] = digits.decode().zfill(width)
                rest = data[cut:]
                if not block:
                    return found


def _letters(column: int) -> str:
    name, column = "", column + 1
    while column:
        column, digit = divmod(column - 1, 26)
        name = chr(65 + digit) + name
    return name


def _padded_styles(styles: bytes) -> dict[str, int]:
    """Number of a cell style → digits that its format always shows, for styles that pad with zeros."""
    codes = {
        _attribute(tag, b"numFmtId"): _attribute(tag, b"formatCode") or ""
        for tag in _NUM_FORMAT.findall(styles)
    }
    padding = {}
    for number, code in codes.items():
        match = _ZEROS.fullmatch(code)
        if match:
            padding[number] = len(match.group(1))
    listed = _XF_LIST.search(styles)
    cells = _XF.findall(listed.group(0)) if listed else []
    widths = {str(n): padding.get(_attribute(tag, b"numFmtId"), 0) for n, tag in enumerate(cells)}
    return {n: width for n, width in widths.items() if width}
