"""RC03, RC05, RC06: what may be collected at all; RC37: what was published stays; RP18: synthetic persons keep to themselves."""

from __future__ import annotations

import json

import pytest

from assets.storage.kept import build_kept
from rules.fixtures import copy_world
from rules.test_storage_rules import Store
from rules.valid_rows import PERIOD, rows_of
from warehouse import ledger
from warehouse.contract import extract_contract
from warehouse.intake.origin import mark_sample_house
from warehouse.reading.forbidden import count_forbidden
from warehouse.release import files
from warehouse.release.manifest import content_hash


@pytest.fixture(scope="module")
def store(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("elements") / "world")
    with world.session() as session:
        yield Store(world, session, "R")


@pytest.fixture
def spoilt(store):
    """Judge the catalogue after reference tables were changed; they are put back."""
    tables = ("ref.element_source", "ref.collection_exemption", "ref.blacklist", "ref.dataset_column")
    for n, table in enumerate(tables):
        store.session.execute(f"CREATE OR REPLACE TABLE work.main.kept_{n} AS SELECT * FROM {table}")

    def judge(*changes):
        for change in changes:
            store.session.execute(change)
        store.session.execute("DELETE FROM ops.rule_result__rule_batch WHERE dataset = 'ref.dataset_column'")
        found = store.failing("ref.dataset_column")
        return {rule: units for rule, units in found.items() if rule in ("RC03", "RC05", "RC06")}

    yield judge
    for n, table in enumerate(tables):
        store.session.execute(f"DELETE FROM {table}")
        store.session.execute(f"INSERT INTO {table} SELECT * FROM work.main.kept_{n}")


def test_our_catalogue_passes(spoilt):
    assert spoilt() == {}


@pytest.mark.parametrize(
    ("headers", "n"),
    [
        (["姓名", "身份证件号"], 0),
        (["血型", "电子信箱", "特长"], 0),  # the registry always exports them; they are dropped
        (["宗教"], 1),
        (["学生照片", " 指 纹 ", None, ""], 2),
        (["银行卡号"], 1),  # dropped of the aid records, not expected in the registry
    ],
)
def test_rc03_forbidden_headers_of_a_file(headers, n):
    assert count_forbidden(extract_contract("student_registry"), headers) == n


def test_rc03_no_table_holds_what_is_forbidden(spoilt):
    change = "UPDATE ref.dataset_column SET zone = 'vault' WHERE dataset = 'student_registry' AND column_name = 'blood'"
    assert spoilt(change) == {"RC03": {"student_registry|blood"}}


def test_rc03_a_new_word_on_the_list_is_found_in_every_table(spoilt):
    found = spoilt("INSERT INTO ref.blacklist BY NAME SELECT '政治面貌' AS header_zh, 'x' AS name_en")
    assert "student_registry|political_code" in found["RC03"]


def test_rc05_an_element_of_several_sources_without_an_authority(spoilt):
    found = spoilt("DELETE FROM ref.element_source WHERE column_name = 'boarding_code'")
    assert found == {"RC05": {"student_registry|boarding_code", "preschool_registry|boarding_code"}}


def test_rc05_an_authority_that_does_not_deliver_it(spoilt):
    found = spoilt(
        "UPDATE ref.element_source SET authorities = 'population' WHERE column_name = 'boarding_code'",
        "UPDATE ref.element_source SET authorities = 'disability_roster.nothing' WHERE column_name = 'disability_code'",
    )["RC05"]
    assert {"student_registry|boarding_code", "preschool_registry|disability_code"} <= found


def test_rc05_one_source_alone_needs_no_authority(spoilt):
    change = "DELETE FROM ref.dataset_column WHERE dataset = 'preschool_registry' AND column_name = 'boarding_code'"
    assert "RC05" not in spoilt(change, "DELETE FROM ref.element_source WHERE column_name = 'boarding_code'")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM ref.collection_exemption WHERE source = 'vocational_registry' AND column_name = 'has_dibao'",
        "UPDATE ref.collection_exemption SET valid_to = '2026-02-28' WHERE source = 'vocational_registry' AND column_name = 'has_dibao'",
    ],
)
def test_rc06_what_another_department_has_is_not_collected_without_a_reason(spoilt, change):
    assert spoilt(change) == {"RC06": {"vocational_registry|has_dibao"}}


