-- Register of graduates with a major in preschool education (item 2): level, origin, destination and county of work.
WITH major AS (
  SELECT DISTINCT m.major_code FROM ref.major AS m WHERE m.is_preschool_education
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(g.graduation_year AS INTEGER) AS graduation_year,
       CAST(i.person_id AS UUID) AS person_id,
       CAST(g.delivery_id AS VARCHAR) AS delivery_id,
       CAST(g.row_no AS BIGINT) AS row_no,
       CAST(g.college_code AS VARCHAR) AS college_code,
       CAST(g.major_code AS VARCHAR) AS major_code,
       CAST(g.degree_level_code AS VARCHAR) AS degree_level_code,
       CAST(g.sex_code AS VARCHAR) AS sex_code,
       CAST(g.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(g.origin_county_code AS VARCHAR) AS origin_county_code,
       CAST(coalesce(x.teacher_trainee_code, x.teacher_trainee_num_code) AS VARCHAR) AS teacher_trainee_code,
       CAST(coalesce(x.training_mode_code, x.training_mode_num_code) AS VARCHAR) AS training_mode_code,
       CAST(g.destination_code AS VARCHAR) AS destination_code,
       CAST(g.rate_group_code AS VARCHAR) AS rate_group_code,
       CAST(g.is_settled AS BOOLEAN) AS is_settled,
       CAST(g.unit_nature_code AS VARCHAR) AS unit_nature_code,
       CAST(u.county_code AS VARCHAR) AS unit_county_code,
       CAST(coalesce(n.name_en = 'Schools and kindergartens', false) AS BOOLEAN) AS is_in_schools
FROM core.graduate__person_year AS g
JOIN major AS m ON m.major_code = g.major_code
JOIN core.identity__record AS i ON i.delivery_id = g.delivery_id AND i.row_no = g.row_no AND i.period = $period
JOIN raw.graduate_register__graduate AS x ON x.delivery_id = g.delivery_id AND x.row_no = g.row_no
LEFT JOIN core.county_unit__code AS u ON u.code = substr(g.unit_region_code, 1, 6) AND u.period = $period
LEFT JOIN ref.code_list AS n ON n.list_id = 'unit_nature' AND n.code = g.unit_nature_code
WHERE g.period = $period AND g.is_graduate
