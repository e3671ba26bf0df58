"""Declarations of the registers and how a typed word becomes a value of a field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from warehouse.errors import UsageError
from warehouse.reference import rows, thresholds

Value = str | int | bool
# type -> DuckDB type of the field in the tables that rules judge
TYPES = {"date": "DATE", "integer": "BIGINT", "flag": "BOOLEAN"}
_TEXT_LIMIT = 120
_WORDS = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}
# What looks like a telephone or an identity number of a person has no place in a register.
_PERSONAL = re.compile(r"(?<!\d)(1[3-9]\d{9}|\d{15,19}[0-9Xx]?)(?!\d)")
_SHAPES = {
    "account": re.compile(r"[A-Za-z0-9._-]{1,40}"),
    "unit": re.compile(r"\*|\d{2}|\d{4,6}"),
    "code": re.compile(r"[a-z0-9_]{1,60}"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "host": re.compile(r"[A-Za-z0-9._:-]{1,120}"),
}


@dataclass(frozen=True)
class Field:
    """One field of a register."""

    name: str
    name_zh: str
    name_en: str
    type: str
    is_required: bool
    choices: tuple[str, ...]

    def read(self, text: str) -> Value:
        """The value of a typed word; UsageError says what would be one."""
        word = text.strip()
        if self.type == "date":
            try:
                return date.fromisoformat(word).isoformat()
            except ValueError:
                raise self._wrong("YYYY-MM-DD") from None
        if self.type == "integer":
            if not re.fullmatch(r"\d{1,12}", word):
                raise self._wrong("a whole number")
            return int(word)
        if self.type == "flag":
            if word.lower() not in _WORDS:
                raise self._wrong("true / false")
            return _WORDS[word.lower()]
        if self.type in ("choice", "choices"):
            parts = word.split("|") if self.type == "choices" else [word]
            if not set(parts) <= set(self.choices):
                raise self._wrong(
                    " | ".join(self.choices) + (", several with |" if self.type == "choices" else "")
                )
            return "|".join(sorted(set(parts), key=self.choices.index))
        if not word or len(word) > _TEXT_LIMIT or any(c in word for c in "\r\n\t"):
            raise self._wrong(f"one line of at most {_TEXT_LIMIT} characters")
        if self.type in _SHAPES and not _SHAPES[self.type].fullmatch(word):
            raise self._wrong(_SHAPES[self.type].pattern)
        if self.type != "sha256" and _PERSONAL.search(word):
            raise self._wrong("no telephone or identity number: registers hold no personal values")
        return word

    def _wrong(self, expected: str) -> UsageError:
        # The word itself is not repeated: it may be a personal value that stands in the wrong place.
        return UsageError(f"{self.name}（{self.name_zh}）的值无效 / not a value of {self.name}", expected)


@dataclass(frozen=True)
class Register:
    """One register. `subjects`: what must have a record that is not older than `term_days`; `@…` are found in the warehouse."""

    id: str
    name_zh: str
    name_en: str
    rules: tuple[str, ...]
    date_field: str
    subject_field: str | None
    subjects: tuple[str, ...]
    counts_field: str | None
    counts_values: tuple[str, ...]
    term_days: int | None
    is_nil_allowed: bool
    clause: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Field by name; UsageError names those that there are."""
        for field in self.fields:
            if field.name == name:
                return field
        raise UsageError(
            f"{self.id} 没有栏目 {name[:40]} / {self.id} has no such field",
            ", ".join(f.name for f in self.fields),
        )

    def read(self, typed: dict[str, str]) -> dict[str, Value]:
        """Typed words as values, in the order of the fields; an empty word is no value. UsageError if one is wrong or missing."""
        for name in typed:
            self.field(name)
        found = {f.name: f.read(typed[f.name]) for f in self.fields if typed.get(f.name, "").strip()}
        missing = [f for f in self.fields if f.is_required and f.name not in found]
        if missing:
            raise UsageError(
                f"缺少栏目 / missing: {', '.join(f'{f.name}（{f.name_zh}）' for f in missing)}",
                "e.g. " + self.example(),
            )
        return found

    def example(self, subject: str | None = None) -> str:
        """The command that enters a record, with the words that are required."""
        words = []
        for f in self.fields:
            if f.is_required:
                word = {"date": "YYYY-MM-DD", "integer": "N", "flag": "true|false"}.get(f.type)
                word = word or "|".join(f.choices) or f.name.upper()
                words.append(f"{f.name}={subject if subject and f.name == self.subject_field else word}")
        return f"edu register add {self.id} {' '.join(words)} --by ACCOUNT"


@cache
def registers() -> dict[str, Register]:
    """All declared registers by id."""
    fields: dict[str, list[Field]] = {}
    for r in sorted(rows("register_field"), key=lambda r: int(r["position"])):
        made = Field(
            r["field"],
            r["name_zh"],
            r["name_en"],
            r["type"],
            r["is_required"] == "true",
            tuple(filter(None, r["choices"].split("|"))),
        )
        fields.setdefault(r["register_id"], []).append(made)
    return {
        r["register_id"]: Register(
            r["register_id"],
            r["name_zh"],
            r["name_en"],
            tuple(r["rules"].split("|")),
            r["date_field"],
            r["subject_field"] or None,
            tuple(filter(None, r["subjects"].split("|"))),
            r["counts_field"] or None,
            tuple(filter(None, r["counts_values"].split("|"))),
            int(thresholds()[r["term"]]) if r["term"] else None,
            r["is_nil_allowed"] == "true",
            r["clause"],
            tuple(fields[r["register_id"]]),
        )
        for r in rows("register")
    }


def register(name: str) -> Register:
    """Register by id; UsageError if there is none."""
    if name not in registers():
        raise UsageError(
            f"没有登记册 {name[:40]} / there is no such register", f"one of: {', '.join(registers())}"
        )
    return registers()[name]
