"""Personal numbers in published text: citizen ids with their check digit, old 15-digit ids, mobile numbers."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

_LONG = re.compile(r"(?<!\d)(\d{17}[\dXx]|\d{15})(?!\d)")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def personal(text: str) -> bool:
    """Does a text hold a number of a person? GB 11643: the 18th digit is a check digit (MOD 11-2)."""
    for number in _LONG.findall(text):
        month = int(number[10:12] if len(number) == 18 else number[8:10])
        if not 1 <= month <= 12:
            continue
        if len(number) == 15:
            return True
        rest = sum(int(d) * w for d, w in zip(number, _WEIGHTS, strict=False)) % 11
        if "10X98765432"[rest] == number[17].upper():
            return True
    return bool(_PHONE.search(text))


def scan(con: duckdb.DuckDBPyConnection, root: Path) -> list[str]:
    """Problems: text columns of all staged marts in which a value looks like a personal number."""
    found = []
    for file in sorted((root / "parquet").glob("*.parquet")):
        columns = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
        for name in (c[0] for c in columns if c[1] == "VARCHAR"):
            quoted = '"' + name.replace('"', '""') + '"'
            values = con.execute(
                f"SELECT DISTINCT {quoted} FROM read_parquet(?) WHERE regexp_matches({quoted}, '[0-9]{{11}}')",
                [str(file)],
            ).fetchall()
            if hits := sum(personal(v) for (v,) in values):
                found.append(
                    f"{file.stem}.{name}: {hits} 个疑似个人号码 / {hits} values look like personal numbers"
                )
    return found
