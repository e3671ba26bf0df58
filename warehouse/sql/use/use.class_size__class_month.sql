-- One row per class: pupils counted from the registries (in study, each person once), never the declared size, and its band.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'class_watch' THEN CAST(t.value AS INTEGER) END) AS watch,
         max(CASE WHEN t.threshold_id = 'class_large' THEN CAST(t.value AS INTEGER) END) AS large,
         max(CASE WHEN t.threshold_id = 'class_super' THEN CAST(t.value AS INTEGER) END) AS super
  FROM ref.threshold AS t
),
counted AS (
  SELECT e.school_id, e.grade_code, e.class_label, count(*) AS n_pupils, min(e.point_code) AS point_code,
         min(e.county_code) AS county_code
  FROM core.enrolment__person_month AS e
  WHERE e.period = $period AND e.is_counted AND NOT e.is_suspended AND e.is_full_time
    AND e.school_id IS NOT NULL AND e.grade_code IS NOT NULL AND e.class_label IS NOT NULL
    -- classes of vocational schools are numbered within a major and stand in no directory
    AND e.source <> 'vocational_registry'
  GROUP BY e.school_id, e.grade_code, e.class_label
),
merged AS (
  SELECT coalesce(n.school_id, c.school_id) AS school_id, coalesce(n.grade_code, c.grade_code) AS grade_code,
         coalesce(n.class_label, c.class_label) AS class_label, coalesce(c.point_code, n.point_code) AS point_code,
         c.class_type_code, c.n_declared, coalesce(n.n_pupils, 0) AS n_pupils, c.school_id IS NOT NULL AS is_in_directory,
         n.county_code AS pupil_county_code
  FROM counted AS n
  FULL OUTER JOIN (
    SELECT school_id, grade_code, class_label, point_code, class_type_code, n_declared
    FROM core.class__class_month WHERE period = $period) AS c
    ON c.school_id = n.school_id AND c.grade_code = n.grade_code AND c.class_label = n.class_label
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(m.school_id AS VARCHAR) AS school_id,
       CAST(m.grade_code AS VARCHAR) AS grade_code,
       CAST(m.class_label AS VARCHAR) AS class_label,
       CAST(m.point_code AS VARCHAR) AS point_code,
       CAST(coalesce(p.county_code, s.county_code, m.pupil_county_code) AS VARCHAR) AS county_code,
       CAST(coalesce(p.residence_code, s.residence_code) AS VARCHAR) AS residence_code,
       CAST(g.stage_code AS VARCHAR) AS stage_code,
       CAST(m.class_type_code AS VARCHAR) AS class_type_code,
       CAST(m.n_pupils AS INTEGER) AS n_pupils,
       CAST(m.n_declared AS INTEGER) AS n_declared,
       CAST(CASE WHEN m.n_pupils = 0 THEN 'empty'
                 WHEN m.n_pupils >= l.super THEN 'super'
                 WHEN m.n_pupils >= l.large THEN 'large'
                 WHEN m.n_pupils >= l.watch THEN 'watch'
                 ELSE 'normal' END AS VARCHAR) AS size_band_code,
       -- a large class is one of 56 or more, the super-large ones included
       CAST(m.n_pupils >= l.large AS BOOLEAN) AS is_large,
       CAST(m.n_pupils >= l.super AS BOOLEAN) AS is_super,
       CAST(m.is_in_directory AS BOOLEAN) AS is_in_directory
FROM merged AS m
CROSS JOIN limits AS l
LEFT JOIN ref.grade AS g ON g.grade_code = m.grade_code
LEFT JOIN core.school__school_month AS s ON s.school_id = m.school_id AND s.point_code = '' AND s.period = $period
LEFT JOIN core.school__school_month AS p
  ON p.school_id = m.school_id AND p.point_code = m.point_code AND m.point_code <> '' AND p.period = $period
