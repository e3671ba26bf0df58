"""A warehouse in memory with reference data, in which deliveries are put as if they had been judged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.memory import warehouse_in_memory
from warehouse import ledger
from warehouse.config import Settings, load_settings
from warehouse.engine.duckdb import Session
from warehouse.workflow.accounts import Account
from warehouse.workflow.arrival import sync
from warehouse.workflow.desk import Desk
from warehouse.workflow.package import Package
from warehouse.workflow.review import act, newest

PERIOD = "2025-09"
SOURCE = "student_registry"
_TABLES = (
    "ops.delivery__version",
    "ops.ledger__event",
    "ops.review__package",
    "ops.review__waiver",
    "ops.review__held",
    "ops.restatement__delivery",
    "ops.quarantine__row_rule",
    "ops.rule_result__rule_batch",
    "core.delivery__period",
    "raw.school_directory__school",
)


def account(name: str, role: str, unit: str) -> Account:
    return Account(name, role, unit, ("me",))


class Office:
    """The review of one month, with the people who take part."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session, self.settings = session, settings
        province = settings.province_code
        self.head = account("u-630102-03", "owner_head", "630102")
        self.clerk = account("u-630102-01", "owner_clerk", "630102")
        self.collector = account("u-6301-01", "prefecture_collector", "6301")
        self.reviewer = account("u-6301-02", "prefecture_reviewer", "6301")
        self.checker = account("p-checker", "province_checker", province)
        self.first = account("p-1", "province_approver", province)
        self.second = account("p-2", "province_approver", province)
        self.operator = account("p-op", "operator", province)

    def deliver(
        self,
        source: str = SOURCE,
        owner: str = "630102",
        period: str = PERIOD,
        *,
        version: int = 1,
        part: str = "",
        **values: Any,
    ) -> str:
        """One judged delivery, covered by the ledger as a load does it."""
        key = f"{source[:6]}-{owner}-{period}-{part}{version}"
        row: dict[str, Any] = {
            "delivery_id": key, "source": source, "owner": owner, "period": period, "part": part, "version": version,
            "file_name": "f.csv", "sha256": key, "n_bytes": 1, "n_read": 10, "n_accepted": 10, "n_quarantined": 0,
            "received_on": date(2025, 9, 8), "status": "accepted", "preparer": f"u-{owner}-01", "reviewer": f"u-{owner}-02",
        } | values  # fmt: skip
        with self.session.transaction():
            self.session.execute(
                f"INSERT INTO ops.delivery__version ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )
            ledger.append(self.session, "collect", source, {}, {"ops.delivery__version": [key]})
        return key

    def sync(self) -> int:
        return sync(self.session, self.settings, where="test")

    def desk(self, today: date | None = None) -> Desk:
        return Desk(self.session, self.settings, where="test", today=today)

    def package(self, owner: str = "630102", source: str = SOURCE, version: int | None = None) -> Package:
        versions = self.desk().packages[(source, owner, PERIOD)]
        return versions[-1] if version is None else next(p for p in versions if p.version == version)

    def act(
        self,
        event: str,
        who: Account,
        *,
        owner: str | None = "630102",
        version: int | None = None,
        **words: str,
    ) -> list[str]:
        """Take a step with the newest packages (of one owner); returns the reasons of refusals."""
        desk = self.desk()
        chosen = [p for p in newest(desk) if owner in (None, p.owner)]
        if version is not None:
            chosen = [
                p for v in desk.packages.values() for p in v if p.version == version and p.owner == owner
            ]
        return [why for _, why in act(desk, event, chosen, who, **words).refused]

    def waive_others(self, source: str = SOURCE) -> None:
        """Nobody waits for the other counties of the prefecture."""
        from warehouse.workflow.calendar import expected_sql
        from warehouse.workflow.review import waive

        owners = self.session.rows(
            f"SELECT source, owner FROM {expected_sql(PERIOD, self.settings.province_code)} WHERE source = ? AND owner <> '630102' "
            "AND upper_unit = '6301'",
            [source],
        )
        waive(self.session, self.settings, self.checker, PERIOD, [(s, o) for s, o in owners], "test")

    def until(self, state: str) -> None:
        """Deliver and walk the first package up to a state."""
        self.deliver()
        self.sync()
        self.waive_others()
        for reached, event, who in (
            ("validated", "sign", self.head),
            ("in_review_prefecture", "accept", self.reviewer),
            ("accepted_prefecture", "rollup", self.collector),
            ("in_review_province", "approve", self.first),
            ("in_review_province", "approve", self.second),
        ):
            if state == reached and (event, who) != ("approve", self.second):
                return
            assert self.act(event, who) == []
        assert state == "approved"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Iterator[Session]:
    with warehouse_in_memory(tmp_path_factory.mktemp("workflow")) as session:
        yield session


@pytest.fixture
def office(prepared, tmp_path) -> Office:
    for table in _TABLES:
        prepared.execute(f"DELETE FROM {table}")
    return Office(prepared, load_settings(tmp_path))


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server that keeps what it is sent (`seen`) and first fails `failures` times."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fails = len(seen) < server.failures
            seen.append((dict(self.headers), body))
            self.send_response(500 if fails else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.failures, server.seen = 0, seen
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
