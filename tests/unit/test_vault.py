"""The identity vault: columns come back with the key, and only with it."""

import duckdb
import pytest

from warehouse import vault
from warehouse.engine.duckdb import Session

KEY = bytes(range(32))


@pytest.fixture
def stored(tmp_path):
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE clean AS SELECT 'd' || (i % 2)::VARCHAR AS delivery_id, i AS row_no, '金丝雀' || i::VARCHAR AS name, "
        "CASE WHEN i % 3 > 0 THEN '1399999' || i::VARCHAR END AS phone FROM range(1, 101) t(i) ORDER BY row_no DESC"
    )
    path = vault.vault_path(tmp_path / "vault", "student_registry", "2026-03", "d1")
    rows = vault.write(Session(con, tmp_path), "clean", ["name", "phone"], KEY, path, "d1")
    assert rows == 50
    return path


def test_one_delivery_in_order(stored):
    found = vault.read(stored, KEY).to_pylist()
    assert [r["row_no"] for r in found] == list(range(1, 101, 2))
    assert {r["delivery_id"] for r in found} == {"d1"}
    assert found[0] == {"delivery_id": "d1", "row_no": 1, "name": "金丝雀1", "phone": "13999991"}
    assert found[1]["phone"] is None
    assert vault.read(stored, KEY, ["row_no", "name"]).column_names == ["row_no", "name"]


def test_nothing_is_in_clear_in_the_file(stored):
    content = stored.read_bytes()
    assert content[:4] == b"PARE"  # Parquet with an encrypted footer
    for text in ("金丝雀", "13999991", "phone", "name"):
        assert text.encode() not in content


def test_another_key_opens_nothing(stored):
    with pytest.raises(Exception) as caught:
        vault.read(stored, bytes(32))
    assert "金丝雀" not in str(caught.value)
    with pytest.raises(OSError):
        import pyarrow.parquet as pq

        pq.read_table(stored, partitioning=None)


def test_closed_to_others_and_no_remains(stored):
    assert stored.stat().st_mode & 0o077 == 0
    for folder in list(stored.parents)[:3]:
        assert folder.stat().st_mode & 0o077 == 0
    assert [p.name for p in stored.parent.iterdir()] == ["d1.parquet"]


def test_writing_again_replaces(stored, tmp_path):
    con = duckdb.connect()
    con.execute("CREATE TABLE clean AS SELECT 'd1' AS delivery_id, 1 AS row_no, 'x' AS name, 'y' AS phone")
    assert vault.write(Session(con, tmp_path), "clean", ["name", "phone"], KEY, stored, "d1") == 1
    assert vault.read(stored, KEY).num_rows == 1
