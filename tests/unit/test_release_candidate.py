import dataclasses
import getpass
import hashlib
import json
import socket
import subprocess
import zipfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from fixtures.release_world import (
    GRADUATES,
    INPUTS,
    PERIOD,
    build,
    column,
    contract,
    contracts,
    release,
    settings_at,
    warehouse,
)
from openpyxl import load_workbook

from warehouse.contract import Contract
from warehouse.engine.duckdb import Session
from warehouse.errors import BlockedError, EduError, UsageError
from warehouse.protection import enforced
from warehouse.release import load_candidate, verify_release
from warehouse.release.changes import compare, needed_bump
from warehouse.release.manifest import read_contracts


@pytest.fixture
def settings(tmp_path: Path):
    return settings_at(tmp_path)


def digests(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def rows(path: Path, mart: str, columns: str = "*") -> list[tuple]:
    return duckdb.sql(f"SELECT {columns} FROM read_parquet('{path}/parquet/{mart}.parquet')").fetchall()


def test_layout_name_and_checksums(settings):
    candidate = build(settings)
    assert candidate.path.name == f"{PERIOD}-{candidate.content_hash[:12]}"
    assert set(digests(candidate.path)) == {
        "CHANGES.md",
        "RELEASE.json",
        "SHA256SUMS",
        "catalogue.json",
        "contracts/aid__county_stage.odcs.yaml",
        "contracts/graduate__county.odcs.yaml",
        "contracts/school__school.odcs.yaml",
        "datapackage.json",
        "dictionary.html",
        "dictionary.xlsx",
        "marts.duckdb",
        "parquet/aid__county_stage.parquet",
        "parquet/graduate__county.parquet",
        "parquet/school__school.parquet",
        "quality/audit.json",
        "quality/consumers.json",
        "quality/summary.json",
    }
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=candidate.path, check=True)
    assert verify_release(candidate.path).problems == []
    assert load_candidate(candidate.path) == candidate


def test_two_builds_are_byte_identical(tmp_path):
    first = build(settings_at(tmp_path / "a"))
    con = warehouse()
    con.execute("SET threads = 1")
    con.execute("SET preserve_insertion_order = false")
    con.execute("CREATE OR REPLACE TABLE mart.school__school AS FROM mart.school__school ORDER BY name_zh")
    second = build(settings_at(tmp_path / "b"), con)
    one, two = digests(first.path), digests(second.path)
    different = {name for name in one if one[name] != two[name]}
    assert different <= {"marts.duckdb", "SHA256SUMS"}
    assert first.content_hash == second.content_hash
    assert con.execute("SELECT current_setting('preserve_insertion_order')").fetchall() == [(False,)]


def test_equal_candidate_is_kept_and_other_evidence_replaces_it(settings):
    first = build(settings)
    before = (first.path / "marts.duckdb").stat().st_mtime_ns
    assert build(settings) == first
    assert (first.path / "marts.duckdb").stat().st_mtime_ns == before
    other = build(settings, rule_summary=[])
    assert other.path == first.path and other.content_hash == first.content_hash and other.hash != first.hash
    # A damaged candidate is not kept either.
    (other.path / "CHANGES.md").write_text("x")
    assert verify_release(build(settings, rule_summary=[]).path).ok


def test_content_hash_follows_data_and_contracts_only(settings):
    first = build(settings)
    assert build(settings, code_version="other").content_hash == first.content_hash
    assert build(settings, warehouse(corrected=True)).content_hash != first.content_hash


def test_nothing_tells_machine_path_or_person(tmp_path, settings):
    root = build(settings).path
    words = {str(tmp_path), str(Path.cwd()), str(Path.home()), "ops01", socket.gethostname()}
    words |= {getpass.getuser()} - {"root"}
    for file in root.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        if file.suffix == ".xlsx":
            with zipfile.ZipFile(file) as book:
                data = b"".join(book.read(n) for n in book.namelist())
                assert {i.date_time[0] for i in book.infolist()} == {1980}
        for word in words:
            assert word.encode() not in data, (file.name, word)


def test_parquet_is_sorted_and_says_what_it_is(settings):
    root = build(settings).path
    ids = [r[0] for r in rows(root, "school__school", "school_id")]
    assert ids == sorted(ids) and len(ids) == 3000
    metadata = pq.read_metadata(root / "parquet/aid__county_stage.parquet").metadata
    assert metadata[b"mart"] == b"aid__county_stage" and metadata[b"schema_version"] == b"1.0.0"
    assert metadata[b"title_zh"].decode() == "资助覆盖" and metadata[b"period"] == PERIOD.encode()


