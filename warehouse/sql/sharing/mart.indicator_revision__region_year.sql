-- Figures of a year that an earlier month gave differently, for figures that should not move with the months: was, is, and why.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
figure AS (
  SELECT v.period, v.year, v.variant_id, v.origin_code, v.region_level, v.region_code, v.numerator, v.denominator,
         v.n_numerator_persons, v.n_denominator_persons, v.value_unrounded, v.share_covered, v.definition_version,
         v.reference_version, v.population_basis_code, v.population_year, v.basis_code, v.as_of_date
  FROM mart.indicator_value__region_year AS v
  JOIN ref.indicator_variant AS i ON i.variant_id = v.variant_id
  CROSS JOIN school_year AS y
  -- counts of the running school year move by themselves; those of years that are over, graduates and reported figures do not
  WHERE v.period <= $period AND (v.origin_code = 'reported' OR i.indicator_id = 'I14' OR v.year < y.first_year)
),
earlier AS (
  SELECT q.period, q.year, q.variant_id, q.origin_code, q.region_level, q.region_code, q.numerator, q.denominator,
         q.n_numerator_persons, q.n_denominator_persons, q.value_unrounded, q.share_covered, q.definition_version,
         q.reference_version, q.population_basis_code, q.population_year, q.basis_code
  FROM (
    SELECT f.period, f.year, f.variant_id, f.origin_code, f.region_level, f.region_code, f.numerator, f.denominator,
           f.n_numerator_persons, f.n_denominator_persons, f.value_unrounded, f.share_covered, f.definition_version,
           f.reference_version, f.population_basis_code, f.population_year, f.basis_code,
           row_number() OVER (PARTITION BY f.year, f.variant_id, f.origin_code, f.region_level, f.region_code
                              ORDER BY f.period DESC) AS n
    FROM figure AS f
    WHERE f.period < $period) AS q
  WHERE q.n = 1
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(f.year AS INTEGER) AS year,
       CAST(f.variant_id AS VARCHAR) AS variant_id,
       CAST(f.origin_code AS VARCHAR) AS origin_code,
       CAST(f.region_level AS VARCHAR) AS region_level,
       CAST(f.region_code AS VARCHAR) AS region_code,
       CAST(i.name_zh AS VARCHAR) AS indicator_name_zh,
       CAST(i.name_en AS VARCHAR) AS indicator_name_en,
       CAST(e.period AS VARCHAR) AS earlier_period,
       CAST(e.numerator AS BIGINT) AS earlier_numerator,
       CAST(e.denominator AS BIGINT) AS earlier_denominator,
       CAST(f.numerator AS BIGINT) AS numerator,
       CAST(f.denominator AS BIGINT) AS denominator,
       CAST(e.n_numerator_persons AS BIGINT) AS n_earlier_numerator_persons,
       CAST(f.n_numerator_persons AS BIGINT) AS n_numerator_persons,
       CAST(e.n_denominator_persons AS BIGINT) AS n_earlier_denominator_persons,
       CAST(f.n_denominator_persons AS BIGINT) AS n_denominator_persons,
       CAST(e.value_unrounded AS DOUBLE) AS earlier_value,
       CAST(f.value_unrounded AS DOUBLE) AS value_unrounded,
       CAST(CASE WHEN e.definition_version <> f.definition_version THEN 'definition'
                 WHEN e.basis_code IS DISTINCT FROM f.basis_code THEN 'basis'
                 WHEN e.population_basis_code IS DISTINCT FROM f.population_basis_code
                   OR e.population_year IS DISTINCT FROM f.population_year THEN 'population'
                 WHEN e.share_covered IS DISTINCT FROM f.share_covered THEN 'coverage'
                 WHEN e.reference_version <> f.reference_version THEN 'reference'
                 ELSE 'delivery' END AS VARCHAR) AS cause_code,
       CAST(x.name_zh AS VARCHAR) AS cause_zh,
       CAST(x.name_en AS VARCHAR) AS cause_en,
       CAST(f.definition_version AS VARCHAR) AS definition_version,
       CAST(f.as_of_date AS DATE) AS as_of_date
FROM figure AS f
JOIN earlier AS e
  ON e.year = f.year AND e.variant_id = f.variant_id AND e.origin_code = f.origin_code AND e.region_level = f.region_level
 AND e.region_code = f.region_code
JOIN ref.indicator_variant AS i ON i.variant_id = f.variant_id
LEFT JOIN ref.code_list AS x
  ON x.list_id = 'revision_cause'
 AND x.code = CASE WHEN e.definition_version <> f.definition_version THEN 'definition'
                   WHEN e.basis_code IS DISTINCT FROM f.basis_code THEN 'basis'
                   WHEN e.population_basis_code IS DISTINCT FROM f.population_basis_code
                     OR e.population_year IS DISTINCT FROM f.population_year THEN 'population'
                   WHEN e.share_covered IS DISTINCT FROM f.share_covered THEN 'coverage'
                   WHEN e.reference_version <> f.reference_version THEN 'reference'
                   ELSE 'delivery' END
WHERE f.period = $period
  AND (e.numerator IS DISTINCT FROM f.numerator OR e.denominator IS DISTINCT FROM f.denominator
       OR e.value_unrounded IS DISTINCT FROM f.value_unrounded)
