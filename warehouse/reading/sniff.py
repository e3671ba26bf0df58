"""What a file really is, from its first bytes and never from its name (dirt D03)."""

from __future__ import annotations

import mmap
import re
import zipfile
from pathlib import Path

from warehouse.reading.result import Refused

HEAD = 64 * 1024
_FOREIGN = (
    b"Rar!",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"BZh",
    b"\xfd7zXZ",
)
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_MARKUP = re.compile(rb"<\s*(!doctype\s+html|html|head|meta|body|table|div|style)\b", re.IGNORECASE)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def container(path: Path) -> str:
    """`zip`, `xlsx`, `xls` or `text`. Raises Refused for empty, protected, damaged and foreign files."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise Refused("empty_file" if b"\0" not in head.strip(b"\xff\xfe") or len(head) < 8 else "nul_bytes")
    if head.startswith(_OLE2):
        if _protected(path):
            raise Refused("password")
        return "xls"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(path)
    if head.startswith((b"\x09\x08\x10\x00", b"\x09\x08\x08\x00", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00")):
        raise Refused("unsupported_format")  # Excel before 97: a bare BIFF stream
    if head.startswith(_FOREIGN) or (head.lstrip().startswith(b"<?xml") and b"office:spreadsheet" in head):
        raise Refused("unsupported_format")
    return "text"


def _protected(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(_PACKAGE) >= 0


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeError):
        with path.open("rb") as file:
            head = file.read(4096)
        raise Refused(
            "damaged_workbook" if b"xl/" in head or b"[Content_Types]" in head else "damaged_zip"
        ) from None
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise Refused("unsupported_format")  # xlsb, docx, ods
    return "zip"


def encoding(head: bytes) -> tuple[str, int]:
    """First guess and length of the byte order mark: by mark, by the NUL pattern of UTF-16, else UTF-8."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    head = head[: len(head) // 2 * 2]
    odd, even = head[1::2].count(0), head[0::2].count(0)
    if odd > even and even * 20 <= odd and odd * 20 >= len(head):
        return "utf-16-le", 0
    if even > odd and odd * 20 <= even and even * 20 >= len(head):
        return "utf-16-be", 0
    return "utf-8", 0


def is_markup(head: bytes) -> bool:
    """True if the text begins as an HTML page (bytes of UTF-8)."""
    start = head.lstrip(b" \t\r\n\xef\xbb\xbf")
    return start.startswith(b"<") and _MARKUP.search(start[:4096]) is not None
