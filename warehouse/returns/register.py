"""The register of faults: one line per fault, which opens, closes and reopens by itself as versions arrive.

A fault is (source, owner, record, rule, field). The record is known again in the next version by a keyed token, never by a
value: `xj:…` of its student number, else of its number in another register or of its citizen id (the tokens of
warehouse/pseudonym.py), else `key:…` over the key columns of a source without persons, else `row:…` over the whole cleaned
row. When several rows of a file share token, rule and field (a number typed twice), they are numbered in the order of the
file. `file:<part>` is the file itself, `unit:<key>` a group of rows, for example a school.

If the record's own number is corrected, its old faults close and what is still wrong opens under the new token: numbers
of open and closed faults stay right, the age of such a fault begins anew.

Only the latest version of each part of (source, owner, period) counts. A fault closes when a later judged version of its
part, of the same or of a later period, does not show it; it reopens when it is seen again. Names of parts therefore stay
the same from month to month. Rows of a file that could not be read were not judged: it closes nothing but file faults.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake import CLEAN


def record_key(contract: Contract) -> str:
    """SQL over the cleaned rows: the token by which a record is known again."""
    tokens = [c for c in contract.columns if c.zone == "token"]
    # Numbers of a register name a record better than the citizen id, which is what most often must be corrected.
    own = [c for c in tokens if c.kind == "student_no"]
    own += [c for c in tokens if c.kind == "local_no" and c.name in contract.key]
    own += [c for c in tokens if c.name == "id_no"]
    parts = []
    for c in own:
        namespace = literal(c.properties["namespace"])
        value = f"left({quote(c.name)}, 18)" if c.kind == "citizen_id" else quote(c.name)
        parts.append(f"{namespace} || ':' || token({namespace}, {value})")
    if not tokens:
        values = ", ".join(f"{quote(name)}::VARCHAR" for name in contract.key)
        parts.append(f"'key:' || token('key', nullif(concat_ws(chr(31), {values}), ''))")
    cells = " || chr(31) || ".join(
        f"coalesce({quote(c.name)}::VARCHAR, '')" for c in contract.columns if c.zone != "drop"
    )
    return f"coalesce({', '.join(parts)}, 'row:' || token('row', {cells}))"


def update(
    session: Session,
    contract: Contract,
    period: str,
    deliveries: Sequence[str],
    failures: str,
    closed_as: str = "fixed",
) -> None:
    """Bring the register up to date with deliveries that were just judged. Call inside the load's transaction.

    `failures` is the gate's table of failing keys; rows are looked up in `work.main.clean`. `closed_as` is `replayed` when
    not the owner but the warehouse was mended.
    """
    if not deliveries:
        return
    listed = ", ".join(literal(d) for d in deliveries)
    _find(session, contract, listed, failures)
    session.execute(f"DELETE FROM ops.fault_sighting__fault_delivery WHERE delivery_id IN ({listed})")
    session.execute(
        "INSERT INTO ops.fault_sighting__fault_delivery SELECT fault_id, delivery_id, row_no FROM temp.found_fault ORDER BY ALL",
        what="sightings of faults",
    )
    _current(session, contract.id, period, listed)
    _reopen(session)
    _add(session)
    _close(session, contract.id, period, closed_as)


def _find(session: Session, contract: Contract, listed: str, failures: str) -> None:
    """temp.found_fault: the faults of these deliveries, with their identity."""
    session.execute(
        "CREATE OR REPLACE TEMP TABLE row_key (delivery_id VARCHAR, row_no BIGINT, record_key VARCHAR)"
    )
    # The cleaned rows are those of this source only if one of its rows has failed.
    if session.value(f"SELECT count(*) FROM {failures} WHERE row_no IS NOT NULL"):
        session.execute(
            f"INSERT INTO row_key SELECT delivery_id, row_no, {record_key(contract)} FROM {CLEAN} AS clean "
            f"SEMI JOIN {failures} AS f USING (delivery_id, row_no)",
            what="record keys",
        )
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE found_fault AS
            WITH fault AS (
              SELECT f.delivery_id, f.row_no, k.record_key, f.rule_id, f.field, min(f.severity) AS severity
              FROM {failures} f JOIN row_key k ON k.delivery_id = f.delivery_id AND k.row_no = f.row_no GROUP BY ALL
              UNION ALL
              -- a file (dataset delivery) or a group of rows, whose key begins with the delivery
              SELECT split_part(f.unit_key, '|', 1), NULL,
                     CASE WHEN f.dataset = 'delivery' THEN 'file:' || d.part
                          ELSE 'unit:' || substr(f.unit_key, strpos(f.unit_key, '|') + 1) END,
                     f.rule_id, f.field, min(f.severity)
              FROM {failures} f JOIN ops.delivery__version d ON d.delivery_id = split_part(f.unit_key, '|', 1)
              WHERE f.row_no IS NULL GROUP BY ALL
              UNION ALL
              -- refused for the number of its wrong rows: no rule of the gate says so
              SELECT d.delivery_id, NULL, 'file:' || d.part, d.refused_by, NULL, 'block'
              FROM ops.delivery__version d WHERE d.status = 'refused' AND NOT EXISTS (
                SELECT 1 FROM {failures} f WHERE f.dataset = 'delivery' AND f.unit_key = d.delivery_id AND f.rule_id = d.refused_by)),
            numbered AS (
              SELECT *, row_number() OVER (PARTITION BY delivery_id, record_key, rule_id, field ORDER BY row_no) AS copy_no
              FROM fault)
            SELECT left(sha256(concat_ws(chr(31), d.source, d.owner, n.record_key, n.rule_id, coalesce(n.field, ''), n.copy_no)), 16)
                     AS fault_id,
                   d.source, d.owner, d.part, d.period, coalesce(d.received_on, current_date) AS seen_on,
                   n.delivery_id, n.row_no, n.record_key, n.rule_id, n.field, n.severity
            FROM numbered n JOIN ops.delivery__version d ON d.delivery_id = n.delivery_id
            WHERE n.delivery_id IN ({listed})""",
        what="faults found",
    )


