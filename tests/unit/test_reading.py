"""Reading delivered files: real files in real encodings and formats, good and bad."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import stat
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msoffcrypto.format.ooxml
import pytest
import xlsxwriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from warehouse.contract import Contract, parse_contract
from warehouse.reading import Limits, ReadResult, read_file, read_many
from warehouse.reading.problems import PROBLEMS, problem
from warehouse.reading.split import MAX_SPAN

PERSON, CITIZEN = "张三丰", "630102201103150123"
HEADER = ["姓名", "身份证件号", "性别", "民族", "备注"]
ROWS = [
    ["䶮卓玛", "630102201103150123", "女", "藏族", ""],
    ["𬭎·才让", "630102201103150000", "男", "汉族", "青海，西宁"],
    ["王", "1", "男", "土族", " 两端空格 "],
]


def _document(headers: Sequence[str]) -> dict[str, object]:
    return {
        "id": "demo",
        "version": "1.0.0",
        "name": "演示 | Demo",
        "domain": "collection",
        "team": {"name": "省"},
        "description": {"purpose": "test"},
        "schema": [
            {
                "physicalName": "raw.demo__row",
                "properties": [
                    {"name": f"c{i}", "businessName": h, "required": i < 4} for i, h in enumerate(headers)
                ],
            }
        ],
    }


def make_contract(headers: Sequence[str] = HEADER) -> Contract:
    return parse_contract(_document(headers))


CONTRACT = make_contract()


def text_of(rows: Sequence[Sequence[str]], **options: object) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **options).writerows(rows)  # type: ignore[arg-type]
    return buffer.getvalue()


def read(folder: Path, name: str, content: bytes | str, encoding: str = "utf-8", **limits: int) -> ReadResult:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return read_file(path, CONTRACT, folder, Limits(**limits))


def cells(result: ReadResult) -> list[list[str]]:
    assert result.ok, result.problem
    assert result.csv is not None
    raw = result.csv.read_bytes()
    assert b"\r" not in raw
    assert raw.count(b"\n") == result.n_records  # one line is one record
    assert stat.S_IMODE(result.csv.stat().st_mode) == 0o600
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline="")))
    assert all(len(row) == len(result.header) for row in rows)
    return rows


def code(result: ReadResult) -> str:
    assert not result.ok
    assert result.csv is None
    assert result.problem is not None
    return result.problem.code


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_encodings(tmp_path: Path, encoding: str, expected: str, delimiter: str, quoting: int) -> None:
    result = read(
        tmp_path, "a.xls", text_of([HEADER, *ROWS], delimiter=delimiter, quoting=quoting), encoding=encoding
    )
    assert cells(result) == ROWS
    assert result.encoding == expected
    assert result.format == ("tsv" if delimiter == "\t" else "csv")
    assert result.header == tuple(HEADER)
    assert (result.header_row, result.n_records, result.ragged) == (1, 3, ())


def test_title_header_in_row_7_blank_rows_and_footers(tmp_path: Path) -> None:
    lines = [["青海省学生名册"], ["单位：某县"], [], ["", "", ""], ["说明"], ["\u3000"], HEADER, ROWS[0]]
    lines += [
        ["", "\u3000", "\xa0", "", ""],
        [],
        ROWS[1],
        ["合计", "", "2"],
        [],
        ["填表人：某某", "审核人：", "", "", "", "日期"],
    ]
    result = read(tmp_path, "a.csv", text_of(lines), encoding="gb18030")
    assert cells(result) == ROWS[:2]
    assert (result.header_row, result.n_title, result.n_blank, result.n_footer) == (7, 3, 6, 2)
    assert result.ragged == ()
    assert result.n_title + result.n_header + result.n_records + result.n_blank + result.n_footer == len(
        lines
    )


def test_d13_totals_in_the_middle_and_repeated_headers_are_no_records(tmp_path: Path) -> None:
    total = ["城东区小计", "1", "2,000", "", "-"]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        table = [HEADER, ROWS[0], total, HEADER, ROWS[1], ["合 计", "3", "", "", ""], ROWS[2]]
        result = read(tmp_path, "a.csv", text_of(table, quoting=quoting))
        assert cells(result) == ROWS
        assert (result.n_footer, result.n_header) == (2, 2)
    # what is not a number beside the word is a record
    odd = ["小计", "630102201103150123", "女", "藏族", ""]
    result = read(tmp_path, "b.csv", text_of([HEADER, ROWS[0], odd, ROWS[1]]))
    assert cells(result) == [ROWS[0], odd, ROWS[1]]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("单位：某县    时间：2025-09", "2025-09"),
        ("报送月份:2025年9月", "2025-09"),
        ("打印日期：2025-09-03", None),
        ("2025年中小学生名册", None),
    ],
)
def test_d24_period_of_a_title_row(tmp_path: Path, title: str, expected: str | None) -> None:
    assert read(tmp_path, "a.csv", text_of([[title], HEADER, *ROWS])).title_period == expected


def test_merged_header_of_two_rows(tmp_path: Path) -> None:
    upper = ["姓名", "证件", "", "民族", "备注"]
    lower = ["", "身份证件号", "性别", "", ""]
    result = read(tmp_path, "a.csv", text_of([["名册"], upper, ROWS[0]]))
    assert (result.header_row, result.n_header, result.n_records) == (2, 1, 1)  # a record is no header
    result = read(tmp_path, "a.csv", text_of([["名册"], upper, lower, *ROWS]))
    assert result.header == tuple(HEADER)
    assert (result.header_row, result.n_header, result.n_records) == (3, 2, 3)


def test_header_variants_and_line_break_in_header(tmp_path: Path) -> None:
    result = read(tmp_path, "a.csv", text_of([["姓 名*", "身份证\n件号", "性别：", "民族", "备注"], *ROWS]))
    assert cells(result) == ROWS
    assert result.header[1] == "身份证 件号"


@pytest.mark.parametrize("quote", ["", '"'])
def test_ragged_rows_are_padded_and_cut(tmp_path: Path, quote: str) -> None:
    body = f"{quote}甲{quote},1,男\n乙,2,男,汉族,x\n丙,3,男,汉族,x,多,余\n\n丁,4,女,汉族,x\n"
    result = read(tmp_path, "a.csv", ",".join(HEADER) + "\n" + body)
    assert [row[0] for row in cells(result)] == ["甲", "乙", "丙", "丁"]
    assert result.ragged == (1, 3)
    assert result.n_blank == 1


def test_line_breaks_in_cells(tmp_path: Path) -> None:
    rows = [["甲", "1", "男", "汉族", "a\nb\r\nc"], ["乙", "2\n", "女", "汉族", ""]]
    result = read(tmp_path, "a.csv", text_of([HEADER, *rows]))
    assert cells(result) == [["甲", "1", "男", "汉族", "a b c"], ["乙", "2 ", "女", "汉族", ""]]
    assert result.n_newline_cells == 2


def test_old_mac_and_doubled_carriage_returns(tmp_path: Path) -> None:
    text = text_of([HEADER, *ROWS])
    assert cells(read(tmp_path, "a.csv", text.replace("\r\n", "\r"))) == ROWS
    assert cells(read(tmp_path, "b.csv", text.replace("\r\n", "\r\r\n"))) == ROWS


@pytest.mark.parametrize("end", ["", "\n"])
def test_unbalanced_quote_never_swallows_lines(tmp_path: Path, end: str) -> None:
    lines = [f'学生{i},{i},男,汉族,"地址{i}"' for i in range(3000)]
    lines[1000] = '学生1000,1000,男,汉族,"地址'
    lines[1500] = '"学生1500,1500,男,汉族,"地址,"'  # beyond repair: ragged, but only itself
    lines[2999] = '学生2999,"2999,男,汉族,地址'
    result = read(tmp_path, "a.csv", "\n".join([",".join(HEADER), *lines]) + end)
    rows = cells(result)
    assert [row[0] for row in rows if row[0] != ""][:1000] == [f"学生{i}" for i in range(1000)]
    assert result.n_records == 3000
    assert rows[1000][4] == '"地址'
    assert rows[2999][1] == '"2999'
    assert set(result.ragged) <= {1501}
    assert result.n_literal_quotes >= 2


def test_quote_open_without_any_other_quote(tmp_path: Path) -> None:
    lines = [f"学生{i},{i},男,汉族,地址" for i in range(200_000)]
    lines[7] = '学生7,7,男,汉族,"地址'
    result = read(tmp_path, "a.csv", "\n".join([",".join(HEADER), *lines]), encoding="gb18030")
    assert result.n_records == 200_000
    assert result.ragged == ()
    assert result.n_literal_quotes == 1


def test_span_limit_is_exact(tmp_path: Path) -> None:
    for n, records in ((MAX_SPAN - 1, 1), (MAX_SPAN, MAX_SPAN + 1)):
        text = ",".join(HEADER) + '\n甲,1,男,汉族,"' + "\n".join("x" * (n + 1)) + '"\n'
        result = read(tmp_path, "a.csv", text)
        assert result.n_records == records


def test_excel_formula_quotes_survive(tmp_path: Path) -> None:
    text = ",".join(HEADER) + '\n甲,="630102201103150123",男,汉族,5"管\n'
    assert cells(read(tmp_path, "a.csv", text)) == [["甲", '="630102201103150123"', "男", "汉族", '5"管']]


def test_blocks_and_chunk_borders(tmp_path: Path) -> None:
    """Several MiB, so that characters, CRLF, quotes and records fall across every kind of border."""
    rows = [
        [f"𬭎{i}", str(i), "男", "汉族", '引"号\r\n换行，' if i % 7 == 0 else "无" * (i % 90)]
        for i in range(40_000)
    ]
    expected = [[cell.replace("\r\n", " ") for cell in row] for row in rows]
    result = read(tmp_path, "a.csv", text_of([HEADER, *rows]), encoding="gb18030")
    assert cells(result) == expected
    assert result.n_newline_cells == len(range(0, 40_000, 7))
    tabs = read(tmp_path, "b.txt", text_of([HEADER, *rows], delimiter="\t"), encoding="utf-16")
    assert cells(tabs) == expected


def test_private_use_characters_are_counted(tmp_path: Path) -> None:
    rows = [["\ue000\uf8ff\uf000（）", "\uf900", "", "", ""]]
    assert read(tmp_path, "a.csv", text_of([HEADER, *rows])).n_private_use == 3


def test_html_named_xls(tmp_path: Path) -> None:
    page = (
        "<html><head><style>td{}</style></head><body><table><tr><td colspan=5>名册</td></tr><tr>"
        + "".join(f"<th>{h}</th>" for h in HEADER)
        + "</tr><tr><td>甲&nbsp;<td>1<td>男<td rowspan=2>汉族<td>a<br>b</tr>"
        + "<tr><td>乙</td><td>2</td><td>女</td><td>x</td></tr><tr><td>合计</td></tr></table></body></html>"
    )
    for encoding in ("utf-8", "gb18030", "utf-16"):
        result = read(tmp_path, "a.xls", page, encoding=encoding)
        assert cells(result) == [["甲\xa0", "1", "男", "汉族", "a b"], ["乙", "2", "女", "", "x"]]
        assert (result.format, result.n_title, result.n_footer) == ("html", 1, 1)


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[object]]], **options: object) -> Path:
    book = xlsxwriter.Workbook(str(path), {"strings_to_numbers": False, **options})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, dt.date | dt.datetime):
                    sheet.write_datetime(r, c, value, day)
                elif value != "":
                    sheet.write(r, c, value)
    book.close()
    return path


def test_workbook_cells_become_text(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["名册"],
        [],
        list(HEADER),
        ["甲", 630104201103150123, True, dt.date(2011, 3, 15), 5],
        ["乙\n丙", 0.1, -3.0, dt.datetime(2011, 3, 15, 8, 30), "=NA()"],
        ["合计", 2],
    ]
    path = workbook(tmp_path / "a.csv", {"说明": [["填表说明"]], "数据": rows})
    result = read_file(path, CONTRACT, tmp_path, Limits())
    assert cells(result)[0] == ["甲", "6.30104201103150E+17", "TRUE", "2011-03-15", "5"]
    assert cells(result)[1][:4] == ["乙 丙", "0.1", "-3", "2011-03-15 08:30:00"]
    assert (result.encoding, result.format, result.sheet) == ("binary", "xlsx", "数据")
    assert (result.header_row, result.n_title, result.n_blank, result.n_footer) == (3, 1, 1, 1)
    assert result.n_newline_cells == 1


def test_workbook_sheets(tmp_path: Path) -> None:
    data = [HEADER, *ROWS]
    turned = [row[::-1] for row in data]
    sheets = {
        "一班": data,
        "说明": [["填表说明"]],
        "二班": [["名册"], *turned, ["合计", "3"], ["填表人：某"]],
    }
    result = read_file(workbook(tmp_path / "a.xlsx", sheets), CONTRACT, tmp_path, Limits())
    assert cells(result) == [*ROWS, *ROWS]
    assert result.notes == (("sheet_left_out", 2, 0), ("sheets_joined", 1, 3), ("sheets_joined", 3, 3))
    assert (result.n_title, result.n_footer, result.sheet) == (1, 2, "一班")
    other = [[*HEADER, "电话"], [*ROWS[0], "1"]]
    path = workbook(tmp_path / "a.xlsx", {"一班": data, "二班": other})
    assert code(read_file(path, CONTRACT, tmp_path, Limits())) == "several_sheets"
    path = workbook(tmp_path / "b.xlsx", {"模板": [HEADER], "二班": data})
    result = read_file(path, CONTRACT, tmp_path, Limits())
    assert result.sheet == "二班"
    assert cells(result) == ROWS


def test_workbook_limits(tmp_path: Path) -> None:
    wide = workbook(tmp_path / "w.xlsx", {"s": [[*HEADER, *["x"] * 10_000]]})
    assert code(read_file(wide, CONTRACT, tmp_path, Limits())) == "too_wide"
    book = xlsxwriter.Workbook(str(tmp_path / "f.xlsx"))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ROWS[0])
    sheet.write(1_048_575, 16_383, "x")
    book.close()
    assert code(read_file(tmp_path / "f.xlsx", CONTRACT, tmp_path, Limits())) == "too_large_area"
    book = xlsxwriter.Workbook(str(tmp_path / "e.xlsx"))
    sheet, grey = book.add_worksheet(), book.add_format({"bg_color": "#cccccc"})
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ROWS[0])
    for r in range(2, 20_000):
        sheet.write_blank(r, 9, None, grey)
    book.close()
    assert read_file(tmp_path / "e.xlsx", CONTRACT, tmp_path, Limits(max_cells=100)).n_records == 1


def test_d28_numbers_that_show_leading_zeros(tmp_path: Path) -> None:
    contract = parse_contract(
        {
            **_document(["班内学号", "民族", "人数", "日期"]),
            "schema": [
                {
                    "physicalName": "raw.demo__row",
                    "properties": [
                        {
                            "name": f"c{i}",
                            "businessName": h,
                            "required": True,
                            "customProperties": [{"property": "kind", "value": k}],
                        }
                        for i, (h, k) in enumerate(
                            [
                                ("班内学号", "local_no"),
                                ("民族", "code"),
                                ("人数", "integer"),
                                ("日期", "date"),
                            ]
                        )
                    ],
                }
            ],
        }
    )
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"date_1904": True})
    sheet = book.add_worksheet("名册")
    six, two, day = (book.add_format({"num_format": f}) for f in ("000000", '"第"00"组"', "yyyy-mm-dd"))
    sheet.write_row(0, 0, ["班内学号", "民族", "人数", "日期"])
    sheet.write_number(1, 0, 11, six)
    sheet.write_number(1, 1, 4, two)
    sheet.write_number(1, 2, 7, six)  # a count has no leading zeros
    sheet.write_number(1, 3, 39155)  # 2011-03-15 in the calendar of 1904
    sheet.write_number(2, 0, 12)
    sheet.write_string(2, 1, "04", two)
    sheet.write_datetime(2, 3, dt.datetime(2011, 3, 15), day)
    book.close()
    result = read_file(tmp_path / "a.xlsx", contract, tmp_path, Limits())
    assert cells(result) == [["000011", "04", "7", "2011-03-15"], ["12", "04", "", "2011-03-15"]]
    assert result.n_padded == 2


def old_xls(rows: Sequence[Sequence[str | float]]) -> bytes:
    """A small Excel 97 workbook: BIFF8 records in an OLE2 container."""

    def biff(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6)
    sheet = biff(0x0809, begin[:2] + b"\x10\x00" + begin[4:])
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, str):
                utf16 = value.encode("utf-16-le")
                sheet += biff(0x0204, struct.pack("<HHHHB", r, c, 0, len(utf16) // 2, 1) + utf16)
            else:
                sheet += biff(0x0203, struct.pack("<HHHd", r, c, 0, value))
    sheet += biff(0x000A, b"")
    name = "名册"
    head = biff(0x0809, begin)
    position = len(head) + 4 + 8 + 2 * len(name) + 4
    bound = struct.pack("<IBBBB", position, 0, 0, len(name), 1) + name.encode("utf-16-le")
    stream = head + biff(0x0085, bound) + biff(0x000A, b"") + sheet
    stream += b"\0" * (max(4096, -(-len(stream) // 512) * 512) - len(stream))
    sectors = len(stream) // 512
    free, last = 0xFFFFFFFF, 0xFFFFFFFE

    def entry(title: str, kind: int, child: int, start: int, size: int) -> bytes:
        utf16 = (title + "\0").encode("utf-16-le")
        tail = struct.pack("<HBBIII", len(utf16), kind, 1, free, free, child) + b"\0" * 36
        return utf16.ljust(64, b"\0") + tail + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, last, 0) + entry("Workbook", 2, free, 2, len(stream))
    chain = [0xFFFFFFFD, last, *range(3, sectors + 2), last]
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(512, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, last, 0, last, 0, 0)
    return header.ljust(512, b"\xff") + table + directory.ljust(512, b"\0") + stream


def test_old_xls_under_any_name(tmp_path: Path) -> None:
    rows: list[list[str | float]] = [["名册"], [*HEADER], [*ROWS[0]], [*ROWS[1]]]
    content = old_xls([*rows, ["丙", 630104201103150123.0, "男", 2.5, 7.0], ["合计", 3.0]])
    for name in ("a.xls", "a.xlsx", "a.csv"):
        result = read(tmp_path, name, content)
        assert cells(result) == [*ROWS[:2], ["丙", "6.30104201103150E+17", "男", "2.5", "7"]]
        assert (result.format, result.sheet, result.n_title, result.n_footer) == ("xls", "名册", 1, 1)


def test_zip_with_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("数据/名册.csv", text_of([HEADER, *ROWS]).encode("gb18030"))
        archive.writestr("__MACOSX/._名册.csv", b"x")
        archive.writestr("Thumbs.db", b"x")
    result = read_file(path, CONTRACT, tmp_path, Limits())
    assert cells(result) == ROWS
    assert (result.format, result.encoding) == ("zip", "gb18030")
    assert not list(tmp_path.glob("*.unpacked"))


def test_zip_with_several_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    turned = [row[::-1] for row in [HEADER, *ROWS]]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.csv", text_of([["名册"], HEADER, *ROWS, ["合计", "3"]]).encode("gb18030"))
        archive.writestr("2.xls", text_of(turned, delimiter="\t").encode("utf-16"))
        archive.writestr("3.csv", text_of([HEADER]))
        archive.writestr("说明.txt", "请查收")
    result = read_file(path, CONTRACT, tmp_path, Limits())
    assert cells(result) == [*ROWS, *ROWS]
    assert (result.format, result.n_title, result.n_footer, result.n_records) == ("zip", 1, 1, 6)
    assert result.notes == (
        ("file_left_out", 3, 0), ("file_left_out", 4, 0), ("files_joined", 1, 3), ("files_joined", 2, 3)
    )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip", result.csv.name] or len(
        list(tmp_path.iterdir())
    ) == 2


GOOD = text_of([HEADER, [PERSON, CITIZEN, "男", "汉族", ""], *ROWS])


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    for r, row in enumerate(rows):
        sheet.write_row(r, 0, row)
    book.close()
    return buffer.getvalue()


def password_protected() -> bytes:
    out = io.BytesIO()
    plain = io.BytesIO(xlsx([list(HEADER), [PERSON, CITIZEN]]))
    msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("secret", out)
    return out.getvalue()


def encrypted_zip() -> bytes:
    content = bytearray(zipped({"a.csv": GOOD.encode()}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    return bytes(content)


def link_zip() -> bytes:
    info = zipfile.ZipInfo("a.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def lying_zip() -> bytes:
    """A bomb whose directory declares a small size."""
    content = bytearray(zipped({"a.csv": b"0" * 50_000_000}))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(magic) + offset
        content[at : at + 4] = (1000).to_bytes(4, "little")
    return bytes(content)


WHOLE_XLSX = xlsx([HEADER, *[[PERSON, CITIZEN, "男", "汉族", str(i)] for i in range(500)]])
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty_file"),
    "only a mark": (b"\xef\xbb\xbf", "empty_file"),
    "white space": (b" \r\n\r\n\t", "empty_file"),
    "only blank cells": (b",,,\n,,,\n", "empty_file"),
    "header only": ((",".join(HEADER) + "\n").encode(), "no_records"),
    "header and footer": ((",".join(HEADER) + f"\n填表人：{PERSON}\n").encode(), "no_records"),
    "no header": (f"{PERSON},{CITIZEN}\n".encode() * 80, "header_not_found"),
    "broken utf-8": (GOOD.encode() + b"\xe5\xbc\x2c", "encoding"),
    "broken gb18030": (GOOD.encode("gb18030") + b"\xff\xff", "encoding"),
    "odd utf-16": (GOOD.encode("utf-16") + b"\x00", "encoding"),
    "nul": (GOOD.encode() + b"a\x00b", "nul_bytes"),
    "all nul": (b"\x00" * 5000, "nul_bytes"),
    "replacement": (GOOD.encode() + "�".encode(), "replacement_characters"),
    "long line": (GOOD.encode() + b"x" * 3_000_000, "line_too_long"),
    "wide": ((",".join(HEADER + ["x"] * 10_000) + "\n" + GOOD).encode(), "too_wide"),
    "password": (password_protected(), "password"),
    "encrypted zip": (encrypted_zip(), "password"),
    "zip of other columns": (
        zipped({"a.csv": GOOD.encode(), "b.csv": text_of([HEADER[:4], ROWS[0][:4]]).encode()}),
        "zip_mixed",
    ),
    "zip with a damaged table": (
        zipped({"a.csv": GOOD.encode(), "b.xlsx": WHOLE_XLSX[:900]}),
        "damaged_workbook",
    ),
    "zip with a table of others": (
        zipped({"a.csv": GOOD.encode(), "b.csv": b"x,y\n1,2\n"}),
        "header_not_found",
    ),
    "zip of too many": (zipped({f"{n}.csv": b"x" for n in range(201)}), "zip_many"),
    "empty zip": (zipped({}), "zip_empty"),
    "zip slip": (zipped({"../../a.csv": GOOD.encode()}), "zip_unsafe"),
    "zip absolute": (zipped({"/etc/a.csv": GOOD.encode()}), "zip_unsafe"),
    "zip backslash": (zipped({"..\\a.csv": GOOD.encode()}), "zip_unsafe"),
    "zip link": (link_zip(), "zip_unsafe"),
    "zip in zip": (zipped({"a.zip": zipped({"a.csv": GOOD.encode()})}), "zip_unsafe"),
    "zip bomb": (zipped({"a.csv": b"0" * 50_000_000}), "zip_too_large"),
    "lying zip bomb": (lying_zip(), "damaged_zip"),
    "truncated zip": (zipped({"a.csv": GOOD.encode() * 50})[:-40], "damaged_zip"),
    "truncated xlsx": (WHOLE_XLSX[: len(WHOLE_XLSX) // 2], "damaged_workbook"),
    "flipped xlsx": (WHOLE_XLSX.replace(b"<", b">"), "damaged_workbook"),
    "not a workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + GOOD.encode() * 9, "damaged_workbook"),
    "xlsx without header": (xlsx([[PERSON, CITIZEN]] * 60), "header_not_found"),
    "xlsx with header only": (xlsx([list(HEADER)]), "no_records"),
    "empty xlsx": (xlsx([]), "empty_file"),
    "html without table": (f"<html><body>{PERSON}</body></html>".encode(), "empty_file"),
    "pdf": (b"%PDF-1.7 " + GOOD.encode(), "unsupported_format"),
    "rar": (b"Rar!\x1a\x07\x00", "unsupported_format"),
    "ods": (zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "unsupported_format"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_become_problems_without_values(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    result = read(tmp_path, "名册.xls", content)
    if name == "flipped xlsx":
        assert code(result) in ("damaged_workbook", "damaged_zip")
    else:
        assert code(result) == expected
    assert PERSON not in str(result.problem)
    assert CITIZEN not in str(result.problem)
    assert "名册.xls" in str(result.problem)
    assert [p.name for p in tmp_path.iterdir()] == ["名册.xls"]  # nothing half-done stays


def test_offset_of_an_encoding_error(tmp_path: Path) -> None:
    good = (",".join(HEADER) + "\n" + "甲,1,男,汉族,地址\n" * 120_000).encode("gb18030")
    result = read(tmp_path, "a.csv", good + b"\xff\xff")
    assert code(result) == "encoding"
    assert f" {len(good)} " in str(result.problem)


def test_missing_file_and_unexpected_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(read_file(tmp_path / "no.csv", CONTRACT, tmp_path, Limits())) == "unreadable"

    def explode(*_: object) -> None:
        raise RuntimeError(PERSON)

    monkeypatch.setattr("warehouse.reading.text.read", explode)
    result = read(tmp_path, "a.csv", GOOD)
    assert code(result) == "unreadable"
    assert PERSON not in str(result)


def test_every_problem_has_both_languages() -> None:
    numbers = dict.fromkeys(
        ("known", "needed", "parts", "columns", "rows", "limit", "ratio", "offset", "files"), 1
    )
    for name in PROBLEMS:
        found = problem(name, "a.csv", **numbers)
        assert all((found.zh, found.en, found.remedy_zh, found.remedy_en))
        assert "{" not in str(found)


def test_read_many_in_processes(tmp_path: Path) -> None:
    from warehouse.contract import extract_contract

    names = [c.header for c in extract_contract("population").columns]
    jobs = []
    for i in range(4):
        path = tmp_path / f"{i}.csv"
        path.write_bytes(text_of([names, ["1"] * len(names)] if i else []).encode("gb18030"))
        jobs.append((path, "population", tmp_path))
    seen: list[tuple[int, int]] = []
    for workers in (1, 2):
        results = dict(read_many(jobs, Limits(), workers, lambda done, total: seen.append((done, total))))
        assert sorted(results) == [0, 1, 2, 3]
        assert [results[i].ok for i in range(4)] == [False, True, True, True]
    assert seen == [(i, 4) for i in (1, 2, 3, 4)] * 2


class Poison(str):
    """Kills the process that unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (3,)


