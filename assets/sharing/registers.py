"""The facts that the sharing rules judge, and the evidence that goes into a release. Counts, hashes and ids only."""

from __future__ import annotations

import json
from typing import Any

from assets.storage import kept
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.model import load_models
from warehouse.release import Candidate
from warehouse.workflow.calendar import coverage

# Datasets judged on the finished candidate, or as of today: their results cannot stand in it.
AFTER_BUILD = (
    "content_scan",
    "release_paper",
    "person_counter",
    "blocking_result",
    "approval",
    "package_in_force",
    "coverage",
    "share_agreement",
    "share_delivery",
    "share_staged",
    "share_request",
    "share_correction",
    "return_flow",
)
# Records of the house itself: their number says nothing about the month.
GROWING = ("ledger", "ops.access__event", *kept.DATASETS)
# 15 or more digits (ids, bank cards), or a mobile number
_PERSONAL = r"(^|[^0-9])(1[3-9][0-9]{9}|[0-9]{15,19}[0-9Xx]?)([^0-9]|$)"


def inputs_in_force(session: Session, period: str) -> list[dict[str, Any]]:
    """Deliveries on which the month rests: source, owner, period, version, sha256, rows."""
    names = ("source", "owner", "period", "version", "sha256", "rows")
    return [
        dict(zip(names, row, strict=True))
        for row in session.rows(
            """SELECT d.source, d.owner, d.period, d.version, d.sha256, d.n_accepted
               FROM core.delivery__period f JOIN ops.delivery__version d ON d.delivery_id = f.delivery_id
               WHERE f.period = ? ORDER BY ALL""",
            [period],
        )
    ]


def evidence(session: Session, period: str) -> list[dict[str, Any]]:
    """Per rule and dataset of the month: units tested and failed, worst status.

    What grows with every act (GROWING), also with the publication of this very release, counts as one.
    """
    names = ("rule", "version", "stage", "severity", "dataset", "status", "tested", "failed")
    listed = ", ".join(map(literal, GROWING))
    rows = session.rows(
        f"""SELECT rule_id, max(rule_version), min(stage),
                  coalesce(min(severity) FILTER (status IN ('failed', 'error')), min(severity)),
                  CASE WHEN dataset = 'delivery' THEN 'files' ELSE dataset END,
                  CASE WHEN count(*) FILTER (status = 'error') > 0 THEN 'error'
                       WHEN count(*) FILTER (status = 'failed') > 0 THEN 'failed'
                       WHEN count(*) FILTER (status = 'passed') > 0 THEN 'passed' ELSE 'not_applicable' END,
                  CASE WHEN max(dataset) IN ({listed}) THEN least(sum(n_tested), 1)::BIGINT ELSE sum(n_tested)::BIGINT END,
                  sum(n_failed)::BIGINT
           FROM ({results_in_force(period)}) GROUP BY ALL ORDER BY ALL"""
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def results_in_force(period: str) -> str:
    """Results on the deliveries in force in the month, and on the tables and registers of the month.

    Without those that are judged on a candidate, which cannot be part of its own evidence.
    """
    p = literal(period)
    return (
        f"SELECT r.* FROM ops.rule_result__rule_batch r WHERE r.batch IN "
        f"(SELECT delivery_id FROM core.delivery__period WHERE period = {p}) "
        f"UNION ALL SELECT r.* FROM ops.rule_result__rule_batch r WHERE r.period = {p} AND r.dataset NOT LIKE 'release.%' "
        f"AND r.dataset NOT IN ({', '.join(map(literal, AFTER_BUILD))}) "
        f"AND r.batch NOT IN (SELECT delivery_id FROM ops.delivery__version)"
    )


def build_registers(session: Session, period: str, candidate: Candidate) -> None:
    """Transient tables about a candidate: content_scan, release_paper, person_counter, blocking_result."""
    _content_scan(session)
    paper = json.loads((candidate.path / "RELEASE.json").read_text(encoding="utf-8"))
    facts = {
        "has_id": bool(paper.get("id")),
        "has_period": paper.get("period") == period,
        "has_as_of": bool(paper.get("data_as_of")),
        "has_code_version": bool(paper.get("code_version")),
        "has_reference_version": bool(paper.get("reference_version")),
        "has_inputs": bool(paper.get("inputs")),
        "has_sums": (candidate.path / "SHA256SUMS").is_file(),
    }
    columns = ", ".join(f"{literal(v)} AS {quote(k)}" for k, v in facts.items())
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.release_paper AS SELECT {literal(candidate.path.name)} AS candidate, {columns}"
    )
    session.execute(
        """CREATE OR REPLACE TABLE work.main.person_counter AS SELECT 'warehouse' AS scope,
             ((SELECT count(DISTINCT person_id) FROM core.enrolment__person_month WHERE period = $period)
            + (SELECT count(*) FROM core.poverty_person__period WHERE period = $period))::BIGINT AS n_persons""",
        {"period": period},
    )
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.blocking_result AS SELECT rule_id, dataset, batch, status "
        f"FROM ({results_in_force(period)}) WHERE severity = 'block'"
    )


