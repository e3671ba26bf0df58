"""Keyed pseudonyms of identifiers: HMAC-SHA-256 (RFC 2104) over `<namespace>:<value>`, first 128 bits as UUID.

The same function in Python and as a DuckDB macro, so that tokens are made inside the engine, set at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid

from warehouse.engine.duckdb import Session

_BLOCK = 64


def token(key: bytes, namespace: str, value: str) -> uuid.UUID:
    """Token of one value."""
    return uuid.UUID(hmac.new(key, f"{namespace}:{value}".encode(), hashlib.sha256).hexdigest()[:32])


def install(session: Session, key: bytes) -> None:
    """Create the temporary macro `token(namespace, value)`; the key lives in the session only, never in a file."""
    padded = key.ljust(_BLOCK, b"\0")
    inner = bytes(b ^ 0x36 for b in padded).hex()
    outer = bytes(b ^ 0x5C for b in padded).hex()
    session.execute(f"SET VARIABLE token_inner = from_hex('{inner}')", what="token key")
    session.execute(f"SET VARIABLE token_outer = from_hex('{outer}')", what="token key")
    session.execute(
        """CREATE OR REPLACE TEMP MACRO token(namespace, value) AS
           CASE WHEN value IS NOT NULL THEN substr(sha256(getvariable('token_outer') ||
             from_hex(sha256(getvariable('token_inner') || encode(namespace || ':' || value)))), 1, 32)::UUID END"""
    )
