"""Stage S: Splink on what the deterministic stages left, with the committed model (trained by benchmarks/linkage.py).

A citizen id holds county, birth date and sex, so id and birth are ONE comparison; as two or three, Splink counts the same
evidence again (precision 0.20 instead of 0.9985 in the study behind this design).
"""

from __future__ import annotations

import logging
from typing import Any

from warehouse.engine.duckdb import Session
from warehouse.people.normalise import PEOPLE_SQL

SCORED = """CREATE OR REPLACE TEMP TABLE scored (l BIGINT, r BIGINT, p DOUBLE, weights VARCHAR, gamma_name INTEGER,
            gamma_identity INTEGER)"""
AUTO, ASK = 0.99, 0.5  # linked by itself from here; asked about from here
_ABSENT = "(id_ok_l IS NULL OR id_ok_r IS NULL)"
_DAYS = "abs(date_diff('day', birth_l, birth_r))"
_PARTS = (
    "((year(birth_l) = year(birth_r))::INTEGER + (month(birth_l) = month(birth_r))::INTEGER"
    " + (day(birth_l) = day(birth_r))::INTEGER)"
)
# Levels that two random records never show keep a fixed u, or they would stay untrained.
_NEVER = 2e-9


def _level(sql: str, label: str, *, u: float | None = None, null: bool = False) -> dict[str, Any]:
    level: dict[str, Any] = {"sql_condition": sql, "label_for_charts": label}
    if null:
        level["is_null_level"] = True
    if u is not None:
        level |= {"u_probability": u, "fix_u_probability": True}
    return level


def _term(level: dict[str, Any], column: str) -> dict[str, Any]:
    return {**level, "tf_adjustment_column": column, "tf_adjustment_weight": 1.0}


def blank_model() -> dict[str, Any]:
    """Splink settings before training: comparisons, blocking rules, no weights."""
    name = [
        _level("name_key_l IS NULL OR name_key_r IS NULL", "unknown", null=True),
        _term(_level("name_key_l = name_key_r", "same"), "name_key"),
        _level("pinyin_l = pinyin_r", "reading"),
        _level("chars_l = chars_r", "order"),
        _level(
            "damerau_levenshtein(name_key_l, name_key_r) <= 1 AND least(length(name_key_l), length(name_key_r)) >= 3",
            "one",
        ),
        _level("starts_with(name_key_l, name_key_r) OR starts_with(name_key_r, name_key_l)", "part"),
        _level("jaro_winkler_similarity(pinyin_l, pinyin_r) >= 0.88", "near"),
        _level("left(name_key_l, 1) = left(name_key_r, 1)", "surname"),
        _level("ELSE", "else"),
    ]
    identity = [
        _level(
            "(id_text_l IS NULL AND birth_l IS NULL) OR (id_text_r IS NULL AND birth_r IS NULL)",
            "unknown",
            null=True,
        ),
        _level("id_ok_l = id_ok_r", "id same", u=_NEVER),
        _level(
            "damerau_levenshtein(id_text_l, id_text_r) <= 1 OR left(id_text_l, 15) = left(id_text_r, 15)",
            "id one slip",
            u=4e-8,
        ),
        _level(
            "left(id_text_l, 6) = left(id_text_r, 6) AND right(id_text_l, 4) = right(id_text_r, 4)",
            "area and last four",
            u=1e-7,
        ),
        _level(f"birth_l = birth_r AND {_ABSENT}", "birth same, an id absent"),
        _level("birth_l = birth_r", "birth same, ids differ"),
        _level(f"{_PARTS} = 2 AND {_ABSENT}", "two parts of birth, an id absent"),
        _level(f"{_DAYS} <= 400 AND {_ABSENT}", "near birth, an id absent"),
        _level(f"{_DAYS} <= 400", "near birth, ids differ"),
        _level("ELSE", "else"),
    ]
    pairs = {
        "county": [
            _level("county_l IS NULL OR county_r IS NULL", "unknown", null=True),
            _level("county_l = county_r", "same"),
            _level("ELSE", "else"),
        ],
        "sex": [
            _level("sex_l IS NULL OR sex_r IS NULL", "unknown", null=True),
            _level("sex_l = sex_r", "same"),
            _level("ELSE", "else"),
        ],
        "guardian": [
            _level("guardian_l IS NULL OR guardian_r IS NULL", "unknown", null=True),
            _level("list_has_any(guardian_l, guardian_r)", "shared"),
            _level("ELSE", "else"),
        ],
    }
    comparisons = [
        {"output_column_name": "name", "comparison_levels": name},
        {"output_column_name": "identity", "comparison_levels": identity},
        *({"output_column_name": k, "comparison_levels": v} for k, v in pairs.items()),
    ]
    rules = (
        "l.id_ok = r.id_ok",
        "l.birth = r.birth AND l.county = r.county",
        "l.birth = r.birth AND l.initial = r.initial",
        "l.pinyin = r.pinyin AND l.county = r.county AND abs(year(l.birth) - year(r.birth)) <= 1",
        "l.pinyin = r.pinyin AND l.last_four = r.last_four",
        "l.area_last = r.area_last AND l.initial = r.initial",
    )
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": r} for r in rules],
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,
    }


def linker(session: Session, left: str, right: str, model: dict[str, Any]) -> Any:
    """A Splink linker over two tables of the session."""
    import splink
    from splink.internals.duckdb.database_api import DuckDBAPI

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(session.con)
    tables = [api.register(t, dataset_display_name=t) for t in (left, right)]
    return splink.Linker(tables, model, log_level=None), tables


def predict(session: Session, model: dict[str, Any]) -> None:
    """Fill `edge` with what is nearly certain and `review` with what a person should look at."""
    session.script(PEOPLE_SQL / "remainder.sql")
    session.execute(
        "CREATE OR REPLACE TEMP TABLE edge (a BIGINT, b BIGINT, tier VARCHAR, score DOUBLE, evidence VARCHAR)"
    )
    session.execute(SCORED)
    for left, right in (("rest_roll", "rest_other"), ("rest_graduate", "rest_poverty")):
        if session.value(f"SELECT count(*) FROM {left}") and session.value(f"SELECT count(*) FROM {right}"):
            score(session, left, right, model, ASK)
    session.script(PEOPLE_SQL / "scored.sql")


def score(session: Session, left: str, right: str, model: dict[str, Any], threshold: float) -> None:
    """Append pairs of two tables from a probability on to `scored`, with the weight of each comparison."""
    found, _ = linker(session, left, right, model)
    found.table_management.compute_tf_table("name_key")
    frame = found.inference.predict(threshold_match_probability=threshold)
    weights = ", ".join(
        f"'{c['output_column_name']}', [gamma_{c['output_column_name']}, round(mw_{c['output_column_name']}, 2)]"
        for c in model["comparisons"]
    )
    session.execute(
        f"""INSERT INTO scored SELECT unique_id_l, unique_id_r, match_probability, json_object({weights})::VARCHAR, gamma_name, gamma_identity
            FROM {frame.physical_name}"""
    )
    frame.drop_table_from_database_and_remove_from_cache()
    found.table_management.invalidate_cache()
