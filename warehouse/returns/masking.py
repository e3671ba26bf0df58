"""How the values of a record are shown to the clerk who must find and mend it: no more than that needs.

The clerk has the file; file name, sheet and row number lead to the record. Numbers keep their area code and their last four
characters, names their first character, addresses their beginning. Values of the zone `raw` (codes, dates, numbers) are shown
as written where they are at fault. A birth date and the ends of a citizen id together are the whole id: a record that shows the
one shows less of the other.
"""

from __future__ import annotations

import re

from warehouse.contract import Column

STAR = "*"
EMPTY = "（空）"
_LONGEST = 60
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)
# Numbers of persons in a cell where they do not belong: ids, student numbers, telephones
_NUMBERS = re.compile(r"[GJLgjl]?(?<!\d)\d{15,}[\dXx]?|(?<!\d)1\d{10}(?!\d)")
_BIRTH = ("birth_date", "birth_month")


def number(text: str, *, tail: bool = True) -> str:
    """110105********6513; without the tail 110105************. Shorter numbers keep their ends."""
    text = text.strip()
    if _SCIENTIFIC.fullmatch(text):
        return text  # what the spreadsheet left of it is no number of a person any more
    first = 7 if text[:1].isalpha() else 6
    last = 4 if tail else 0
    if len(text) < first + last + 4:
        first, last = len(text) // 4, len(text) // 4 if tail else 0
    return text[:first] + STAR * (len(text) - first - last) + (text[-last:] if last else "")


def name(text: str) -> str:
    """才**·**: the first character, and the dots."""
    text = text.strip()
    return text[:1] + "".join(c if c in "·•" else STAR for c in text[1:])


def phone(text: str) -> str:
    """139****0001."""
    text = text.strip()
    return text[:3] + STAR * max(0, len(text) - 7) + text[-4:] if len(text) > 7 else STAR * len(text)


def free_text(text: str) -> str:
    """The first four characters."""
    text = text.strip()
    return text[:4] + STAR * min(6, max(0, len(text) - 4))


def plain(text: str) -> str:
    """As written, except for what looks like the number of a person; long texts are cut."""
    shown = _NUMBERS.sub(lambda m: phone(m[0]) if len(m[0]) == 11 else number(m[0]), text.strip())
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


def shows_birth(fields: set[str]) -> bool:
    """Whether a record with faults in these fields shows a birth date."""
    return not fields.isdisjoint(_BIRTH)


def show(column: Column, text: str | None, *, at_fault: bool, birth_shown: bool = False) -> str:
    """The text of a cell for the clerk."""
    if text is None or not text.strip():
        return EMPTY if at_fault else ""
    if column.kind in ("citizen_id", "student_no", "local_no"):
        return number(text, tail=not birth_shown)
    if column.kind == "name":
        return name(text)
    if column.kind == "phone":
        return phone(text)
    if column.zone in ("vault", "token"):
        return free_text(text)
    if column.name in _BIRTH and not at_fault:
        return text.strip()[:4] + STAR * 4
    return plain(text)
