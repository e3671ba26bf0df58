"""No personal value leaves the archive, the vault and the private work folder, whatever happens to its row or file."""

import contextlib
import itertools
import logging

import pytest

from expectations.gate import Gate
from rules.fixtures import copy_world
from rules.valid_rows import BASE, PERIOD, check_character, encode
from warehouse import archive, intake, vault
from warehouse.contract import extract_contract
from warehouse.errors import EduError

NAME, ADDRESS, PHONE = "金丝雀甲", "金丝雀路", "19900001234"
WORDS = "金丝雀事由"
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
_KINDS = {"name": NAME, "phone": PHONE, "text": f"{ADDRESS}7号"}
SOURCES = [s for s in BASE if s not in ("school_directory", "class_directory", "population")]


def _number(source: str, n: int) -> str:
    """A citizen id that occurs nowhere else."""
    first = f"63519{SOURCES.index(source)}2014{n % 12 + 1:02d}17{91 + 2 * (n % 5)}1"[:17]
    return first + check_character(first)


def _rows(source):
    """Per source: a row that passes, rows in which one column after the other is wrong, and one in which all are."""
    contract = extract_contract(source)
    base = dict(BASE[source][0])
    canary = {}
    for column in contract.columns:
        if column.kind in _KINDS and (column.zone in ("vault", "drop")):
            canary[column.name] = _KINDS[column.kind]
    own = _number(source, 0)
    good = {**base, **canary, "id_no": own}
    if "birth_date" in base:
        good["birth_date"] = own[6:14]
    if "student_no" in base and source != "graduate_register":
        good["student_no"] = "G" + own
    if "household_no" in base:  # a household of one
        good["n_members"] = "1"
    if "certificate_no" in base:
        good["certificate_no"] = own + "43"
    rows = [dict(good)]
    wrong = {
        "code": f"{WORDS}{NAME}",
        "flag": NAME,
        "grade": ADDRESS,
        "integer": PHONE + "000",
        "decimal": PHONE + "人",
        "date": own,
        "month": own,
        "school_id": own,
        "county": ADDRESS,
        "class_label": NAME,
        "citizen_id": own[:17] + ("1" if own[17] != "1" else "2"),
        "student_no": own + NAME,
    }
    names = [c.name for c in contract.columns if c.kind in wrong and c.zone != "drop"]
    kinds = {c.name: c.kind for c in contract.columns}
    rows += [{**good, name: wrong[kinds[name]]} for name in names]
    rows.append({**good, **{name: wrong[kinds[name]] for name in names}})
    if source == "graduate_register":  # one person may graduate every year, but not twice in one
        for n, row in enumerate(rows):
            if row["graduation_year"] == good["graduation_year"]:
                row["graduation_year"] = str(1950 + n)
    if "household_no" in base:
        for n, row in enumerate(rows):
            row["household_no"] = f"H{n}"
    return rows, own


