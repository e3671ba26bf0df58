"""Agreements with recipients: who gets which fields and rows of a dataset, for what, until when (RS02, RS03, RS04, RS16).

They are reference data (`reference/share_agreement.csv`), changed by a reviewed commit. `row_filter` is empty (all rows) or
a list of conditions that must all hold: `column=value|value; column=value`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from warehouse.contract import load_contracts
from warehouse.engine.duckdb import literal, quote
from warehouse.errors import BlockedError, UsageError
from warehouse.model import load_models
from warehouse.reference import rows

# The person index only says which records are one person; no figure of a register behind it reaches what is shared.
_IDENTITY = ("core.identity__record", "core.person__record")
# What RS02 wants of an agreement, with the name by which it is missed.
DUTIES = {
    "recipient_zh": "接收方 recipient",
    "purpose_zh": "用途 purpose",
    "fields": "字段 fields",
    "valid_to": "期限 term",
    "security_zh": "安全要求 security",
    "destruction_zh": "销毁 destruction",
    "audit_zh": "审计 audit",
    "term_zh": "再提供限制 onward sharing",
}
# Person extracts of warehouse/monitor, with the fields that come from another source than the one they are named after
PERSON_EXTRACTS = {"two_later": {"is_poor": "poverty_register"}}


@dataclass(frozen=True)
class Agreement:
    """A row of the table; dates are ISO texts as they stand there."""

    agreement_id: str
    recipient_zh: str
    recipient_en: str
    dataset: str
    fields: tuple[str, ...]
    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    valid_from: str
    valid_to: str
    row_filter: str
    values: Mapping[str, str]

    def where(self) -> str:
        """The rows of the agreement as SQL."""
        parts = [
            f"{quote(column)}::VARCHAR IN ({', '.join(map(literal, allowed))})"
            for column, allowed in self.conditions
        ]
        return " AND ".join(parts) or "true"


def load_agreements() -> dict[str, Agreement]:
    """All agreements by id. Raises UsageError for a filter that cannot be read."""
    return {r["agreement_id"]: _agreement(r) for r in rows("share_agreement")}


def _agreement(row: Mapping[str, str]) -> Agreement:
    return Agreement(
        agreement_id=row["agreement_id"],
        recipient_zh=row["recipient_zh"],
        recipient_en=row["recipient_en"],
        dataset=row["dataset"],
        fields=tuple(row["fields"].split("|")),
        conditions=parse_filter(row["row_filter"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        row_filter=row["row_filter"],
        values=dict(row),
    )


def parse_filter(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Conditions of a row filter; UsageError if it is not of the form above."""
    found = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        column, equals, values = part.partition("=")
        allowed = tuple(v.strip() for v in values.split("|"))
        if not equals or not column.strip().isidentifier() or not all(allowed):
            raise UsageError(
                f"行条件无法理解 / the row filter {part!r} cannot be read", "column=value|value; column=value"
            )
        found.append((column.strip(), allowed))
    return tuple(found)


def in_force(agreement_id: str, today: date) -> Agreement:
    """An agreement that can be delivered from on this day; BlockedError in plain words if it cannot."""
    found = load_agreements().get(agreement_id)
    if found is None:
        raise UsageError(
            f"没有协议 {agreement_id} / there is no agreement {agreement_id}",
            "`edu share agreements` lists them",
        )
    missing = [name for column, name in DUTIES.items() if not found.values[column]]
    if missing:
        raise BlockedError(
            f"RS02 协议 {agreement_id} 缺少：{'、'.join(missing)} / the agreement says nothing about: {', '.join(missing)}",
            "complete it in warehouse/reference/share_agreement.csv",
        )
    if not found.valid_from <= today.isoformat() <= found.valid_to:
        raise BlockedError(
            f"RS02 协议 {agreement_id} 不在有效期（{found.valid_from} 至 {found.valid_to}） / is not in force",
            "renew the agreement before anything is delivered",
        )
    if foreign := [
        s for s in foreign_sources(found.dataset, found.fields) if not found.values["consent_doc"]
    ]:
        raise BlockedError(
            f"RS16 {found.dataset} 用到 {'、'.join(foreign)}，须先取得来源部门同意 / their providers must agree first",
            "enter the consent as consent_doc of the agreement",
        )
    return found


@cache
def sources_of(dataset: str) -> tuple[str, ...]:
    """Extracts from which a mart or table is made, however many models lie between (lineage of the models)."""
    models = load_models()
    raw = {c.table: c.id for c in load_contracts("extracts").values()}
    made = {c.id: c.table for group in ("marts", "tables") for c in load_contracts(group).values()}
    waiting = [made[dataset]] if dataset in made else []
    seen: set[str] = set()
    while waiting:
        table = waiting.pop()
        if table not in seen and table not in _IDENTITY:
            seen.add(table)
            waiting += models[table].inputs if table in models else ()
    return tuple(sorted(raw[t] for t in seen if t in raw))


def foreign_sources(dataset: str, fields: Collection[str]) -> list[str]:
    """Extracts behind what is delivered that another department provides and whose onward use needs its consent (RS16).

    A mart mixes its sources in every figure, so all of them count; a person extract has each field from one source.
    """
    needs = {r["source"] for r in rows("source_provider") if r["consent_needed"] == "yes"}
    if dataset in PERSON_EXTRACTS:
        return sorted({s for f, s in PERSON_EXTRACTS[dataset].items() if f in fields and s in needs})
    return [s for s in sources_of(dataset) if s in needs]