def test_rc06_a_reason_holds_to_its_last_day(spoilt):
    assert spoilt("UPDATE ref.collection_exemption SET valid_to = '2026-03-01'") == {}


def _kept(store, dataset):
    build_kept(store.session, store.world.settings)
    store.session.execute("DELETE FROM ops.rule_result__rule_batch WHERE dataset = ?", [dataset])
    return store.failing(dataset, f"work.main.{dataset}")


@pytest.fixture
def release(store):
    """A published release: a folder with checksums and its entry in the ledger."""
    store.session.execute("DELETE FROM ops.ledger__event WHERE event IN ('publish', 'withdraw')")
    folder = store.world.settings.releases / "v2026.3.0"
    (folder / "parquet").mkdir(parents=True)
    (folder / "parquet" / "x.parquet").write_bytes(b"1")
    (folder / "RELEASE.json").write_text(json.dumps({"id": folder.name, "period": PERIOD}))
    files.write_sums(folder, {n: files.sha256_file(folder / n) for n in files.list_files(folder)})
    ledger.append(store.session, "publish", folder.name, {"content": content_hash(folder)})
    yield folder
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def test_rc37_a_release_as_it_was_published(store, release):
    assert _kept(store, "published_release") == {}


@pytest.mark.parametrize(
    "edit", ["statistics", "statistics and checksums", "another file", "new file", "no sums"]
)
def test_rc37_a_release_that_was_edited(store, release, edit):
    if "statistics" in edit:
        (release / "parquet" / "x.parquet").write_bytes(b"2")
    if edit == "another file":
        (release / "RELEASE.json").write_text("{}")
    if edit == "new file":
        (release / "notes.txt").write_text("x")
    if "and checksums" in edit:
        names = [n for n in files.list_files(release) if n != files.SUMS]
        files.write_sums(release, {n: files.sha256_file(release / n) for n in names})
    if edit == "no sums":
        (release / files.SUMS).unlink()
    assert _kept(store, "published_release") == {"RC37": {release.name}}


def test_rc37_a_release_that_is_gone_or_was_never_recorded(store, release):
    moved = release.rename(release.with_name("v2026.2.0"))
    assert _kept(store, "published_release") == {"RC37": {"v2026.2.0", "v2026.3.0"}}
    moved.rename(release)
    ledger.append(store.session, "withdraw", release.name, {"reason": "test"})
    release.rename(release.with_name("elsewhere"))
    try:
        assert _kept(store, "published_release") == {}
    finally:
        release.with_name("elsewhere").rename(release)


def test_rp18_synthetic_persons_keep_to_their_own_house(template, tmp_path):
    world = copy_world(template, tmp_path / "world")
    with world.session() as session:
        here = Store(world, session, "RP18")
        world.put("two_later_survey", rows_of("two_later_survey"))
        world.collect(session, "two_later_survey")
        delivery, n_ids, n_synthetic = session.rows("FROM ops.origin__delivery")[0]
        assert (n_ids, n_synthetic) == (n_ids, n_ids) and n_ids > 0
        assert _kept(here, "origin") == {"RP18": {delivery}}, "a real house with synthetic persons"
        mark_sample_house(world.settings)
        assert _kept(here, "origin") == {}
        session.execute("UPDATE ops.origin__delivery SET n_synthetic = n_ids - 1")
        assert _kept(here, "origin") == {"RP18": {delivery}}, "a sample house with a real person"
        (world.settings.data / "SAMPLE").unlink()
        session.execute("UPDATE ops.origin__delivery SET n_synthetic = 0")
        assert _kept(here, "origin") == {}


def test_rp18_every_area_of_the_sample_is_known_as_synthetic_and_none_is_real():
    from sample.data import counties, table
    from warehouse.reference import rows

    synthetic = {r["area_prefix"] for r in rows("synthetic_area")}
    drawn = {str(c.id_area)[:4] for c in counties()}
    drawn |= {str(int(r["code"]) + 5000)[:4] for r in table("origins")}
    assert drawn <= synthetic
    assert not synthetic & {r["county_code"][:4] for r in rows("county")}
