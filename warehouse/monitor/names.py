"""Clear identifiers of some source rows, from the vault, for the papers that may show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyarrow.compute as pc

from warehouse import vault
from warehouse.config import Settings
from warehouse.contract import extract_contract
from warehouse.engine.duckdb import Session
from warehouse.intake import vault_columns
from warehouse.keys import Keys

RowKey = tuple[str, int]  # delivery_id, row_no


def mask_id(number: str | None) -> str:
    """`630***********012X`: the first three and the last four characters (RU06)."""
    text = (number or "")[:18]
    return text[:3] + "*" * (len(text) - 7) + text[-4:] if len(text) > 7 else "—"


def resolve(
    session: Session, settings: Settings, keys: Keys, wanted: Iterable[RowKey], columns: Sequence[str]
) -> dict[RowKey, dict[str, str | None]]:
    """Values of some vault columns by row key; a row or column that the vault does not hold is left out."""
    by_delivery: dict[str, set[int]] = defaultdict(set)
    for delivery, row in wanted:
        by_delivery[delivery].add(row)
    known = {
        d: (s, p)
        for d, s, p in session.rows("SELECT delivery_id, source, period FROM ops.delivery__version")
        if d in by_delivery
    }
    found: dict[RowKey, dict[str, str | None]] = {}
    for delivery, numbers in by_delivery.items():
        if delivery not in known:
            continue
        source, period = known[delivery]
        path = vault.vault_path(settings.vault, source, period, delivery)
        present = [c for c in columns if c in vault_columns(extract_contract(source))]
        if not path.exists() or not present:
            continue
        table = vault.read(path, keys.vault, [*vault.ROW_KEY, *present])
        table = table.filter(
            pc.is_in(table["row_no"], value_set=pc.cast(sorted(numbers), table["row_no"].type))
        )
        for line in table.to_pylist():
            found[(delivery, int(line["row_no"]))] = {c: line[c] for c in present}
    return found
