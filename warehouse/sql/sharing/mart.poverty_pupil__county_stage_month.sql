-- Poverty persons of school age by county of the register and stage of their state in school (`none`: not in school), and how many are found in the registries.
WITH counted AS (
  SELECT coalesce(p.county_code, '') AS county_code, p.stage_code, count(*) AS n_poverty,
         sum(CASE WHEN p.is_matched THEN 1 ELSE 0 END) AS n_matched
  FROM use.poverty_pupil__person_month AS p
  WHERE p.period = $period
  GROUP BY coalesce(p.county_code, ''), p.stage_code
),
snapshot AS (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'poverty_register'
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(n.county_code AS VARCHAR) AS county_code,
       CAST(n.stage_code AS VARCHAR) AS stage_code,
       CAST(u.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(u.county_name_zh AS VARCHAR) AS county_name_zh,
       CAST(u.county_name_en AS VARCHAR) AS county_name_en,
       CAST(coalesce(s.name_zh, '不在校') AS VARCHAR) AS stage_name_zh,
       CAST(coalesce(s.name_en, 'Not in school') AS VARCHAR) AS stage_name_en,
       CAST(n.n_poverty AS INTEGER) AS n_poverty,
       CAST(n.n_matched AS INTEGER) AS n_matched,
       CAST(CAST((2 * n.n_matched * 1000 + n.n_poverty) // (2 * n.n_poverty) AS DOUBLE) / 10 AS DECIMAL(7,1)) AS pct_matched,
       CAST('exact_id.1' AS VARCHAR) AS definition_version,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM counted AS n
CROSS JOIN snapshot AS d
LEFT JOIN core.county_unit__code AS u ON u.code = n.county_code AND u.period = $period
LEFT JOIN ref.stage AS s ON s.stage_code = n.stage_code
