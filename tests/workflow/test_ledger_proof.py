"""A single changed byte, in an entry of the ledger, in a row that it covers or in an original, is found and named."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse import archive, ledger
from warehouse.engine.duckdb import SQL, Session
from warehouse.reference import load_reference

N = 6
TEXT = {
    "ops.ledger__event": ("event", "subject", "detail", "prev_hash", "hash"),
    "ops.delivery__version": (
        "delivery_id",
        "source",
        "owner",
        "period",
        "file_name",
        "sha256",
        "status",
        "preparer",
    ),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    con = duckdb.connect()
    con.execute("CREATE SCHEMA ops")
    session = Session(con, tmp_path_factory.mktemp("ledger"))
    load_reference(con)  # the views of the workflow read it
    for name in ("ops.sql", "workflow.sql"):
        session.script(SQL / "storage" / name)
    for n in range(N):
        key = hashlib.sha256(bytes([n])).hexdigest()[:16]
        with session.transaction():
            session.execute(
                "INSERT INTO ops.delivery__version (delivery_id, source, owner, period, part, version, file_name, sha256, "
                "n_bytes, n_read, as_of, status, preparer) VALUES (?, 'student_registry', '630102', '2025-09', '', ?, ?, ?, 1, ?, ?, "
                "'accepted', 'u-1')",
                [key, n + 1, f"学籍{n}.csv", key * 4, n, date(2025, 9, 5)],
            )
            ledger.append(
                session, "collect", f"student_registry {n}", {"n": n}, {"ops.delivery__version": [key]}
            )
    return session


@pytest.fixture
def session(template):
    """The same tables for each example: what an example changes is rolled back."""
    return template


def test_nothing_is_wrong_at_first(session):
    assert ledger.problems(session) == []
    assert ledger.problems(session, ledger.head(session)) == []


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_character_anywhere_is_found_and_named(session, data):
    table = data.draw(st.sampled_from(sorted(TEXT)))
    column = data.draw(st.sampled_from(TEXT[table]))
    order = "seq" if table.endswith("event") else "version"
    row = data.draw(st.integers(1, N))
    old = session.value(f"SELECT {column} FROM {table} WHERE {order} = ?", [row])
    place = data.draw(st.integers(0, len(old) - 1))
    bit = 1 << data.draw(st.integers(0, 5))
    new = old[:place] + chr(ord(old[place]) ^ bit) + old[place + 1 :]
    named = session.value("SELECT delivery_id FROM ops.delivery__version WHERE version = ?", [row])
    session.execute("BEGIN")
    try:
        session.execute(f"UPDATE {table} SET {column} = ? WHERE {order} = ?", [new, row])
        found = " ".join(p.where for p in ledger.problems(session))
    finally:
        session.execute("ROLLBACK")
    assert (f"ledger {row} " in found) if table.endswith("event") else (named in found or new in found)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE ops.delivery__version SET n_read = 7 WHERE version = 3", "ops.delivery__version"),
        ("UPDATE ops.delivery__version SET preparer = NULL WHERE version = 3", "ops.delivery__version"),
        ("UPDATE ops.delivery__version SET as_of = as_of + 1 WHERE version = 3", "ops.delivery__version"),
        ("DELETE FROM ops.delivery__version WHERE version = 3", "ops.delivery__version"),
        (
            "INSERT INTO ops.delivery__version SELECT * REPLACE ('x' AS delivery_id) FROM ops.delivery__version LIMIT 1",
            "x",
        ),
        ("DELETE FROM ops.ledger__event WHERE seq = 3", "ledger 4"),
        ("UPDATE ops.ledger__event SET detail = '[1]' WHERE seq = 3", "ledger 3"),
        ("UPDATE ops.ledger__event SET detail = 'no json' WHERE seq = 3", "ledger 3"),
    ],
)
def test_other_changes(session, change, named):
    session.execute("BEGIN")
    try:
        session.execute(change)
        found = [str(p) for p in ledger.problems(session)]
    finally:
        session.execute("ROLLBACK")
    assert any(named in p for p in found), found


def test_a_cut_end_shows_against_a_head_that_was_kept(session):
    kept = ledger.head(session)
    session.execute("BEGIN")
    try:
        session.execute("DELETE FROM ops.ledger__event WHERE seq = ?", [kept[0]])
        session.execute("DELETE FROM ops.delivery__version WHERE version = ?", [N])
        assert ledger.problems(session) == []  # the limit of a chain
        assert [p.where for p in ledger.problems(session, kept)] == [f"ledger {N}"]
    finally:
        session.execute("ROLLBACK")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 3000), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_bit_of_an_original_is_found(tmp_path, size, place, bit):
    source = tmp_path / "delivered.csv"
    source.write_bytes(secrets.token_bytes(size))
    sha256 = archive.sha256_file(source)
    key = b"k" * 32
    root = tmp_path / secrets.token_hex(8)
    path = archive.store(root, key, source, sha256)
    assert archive.is_intact(root, key, sha256)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.chmod(0o600)
    path.write_bytes(content)
    assert not archive.is_intact(root, key, sha256)
