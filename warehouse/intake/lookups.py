"""Readers that need reference data: code lists, counties, grades; transient, made anew in every session that collects."""

from __future__ import annotations

from warehouse.engine.duckdb import Session, literal


def lookup(list_id: str, text: str) -> str:
    """SQL of the code that a text (an expression) means in a code list; NULL if it means none."""
    return f"(SELECT min(t.code) FROM code_text t WHERE t.list_id = {literal(list_id)} AND t.text = code_text({text}))"


def install_lookups(session: Session) -> None:
    """Texts of all code lists as (list_id, text, code), and the readers that need reference data; all transient."""
    session.execute(
        """CREATE OR REPLACE TEMP TABLE code_text AS
           WITH lists AS (
             SELECT list_id, code, name_zh, aliases FROM ref.code_list),
           texts AS (
             SELECT list_id, code, unnest([code, name_zh] || string_split(coalesce(aliases, ''), '|')) AS text FROM lists
             -- D19: a leading zero that a spreadsheet dropped, where the code is zero-padded digits
             UNION ALL SELECT list_id, code, ltrim(code, '0') FROM lists WHERE code LIKE '0%' AND ltrim(code, '0') <> '')
           SELECT DISTINCT list_id, code_text(text) AS text, code FROM texts WHERE code_text(text) IS NOT NULL"""
    )
    session.execute(
        """CREATE OR REPLACE TEMP TABLE county_text AS
           WITH texts AS (
             SELECT county_code, valid_to, unnest([name_zh, short_zh] || string_split(coalesce(aliases, ''), '|')) AS text FROM ref.county)
           -- A name that stands for a retired and a present code means the present one.
           SELECT code_text(text) AS text, arg_max(county_code, (coalesce(valid_to, DATE '9999-12-31'), county_code)) AS county_code
           FROM texts WHERE code_text(text) IS NOT NULL GROUP BY ALL"""
    )
    session.execute(
        "CREATE OR REPLACE TEMP TABLE retired_county AS SELECT county_code FROM ref.county WHERE valid_to IS NOT NULL"
    )
    # A name may follow the names of its province and prefecture; the longest county name at the end decides (D16).
    session.execute(
        r"""CREATE OR REPLACE TEMP MACRO read_county(s) AS CASE
              WHEN regexp_full_match(clean_cell(s), '\d{6}(\d{6})?(\.0)?') THEN left(clean_cell(s), 6)
              ELSE (SELECT arg_max(t.county_code, length(t.text)) FROM county_text t
                    WHERE ends_with(code_text(s), t.text)) END"""
    )
    # D17: a cohort (2021级) counts from its first year; an ordinal counts within its stage; then the full names.
    session.execute(
        r"""CREATE OR REPLACE TEMP MACRO read_grade(s, stage, school_year) AS coalesce(
              (SELECT min(g.grade_code) FROM ref.grade g WHERE g.stage_code = stage AND g.grade_no = school_year + 1
                 - TRY_CAST(regexp_extract(clean_cell(s), '^((?:19|20)\d{2})级?$', 1) AS INTEGER)),
              (SELECT min(g.grade_code) FROM ref.grade g WHERE g.stage_code = stage AND stage <> '00' AND g.grade_no =
                 strpos('一二三四五六', nullif(regexp_extract(clean_cell(s), '^([一二三四五六])年级$', 1), ''))),
              (SELECT min(t.code) FROM code_text t WHERE t.list_id = 'grade' AND t.text = code_text(s)))"""
    )
    session.execute(
        "CREATE OR REPLACE TEMP MACRO code_of(list, name) AS "
        "(SELECT min(c.code) FROM ref.code_list c WHERE c.list_id = list AND c.name_zh = name)"
    )
    for bound in ("age_min", "age_max"):
        cases = " ".join(
            f"WHEN {literal(grade)} THEN {age}"
            for grade, age in session.rows(
                f"SELECT g.grade_code, s.{bound} FROM ref.grade g JOIN ref.stage s USING (stage_code) WHERE s.{bound} IS NOT NULL"
            )
        )
        session.execute(f"CREATE OR REPLACE TEMP MACRO grade_{bound}(grade) AS CASE grade {cases} END")
