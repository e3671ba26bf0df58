"""The clerk's own check: one file through the same reading, cleaning and rules as the pipeline, in a folder that vanishes.

It needs no warehouse, no keys and no network: reference data and contracts come with the package, keys are random and live
in memory. Checks that ask other tables (the directory of schools, the last month) or an envelope that is not there cannot be
made here; they are named, not passed over in silence.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from assets.collection.judging import FAILURES, judge
from assets.collection.outcome import CollectReport, Outcome
from expectations.rule import Check, Rule, all_rules
from warehouse.archive import sha256_file
from warehouse.catalogue import prepare
from warehouse.config import Settings
from warehouse.contract import Contract, extract_contract, load_contracts
from warehouse.engine.duckdb import Session, open_warehouse
from warehouse.engine.work import work_folder
from warehouse.errors import UnreadableError, UsageError
from warehouse.keys import Keys
from warehouse.landing import Delivery, Envelope, delivery_id, read_envelope
from warehouse.reading import Limits, read_file
from warehouse.returns import records

# What a check asks for that a single file cannot answer → why it is not made
_ELSEWHERE = {
    "work.main.open_school": "需要学校名录 / needs the directory of schools",
    "n_previous": "需要上一期数据 / needs the last month",
    "n_copies": "需要其他文件 / needs the other files",
}
_ENVELOPE = ("has_envelope", "env_source", "env_owner", "env_sha256", "received_on", "preparer", "reviewer")
_NO_ENVELOPE = "需要报送单 / needs the envelope"


@dataclass
class Screened:
    """What the check found. `counts`: (rule id, severity, number, first rows of the file)."""

    source: str
    period: str
    outcome: Outcome
    counts: list[tuple[str, str, int, list[str]]] = field(default_factory=list)
    records: records.FileRecords | None = None
    units: list[tuple[str, str, str]] = field(default_factory=list)  # rule id, severity, what (e.g. a school)
    not_checked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not self.counts and self.outcome.status == "accepted"


@contextmanager
def screening(settings: Settings) -> Iterator[tuple[Session, Settings, Keys]]:
    """A warehouse that lives as long as the block, in a private folder of its own."""
    with work_folder(Path(tempfile.gettempdir()) / f"edu-screen-{os.getuid()}") as folder:
        values = {**settings.values, "paths": {"data": str(folder / "data")}}
        own = replace(settings, values=values)
        with open_warehouse(own) as session:
            prepare(session)
            yield session, own, Keys(*(secrets.token_bytes(32) for _ in range(3)))


def guess_source(path: Path, folder: Path, limits: Limits) -> str:
    """Source by the headers of the file. UnreadableError if it cannot be read, UsageError if two sources fit."""
    contracts = load_contracts("extracts")
    columns = tuple(replace(k, required=False) for c in contracts.values() for k in c.columns)
    anything = replace(next(iter(contracts.values())), id="any", columns=columns)
    read = read_file(path, anything, folder, limits)
    if read.csv:
        read.csv.unlink()
    if not read.header and read.problem:
        p = read.problem
        raise UnreadableError(f"{p.zh} {p.en}", f"{p.remedy_zh} {p.remedy_en}")

    def fit(contract: Contract) -> tuple[bool, int, int]:
        match = contract.match_header(read.header)
        return not match.missing, len(match.mapping) - len(match.missing), -len(match.unknown)

    ranked = sorted(((fit(c), c.id) for c in contracts.values()), reverse=True)
    if ranked[0][0] == ranked[1][0]:
        raise UsageError(
            "The headers fit more than one source", f"say which: --source {ranked[0][1]} or {ranked[1][1]}"
        )
    return ranked[0][1]


def rules_here(
    rules: Sequence[Rule], source: str, has_envelope: bool
) -> tuple[list[Rule], list[tuple[str, str]]]:
    """The rules as far as one file can be judged by them, and what is left out, with the reason."""
    kept, left = [], []

    def reason(check: Check) -> str | None:
        text = f"{check.expectation['kwargs']} {check.when}"
        why = next((why for word, why in _ELSEWHERE.items() if word in text), None)
        if why is None and not has_envelope and any(word in text for word in _ENVELOPE):
            why = _NO_ENVELOPE
        return why

    for rule in rules:
        checks = []
        for check in rule.checks:
            why = reason(check) if check.dataset in ("delivery", source) else None
            if why is None:
                checks.append(check)
            elif (rule.id, why) not in left:
                left.append((rule.id, why))
        if checks:
            kept.append(replace(rule, checks=tuple(checks)))
    return kept, left


def screen(
    session: Session,
    settings: Settings,
    keys: Keys,
    path: Path,
    *,
    source: str | None = None,
    owner: str | None = None,
    period: str | None = None,
) -> Screened:
    """Check one file in the warehouse of `screening`. Nothing of it is kept."""
    limits = Limits(
        max_unpacked_bytes=int(settings.get("limits", "max_unpacked_bytes")),
        max_unpack_ratio=int(settings.get("limits", "max_unpack_ratio")),
    )
    envelope = read_envelope(path)
    has_envelope = envelope != Envelope()
    today = date.today()
    source = source or (envelope.source if has_envelope else None)
    if source is None:
        folder = session.folder / "guess"
        folder.mkdir(mode=0o700)
        source = guess_source(path, folder, limits)
    period = period or envelope.period or f"{today:%Y-%m}"
    if not has_envelope:
        envelope = Envelope(source=source, owner=owner, period=period, as_of=min(today, _last_day(period)))
    contract = extract_contract(source)
    sha256 = sha256_file(path)
    who = owner or envelope.owner or "unknown"
    delivery = Delivery(
        delivery_id(source, who, period, envelope.part, sha256), source, who, period, envelope.part, path, sha256,
        path.stat().st_size, envelope,
    )  # fmt: skip
    rules, left = rules_here(tuple(all_rules().values()), source, has_envelope)
    report = CollectReport(source, period)
    judge(session, settings, keys, contract, report, [delivery], Counter({delivery.delivery_id: 1}), rules)
    found = Screened(source, period, report.outcomes[0], not_checked=left)
    _collect(session, contract, found)
    return found


def _last_day(period: str) -> date:
    year, month = int(period[:4]), int(period[5:])
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)


def _collect(session: Session, contract: Contract, found: Screened) -> None:
    """Faults of the rows for the workbook, and counts with the first rows for the screen."""
    delivery, read = found.outcome.delivery, found.outcome.read
    records.create_told(session)
    session.execute(
        f"INSERT INTO {records.TOLD} SELECT DISTINCT delivery_id, row_no, NULL, rule_id, field, severity, 0, NULL "
        f"FROM {FAILURES} WHERE row_no IS NOT NULL",
        what="faults found",
    )
    found.units = [
        (rule_id, severity, "" if dataset == "delivery" else unit_key.partition("|")[2])
        for rule_id, severity, dataset, unit_key in session.rows(
            f"SELECT DISTINCT rule_id, severity, dataset, unit_key FROM {FAILURES} WHERE row_no IS NULL ORDER BY ALL"
        )
    ]
    places: dict[int, str] = {}
    if read.csv:
        found.records = records.load(session, contract, delivery.delivery_id, delivery.file_name, read)
        places = {r.row_no: r.file_row for r in found.records.records}
    found.counts = [
        (rule_id, severity, n, [places.get(r, str(r)) for r in first])
        for rule_id, severity, n, first in session.rows(
            f"""SELECT rule_id, min(severity), count(DISTINCT row_no), list(DISTINCT row_no ORDER BY row_no)[:5]
                FROM {records.TOLD} GROUP BY rule_id ORDER BY 2, 3 DESC, 1"""
        )
    ]
    whole = Counter((rule_id, severity) for rule_id, severity, _ in found.units)
    found.counts = [
        (r, s, n, []) for (r, s), n in sorted(whole.items(), key=lambda k: k[0][1])
    ] + found.counts
