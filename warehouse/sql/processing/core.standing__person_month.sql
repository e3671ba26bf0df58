-- Enrolment history: one row per person and month with the registration that counts, its place on the ladder of grades, its state.
WITH person AS (
  SELECT e.source, e.delivery_id, e.row_no, i.person_id, e.id_no_token, e.student_no_token, e.school_id, e.point_code,
         e.county_code, e.prefecture_code, e.residence_code, e.hukou_county_code, e.hukou_type_code, e.stage_code,
         e.grade_code, e.class_label, e.sex_code, e.ethnic_code, e.birth_date, e.age, e.school_year_code, e.entry_month,
         e.boarding_code, e.is_active, e.is_suspended, e.is_full_time,
         -- the registries list present pupils: a registration without a status is one in study
         CASE WHEN e.status_code IS NULL THEN 'in_study' ELSE coalesce(st.group_code, 'left') END AS state_code
  FROM core.enrolment__person_month AS e
  JOIN core.identity__record AS i ON i.delivery_id = e.delivery_id AND i.row_no = e.row_no AND i.period = $period
  LEFT JOIN ref.code_list AS st ON st.list_id = 'student_status' AND st.code = e.status_code
  WHERE e.period = $period
),
several AS (
  SELECT p.person_id FROM person AS p WHERE p.is_active GROUP BY p.person_id HAVING count(DISTINCT p.school_id) > 1
),
known AS (
  -- since when a person of several schools has been at each of them
  SELECT i.person_id, e.school_id, min(e.period) AS since_period
  FROM core.identity__record AS i
  JOIN several AS v ON v.person_id = i.person_id
  JOIN core.enrolment__person_month AS e
    ON e.period = i.period AND e.delivery_id = i.delivery_id AND e.row_no = i.row_no AND e.is_active
  WHERE i.period <= $period AND i.source IN ('student_registry', 'vocational_registry', 'preschool_registry')
  GROUP BY i.person_id, e.school_id
),
ranked AS (
  -- the same choice as the count of pupils (active, in study, full-time, the latest entry, the higher stage, then a total order),
  -- but the school that has had the person for longest: a second registration is no transfer there and back
  SELECT p.source, p.delivery_id, p.row_no, p.person_id, p.id_no_token, p.student_no_token, p.school_id, p.point_code,
         p.county_code, p.prefecture_code, p.residence_code, p.hukou_county_code, p.hukou_type_code, p.stage_code,
         p.grade_code, p.class_label, p.sex_code, p.ethnic_code, p.birth_date, p.age, p.school_year_code, p.entry_month,
         p.boarding_code, p.is_active, p.is_suspended, p.is_full_time, p.state_code,
         row_number() OVER (
           PARTITION BY p.person_id
           ORDER BY p.is_active DESC, p.is_suspended, p.is_full_time DESC, k.since_period NULLS LAST, p.entry_month DESC NULLS LAST,
                    p.stage_code DESC NULLS LAST, p.school_id, p.delivery_id, p.row_no) AS n
  FROM person AS p
  LEFT JOIN known AS k ON k.person_id = p.person_id AND k.school_id = p.school_id AND p.is_active
),
doubled AS (
  SELECT p.person_id, sum(CASE WHEN p.is_active THEN 1 ELSE 0 END) AS n_active,
         count(DISTINCT CASE WHEN p.is_active THEN p.school_id END) AS n_schools
  FROM person AS p
  GROUP BY p.person_id
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.person_id AS UUID) AS person_id,
       CAST(r.source AS VARCHAR) AS source,
       CAST(r.delivery_id AS VARCHAR) AS delivery_id,
       CAST(r.row_no AS BIGINT) AS row_no,
       CAST(r.id_no_token AS UUID) AS id_no_token,
       CAST(r.student_no_token AS UUID) AS student_no_token,
       CAST(r.school_id AS VARCHAR) AS school_id,
       CAST(r.point_code AS VARCHAR) AS point_code,
       CAST(r.county_code AS VARCHAR) AS county_code,
       CAST(r.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(r.residence_code AS VARCHAR) AS residence_code,
       CAST(r.hukou_county_code AS VARCHAR) AS hukou_county_code,
       CAST(r.hukou_type_code AS VARCHAR) AS hukou_type_code,
       CAST(r.stage_code AS VARCHAR) AS stage_code,
       CAST(r.grade_code AS VARCHAR) AS grade_code,
       CAST(g.level_no AS INTEGER) AS level_no,
       CAST(r.class_label AS VARCHAR) AS class_label,
       CAST(r.sex_code AS VARCHAR) AS sex_code,
       CAST(r.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(r.birth_date AS DATE) AS birth_date,
       CAST(r.age AS INTEGER) AS age,
       CAST(r.school_year_code AS VARCHAR) AS school_year_code,
       CAST(r.entry_month AS VARCHAR) AS entry_month,
       CAST(r.boarding_code AS VARCHAR) AS boarding_code,
       CAST(r.state_code AS VARCHAR) AS state_code,
       CAST(r.is_active AS BOOLEAN) AS is_active,
       CAST(r.is_full_time AS BOOLEAN) AS is_full_time,
       CAST(d.n_active AS INTEGER) AS n_active,
       CAST(d.n_schools AS INTEGER) AS n_schools
FROM ranked AS r
JOIN doubled AS d ON d.person_id = r.person_id
LEFT JOIN ref.grade_level AS g ON g.grade_code = r.grade_code
WHERE r.n = 1
