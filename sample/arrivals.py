"""How files arrive: dirt of whole deliveries of the student registry (D24, D25) that a month survives, with its ledger.

What refuses a file would hold the month back and lies in the hostile drop. Counties are named by their place in the list.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sample.data import counties
from sample.dirt import WARN
from sample.extracts.base import Context
from sample.writers import Layout, Target, delivery_dates, write_envelope

SOURCE = "student_registry"
RECORD = "record"  # nothing is wrong; what arrived must stand in the warehouse
COPY, OTHER_SNAPSHOT, OTHER_TITLE, CORRECTED = 4, 8, 13, 24
# A register smaller than this may well be that of the month before (threshold unchanged_file_rows of the warehouse).
LARGE = 1000
_FIRST = "-初报"  # sorts before the corrected file, so that it is the first version
_COPY = "_副本"


def is_duplicate(path: Path) -> bool:
    """A file whose records are also in another file of its month."""
    return path.stem.endswith((_FIRST, _COPY))


def _day_before(period: str) -> date:
    """Last but two of the month before."""
    return date.fromisoformat(f"{period}-01") - timedelta(days=3)


def titled(context: Context, owner: str, layout: Layout) -> Layout:
    """D24: the title row of one county still names the month before."""
    if counties()[OTHER_TITLE].code != owner:
        return layout
    titles = ("中小学生学籍信息表", f"单位：{owner}    时间：{_day_before(context.period):%Y-%m}")
    return replace(layout, titles=titles, notes=(*layout.notes, ("D13", "two title rows")))


def arrive(context: Context, targets: dict[str, Target]) -> None:
    """Change envelopes, add files beside those of the month, and write each into the ledger."""
    period, codes = context.period, [c.code for c in counties()]

    def ledger(
        kind: str, dirt: str, target: Target, owner: str, rules: str, text: str, **expected: Any
    ) -> None:
        context.world.con.execute(
            "INSERT INTO t_defect VALUES (?, ?, ?, ?, ?, ?, NULL, '', ?, '', ?, ?, NULL, ?, ?)",
            [kind, dirt, SOURCE, period, owner, target.path.name, rules, WARN if rules else RECORD, text, target.digest,
             expected.get("as_of")],
        )  # fmt: skip

    def beside(owner: str, name: str, content: bytes | None = None) -> Target:
        target = targets[owner]
        other = replace(target, path=target.path.with_name(f"{target.path.stem}{name}{target.path.suffix}"))
        if content is None:
            shutil.copyfile(target.path, other.path)
        else:
            other = _rewritten(other, content)
        write_envelope(other, SOURCE, owner, period, int(owner))
        return other

    late = targets[codes[OTHER_SNAPSHOT]]
    late.extra["as_of"] = _day_before(period).isoformat()
    write_envelope(late, SOURCE, codes[OTHER_SNAPSHOT], period, int(codes[OTHER_SNAPSHOT]))
    usual = f"{period}-05"
    for owner, target in targets.items():
        day = target.extra.get("as_of") or delivery_dates(period, int(owner))[0].isoformat()
        if day != usual:
            rules = "RC14" if "as_of" in target.extra else ""
            ledger(
                "snapshot-day", "D25", target, owner, rules, f"snapshot of {day}, not of {usual}", as_of=day
            )
    owner = codes[OTHER_TITLE]
    ledger("title-month", "D24", targets[owner], owner, "RC14", "the title names the month before")
    owner = codes[COPY]
    ledger("copy", "D24", beside(owner, _COPY), owner, "RC13", "the same file again under another name")
    owner = codes[CORRECTED]
    first = beside(owner, _FIRST, _without_tail(targets[owner].path.read_bytes()))
    text = "a part of the county came first, the whole as version 2"
    if first.digest != targets[owner].digest:
        ledger("corrected", "D24", targets[owner], owner, "", text)
    _resend(context, targets, codes, beside, ledger)


def _resend(context: Context, targets: dict[str, Target], codes: list[str], beside: Any, ledger: Any) -> None:
    """The largest county first sends the file of the month before, then the right one."""
    taken = {codes[i] for i in (COPY, OTHER_SNAPSHOT, OTHER_TITLE, CORRECTED)}
    owner = max((o for o in targets if o not in taken), key=lambda o: (targets[o].n_rows, o))
    target, before = targets[owner], f"{_day_before(context.period):%Y-%m}"
    old = target.path.parents[1] / before / target.path.name.replace(context.period, before)
    if target.layout.container != "csv" or not old.is_file():
        return
    sent = beside(owner, _FIRST, old.read_bytes())
    ledger("corrected", "D24", target, owner, "", "the file of the month before came first")
    if sent.n_rows >= LARGE:
        ledger(
            "month-before",
            "D24",
            sent,
            owner,
            "RC13",
            "the file of the month before sent again for this month",
        )


def _without_tail(content: bytes) -> bytes:
    """The file without the last twentieth of its records (a line break inside quotes is a bare line feed)."""
    lines = content.split(b"\r\n")
    return b"\r\n".join([*lines[: len(lines) - 1 - len(lines) // 20], b""])


def _rewritten(target: Target, content: bytes) -> Target:
    from hashlib import sha256

    target.path.write_bytes(content)
    n_head = len(target.layout.titles) + 1
    return replace(target, n_rows=content.count(b"\r\n") - n_head, digest=sha256(content).hexdigest())
