-- Disabled children: of compulsory age on the roster, or in the compulsory stage of a registry; where each is taught (item 25).
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'age_as_of_month' THEN CAST(t.value AS INTEGER) * 100 END)
           + max(CASE WHEN t.threshold_id = 'age_as_of_day' THEN CAST(t.value AS INTEGER) END) AS age_as_of,
         max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT l.age_as_of, CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
band AS (
  SELECT min(s.rate_age_from) AS age_from, max(s.rate_age_to) AS age_to FROM ref.stage AS s WHERE s.is_compulsory
),
roster AS (
  SELECT i.person_id, r.delivery_id, r.row_no, r.disability_category_code, r.disability_level_code, u.county_code, r.sex_code,
         CAST(r.birth_month || '-01' AS DATE) AS birth_date,
         row_number() OVER (PARTITION BY i.person_id ORDER BY r.delivery_id, r.row_no) AS n
  FROM raw.disability_roster__person AS r
  JOIN core.delivery__period AS d ON d.delivery_id = r.delivery_id AND d.period = $period
  JOIN core.identity__record AS i ON i.delivery_id = r.delivery_id AND i.row_no = r.row_no AND i.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = r.hukou_county_code AND u.period = $period
),
pupil AS (
  SELECT s.person_id, s.school_id, s.hukou_county_code, s.county_code, s.stage_code, s.grade_code, s.birth_date, s.sex_code,
         nullif(x.disability_code, '0') AS disability_code, x.inclusive_code, t.group_code AS run_stage
  FROM core.standing__person_month AS s
  LEFT JOIN raw.student_registry__student AS x
    ON x.delivery_id = s.delivery_id AND x.row_no = s.row_no
  LEFT JOIN core.school__school_month AS h ON h.school_id = s.school_id AND h.point_code = '' AND h.period = $period
  LEFT JOIN ref.code_list AS t ON t.list_id = 'school_run_type' AND t.code = h.school_run_type_code
  WHERE s.period = $period AND s.is_active
),
child AS (
  SELECT coalesce(r.person_id, p.person_id) AS person_id, r.delivery_id, r.row_no,
         coalesce(r.county_code, p.hukou_county_code, p.county_code) AS county_code,
         coalesce(r.disability_category_code, p.disability_code) AS disability_code, r.disability_level_code,
         coalesce(p.sex_code, r.sex_code) AS sex_code, coalesce(p.birth_date, r.birth_date) AS birth_date, p.school_id, p.stage_code, p.grade_code, p.inclusive_code,
         p.run_stage, r.person_id IS NOT NULL AS is_on_roster, p.person_id IS NOT NULL AS is_in_registry
  FROM (SELECT a.person_id, a.delivery_id, a.row_no, a.disability_category_code, a.disability_level_code, a.county_code, a.sex_code, a.birth_date
        FROM roster AS a WHERE a.n = 1) AS r
  FULL OUTER JOIN pupil AS p ON p.person_id = r.person_id
  WHERE r.person_id IS NOT NULL OR p.disability_code IS NOT NULL
),
seen AS (
  -- where the certificate shows no month of birth: from any registration, or from the poverty register
  SELECT b.person_id, min(b.birth_date) AS birth_date
  FROM (
    SELECT s.person_id, s.birth_date FROM core.standing__person_month AS s WHERE s.period <= $period
    UNION ALL
    SELECT i.person_id, p.birth_date
    FROM core.poverty_person__period AS p
    JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = $period
    WHERE p.period = $period) AS b
  GROUP BY b.person_id
),
aged AS (
  SELECT c.person_id, c.delivery_id, c.row_no, c.county_code, c.disability_code, c.disability_level_code, c.sex_code, c.school_id,
         c.stage_code, c.grade_code, c.inclusive_code, c.run_stage, c.is_on_roster, c.is_in_registry,
         y.first_year - year(coalesce(c.birth_date, s.birth_date))
           - CASE WHEN month(coalesce(c.birth_date, s.birth_date)) * 100 + day(coalesce(c.birth_date, s.birth_date)) > y.age_as_of
                  THEN 1 ELSE 0 END AS age
  FROM child AS c
  CROSS JOIN school_year AS y
  LEFT JOIN seen AS s ON s.person_id = c.person_id
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(a.person_id AS UUID) AS person_id,
       CAST(a.delivery_id AS VARCHAR) AS delivery_id,
       CAST(a.row_no AS BIGINT) AS row_no,
       CAST(a.county_code AS VARCHAR) AS county_code,
       CAST(a.sex_code AS VARCHAR) AS sex_code,
       CAST(a.age AS INTEGER) AS age,
       CAST(a.disability_code AS VARCHAR) AS disability_code,
       CAST(a.disability_level_code AS VARCHAR) AS disability_level_code,
       -- visual, hearing and speech, intellectual: the three kinds of item 25
       CAST(coalesce(k.name_en IN ('Visual', 'Hearing', 'Speech', 'Intellectual'), false) AS BOOLEAN) AS is_three_kinds,
       CAST(a.is_on_roster AS BOOLEAN) AS is_on_roster,
       CAST(a.is_in_registry AS BOOLEAN) AS is_in_registry,
       CAST(a.school_id AS VARCHAR) AS school_id,
       CAST(a.stage_code AS VARCHAR) AS stage_code,
       CAST(a.grade_code AS VARCHAR) AS grade_code,
       CAST(CASE WHEN NOT a.is_in_registry THEN 'not_enrolled'
                 WHEN a.run_stage = sp.stage_code THEN 'special_school'
                 WHEN coalesce(a.inclusive_code, '0') <> '0' THEN 'inclusive_class'
                 WHEN a.disability_code IS NOT NULL AND st.is_compulsory THEN 'regular_unmarked'
                 ELSE 'other_stage' END AS VARCHAR) AS placement
FROM aged AS a
CROSS JOIN band AS b
CROSS JOIN (SELECT max(s.stage_code) AS stage_code FROM ref.stage AS s WHERE s.name_en = 'Special education') AS sp
LEFT JOIN ref.stage AS st ON st.stage_code = a.stage_code
LEFT JOIN ref.code_list AS k ON k.list_id = 'disability' AND k.code = a.disability_code
WHERE a.age BETWEEN b.age_from AND b.age_to OR st.is_compulsory
   -- a certificate of which nobody knows the age is not left out
   OR (a.age IS NULL AND a.is_on_roster)
