"""Rules of storage: each register is spoilt in one way, and exactly the rule that must notice it does."""

import os
import stat
import time
from pathlib import Path

import pytest

from assets.sharing.registers import _content_scan
from assets.storage.room import build_registers
from expectations.doors import Subject, judge
from expectations.registers import of
from expectations.rule import Stage
from expectations.storage import RULES
from rules.fixtures import copy_world
from rules.valid_rows import PERIOD
from warehouse import archive, ledger


class Store:
    """A loaded warehouse with its registers; says which units a rule catches now."""

    def __init__(self, world, session, stage="RT"):
        self.world, self.session, self.stage = world, session, stage

    def failing(self, dataset, relation=None):
        """rule id → failing units, of the rules of this stage on a dataset."""
        judge(self.session, self.world.settings, PERIOD, [Subject(dataset, relation or dataset)])
        errors = self.session.rows(
            "SELECT rule_id, detail FROM ops.rule_result__rule_batch WHERE dataset = ? AND status = 'error'",
            [dataset],
        )
        assert errors == []
        found = {}
        for rule, unit in self.session.rows(
            "SELECT rule_id, unit_key FROM ops.unit_failure__unit_rule WHERE dataset = ? AND starts_with(rule_id, ?) "
            "ORDER BY ALL",
            [dataset, self.stage],
        ):
            found.setdefault(rule, set()).add(unit)
        return found

    def register(self, dataset):
        """Build the registers as the storage room does, and judge one."""
        build_registers(self.session, self.world.settings, self.world.keys, PERIOD)
        return self.failing(dataset, f"work.main.{dataset}")

    def spoilt(self, dataset, change):
        """Judge a copy of a catalogue table that was changed."""
        self.session.execute(f"CREATE OR REPLACE TABLE work.main.spoilt AS SELECT * FROM {dataset}")
        self.session.execute(change.format(t="work.main.spoilt"))
        return self.failing(dataset, "work.main.spoilt")


@pytest.fixture(scope="module")
def opened(template, tmp_path_factory):
    world = copy_world(template, tmp_path_factory.mktemp("storage") / "world")
    with world.session() as session:
        yield Store(world, session)


_CHANGED = ("ops.ledger__event", "ops.delivery__version", "raw.school_directory__school")


@pytest.fixture
def store(opened):
    """The warehouse; what a test spoils in it is put back."""
    for n, table in enumerate(_CHANGED):
        opened.session.execute(f"CREATE OR REPLACE TABLE work.main.kept_{n} AS SELECT * FROM {table}")
    yield opened
    for n, table in enumerate(_CHANGED):
        opened.session.execute(f"DELETE FROM {table}")
        opened.session.execute(f"INSERT INTO {table} SELECT * FROM work.main.kept_{n}")


@pytest.fixture
def an_object(store):
    """(delivery id, archive object) of a delivery; its bytes and mode are put back."""
    delivery_id, sha256 = store.session.rows(
        "SELECT delivery_id, sha256 FROM ops.delivery__version ORDER BY 1 LIMIT 1"
    )[0]
    path = archive.object_path(store.world.settings.archive, sha256)
    before = path.read_bytes()
    yield delivery_id, path
    path.unlink(missing_ok=True)
    path.write_bytes(before)
    path.chmod(0o400)


@pytest.mark.parametrize(
    "dataset",
    [
        "archive_object",
        "ledger",
        "delivery_rows",
        "work_folder",
        "setting",
        "ref.dataset",
        "ref.dataset_column",
    ],
)
def test_a_fresh_warehouse_passes(store, dataset):
    if dataset.startswith("ref."):
        assert store.failing(dataset) == {}
    else:
        assert store.register(dataset) == {}
        assert store.session.value(f"SELECT count(*) FROM work.main.{dataset}") > 0


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(content))
    path.chmod(0o400)