def test_a_dying_worker_costs_only_its_own_file(tmp_path: Path) -> None:
    from warehouse.contract import extract_contract

    path = tmp_path / "a.csv"
    names = [c.header for c in extract_contract("population").columns]
    path.write_text(text_of([names, ["1"] * len(names)]), encoding="utf-8")
    jobs = [(path, Poison("population") if i == 1 else "population", tmp_path / str(i)) for i in range(3)]
    for _, _, folder in jobs:
        folder.mkdir()
    results = dict(read_many(jobs, Limits(), 2))
    assert [results[i].ok for i in range(3)] == [True, False, True]
    assert code(results[1]) == "unreadable"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text(st.sampled_from('a",\n\r \t　"'), max_size=120), delimiter=st.sampled_from(",\t"))
@example(body='""\n"a\n",,"', delimiter=",")
@example(body='""\n\n', delimiter=",")
@example(body=',,,","', delimiter=",")
def test_fast_and_careful_way_agree(tmp_path: Path, body: str, delimiter: str) -> None:
    content = delimiter.join(HEADER) + "\n行\n" + body
    fast = read(tmp_path, "a.csv", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warehouse.reading.text._vector", lambda *_: None)
        careful = read(tmp_path, "b.csv", content)
    assert cells(fast) == cells(careful)
    assert replace(fast, csv=None) == replace(careful, csv=None)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), head=st.sampled_from([b"", GOOD.encode("gb18030"), WHOLE_XLSX[:900]]))
