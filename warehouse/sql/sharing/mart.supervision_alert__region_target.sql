-- Early warning for supervision (三·三): counties and prefectures that are below a target, fall back, or cannot be judged, each with its reason.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'trend_step' THEN CAST(t.value AS DOUBLE) END) AS trend_step,
         max(CASE WHEN t.threshold_id = 'alert_coverage' THEN CAST(t.value AS DOUBLE) END) AS alert_coverage,
         max(CASE WHEN t.threshold_id = 'gross_preschool_max' THEN CAST(t.value AS DOUBLE) END) AS rate_max
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
-- a target of a set of counties is the line for every county and prefecture inside it; shares only
target AS (
  SELECT t.target_id, coalesce(CAST(nullif(CAST(t.part AS VARCHAR), '') AS INTEGER), 0) AS part, t.variant_id, t.region_set_id,
         t.name_zh, t.name_en, t.op, CAST(t.value AS DOUBLE) AS target_value, t.lead_zh
  FROM ref.policy_target AS t
  WHERE t.unit = 'pct' AND t.value IS NOT NULL AND t.variant_id IS NOT NULL
),
inside AS (
  SELECT t.target_id, t.part, r.region_level, r.region_code
  FROM target AS t
  JOIN core.region_member__region_county AS r
    ON r.period = $period AND r.region_level IN ('county', 'prefecture') AND r.residence_code = ''
  JOIN core.region_member__region_county AS s
    ON s.period = $period AND s.county_code = r.county_code
   AND ((s.region_level = 'set' AND s.region_code = t.region_set_id) OR (s.region_level = 'province' AND t.region_set_id = 'province'))
  GROUP BY t.target_id, t.part, r.region_level, r.region_code
),
figure AS (
  SELECT v.variant_id, v.region_level, v.region_code, v.region_name_zh, v.region_name_en, v.year, v.numerator, v.denominator,
         v.n_numerator_persons, v.n_denominator_persons, v.value_unrounded, v.value_published, v.value_low, v.value_high,
         v.reason_code, v.reason_zh, v.reason_en, v.share_covered, v.n_rows_open, v.is_provisional, v.definition_version,
         v.direction_code, v.as_of_date
  FROM mart.indicator_value__region_year AS v
  CROSS JOIN school_year AS y
  WHERE v.period = $period AND v.origin_code = 'computed' AND v.year = y.first_year
),
earlier AS (
  SELECT q.variant_id, q.region_level, q.region_code, q.definition_version, q.value_unrounded
  FROM (
    SELECT v.variant_id, v.region_level, v.region_code, v.definition_version, v.value_unrounded,
           row_number() OVER (PARTITION BY v.variant_id, v.region_level, v.region_code, v.definition_version
                              ORDER BY v.is_annual_point DESC, v.period DESC) AS n
    FROM mart.indicator_value__region_year AS v
    CROSS JOIN school_year AS y
    WHERE v.period <= $period AND v.origin_code = 'computed' AND v.year = y.first_year - 1 AND v.value_unrounded IS NOT NULL) AS q
  WHERE q.n = 1
),
compared AS (
  SELECT t.target_id, t.part, t.region_set_id, t.name_zh, t.name_en, t.op, t.target_value, t.lead_zh, f.region_level, f.region_code,
         f.region_name_zh, f.region_name_en, f.year, f.variant_id, f.numerator, f.denominator, f.n_numerator_persons,
         f.n_denominator_persons, f.value_unrounded, f.value_published, f.value_low, f.value_high, f.reason_code, f.reason_zh,
         f.reason_en, f.share_covered, f.n_rows_open, f.is_provisional, f.definition_version, f.as_of_date, f.direction_code,
         e.value_unrounded AS earlier_value,
         CASE WHEN t.op IN ('>=', '>', '=') THEN f.value_unrounded < t.target_value ELSE f.value_unrounded > t.target_value END
           AS is_below,
         CASE WHEN t.op IN ('>=', '>', '=') THEN f.value_high < t.target_value ELSE f.value_low > t.target_value END AS is_certain
  FROM inside AS i
  JOIN target AS t ON t.target_id = i.target_id AND t.part = i.part
  JOIN figure AS f ON f.variant_id = t.variant_id AND f.region_level = i.region_level AND f.region_code = i.region_code
  LEFT JOIN earlier AS e
    ON e.variant_id = f.variant_id AND e.region_level = f.region_level AND e.region_code = f.region_code
   AND e.definition_version = f.definition_version
),
alert AS (
  SELECT 'below_target' AS alert_code, c.target_id, c.part, c.region_level, c.region_code FROM compared AS c WHERE c.is_below
  UNION ALL
  SELECT 'worsening' AS alert_code, c.target_id, c.part, c.region_level, c.region_code
  FROM compared AS c CROSS JOIN limits AS l
  WHERE c.earlier_value IS NOT NULL AND abs(c.value_unrounded - c.earlier_value) >= l.trend_step
    AND (c.value_unrounded < c.earlier_value) = (c.direction_code = 'up')
  UNION ALL
  SELECT 'implausible' AS alert_code, c.target_id, c.part, c.region_level, c.region_code
  FROM compared AS c CROSS JOIN limits AS l WHERE c.value_unrounded > l.rate_max
  UNION ALL
  SELECT 'not_judged' AS alert_code, c.target_id, c.part, c.region_level, c.region_code
  FROM compared AS c CROSS JOIN limits AS l
  WHERE c.reason_code IN ('no_delivery', 'no_population', 'mixed_basis') OR c.share_covered < l.alert_coverage
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(a.target_id AS VARCHAR) AS target_id,
       CAST(a.part AS INTEGER) AS part_no,
       CAST(a.region_level AS VARCHAR) AS region_level,
       CAST(a.region_code AS VARCHAR) AS region_code,
       CAST(a.alert_code AS VARCHAR) AS alert_code,
       CAST(c.name_zh AS VARCHAR) AS target_name_zh,
       CAST(c.name_en AS VARCHAR) AS target_name_en,
       CAST(c.region_name_zh AS VARCHAR) AS region_name_zh,
       CAST(c.region_name_en AS VARCHAR) AS region_name_en,
       CAST(c.lead_zh AS VARCHAR) AS lead_zh,
       CAST(c.year AS INTEGER) AS year,
       CAST(c.variant_id AS VARCHAR) AS variant_id,
       CAST(c.target_value AS DOUBLE) AS target_value,
       CAST(c.numerator AS BIGINT) AS numerator,
       CAST(c.denominator AS BIGINT) AS denominator,
       CAST(c.n_numerator_persons AS BIGINT) AS n_numerator_persons,
       CAST(c.n_denominator_persons AS BIGINT) AS n_denominator_persons,
       CAST(c.value_unrounded AS DOUBLE) AS value_unrounded,
       CAST(c.value_published AS DECIMAL(18,2)) AS value_published,
       CAST(c.value_unrounded - c.target_value AS DOUBLE) AS gap,
       CAST(c.value_low AS DOUBLE) AS value_low,
       CAST(c.value_high AS DOUBLE) AS value_high,
       -- the whole interval misses the target, or last year's value: chance alone is no explanation
       CAST(coalesce(CASE a.alert_code
                       WHEN 'below_target' THEN c.is_certain
                       WHEN 'worsening' THEN CASE c.direction_code WHEN 'up' THEN c.value_high < c.earlier_value
                                                                   ELSE c.value_low > c.earlier_value END END, false) AS BOOLEAN)
         AS is_certain,
       CAST(c.earlier_value AS DOUBLE) AS earlier_value,
       CAST(c.share_covered AS DOUBLE) AS share_covered,
       CAST(c.n_rows_open AS BIGINT) AS n_rows_open,
       CAST(c.is_provisional AS BOOLEAN) AS is_provisional,
       CAST(coalesce(CASE WHEN a.alert_code = 'not_judged' THEN c.reason_zh END, x.name_zh) AS VARCHAR) AS reason_zh,
       CAST(coalesce(CASE WHEN a.alert_code = 'not_judged' THEN c.reason_en END, x.name_en) AS VARCHAR) AS reason_en,
       CAST(c.definition_version AS VARCHAR) AS definition_version,
       CAST(c.as_of_date AS DATE) AS as_of_date
FROM alert AS a
JOIN compared AS c
  ON c.target_id = a.target_id AND c.part = a.part AND c.region_level = a.region_level AND c.region_code = a.region_code
LEFT JOIN ref.code_list AS x ON x.list_id = 'alert' AND x.code = a.alert_code
