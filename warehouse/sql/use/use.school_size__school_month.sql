-- One row per school and teaching point: pupils counted from the registries, size limits, and the headcount a point is funded for.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'school_max' THEN CAST(t.value AS INTEGER) END) AS school_max,
         max(CASE WHEN t.threshold_id = 'point_small' THEN CAST(t.value AS INTEGER) END) AS point_small,
         max(CASE WHEN t.threshold_id = 'point_funding_floor' THEN CAST(t.value AS INTEGER) END) AS point_funding_floor
  FROM ref.threshold AS t
),
counted AS (
  SELECT e.school_id, e.point_code, count(*) AS n_pupils,
         sum(CASE WHEN e.sex_code = '1' THEN 1 ELSE 0 END) AS n_male,
         sum(CASE WHEN e.sex_code = '2' THEN 1 ELSE 0 END) AS n_female,
         sum(CASE WHEN st.is_compulsory THEN 1 ELSE 0 END) AS n_compulsory,
         min(e.county_code) AS county_code, min(e.prefecture_code) AS prefecture_code
  FROM core.enrolment__person_month AS e
  LEFT JOIN ref.stage AS st ON st.stage_code = e.stage_code
  WHERE e.period = $period AND e.is_counted AND e.is_full_time AND e.school_id IS NOT NULL
  GROUP BY e.school_id, e.point_code
),
merged AS (
  SELECT coalesce(s.school_id, n.school_id) AS school_id, coalesce(s.point_code, n.point_code) AS point_code,
         s.school_name, coalesce(s.county_code, n.county_code) AS county_code,
         coalesce(s.prefecture_code, n.prefecture_code) AS prefecture_code, s.residence_code, s.school_run_type_code,
         coalesce(s.is_teaching_point, n.point_code <> '') AS is_teaching_point, coalesce(s.is_open, true) AS is_open,
         coalesce(n.n_pupils, 0) AS n_pupils, coalesce(n.n_male, 0) AS n_male, coalesce(n.n_female, 0) AS n_female,
         coalesce(n.n_compulsory, 0) AS n_compulsory, s.school_id IS NOT NULL AS is_in_directory
  FROM (
    SELECT school_id, point_code, school_name, county_code, prefecture_code, residence_code, school_run_type_code,
           is_teaching_point, is_open
    FROM core.school__school_month WHERE period = $period) AS s
  FULL OUTER JOIN counted AS n ON n.school_id = s.school_id AND n.point_code = s.point_code
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(m.school_id AS VARCHAR) AS school_id,
       CAST(m.point_code AS VARCHAR) AS point_code,
       CAST(m.school_name AS VARCHAR) AS school_name,
       CAST(m.county_code AS VARCHAR) AS county_code,
       CAST(m.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(m.residence_code AS VARCHAR) AS residence_code,
       CAST(m.school_run_type_code AS VARCHAR) AS school_run_type_code,
       CAST(m.is_teaching_point AS BOOLEAN) AS is_teaching_point,
       CAST(m.is_open AS BOOLEAN) AS is_open,
       CAST(m.is_in_directory AS BOOLEAN) AS is_in_directory,
       CAST(m.n_pupils AS INTEGER) AS n_pupils,
       CAST(m.n_male AS INTEGER) AS n_male,
       CAST(m.n_female AS INTEGER) AS n_female,
       CAST(m.n_compulsory AS INTEGER) AS n_compulsory,
       -- the limit is for schools of compulsory education; every pupil of such a school counts
       CAST(CASE WHEN m.n_compulsory > 0 THEN m.n_pupils > l.school_max END AS BOOLEAN) AS is_over_limit,
       CAST(CASE WHEN m.is_teaching_point THEN m.is_open AND m.n_pupils <= l.point_small END AS BOOLEAN) AS is_small_watch,
       CAST(CASE WHEN m.is_teaching_point THEN m.is_open AND m.n_pupils < l.point_small END AS BOOLEAN) AS is_small_hit,
       CAST(CASE WHEN NOT m.is_teaching_point THEN m.n_pupils
                 WHEN NOT m.is_open THEN 0
                 WHEN m.n_pupils < l.point_funding_floor THEN l.point_funding_floor
                 ELSE m.n_pupils END AS INTEGER) AS n_funded
FROM merged AS m
CROSS JOIN limits AS l
