"""What the commands on packages share: the desk, up to date with the deliveries, and which packages are meant."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from warehouse.config import Settings
from warehouse.errors import UsageError

by_option = click.option("--by", "account", required=True, help="Account id; see `edu accounts list`.")


@contextmanager
def open_desk(settings: Settings, select: str = "true") -> Iterator[Any]:
    """The packages, up to date with the deliveries."""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.arrival import sync
    from warehouse.workflow.desk import Desk

    with open_warehouse(settings) as session:
        prepare(session)
        sync(session, settings, where="cli")
        yield Desk(session, settings, select=select)


@dataclass(frozen=True)
class Selection:
    """Which packages a command means: one as SOURCE OWNER PERIOD, or all of a unit in a month."""

    package: tuple[str, ...]
    all_of: str | None
    period: str | None
    source: str | None

    def month(self) -> str:
        """The month that is meant; UsageError if the words name no packages."""
        from warehouse.landing import check_period

        if self.package and (len(self.package) != 3 or self.all_of):
            raise UsageError("A package is SOURCE OWNER PERIOD", "or use --all-of UNIT --period PERIOD")
        if not self.package and not (self.all_of and self.period):
            raise UsageError(
                "Which packages?", "SOURCE OWNER PERIOD, or --all-of UNIT --period PERIOD [--source SOURCE]"
            )
        return check_period(self.package[2] if self.package else self.period or "")

    def covers(self, source: str, owner: str, upper_unit: str, settings: Settings) -> bool:
        """Whether a package of the month is meant."""
        if self.package:
            return (source, owner) == self.package[:2]
        units = (settings.province_code, upper_unit, owner)
        return self.all_of in units and self.source in (None, source)

    def choose(self, desk: Any, settings: Settings) -> list[Any]:
        """Newest versions of the packages; UsageError if there are none."""
        from warehouse.workflow.review import newest

        month = self.month()
        found = [
            p
            for p in newest(desk)
            if p.period == month and self.covers(p.source, p.owner, p.upper_unit, settings)
        ]
        if not found:
            raise UsageError("There is no such package", "`edu review list --period PERIOD` shows them")
        return found


def selection(metavar: str = "[SOURCE OWNER PERIOD]") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options that say which packages; the command gets them as `chosen`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.argument("package", nargs=-1, metavar=metavar)
        @click.option(
            "--all-of", metavar="UNIT", help="All packages of an owner, a prefecture or the province."
        )
        @click.option("--period", help="Month, with --all-of.")
        @click.option("--source", help="Only this source, with --all-of.")
        @functools.wraps(command)
        def wrapped(
            *args: Any,
            package: tuple[str, ...],
            all_of: str | None,
            period: str | None,
            source: str | None,
            **rest: Any,
        ) -> Any:
            return command(*args, chosen=Selection(package, all_of, period, source), **rest)

        return wrapped

    return decorate
