"""`edu card`: the card of one learner, for the responsible teacher."""

from __future__ import annotations

import click

from pipelines.cli.shell import say, with_settings
from warehouse.config import Settings


@click.command(short_help="Print the card of one learner")
@click.argument("person_id")
@click.option("--purpose", required=True, help="Purpose of the look: help, dropout or aid; it is recorded.")
@click.option("--by", "account", required=True, help="Account id of the person who looks.")
@click.option("--period", help="Month of the card; default: the last one loaded.")
@with_settings
def card(settings: Settings, person_id: str, purpose: str, account: str, period: str | None) -> None:
    """一人一卡 / Write the card of PERSON_ID as one page (mode 0600); the look is recorded with its purpose.

    Example: edu card 5f0c1c52-… --purpose help --by u-county-07
    """
    from pipelines.cli.monitor import last_period
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.monitor.card import write_card

    keys = load_keys(settings.key_file, may_create=False)
    with open_warehouse(settings) as session:
        month = period or last_period(session)
        file = write_card(session, settings, keys, person_id, month, purpose, account)
    say(f"✓ {file}")
