"""The clerk's own check says what the pipeline says, row by row and rule by rule, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from rules.valid_rows import BASE, PERIOD, encode, rows_of, wrong_check

from assets.collection.screen import guess_source, screen, screening
from pipelines.cli.main import main
from returns.conftest import BAD_SEX, GOOD, NO_GUARDIAN, load, number_of, pupils
from warehouse.config import load_settings
from warehouse.errors import UnreadableError
from warehouse.reading import Limits
from warehouse.returns.records import TOLD

MIXED = (
    GOOD,
    BAD_SEX,
    {"id_no": wrong_check(number_of(2))},
    NO_GUARDIAN,
    {**BAD_SEX, **NO_GUARDIAN},
    {"birth_date": "2011-02-30"},
    {"student_no": ""},
    {"entry_month": "209909"},
)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine with the package only: no edu.toml, no data folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("EDU_ROOT",):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_same_as_the_pipeline(world, bare):
    rows = pupils(*MIXED)
    with world.session() as session:
        load(world, session, rows)
        pipeline = session.rows(
            "SELECT row_no, rule_id, field, severity FROM ops.quarantine__row_rule ORDER BY ALL"
        )
        counts = session.rows(
            "SELECT status, n_read, n_quarantined FROM ops.delivery__version WHERE source = 'student_registry'"
        )[0]
    file = bare / "学籍.csv"
    file.write_bytes(encode("student_registry", rows, "gb18030"))
    settings = world.settings  # the same limits as the pipeline's
    with screening(settings) as (session, own, keys):
        found = screen(session, own, keys, file, period=PERIOD)
        said = session.rows(f"SELECT row_no, rule_id, field, severity FROM {TOLD} ORDER BY ALL")
        assert not own.data.is_relative_to(world.root)
    assert said == pipeline and len(said) > 6
    assert (found.outcome.status, found.outcome.read.n_records, found.outcome.n_quarantined) == counts
    assert {rule for rule, _ in found.not_checked} == {"RC07", "RC08", "RC09", "RC13", "RC14", "RC15", "RC24"}


def test_the_command(bare, monkeypatch):
    monkeypatch.setenv("EDU_LIMITS_QUARANTINE_ROWS", "10")
    file = bare / "xueji.csv"
    file.write_bytes(encode("student_registry", pupils(*MIXED), "gb18030"))
    before = set(Path(tempfile.gettempdir()).glob("edu-screen-*/*"))
    result = CliRunner().invoke(main, ["screen", str(file), "--period", PERIOD])
    assert result.exit_code == 3, result.output
    for n in range(len(MIXED)):
        assert number_of(n)[6:] not in result.output  # numbers of rows, never values
    assert "卓玛" not in result.output and "RC25" in result.output
    workbook = bare / "xueji-自查.xlsx"
    assert workbook.stat().st_mode & 0o777 == 0o600
    book = openpyxl.load_workbook(workbook)
    assert "回复" not in [c.value for c in book.worksheets[-1][1]]
    assert sorted(p.name for p in bare.iterdir()) == ["xueji-自查.xlsx", "xueji.csv"]
    assert set(Path(tempfile.gettempdir()).glob("edu-screen-*/*")) <= before


def test_clean_file(bare):
    file = bare / "ok.csv"
    file.write_bytes(encode("student_registry", rows_of("student_registry")))
    result = CliRunner().invoke(main, ["screen", str(file), "--period", PERIOD])
    assert result.exit_code == 0, result.output
    assert not (bare / "ok-自查.xlsx").exists()


def test_a_file_that_would_be_refused(bare):
    file = bare / "no.csv"
    rows = [{k: v for k, v in r.items() if k != "student_no"} for r in rows_of("student_registry")]
    file.write_bytes(encode("student_registry", rows))
    result = CliRunner().invoke(
        main, ["screen", str(file), "--period", PERIOD, "--source", "student_registry"]
    )
    assert result.exit_code == 3 and "RC11" in result.output and "全国学籍号" in result.output
    rows = list(openpyxl.load_workbook(bare / "no-自查.xlsx")["整件问题"].values)
    assert rows[1][4] == "RC11" and "全国学籍号" in rows[1][5]


@pytest.mark.parametrize("source", sorted(BASE))
def test_the_source_is_read_from_the_headers(tmp_path, source):
    file = tmp_path / "x.csv"
    file.write_bytes(encode(source, rows_of(source), "gb18030"))
    assert guess_source(file, tmp_path, Limits()) == source


def test_what_is_no_table(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xff\x00")
    with pytest.raises(UnreadableError):
        guess_source(tmp_path / "x.csv", tmp_path, Limits())


def test_nothing_of_the_machine_is_used(bare):
    with screening(load_settings(bare)) as (_, own, keys):
        assert not own.key_file.exists() and not own.archive.exists()
        folder = own.data
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    assert "…" in repr(keys)