def test_sort_key_orders_what_is_published_not_what_is_hidden(settings):
    con = warehouse()
    con.execute("INSERT INTO mart.graduate__county VALUES ('630100', 8), ('630199', 2)")
    hidden = [r[0] for r in rows(build(settings, con).path, "graduate__county") if r[2] == "hidden"]
    assert hidden == ["630100", "630103", "630199"]


def test_duckdb_file(settings):
    file = build(settings).path / "marts.duckdb"
    assert file.read_bytes()[12] == 65
    assert not list(file.parent.glob("*.wal"))
    con = duckdb.connect(str(file), read_only=True)
    assert con.execute("SELECT count(*) FROM mart.school__school").fetchall() == [(3000,)]
    assert con.execute(
        "SELECT comment FROM duckdb_tables() WHERE table_name = 'aid__county_stage'"
    ).fetchall() == [("资助覆盖 | Aid coverage",)]
    assert con.execute(
        "SELECT comment FROM duckdb_columns() "
        "WHERE table_name = 'aid__county_stage' AND column_name = 'n_aided'"
    ).fetchall() == [("受助人数 | n_aided in English",)]
    assert con.execute("SELECT id, period, data_as_of FROM meta.release").fetchall() == [
        ("v2025.9.0", PERIOD, "2025-09-30")
    ]
    assert con.execute("SELECT rule_id, failed, share FROM meta.rule_result ORDER BY 1").fetchall() == [
        ("RC01", 1, 0.01),
        ("RC02", 0, 0.0),
    ]
    assert con.execute("SELECT unit, is_key FROM meta.column WHERE column_name = 'n_aided'").fetchall() == [
        ("人", False)
    ]
    assert con.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(0,)]


def test_contracts_round_trip(settings):
    root = build(settings).path
    for name, found in read_contracts(root).items():
        wanted = enforced(contracts()[name])
        assert dataclasses.asdict(found) == dataclasses.asdict(wanted)
    aid = read_contracts(root)["aid__county_stage"]
    assert aid.properties["disclosure"]["minimum"] == 5
    assert [c.name for c in aid.columns[-2:]] == ["cell_status", "hidden_columns"]


def test_data_package(settings):
    root = build(settings).path
    package = json.loads((root / "datapackage.json").read_text())
    assert package["version"] == "2025.9.0"
    for resource in package["resources"]:
        file = root / resource["path"]
        assert resource["bytes"] == file.stat().st_size
        assert resource["hash"] == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
        assert [f["name"] for f in resource["schema"]["fields"]] == pq.read_schema(file).names
    aid = package["resources"][0]["schema"]
    assert aid["primaryKey"] == ["county_code", "stage_code"]
    assert [f["type"] for f in aid["fields"]] == [
        "string",
        "string",
        "integer",
        "integer",
        "number",
        "string",
        "string",
    ]


def test_release_json_has_ordered_inputs_without_unknown_fields(settings):
    root = build(settings, inputs=[{**i, "file": "张三.xlsx"} for i in INPUTS]).path
    facts = json.loads((root / "RELEASE.json").read_text())
    assert [i["source"] for i in facts["inputs"]] == ["s1", "s2"]
    assert "file" not in facts["inputs"][0]
    assert {m["mart"]: (m["rows"], m["hidden_rows"]) for m in facts["marts"]} == {
        "aid__county_stage": (8, 6),
        "graduate__county": (2, 2),
        "school__school": (3000, 0),
    }


def test_dictionary(settings):
    codes = {
        "county": [
            ("630102", "城东区", "Chengdong", "GB/T 2260"),
            ("010", "零开头", "leading zero", "GB/T 2260"),
        ],
        "unused": [("1", "a", "b", "")],
    }
    root = build(settings, codes=codes).path
    book = load_workbook(root / "dictionary.xlsx")
    assert book.sheetnames == ["目录 Index", "01 资助覆盖", "02 毕业生", "03 学校名录", "代码表 Codes"]
    sheet = book["01 资助覆盖"]
    cells = {row[0]: row for row in sheet.iter_rows(min_row=5, values_only=True)}
    assert cells["n_aided"][1:3] == ("受助人数", "n_aided in English") and "1–4" in cells["n_aided"][10]
    assert sheet.freeze_panes == "B5" and sheet.column_dimensions["C"].width > 30
    assert cells["county_code"][9] == "GB/T 2260"
    listed = [r[:2] for r in book["代码表 Codes"].iter_rows(min_row=5, values_only=True)]
    # A list of its own for a code without one: the values that are there.
    assert listed == [
        ("aid__county_stage.stage_code", "junior"),
        ("aid__county_stage.stage_code", "primary"),
        ("county", "630102"),
        ("county", "010"),
        ("graduate__county.county_code", "630102"),
        ("graduate__county.county_code", "630103"),
    ]
    assert cells["stage_code"][7] == "aid__county_stage.stage_code"
    page = (root / "dictionary.html").read_text()
    assert "Purpose of aid__county_stage &lt;b&gt;&amp;" in page and "<b>" not in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_extras_are_covered_by_checksums(settings):
    def dashboard(root: Path) -> None:
        (root / "dashboard").mkdir()
        (root / "dashboard" / "index.html").write_text((root / "RELEASE.json").read_text())

    candidate = build(settings, extras=dashboard)
    assert "dashboard/index.html" in (candidate.path / "SHA256SUMS").read_text()


