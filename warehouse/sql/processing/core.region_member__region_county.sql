-- Which counties (or which residence within them) make up a region: county, prefecture, region set, province.
WITH member AS (
  SELECT 'county' AS region_level, u.county_code AS region_code, u.county_name_zh AS region_name_zh,
         u.county_name_en AS region_name_en, u.county_code, '' AS residence_code
  FROM core.county_unit__code AS u
  WHERE u.period = $period AND u.is_current
  UNION ALL
  SELECT 'prefecture' AS region_level, u.prefecture_code AS region_code, p.name_zh AS region_name_zh,
         p.name_en AS region_name_en, u.county_code, '' AS residence_code
  FROM core.county_unit__code AS u
  JOIN ref.prefecture AS p ON p.prefecture_code = u.prefecture_code
  WHERE u.period = $period AND u.is_current
  UNION ALL
  -- the set `province` is every current county, whatever its list says
  SELECT 'province' AS region_level, substr(u.county_code, 1, 2) AS region_code, s.name_zh AS region_name_zh,
         s.name_en AS region_name_en, u.county_code, '' AS residence_code
  FROM core.county_unit__code AS u
  JOIN ref.region_set AS s ON s.region_set_id = 'province'
  WHERE u.period = $period AND u.is_current
  UNION ALL
  SELECT 'set' AS region_level, s.region_set_id AS region_code, s.name_zh AS region_name_zh, s.name_en AS region_name_en,
         u.county_code, '' AS residence_code
  FROM ref.region_set AS s
  JOIN ref.region_set_member AS m ON m.region_set_id = s.region_set_id
  JOIN core.county_unit__code AS u ON u.code = m.county_code AND u.period = $period
  WHERE s.kind = 'county' AND s.region_set_id <> 'province'
  UNION ALL
  SELECT 'set' AS region_level, s.region_set_id AS region_code, s.name_zh AS region_name_zh, s.name_en AS region_name_en,
         u.county_code, CAST(m.residence_code AS VARCHAR) AS residence_code
  FROM ref.region_set AS s
  JOIN ref.region_set_member AS m ON m.region_set_id = s.region_set_id
  CROSS JOIN core.county_unit__code AS u
  WHERE s.kind = 'residence' AND u.period = $period AND u.is_current
)
SELECT DISTINCT
       CAST($period AS VARCHAR) AS period,
       CAST(region_level AS VARCHAR) AS region_level,
       CAST(region_code AS VARCHAR) AS region_code,
       CAST(county_code AS VARCHAR) AS county_code,
       CAST(residence_code AS VARCHAR) AS residence_code,
       CAST(region_name_zh AS VARCHAR) AS region_name_zh,
       CAST(region_name_en AS VARCHAR) AS region_name_en
FROM member
