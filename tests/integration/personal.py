"""Looks for the values of true persons in files, as bytes, and in tables, as values.

Numbers are looked for as runs of digits, names of three characters and more in three encodings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import duckdb

_ASCII = re.compile(rb"[0-9]{11,}[Xx]?")
_WIDE = re.compile(rb"(?:[0-9]\x00){11,}(?:[Xx]\x00)?")
_HAN = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}|\xc2\xb7){3,}")
_LENGTHS = (11, 18)


class Persons:
    """Numbers (citizen ids, ids inside student numbers, telephones) and names that must be nowhere."""

    def __init__(self, numbers: Iterable[str], names: Iterable[str]) -> None:
        self.numbers = {n.upper() for n in numbers if n}
        self.names = {n for n in names if n and len(n) >= 3}
        self.raw_names = [
            n.encode(e)
            for n in sorted(self.names)[:: max(1, len(self.names) // 60)]
            for e in ("utf-16-le", "gb18030")
        ]

    def _in_digits(self, run: str) -> set[str]:
        run = run.upper()
        return {run[i : i + n] for n in _LENGTHS for i in range(len(run) - n + 1)} & self.numbers

    def _in_han(self, run: str) -> set[str]:
        lengths = {len(n) for n in self.names} if len(run) < 200 else {3}
        return {run[i : i + n] for n in lengths for i in range(len(run) - n + 1)} & self.names

    def in_bytes(self, data: bytes) -> int:
        """How many different values stand in the bytes."""
        found: set[object] = set()
        for run in _ASCII.findall(data):
            found |= self._in_digits(run.decode())
        for run in _WIDE.findall(data):
            found |= self._in_digits(run.decode("utf-16-le"))
        for run in set(_HAN.findall(data)):
            found |= self._in_han(run.decode("utf-8", "ignore"))
        found |= {n for n in self.raw_names if n in data}
        return len(found)

    def in_text(self, text: str) -> int:
        """How many different values stand in a text."""
        return self.in_bytes(text.encode())

    def in_folder(self, folder: Path) -> dict[str, int]:
        """File → number of values found, for the files in which there are any. Names of files are looked at too."""
        found = {}
        for path in sorted(folder.rglob("*")):
            n = self.in_text(path.name) + (self.in_bytes(path.read_bytes()) if path.is_file() else 0)
            if n:
                found[str(path.relative_to(folder))] = n
        return found

    def in_tables(self, file: Path) -> tuple[int, dict[str, int]]:
        """Text columns looked at in a DuckDB file, and column → number of values found."""
        found: dict[str, int] = {}
        with duckdb.connect(str(file), read_only=True) as con:
            columns = con.execute(
                "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() "
                "AND NOT internal AND (data_type LIKE '%VARCHAR%' OR data_type LIKE '%BIGINT%' OR data_type IN ('BLOB', 'JSON'))"
            ).fetchall()
            for schema, table, column in columns:
                values = con.execute(
                    f'SELECT string_agg(DISTINCT "{column}"::VARCHAR, chr(10)) FROM "{schema}"."{table}"'
                ).fetchall()[0][0]
                if values and (n := self.in_text(values)):
                    found[f"{schema}.{table}.{column}"] = n
        return len(columns), found


def of_truth(folder: Path, landing: Path) -> Persons:
    """Every person of a sample's truth and every telephone number that was delivered as text."""
    rows = duckdb.execute(
        "SELECT id_no, substr(student_no, 2), name FROM read_parquet(?) WHERE name IS NOT NULL",
        [str(folder / "person.parquet")],
    ).fetchall()
    phones: set[str] = set()
    for file in landing.rglob("*.csv"):
        phones.update(
            m.decode() for m in re.findall(rb"(?<![0-9])1[3-9][0-9]{9}(?![0-9])", file.read_bytes())
        )
    numbers = {n for row in rows for n in row[:2] if n} | phones
    return Persons(numbers, {row[2] for row in rows})