def _deliver(world):
    numbers = set()
    for source in SOURCES:
        rows, own = _rows(source)
        numbers |= {own, own[:17]}
        world.put(source, rows, name=f"{source}.csv")
        content = encode(source, rows)
        broken = {
            "cut": content[: len(content) // 2],
            "no_header": content.split(b"\r\n", 1)[1],
            "two_headers": content.replace(b"\r\n", (",姓名,姓名").encode() + b"\r\n", 1),
            "bytes": content + b"\x81\x20\xff\xff" + NAME.encode() + b"\r\n",
            "nul": content + NAME.encode("utf-16-le"),
            "quotes": content + f'"{NAME}"{ADDRESS}",{PHONE}\r\n'.encode(),
            "zip": b"PK\x03\x04" + content,
        }
        for label, made in broken.items():
            world.put(
                source,
                made,
                part=f"b{label}",
                name=f"{source}-{label}.csv",
                late_reason=f"{NAME}{PHONE}",
                as_of="2026-04-01",
            )
        world.put(
            source,
            rows[:1],
            part="badenv",
            name=f"{source}-envelope.csv",
            envelope=f'{{"preparer": "{NAME}", "{PHONE}": [',
        )
    return numbers


def _hits(content: bytes, canaries) -> set[str]:
    return {c for c, e in itertools.product(canaries, ENCODINGS) if c.encode(e) in content}


@pytest.fixture(scope="module")
def flight(template, tmp_path_factory):
    """One load of everything, with all that was printed, logged, raised and reported."""
    world = copy_world(template, tmp_path_factory.mktemp("canary") / "world", quarantine_share=1.0)
    numbers = _deliver(world)
    spoken: list[str] = []

    class Listen(logging.Handler):
        def emit(self, record):
            with contextlib.suppress(Exception):
                spoken.append(record.getMessage() + repr(record.args) + (record.exc_text or ""))

    listener, root = Listen(level=0), logging.getLogger()
    gate_run, before = Gate.run, root.level

    def heard(self, *args, **kwargs):
        report = gate_run(self, *args, **kwargs)
        spoken.append(repr(report))
        return report

    Gate.run = heard
    root.addHandler(listener)
    root.setLevel(0)
    errors = []
    try:
        with world.session() as session:
            for source in SOURCES:
                try:
                    report = world.collect(session, source)
                    spoken.append(
                        repr([(o.status, o.refused_by, o.reason_zh, o.reason_en) for o in report.outcomes])
                    )
                except EduError as error:
                    errors.append(error)
                    spoken.append(repr(error) + str(error))
            # a statement that fails on the data itself, as a rule or model could
            for sql in (
                f"SELECT CAST('{NAME}{PHONE}' AS INTEGER)",
                f"SELECT error('{NAME} {PHONE} {ADDRESS}')",
                f"INSERT INTO ops.delivery__version (delivery_id, source) VALUES ('{NAME}', '{PHONE}')",
            ):
                with pytest.raises(EduError) as caught:
                    session.execute(sql, what="canary")
                spoken.append(str(caught.value) + repr(caught.value.__cause__) + repr(caught.value))
            session.execute("CHECKPOINT")
            tables = session.rows(
                "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() "
                "WHERE database_name = current_database() AND data_type IN ('VARCHAR', 'JSON', 'BLOB')"
            )
            columns = {}
            for table, column in tables:
                columns.setdefault(table, []).append(column)
            texts = {}
            for table, names in columns.items():
                clauses = " || chr(31) || ".join(f"""coalesce("{n}"::VARCHAR, '')""" for n in names)
                pattern = "|".join([NAME, ADDRESS, PHONE, WORDS, *sorted(numbers)])
                hits = session.value(
                    f"SELECT count(*) FROM {table} WHERE regexp_matches({clauses}, '{pattern}')"
                )
                if hits:
                    texts[table] = hits
            facts = session.rows(
                "SELECT source, delivery_id, status, n_read, n_accepted, sha256, file_name FROM ops.delivery__version WHERE period = ?",
                [PERIOD],
            )
    finally:
        Gate.run = gate_run
        root.removeHandler(listener)
        root.setLevel(before)
    return world, {NAME, ADDRESS, PHONE, WORDS, *numbers}, spoken, errors, texts, facts


def test_the_load_survives_and_refuses_broken_files(flight):
    _, _, _, errors, _, facts = flight
    assert errors == []
    assert {source for source, *_ in facts} >= set(SOURCES)
    for source, _, status, n_read, n_accepted, _, name in facts:
        if name == f"{source}.csv":
            assert status == "accepted"
            assert 0 < n_accepted < n_read, source
        elif source in SOURCES:
            assert status == "refused", name


def test_no_table_holds_a_personal_value(flight):
    assert flight[4] == {}


def test_no_file_outside_landing_holds_a_personal_value(flight):
    world, canaries, *_ = flight
    searched = 0
    for path in world.settings.data.rglob("*"):
        if path.is_file() and world.settings.landing not in path.parents:
            searched += 1
            assert _hits(path.read_bytes(), canaries) == set(), path.relative_to(world.settings.data)
    assert searched > len(SOURCES)
    assert list(world.settings.work.iterdir()) == []


def test_landing_does_hold_them_so_the_search_can_find_them(flight):
    world, canaries, *_ = flight
    found = set()
    for path in world.settings.landing.rglob("*.csv"):
        found |= _hits(path.read_bytes(), canaries)
    assert found == canaries


def test_nothing_that_was_said_holds_a_personal_value(flight, capfd):
    _, canaries, spoken, *_ = flight
    out, err = capfd.readouterr()
    text = "\n".join([*spoken, out, err])
    assert len(spoken) > 2 * len(SOURCES)
    assert {c for c in canaries if c in text} == set()


def test_vault_and_archive_give_them_back_to_whoever_has_the_key(flight, tmp_path):
    world, _, _, _, _, facts = flight
    for source, delivery_id, status, n_read, _, sha256, name in facts:
        if source not in SOURCES:
            continue
        target = tmp_path / "original"
        archive.restore(world.settings.archive, world.keys.archive, sha256, target)
        assert target.read_bytes() == (world.settings.landing / source / PERIOD / name).read_bytes()
        path = vault.vault_path(world.settings.vault, source, PERIOD, delivery_id)
        has_persons = bool(intake.vault_columns(extract_contract(source)))
        assert path.exists() is (status == "accepted" and has_persons)
        if path.exists():
            found = vault.read(path, world.keys.vault).to_pylist()
            assert len(found) == n_read  # also the rows that were set aside: their owners are told by name
            assert found[0]["name"] == NAME
            assert found[0]["id_no"] == _rows(source)[1]
            assert not {"email", "bank_card_no", "blood", "homepage", "guardian1_post"} & set(found[0])


def test_nobody_else_may_look(flight):
    world = flight[0]
    for folder in (
        world.settings.vault,
        world.settings.archive,
        world.settings.work,
        world.settings.warehouse_file.parent,
    ):
        for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
            assert path.stat().st_mode & 0o077 == 0, path.name
    for path in [
        *world.settings.vault.rglob("*.parquet"),
        *world.settings.archive.rglob("*.enc"),
        world.settings.key_file,
    ]:
        assert path.stat().st_mode & 0o077 == 0, path.name
