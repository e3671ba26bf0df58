-- One row per county code ever used: the unit it belongs to today (figures of all years are on today's boundaries).
WITH RECURSIVE current_unit AS (
  SELECT c.county_code, c.prefecture_code, c.name_zh, c.short_zh, c.name_en
  FROM ref.county AS c
  WHERE nullif(CAST(c.valid_to AS VARCHAR), '') IS NULL
),
step AS (
  SELECT CAST(x.old_code AS VARCHAR) AS code, CAST(x.new_code AS VARCHAR) AS unit, 1 AS depth
  FROM ref.county_crosswalk AS x
  UNION ALL
  SELECT s.code, CAST(x.new_code AS VARCHAR) AS unit, s.depth + 1 AS depth
  FROM step AS s
  JOIN ref.county_crosswalk AS x ON x.old_code = s.unit
  WHERE s.depth < 9
),
reached AS (
  SELECT DISTINCT s.code, s.unit
  FROM step AS s
  JOIN current_unit AS c ON c.county_code = s.unit
  WHERE s.code NOT IN (SELECT county_code FROM current_unit)
),
mapped AS (
  -- a unit that was split has no single successor: its code is not mapped
  SELECT code, min(unit) AS unit, false AS is_current FROM reached GROUP BY code HAVING count(*) = 1
  UNION ALL
  SELECT county_code AS code, county_code AS unit, true AS is_current FROM current_unit
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(m.code AS VARCHAR) AS code,
       CAST(m.unit AS VARCHAR) AS county_code,
       CAST(c.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(c.name_zh AS VARCHAR) AS county_name_zh,
       CAST(c.short_zh AS VARCHAR) AS county_short_zh,
       CAST(c.name_en AS VARCHAR) AS county_name_en,
       CAST(m.is_current AS BOOLEAN) AS is_current
FROM mapped AS m
JOIN current_unit AS c ON c.county_code = m.unit
