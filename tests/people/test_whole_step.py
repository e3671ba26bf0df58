"""From delivered files to persons: collection, the worker process, explanation, decisions, the next month, and a rebuild."""

import itertools
import json
from pathlib import Path

import pytest
from rules.fixtures import World, copy_world
from rules.valid_rows import BASE, HEAD, PERIOD, citizen_id, rows_of

from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.model import load_models, run_model
from warehouse.people import decisions, explain, registry, step

NEXT = "2026-04"
BIRTH = "20150315"
IDS = [citizen_id(BIRTH, n) for n in (1, 3, 5, 7, 9, 11, 13)]
DOTTED, TWIN_A, TWIN_B, TEMPORARY, NAMELESS, CORRECTED, OTHER = IDS
RIGHT = citizen_id(BIRTH, 15)  # the number that CORRECTED should have been
CANARY = "金丝雀甲"
SCHOOL, POOR, DISABLED = "student_registry", "poverty_register", "disability_roster"


def _pupil(name, number, student_no, **change):
    return {**BASE[SCHOOL][0], "name": name, "id_no": number, "student_no": student_no, **change}


def _school(month):
    """L → G, J → G and a corrected id happen between the two months."""
    later = month == NEXT
    return [
        _pupil("才让·卓玛", DOTTED, "G" + DOTTED),
        _pupil("王大龙", TWIN_A, "G" + TWIN_A, guardian1_name="王建国"),
        _pupil("王小虎", TWIN_B, "G" + TWIN_B, guardian1_name="王建国"),
        _pupil("扎西", TEMPORARY, ("G" + TEMPORARY) if later else "L" + TEMPORARY[:14] + "0123"),
        _pupil("王金丝雀", RIGHT if later else CORRECTED, "G" + CORRECTED),
        _pupil(CANARY, OTHER, "G" + OTHER),
        _pupil("马德福", NAMELESS, "G" + NAMELESS) if later
        else _pupil("马德福", None, "J" + NAMELESS, id_type_code="其他", guardian1_id_no=HEAD),
    ]  # fmt: skip


def _poor():
    head, wife, son = rows_of(POOR)
    household = [head, wife, son]
    for n, (name, number) in enumerate((("才让卓玛", DOTTED), ("刘红梅", OTHER)), start=4):
        household.append(
            {**son, "person_no": f"P000{n}", "name": name, "id_no": number, "school_state_code": "小学"}
        )
    return [{**row, "n_members": str(len(household))} for row in household]


def _roster():
    row = BASE[DISABLED][0]
    return [
        {**row, "name": "才让•卓玛", "id_no": DOTTED, "certificate_no": DOTTED + "43"},
        {**row, "name": "王大龙", "id_no": TWIN_A, "certificate_no": TWIN_A + "43B1"},
    ]


def _load(world: World, session: Session, month: str) -> step.Linked:
    files = {SCHOOL: _school(month), POOR: _poor(), DISABLED: _roster()}
    if month == NEXT:  # those of the first month are in the template
        files = {source: rows_of(source) for source in ("school_directory", "class_directory")} | files
    for source, rows in files.items():
        world.put(source, rows, period=month)
        report = world.collect(session, source, month)
        assert not report.refused and not report.n_quarantined, (source, world.fired(session, source))
    return _link(world, session, month)


def _link(world: World, session: Session, month: str) -> step.Linked:
    models = load_models()
    for table in ("core.delivery__period", "core.county_unit__code"):
        run_model(session, models[table], month, reference="t", code_version="t")
    linked = step.link_period(session, world.settings, world.keys, month)
    for table in ("core.person__record", "core.identity__record"):
        run_model(session, models[table], month, reference="t", code_version="t")
    return linked


def _person(session: Session, source: str, month: str, row_no: int):
    return session.value(
        "SELECT person_id FROM core.identity__record WHERE source = ? AND period = ? AND row_no = ?",
        [source, month, row_no],
    )


def _everything(session: Session):
    return session.rows(
        "SELECT source, delivery_id, row_no, person_id FROM core.person__record WHERE period = ? ORDER BY ALL",
        [PERIOD],
    )


@pytest.fixture(scope="module")
def loaded(template, tmp_path_factory):
    """Two months, with what was said by the way."""
    world = copy_world(template, tmp_path_factory.mktemp("people") / "world")
    with world.session() as session:
        first = _load(world, session, PERIOD)
        before = _everything(session)
        again = _link(world, session, PERIOD)
        same = _everything(session)
        second = _load(world, session, NEXT)
        yield world, session, (first, again, second), (before, same, _everything(session))


def test_every_accepted_row_has_one_person(loaded):
    _, session, (first, _, _), _ = loaded
    assert (
        first.rows
        == 7 + 5 + 2
        == session.value("SELECT count(*) FROM core.person__record WHERE period = ?", [PERIOD])
    )
    assert session.value("SELECT count(*) FROM core.identity__record WHERE tier IN ('number', 'none')") == 0


def test_one_person_across_three_sources_whatever_the_dot_and_the_length_of_the_certificate(loaded):
    _, session, *_ = loaded
    assert (
        _person(session, SCHOOL, PERIOD, 1)
        == _person(session, POOR, PERIOD, 4)
        == _person(session, DISABLED, PERIOD, 1)
    )
    assert _person(session, SCHOOL, PERIOD, 2) == _person(session, DISABLED, PERIOD, 2)
    assert _person(session, SCHOOL, PERIOD, 2) != _person(session, SCHOOL, PERIOD, 3)