@pytest.mark.parametrize("at", [0, 20, -1], ids=["nonce", "content", "tag"])
def test_rt01_one_changed_bit_of_an_original(store, an_object, at):
    delivery_id, path = an_object
    _flip(path, at)
    assert store.register("archive_object") == {"RT01": {delivery_id}}


def test_rt01_an_envelope_that_is_gone(store, an_object):
    delivery_id, _ = an_object
    sha256 = store.session.value(
        "SELECT sha256 FROM ops.envelope__delivery WHERE delivery_id = ?", [delivery_id]
    )
    path = archive.object_path(store.world.settings.archive, sha256)
    away = path.with_suffix(".away")
    path.rename(away)
    try:
        assert store.register("archive_object") == {"RT01": {delivery_id}}
    finally:
        away.rename(path)


def test_rt01_an_original_that_is_gone_cut_or_writable(store, an_object):
    delivery_id, path = an_object
    path.chmod(0o600)
    assert store.register("archive_object") == {"RT01": {delivery_id}}
    path.write_bytes(path.read_bytes()[:10])
    path.chmod(0o400)
    assert store.register("archive_object") == {"RT01": {delivery_id}}
    path.unlink()
    assert store.register("archive_object") == {"RT01": {delivery_id}}


def test_rt01_another_original_under_the_name(store, an_object, tmp_path):
    delivery_id, path = an_object
    (tmp_path / "other").write_bytes(b"other")
    other = archive.store(tmp_path / "archive", store.world.keys.archive, tmp_path / "other", path.stem)
    path.chmod(0o600)
    path.write_bytes(other.read_bytes())
    path.chmod(0o400)
    assert store.register("archive_object") == {"RT01": {delivery_id}}


@pytest.mark.parametrize(
    ("column", "change"),
    [
        (
            "student_registry|guardian1_phone",
            "zone = 'raw' WHERE dataset = 'student_registry' AND column_name = 'guardian1_phone'",
        ),
        (
            "student_registry|addr_now",
            "zone = 'raw' WHERE dataset = 'student_registry' AND column_name = 'addr_now'",
        ),
        ("aid_record|name", "zone = 'raw' WHERE dataset = 'aid_record' AND column_name = 'name'"),
        (
            "aid_record|id_no_token",
            "zone = 'raw' WHERE dataset = 'aid_record' AND column_name = 'id_no_token'",
        ),
    ],
)
def test_rt02_an_identifier_declared_as_open(store, column, change):
    assert store.spoilt("ref.dataset_column", f"UPDATE {{t}} SET {change}") == {"RT02": {column}}


def test_rt03_numbers_of_persons_in_tables_for_analysts(store):
    store.session.execute(
        "CREATE OR REPLACE TABLE use.spoilt AS SELECT * FROM (VALUES ('电话19900001234。', 'a', '2163000001'), "
        "('', '635102201503150016', '202603')) t(note, code, school_id)"
    )
    _content_scan(store.session)
    assert store.failing("content_scan", "work.main.content_scan") == {
        "RT03": {"use.spoilt|note", "use.spoilt|code"}
    }
    store.session.execute("UPDATE use.spoilt SET note = '共 3 人', code = '440103'")
    _content_scan(store.session)
    assert store.failing("content_scan", "work.main.content_scan") == {}
    store.session.execute("DROP TABLE use.spoilt")


def test_rt04_a_store_that_is_not_here(store):
    store.world.settings.values["paths"]["data"], before = (
        "s3://bucket/data",
        store.world.settings.values["paths"]["data"],
    )
    try:
        assert store.register("setting") == {"RT04": {"paths.data"}}
    finally:
        store.world.settings.values["paths"]["data"] = before


@pytest.mark.parametrize(
    "change",
    [
        "tier = NULL WHERE dataset = 'aid_record'",
        "tier = 'L1' WHERE dataset = 'aid_record'",
    ],
)
def test_rt05_a_grade_that_is_not_the_highest_of_its_columns(store, change):
    assert store.spoilt("ref.dataset", f"UPDATE {{t}} SET {change}") == {"RT05": {"aid_record"}}


