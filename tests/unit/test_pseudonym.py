"""Tokens: a known vector, and nothing of the key in the database."""

import hashlib
import hmac
import uuid

import duckdb

from warehouse.engine.duckdb import Session
from warehouse.pseudonym import install, token


def test_a_known_vector():
    """RFC 4231, test case 2, as a namespaced value."""
    digest = hmac.new(b"Jefe", b"what do ya want for nothing?", hashlib.sha256).hexdigest()
    assert digest == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert token(b"Jefe", "sfz", "x") == uuid.UUID(
        hmac.new(b"Jefe", b"sfz:x", hashlib.sha256).hexdigest()[:32]
    )


def test_the_key_is_in_no_file(tmp_path):
    key = bytes(range(100, 132))
    con = duckdb.connect(str(tmp_path / "w.duckdb"))
    session = Session(con, tmp_path)
    install(session, key)
    session.execute("CREATE TABLE t AS SELECT token('sfz', 'x') AS x")
    assert session.value("SELECT x FROM t") == token(key, "sfz", "x")
    session.execute("CHECKPOINT")
    con.close()
    inner = bytes(b ^ 0x36 for b in key.ljust(64, b"\0"))
    outer = bytes(b ^ 0x5C for b in key.ljust(64, b"\0"))
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        for secret in (key, inner, outer):
            assert secret not in content
            assert secret.hex().encode() not in content


def test_another_key_is_another_world():
    assert token(bytes(32), "sfz", "x") != token(b"\1" * 32, "sfz", "x")
