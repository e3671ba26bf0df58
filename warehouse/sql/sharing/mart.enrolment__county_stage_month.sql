-- Pupils by county of the school, stage, sex, ethnic group and residence of the school; each person counted once, part-time left out.
WITH counted AS (
  SELECT coalesce(e.county_code, '') AS county_code, coalesce(e.stage_code, '') AS stage_code,
         coalesce(e.sex_code, '') AS sex_code, coalesce(e.ethnic_code, '') AS ethnic_code,
         coalesce(e.residence_code, '') AS residence_code, count(*) AS n_pupils
  FROM core.enrolment__person_month AS e
  WHERE e.period = $period AND e.is_counted AND e.is_full_time
  GROUP BY coalesce(e.county_code, ''), coalesce(e.stage_code, ''), coalesce(e.sex_code, ''),
           coalesce(e.ethnic_code, ''), coalesce(e.residence_code, '')
),
snapshot AS (
  SELECT max(as_of) AS as_of_date
  FROM core.delivery__period
  WHERE period = $period AND source IN ('student_registry', 'vocational_registry', 'preschool_registry')
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(n.county_code AS VARCHAR) AS county_code,
       CAST(n.stage_code AS VARCHAR) AS stage_code,
       CAST(n.sex_code AS VARCHAR) AS sex_code,
       CAST(n.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(n.residence_code AS VARCHAR) AS residence_code,
       CAST(u.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(u.county_name_zh AS VARCHAR) AS county_name_zh,
       CAST(u.county_name_en AS VARCHAR) AS county_name_en,
       CAST(s.name_zh AS VARCHAR) AS stage_name_zh,
       CAST(s.name_en AS VARCHAR) AS stage_name_en,
       CAST(sx.name_zh AS VARCHAR) AS sex_name_zh,
       CAST(sx.name_en AS VARCHAR) AS sex_name_en,
       CAST(et.name_zh AS VARCHAR) AS ethnic_name_zh,
       CAST(et.name_en AS VARCHAR) AS ethnic_name_en,
       CAST(rs.name_zh AS VARCHAR) AS residence_name_zh,
       CAST(rs.name_en AS VARCHAR) AS residence_name_en,
       CAST(n.n_pupils AS INTEGER) AS n_pupils,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM counted AS n
CROSS JOIN snapshot AS d
LEFT JOIN core.county_unit__code AS u ON u.code = n.county_code AND u.period = $period
LEFT JOIN ref.stage AS s ON s.stage_code = n.stage_code
LEFT JOIN ref.code_list AS sx ON sx.list_id = 'sex' AND sx.code = n.sex_code
LEFT JOIN ref.code_list AS et ON et.list_id = 'ethnic' AND et.code = n.ethnic_code
LEFT JOIN ref.code_list AS rs ON rs.list_id = 'residence' AND rs.code = n.residence_code
