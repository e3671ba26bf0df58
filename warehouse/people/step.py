"""The step of a load that gives every accepted row of the person sources its person.

The warehouse side: exports tokens and attributes of the rows not seen yet, starts the worker process, and takes its tokens in.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse import ledger
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.engine.work import private_folder
from warehouse.errors import EngineError
from warehouse.keys import Keys
from warehouse.people.match import ALGORITHM
from warehouse.people.sources import SOURCES, numbers_sql
from warehouse.vault import vault_path
from warehouse.version import ROOT

MODEL = Path(__file__).parent / "splink_model.json"
TABLES = ("core.person_profile__row", "core.person_link__history", "core.person__id")
_SELF = "core.person_link__history"


@dataclass(frozen=True)
class Linked:
    """What one run did; counts only."""

    skipped: bool
    rows: int = 0
    profiles: int = 0
    persons: int = 0
    reviews: int = 0


def model_version() -> str:
    """Version stored with every link: the algorithm and the hash of the committed model."""
    if not MODEL.exists():
        return f"{ALGORITHM}+tiers"
    return f"{ALGORITHM}+{hashlib.sha256(MODEL.read_bytes()).hexdigest()[:8]}"


def link_period(session: Session, settings: Settings, keys: Keys, period: str) -> Linked:
    """Link the rows in force in a period that have no profile yet. Needs core.delivery__period and core.county_unit__code."""
    pending = session.rows(
        f"""SELECT d.source, d.delivery_id, d.delivery_period FROM core.delivery__period d
            LEFT JOIN (SELECT delivery_id, count(*) AS n FROM core.person_profile__row GROUP BY ALL) r USING (delivery_id)
            -- new, or with rows that were set aside and came in later
            WHERE d.period = ? AND d.source IN ({", ".join(map(literal, SOURCES))}) AND d.n_accepted <> coalesce(r.n, 0)
            ORDER BY ALL""",
        [period],
    )
    linked = Linked(skipped=True)
    if pending:
        folder = private_folder(session.folder / "people", 1)
        _export(session, folder, pending, period)
        job = _job(settings, period, pending)
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        private_folder(Path(job["profiles"]), 2)
        counts = _work(folder, keys)
        linked = Linked(False, **counts)
    with session.transaction():
        if pending:
            _take_in(session, folder, period, linked)
        remember(session, period)
    return linked


def _job(settings: Settings, period: str, pending: list[tuple[Any, ...]]) -> dict[str, Any]:
    files: dict[str, list[str]] = {}
    for source, delivery, delivered in pending:
        files.setdefault(source, []).append(str(vault_path(settings.vault, source, delivered, delivery)))
    content = hashlib.sha256(" ".join(d for _, d, _ in pending).encode()).hexdigest()[:16]
    return {
        "root": str(settings.root),
        "settings": settings.values,
        "period": period,
        "vault_files": files,
        "profiles": str(settings.vault / "person"),
        "profile_file": f"{period}-{content}.parquet",
        "model": str(MODEL) if MODEL.exists() else "",
    }


def _export(session: Session, folder: Path, pending: list[tuple[Any, ...]], period: str) -> None:
    """Tokens and typed attributes of the pending rows, and what is known of earlier profiles."""
    parts = []
    for source in dict.fromkeys(s for s, _, _ in pending):
        spec = SOURCES[source]
        ids = ", ".join(literal(d) for s, d, _ in pending if s == source)
        parts.append(
            f"""SELECT {literal(source)} AS source, r.delivery_id, r.row_no, {numbers_sql(spec)} AS numbers, {spec.birth} AS birth,
                       {spec.sex} AS sex, {spec.ethnic} AS ethnic, coalesce(u.county_code, {spec.county}) AS county,
                       {spec.household} AS household
                FROM {spec.table} r
                LEFT JOIN core.county_unit__code u ON u.period = {literal(period)} AND u.code = {spec.county}
                WHERE r.delivery_id IN ({ids})"""
        )
    selects = {
        "incoming": " UNION ALL ".join(parts),
        # a profile is in force while a delivery of this period shows it
        "known": f"""WITH shown AS (
                 SELECT DISTINCT r.profile FROM core.person_profile__row r
                 JOIN core.delivery__period d ON d.delivery_id = r.delivery_id AND d.period = {literal(period)})
               SELECT l.profile, coalesce(p.merged_into, l.person_id) AS person_id, s.profile IS NOT NULL AS in_force
               FROM core.person_link__link l
               LEFT JOIN core.person__id p ON p.person_id = l.person_id AND p.merged_into IS NOT NULL
               LEFT JOIN shown s ON s.profile = l.profile WHERE l.is_current""",
        "decision": """SELECT left_profile, right_profile, arg_max(verdict, seq) AS verdict
                       FROM core.person_decision__pair GROUP BY ALL""",
    }
    for name, select in selects.items():
        target = literal(str(folder / f"{name}.parquet"))
        session.execute(f"COPY ({select}) TO {target} (FORMAT parquet)", what=f"export {name}")


def _work(folder: Path, keys: Keys) -> dict[str, int]:
    """Run the worker; its standard error is not shown, for it could quote a value."""
    secrets = json.dumps({"vault": keys.vault.hex(), "token": keys.token.hex()})
    done = subprocess.run(
        [sys.executable, "-m", "warehouse.people.worker", str(folder)],
        input=secrets,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        answer = {"error": f"the linkage process ended with code {done.returncode}"}
    if "error" in answer:
        raise EngineError(
            f"people: {answer['error']}",
            answer.get("remedy") or "look at free memory and disk space, then run the same command again",
        )
    return dict(answer["counts"])


def _take_in(session: Session, folder: Path, period: str, linked: Linked) -> None:
    def parquet(name: str) -> str:
        return f"read_parquet({literal(str(folder / f'{name}.parquet'))})"

    session.execute(
        f"DELETE FROM core.person_profile__row WHERE delivery_id IN (SELECT DISTINCT delivery_id FROM {parquet('row')})"
    )
    session.execute(
        f"INSERT INTO core.person_profile__row SELECT source, delivery_id, row_no, profile FROM {parquet('row')}"
    )
    session.execute(
        f"""INSERT INTO core.person__id SELECT DISTINCT person_id, ?, 'active', NULL::UUID FROM {parquet("link")} l
            WHERE NOT EXISTS (SELECT 1 FROM core.person__id p WHERE p.person_id = l.person_id) ORDER BY 1""",
        [period],
    )
    session.execute(
        f"""INSERT INTO core.person_link__history
            SELECT (SELECT coalesce(max(seq), 0) FROM core.person_link__history) + row_number() OVER (ORDER BY n),
                   md5(profile::VARCHAR || person_id::VARCHAR)::UUID, source, profile, person_id, tier, score, evidence, ?, 'load', ?
            FROM {parquet("link")} ORDER BY n""",
        [model_version(), period],
    )
    session.execute(
        f"""INSERT INTO core.person_review__pair
            SELECT md5(left_profile::VARCHAR || right_profile::VARCHAR)::UUID, kind, left_profile, right_profile, score, evidence, ?, ?
            FROM {parquet("review")} v
            WHERE NOT EXISTS (SELECT 1 FROM core.person_review__pair o
                              WHERE o.left_profile = v.left_profile AND o.right_profile = v.right_profile)
            ORDER BY ALL""",
        [model_version(), period],
    )
    counts = {k: v for k, v in vars(linked).items() if k != "skipped"}
    ledger.append(session, "people_linked", period, {**counts, "model_version": model_version()})


def remember(session: Session, period: str) -> None:
    """Tell the models that read the index what state it is in: they run again only when it changed."""
    state = session.value(
        """SELECT md5(concat_ws('|',
             (SELECT count(*) FROM core.person_profile__row WHERE delivery_id IN
                (SELECT delivery_id FROM core.delivery__period WHERE period = $period)),
             (SELECT coalesce(max(seq), 0) FROM core.person_link__history WHERE decided_by <> 'load'),
             (SELECT coalesce(string_agg(person_id || ':' || merged_into, ',' ORDER BY person_id), '') FROM core.person__id
              WHERE merged_into IS NOT NULL)))""",
        {"period": period},
    )
    inputs = json.dumps({"core.delivery__period": period})
    for table in TABLES:
        known = session.rows(
            "SELECT content FROM ops.model_run__model_period WHERE model = ? AND period = ? AND code_version = ?",
            [table, period, model_version()],
        )
        if known == [(state,)]:
            continue  # nothing new: the record of the run stays as it is
        session.execute(
            "DELETE FROM ops.model_run__model_period WHERE model = ? AND period = ?", [table, period]
        )
        session.execute(
            "INSERT INTO ops.model_run__model_period VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)",
            [table, period, state, inputs, model_version(), datetime.now(), state],
        )
