"""What the house keeps about itself, judged as of today: registers, accounts, endpoints, releases, whose persons it holds."""

from datetime import date

from assets.checks import rules_on
from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.intake import origin
from warehouse.registers import endpoints, facts
from warehouse.release import published
from warehouse.workflow import account_facts

_TABLES = (*facts.datasets(), "network_endpoint", "account", "origin", "published_release")
# Registers whose records no rule judges one by one (their duties are) do not stand at the door.
DATASETS = tuple(dataset for dataset in _TABLES if rules_on([dataset]))


def build_kept(session: Session, settings: Settings, today: date | None = None) -> dict[str, int]:
    """Make the transient tables; row counts by dataset."""
    day = today or date.today()
    is_sample = origin.is_sample_house(settings)
    counts = facts.build(session, account_facts.units_in_use(settings), day, is_sample=is_sample)
    counts["network_endpoint"] = endpoints.build(session, settings)
    counts["account"] = account_facts.build(session, settings, day)
    counts["origin"] = origin.build(session, settings)
    counts["published_release"] = published.build(session, settings)
    return counts
