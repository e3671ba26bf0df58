"""From a figure back to its formula, inputs, files and rules. Counts and keys only."""

from __future__ import annotations

from typing import Any

from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError

_VALUE = (
    "period", "year", "variant_id", "origin_code", "region_level", "region_code", "indicator_name_zh", "indicator_name_en",
    "region_name_zh", "region_name_en", "unit", "numerator", "denominator", "value_unrounded", "value_published", "decimals",
    "is_capped", "reason_code", "reason_zh", "reason_en", "interval_code", "value_low", "value_high", "rank_from", "rank_to",
    "n_ranked", "basis_code", "population_basis_code", "population_method_code", "population_year", "share_covered",
    "share_schools", "n_rows_open", "value_with_open_rows", "is_provisional", "definition_version", "reference_version",
    "as_of_date",
)  # fmt: skip
_TERM = ("side", "sign", "lag_years", "is_optional", "measure_code", "name_zh", "name_en", "unit", "year", "origin_code",
         "value", "basis_code", "method_code", "n_units", "n_units_reporting", "reason_code", "sources")  # fmt: skip
_FILE = (
    "source",
    "owner",
    "delivery_id",
    "file_name",
    "delivery_period",
    "version",
    "as_of",
    "n_accepted",
    "n_quarantined",
)
_TARGET = ("target_id", "part_no", "name_zh", "name_en", "region_set_id", "region_set_zh", "op", "target_value", "unit",
           "target_year", "lead_zh", "status_code", "gap", "is_provisional")  # fmt: skip
_RULE = ("rule_id", "dataset", "status", "n_tested", "n_failed")
TABLES = (
    "use.measure__county_school", "use.measure__county_person", "use.population_band__region_year", "core.reported__region_year",
    "use.measure__region_year",
    "use.indicator_value__region_year", "mart.indicator_value__region_year", "core.enrolment__person_month",
    "core.population__region_age", "core.graduate__person_year", "mart.reconciliation__region_measure",
)  # fmt: skip


def _dicts(
    session: Session, names: tuple[str, ...], sql: str, params: list[Any] | dict[str, Any]
) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in session.rows(sql, params)]


def find_variant(session: Session, text: str) -> str:
    """A variant by its id, or the default variant of an indicator. UsageError names those there are."""
    found = session.rows(
        "SELECT variant_id FROM ref.indicator_variant WHERE lower(variant_id) = lower(?)", [text]
    )
    found = found or session.rows(
        "SELECT variant_id FROM ref.indicator_variant WHERE lower(indicator_id) = lower(?) ORDER BY is_default DESC, variant_id",
        [text],
    )
    if not found:
        known = ", ".join(
            r[0] for r in session.rows("SELECT variant_id FROM ref.indicator_variant ORDER BY ALL LIMIT 200")
        )
        raise UsageError(f"没有指标 {text} / there is no indicator {text}", f"one of: {known}")
    return str(found[0][0])


def find_region(session: Session, text: str) -> tuple[str, str]:
    """Level and code of a region by code (old county codes too) or Chinese name. UsageError if it is unknown or ambiguous."""
    rows = session.rows(
        "SELECT DISTINCT region_level, region_code FROM core.region_member__region_county "
        "WHERE region_code = $text OR region_name_zh = $text OR lower(region_name_en) = lower($text) "
        "OR (region_level = 'county' AND region_code IN (SELECT county_code FROM core.county_unit__code WHERE code = $text)) "
        "OR (region_level = 'province' AND $text = 'province') ORDER BY ALL",
        {"text": text},
    )
    if len(rows) != 1:
        raise UsageError(
            f"{'没有' if not rows else '不止一个'}地区 {text} / {'no' if not rows else 'more than one'} region {text}",
            "give the code of a county (6 digits), prefecture (4), province (2), or the id of a region set",
        )
    return str(rows[0][0]), str(rows[0][1])


def _has_former(session: Session, variant: str, code: str, year: int) -> bool:
    """A county that is gone has figures of its own in the years in which it was one."""
    return bool(
        session.value(
            "SELECT count(*) FROM mart.indicator_value__region_year WHERE variant_id = ? AND region_level = 'former' "
            "AND region_code = ? AND year = ?",
            [variant, code, year],
        )
    )


