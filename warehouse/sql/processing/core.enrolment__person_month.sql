-- One row per registration in force in the three registries (schools, vocational, preschool), with the person that the person index
-- sees in it; persons are counted by is_counted.
WITH registration AS (
  SELECT 'student_registry' AS source, r.delivery_id, r.row_no, r.owner, r.id_no_token, r.student_no_token, r.school_id,
         r.grade_code, r.stage_code, r.class_label, r.sex_code, r.ethnic_code, r.birth_date, r.entry_month, r.boarding_code,
         r.hukou_county_code, r.hukou_type_code, r.status_code, NULL AS student_kind_code
  FROM raw.student_registry__student AS r
  UNION ALL
  SELECT 'vocational_registry' AS source, v.delivery_id, v.row_no, v.owner, v.id_no_token, v.student_no_token, v.school_id,
         v.grade_code, NULL AS stage_code, v.class_label, v.sex_code, v.ethnic_code, v.birth_date, v.entry_month,
         NULL AS boarding_code, v.hukou_county_code, v.hukou_type_code, v.status_code, v.student_kind_code
  FROM raw.vocational_registry__student AS v
  UNION ALL
  SELECT 'preschool_registry' AS source, p.delivery_id, p.row_no, p.owner, p.id_no_token, p.student_no_token, p.school_id,
         p.grade_code, NULL AS stage_code, p.class_label, p.sex_code, p.ethnic_code, p.birth_date, p.entry_month,
         p.boarding_code, p.hukou_county_code, p.hukou_type_code, p.status_code, NULL AS student_kind_code
  FROM raw.preschool_registry__child AS p
),
limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'age_as_of_month' THEN CAST(t.value AS INTEGER) * 100 END)
           + max(CASE WHEN t.threshold_id = 'age_as_of_day' THEN CAST(t.value AS INTEGER) END) AS age_as_of
  FROM ref.threshold AS t
),
school_year AS (
  -- ages are completed years on the day before the school year begins
  SELECT l.age_as_of, CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
own_code AS (
  SELECT own_school_id, min(school_id) AS school_id, min(point_code) AS point_code
  FROM core.school__school_month
  WHERE period = $period AND is_teaching_point AND own_school_id <> school_id
  GROUP BY own_school_id
  HAVING count(*) = 1
),
located AS (
  SELECT r.source, r.delivery_id, r.row_no, d.owner, r.id_no_token, r.student_no_token,
         coalesce(o.school_id, r.school_id) AS school_id, o.point_code AS own_point_code,
         r.grade_code, coalesce(g.stage_code, r.stage_code) AS stage_code, r.class_label, r.sex_code, r.ethnic_code,
         r.birth_date, r.entry_month, r.boarding_code, r.hukou_county_code, r.hukou_type_code, r.status_code,
         r.student_kind_code,
         -- the registries list present pupils: a registration without a status is one in study
         CASE WHEN r.status_code IS NULL THEN 'in_study' ELSE coalesce(st.group_code, '') END AS status_group,
         -- only vocational pupils can be part-time
         r.source <> 'vocational_registry' OR coalesce(vk.group_code, '') = 'full_time' AS is_full_time
  FROM registration AS r
  JOIN core.delivery__period AS d ON d.delivery_id = r.delivery_id AND d.period = $period
  LEFT JOIN own_code AS o ON o.own_school_id = r.school_id
  LEFT JOIN ref.grade AS g ON g.grade_code = r.grade_code
  LEFT JOIN ref.code_list AS st ON st.list_id = 'student_status' AND st.code = r.status_code
  LEFT JOIN ref.code_list AS vk ON vk.list_id = 'voc_student_kind' AND vk.code = r.student_kind_code
),
described AS (
  SELECT l.source, l.delivery_id, l.row_no, l.id_no_token, l.student_no_token, i.person_id, l.school_id,
         coalesce(l.own_point_code, c.point_code, '') AS point_code,
         coalesce(s.county_code, u.county_code) AS county_code, coalesce(s.prefecture_code, u.prefecture_code) AS prefecture_code,
         coalesce(p.residence_code, s.residence_code) AS residence_code,
         h.county_code AS hukou_county_code, l.hukou_county_code AS hukou_delivered_code, l.hukou_type_code,
         l.stage_code, l.grade_code, l.class_label, l.sex_code, l.ethnic_code, l.birth_date, l.entry_month, l.boarding_code,
         y.first_year,
         y.first_year - year(l.birth_date)
           - CASE WHEN month(l.birth_date) * 100 + day(l.birth_date) > y.age_as_of THEN 1 ELSE 0 END AS age,
         l.status_code, l.status_group IN ('in_study', 'suspended') AS is_active, l.status_group = 'suspended' AS is_suspended,
         l.is_full_time, s.school_id IS NOT NULL AS is_school_known
  FROM located AS l
  JOIN core.identity__record AS i ON i.delivery_id = l.delivery_id AND i.row_no = l.row_no AND i.period = $period
  CROSS JOIN school_year AS y
  LEFT JOIN core.class__class_month AS c
    ON c.school_id = l.school_id AND c.grade_code = l.grade_code AND c.class_label = l.class_label AND c.period = $period
  LEFT JOIN core.school__school_month AS s ON s.school_id = l.school_id AND s.point_code = '' AND s.period = $period
  LEFT JOIN core.school__school_month AS p
    ON p.school_id = l.school_id AND p.point_code = coalesce(l.own_point_code, c.point_code) AND p.point_code <> ''
   AND p.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = l.owner AND u.period = $period
  LEFT JOIN core.county_unit__code AS h ON h.code = l.hukou_county_code AND h.period = $period
),
shared_id AS (
  -- one number, several pupils in study: a brother's or sister's number was typed
  SELECT described.id_no_token
  FROM described
  WHERE described.is_active AND described.id_no_token IS NOT NULL
  GROUP BY described.id_no_token
  HAVING min(described.person_id) <> max(described.person_id)
),
ranked AS (
  -- A person active twice counts once: in study before suspended, full-time before part-time, the latest entry, the higher
  -- stage; then a total order so that the same rows always give the same choice.
  SELECT described.source, described.delivery_id, described.row_no, described.person_id, described.id_no_token,
         described.student_no_token, described.school_id, described.point_code, described.county_code,
         described.prefecture_code, described.residence_code, described.hukou_county_code, described.hukou_delivered_code,
         described.hukou_type_code, described.stage_code, described.grade_code, described.class_label, described.sex_code,
         described.ethnic_code, described.birth_date, described.entry_month, described.boarding_code, described.first_year,
         described.age, described.status_code, described.is_active, described.is_suspended, described.is_full_time,
         described.is_school_known,
         row_number() OVER (
           PARTITION BY described.person_id, described.is_active
           ORDER BY described.is_suspended, described.is_full_time DESC, described.entry_month DESC NULLS LAST,
                    described.stage_code DESC NULLS LAST, described.school_id, described.delivery_id, described.row_no) AS n,
         count(*) OVER (PARTITION BY described.person_id, described.is_active) AS n_registrations,
         x.id_no_token IS NOT NULL AS is_id_shared
  FROM described
  LEFT JOIN shared_id AS x ON x.id_no_token = described.id_no_token
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(delivery_id AS VARCHAR) AS delivery_id,
       CAST(row_no AS BIGINT) AS row_no,
       CAST(source AS VARCHAR) AS source,
       CAST(person_id AS UUID) AS person_id,
       CAST(id_no_token AS UUID) AS id_no_token,
       CAST(student_no_token AS UUID) AS student_no_token,
       CAST(school_id AS VARCHAR) AS school_id,
       CAST(point_code AS VARCHAR) AS point_code,
       CAST(county_code AS VARCHAR) AS county_code,
       CAST(prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(residence_code AS VARCHAR) AS residence_code,
       CAST(hukou_county_code AS VARCHAR) AS hukou_county_code,
       CAST(hukou_delivered_code AS VARCHAR) AS hukou_delivered_code,
       CAST(hukou_type_code AS VARCHAR) AS hukou_type_code,
       CAST(stage_code AS VARCHAR) AS stage_code,
       CAST(grade_code AS VARCHAR) AS grade_code,
       CAST(class_label AS VARCHAR) AS class_label,
       CAST(sex_code AS VARCHAR) AS sex_code,
       CAST(ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(birth_date AS DATE) AS birth_date,
       CAST(age AS INTEGER) AS age,
       CAST(CAST(first_year AS VARCHAR) || '-' || CAST(first_year + 1 AS VARCHAR) AS VARCHAR) AS school_year_code,
       CAST(entry_month AS VARCHAR) AS entry_month,
       CAST(boarding_code AS VARCHAR) AS boarding_code,
       CAST(status_code AS VARCHAR) AS status_code,
       CAST(is_active AS BOOLEAN) AS is_active,
       CAST(is_suspended AS BOOLEAN) AS is_suspended,
       CAST(is_full_time AS BOOLEAN) AS is_full_time,
       CAST(is_active AND n = 1 AS BOOLEAN) AS is_counted,
       CAST(is_active AND n_registrations > 1 AS BOOLEAN) AS is_duplicate,
       CAST(is_active AND is_id_shared AS BOOLEAN) AS is_id_shared,
       CAST(is_school_known AS BOOLEAN) AS is_school_known
FROM ranked
