-- Gross enrolment rates of the school year by region: the four gross variants of the indicators in one narrow table, with their age bands.
WITH measure AS (
  SELECT 'gross_preschool' AS measure_code, 'I01' AS variant_id, 'I01' AS indicator_id
  UNION ALL SELECT 'gross_primary' AS measure_code, 'I03.gross' AS variant_id, NULL AS indicator_id
  UNION ALL SELECT 'gross_junior' AS measure_code, 'I04' AS variant_id, 'I04' AS indicator_id
  UNION ALL SELECT 'gross_senior' AS measure_code, 'I07' AS variant_id, 'I07' AS indicator_id
),
band AS (
  -- the denominator says which ages
  SELECT t.variant_id, m.measure_code, m.age_from, m.age_to
  FROM ref.indicator_term AS t
  JOIN ref.measure AS m ON m.measure_code = t.measure_code AND m.kind = 'population'
  WHERE t.side = 'denominator'
),
series AS (
  SELECT DISTINCT p.measure_code, p.population_basis_code, p.method_code, p.base_year, p.as_of_date
  FROM use.population_band__region_year AS p
  WHERE p.period = $period AND p.is_chosen
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < max(CAST(t.value AS INTEGER)) THEN 1 ELSE 0 END AS first_year
  FROM ref.threshold AS t
  WHERE t.threshold_id = 'enrolment_month'
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(v.region_level AS VARCHAR) AS region_level,
       CAST(v.region_code AS VARCHAR) AS region_code,
       CAST(k.measure_code AS VARCHAR) AS measure_code,
       CAST(k.indicator_id AS VARCHAR) AS indicator_id,
       CAST(v.region_name_zh AS VARCHAR) AS region_name_zh,
       CAST(v.region_name_en AS VARCHAR) AS region_name_en,
       CAST(v.indicator_name_zh AS VARCHAR) AS measure_name_zh,
       CAST(v.indicator_name_en AS VARCHAR) AS measure_name_en,
       CAST(CAST(v.year AS VARCHAR) || '-' || CAST(v.year + 1 AS VARCHAR) AS VARCHAR) AS school_year_code,
       CAST(v.is_annual_point AS BOOLEAN) AS is_annual_point,
       CAST(v.numerator AS INTEGER) AS numerator,
       CAST(v.denominator AS INTEGER) AS denominator,
       CAST(v.value_unrounded AS DOUBLE) AS value_unrounded,
       CAST(v.value_published AS DECIMAL(7,1)) AS pct_published,
       CAST(v.decimals AS INTEGER) AS decimals,
       CAST(v.reason_code AS VARCHAR) AS reason_code,
       CAST(b.age_from AS INTEGER) AS age_from,
       CAST(b.age_to AS INTEGER) AS age_to,
       CAST(v.basis_code AS VARCHAR) AS region_basis_code,
       CAST(s.population_basis_code AS VARCHAR) AS population_basis_code,
       CAST(pb.name_zh AS VARCHAR) AS population_basis_name_zh,
       CAST(pb.name_en AS VARCHAR) AS population_basis_name_en,
       CAST(s.base_year AS INTEGER) AS population_year,
       CAST(s.method_code AS VARCHAR) AS method_code,
       CAST(v.share_covered AS DOUBLE) AS share_covered,
       CAST(v.is_provisional AS BOOLEAN) AS is_provisional,
       CAST(v.definition_version AS VARCHAR) AS definition_version,
       CAST(s.as_of_date AS DATE) AS population_as_of_date,
       CAST(v.as_of_date AS DATE) AS as_of_date
FROM mart.indicator_value__region_year AS v
JOIN measure AS k ON k.variant_id = v.variant_id
JOIN school_year AS y ON y.first_year = v.year
JOIN band AS b ON b.variant_id = v.variant_id
LEFT JOIN series AS s ON s.measure_code = b.measure_code
LEFT JOIN ref.code_list AS pb ON pb.list_id = 'population_basis' AND pb.code = s.population_basis_code
WHERE v.period = $period AND v.origin_code = 'computed'