def test_first_changes_and_counts_against_the_previous_release(settings):
    release(settings)
    assert "首次发布" in (settings.releases / "current" / "CHANGES.md").read_text()
    text = (build(settings, warehouse(corrected=True)).path / "CHANGES.md").read_text()
    assert text.startswith("# v2025.9.1") and "v2025.9.0" in text
    assert "| aid__county_stage | 有修订 revised | 1.0.0 | 0 | 0 | 1 | 2 |" in text
    assert "| graduate__county | 有修订 revised | 1.0.0 | 2 | 1 | 0 | 0 |" in text
    assert "| school__school | 无变化 same | 1.0.0 | 0 | 0 | 0 | 0 |" in text
    assert "rows revised because: 数据更正 the data were corrected: 1" in text
    assert "revised in `n_aided`: 1" in text and "revised in `n_students`: 1" in text
    assert "| 630105 junior | n_aided | 250 | 260 |" in text


def test_every_revised_cell_and_removed_row_is_in_the_file(settings):
    release(settings)
    root = build(settings, warehouse(corrected=True)).path
    assert sorted(p.name for p in (root / "changes").iterdir()) == [
        "aid__county_stage.parquet",
        "graduate__county.parquet",
    ]
    con = duckdb.connect()
    cells = con.execute(f"FROM read_parquet('{root}/changes/aid__county_stage.parquet')").fetchall()
    assert cells == [
        ("630105", "junior", "revised", "n_aided", "250", "260"),
        ("630105", "junior", "revised", "n_students", "250", "260"),
    ]
    gone = con.execute(f"FROM read_parquet('{root}/changes/graduate__county.parquet')").fetchall()
    assert gone == [("630103", "removed", None, None, None)]


def test_a_change_of_meaning_needs_a_major_version():
    before = contracts()["aid__county_stage"]

    def after(name, **change):
        columns = tuple(dataclasses.replace(c, **change) if c.name == name else c for c in before.columns)
        return needed_bump(before, dataclasses.replace(before, columns=columns))

    assert after("n_students", properties={"unit": "人"}) == ""
    assert after("n_students", properties={"unit": "百人"}) == "major"
    assert after("county_code", properties={"codeList": "region"}) == "major"
    assert after("county_code", required=False) == "major"
    assert after("n_students", header="另名") == ""


def test_a_revision_names_its_cause(tmp_path):
    """One row of each cause: the definition before the coverage before the data; a row that did not change has none."""
    mart = contract("figure__county", "指标 | Figures", [
        column("county_code", "县代码", "VARCHAR", key=True), column("value", "值", "DOUBLE"),
        column("definition_version", "定义版本", "VARCHAR"), column("share_covered", "报送比例", "DOUBLE"),
    ])  # fmt: skip
    con = duckdb.connect()
    for folder, figures in (
        (
            "a",
            "('1', 1.0, 'I01.1', 0.5), ('2', 1.0, 'I01.1', 0.5), ('3', 1.0, 'I01.1', 0.5), ('4', 1.0, 'I01.1', 0.5)",
        ),
        (
            "b",
            "('1', 2.0, 'I01.2', 1.0), ('2', 2.0, 'I01.1', 1.0), ('3', 2.0, 'I01.1', 0.5), ('4', 1.0, 'I01.1', 0.5)",
        ),
    ):
        (tmp_path / folder / "parquet").mkdir(parents=True)
        con.execute(f"COPY (SELECT * FROM (VALUES {figures}) f(county_code, value, definition_version, share_covered)) "
                    f"TO '{tmp_path / folder / 'parquet' / 'figure__county.parquet'}' (FORMAT parquet)")  # fmt: skip
    known = {mart.id: mart}
    (found,) = compare(Session(con, tmp_path), tmp_path / "a", known, tmp_path / "b", known)
    assert {words.split()[0]: n for words, n in found.causes.items()} == {
        "定义变更": 1,
        "报送范围变化": 1,
        "数据更正": 1,
    }


