"""A hostile drop: more than two hundred files of one month, mixing every dirt, format and encoding, in one load.

Every file has an envelope of its own (a county delivers many parts). What must become of each file is known: accepted with so
many rows set aside by a rule, or refused by a rule. Nobody in them is a real person.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sample.data import counties
from sample.hostile import ACCEPTED, PERIOD, REFUSED, SOURCE, _bomb, _locked
from sample.writers import delivery_dates

SCHOOL = "2163019999"
HEADERS = (
    "学校标识码", "姓名", "性别", "出生日期", "民族", "身份证件类型", "身份证件号", "户口所在地", "班级", "入学年月",
    "全国学籍号", "学段", "年级", "学籍状态", "班内学号", "曾用名", "现住址", "联系电话", "是否孤儿", "上下学距离（公里）",
    "成员1姓名", "成员1关系", "成员1联系电话",
)  # fmt: skip
_AT = {h: n for n, h in enumerate(HEADERS)}
N_FILES = 220
N_ROWS = 6
Table = list[list[str]]


@dataclass(frozen=True)
class DropCase:
    """One delivered file and what must become of it; `quarantined` rows by `rule`, or the file refused by it."""

    name: str
    path: Path
    expected: str
    rule: str | None
    quarantined: int
    n_rows: int


@dataclass(frozen=True)
class Spoil:
    """One dirt: what it does to the cells of the first record or to the whole table, and the rule that must set it aside."""

    dirt: str
    cells: dict[str, Callable[[str], str]]
    rule: str | None = None
    table: Callable[[Table], Table] | None = None
    only: tuple[str, ...] = ()  # containers that can carry it


def _check(first: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(c) * w for c, w in zip(first, weights, strict=True)) % 11]


def _pupils(area: str, part: int) -> Table:
    found = [list(HEADERS)]
    for i in range(N_ROWS):
        birth = f"201609{10 + i}"
        number = _check(f"{int(area) + 5000}{birth}{2 * part + 1:03d}")
        found.append(
            [SCHOOL, "王明德", "男", birth, "回族", "居民身份证", number, area, "2023级1班", "202309", f"G{number}", "小学",
             "三年级", "在读", f"{i + 1:02d}", "", f"某路{i + 1}号", "19900001234", "否", "3", "王大明", "父亲", "19900001235"]
        )  # fmt: skip
    return found


def _above(table: Table) -> Table:
    """Titles above, a subtotal in the middle, blank lines, signatures below."""
    pad = [""] * (len(HEADERS) - 1)
    return [
        ["中小学生学籍信息表", *pad], [f"单位：某县 时间：{PERIOD}", *pad], *table[:3], ["小计", "2", *pad[1:]], ["", *pad],
        *table[3:], ["合计", str(N_ROWS), *pad[1:]], ["填表人：", "审核人：", *pad[1:]],
    ]  # fmt: skip


def _headers(change: Callable[[str], str]) -> Callable[[Table], Table]:
    return lambda table: [[change(h) for h in table[0]], *table[1:]]


def _extra_cell(table: Table) -> Table:
    return [table[0], [*table[1], "多出的"], *table[2:]]


def _set(header: str, change: str | Callable[[str], str]) -> dict[str, Callable[[str], str]]:
    return {header: change if callable(change) else lambda _: change}


_ID, _NO, _NAME, _DAY = "身份证件号", "全国学籍号", "姓名", "出生日期"
_LINES = ("csv-gb18030", "csv-utf8", "csv-bom", "csv-quoted", "xlsx", "zip-one")
_TEXT = ("csv-gb18030", "csv-utf8", "csv-bom", "csv-quoted", "csv-utf16", "zip-one")
SPOILS: dict[str, Spoil] = {
    "clean": Spoil("", {}),
    "rare": Spoil("D02", _set(_NAME, "张䶮")),
    "lost": Spoil("D02", _set(_NAME, "张?")),
    "apostrophe": Spoil("D04", _set(_ID, lambda v: f"'{v}")),
    "formula": Spoil("D04", _set(_ID, lambda v: f'="{v}"')),
    "injection": Spoil("D04", _set("现住址", "=HYPERLINK(1)")),
    "spaces": Spoil("D04", _set(_NAME, lambda v: f"\u3000{v}\xa0")),
    "scientific": Spoil("D05", _set(_ID, lambda v: f"{v[0]}.{v[1:6]}E+17"), "RC17"),
    "cut": Spoil("D05", _set(_ID, lambda v: v[:14] + ("1" if _check(v[:14] + "000") [-1] == "0" else v[14]) + "000"), "RC17"),
    "full-width": Spoil("D06", _set(_ID, lambda v: "".join(chr(ord(c) + 0xFEE0) for c in v))),
    "fifteen": Spoil("D07", _set(_ID, lambda v: v[:6] + v[8:17]), "RC21"),
    "other-person": Spoil("D08", {_ID: lambda v: _check(v[:6] + "19860101" + v[14:17])}, "RC19"),
    "dot": Spoil("D09", _set(_NAME, "才让•卓玛")),
    "gap": Spoil("D10", _set(_NAME, "王 明　德")),
    "day": Spoil("D11", _set(_DAY, lambda v: f"{v[:4]}年{int(v[4:6])}月{int(v[6:])}日")),
    "no-such-day": Spoil("D11", _set(_DAY, "2016-02-30"), "RC25"),
    "sex": Spoil("D12", _set("性别", "女")),
    "titles": Spoil("D13", {}, table=_above),
    "stars": Spoil("D14", {}, table=_headers(lambda h: f"★{h[:2]}\n{h[2:]} *" if len(h) == 4 else f"{h} *"), only=_LINES),
    "variants": Spoil("D14", {}, table=_headers(lambda h: {"姓名": "学生姓名", "班级": "班名", _NO: "学籍号"}.get(h, h))),
    "drift": Spoil("D14", {}, table=lambda t: [[*t[0], "备用"], *[[*r, "1"] for r in t[1:]]]),
    "closed-school": Spoil("D15", _set("学校标识码", "2163999998"), "RC24"),
    "old-county": Spoil("D16", _set("户口所在地", next(c.old_code for c in counties() if c.old_code))),
    "county-name": Spoil("D16", _set("户口所在地", counties()[0].name)),
    "grade": Spoil("D17", _set("年级", "小三")),
    "no-such-group": Spoil("D18", _set("民族", "河谷族"), "RC25"),
    "zero": Spoil("D19", _set("民族", "3")),
    "flag": Spoil("D20", _set("是否孤儿", "N")),
    "phone": Spoil("D21", _set("联系电话", "138****1234")),
    "nothing": Spoil("D22", _set("曾用名", "暂无")),
    "no-sex": Spoil("D22", _set("性别", ""), "RC11"),
    "groups": Spoil("D23", _set("上下学距离（公里）", "1,003.0")),
    "label": Spoil("D26", _set("班级", "2023级（1）班")),
    "line-break": Spoil("D27", _set("现住址", '某路\n"1号", 后门'), only=_LINES),
    "moved": Spoil("D27", {}, "RC12", table=_extra_cell, only=_TEXT),
    "title-month": Spoil("D24", {}, table=lambda t: [["单位：某县 时间：2025-11", *[""] * (len(HEADERS) - 1)], *t]),
    "shown-zeros": Spoil("D28", {}, only=("xlsx-padded",)),
}  # fmt: skip


def _text(table: Table, **options: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows(table)
    return out.getvalue()


def _workbook(sheets: Sequence[Table], *, padded: bool = False) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    zeros = book.add_format({"num_format": "00"})
    for number, table in enumerate(sheets, 1):
        sheet = book.add_worksheet(f"{number}班")
        for r, row in enumerate(table):
            for c, value in enumerate(row):
                if padded and c == _AT["班内学号"] and value.isdigit():
                    sheet.write_number(r, c, int(value), zeros)
                elif value:
                    sheet.write_string(r, c, value)
    book.close()
    return out.getvalue()


def _html(table: Table) -> bytes:
    from html import escape

    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in table)
    return f"<html><body><table border=1>{body}</table></body></html>".encode("gb18030")


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _halves(table: Table) -> tuple[Table, Table]:
    return table[:4], [table[0], *table[4:]]


def _split_sheets(table: Table) -> bytes:
    return _workbook(_halves(table))


def _split_zip(table: Table) -> bytes:
    first, second = _halves(table)
    return _zip(
        {
            "1.csv": _text(first).encode("gb18030"),
            "说明/读我.txt": "请查收".encode(),
            "2.xlsx": _workbook([second]),
        }
    )


CONTAINERS: dict[str, tuple[str, Callable[[Table], bytes]]] = {
    "csv-gb18030": (".csv", lambda t: _text(t).encode("gb18030")),
    "csv-utf8": (".csv", lambda t: _text(t, lineterminator="\n").encode()),
    "csv-bom": (".csv", lambda t: _text(t).encode("utf-8-sig")),
    "csv-quoted": (".txt", lambda t: _text(t, quoting=csv.QUOTE_ALL).encode("gb18030")),
    "csv-semicolon": (".csv", lambda t: _text(t, delimiter=";").encode()),
    "csv-utf16": (".csv", lambda t: _text(t, delimiter="\t").encode("utf-16")),
    "tsv-as-xls": (".xls", lambda t: _text(t, delimiter="\t").encode("gb18030")),
    "html-as-xls": (".xls", _html),
    "xlsx": (".xlsx", lambda t: _workbook([t])),
    "xlsx-as-csv": (".csv", lambda t: _workbook([t])),
    "xlsx-sheets": (".xlsx", _split_sheets),
    "xlsx-padded": (".xlsx", lambda t: _workbook([t], padded=True)),
    "zip-one": (".zip", lambda t: _zip({"名册.csv": _text(t).encode("gb18030")})),
    "zip-several": (".zip", _split_zip),
}
_WHOLE = ("titles", "moved", "title-month")  # tables that cannot be split in halves


def _refusals(area: str, part: int) -> dict[str, tuple[str, bytes, str]]:
    """Name → (suffix, content, rule) of files that cannot be accepted."""
    table = _pupils(area, part)
    good = _text(table).encode("gb18030")
    short = [row[:6] + row[7:] for row in table]
    return {
        "empty": (".csv", b"", "RC12"),
        "garbage": (".csv", b"".join(sha256(bytes([i])).digest() for i in range(64)), "RC10"),
        "nul": (".csv", good[:300] + b"\0\0" + good[300:], "RC10"),
        "replaced": (".csv", _text(table).replace("明", "\ufffd").encode(), "RC10"),
        "bomb": (".xlsx", _bomb(), "RC12"),
        "locked": (".xlsx", _locked(area), "RC12"),
        "truncated": (".xlsx", _workbook([table])[:2000], "RC12"),
        "pdf": (".csv", b"%PDF-1.7 " + good, "RC12"),
        "zip-in-zip": (".zip", _zip({"a.zip": _zip({"a.csv": good})}), "RC12"),
        "zip-slip": (".zip", _zip({"../a.csv": good}), "RC12"),
        "zip-mixed": (".zip", _zip({"a.csv": good, "b.csv": _text(short).encode("gb18030")}), "RC12"),
        "sheets-differ": (".xlsx", _workbook([table, short]), "RC11"),
        "no-column": (".csv", _text(short).encode("gb18030"), "RC11"),
        "twice": (".csv", _text([[*r, r[1]] for r in table]).encode("gb18030"), "RC11"),
        "no-header": (".csv", _text(table[1:]).encode("gb18030"), "RC11"),
        "header-only": (".csv", _text(table[:1]).encode("gb18030"), "RC12"),
    }


def write_drop(out: Path) -> list[DropCase]:
    """Write the drop below `out/landing` and return the list of its files."""
    codes = [c.code for c in counties()]
    folder = out / "landing" / SOURCE / PERIOD
    folder.mkdir(parents=True, exist_ok=True)
    cases: list[DropCase] = []

    def put(
        name: str,
        suffix: str,
        content: bytes,
        expected: str,
        rule: str | None,
        quarantined: int,
        **given: Any,
    ) -> None:
        owner = codes[len(cases) % len(codes)]
        part = f"p{len(cases):03d}"
        path = folder / f"{part}_{name}{suffix}"
        path.write_bytes(content)
        as_of, received = delivery_dates(PERIOD, int(owner))
        envelope = {
            "source": SOURCE, "owner": owner, "period": PERIOD, "part": part, "as_of": as_of.isoformat(),
            "sha256": sha256(content).hexdigest(), "n_rows": N_ROWS, "preparer": "u-1", "reviewer": "u-2", "unit_head": "u-3",
            "sealed": True, "received_on": received.isoformat(), "late_reason": None, **given,
        }  # fmt: skip
        beside = path.with_name(path.name + ".envelope.json")
        beside.write_text(json.dumps(envelope, ensure_ascii=False), encoding="utf-8")
        cases.append(DropCase(name, path, expected, rule, quarantined, int(envelope["n_rows"])))

    def area() -> str:
        return codes[len(cases) % len(codes)]

    for name, (suffix, content, rule) in _refusals(area(), 499).items():
        put(name, suffix, content, REFUSED, rule, 0)
    table = _pupils(area(), 498)
    put("wrong-count", ".csv", _text(table).encode(), REFUSED, "RC12", 0, n_rows=9)
    put("wrong-month", ".csv", _text(_pupils(area(), 497)).encode(), REFUSED, "RC14", 0, period="2025-11")
    put("wrong-hash", ".csv", _text(_pupils(area(), 496)).encode(), REFUSED, "RC14", 0, sha256="0" * 64)
    put("no-such-owner", ".csv", _text(_pupils(area(), 495)).encode(), REFUSED, "RC07", 0, owner="639999")
    put("one-person", ".csv", _text(_pupils(area(), 494)).encode(), REFUSED, "RC08", 0, reviewer="u-1")
    put("late", ".csv", _text(_pupils(area(), 493)).encode(), ACCEPTED, None, 0, received_on="2026-01-28")
    put("other-day", ".csv", _text(_pupils(area(), 492)).encode(), ACCEPTED, None, 0, as_of="2025-11-28")
    put("after-receipt", ".csv", _text(_pupils(area(), 491)).encode(), REFUSED, "RC14", 0, as_of="2025-12-31")
    # D24: a part of a county first, then the whole in the same slot. The later name is the later version.
    owner = area()
    slot = {"owner": owner, "part": "corrected"}
    put(
        "some-rows",
        ".csv",
        _text(_pupils(owner, 490)[:-2]).encode(),
        ACCEPTED,
        None,
        0,
        **slot,
        n_rows=N_ROWS - 2,
    )
    put("all-rows", ".csv", _text(_pupils(owner, 490)).encode(), ACCEPTED, None, 0, **slot)
    names = list(CONTAINERS)
    turn = 0
    while len(cases) < N_FILES:
        for spoil_name, spoil in SPOILS.items():
            able = [
                c
                for c in spoil.only or names
                if c in names and not (spoil_name in _WHOLE and c in ("xlsx-sheets", "zip-several"))
            ]
            container = able[(turn + len(cases)) % len(able)]
            table = _pupils(area(), len(cases))
            for header, change in spoil.cells.items():
                table[1][_AT[header]] = change(table[1][_AT[header]])
            if spoil.table:
                table = spoil.table(table)
            suffix, make = CONTAINERS[container]
            put(
                f"{spoil_name}-{container}",
                suffix,
                make(table),
                ACCEPTED,
                spoil.rule,
                int(spoil.rule is not None),
            )
        turn += 1
    return cases
