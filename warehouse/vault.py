"""The identity vault: direct identifiers by source row, in Parquet with encrypted columns.

One file per delivery: `vault/<source>/<period>/<delivery_id>.parquet`. Every column but the row key is encrypted with a
data key of its own, wrapped by the vault key (Parquet modular encryption, AES-GCM; wrap: AES key wrap, RFC 3394).
Policy item 33 (storage); rules RT02, RP14.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from warehouse.engine.duckdb import Session, quote
from warehouse.engine.work import private_folder

ROW_KEY = ("delivery_id", "row_no")
_KEY_ID = "vault"


class _KeyWrap(pe.KmsClient):
    """Wraps the data keys of a file with the vault key; the key never leaves this process."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(aes_key_wrap(self._key, key_bytes))

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return aes_key_unwrap(self._key, base64.b64decode(wrapped_key))


def _crypto(key: bytes) -> tuple[pe.CryptoFactory, pe.KmsConnectionConfig]:
    return pe.CryptoFactory(lambda _: _KeyWrap(key)), pe.KmsConnectionConfig()


def vault_path(vault: Path, source: str, period: str, delivery_id: str) -> Path:
    """Where the identifiers of a delivery lie."""
    return vault / source / period / f"{delivery_id}.parquet"


def write(
    session: Session, relation: str, columns: list[str], key: bytes, target: Path, delivery_id: str
) -> int:
    """Write the identifier columns of one delivery from `relation` (has delivery_id and row_no); returns rows."""
    listed = ", ".join(quote(c) for c in (*ROW_KEY, *columns))
    return _write(
        session,
        f"SELECT {listed} FROM {relation} WHERE delivery_id = ? ORDER BY row_no",
        [delivery_id],
        columns,
        key,
        target,
    )


def write_rows(session: Session, relation: str, columns: list[str], key: bytes, target: Path) -> int:
    """Write a whole relation that has the row key (the profiles of the person index); returns rows."""
    listed = ", ".join(quote(c) for c in (*ROW_KEY, *columns))
    return _write(session, f"SELECT {listed} FROM {relation} ORDER BY row_no", [], columns, key, target)


def _write(
    session: Session, select: str, params: list[str], columns: list[str], key: bytes, target: Path
) -> int:
    private_folder(target.parent, 3)
    result = session.execute(select, params, what="vault")
    reader = result.to_arrow_reader(50_000)
    factory, connection = _crypto(key)
    # A list column is encrypted by the path of its leaf.
    leaves = [f"{c}.list.element" if pa.types.is_list(reader.schema.field(c).type) else c for c in columns]
    encryption = pe.EncryptionConfiguration(
        footer_key=_KEY_ID,
        column_keys={_KEY_ID: leaves},
        plaintext_footer=False,
        double_wrapping=False,
    )
    properties = factory.file_encryption_properties(connection, encryption)
    partial = target.with_suffix(".part")
    partial.touch(mode=0o600)
    rows = 0
    with pq.ParquetWriter(
        partial, reader.schema, encryption_properties=properties, compression="zstd"
    ) as writer:
        for batch in reader:
            rows += batch.num_rows
            writer.write_batch(batch)
    partial.replace(target)
    return rows


def read(path: Path, key: bytes, columns: list[str] | None = None) -> pa.Table:
    """Identifiers of one delivery, for the steps that may see them (identity, return, card)."""
    factory, connection = _crypto(key)
    return pq.read_table(
        path,
        columns=columns,
        decryption_properties=factory.file_decryption_properties(connection),
        partitioning=None,
    )
