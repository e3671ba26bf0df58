"""The facts that rules RS02–RS07, RS13, RS16 and RT10 judge, as transient tables. Ids, dates and truth values only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from warehouse.contract import load_contracts
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.reference import rows
from warehouse.sharing.agreements import DUTIES, foreign_sources, load_agreements, sources_of
from warehouse.sharing.delivery import Line
from warehouse.sharing.desk import CORRECTION, DELIVERY, REQUEST

# Deliveries that the ledger knows and the log has lost (RS13: kept for three years and longer)
_LOST = f"""
    SELECT e.subject AS delivery_no, true AS is_agreed, true AS is_within_fields, true AS is_within_rows,
           false AS is_complete, false AS is_logged
    FROM ops.ledger__event e WHERE e.event = 'share.delivery' AND e.subject NOT IN (SELECT delivery_no FROM {DELIVERY})"""
TABLES = ("share_agreement", "share_delivery", "share_request", "share_correction", "return_flow")


def build_share_registers(session: Session, today: date) -> None:
    """work.main.share_agreement, share_delivery, share_request, share_correction and return_flow as of a day."""
    _agreements(session)
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.share_delivery AS SELECT * FROM ({_delivery_facts(DELIVERY)}) "
        f"UNION ALL BY NAME SELECT * FROM ({_LOST})"
    )
    clock = literal(today.isoformat())
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.share_request AS
            SELECT request_id, coalesce(answered_on, {clock}::DATE) <= answer_due AS is_answered_in_time,
                   decision IS DISTINCT FROM 'granted' OR coalesce(delivered_on, {clock}::DATE) <= deliver_due AS is_delivered_in_time
            FROM {REQUEST}"""
    )
    session.execute(
        f"""CREATE OR REPLACE TABLE work.main.share_correction AS
            SELECT correction_id, coalesce(answered_on, {clock}::DATE) <= due AS is_in_time,
                   result IS NULL OR result_ref IS NOT NULL AS is_result_returned FROM {CORRECTION}"""
    )
    _return_flow(session)


def staged_delivery(session: Session, line: Line) -> str:
    """A table with the facts of one delivery that is not logged yet; returns its name."""
    session.execute(f"CREATE OR REPLACE TABLE work.main.share_staged_row AS SELECT * FROM {DELIVERY} LIMIT 0")
    marks = ", ".join("?" for _ in vars(line))
    session.execute(f"INSERT INTO work.main.share_staged_row VALUES ({marks})", list(vars(line).values()))
    # It is in the ledger as soon as it is logged.
    facts = _delivery_facts("work.main.share_staged_row")
    session.execute(
        f"CREATE OR REPLACE TABLE work.main.share_staged AS SELECT * REPLACE (true AS is_logged) FROM ({facts})"
    )
    return "work.main.share_staged"


def _agreements(session: Session) -> None:
    found = []
    for a in load_agreements().values():
        foreign = foreign_sources(a.dataset, a.fields)
        found.append(
            (
                a.agreement_id,
                all(a.values[c] for c in DUTIES),
                a.values["onward_code"] == "no" or bool(a.values["consent_doc"]),
                not foreign or bool(a.values["consent_doc"]),
                a.values["confidence"] == "confirmed",
            )
        )
    _table(
        session,
        "share_agreement",
        "agreement_id VARCHAR, is_complete BOOLEAN, is_onward_limited BOOLEAN, has_provider_consent BOOLEAN, is_signed BOOLEAN",
        found,
    )


def _delivery_facts(table: str) -> str:
    """SELECT of the facts about logged deliveries. The agreement is the one of that day, kept in the row."""
    return f"""
        SELECT d.delivery_no,
               d.agreement_id IN (SELECT agreement_id FROM ref.share_agreement)
                 AND d.delivered_on BETWEEN d.agreed_from AND d.agreed_to AS is_agreed,
               len(list_filter(string_split(d.fields, '|'), f -> NOT list_contains(string_split(d.agreed_fields, '|'), f))) = 0
                 AS is_within_fields,
               d.row_filter = d.agreed_filter AND d.n_outside = 0 AS is_within_rows,
               d.recipient_zh <> '' AND d.fields <> '' AND d.n_rows >= 0 AND regexp_full_match(d.sha256, '[0-9a-f]{{64}}')
                 AND d.approver <> '' AND d.approver <> d.delivered_by AS is_complete,
               EXISTS (SELECT 1 FROM ops.ledger__event e WHERE e.event = 'share.delivery' AND e.subject = d.delivery_no) AS is_logged
        FROM {table} d"""


def _return_flow(session: Session) -> None:
    """Per source that counties or colleges deliver: is there a dataset, made of it, that goes back to them by their unit?"""
    made = {c.id: c for group in ("marts", "tables") for c in load_contracts(group).values()}
    back = {r["source"]: r for r in rows("return_flow")}
    found = []
    for source, contract in load_contracts("extracts").items():
        level = str(contract.properties["ownerLevel"])
        if level == "province":
            continue
        flow = back.get(source)
        target = made.get(flow["dataset"]) if flow else None
        reaches = (
            target is not None
            and flow is not None
            and source in sources_of(target.id)
            and flow["column_name"] in {c.name for c in target.columns}
        )
        found.append((source, level, target is not None, reaches))
    _table(
        session,
        "return_flow",
        "source VARCHAR, owner_level VARCHAR, has_flow BOOLEAN, reaches_level BOOLEAN",
        found,
    )


def _table(session: Session, name: str, columns: str, found: Sequence[tuple[object, ...]]) -> None:
    session.execute(f"CREATE OR REPLACE TABLE work.main.{quote(name)} ({columns})")
    if found:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in found)
        session.execute(f"INSERT INTO work.main.{quote(name)} VALUES {values}")