@pytest.mark.parametrize("row_no", range(1, 8))
def test_everybody_keeps_the_person_from_month_to_month(loaded, row_no):
    """Also L → G (4), a corrected id (5) and J → G (7)."""
    _, session, *_ = loaded
    assert _person(session, SCHOOL, PERIOD, row_no) == _person(session, SCHOOL, NEXT, row_no)


def test_a_load_again_changes_nothing_and_a_new_month_no_old_person(loaded):
    _, _, (_, again, second), (before, same, after) = loaded
    assert again.skipped and before == same == after
    # only what changed is new: three school records; the poor and the roster say the same again
    assert second.profiles == 3 and second.persons == 0


def test_same_id_with_another_name_waits_and_is_explained_without_a_value(loaded, tmp_path):
    world, session, *_ = loaded
    one, other = _pair(session)
    found = explain.explain(world.settings, world.keys, tmp_path, one, other)
    said = repr(found)
    assert CANARY not in said and "刘红梅" not in said and OTHER not in said
    assert {found.left["name"][0], found.right["name"][0]} == {"金", "刘"}
    assert any(bar.comparison == "name" for bar in found.bars)


def _pair(session: Session):
    rows = session.rows("SELECT kind, left_profile, right_profile FROM core.person_review__pair")
    assert [kind for kind, *_ in rows] == ["id_name"]
    return rows[0][1:]


def test_decisions_survive_a_rebuild(loaded, template, tmp_path):
    world, session, *_ = loaded
    one, other = _pair(session)
    assert registry.person_of(session, one) != registry.person_of(session, other)
    registry.decide(session, one, other, "same", "u-1", "户口簿")
    merged = registry.person_of(session, one)
    assert merged == registry.person_of(session, other)
    file = tmp_path / "decisions.json"
    assert decisions.write(session, world.keys, file)["decisions"] == 1
    assert file.stat().st_mode & 0o077 == 0
    rebuilt = copy_world(template, tmp_path / "rebuilt")
    with rebuilt.session() as fresh:
        taken = decisions.read(fresh, rebuilt.keys, file, "u-2")
        assert (taken.new, taken.applied, taken.known) == (1, 0, 0)
        _load(rebuilt, fresh, PERIOD)
        assert registry.person_of(fresh, one) == registry.person_of(fresh, other) == merged
        assert fresh.value("SELECT count(*) FROM core.person_review__pair") == 0
        assert decisions.read(fresh, rebuilt.keys, file, "u-2").known == 1
        assert fresh.value("SELECT count(*) FROM core.person_link__history WHERE tier = 'D'") == 1
    # what was decided is taken back where it was decided
    registry.decide(session, one, other, "different", "u-1", "核实")
    assert registry.person_of(session, one) != registry.person_of(session, other)


@pytest.mark.parametrize("spoil", ["no json", "[]", '{"format": "x"}', "key", "verdict"])
def test_a_strange_file_of_decisions_is_refused(loaded, tmp_path, spoil):
    world, session, *_ = loaded
    file = tmp_path / "d.json"
    decisions.write(session, world.keys, file)
    content = json.loads(file.read_text())
    if spoil == "key":
        content["key_check"] = "0"
    if spoil == "verdict":
        content["decisions"] = [{"left_profile": "x"}]
    file.write_text(json.dumps(content) if spoil in ("key", "verdict") else spoil)
    before = session.value("SELECT count(*) FROM core.person_decision__pair")
    with pytest.raises(UsageError):
        decisions.read(session, world.keys, file, "u-1")
    assert session.value("SELECT count(*) FROM core.person_decision__pair") == before


def test_no_value_stands_anywhere_after_the_worker_ran(loaded):
    """Names and ids of all sources lay side by side in the worker: nothing of that is in a table or file, except encrypted."""
    world, session, *_ = loaded
    secrets = [CANARY, "金丝雀", "刘红梅", "才让卓玛", *IDS, *(i[:17] for i in IDS)]
    session.execute("CHECKPOINT")
    columns: dict[str, list[str]] = {}
    for table, column in session.rows(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() "
        "AND data_type IN ('VARCHAR', 'JSON', 'BLOB', 'VARCHAR[]')"
    ):
        columns.setdefault(table, []).append(column)
    assert "core.person_link__history" in columns
    for table, names in columns.items():
        text = " || chr(31) || ".join(f"""coalesce("{n}"::VARCHAR, '')""" for n in names)
        assert not session.value(
            f"SELECT count(*) FROM {table} WHERE regexp_matches({text}, '{'|'.join(secrets)}')"
        ), table
    searched = 0
    step_folder = Path(session.folder) / "people"
    for path in Path(world.settings.data).rglob("*"):
        # the staging tables of the open session may hold clear values until it ends; what the linkage left there may not
        is_transient = world.settings.work in path.parents and step_folder not in path.parents
        if path.is_file() and world.settings.landing not in path.parents and not is_transient:
            searched += 1
            content = path.read_bytes()
            for secret, encoding in itertools.product(secrets, ("utf-8", "utf-16-le", "gb18030")):
                assert secret.encode(encoding) not in content, path.name
    assert searched > 5
    assert list((world.settings.vault / "person").glob("*.parquet"))
    assert (step_folder / "link.parquet").is_file(), "the search looked at what the worker gave back"
