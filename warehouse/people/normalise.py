"""Normalised records: names by key and reading, ids by worth. Runs only on a connection that is not the warehouse."""

from __future__ import annotations

import csv
from functools import cache

from warehouse.engine.duckdb import SQL, Session, literal
from warehouse.people.sources import SOURCES
from warehouse.reference import REFERENCE

PEOPLE_SQL = SQL / "processing" / "people"


def _reference(name: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@cache
def readings() -> tuple[tuple[str, str], ...]:
    """(character, toneless pinyin) of all characters that pypinyin knows."""
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

    return tuple(
        (chr(code), to_normal(text.split(",")[0]).replace("ü", "v")) for code, text in PINYIN_DICT.items()
    )


def install(session: Session) -> None:
    """Macros and the table of readings, on a fresh connection."""
    session.script(SQL / "collection" / "clean.sql")
    session.script(PEOPLE_SQL / "macros.sql")
    import pyarrow as pa

    characters = readings()
    session.con.register(
        "readings_in", pa.table({"c": [c for c, _ in characters], "syllable": [s for _, s in characters]})
    )
    session.execute("CREATE OR REPLACE TEMP TABLE reading AS SELECT c, syllable FROM readings_in")
    session.con.unregister("readings_in")
    expression = "s"
    # Longer spellings first; a spelling never contains its own canonical form twice, so one pass is enough.
    for row in sorted(_reference("name_variant"), key=lambda r: (-len(r["variant"]), r["variant"])):
        expression = f"replace({expression}, {literal(row['variant'])}, {literal(row['canonical'])})"
    session.execute(f"CREATE OR REPLACE TEMP MACRO canonical_name(s) AS {expression}")
    cases = " ".join(
        f"WHEN {literal(r['surname'])} THEN {literal(r['reading'])}" for r in _reference("surname_reading")
    )
    session.execute(f"CREATE OR REPLACE TEMP MACRO surname_reading(c) AS CASE c {cases} END")
    patterns = "|".join(r["pattern"] for r in _reference("placeholder_id"))
    session.execute(
        f"CREATE OR REPLACE TEMP MACRO is_placeholder_id(s) AS coalesce(regexp_full_match(s, {literal(patterns)}), false)"
    )


def name_forms(session: Session, names: str) -> None:
    """Temp table `name_form(name, name_key, pinyin)` of the distinct texts of relation `names(name)`."""
    session.execute(
        f"""CREATE OR REPLACE TEMP TABLE name_form AS
            WITH keyed AS (
              SELECT name, canonical_name(bare_name(name)) AS name_key
              FROM (SELECT DISTINCT name FROM {names} WHERE name IS NOT NULL)),
            spelt AS (
              SELECT name_key, unnest(string_split(name_key, '')) AS c, unnest(range(length(name_key))) AS i
              FROM (SELECT DISTINCT name_key FROM keyed WHERE name_key IS NOT NULL)),
            read AS (
              SELECT s.name_key,
                     string_agg(coalesce(CASE WHEN s.i = 0 THEN surname_reading(s.c) END, r.syllable, s.c), ' ' ORDER BY s.i) AS pinyin
              FROM spelt s LEFT JOIN reading r ON r.c = s.c GROUP BY s.name_key)
            SELECT k.name, k.name_key, r.pinyin FROM keyed k LEFT JOIN read r ON r.name_key = k.name_key""",
        what="name forms",
    )


def profiles(session: Session) -> None:
    """Tables `row_out`, `profile` and `record` from `incoming`, `identity`, `known` and, if there are any, `old_profile`."""
    ranks = ", ".join(f"({literal(s.source)}, {literal(s.group)}, {s.order})" for s in SOURCES.values())
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE source_rank AS SELECT * FROM (VALUES {ranks}) AS t(source, grp, rank)"
    )
    old_profiles(session)
    name_forms(session, "(SELECT name FROM identity UNION ALL SELECT unnest(guardians) FROM identity)")
    session.script(PEOPLE_SQL / "profile.sql")


def old_profiles(session: Session) -> None:
    """The empty table of profiles of earlier loads."""
    session.execute(
        "CREATE TEMP TABLE IF NOT EXISTS old_profile (profile UUID, source VARCHAR, numbers UUID[], id_norm VARCHAR, "
        "id_status VARCHAR, name VARCHAR, name_key VARCHAR, pinyin VARCHAR, own_birth DATE, sex VARCHAR, ethnic VARCHAR, "
        "county VARCHAR, guardians VARCHAR[], guardian_ids VARCHAR[], first_key VARCHAR)"
    )