def test_any_bytes_give_a_result(tmp_path: Path, content: bytes, head: bytes) -> None:
    result = read(tmp_path, "a.csv", head + content)
    assert result.ok == (result.problem is None)
    if result.ok:
        cells(result)
    else:
        assert code(result) != "unreadable"


# any text a cell may hold: no NUL, no surrogate, no U+FFFD
_cell = st.text(
    st.one_of(
        st.sampled_from(",;\t\"\r\n ='　张"),
        st.characters(min_codepoint=1, exclude_categories=["Cs"], exclude_characters="\ufffd\ufeff"),
    ),
    max_size=8,
)
_table = st.lists(st.lists(_cell, min_size=5, max_size=5), min_size=1, max_size=30)


def one_line(cell: str) -> str:
    while "\r\n" in cell:
        cell = cell.replace("\r\n", "\n")
    return cell.replace("\r", " ").replace("\n", " ")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=_table,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"]),
    delimiter=st.sampled_from([",", "\t", ";"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example(table=[['"', '""', "a,b", "\n", '"\n"']], encoding="utf-8", delimiter=",", quoting=csv.QUOTE_ALL)
def test_any_table_comes_back(
    tmp_path: Path, table: list[list[str]], encoding: str, delimiter: str, quoting: int
) -> None:
    table = [["行" + row[0], *row[1:4], row[4] + "。"] for row in table]  # never blank, never a footer
    text = text_of([HEADER, *table], delimiter=delimiter, quoting=quoting)
    if encoding == "gb18030":
        text = text.encode("gb18030", "ignore").decode("gb18030")
        table = [[c.encode("gb18030", "ignore").decode("gb18030") for c in row] for row in table]
    result = read(tmp_path, "a.csv", text, encoding=encoding)
    assert cells(result) == [[one_line(c) for c in row] for row in table]
    assert result.n_records == len(table)
    assert result.ragged == ()
