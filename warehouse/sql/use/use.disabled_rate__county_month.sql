-- Gross and net enrolment of disabled children (T32, T33): numerator and denominator by county of household registration.
WITH band AS (
  SELECT min(s.rate_age_from) AS age_from, max(s.rate_age_to) AS age_to FROM ref.stage AS s WHERE s.is_compulsory
),
child AS (
  SELECT d.county_code, d.is_three_kinds, coalesce(d.age BETWEEN b.age_from AND b.age_to, true) AS is_of_age,
         coalesce(st.is_compulsory, false) AS is_in_stage, d.is_in_registry
  FROM use.disabled_child__person_month AS d
  CROSS JOIN band AS b
  LEFT JOIN ref.stage AS st ON st.stage_code = d.stage_code
  WHERE d.period = $period
),
grouped AS (
  SELECT c.county_code, 'all' AS group_code, c.is_of_age, c.is_in_stage, c.is_in_registry FROM child AS c
  UNION ALL
  SELECT c.county_code, 'three_kinds' AS group_code, c.is_of_age, c.is_in_stage, c.is_in_registry
  FROM child AS c WHERE c.is_three_kinds
),
counted AS (
  SELECT g.county_code, g.group_code, sum(CASE WHEN g.is_of_age THEN 1 ELSE 0 END) AS n_children,
         sum(CASE WHEN g.is_of_age AND g.is_in_registry THEN 1 ELSE 0 END) AS n_enrolled,
         sum(CASE WHEN g.is_in_stage THEN 1 ELSE 0 END) AS n_enrolled_any_age
  FROM grouped AS g
  GROUP BY g.county_code, g.group_code
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(coalesce(c.county_code, 'none') AS VARCHAR) AS county_code,
       CAST(c.group_code AS VARCHAR) AS group_code,
       CAST(c.n_children AS INTEGER) AS n_children,
       CAST(c.n_enrolled AS INTEGER) AS n_enrolled,
       CAST(c.n_enrolled_any_age AS INTEGER) AS n_enrolled_any_age,
       CAST(CASE WHEN c.n_children > 0 THEN 100.0 * c.n_enrolled_any_age / c.n_children END AS DECIMAL(9, 2)) AS pct_gross,
       CAST(CASE WHEN c.n_children > 0 THEN 100.0 * c.n_enrolled / c.n_children END AS DECIMAL(9, 2)) AS pct_net
FROM counted AS c