def test_new_and_removed_marts_and_columns_in_changes(settings):
    release(settings)
    marts = contracts()
    del marts["graduate__county"]
    marts["school__school"] = contract(
        "school__school",
        "学校名录 | School directory",
        [
            column("school_id", "学校标识码", "VARCHAR", key=True),
            column("n_classes", "班数", unit="班"),
            column("is_rural", "乡村", "BOOLEAN"),
        ],
        version="2.0.0",
        disclosure={"lane": "open", "reason": "directory"},
    )
    con = warehouse()
    con.execute("ALTER TABLE mart.school__school ADD COLUMN is_rural BOOLEAN")
    text = (build(settings, con, contracts=marts).path / "CHANGES.md").read_text()
    assert "| graduate__county | 撤下 removed | 1.0.0 | – | – | – | – |" in text
    assert (
        "column added: `is_rural`" in text and "column removed: `name_zh`" in text and "1.0.0 → 2.0.0" in text
    )


@pytest.mark.parametrize(
    ("version", "drop", "accepted"),
    [("1.0.1", False, False), ("1.1.0", False, True), ("1.1.0", True, False), ("2.0.0", True, True)],
)
def test_schema_change_needs_its_version(settings, version, drop, accepted):
    release(settings)
    marts = contracts()
    columns = [
        column("county_code", "县代码", "VARCHAR", key=True),
        column("n_graduates", "毕业生数", "BIGINT" if drop else "INTEGER", unit="人"),
        column("note", "备注", "VARCHAR"),
    ]
    marts["graduate__county"] = contract("graduate__county", "毕业生", columns, version, disclosure=GRADUATES)
    con = warehouse()
    con.execute("ALTER TABLE mart.graduate__county ADD COLUMN note VARCHAR")
    if accepted:
        build(settings, con, contracts=marts)
    else:
        with pytest.raises(BlockedError, match="needs a new"):
            build(settings, con, contracts=marts)


def test_needed_bump_ignores_labels():
    old = contracts()["school__school"]
    assert needed_bump(old, dataclasses.replace(old, title_zh="x")) == ""


def broken(**changes) -> dict[str, Contract]:
    base = contracts()["graduate__county"]
    return {base.id: dataclasses.replace(base, **changes)}


@pytest.mark.parametrize(
    ("marts", "error"),
    [
        ({}, UsageError),
        (broken(table="use.graduate__county"), UsageError),
        (broken(table="mart.nowhere"), BlockedError),
        (
            broken(
                columns=(dataclasses.replace(contracts()["graduate__county"].columns[0], tier="L4"),),
                properties={},
            ),
            BlockedError,
        ),
        (broken(properties={}), BlockedError),  # counts persons without protection
        (broken(properties={"disclosure": GRADUATES | {"counts": {"nope": {}}}}), UsageError),
        (broken(properties={"disclosure": GRADUATES | {"count": {}}}), UsageError),
        (broken(properties={"disclosure": GRADUATES | {"minimum": 1}}), UsageError),
        (broken(properties={"disclosure": GRADUATES | {"lane": "trust"}}), UsageError),
        (broken(properties={"disclosure": GRADUATES | {"tier": "secret"}}), UsageError),
        (broken(properties={"disclosure": GRADUATES | {"dimensions": {}}}), UsageError),
        (broken(properties={"disclosure": {"lane": "open"}}), UsageError),
        (broken(properties={"disclosure": {"lane": "open", "reason": "x"}}), BlockedError),
        (broken(properties={"disclosure": GRADUATES, "sortKey": ["x"]}), UsageError),
    ],
)
def test_unfit_contracts_are_refused_with_a_remedy(settings, marts, error):
    with pytest.raises(error) as caught:
        build(settings, contracts=marts)
    assert isinstance(caught.value, EduError) and caught.value.remedy
    assert not [p for p in settings.candidates.glob("*") if p.name != ".lock"]


def test_unfit_tables_are_refused(settings):
    con = warehouse()
    con.execute("INSERT INTO mart.graduate__county VALUES ('630102', 901)")
    with pytest.raises(BlockedError, match="not unique"):
        build(settings, con)
    con = warehouse()
    con.execute("ALTER TABLE mart.graduate__county ALTER n_graduates TYPE VARCHAR")
    with pytest.raises(BlockedError, match="n_graduates VARCHAR ≠"):
        build(settings, con)
    con = warehouse()
    con.execute("ALTER TABLE mart.graduate__county ALTER n_graduates TYPE BIGINT")
    assert build(settings, con).content_hash == build(settings).content_hash
    con.execute("INSERT INTO mart.graduate__county VALUES ('630109', 5000000000)")
    with pytest.raises(EduError) as caught:
        build(settings, con)
    assert "5000000000" not in str(caught.value)


@pytest.mark.parametrize("value", [["张三"], {"a": 1}, "x" * 400, "630102201001011234"])
def test_rule_results_with_values_are_refused(settings, value):
    with pytest.raises(BlockedError, match="rule result"):
        build(settings, rule_summary=[{"rule_id": "RC01", "sample": value}])
