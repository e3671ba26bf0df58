-- One row per class of the class directory (school, grade, class); the declared size is a claim and is only kept.
WITH own_code AS (
  -- teaching points that have a school code of their own: their classes belong to the centre and the point
  SELECT own_school_id, min(school_id) AS school_id, min(point_code) AS point_code
  FROM core.school__school_month
  WHERE period = $period AND is_teaching_point AND own_school_id <> school_id
  GROUP BY own_school_id
  HAVING count(*) = 1
),
delivered AS (
  SELECT coalesce(o.school_id, c.school_id) AS school_id, coalesce(c.point_code, o.point_code, '') AS point_code,
         c.grade_code, c.class_label, c.class_name, c.class_type_code, c.opened_month, c.n_declared,
         d.as_of, c.delivery_id, c.row_no
  FROM raw.class_directory__class AS c
  JOIN core.delivery__period AS d ON d.delivery_id = c.delivery_id AND d.period = $period
  LEFT JOIN own_code AS o ON o.own_school_id = c.school_id
  WHERE c.school_id IS NOT NULL AND c.grade_code IS NOT NULL AND c.class_label IS NOT NULL
),
ranked AS (
  SELECT delivered.school_id, delivered.point_code, delivered.grade_code, delivered.class_label, delivered.class_name,
         delivered.class_type_code, delivered.opened_month, delivered.n_declared, delivered.delivery_id, delivered.row_no,
         row_number() OVER (
           PARTITION BY delivered.school_id, delivered.grade_code, delivered.class_label
           ORDER BY delivered.as_of DESC NULLS LAST, delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.school_id AS VARCHAR) AS school_id,
       CAST(r.grade_code AS VARCHAR) AS grade_code,
       CAST(r.class_label AS VARCHAR) AS class_label,
       CAST(r.point_code AS VARCHAR) AS point_code,
       CAST(g.stage_code AS VARCHAR) AS stage_code,
       CAST(r.class_name AS VARCHAR) AS class_name,
       CAST(r.class_type_code AS VARCHAR) AS class_type_code,
       CAST(r.opened_month AS VARCHAR) AS opened_month,
       CAST(r.n_declared AS INTEGER) AS n_declared,
       CAST(r.delivery_id AS VARCHAR) AS delivery_id,
       CAST(r.row_no AS BIGINT) AS row_no
FROM ranked AS r
LEFT JOIN ref.grade AS g ON g.grade_code = r.grade_code
WHERE r.n = 1