def released_codes(session: Session) -> dict[str, list[tuple[str, str, str, str]]]:
    """Code lists for the dictionary of a release: list → (code, Chinese, English, document that defines it)."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for list_id, *row in session.rows(
        "SELECT list_id, code, name_zh, coalesce(name_en, ''), source_doc FROM ref.code_list ORDER BY list_id, code"
    ):
        found.setdefault(list_id, []).append(tuple(row))
    return found


def build_lineage(session: Session, period: str) -> None:
    """Transient table lineage: every model with the inputs of its last run of the month."""
    tables = ", ".join(f"({literal(table)})" for table in load_models())
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.lineage AS
            SELECT t.model, r.inputs, r.code_version, r.fingerprint FROM (VALUES {tables}) t(model)
            LEFT JOIN ops.model_run__model_period r ON r.model = t.model AND r.period = {literal(period)}"""
    )


def _content_scan(session: Session) -> None:
    """Hits of personal-number patterns per text column of the schemas open to analysts and dashboards.

    Ids of deliveries and of cases are hashes of ours in hexadecimal; one in some hundreds has digits enough to look like a number.
    """
    columns = session.rows(
        """SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns()
           WHERE database_name = current_database() AND schema_name IN ('use', 'mart') AND data_type = 'VARCHAR'
           AND NOT ends_with(column_name, 'delivery_id') AND column_name <> 'case_id' ORDER BY ALL"""
    )
    session.execute(
        "CREATE OR REPLACE TABLE work.main.content_scan (table_name VARCHAR, column_name VARCHAR, n_hits BIGINT)"
    )
    tables: dict[str, list[str]] = {}
    for table, column in columns:
        tables.setdefault(table, []).append(column)
    for table, names in tables.items():
        hits = ", ".join(f"count(*) FILTER (regexp_matches({quote(n)}, {literal(_PERSONAL)}))" for n in names)
        session.execute(
            f"INSERT INTO work.main.content_scan SELECT {literal(table)}, unnest([{', '.join(map(literal, names))}]), "
            f"unnest([{hits}]) FROM {table}",
            what=f"content scan {table}",
        )


def build_review_registers(session: Session, period: str, province: str) -> None:
    """Transient tables for publishing: package_in_force, coverage (see expectations/sharing.py)."""
    session.execute(
        """CREATE OR REPLACE TABLE work.main.package_in_force AS
           SELECT f.delivery_id, f.source, f.owner, f.delivery_period, coalesce(max(p.state), 'none') AS state,
                  f.delivery_id IN (SELECT delivery_id FROM ops.review__approved) AS is_approved
           FROM core.delivery__period f
           LEFT JOIN ops.review__package p ON list_contains(string_split(p.deliveries, ' '), f.delivery_id)
                AND p.state <> 'superseded'
           WHERE f.period = $period GROUP BY ALL""",
        {"period": period},
    )
    lines = coverage(session, period, province)
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.coverage AS SELECT {literal(period)} AS month, "
        f"{sum(x['expected'] for x in lines)}::BIGINT AS n_expected, {sum(x['approved'] for x in lines)}::BIGINT AS n_approved, "
        f"{sum(x['waived'] for x in lines)}::BIGINT AS n_waived"
    )


def coverage_paper(session: Session, period: str, province: str) -> dict[str, Any]:
    """quality/coverage.json of a candidate: packages expected and in force per source, and the owners that are missing.

    Approvals come after the candidate is built; a candidate is published only when everything in force is approved.
    """
    lines = [
        {"source": x["source"], "expected": x["expected"], "in_force": x["in_force"], "missing": x["missing"]}
        for x in coverage(session, period, province)
    ]
    provisional = any(x["missing"] for x in lines)
    return {
        "period": period,
        "status": "provisional" if provisional else "final",
        "note_zh": "全省合计为暂定数，只含已到单位，未作估算" if provisional else "应报单位全部报齐",
        "note_en": "provincial totals are provisional: sums of what has arrived, nothing is imputed"
        if provisional
        else "everything that was due has arrived",
        "sources": lines,
    }
