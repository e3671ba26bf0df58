-- The scorecard: every target of the policy (T01–T45, with its parts) against the newest value of its region, or the reason why it cannot be judged.
WITH target AS (
  SELECT t.target_id, coalesce(CAST(nullif(CAST(t.part AS VARCHAR), '') AS INTEGER), 0) AS part, t.region_set_id, t.item,
         t.indicator_id, t.variant_id, t.fallback_variant_id, t.fallback_reason, t.name_zh, t.name_en,
         t.year AS target_year, t.op, CAST(t.value AS DOUBLE) AS target_value, t.unit, t.lead_zh, t.co_units_zh, t.computability
  FROM ref.policy_target AS t
),
limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'suppression_min' THEN CAST(t.value AS INTEGER) END) AS suppression_min,
         max(CASE WHEN t.threshold_id = 'point_funding_floor' THEN CAST(t.value AS INTEGER) END) AS point_funding_floor,
         max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'trend_step' THEN CAST(t.value AS DOUBLE) END) AS trend_step
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
-- the region a target is measured on; a set without members is read as its stand-in
region AS (
  SELECT 'province' AS region_set_id, 'province' AS region_level, min(r.region_code) AS region_code
  FROM core.region_member__region_county AS r
  WHERE r.period = $period AND r.region_level = 'province'
  UNION ALL
  SELECT DISTINCT r.region_code AS region_set_id, 'set' AS region_level, r.region_code
  FROM core.region_member__region_county AS r
  WHERE r.period = $period AND r.region_level = 'set'
  UNION ALL
  SELECT 'rural_pastoral' AS region_set_id, 'set' AS region_level, 'rural_wide' AS region_code
  FROM limits AS l
  WHERE NOT EXISTS (
    SELECT 1 FROM core.region_member__region_county AS r
    WHERE r.period = $period AND r.region_level = 'set' AND r.region_code = 'rural_pastoral')
),
-- one value for each year: this month's, else that of the annual point, else the latest month that knows the year
series AS (
  SELECT q.variant_id, q.origin_code, q.region_level, q.region_code, q.year, q.numerator, q.denominator, q.n_numerator_persons,
         q.n_denominator_persons, q.value_unrounded, q.value_published, q.decimals, q.reason_code, q.value_low, q.value_high,
         q.share_covered, q.share_schools, q.is_provisional, q.basis_code, q.definition_version, q.reference_version,
         q.as_of_date, q.direction_code
  FROM (
    SELECT v.variant_id, v.origin_code, v.region_level, v.region_code, v.year, v.numerator, v.denominator,
           v.n_numerator_persons, v.n_denominator_persons, v.value_unrounded, v.value_published, v.decimals, v.reason_code,
           v.value_low, v.value_high, v.share_covered, v.share_schools, v.is_provisional, v.basis_code,
           v.definition_version, v.reference_version, v.as_of_date, v.direction_code,
           row_number() OVER (
             PARTITION BY v.variant_id, v.origin_code, v.region_level, v.region_code, v.year
             ORDER BY CASE WHEN v.period = $period THEN 0 WHEN v.is_annual_point THEN 1 ELSE 2 END, v.period DESC) AS n
    FROM mart.indicator_value__region_year AS v
    WHERE v.period <= $period) AS q
  WHERE q.n = 1
),
-- the newest value of the target; counted here before reported, the whole before what stands in for it
choice AS (
  SELECT q.target_id, q.part, q.used_variant_id, q.origin_code, q.region_level, q.region_code, q.year, q.used_reason
  FROM (
    SELECT t.target_id, t.part, s.variant_id AS used_variant_id, s.origin_code, s.region_level, s.region_code, s.year,
           CASE WHEN s.variant_id <> t.variant_id THEN t.fallback_reason END AS used_reason,
           row_number() OVER (
             PARTITION BY t.target_id, t.part
             ORDER BY CASE WHEN s.value_unrounded IS NULL THEN 1 ELSE 0 END,
                      CASE WHEN s.variant_id = t.variant_id THEN 0 ELSE 1 END, s.year DESC, s.origin_code) AS n
    FROM target AS t
    JOIN region AS r ON r.region_set_id = t.region_set_id
    CROSS JOIN school_year AS y
    JOIN series AS s
      ON (s.variant_id = t.variant_id OR s.variant_id = t.fallback_variant_id) AND s.region_level = r.region_level
     AND s.region_code = r.region_code AND s.year <= y.first_year + 1) AS q
  WHERE q.n = 1
),
-- the value of the year before, of the same origin and definition; another definition is no comparison
earlier AS (
  SELECT q.target_id, q.part, q.year, q.value_unrounded
  FROM (
    SELECT c.target_id, c.part, s.year, s.value_unrounded,
           row_number() OVER (PARTITION BY c.target_id, c.part ORDER BY s.year DESC) AS n
    FROM choice AS c
    JOIN series AS cur
      ON cur.variant_id = c.used_variant_id AND cur.origin_code = c.origin_code AND cur.region_level = c.region_level
     AND cur.region_code = c.region_code AND cur.year = c.year
    JOIN series AS s
      ON s.variant_id = c.used_variant_id AND s.origin_code = c.origin_code AND s.region_level = c.region_level
     AND s.region_code = c.region_code AND s.year < c.year AND s.definition_version = cur.definition_version
    WHERE s.value_unrounded IS NOT NULL) AS q
  WHERE q.n = 1
),
size_row AS (
  SELECT z.is_teaching_point, z.is_open, z.is_over_limit, z.is_small_hit, z.n_pupils, z.n_funded, z.n_compulsory
  FROM use.school_size__school_month AS z
  WHERE z.period = $period
),
place AS (
  -- standing limits on single places: numerator = places that break the limit, value = the extreme place
  SELECT 'T07' AS target_id, sum(CASE WHEN z.is_over_limit THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator,
         CAST(max(z.n_pupils) AS DOUBLE) AS value
  FROM size_row AS z
  WHERE z.n_compulsory > 0
  UNION ALL
  SELECT 'T08' AS target_id, sum(CASE WHEN z.is_small_hit THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator,
         CAST(CASE WHEN min(z.n_pupils) >= max(l.suppression_min) THEN min(z.n_pupils) END AS DOUBLE) AS value
  FROM size_row AS z
  CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open
  UNION ALL
  SELECT 'T09' AS target_id, sum(CASE WHEN z.n_funded < l.point_funding_floor THEN 1 ELSE 0 END) AS numerator,
         count(*) AS denominator, CAST(min(z.n_funded) AS DOUBLE) AS value
  FROM size_row AS z
  CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open
  UNION ALL
  SELECT 'T44' AS target_id, sum(CASE WHEN q.status_code IN ('accepted', 'earlier') THEN 1 ELSE 0 END) AS numerator,
         count(*) AS denominator,
         sum(CASE WHEN q.status_code IN ('accepted', 'earlier') THEN 1.0 ELSE 0.0 END) * 100 / count(*) AS value
  FROM mart.quality_scoreboard__county_source_month AS q
  WHERE q.period = $period
),
snapshot AS (
  SELECT max(as_of) AS as_of_date
  FROM core.delivery__period
  WHERE period = $period
    AND source IN ('student_registry', 'vocational_registry', 'preschool_registry', 'school_directory')
),
reference AS (
  SELECT max(split_part(version, ' ', 2)) AS reference_version FROM ops.prepared__version
),
joined AS (
  SELECT t.target_id, t.part, t.region_set_id, t.item, t.indicator_id, t.name_zh, t.name_en, t.target_year, t.op,
         t.target_value, t.unit, t.lead_zh, t.co_units_zh, t.computability, c.used_variant_id, c.origin_code,
         coalesce(c.year, y.first_year) AS year, coalesce(s.numerator, p.numerator) AS numerator,
         coalesce(s.denominator, p.denominator) AS denominator, s.n_numerator_persons, s.n_denominator_persons,
         coalesce(s.value_unrounded, p.value) AS value, s.value_published, coalesce(s.decimals, 0) AS decimals,
         s.value_low, s.value_high, s.share_covered, s.share_schools, coalesce(s.is_provisional, false) AS is_provisional,
         CASE WHEN s.region_level = 'set' AND s.region_code <> t.region_set_id THEN s.basis_code || ':' || s.region_code
              WHEN p.target_id = 'T44' THEN 'deliveries'
              WHEN p.target_id IS NOT NULL THEN 'school_location' ELSE s.basis_code END AS basis_code,
         coalesce(s.definition_version, t.target_id || '.1') AS definition_version,
         coalesce(s.reference_version, v.reference_version) AS reference_version, coalesce(s.as_of_date, d.as_of_date) AS as_of_date,
         v.reference_version AS known_reference, e.value_unrounded AS earlier_value, e.year AS earlier_year, s.direction_code,
         then_row.value_unrounded AS value_at_target_year, i.factor,
         CASE WHEN p.target_id = 'T44' THEN 'no_target_value'
              WHEN p.target_id IS NOT NULL THEN CASE WHEN p.denominator = 0 THEN 'zero_denominator' END
              WHEN s.value_unrounded IS NOT NULL THEN c.used_reason
              WHEN t.computability = 'reported' THEN 'reported_elsewhere'
              WHEN t.computability = 'not_collected' THEN 'not_collected'
              WHEN r.region_set_id IS NULL THEN 'no_region'
              ELSE coalesce(s.reason_code, 'no_delivery') END AS reason_code,
         p.target_id IS NOT NULL AS is_place
  FROM target AS t
  CROSS JOIN school_year AS y
  CROSS JOIN snapshot AS d
  CROSS JOIN reference AS v
  LEFT JOIN region AS r ON r.region_set_id = t.region_set_id
  LEFT JOIN choice AS c ON c.target_id = t.target_id AND c.part = t.part
  LEFT JOIN series AS s
    ON s.variant_id = c.used_variant_id AND s.origin_code = c.origin_code AND s.region_level = c.region_level
   AND s.region_code = c.region_code AND s.year = c.year
  LEFT JOIN series AS then_row
    ON then_row.variant_id = c.used_variant_id AND then_row.origin_code = c.origin_code AND then_row.region_level = c.region_level
   AND then_row.region_code = c.region_code AND then_row.year = t.target_year
  LEFT JOIN earlier AS e ON e.target_id = t.target_id AND e.part = t.part
  LEFT JOIN place AS p ON p.target_id = t.target_id
  LEFT JOIN ref.indicator_variant AS i ON i.variant_id = c.used_variant_id
),
measured AS (
  -- judged on the exact fraction, not on the rounded percentage
  SELECT j.target_id, j.part, CASE WHEN j.value IS NULL OR j.target_value IS NULL THEN NULL
              WHEN j.denominator IS NOT NULL AND NOT j.is_place
                THEN CAST(j.numerator AS DOUBLE) * j.factor - j.target_value * CAST(j.denominator AS DOUBLE)
              ELSE j.value - j.target_value END AS exact_gap,
         j.value_at_target_year - j.target_value AS gap_then
  FROM joined AS j
),
decided AS (
  SELECT j.target_id, j.part,
         CASE WHEN j.reason_code IS NOT NULL AND j.reason_code <> 'in_province_only' THEN 'not_computable'
              WHEN j.is_place THEN CASE WHEN j.numerator = 0 THEN 'met' ELSE 'not_met' END
              WHEN m.exact_gap IS NULL THEN 'not_computable'
              WHEN (j.op = '>=' AND m.exact_gap >= 0) OR (j.op = '<=' AND m.exact_gap <= 0)
                OR (j.op = '<' AND m.exact_gap < 0) OR (j.op = '>' AND m.exact_gap > 0)
                OR (j.op = '=' AND m.exact_gap = 0) THEN 'met'
              ELSE 'not_met' END AS status_code,
         CASE WHEN m.gap_then IS NULL THEN NULL
              WHEN (j.op = '>=' AND m.gap_then >= 0) OR (j.op = '<=' AND m.gap_then <= 0) OR (j.op = '<' AND m.gap_then < 0)
                OR (j.op = '>' AND m.gap_then > 0) OR (j.op = '=' AND m.gap_then = 0) THEN 'met'
              ELSE 'not_met' END AS status_then
  FROM joined AS j
  JOIN measured AS m ON m.target_id = j.target_id AND m.part = j.part
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(j.target_id AS VARCHAR) AS target_id,
       CAST(j.part AS INTEGER) AS part_no,
       CAST(j.region_set_id AS VARCHAR) AS region_set_id,
       CAST(j.item AS VARCHAR) AS item,
       CAST(j.indicator_id AS VARCHAR) AS indicator_id,
       CAST(j.used_variant_id AS VARCHAR) AS variant_id,
       CAST(j.origin_code AS VARCHAR) AS origin_code,
       CAST(j.year AS INTEGER) AS year,
       CAST(j.name_zh AS VARCHAR) AS target_name_zh,
       CAST(j.name_en AS VARCHAR) AS target_name_en,
       CAST(g.name_zh AS VARCHAR) AS region_name_zh,
       CAST(g.name_en AS VARCHAR) AS region_name_en,
       CAST(j.lead_zh AS VARCHAR) AS lead_zh,
       CAST(j.co_units_zh AS VARCHAR) AS co_units_zh,
       CAST(j.target_year AS INTEGER) AS target_year,
       CAST(j.op AS VARCHAR) AS op,
       CAST(j.target_value AS DOUBLE) AS target_value,
       CAST(j.unit AS VARCHAR) AS unit,
       CAST(CASE WHEN j.computability <> 'computed' AND j.value IS NOT NULL THEN 'reported' ELSE j.computability END AS VARCHAR)
         AS computability_code,
       CAST(j.value AS DOUBLE) AS value_unrounded,
       CAST(j.value_published AS DECIMAL(18,2)) AS value_published,
       CAST(j.decimals AS INTEGER) AS decimals,
       CAST(CASE WHEN j.unit = 'pct' THEN coalesce(j.value_published, round(j.value, 1)) END AS DECIMAL(7,1)) AS pct_published,
       CAST(j.value_low AS DOUBLE) AS value_low,
       CAST(j.value_high AS DOUBLE) AS value_high,
       CAST(CASE WHEN w.status_code <> 'not_computable' THEN j.value - j.target_value END AS DOUBLE) AS gap,
       CAST(w.status_code AS VARCHAR) AS status_code,
       CAST(j.earlier_year AS INTEGER) AS earlier_year,
       CAST(j.earlier_value AS DOUBLE) AS earlier_value,
       CAST(CASE WHEN j.earlier_value IS NULL OR j.value IS NULL THEN NULL
                 WHEN abs(j.value - j.earlier_value) < l.trend_step OR j.direction_code = 'none' THEN 'steady'
                 WHEN (j.value > j.earlier_value) = (j.direction_code = 'up') THEN 'improving'
                 ELSE 'worsening' END AS VARCHAR) AS trend_code,
       -- what a year must bring from now on to arrive in the year of the target
       CAST(CASE WHEN w.status_code = 'not_met' AND NOT j.is_place AND j.target_year > j.year
                 THEN (j.target_value - j.value) / (j.target_year - j.year) END AS DOUBLE) AS pace_needed,
       CAST(w.status_code = 'not_met' AND j.target_year IS NOT NULL AND j.year >= j.target_year AS BOOLEAN) AS is_overdue,
       CAST(j.value_at_target_year AS DOUBLE) AS value_at_target_year,
       CAST(w.status_then AS VARCHAR) AS status_at_target_year_code,
       CAST(j.reason_code AS VARCHAR) AS reason_code,
       CAST(x.name_zh AS VARCHAR) AS reason_zh,
       CAST(x.name_en AS VARCHAR) AS reason_en,
       CAST(j.numerator AS BIGINT) AS numerator,
       CAST(j.denominator AS BIGINT) AS denominator,
       CAST(j.n_numerator_persons AS BIGINT) AS n_numerator_persons,
       CAST(j.n_denominator_persons AS BIGINT) AS n_denominator_persons,
       CAST(j.share_covered AS DOUBLE) AS share_covered,
       CAST(j.share_schools AS DOUBLE) AS share_schools,
       CAST(j.is_provisional AS BOOLEAN) AS is_provisional,
       CAST(j.basis_code AS VARCHAR) AS basis_code,
       CAST(j.definition_version AS VARCHAR) AS definition_version,
       CAST(j.reference_version AS VARCHAR) AS reference_version,
       CAST(j.as_of_date AS DATE) AS as_of_date
FROM joined AS j
CROSS JOIN limits AS l
JOIN decided AS w ON w.target_id = j.target_id AND w.part = j.part
LEFT JOIN ref.region_set AS g ON g.region_set_id = j.region_set_id
LEFT JOIN ref.code_list AS x ON x.list_id = 'figure_reason' AND x.code = j.reason_code