def explain(
    session: Session, indicator: str, region: str, year: int, period: str | None = None
) -> dict[str, Any]:
    """Everything behind a figure: `values` (by origin), `terms`, `files`, `rules`, `targets`.

    Raises UsageError when indicator, region or figure do not exist.
    """
    variant = find_variant(session, indicator)
    level, code = find_region(session, region)
    if level == "county" and code != region and _has_former(session, variant, region, year):
        level, code = "former", region
    where = [variant, level, code, year]
    known = session.value(
        "SELECT max(period) FROM mart.indicator_value__region_year WHERE variant_id = ? AND region_level = ? "
        "AND region_code = ? AND year = ?" + (" AND period = ?" if period else ""),
        [*where, period] if period else where,
    )
    if known is None:
        years = session.rows(
            "SELECT DISTINCT year FROM mart.indicator_value__region_year WHERE variant_id = ? AND region_level = ? "
            "AND region_code = ? ORDER BY 1", where[:3],
        )  # fmt: skip
        raise UsageError(
            f"{variant} {code} {year}: 没有这个数 / there is no such figure",
            "known years: " + (", ".join(str(y[0]) for y in years) or "none"),
        )
    values = _dicts(
        session, _VALUE,
        f"SELECT {', '.join(_VALUE)} FROM mart.indicator_value__region_year WHERE variant_id = ? AND region_level = ? "
        "AND region_code = ? AND year = ? AND period = ? ORDER BY origin_code", [*where, known],
    )  # fmt: skip
    terms = _dicts(
        session, _TERM,
        """SELECT t.side, t.sign, t.lag_years, t.is_optional, t.measure_code, m.name_zh, m.name_en, m.unit, $year - t.lag_years,
                  p.origin_code, p.value, p.basis_code, p.method_code, p.n_units, p.n_units_reporting, p.reason_code, m.sources
           FROM ref.indicator_term t JOIN ref.measure m USING (measure_code)
           LEFT JOIN (
             SELECT * FROM use.measure__region_year r WHERE r.period <= $period AND r.region_level = $level AND r.region_code = $code
             QUALIFY row_number() OVER (PARTITION BY r.measure_code, r.origin_code, r.year
               ORDER BY r.period = $period DESC, substr(r.period, 6, 2) = '09' DESC, r.period DESC) = 1) p
             ON p.measure_code = t.measure_code AND p.year = $year - t.lag_years
           WHERE t.variant_id = $variant ORDER BY t.side DESC, t.term_no, p.origin_code""",
        {"variant": variant, "year": year, "period": known, "level": level, "code": code},
    )  # fmt: skip
    sources = sorted({s for t in terms for s in str(t["sources"]).split("|")})
    marks = ", ".join("?" for _ in sources)
    files = _dicts(
        session, _FILE,
        f"""SELECT d.source, d.owner, d.delivery_id, v.file_name, d.delivery_period, d.version, d.as_of, v.n_accepted, v.n_quarantined
            FROM core.delivery__period d JOIN ops.delivery__version v USING (delivery_id)
            LEFT JOIN core.county_unit__code u ON u.code = d.owner AND u.period = d.period
            WHERE d.period = ? AND d.source IN ({marks}) AND (u.county_code IS NULL OR d.owner = ? OR u.county_code IN (
              SELECT county_code FROM core.region_member__region_county WHERE period = ? AND region_level = ? AND region_code = ?))
            ORDER BY ALL""", [known, *sources, code, known, level, code],
    )  # fmt: skip
    batches = [f["delivery_id"] for f in files]
    judged = ", ".join("?" for _ in (*TABLES, *sources))
    rules = _dicts(
        session, _RULE,
        f"""SELECT rule_id, CASE WHEN dataset = 'delivery' THEN 'delivery' ELSE dataset END,
                   CASE WHEN bool_or(status = 'error') THEN 'error' WHEN bool_or(status = 'failed') THEN 'failed'
                        WHEN bool_or(status = 'passed') THEN 'passed' ELSE 'not_applicable' END,
                   sum(n_tested)::BIGINT, sum(n_failed)::BIGINT
            FROM ops.rule_result__rule_batch
            WHERE (dataset IN ({judged}) AND (period = ? OR list_contains(?::VARCHAR[], batch))) OR list_contains(?::VARCHAR[], batch)
            GROUP BY ALL ORDER BY ALL""", [*TABLES, *sources, known, batches, batches],
    )  # fmt: skip
    targets = _dicts(
        session, _TARGET,
        """SELECT t.target_id, coalesce(t.part::INTEGER, 0), t.name_zh, t.name_en, t.region_set_id, r.name_zh, t.op, t.value::DOUBLE,
                  t.unit, t.year, t.lead_zh, p.status_code, p.gap, p.is_provisional
           FROM ref.policy_target t LEFT JOIN ref.region_set r USING (region_set_id)
           LEFT JOIN mart.indicator_progress__region_year p
             ON p.period = $period AND p.target_id = t.target_id AND p.part_no = coalesce(t.part::INTEGER, 0)
           WHERE t.variant_id = $variant ORDER BY 1, 2""",
        {"variant": variant, "period": known},
    )  # fmt: skip
    definition = _dicts(
        session, ("note_zh", "source_doc", "confidence"),
        "SELECT note_zh, source_doc, confidence FROM ref.indicator_variant WHERE variant_id = ?", [variant],
    )[0]  # fmt: skip
    return {"variant": variant, "region_level": level, "region_code": code, "year": year, "period": known, "values": values,
            "terms": terms, "sources": sources, "files": files, "rules": rules, "targets": targets, "definition": definition}  # fmt: skip
