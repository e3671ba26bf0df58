"""Damage and deceit that verify must find, from the folder alone."""

import json
from pathlib import Path

import duckdb
import pytest
from fixtures.release_world import build, release, settings_at

from warehouse.release import verify_release
from warehouse.release.files import list_files, read_json, sha256_file, sums, write_json, write_sums
from warehouse.release.manifest import content_hash


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(settings_at(tmp_path)).path


def test_every_flipped_byte_is_found(tmp_path):
    path = release(settings_at(tmp_path)).path
    for name in list_files(path):
        file = path / name
        file.chmod(0o644)
        good = file.read_bytes()
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 1
        file.write_bytes(bad)
        assert not verify_release(path).ok, name
        file.write_bytes(good)
    assert verify_release(path).ok


def test_missing_and_extra_files_are_found(root):
    (root / "notes.txt").write_text("x")
    (root / "CHANGES.md").unlink()
    problems = verify_release(root).problems
    assert any("file missing: CHANGES.md" in p for p in problems)
    assert any("file not listed: notes.txt" in p for p in problems)


def test_links_are_refused(root):
    (root / "dictionary.html").rename(root.parent / "x.html")
    (root / "dictionary.html").symlink_to(root.parent / "x.html")
    assert any("is a link" in p for p in verify_release(root).problems)


@pytest.mark.parametrize("text", ["", "abc", "../../etc/passwd\n", "0" * 64 + "  a\n" + "0" * 64 + "  a\n"])
def test_broken_checksum_list(root, text):
    (root / "SHA256SUMS").write_text(text)
    assert not verify_release(root).ok
    (root / "SHA256SUMS").unlink()
    assert not verify_release(root).ok


def test_folder_that_is_no_release(tmp_path):
    assert not verify_release(tmp_path).ok
    assert not verify_release(tmp_path / "nowhere").ok


def forge(root: Path, mart: str, sql: str) -> None:
    """Rewrite a mart in Parquet and DuckDB and make all checksums fit again: only the rules can find it."""
    file = root / "parquet" / f"{mart}.parquet"
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t AS FROM read_parquet('{file}')")
    con.execute(sql)
    con.execute(f"COPY (FROM t) TO '{file}' (FORMAT parquet)")
    rows = con.execute("SELECT count(*) FROM t").fetchall()[0][0]
    con.execute(f"ATTACH '{root}/marts.duckdb' AS r")
    con.execute(f"DELETE FROM r.mart.{mart}")
    con.execute(f"INSERT INTO r.mart.{mart} FROM t")
    con.close()
    facts, package = read_json(root / "RELEASE.json"), read_json(root / "datapackage.json")
    for resource in package["resources"]:
        if resource["name"] == mart:
            resource |= {
                "bytes": file.stat().st_size,
                "hash": f"sha256:{sha256_file(file)}",
                "rowCount": rows,
            }
    for node in facts["marts"]:
        if node["mart"] == mart:
            node["rows"] = rows
    facts["content_hash"] = content_hash(root)
    write_json(root / "RELEASE.json", facts)
    write_json(root / "datapackage.json", package)
    write_sums(root, sums(root))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE t SET n_aided = 0 WHERE county_code = '630103' AND stage_code = 'primary'", "but show it"),
        ("UPDATE t SET n_aided = 3 WHERE county_code = '630103'", "too small"),
        (
            "UPDATE t SET pct_aided = 1 WHERE county_code = '630103' AND stage_code = 'primary'",
            "do not follow from what is shown",
        ),
        ("UPDATE t SET cell_status = 'shown'", "number of hidden rows"),
        ("UPDATE t SET cell_status = 'maybe' WHERE county_code = '630105'", "no valid cell_status"),
        ("INSERT INTO t FROM t LIMIT 1", "key is not unique"),
        (
            "UPDATE t SET stage_code = NULL WHERE county_code = '630105' AND stage_code = 'junior'",
            "required but empty",
        ),
    ],
)
def test_forged_values_are_found(root, sql, words):
    forge(root, "aid__county_stage", sql)
    assert any(words in p for p in verify_release(root).problems), verify_release(root).problems


def test_harmless_forgery_passes_so_the_tests_above_test_the_rules(root):
    forge(root, "aid__county_stage", "UPDATE t SET n_students = n_students")
    assert verify_release(root).problems == []


def test_parquet_and_duckdb_must_agree(root):
    con = duckdb.connect(str(root / "marts.duckdb"))
    con.execute("UPDATE mart.school__school SET n_classes = 99 WHERE school_id = '3630000001'")
    con.close()
    write_sums(root, sums(root))
    assert any("differ in 2 rows" in p for p in verify_release(root).problems)


def test_view_in_the_duckdb_file_is_found(root):
    con = duckdb.connect(str(root / "marts.duckdb"))
    con.execute("CREATE VIEW meta.v AS SELECT 1")
    con.close()
    write_sums(root, sums(root))
    assert any("views" in p for p in verify_release(root).problems)


def test_storage_version_is_checked(root):
    (root / "marts.duckdb").unlink()
    duckdb.connect().execute(f"ATTACH '{root}/marts.duckdb' AS r (STORAGE_VERSION 'v1.5.0')")
    write_sums(root, sums(root))
    assert any("storage version" in p for p in verify_release(root).problems)


def test_manifest_without_entries_is_reported_not_raised(root):
    (root / "RELEASE.json").write_text(json.dumps({"id": "v2025.9.0"}))
    write_sums(root, sums(root))
    assert not verify_release(root).ok


def test_contract_with_other_columns_is_found(root):
    file = root / "contracts/school__school.odcs.yaml"
    file.write_text(file.read_text().replace("name: n_classes", "name: n_rooms"))
    facts = read_json(root / "RELEASE.json")
    facts["content_hash"] = content_hash(root)
    write_json(root / "RELEASE.json", facts)
    write_sums(root, sums(root))
    assert any("differ from the contract" in p for p in verify_release(root).problems)