def _current(session: Session, source: str, period: str, listed: str) -> None:
    """temp.current_part: the latest version of each part of the owners concerned; temp.present: the faults they show."""
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE current_part AS
            SELECT d.owner, d.part, d.delivery_id, coalesce(d.received_on, current_date) AS seen_on,
                   d.status = 'accepted' OR EXISTS (
                     SELECT 1 FROM ops.rule_result__rule_batch r WHERE r.batch = d.delivery_id AND r.dataset = d.source)
                   AND NOT EXISTS (
                     SELECT 1 FROM ops.rule_result__rule_batch r WHERE r.batch = d.delivery_id AND r.status = 'error') AS is_judged
            FROM ops.delivery__version d
            WHERE d.source = ? AND d.period = ?
              AND d.owner IN (SELECT owner FROM ops.delivery__version WHERE delivery_id IN ({listed}))
            QUALIFY row_number() OVER (PARTITION BY d.owner, d.part ORDER BY d.version DESC) = 1""",
        [source, period],
        what="current versions",
    )
    session.execute(
        """CREATE OR REPLACE TEMP TABLE present AS
           SELECT s.fault_id, any_value(f.owner) AS owner, any_value(f.part) AS part, any_value(f.period) AS period,
                  any_value(f.seen_on) AS seen_on, any_value(f.delivery_id) AS delivery_id,
                  any_value(f.source) AS source, any_value(f.record_key) AS record_key, any_value(f.rule_id) AS rule_id,
                  any_value(f.field) AS field, any_value(f.severity) AS severity
           FROM ops.fault_sighting__fault_delivery s JOIN current_part c ON c.delivery_id = s.delivery_id
           LEFT JOIN found_fault f ON f.fault_id = s.fault_id AND f.delivery_id = s.delivery_id
           GROUP BY s.fault_id""",
        what="faults present",
    )


def _reopen(session: Session) -> None:
    """Known faults that are seen again; what was decided to be true stays accepted."""
    session.execute(
        """UPDATE ops.fault__identity AS k SET
             n_reopened = k.n_reopened + (k.closed_on IS NOT NULL)::INTEGER,
             opened_on = CASE WHEN k.closed_on IS NOT NULL THEN p.seen_on ELSE k.opened_on END,
             status = CASE WHEN k.closed_on IS NULL THEN k.status WHEN k.decision = 'accepted' THEN 'accepted' ELSE 'open' END,
             closed_period = NULL, closed_delivery_id = NULL, closed_on = NULL,
             part = p.part, severity = p.severity,
             last_period = p.period, last_delivery_id = p.delivery_id, last_seen_on = greatest(k.last_seen_on, p.seen_on)
           FROM present p
           -- an old month that is loaded late says nothing of today
           WHERE p.fault_id = k.fault_id AND p.delivery_id IS NOT NULL AND p.period >= k.last_period
             AND p.period >= coalesce(k.closed_period, '')""",
        what="faults seen again",
    )


def _add(session: Session) -> None:
    session.execute(
        """INSERT INTO ops.fault__identity
           SELECT fault_id, source, owner, part, record_key, rule_id, field, severity, 'open', period, delivery_id, seen_on,
                  period, delivery_id, seen_on, seen_on, NULL, NULL, NULL, 0, NULL, NULL, NULL
           FROM present p WHERE delivery_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM ops.fault__identity k WHERE k.fault_id = p.fault_id) ORDER BY ALL""",
        what="new faults",
    )


def _close(session: Session, source: str, period: str, closed_as: str) -> None:
    session.execute(
        """UPDATE ops.fault__identity AS k SET
             status = ?, closed_period = ?, closed_delivery_id = c.delivery_id,
             closed_on = CASE WHEN ? = 'replayed' THEN current_date ELSE greatest(c.seen_on, k.opened_on) END
           FROM current_part c
           WHERE k.source = ? AND k.owner = c.owner AND k.part = c.part AND k.status IN ('open', 'accepted')
             AND k.last_period <= ? AND (c.is_judged OR k.record_key LIKE 'file:%')
             AND NOT EXISTS (SELECT 1 FROM present p WHERE p.fault_id = k.fault_id)""",
        [closed_as, period, closed_as, source, period],
        what="faults that are gone",
    )
