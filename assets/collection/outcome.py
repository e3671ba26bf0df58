"""What became of the files of one source and month."""

from __future__ import annotations

from dataclasses import dataclass, field

from warehouse.landing import Delivery
from warehouse.reading import ReadResult


@dataclass
class Outcome:
    """What became of one file."""

    delivery: Delivery
    read: ReadResult
    status: str = "accepted"
    refused_by: str | None = None
    reason_zh: str | None = None
    reason_en: str | None = None
    n_quarantined: int = 0


@dataclass
class CollectReport:
    """What became of a source and month."""

    source: str
    period: str
    n_known: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def refused(self) -> list[Outcome]:
        """Files that were refused."""
        return [o for o in self.outcomes if o.status == "refused"]

    @property
    def n_read(self) -> int:
        """Rows read from new files."""
        return sum(o.read.n_records for o in self.outcomes)

    @property
    def n_quarantined(self) -> int:
        """Rows set aside, including all rows of refused files."""
        return sum(o.n_quarantined for o in self.outcomes)
