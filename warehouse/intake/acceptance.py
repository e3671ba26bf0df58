"""Cleaned rows that no quarantine rule caught become typed rows in `raw`; identifiers become tokens or go into the vault."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.contract import Contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake.columns import CLEAN, kept


def raw_columns(contract: Contract) -> list[tuple[str, str, str]]:
    """Columns of the raw table beyond the row key: (name, type, expression over `clean`)."""
    columns = []
    for c in kept(contract):
        if c.zone == "raw" and "birthMonthOf" in c.properties:
            # a register without a date of birth: its month from the citizen id, whose check character is right
            number = quote(c.properties["birthMonthOf"])
            month = f"concat(substr({number}, 7, 4), '-', substr({number}, 11, 2))"
            sure = quote(c.properties["birthMonthOf"] + "__ok")
            columns.append((c.name, c.type, f"coalesce({quote(c.name)}, CASE WHEN {sure} THEN {month} END)"))
        elif c.zone == "raw":
            columns.append((c.name, c.type, quote(c.name)))
        elif c.zone == "token":
            value = f"left({quote(c.name)}, 18)" if c.kind == "citizen_id" else quote(c.name)
            columns.append((c.token, "UUID", f"token({literal(c.properties['namespace'])}, {value})"))
    return columns


def vault_columns(contract: Contract) -> list[str]:
    """Names of the columns that go into the identity vault in clear."""
    return [c.name for c in kept(contract) if c.zone in ("token", "vault")]


def raw_ddl(contract: Contract) -> list[str]:
    """Statements that create the raw table with its comments."""
    columns = ["delivery_id VARCHAR NOT NULL", "row_no BIGINT NOT NULL", "owner VARCHAR NOT NULL"]
    columns += [f"{quote(name)} {type_}" for name, type_, _ in raw_columns(contract)]
    comments = []
    for c in kept(contract):
        name = c.token if c.zone == "token" else c.name
        if c.zone in ("raw", "token"):
            text = f"{c.header} / {c.label_en} · {c.tier}" + (" · token" if c.zone == "token" else "")
            comments.append(f"COMMENT ON COLUMN {contract.table}.{quote(name)} IS {literal(text)}")
    return [
        f"CREATE TABLE IF NOT EXISTS {contract.table} ({', '.join(columns)})",
        # a table of an earlier version gains the columns that its contract has gained since
        *(f"ALTER TABLE {contract.table} ADD COLUMN IF NOT EXISTS {c}" for c in columns[3:]),
        f"COMMENT ON TABLE {contract.table} IS {literal(f'{contract.title_zh} / {contract.title_en} ({contract.product})')}",
        *comments,
    ]


def accept_rows(session: Session, contract: Contract, accepted: Sequence[str], failures: str) -> None:
    """Append the rows of the accepted deliveries that no quarantine rule caught. Call inside the load's transaction."""
    if not accepted:
        return
    listed = ", ".join(literal(d) for d in accepted)
    _append(
        session,
        contract,
        f"""delivery_id IN ({listed}) AND NOT EXISTS (
              SELECT 1 FROM {failures} f WHERE f.severity = 'quarantine'
                AND f.delivery_id = clean.delivery_id AND f.row_no = clean.row_no)""",
    )
    _set_aside(session, contract, listed, failures)


def accept_held(session: Session, contract: Contract, held: str) -> None:
    """Append the rows named in `held` (delivery_id, row_no) unless they are there. Call inside a transaction."""
    _append(
        session,
        contract,
        f"""EXISTS (SELECT 1 FROM {held} h WHERE h.delivery_id = clean.delivery_id AND h.row_no = clean.row_no)
            AND NOT EXISTS (SELECT 1 FROM {contract.table} r
                            WHERE r.delivery_id = clean.delivery_id AND r.row_no = clean.row_no)""",
    )
    session.execute(
        f"DELETE FROM ops.set_aside__row s WHERE EXISTS (SELECT 1 FROM {held} h "
        "WHERE h.delivery_id = s.delivery_id AND h.row_no = s.row_no)",
        what="rows no longer set aside",
    )


def _append(session: Session, contract: Contract, condition: str) -> None:
    columns = raw_columns(contract)
    session.execute(
        f"""INSERT INTO {contract.table} (delivery_id, row_no, owner, {", ".join(quote(n) for n, _, _ in columns)})
            SELECT delivery_id, row_no, owner, {", ".join(e for _, _, e in columns)} FROM {CLEAN} AS clean
            WHERE {condition} ORDER BY delivery_id, row_no""",
        what=f"accept {contract.id}",
    )


def _set_aside(session: Session, contract: Contract, listed: str, failures: str) -> None:
    """Keep the tokens of the rows that were set aside: their persons are waited for, not missed."""
    columns = {name: expression for name, _, expression in raw_columns(contract)}
    tokens = [columns.get(name, "NULL::UUID") for name in ("id_no_token", "student_no_token")]
    tokens.append(columns.get("change_category_code", "NULL::VARCHAR"))
    session.execute(f"DELETE FROM ops.set_aside__row WHERE delivery_id IN ({listed})")
    session.execute(
        f"""INSERT INTO ops.set_aside__row (delivery_id, row_no, id_no_token, student_no_token, change_category_code)
            SELECT delivery_id, row_no, {", ".join(tokens)} FROM {CLEAN} AS clean
            WHERE delivery_id IN ({listed}) AND EXISTS (
              SELECT 1 FROM {failures} f WHERE f.severity = 'quarantine'
                AND f.delivery_id = clean.delivery_id AND f.row_no = clean.row_no)
            ORDER BY delivery_id, row_no""",
        what="rows set aside",
    )
