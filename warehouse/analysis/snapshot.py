"""One snapshot: `data/snapshots/<purpose>-<period>-<hash>/` with `analysis.duckdb`, code tables, macros and SNAPSHOT.json.

A person is a pseudonym `<key id>.<hash>` keyed by the purpose; quasi-identifiers are generalised until at least k persons are
alike (threshold release_k). The finished file is opened again and judged by a query of its own before anybody gets it.
Design: linkage-privacy B5.7, B6; rules RU03–RU05, RU14, RU15.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb

from warehouse.analysis.purpose_key import purpose_key
from warehouse.config import Settings
from warehouse.engine.duckdb import SQL, Session, literal
from warehouse.engine.work import private_folder
from warehouse.errors import BlockedError, UsageError
from warehouse.monitor import access
from warehouse.pseudonym import install
from warehouse.reference import reference_version, thresholds

ALIKE = ("region_code", "sex_code", "birth_year", "ethnic_group")
_COMMENTS = {
    "learner_month": ("在籍学生(逐月) / Active learners by month", {
        "learner": "假名，仅本目的内可比 / pseudonym, comparable within this purpose only", "period": "月份 / month",
        "region_level": "county|prefecture|province：满足k的最小区域 / smallest region in which k persons are alike",
        "region_code": "区域代码 / code of the region", "birth_year": "出生年 / year of birth", "ethnic_group": "han|tibetan|hui|other",
        "is_poor": "脱贫家庭 / in the poverty register", "state_code": "in_study|suspended",
    }),
    "movement_month": ("月度变动 / Movements from month to month", {
        "learner": "假名 / pseudonym", "exit_code": "离开去向 / way out, see code_exit", "grade_move_code": "升级情况 / promoted, repeated …",
    }),
    "aid_term": ("应助与实助 / Due and paid by term", {
        "learner": "假名 / pseudonym", "class_code": "full|short|unpaid|over|double|ineligible|pending", "amount_due": "应发(元) / due, yuan",
    }),
}  # fmt: skip
_CODES = {
    "code_grade": "SELECT grade_code, stage_code, name_zh, name_en FROM ref.grade",
    "code_stage": "SELECT stage_code, name_zh, name_en FROM ref.stage",
    "code_exit": "SELECT exit_code, name_zh, name_en, is_explained FROM ref.exit_reason",
    "code_rule": "SELECT rule_id, programme_code, name_zh, name_en FROM ref.entitlement_rule",
    "code_county": "SELECT county_code, prefecture_code, name_zh, name_en FROM ref.county WHERE valid_to IS NULL",
}
_MACROS = (
    "CREATE MACRO learners_at(p) AS TABLE SELECT * FROM learner_month WHERE period = "
    "(SELECT max(period) FROM learner_month WHERE period <= p)",
    "CREATE MACRO path_of(who) AS TABLE SELECT * FROM learner_month WHERE learner = who ORDER BY period",
)


def make_snapshot(
    session: Session,
    settings: Settings,
    purpose: str,
    account: str,
    *,
    first: str,
    last: str,
    second: str | None = None,
    rotate: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Write a snapshot of the months first … last; returns folder and facts.

    Raises UsageError for a purpose that does not allow it or months that are not loaded, BlockedError when fewer than k persons
    are alike or more than the allowed share would have to be left out. Nothing is left behind then.
    """
    limits = thresholds()
    k = int(limits["release_k"])
    n_persons = int(
        session.value(
            "SELECT count(DISTINCT person_id) FROM core.standing__person_month WHERE is_active AND period BETWEEN ? AND ?",
            [first, last],
        )
    )
    if not n_persons:
        raise UsageError(f"{first}–{last} 没有数据 / no month from {first} to {last} is loaded", "edu status")
    access.check("snapshot", purpose, account, n_persons, second)
    key = purpose_key(settings, purpose, rotate=rotate)
    parameters = {"first": first, "last": last, "k": k, "province": settings.province_code}
    session.execute(
        (SQL / "analysis" / "learner_month.sql").read_text(encoding="utf-8"), parameters, what="learner_month"
    )
    total, removed = session.rows("SELECT count(*), count(*) FILTER (region_level = 'removed') FROM learner")[
        0
    ]
    if removed > float(limits["release_removed_share"]) * total:
        raise BlockedError(
            f"须剔除 {removed}/{total} 行，过多 / {removed} of {total} rows would have to be left out",
            "release fewer attributes, or a larger population",
        )
    root = private_folder(settings.data / "snapshots", 1)
    staged = root / f".staged-{os.getpid()}"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700)
    try:
        _write(session, staged / "analysis.duckdb", purpose, key.key, key.key_id, first, last)
        smallest = smallest_class(staged / "analysis.duckdb")
        if smallest < k:
            raise BlockedError(
                f"最小等价类 {smallest} 小于 {k} / only {smallest} persons are alike somewhere", "report this"
            )
        facts = _facts(
            staged / "analysis.duckdb", purpose, key.key_id, first, last, k, smallest, total, removed
        )
        (staged / "SNAPSHOT.json").write_text(
            json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        folder = root / f"{purpose}-{last}-{facts['sha256'][:8]}"
        access.record(
            session,
            "snapshot",
            purpose,
            account,
            folder.name,
            {"persons": n_persons, "second": second, **facts},
        )
        for file in staged.iterdir():
            file.chmod(0o400)
        if folder.exists():
            shutil.rmtree(staged)
        else:
            staged.rename(folder)
            folder.chmod(0o500)
        return folder, facts
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _write(
    session: Session, file: Path, purpose: str, key: bytes, key_id: str, first: str, last: str
) -> None:
    install(session, key)
    who = f"{literal(key_id + '.')} || replace(token({literal(purpose)}, {{}}::VARCHAR)::VARCHAR, '-', '')"
    session.execute(f"ATTACH {literal(str(file))} AS out (STORAGE_VERSION 'v1.2.0')", what="snapshot")
    try:
        session.execute(
            f"""CREATE TABLE out.main.learner_month AS
                SELECT period, {who.format("person_id")} AS learner, region_level, region_code, sex_code, birth_year, ethnic_group,
                       stage_code, grade_code, residence_code, boarding_code, state_code, is_poor
                FROM learner WHERE region_level <> 'removed' ORDER BY period, learner"""
        )
        # only persons of the first table, and only codes: nothing here makes a person more recognisable
        session.execute(
            f"""CREATE TABLE out.main.movement_month AS
                SELECT m.period, {who.format("m.person_id")} AS learner, m.presence_code, m.entry_code, m.exit_code,
                       m.school_move_code, m.grade_move_code, m.from_grade_code, m.to_grade_code
                FROM core.movement__person_month m
                WHERE m.period BETWEEN ? AND ? AND m.person_id IN (SELECT person_id FROM learner WHERE region_level <> 'removed')
                ORDER BY 1, 2""",
            [first, last],
        )
        session.execute(
            f"""CREATE TABLE out.main.aid_term AS
                SELECT e.school_year_code, e.term_code, {who.format("e.person_id")} AS learner, e.rule_id, e.programme_code,
                       e.class_code, e.amount_due, e.amount_paid
                FROM use.entitlement__person_rule_term e
                WHERE e.period = (SELECT max(x.period) FROM use.entitlement__person_rule_term x WHERE x.period BETWEEN ? AND ?
                                  AND x.school_year_code = e.school_year_code AND x.term_code = e.term_code)
                  AND e.person_id IN (SELECT person_id FROM learner WHERE region_level <> 'removed')
                ORDER BY ALL""",
            [first, last],
        )
        for table, select in _CODES.items():
            session.execute(f"CREATE TABLE out.main.{table} AS {select} ORDER BY 1, 2")
        for table, (comment, columns) in _COMMENTS.items():
            session.execute(f"COMMENT ON TABLE out.main.{table} IS {literal(comment)}")
            for column, text in columns.items():
                session.execute(f"COMMENT ON COLUMN out.main.{table}.{column} IS {literal(text)}")
    finally:
        session.execute("DETACH out")
    # a macro is bound where it is made: in the file itself
    with duckdb.connect(str(file)) as con:
        for macro in _MACROS:
            con.execute(macro)


def smallest_class(file: Path) -> int:
    """Persons in the smallest class of alike rows of a month, by a query over the finished file alone."""
    with duckdb.connect(str(file), read_only=True) as con:
        row = con.execute(
            f"SELECT min(n) FROM (SELECT count(DISTINCT learner) AS n FROM learner_month GROUP BY period, {', '.join(ALIKE)})"
        ).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _facts(
    file: Path,
    purpose: str,
    key_id: str,
    first: str,
    last: str,
    k: int,
    smallest: int,
    total: int,
    removed: int,
) -> dict[str, Any]:
    return {
        "purpose": purpose, "key_id": key_id, "first": first, "last": last, "k": k, "smallest_class": smallest,
        "rows": total - removed, "rows_removed": removed, "reference_version": reference_version(),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }  # fmt: skip
