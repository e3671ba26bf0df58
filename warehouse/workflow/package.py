"""A package: all deliveries of one owner, source and period, in a version. One row of ops.review__package."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime

from warehouse.engine.duckdb import Session, literal

TABLE = "ops.review__package"


@dataclass
class Package:
    """Columns as in warehouse/sql/storage/workflow.sql."""

    source: str
    owner: str
    period: str
    version: int
    owner_level: str
    upper_unit: str
    state: str
    since: datetime
    due: date | None
    n_escalated: int
    n_returned: int
    content: str
    deliveries: str
    is_refused: bool
    n_read: int
    n_quarantined: int
    n_warned: int
    preparer: str | None
    reviewer: str | None
    actors: str
    approvals: str
    reason: str | None

    @property
    def slot(self) -> tuple[str, str, str]:
        """What all versions have in common."""
        return (self.source, self.owner, self.period)

    @property
    def key(self) -> str:
        """Name of the package; the key under which the ledger covers its row."""
        return f"{self.source} {self.owner} {self.period} v{self.version}"


_COLUMNS = ", ".join(f.name for f in fields(Package))


def load_packages(session: Session, where: str = "true") -> dict[tuple[str, str, str], list[Package]]:
    """Slot → versions, oldest first; `where` selects slots by source, owner, period or upper_unit."""
    found: dict[tuple[str, str, str], list[Package]] = {}
    for row in session.rows(
        f"SELECT {_COLUMNS} FROM {TABLE} WHERE {where} ORDER BY source, owner, period, version"
    ):
        package = Package(*row)
        found.setdefault(package.slot, []).append(package)
    return found


def store_packages(session: Session, packages: Iterable[Package]) -> None:
    """Write the rows as they are now, replacing those of the same key."""
    by_key = {p.key: p for p in packages}
    keys = list(by_key)
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        named = ", ".join(f"({_key(by_key[k])})" for k in some)
        session.execute(
            f"DELETE FROM {TABLE} WHERE (source, owner, period, version) IN ({named})", what=TABLE
        )
        values = ", ".join(f"({', '.join(_literal(v) for v in astuple(by_key[k]))})" for k in some)
        session.execute(f"INSERT INTO {TABLE} VALUES {values}", what=TABLE)


def _key(p: Package) -> str:
    return ", ".join(literal(v) for v in (*p.slot, p.version))


def _literal(value: object) -> str:
    return literal(str(value) if isinstance(value, date | datetime) else value)


def listed(values: Collection[str]) -> str:
    """A list for IN; never empty."""
    return ", ".join(map(literal, sorted(values))) or "NULL"
