"""No text that we write may be run by a spreadsheet program."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.text_safety import CsvWriter, is_formula, open_workbook, safe_cell

ROOT = Path(__file__).parents[2]
ATTACKS = [
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1",
    "＝1+1",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_formulas_get_an_apostrophe(text):
    assert is_formula(text) and safe_cell(text) == "'" + text


@pytest.mark.parametrize(
    "value", ["-5", "+8613999990000", "-0.5", "", "张三", "1-2", "a=b", 5, -5, None, 1.5]
)
def test_other_values_stay(value):
    assert safe_cell(value) is value


@given(st.text())
def test_no_safe_cell_is_a_formula(text):
    assert not is_formula(safe_cell(text))


def test_csv():
    out = io.StringIO(newline="")
    CsvWriter(out).rows([["名称", "值"], ["=1+1", -3], ['a"b', "-5"]])
    text = out.getvalue()
    assert text.count("\r\n") == 3
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["名称", "值"], ["'=1+1", "-3"], ['a"b', "-5"]]


def test_a_workbook_holds_texts_only(tmp_path):
    book = open_workbook(tmp_path / "a.xlsx", constant_memory=True)
    sheet = book.add_worksheet()
    for n, text in enumerate([*ATTACKS, "http://example.org", "630104201103150001"]):
        sheet.write(n, 0, text)
    book.close()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as package:
        xml = package.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml and "hyperlink" not in xml
    assert xml.count('t="inlineStr"') == len(ATTACKS) + 2


def test_nobody_writes_workbooks_or_csv_past_it():
    """The reader's own copies are no files for people."""
    allowed = {"warehouse/text_safety.py", "warehouse/reading/sink.py", "warehouse/reading/join.py"}
    for folder in ("warehouse", "assets", "expectations", "pipelines", "dashboard"):
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            if name not in allowed:
                text = file.read_text(encoding="utf-8")
                assert not re.search(r"xlsxwriter\.Workbook\(|csv\.(writer|DictWriter)\(", text), name