@pytest.mark.parametrize("change", ["retention_years = NULL", "retention_years = 0", "legal_basis = NULL"])
def test_rt06_a_dataset_without_an_end_or_a_basis(store, change):
    found = store.spoilt("ref.dataset", f"UPDATE {{t}} SET {change} WHERE dataset = 'aid_record'")
    assert found == {"RT06": {"aid_record"}}


@pytest.mark.parametrize(("logged", "fails"), [(True, False), (False, True)])
def test_rt10_records_of_what_was_provided(store, logged, fails):
    store.session.execute(
        "CREATE OR REPLACE TABLE work.main.share_delivery AS SELECT 'JF-2026-0001' AS delivery_no, true AS is_agreed, "
        f"true AS is_within_fields, true AS is_within_rows, true AS is_complete, {logged} AS is_logged"
    )
    found = store.failing("share_delivery", "work.main.share_delivery")
    assert found == ({"RT10": {"JF-2026-0001"}} if fails else {})


@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ({"1"}, "UPDATE ops.ledger__event SET detail = detail || ' ' WHERE seq = 1"),
        ({"2"}, "UPDATE ops.ledger__event SET occurred_at = occurred_at + INTERVAL 1 SECOND WHERE seq = 2"),
        ({"1"}, "UPDATE ops.ledger__event SET subject = 'x' WHERE seq = 1"),
        ({"1", "2"}, "UPDATE ops.ledger__event SET hash = repeat('0', 64) WHERE seq = 1"),
        ({"2"}, "DELETE FROM ops.ledger__event WHERE seq = 1"),
    ],
)
def test_rt13_a_ledger_that_was_touched(store, broken, change):
    store.session.execute(change)
    assert store.register("ledger") == {"RT13": broken}
    assert {str(seq) for seq in ledger.broken_links(store.session)} == broken


def test_rt14_rows_that_were_changed_in_place(store):
    delivery_id = store.session.value("SELECT delivery_id FROM raw.school_directory__school LIMIT 1")
    store.session.execute("DELETE FROM raw.school_directory__school WHERE row_no = 1")
    assert store.register("delivery_rows") == {"RT14": {delivery_id}}


def test_rt14_rows_that_were_neither_accepted_nor_set_aside(store):
    delivery_id = store.session.value("SELECT delivery_id FROM ops.delivery__version ORDER BY 1 LIMIT 1")
    store.session.execute(
        "UPDATE ops.delivery__version SET n_read = n_read + 1 WHERE delivery_id = ?", [delivery_id]
    )
    assert store.register("delivery_rows") == {"RT14": {delivery_id}}


@pytest.mark.parametrize(("received", "late"), [("2025-12-27", True), ("2025-12-28", False)])
def test_rt15_rows_set_aside_for_more_than_ninety_days(store, received, late):
    delivery_id = store.session.value("SELECT delivery_id FROM ops.delivery__version ORDER BY 1 LIMIT 1")
    store.session.execute(
        "UPDATE ops.delivery__version SET n_quarantined = 1, n_read = n_accepted + 1, received_on = ? WHERE delivery_id = ?",
        [received, delivery_id],
    )
    assert store.register("delivery_rows") == ({"RT15": {delivery_id}} if late else {})


def test_rt18_what_a_dead_process_left_behind(store):
    left = store.world.settings.work / "999999-dead"
    left.mkdir()
    os.utime(left, (time.time() - 25 * 3600,) * 2)
    try:
        assert store.register("work_folder") == {"RT18": {left.name}}
    finally:
        left.rmdir()


def test_every_rule_has_a_test():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [
        r.id for r in RULES if r not in of(Stage.STORAGE) and f"def test_{r.id.lower()}_" not in source
    ] == []


def test_the_archive_keeps_originals_read_only(store):
    for path in store.world.settings.archive.rglob("*.enc"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
