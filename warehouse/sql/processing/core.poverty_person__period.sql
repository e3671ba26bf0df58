-- One row per person of the poverty register in force, by the person index (a person listed twice: the latest delivery).
WITH school_age AS (
  -- from preschool to senior secondary
  SELECT min(CAST(s.rate_age_from AS INTEGER)) AS age_from, max(CAST(s.rate_age_to AS INTEGER)) AS age_to
  FROM ref.stage AS s
  WHERE s.stage_code IN ('00', '10', '20', '31', '32')
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
delivered AS (
  SELECT p.delivery_id, p.row_no, p.id_no_token, p.person_no_token, p.household_no_token, i.person_id,
         coalesce(u.county_code, o.county_code) AS county_code, coalesce(u.prefecture_code, o.prefecture_code) AS prefecture_code,
         p.sex_code, p.birth_date, p.ethnic_code, p.school_state_code, p.not_in_school_reason_code, p.poverty_status_code,
         p.household_type_code, p.monitor_type_code, d.as_of, d.delivery_period
  FROM raw.poverty_register__person AS p
  JOIN core.delivery__period AS d ON d.delivery_id = p.delivery_id AND d.period = $period
  JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = p.county_code AND u.period = $period
  LEFT JOIN core.county_unit__code AS o ON o.code = d.owner AND o.period = $period
),
ranked AS (
  SELECT delivered.delivery_id, delivered.row_no, delivered.id_no_token, delivered.person_no_token,
         delivered.household_no_token, delivered.person_id, delivered.county_code, delivered.prefecture_code,
         delivered.sex_code, delivered.birth_date, delivered.ethnic_code, delivered.school_state_code,
         delivered.not_in_school_reason_code, delivered.poverty_status_code, delivered.household_type_code,
         delivered.monitor_type_code,
         row_number() OVER (
           PARTITION BY delivered.person_id
           ORDER BY delivered.as_of DESC NULLS LAST, delivered.delivery_period DESC, delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
),
aged AS (
  SELECT r.delivery_id, r.row_no, r.id_no_token, r.person_no_token, r.household_no_token, r.person_id, r.county_code,
         r.prefecture_code, r.sex_code, r.birth_date, r.ethnic_code, r.school_state_code, r.not_in_school_reason_code,
         r.poverty_status_code, r.household_type_code, r.monitor_type_code,
         -- the state in school names a grade or a stage; colleges have neither
         coalesce(g.stage_code, ss.group_code) AS stage_code,
         r.school_state_code <> '01' AND ss.group_code IS NULL AS is_in_college,
         y.first_year - year(r.birth_date)
           - CASE WHEN month(r.birth_date) * 100 + day(r.birth_date) > y.age_as_of THEN 1 ELSE 0 END AS age
  FROM ranked AS r
  CROSS JOIN school_year AS y
  LEFT JOIN ref.code_list AS ss ON ss.list_id = 'school_state' AND ss.code = r.school_state_code
  LEFT JOIN ref.grade AS g ON g.grade_code = ss.group_code
  WHERE r.n = 1
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(a.person_id AS UUID) AS person_id,
       CAST(a.delivery_id AS VARCHAR) AS delivery_id,
       CAST(a.row_no AS BIGINT) AS row_no,
       CAST(a.id_no_token AS UUID) AS id_no_token,
       CAST(a.person_no_token AS UUID) AS person_no_token,
       CAST(a.household_no_token AS UUID) AS household_no_token,
       CAST(a.county_code AS VARCHAR) AS county_code,
       CAST(a.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(a.sex_code AS VARCHAR) AS sex_code,
       CAST(a.birth_date AS DATE) AS birth_date,
       CAST(a.age AS INTEGER) AS age,
       CAST(a.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(a.school_state_code AS VARCHAR) AS school_state_code,
       CAST(a.stage_code AS VARCHAR) AS stage_code,
       CAST(a.not_in_school_reason_code AS VARCHAR) AS not_in_school_reason_code,
       CAST(a.poverty_status_code AS VARCHAR) AS poverty_status_code,
       CAST(a.household_type_code AS VARCHAR) AS household_type_code,
       CAST(a.monitor_type_code AS VARCHAR) AS monitor_type_code,
       -- of school age by date of birth, or in school below college by the register's own word
       CAST(NOT coalesce(a.is_in_college, false)
            AND (coalesce(a.age BETWEEN s.age_from AND s.age_to, false) OR a.stage_code IS NOT NULL) AS BOOLEAN)
         AS is_school_age
FROM aged AS a
CROSS JOIN school_age AS s
