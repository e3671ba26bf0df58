"""The chain of the ledger."""

import duckdb
import pytest

from warehouse import ledger
from warehouse.engine.duckdb import SQL, Session


@pytest.fixture
def session(tmp_path):
    con = duckdb.connect()
    con.execute("CREATE SCHEMA ops")
    session = Session(con, tmp_path)
    session.script(SQL / "storage" / "ops.sql")
    for n in range(5):
        with session.transaction():
            ledger.append(session, "collect", f"学籍 {n}", {"b": n, "a": ["甲", None], "t": {"x": 1.5}})
    return session


def test_a_fresh_chain_holds(session):
    assert ledger.broken_links(session) == []
    assert session.rows("SELECT seq FROM ops.ledger__event ORDER BY 1") == [(n,) for n in range(1, 6)]
    assert session.value("SELECT prev_hash FROM ops.ledger__event WHERE seq = 1") == ledger.GENESIS


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE ops.ledger__event SET detail = replace(detail, '1.5', '1.6') WHERE seq = 3", [3]),
        ("UPDATE ops.ledger__event SET event = 'publish' WHERE seq = 3", [3]),
        (
            "UPDATE ops.ledger__event SET occurred_at = occurred_at + INTERVAL 1 MICROSECOND WHERE seq = 3",
            [3],
        ),
        ("UPDATE ops.ledger__event SET prev_hash = hash WHERE seq = 3", [3]),
        ("UPDATE ops.ledger__event SET hash = prev_hash WHERE seq = 3", [3, 4]),
        ("DELETE FROM ops.ledger__event WHERE seq = 3", [4]),
        ("DELETE FROM ops.ledger__event WHERE seq = 1", [2]),
    ],
)
def test_every_change_is_found_where_it_was_made(session, change, broken):
    session.execute(change)
    assert ledger.broken_links(session) == broken


def test_an_event_belongs_to_its_transaction(session):
    with pytest.raises(RuntimeError), session.transaction():
        ledger.append(session, "collect", "x", {})
        raise RuntimeError
    assert session.value("SELECT count(*) FROM ops.ledger__event") == 5
    ledger.append(session, "collect", "x", {})
    assert ledger.broken_links(session) == []
