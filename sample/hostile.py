"""Bad input: one small file per way in which a delivery can be unreadable, misleading or dangerous.

Every file lies in a landing folder with a correct envelope (its hash and the number of records it claims), so that
only the content is at fault. The rows are pupils of no real person, as everywhere in this package.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sample.data import counties
from sample.writers import delivery_dates

SOURCE, PERIOD = "student_registry", "2025-12"
REFUSED, ACCEPTED = "refused", "accepted"
HEADERS = (
    "学校标识码", "姓名", "性别", "出生日期", "民族", "身份证件类型", "身份证件号", "户口所在地",
    "班级", "入学年月", "全国学籍号", "年级", "学籍状态",
)  # fmt: skip


@dataclass(frozen=True)
class HostileCase:
    """One bad file: where it is, whose it is, what is wrong, what should become of it."""

    name: str
    path: Path
    owner: str
    wrong: str
    expected: str


def _rows(area: str, n: int = 3) -> list[list[str]]:
    found = []
    for i in range(n):
        first = f"{int(area) + 5000}201609{10 + i}00{2 * (i % 4) + 1}"
        total = sum(
            int(c) * w
            for c, w in zip(first, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
        )
        number = first + "10X98765432"[total % 11]
        found.append(
            ["2163019999", "王明德", "男", f"201609{10 + i}", "回族", "居民身份证", number, area,
             "2023级1班", "202309", f"G{number}", "三年级", "在读"]
        )  # fmt: skip
    return found


def _text(area: str, *, separator: str = ",", headers: tuple[str, ...] = HEADERS, n: int = 3) -> str:
    keep = [HEADERS.index(h) for h in headers]
    lines = [separator.join(headers)] + [separator.join(row[i] for i in keep) for row in _rows(area, n)]
    return "\r\n".join(lines) + "\r\n"


def _workbook(area: str, *, above: int = 0) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("学籍信息表")
    for line in range(above):
        sheet.write_string(line, 0, f"说明第{line + 1}行" if line else "中小学生学籍信息表")
    for offset, row in enumerate([list(HEADERS), *_rows(area)]):
        for column, value in enumerate(row):
            sheet.write_string(above + offset, column, value)
    book.close()
    return buffer.getvalue()


def _locked(area: str) -> bytes:
    from msoffcrypto.format.ooxml import OOXMLFile

    buffer = io.BytesIO()
    OOXMLFile(io.BytesIO(_workbook(area))).encrypt("password", buffer)
    return buffer.getvalue()


def _bomb() -> bytes:
    """A workbook of some kilobytes whose sheet unpacks to 64 MiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=False) as sheet:
            for _ in range(64):
                sheet.write(b" " * 1_048_576)
    return buffer.getvalue()


def _html(area: str) -> bytes:
    rows = [list(HEADERS), *_rows(area)]
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    head = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=gbk"></head>'
    return f"{head}<body><table border=1>{body}</table></body></html>".encode("gbk")


def write_hostile(out: Path) -> list[HostileCase]:
    """Write every case below `out/landing` and return the list; each case belongs to another county."""
    codes = [c.code for c in counties()]
    cases: list[HostileCase] = []

    def put(name: str, suffix: str, content: bytes, n_rows: int, wrong: str, expected: str) -> None:
        owner = codes[len(cases)]
        path = out / "landing" / SOURCE / PERIOD / f"{name}_{owner}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        as_of, received = delivery_dates(PERIOD, int(owner))
        envelope = {
            "source": SOURCE, "owner": owner, "period": PERIOD, "as_of": as_of.isoformat(),
            "sha256": sha256(content).hexdigest(), "n_rows": n_rows, "preparer": f"u-{owner}-01",
            "reviewer": f"u-{owner}-02", "unit_head": f"u-{owner}-03", "sealed": True,
            "received_on": received.isoformat(), "late_reason": None,
        }  # fmt: skip
        path.with_name(path.name + ".envelope.json").write_text(
            json.dumps(envelope, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        cases.append(HostileCase(name, path, owner, wrong, expected))

    def area() -> str:
        return codes[len(cases)]

    noise = b"".join(sha256(bytes([i])).digest() for i in range(64))
    put("garbage", ".csv", noise, 3, "bytes without meaning", REFUSED)
    put("utf16", ".csv", b"\xff\xfe" + _text(area(), separator="\t").encode("utf-16-le"), 3,
        "UTF-16LE text with tabs, as 'Unicode text' is saved", ACCEPTED)  # fmt: skip
    damaged = _text(area()).encode("utf-8").replace("王明德".encode(), b"\xe7\x8e\xff\xfe\x81\xff", 1)
    put("bad-bytes", ".csv", damaged, 3, "bytes that are wrong in every encoding", REFUSED)
    short = tuple(h for h in HEADERS if h != "身份证件号")
    put("missing-column", ".csv", _text(area(), headers=short).encode("gb18030"), 3,
        "mandatory column 身份证件号 is missing", REFUSED)  # fmt: skip
    put("empty", ".csv", b"", 0, "no bytes at all", REFUSED)
    put(
        "header-only",
        ".csv",
        _text(area(), n=0).encode("gb18030"),
        3,
        "a header, none of the three records",
        REFUSED,
    )
    put("zip-bomb", ".xlsx", _bomb(), 3, "workbook that unpacks to a thousand times its size", REFUSED)
    put("locked", ".xlsx", _locked(area()), 3, "workbook protected by a password", REFUSED)
    put(
        "deep-header",
        ".xlsx",
        _workbook(area(), above=6),
        3,
        "header in row 7 below titles and notes",
        ACCEPTED,
    )
    nul = _text(area()).encode("gb18030")
    put("nul-bytes", ".csv", nul[:200] + b"\x00\x00\x00" + nul[200:], 3, "csv with NUL bytes", REFUSED)
    put("tsv-as-xls", ".xls", _text(area(), separator="\t").encode("gbk"), 3,
        "text with tabs in GBK that calls itself xls", ACCEPTED)  # fmt: skip
    put("html-as-xls", ".xls", _html(area()), 3, "HTML table that calls itself xls", ACCEPTED)
    whole = _workbook(area())
    put("truncated", ".xlsx", whole[: len(whole) // 2], 3, "workbook cut off half-way", REFUSED)
    put(
        "wrong-count",
        ".csv",
        _text(area()).encode("gb18030"),
        5,
        "envelope claims five records, the file has three",
        REFUSED,
    )
    put("nothing-to-report", ".csv", _text(area(), n=0).encode("gb18030"), 0, "a header, and no record is declared",
        ACCEPTED)  # fmt: skip
    return cases
