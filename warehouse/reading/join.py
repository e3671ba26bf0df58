"""Several parts of one delivery (sheets of a workbook, files of a zip) into one normalised copy."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from warehouse.contract import normalise_header
from warehouse.reading.result import Facts, Refused

_SUMS = (
    "n_header", "n_title", "n_blank", "n_footer", "n_newline_cells", "n_literal_quotes", "n_private_use", "n_padded",
)  # fmt: skip


def join(parts: Sequence[tuple[Path, Facts]], out: Path, facts: Facts, differ: str) -> None:
    """Append the copies of all parts to `out` in the order of columns of the first, and add up their facts.

    Raises Refused(differ) if the parts do not have the same columns: which of them counts is not ours to guess.
    """
    first = parts[0][1]
    names = [normalise_header(text) for text in first.header]
    for _, part in parts[1:]:
        theirs = [normalise_header(text) for text in part.header]
        if sorted(t for t in theirs if t) != sorted(n for n in names if n) or len(set(names)) != len(names):
            raise Refused(differ, parts=len(parts))
    for name in ("encoding", "format", "sheet", "header", "header_row"):
        setattr(facts, name, getattr(first, name))
    periods = {part.title_period for _, part in parts if part.title_period}
    facts.title_period = periods.pop() if len(periods) == 1 else None
    with out.open("wb") as target:
        out.chmod(0o600)
        for path, part in parts:
            _append(path, [normalise_header(text) for text in part.header], names, target)
            facts.ragged += [facts.n_records + row for row in part.ragged]
            facts.n_records += part.n_records
            for name in _SUMS:
                setattr(facts, name, getattr(facts, name) + getattr(part, name))


def _append(path: Path, theirs: list[str], names: list[str], target: object) -> None:
    import io

    with path.open("rb") as source:
        if theirs == names:
            shutil.copyfileobj(source, target)  # type: ignore[arg-type]
            return
        order = [theirs.index(name) if name else None for name in names]
        text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)  # type: ignore[type-var]
        writer = csv.writer(text, lineterminator="\n")
        for row in csv.reader(io.TextIOWrapper(source, encoding="utf-8", newline="")):
            writer.writerow(["" if at is None else row[at] for at in order])
        text.detach()
