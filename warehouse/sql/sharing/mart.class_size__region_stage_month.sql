-- Classes and large classes by region, stage and scope (urban: city and town schools, the policy's heading; all), with targets T12 and T13.
WITH class_row AS (
  -- empty classes of the directory are not classes
  SELECT c.county_code, c.stage_code, c.residence_code, c.is_large, c.is_super
  FROM use.class_size__class_month AS c
  WHERE c.period = $period AND c.n_pupils > 0 AND c.county_code IS NOT NULL AND c.stage_code IS NOT NULL
),
staged AS (
  SELECT county_code, stage_code, residence_code, is_large, is_super FROM class_row
  UNION ALL
  SELECT c.county_code, 'compulsory' AS stage_code, c.residence_code, c.is_large, c.is_super
  FROM class_row AS c
  JOIN ref.stage AS s ON s.stage_code = c.stage_code AND s.is_compulsory
),
scoped AS (
  SELECT county_code, stage_code, residence_code, 'all' AS scope, is_large, is_super FROM staged
  UNION ALL
  SELECT s.county_code, s.stage_code, s.residence_code, 'urban' AS scope, s.is_large, s.is_super
  FROM staged AS s
  JOIN ref.region_set_member AS m ON m.region_set_id = 'urban_town' AND m.residence_code = s.residence_code
),
by_county AS (
  SELECT county_code, stage_code, residence_code, scope, count(*) AS n_classes,
         sum(CASE WHEN is_large THEN 1 ELSE 0 END) AS n_large, sum(CASE WHEN is_super THEN 1 ELSE 0 END) AS n_super
  FROM scoped
  GROUP BY county_code, stage_code, residence_code, scope
),
by_region AS (
  SELECT r.region_level, r.region_code, min(r.region_name_zh) AS region_name_zh, min(r.region_name_en) AS region_name_en,
         n.stage_code, n.scope, sum(n.n_classes) AS n_classes, sum(n.n_large) AS n_large, sum(n.n_super) AS n_super
  FROM by_county AS n
  JOIN core.region_member__region_county AS r
    ON r.county_code = n.county_code AND (r.residence_code = '' OR r.residence_code = n.residence_code)
   AND r.period = $period
  GROUP BY r.region_level, r.region_code, n.stage_code, n.scope
),
target AS (
  SELECT max(CASE WHEN target_id = 'T12' THEN CAST(value AS DOUBLE) END) AS target_super,
         max(CASE WHEN target_id = 'T13' THEN CAST(value AS DOUBLE) END) AS target_large
  FROM ref.policy_target
),
snapshot AS (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'student_registry'
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(n.region_level AS VARCHAR) AS region_level,
       CAST(n.region_code AS VARCHAR) AS region_code,
       CAST(n.stage_code AS VARCHAR) AS stage_code,
       CAST(n.scope AS VARCHAR) AS scope_code,
       CAST(n.region_name_zh AS VARCHAR) AS region_name_zh,
       CAST(n.region_name_en AS VARCHAR) AS region_name_en,
       CAST(coalesce(s.name_zh, '义务教育') AS VARCHAR) AS stage_name_zh,
       CAST(coalesce(s.name_en, 'Compulsory education') AS VARCHAR) AS stage_name_en,
       CAST(CASE n.scope WHEN 'urban' THEN '城镇' ELSE '全部' END AS VARCHAR) AS scope_name_zh,
       CAST(CASE n.scope WHEN 'urban' THEN 'City and town schools' ELSE 'All schools' END AS VARCHAR) AS scope_name_en,
       CAST(n.n_classes AS INTEGER) AS n_classes,
       CAST(n.n_large AS INTEGER) AS n_large,
       CAST(n.n_super AS INTEGER) AS n_super,
       CAST(CAST((2 * n.n_large * 1000 + n.n_classes) // (2 * n.n_classes) AS DOUBLE) / 10 AS DECIMAL(7,1)) AS pct_large,
       CAST(CAST((2 * n.n_super * 1000 + n.n_classes) // (2 * n.n_classes) AS DOUBLE) / 10 AS DECIMAL(7,1)) AS pct_super,
       CAST(CASE WHEN n.stage_code = 'compulsory' THEN t.target_large END AS DOUBLE) AS pct_target_large,
       CAST(CASE WHEN n.stage_code = 'compulsory' THEN t.target_super END AS DOUBLE) AS pct_target_super,
       -- judged on the exact fraction, not on the rounded percentage
       CAST(CASE WHEN n.stage_code = 'compulsory' THEN n.n_large * 100 <= t.target_large * n.n_classes END AS BOOLEAN)
         AS is_target_large_met,
       CAST(CASE WHEN n.stage_code = 'compulsory' THEN n.n_super * 100 <= t.target_super * n.n_classes END AS BOOLEAN)
         AS is_target_super_met,
       CAST(i.indicator_id || '.' || CAST(i.version AS VARCHAR) AS VARCHAR) AS definition_version,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM by_region AS n
CROSS JOIN target AS t
CROSS JOIN snapshot AS d
LEFT JOIN ref.indicator AS i ON i.indicator_id = 'I11'
LEFT JOIN ref.stage AS s ON s.stage_code = n.stage_code
