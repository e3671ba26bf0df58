"""Judges again what was set aside, from the archive, after a rule, an alias or a code list was mended; no new file is needed.

Rows of accepted files that now pass enter `raw` exactly once; rows that are there stay as they are (an accepted snapshot is
never changed in place, rule RT14), also if the mended rule would now refuse them. Refused files go the whole way again.
Only the latest version of each part of an owner and month is replayed. Faults that are gone become `replayed`, not `fixed`:
nobody but the centre has mended anything.

What is approved is frozen: its package must be reopened first. A package that a replay changes becomes a new version, which the
levels must sign anew.

A refused file that no longer lies in landing is judged with the envelope that came with it; one that came without any waits for
its owner.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assets.collection.collect import check_conservation, keep
from assets.collection.judging import FAILURES, judge
from assets.collection.outcome import CollectReport
from expectations.rule import all_rules
from warehouse import archive, intake, ledger, vault
from warehouse.config import Settings
from warehouse.contract import Contract, extract_contract
from warehouse.engine.duckdb import Session, literal
from warehouse.keys import Keys
from warehouse.landing import SOURCES, Delivery, envelope_of, inventory, read_envelope
from warehouse.returns import register
from warehouse.workflow.arrival import sync

_FROZEN = "its package is approved: `edu review reopen` first"


@dataclass
class Replayed:
    """What a replay came to for one delivery. status: accepted, refused (still), waiting (not judged again; see note)."""

    delivery_id: str
    source: str
    owner: str
    period: str
    status: str
    n_released: int = 0
    n_left: int = 0
    note: str = ""


def replay(
    session: Session,
    settings: Settings,
    keys: Keys,
    *,
    source: str | None = None,
    period: str | None = None,
    rule: str | None = None,
    by: str,
    dry_run: bool = False,
) -> list[Replayed]:
    """Judge again; one result per delivery. All or nothing for each source and month."""
    wanted = _wanted(session, source, period, rule)
    found: list[Replayed] = []
    for name, month in sorted(
        {(w["source"], w["period"]) for w in wanted}, key=lambda k: (k[1], SOURCES.index(k[0]))
    ):
        group = [w for w in wanted if (w["source"], w["period"]) == (name, month)]
        if dry_run:
            found += [_result(w, w["status"], note=f"{w['n_quarantined']:,} rows set aside") for w in group]
            continue
        folder = session.folder / "replay"
        folder.mkdir(mode=0o700, exist_ok=True)
        contract = extract_contract(name)
        frozen = {d for (d,) in session.rows("SELECT delivery_id FROM ops.review__approved WHERE is_frozen")}
        held = [w for w in group if w["delivery_id"] in frozen]
        found += [_result(w, "waiting", n_left=w["n_quarantined"], note=_FROZEN) for w in held]
        accepted = [w for w in group if w["status"] == "accepted" and w not in held]
        if accepted:
            found += _release(session, settings, keys, contract, month, accepted, folder, rule, by)
        refused = [w for w in group if w["status"] == "refused"]
        if refused:
            found += _again(session, settings, keys, contract, month, refused, folder)
    if not dry_run:
        sync(session, settings, where="replay")
    return found


def _wanted(
    session: Session, source: str | None, period: str | None, rule: str | None
) -> list[dict[str, Any]]:
    """Latest versions that hold something back: rows set aside, or the whole file."""
    names = (
        "delivery_id", "source", "owner", "period", "part", "file_name", "sha256", "n_bytes", "status", "refused_by",
        "n_quarantined", "envelope",
    )  # fmt: skip
    rows = session.rows(
        f"""SELECT {", ".join(names)} FROM (
              SELECT v.*, e.sha256 AS envelope FROM ops.delivery__version v
              LEFT JOIN ops.envelope__delivery e ON e.delivery_id = v.delivery_id
              QUALIFY row_number() OVER (PARTITION BY source, owner, period, part ORDER BY version DESC) = 1) d
            WHERE (status = 'refused' OR n_quarantined > 0)
              AND source = coalesce($1, source) AND period = coalesce($2, period)
              AND ($3 IS NULL OR refused_by = $3 OR EXISTS (
                SELECT 1 FROM ops.quarantine__row_rule q
                WHERE q.delivery_id = d.delivery_id AND q.rule_id = $3 AND q.severity = 'quarantine'))
            ORDER BY source, owner, part""",
        [source, period, rule],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _result(wanted: dict[str, Any], status: str, **more: Any) -> Replayed:
    return Replayed(
        wanted["delivery_id"], wanted["source"], wanted["owner"], wanted["period"], status, **more
    )


def _restore(settings: Settings, keys: Keys, wanted: dict[str, Any], folder: Path) -> Delivery:
    """A delivery as it came, original and envelope taken out of the archive."""
    # In a folder of its own: two owners may have given their files the same name.
    place = folder / wanted["delivery_id"]
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / wanted["file_name"]
    archive.restore(settings.archive, keys.archive, wanted["sha256"], path)
    archive.restore(settings.archive, keys.archive, wanted["envelope"], envelope_of(path))
    return Delivery(
        wanted["delivery_id"], wanted["source"], wanted["owner"], wanted["period"], wanted["part"], path, wanted["sha256"],
        wanted["n_bytes"], read_envelope(path), wanted["envelope"],
    )  # fmt: skip


def _release(
    session: Session,
    settings: Settings,
    keys: Keys,
    contract: Contract,
    period: str,
    wanted: list[dict[str, Any]],
    folder: Path,
    rule: str | None,
    by: str,
) -> list[Replayed]:
    """Let rows of accepted files enter that now pass."""
    report = CollectReport(contract.id, period)
    deliveries = [_restore(settings, keys, w, folder) for w in wanted]
    limits = {
        **settings.values["limits"],
        "quarantine_share": 1.0,
    }  # an accepted file is not refused afterwards
    lenient = replace(settings, values={**settings.values, "limits": limits})
    rules = tuple(all_rules().values())
    judge(session, lenient, keys, contract, report, deliveries, Counter(), rules, files=False)
    failed = [o for o in report.outcomes if o.status == "refused"]
    if failed:
        # A rule that cannot be evaluated, or a file that cannot be read any more: nothing is touched.
        why = failed[0].reason_en or "it cannot be read"
        return [_result(w, "waiting", n_left=w["n_quarantined"], note=why) for w in wanted]
    columns = intake.vault_columns(contract)
    if columns:
        for d in deliveries:
            target = vault.vault_path(settings.vault, contract.id, period, d.delivery_id)
            vault.write(session, intake.CLEAN, columns, keys.vault, target, d.delivery_id)
    listed = ", ".join(literal(d.delivery_id) for d in deliveries)
    held = {w["delivery_id"]: w["n_quarantined"] for w in wanted}
    with session.transaction():
        # Only rows that were set aside (by the rule, if one is named) are judged anew; of all others stays what was said.
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE held_row AS
                SELECT delivery_id, row_no FROM ops.quarantine__row_rule
                WHERE severity = 'quarantine' AND delivery_id IN ({listed})
                GROUP BY ALL HAVING {literal(rule)} IS NULL OR bool_or(rule_id = {literal(rule)})"""
        )
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE replay_failure AS
                SELECT f.* FROM {FAILURES} f SEMI JOIN held_row h ON h.delivery_id = f.delivery_id AND h.row_no = f.row_no
                UNION ALL BY NAME
                SELECT q.rule_id, q.rule_version, {literal(contract.id)} AS dataset, q.field, q.severity, q.delivery_id, q.row_no
                FROM ops.quarantine__row_rule q ANTI JOIN held_row h ON h.delivery_id = q.delivery_id AND h.row_no = q.row_no
                WHERE q.delivery_id IN ({listed})
                -- what is no row keeps what was said of it
                UNION ALL BY NAME
                SELECT f.rule_id, 1 AS rule_version, CASE WHEN f.record_key LIKE 'file:%' THEN 'delivery' ELSE f.source END AS dataset,
                       f.field, f.severity, s.delivery_id || CASE WHEN f.record_key LIKE 'file:%' THEN ''
                         ELSE '|' || substr(f.record_key, 6) END AS unit_key
                FROM ops.fault_sighting__fault_delivery s JOIN ops.fault__identity f ON f.fault_id = s.fault_id
                WHERE s.row_no IS NULL AND s.delivery_id IN ({listed})""",
            what="failures after replay",
        )
        session.execute(
            """DELETE FROM held_row h WHERE EXISTS (SELECT 1 FROM replay_failure f WHERE f.severity = 'quarantine'
                 AND f.delivery_id = h.delivery_id AND f.row_no = h.row_no)"""
        )
        released = dict(session.rows("SELECT delivery_id, count(*) FROM held_row GROUP BY ALL"))
        intake.accept_held(session, contract, "held_row")
        session.execute(f"DELETE FROM ops.quarantine__row_rule WHERE delivery_id IN ({listed})")
        session.execute(
            "INSERT INTO ops.quarantine__row_rule SELECT DISTINCT delivery_id, row_no, rule_id, field, severity, rule_version "
            "FROM replay_failure WHERE row_no IS NOT NULL ORDER BY ALL"
        )
        for o in report.outcomes:
            n = released.get(o.delivery.delivery_id, 0)
            o.n_quarantined = held[o.delivery.delivery_id] - n
            session.execute(
                "UPDATE ops.delivery__version SET n_accepted = n_accepted + ?, n_quarantined = n_quarantined - ? "
                "WHERE delivery_id = ?",
                [n, n, o.delivery.delivery_id],
            )
        check_conservation(session, contract, report.outcomes)
        ids = [d.delivery_id for d in deliveries]
        register.update(session, contract, period, ids, "temp.replay_failure", "replayed")
        ledger.append(
            session,
            "replay",
            f"{contract.id} {period}",
            {
                "by": by,
                "rule": rule,
                "released": released,
                "left": {d: n - released.get(d, 0) for d, n in held.items()},
            },
            {"ops.delivery__version": ids},
        )
    found = []
    for w in wanted:
        n = released.get(w["delivery_id"], 0)
        found.append(
            _result(w, "accepted", n_released=n, n_left=w["n_quarantined"] - n, note="from the archive")
        )
    return found


def _again(
    session: Session,
    settings: Settings,
    keys: Keys,
    contract: Contract,
    period: str,
    wanted: list[dict[str, Any]],
    folder: Path,
) -> list[Replayed]:
    """Send refused files the whole way again."""
    landed = {d.delivery_id: d for d in inventory(settings, contract.id, period)}
    found, deliveries = [], []
    for w in wanted:
        if w["delivery_id"] in landed:
            deliveries.append(landed[w["delivery_id"]])
        elif w["envelope"]:
            deliveries.append(_restore(settings, keys, w, folder))
        else:
            found.append(
                _result(w, "waiting", note="it came without an envelope: its owner must deliver again")
            )
    if not deliveries:
        return found
    report = CollectReport(contract.id, period)
    copies = Counter(d.delivery_id for d in deliveries)
    judge(session, settings, keys, contract, report, deliveries, copies, tuple(all_rules().values()))
    keep(session, settings, keys, contract, period, report, "replayed")
    known = {w["delivery_id"]: w for w in wanted}
    for o in report.outcomes:
        n = 0 if o.status == "refused" else o.read.n_records - o.n_quarantined
        note = f"{o.refused_by} still refuses it" if o.status == "refused" else "the whole file"
        found.append(
            _result(known[o.delivery.delivery_id], o.status, n_released=n, n_left=o.n_quarantined, note=note)
        )
    return found
