-- The large classes one by one: school, grade, class, size and band (T12, T13); a class of this size tells nothing about a person.
SELECT CAST($period AS VARCHAR) AS period,
       CAST(c.school_id AS VARCHAR) AS school_id,
       CAST(c.grade_code AS VARCHAR) AS grade_code,
       CAST(c.class_label AS VARCHAR) AS class_label,
       CAST(c.point_code AS VARCHAR) AS point_code,
       CAST(c.county_code AS VARCHAR) AS county_code,
       CAST(u.county_name_zh AS VARCHAR) AS county_name_zh,
       CAST(u.county_name_en AS VARCHAR) AS county_name_en,
       CAST(s.school_name AS VARCHAR) AS school_name_zh,
       CAST(c.stage_code AS VARCHAR) AS stage_code,
       CAST(c.residence_code AS VARCHAR) AS residence_code,
       CAST(c.n_pupils AS INTEGER) AS n_pupils,
       CAST(c.n_declared AS INTEGER) AS n_declared,
       CAST(c.size_band_code AS VARCHAR) AS size_band_code,
       CAST(c.is_super AS BOOLEAN) AS is_super,
       -- pupils that must leave the class until it is no longer large
       CAST(c.n_pupils - l.class_large + 1 AS INTEGER) AS n_too_many,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM use.class_size__class_month AS c
CROSS JOIN (
  SELECT max(CASE WHEN t.threshold_id = 'class_large' THEN CAST(t.value AS INTEGER) END) AS class_large FROM ref.threshold AS t) AS l
CROSS JOIN (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'student_registry') AS d
LEFT JOIN core.school__school_month AS s ON s.school_id = c.school_id AND s.point_code = '' AND s.period = $period
LEFT JOIN core.county_unit__code AS u ON u.code = c.county_code AND u.period = $period
WHERE c.period = $period AND c.is_large AND c.stage_code IN ('10', '20', '31')
