-- Schools and teaching points with pupils, size limit (T07), small points (T08) and funded headcount (T09); school names are public.
WITH snapshot AS (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'student_registry'
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(z.school_id AS VARCHAR) AS school_id,
       CAST(z.point_code AS VARCHAR) AS point_code,
       CAST(z.school_name AS VARCHAR) AS school_name_zh,
       CAST(z.county_code AS VARCHAR) AS county_code,
       CAST(z.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(u.county_name_zh AS VARCHAR) AS county_name_zh,
       CAST(u.county_name_en AS VARCHAR) AS county_name_en,
       CAST(z.residence_code AS VARCHAR) AS residence_code,
       CAST(rs.name_zh AS VARCHAR) AS residence_name_zh,
       CAST(rs.name_en AS VARCHAR) AS residence_name_en,
       CAST(z.school_run_type_code AS VARCHAR) AS school_run_type_code,
       CAST(rt.name_zh AS VARCHAR) AS school_run_type_name_zh,
       CAST(rt.name_en AS VARCHAR) AS school_run_type_name_en,
       CAST(z.is_teaching_point AS BOOLEAN) AS is_teaching_point,
       CAST(z.is_in_directory AS BOOLEAN) AS is_in_directory,
       CAST(z.n_pupils AS INTEGER) AS n_pupils,
       CAST(z.is_over_limit AS BOOLEAN) AS is_over_limit,
       CAST(z.is_small_watch AS BOOLEAN) AS is_small_watch,
       CAST(z.is_small_hit AS BOOLEAN) AS is_small_hit,
       CAST(z.n_funded AS INTEGER) AS n_funded,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM use.school_size__school_month AS z
CROSS JOIN snapshot AS d
LEFT JOIN core.county_unit__code AS u ON u.code = z.county_code AND u.period = $period
LEFT JOIN ref.code_list AS rs ON rs.list_id = 'residence' AND rs.code = z.residence_code
LEFT JOIN ref.code_list AS rt ON rt.list_id = 'school_run_type' AND rt.code = z.school_run_type_code
-- closed places without pupils are history
WHERE z.period = $period AND (z.is_open OR z.n_pupils > 0)
