-- Two-later youth: finished junior or senior school in the last years and in no school since; derived list against the surveyed one.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'two_later_years' THEN CAST(t.value AS INTEGER) END) AS years,
         max(CASE WHEN t.threshold_id = 'two_later_age_from' THEN CAST(t.value AS INTEGER) END) AS age_from,
         max(CASE WHEN t.threshold_id = 'two_later_age_to' THEN CAST(t.value AS INTEGER) END) AS age_to,
         max(CASE WHEN t.threshold_id = 'age_as_of_month' THEN CAST(t.value AS INTEGER) * 100 END)
           + max(CASE WHEN t.threshold_id = 'age_as_of_day' THEN CAST(t.value AS INTEGER) END) AS age_as_of,
         max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT l.age_as_of, l.years, l.age_from, l.age_to, CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
finished AS (
  -- the last stage from junior school on that the person finished: by status, or the last grade when the year turned
  SELECT m.person_id, m.from_stage_code AS stage_code, max(m.seen_period) AS finished_period
  FROM core.movement__person_month AS m
  JOIN ref.grade_level AS g ON g.grade_code = m.from_grade_code AND g.is_final
  JOIN ref.stage AS s ON s.stage_code = m.from_stage_code
  WHERE m.period <= $period AND m.exit_code = 'graduated' AND s.rate_age_from >= 12
  GROUP BY m.person_id, m.from_stage_code
),
here AS (
  SELECT s.person_id FROM core.standing__person_month AS s WHERE s.period = $period AND s.is_active
),
later AS (
  SELECT f.person_id, f.stage_code, f.finished_period,
         row_number() OVER (PARTITION BY f.person_id ORDER BY f.finished_period DESC, f.stage_code DESC) AS n
  FROM finished AS f
  WHERE f.person_id NOT IN (SELECT h.person_id FROM here AS h)
),
college AS (
  SELECT DISTINCT i.person_id
  FROM core.identity__record AS i
  WHERE i.period = $period AND i.source = 'graduate_register'
),
register AS (
  SELECT i.person_id, p.county_code, p.school_state_code, p.is_school_age,
         row_number() OVER (PARTITION BY i.person_id ORDER BY p.delivery_id, p.row_no) AS n
  FROM core.poverty_person__period AS p
  JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = $period
  WHERE p.period = $period
),
derived AS (
  SELECT l.person_id, l.stage_code, l.finished_period, s.hukou_county_code, s.county_code, s.hukou_type_code, s.sex_code,
         s.ethnic_code,
         y.first_year - year(s.birth_date)
           - CASE WHEN month(s.birth_date) * 100 + day(s.birth_date) > y.age_as_of THEN 1 ELSE 0 END AS age
  FROM later AS l
  CROSS JOIN school_year AS y
  JOIN core.standing__person_month AS s ON s.person_id = l.person_id AND s.period = l.finished_period
  LEFT JOIN college AS c ON c.person_id = l.person_id
  LEFT JOIN register AS r ON r.person_id = l.person_id AND r.n = 1
  WHERE l.n = 1 AND c.person_id IS NULL
    AND date_diff('month', CAST(l.finished_period || '-01' AS DATE), CAST($period || '-01' AS DATE)) <= 12 * y.years + 3
    -- the register says that a poor person is in college
    AND NOT (r.school_state_code IS NOT NULL AND NOT r.is_school_age)
),
surveyed AS (
  SELECT i.person_id, v.top_education_code, v.grad_month, v.state_code, v.willingness_code, v.trade_codes, v.wish_time_code,
         v.wish_place_code, v.wish_duration_code, u.county_code, v.delivery_id, v.row_no,
         row_number() OVER (PARTITION BY i.person_id ORDER BY v.survey_date DESC NULLS LAST, v.delivery_id, v.row_no) AS n
  FROM raw.two_later_survey__person AS v
  JOIN core.delivery__period AS d ON d.delivery_id = v.delivery_id AND d.period = $period
  JOIN core.identity__record AS i ON i.delivery_id = v.delivery_id AND i.row_no = v.row_no AND i.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = v.county_code AND u.period = $period
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(coalesce(d.person_id, v.person_id) AS UUID) AS person_id,
       CAST(CASE WHEN d.person_id IS NULL THEN 'surveyed_only' WHEN v.person_id IS NULL THEN 'derived_only' ELSE 'both' END
            AS VARCHAR) AS list_code,
       CAST(coalesce(d.hukou_county_code, v.county_code, d.county_code) AS VARCHAR) AS county_code,
       CAST(coalesce(d.stage_code, te.group_code) AS VARCHAR) AS finished_stage_code,
       CAST(coalesce(d.finished_period, v.grad_month) AS VARCHAR) AS finished_period,
       -- vocational graduates are counted apart
       CAST(CASE WHEN coalesce(d.stage_code, te.group_code) = last.stage_code THEN 'B' ELSE 'A' END AS VARCHAR) AS variant_code,
       CAST(d.sex_code AS VARCHAR) AS sex_code,
       CAST(d.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(d.age AS INTEGER) AS age,
       CAST(d.hukou_type_code AS VARCHAR) AS hukou_type_code,
       CAST(r.person_id IS NOT NULL AS BOOLEAN) AS is_poor,
       CAST(v.delivery_id AS VARCHAR) AS delivery_id,
       CAST(v.row_no AS BIGINT) AS row_no,
       CAST(v.top_education_code AS VARCHAR) AS top_education_code,
       CAST(v.state_code AS VARCHAR) AS work_state_code,
       CAST(v.willingness_code AS VARCHAR) AS willingness_code,
       CAST(v.trade_codes AS VARCHAR) AS trade_codes,
       CAST(v.wish_time_code AS VARCHAR) AS wish_time_code,
       CAST(v.wish_place_code AS VARCHAR) AS wish_place_code,
       CAST(v.wish_duration_code AS VARCHAR) AS wish_duration_code
FROM derived AS d
FULL OUTER JOIN (
  SELECT s.person_id, s.top_education_code, s.grad_month, s.state_code, s.willingness_code, s.trade_codes, s.wish_time_code,
         s.wish_place_code, s.wish_duration_code, s.county_code, s.delivery_id, s.row_no
  FROM surveyed AS s WHERE s.n = 1) AS v ON v.person_id = d.person_id
CROSS JOIN school_year AS y
CROSS JOIN (SELECT max(s.stage_code) AS stage_code FROM ref.stage AS s WHERE s.rate_age_from = 15) AS last
LEFT JOIN ref.code_list AS te ON te.list_id = 'two_later_education' AND te.code = v.top_education_code
LEFT JOIN register AS r ON r.person_id = coalesce(d.person_id, v.person_id) AND r.n = 1
WHERE v.person_id IS NOT NULL OR d.age IS NULL OR d.age BETWEEN y.age_from AND y.age_to
