-- Every indicator variant by year, origin and region with all that is needed to recompute, to doubt and to compare it; a rank only as a range.
WITH region AS (
  SELECT r.region_level, r.region_code, min(r.region_name_zh) AS name_zh, min(r.region_name_en) AS name_en
  FROM core.region_member__region_county AS r
  WHERE r.period = $period
  GROUP BY r.region_level, r.region_code
  UNION ALL
  SELECT 'former' AS region_level, c.county_code AS region_code, c.name_zh, c.name_en
  FROM ref.county AS c
  WHERE c.valid_to IS NOT NULL
),
limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
unit_of AS (
  -- whether numerator and denominator are persons: only those are protected
  SELECT t.variant_id, max(CASE WHEN t.side = 'numerator' AND m.unit = '人' THEN 1 ELSE 0 END) AS is_numerator_persons,
         max(CASE WHEN t.side = 'denominator' AND m.unit = '人' THEN 1 ELSE 0 END) AS is_denominator_persons
  FROM ref.indicator_term AS t
  JOIN ref.measure AS m ON m.measure_code = t.measure_code
  GROUP BY t.variant_id
),
figure AS (
  SELECT v.year, v.variant_id, v.origin_code, v.region_level, v.region_code, v.numerator, v.denominator, v.value_unrounded,
         v.value_published, v.decimals, v.is_capped, v.reason_code, v.interval_code, v.value_low, v.value_high, v.basis_code,
         v.population_basis_code, v.population_method_code, v.population_year, v.n_units, v.n_units_reporting, v.n_schools,
         v.n_schools_reporting, v.n_rows_open, v.value_with_open_rows, v.is_provisional, v.as_of_date, i.direction
  FROM use.indicator_value__region_year AS v
  JOIN ref.indicator_variant AS i ON i.variant_id = v.variant_id
  WHERE v.period = $period AND v.region_level <> 'school'
),
ranked AS (
  -- places before it for certain, and places after it for certain
  SELECT a.variant_id, a.origin_code, a.year, a.region_level, a.region_code, count(*) AS n_ranked,
         sum(CASE WHEN (a.direction = 'up' AND b.value_low > a.value_high) OR (a.direction = 'down' AND b.value_high < a.value_low)
                  THEN 1 ELSE 0 END) AS n_before,
         sum(CASE WHEN (a.direction = 'up' AND b.value_high < a.value_low) OR (a.direction = 'down' AND b.value_low > a.value_high)
                  THEN 1 ELSE 0 END) AS n_after
  FROM figure AS a
  JOIN figure AS b
    ON b.variant_id = a.variant_id AND b.origin_code = a.origin_code AND b.year = a.year AND b.region_level = a.region_level
  WHERE a.region_level IN ('county', 'prefecture') AND a.direction IN ('up', 'down')
    AND a.value_low IS NOT NULL AND b.value_low IS NOT NULL
  GROUP BY a.variant_id, a.origin_code, a.year, a.region_level, a.region_code
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(f.year AS INTEGER) AS year,
       CAST(f.variant_id AS VARCHAR) AS variant_id,
       CAST(f.origin_code AS VARCHAR) AS origin_code,
       CAST(f.region_level AS VARCHAR) AS region_level,
       CAST(f.region_code AS VARCHAR) AS region_code,
       CAST(i.indicator_id AS VARCHAR) AS indicator_id,
       CAST(i.name_zh AS VARCHAR) AS indicator_name_zh,
       CAST(i.name_en AS VARCHAR) AS indicator_name_en,
       CAST(r.name_zh AS VARCHAR) AS region_name_zh,
       CAST(r.name_en AS VARCHAR) AS region_name_en,
       -- on which boundaries: of then (a county that is gone), of now (today's county before it existed), or the same ones
       CAST(CASE WHEN f.region_level = 'former' THEN 'then'
                 WHEN x.new_code IS NOT NULL AND f.year < x.change_year THEN 'now' ELSE 'same' END AS VARCHAR) AS boundary_code,
       CAST(i.unit AS VARCHAR) AS unit,
       CAST(i.direction AS VARCHAR) AS direction_code,
       CAST(i.is_default AS BOOLEAN) AS is_default,
       CAST(f.numerator AS BIGINT) AS numerator,
       CAST(f.denominator AS BIGINT) AS denominator,
       CAST(CASE WHEN u.is_numerator_persons = 1 THEN f.numerator END AS BIGINT) AS n_numerator_persons,
       CAST(CASE WHEN u.is_denominator_persons = 1 THEN f.denominator END AS BIGINT) AS n_denominator_persons,
       CAST(f.value_unrounded AS DOUBLE) AS value_unrounded,
       CAST(f.value_published AS DECIMAL(18,2)) AS value_published,
       CAST(f.decimals AS INTEGER) AS decimals,
       CAST(f.is_capped AS BOOLEAN) AS is_capped,
       CAST(f.reason_code AS VARCHAR) AS reason_code,
       CAST(w.name_zh AS VARCHAR) AS reason_zh,
       CAST(w.name_en AS VARCHAR) AS reason_en,
       CAST(f.interval_code AS VARCHAR) AS interval_code,
       CAST(f.value_low AS DOUBLE) AS value_low,
       CAST(f.value_high AS DOUBLE) AS value_high,
       CAST(k.n_before + 1 AS INTEGER) AS rank_from,
       CAST(k.n_ranked - k.n_after AS INTEGER) AS rank_to,
       CAST(k.n_ranked AS INTEGER) AS n_ranked,
       CAST(f.basis_code AS VARCHAR) AS basis_code,
       CAST(f.population_basis_code AS VARCHAR) AS population_basis_code,
       CAST(f.population_method_code AS VARCHAR) AS population_method_code,
       CAST(f.population_year AS INTEGER) AS population_year,
       CAST(CASE WHEN f.n_units > 0 THEN CAST(f.n_units_reporting AS DOUBLE) / f.n_units END AS DOUBLE) AS share_covered,
       CAST(CASE WHEN f.n_schools > 0 THEN CAST(f.n_schools_reporting AS DOUBLE) / f.n_schools END AS DOUBLE) AS share_schools,
       CAST(f.n_rows_open AS BIGINT) AS n_rows_open,
       CAST(f.value_with_open_rows AS DOUBLE) AS value_with_open_rows,
       CAST(f.is_provisional AS BOOLEAN) AS is_provisional,
       CAST(CAST(substr($period, 6, 2) AS INTEGER) = l.enrolment_month AS BOOLEAN) AS is_annual_point,
       CAST(f.variant_id || '.' || CAST(i.version AS VARCHAR) AS VARCHAR) AS definition_version,
       CAST(p.reference_version AS VARCHAR) AS reference_version,
       CAST(f.as_of_date AS DATE) AS as_of_date
FROM figure AS f
JOIN ref.indicator_variant AS i ON i.variant_id = f.variant_id
JOIN region AS r ON r.region_level = f.region_level AND r.region_code = f.region_code
CROSS JOIN limits AS l
CROSS JOIN (SELECT max(split_part(version, ' ', 2)) AS reference_version FROM ops.prepared__version) AS p
LEFT JOIN unit_of AS u ON u.variant_id = f.variant_id
LEFT JOIN (SELECT new_code, max(change_year) AS change_year FROM ref.county_crosswalk GROUP BY new_code) AS x
  ON f.region_level = 'county' AND x.new_code = f.region_code
LEFT JOIN ranked AS k
  ON k.variant_id = f.variant_id AND k.origin_code = f.origin_code AND k.year = f.year AND k.region_level = f.region_level
 AND k.region_code = f.region_code
LEFT JOIN ref.code_list AS w ON w.list_id = 'figure_reason' AND w.code = f.reason_code
