-- Register against statutory statistics, and published parts against their total: the difference and what may explain it; nothing is adjusted.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'reconciliation_share' THEN CAST(t.value AS DOUBLE) END) AS share_limit
  FROM ref.threshold AS t
),
region AS (
  SELECT r.region_level, r.region_code, min(r.region_name_zh) AS name_zh, min(r.region_name_en) AS name_en
  FROM core.region_member__region_county AS r
  WHERE r.period = $period
  GROUP BY r.region_level, r.region_code
),
figure AS (
  SELECT m.year, m.measure_code, m.origin_code, m.region_level, m.region_code, m.value, m.basis_code, m.n_units,
         m.n_units_reporting, m.n_rows_open, m.as_of_date
  FROM use.measure__region_year AS m
  WHERE m.period = $period AND m.value IS NOT NULL
),
pair AS (
  SELECT 'register' AS check_code, s.year, s.measure_code, s.region_level, s.region_code, r.value AS own_value,
         s.value AS stated_value, r.basis_code AS own_basis, s.basis_code AS stated_basis,
         r.n_units_reporting < r.n_units AS is_incomplete, r.n_rows_open, s.as_of_date
  FROM figure AS s
  JOIN figure AS r
    ON r.origin_code = 'computed' AND r.measure_code = s.measure_code AND r.year = s.year AND r.region_level = s.region_level
   AND r.region_code = s.region_code
  WHERE s.origin_code = 'reported'
  UNION ALL
  SELECT 'parts' AS check_code, s.year, s.measure_code, s.region_level, s.region_code, sum(p.value) AS own_value,
         min(s.value) AS stated_value, min(p.basis_code) AS own_basis, min(s.basis_code) AS stated_basis, false AS is_incomplete,
         NULL AS n_rows_open, max(s.as_of_date) AS as_of_date
  FROM figure AS s
  JOIN ref.measure AS m ON m.part_of = s.measure_code
  JOIN figure AS p
    ON p.origin_code = 'reported' AND p.measure_code = m.measure_code AND p.year = s.year AND p.region_level = s.region_level
   AND p.region_code = s.region_code
  WHERE s.origin_code = 'reported'
  GROUP BY s.year, s.measure_code, s.region_level, s.region_code
  -- a part that is not delivered says nothing about the sum
  HAVING count(*) = max((SELECT count(*) FROM ref.measure AS k WHERE k.part_of = s.measure_code))
),
judged AS (
  SELECT p.check_code, p.year, p.measure_code, p.region_level, p.region_code, p.own_value, p.stated_value, p.own_basis,
         p.stated_basis, p.n_rows_open, p.as_of_date, l.share_limit,
         CASE WHEN p.own_basis <> p.stated_basis THEN 'other_basis'
              WHEN abs(p.own_value - p.stated_value) <= l.share_limit * p.stated_value THEN 'agrees'
              ELSE 'differs' END AS status_code,
         CASE WHEN p.own_basis <> p.stated_basis THEN 'other_basis'
              WHEN abs(p.own_value - p.stated_value) <= l.share_limit * p.stated_value THEN NULL
              WHEN p.is_incomplete AND p.own_value < p.stated_value THEN 'incomplete_register'
              WHEN p.own_value < p.stated_value AND p.own_value + p.n_rows_open >= p.stated_value * (1 - l.share_limit)
                THEN 'rows_set_aside'
              ELSE 'unexplained' END AS explanation_code
  FROM pair AS p
  CROSS JOIN limits AS l
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(j.year AS INTEGER) AS year,
       CAST(j.check_code AS VARCHAR) AS check_code,
       CAST(j.measure_code AS VARCHAR) AS measure_code,
       CAST(j.region_level AS VARCHAR) AS region_level,
       CAST(j.region_code AS VARCHAR) AS region_code,
       CAST(m.name_zh AS VARCHAR) AS measure_name_zh,
       CAST(m.name_en AS VARCHAR) AS measure_name_en,
       CAST(r.name_zh AS VARCHAR) AS region_name_zh,
       CAST(r.name_en AS VARCHAR) AS region_name_en,
       CAST(j.own_value AS BIGINT) AS n_own,
       CAST(j.stated_value AS BIGINT) AS n_stated,
       CAST(j.own_value - j.stated_value AS BIGINT) AS n_difference,
       CAST(CASE WHEN j.stated_value <> 0 THEN CAST(j.own_value - j.stated_value AS DOUBLE) / CAST(j.stated_value AS DOUBLE) END
            AS DOUBLE) AS share_difference,
       CAST(j.share_limit AS DOUBLE) AS share_limit,
       CAST(j.status_code AS VARCHAR) AS status_code,
       CAST(j.explanation_code AS VARCHAR) AS explanation_code,
       CAST(x.name_zh AS VARCHAR) AS explanation_zh,
       CAST(x.name_en AS VARCHAR) AS explanation_en,
       CAST(j.as_of_date AS DATE) AS as_of_date
FROM judged AS j
JOIN ref.measure AS m ON m.measure_code = j.measure_code
JOIN region AS r ON r.region_level = j.region_level AND r.region_code = j.region_code
LEFT JOIN ref.code_list AS x ON x.list_id = 'figure_explanation' AND x.code = j.explanation_code
