-- Every person of school age of the poverty register, followed from month to month: nobody leaves the list without a word.
-- Whose row of the register was set aside is followed by the last one that was in order.
WITH aside AS (
  SELECT DISTINCT s.id_no_token AS token
  FROM ops.set_aside__row AS s
  JOIN core.delivery__period AS d ON d.delivery_id = s.delivery_id AND d.period = $period
  WHERE d.source IN ('poverty_register') AND s.id_no_token IS NOT NULL
),
latest AS (
  SELECT p.id_no_token, max(p.period) AS period
  FROM core.poverty_person__period AS p
  JOIN aside AS a ON a.token = p.id_no_token
  WHERE p.period < $period
  GROUP BY p.id_no_token
),
listed AS (
  SELECT p.period, p.delivery_id, p.row_no, p.household_no_token, p.county_code, p.prefecture_code, p.sex_code, p.age, p.ethnic_code,
         p.school_state_code, p.stage_code, p.not_in_school_reason_code, p.poverty_status_code, p.household_type_code,
         p.monitor_type_code, p.is_school_age, false AS is_row_set_aside
  FROM core.poverty_person__period AS p
  WHERE p.period = $period
  UNION ALL
  SELECT p.period, p.delivery_id, p.row_no, p.household_no_token, p.county_code, p.prefecture_code, p.sex_code, p.age, p.ethnic_code,
         p.school_state_code, p.stage_code, p.not_in_school_reason_code, p.poverty_status_code, p.household_type_code,
         p.monitor_type_code, p.is_school_age, true AS is_row_set_aside
  FROM core.poverty_person__period AS p
  JOIN latest AS l ON l.period = p.period AND l.id_no_token = p.id_no_token
),
register AS (
  SELECT p.delivery_id, p.row_no, i.person_id, p.household_no_token, p.county_code, p.prefecture_code, p.sex_code, p.age,
         p.ethnic_code, p.school_state_code, p.stage_code, p.not_in_school_reason_code, p.poverty_status_code,
         p.household_type_code, p.monitor_type_code, p.is_school_age, p.is_row_set_aside,
         row_number() OVER (PARTITION BY i.person_id ORDER BY p.is_row_set_aside, p.delivery_id, p.row_no) AS n
  FROM listed AS p
  JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = p.period
),
judged AS (
  SELECT r.delivery_id, r.row_no, r.person_id, r.household_no_token, r.county_code, r.prefecture_code, r.sex_code, r.age,
         r.ethnic_code, r.school_state_code, r.stage_code AS claimed_stage_code, r.not_in_school_reason_code,
         r.poverty_status_code, r.household_type_code, r.monitor_type_code, s.school_id, s.county_code AS school_county_code,
         s.stage_code, s.grade_code, s.class_label, s.boarding_code, m.presence_code, m.exit_code, m.school_move_code,
         m.grade_move_code, d.kind_code, d.evidence_code, r.is_row_set_aside,
         CASE WHEN s.state_code = 'suspended' THEN 'suspended'
              WHEN s.is_active THEN 'in_school'
              WHEN s.state_code = 'completed' THEN 'completed'
              WHEN d.person_id IS NOT NULL THEN 'suspected'
              WHEN m.exit_code = 'row_set_aside' THEN 'row_set_aside'
              WHEN r.stage_code IS NOT NULL THEN 'claimed_elsewhere'
              WHEN st.is_compulsory THEN 'not_in_school'
              WHEN r.age < l.school_age_from THEN 'not_yet'
              ELSE 'not_in_school' END AS follow_code
  FROM register AS r
  CROSS JOIN (
    SELECT max(CASE WHEN t.threshold_id = 'never_enrolled_age_from' THEN CAST(t.value AS INTEGER) END) AS school_age_from
    FROM ref.threshold AS t) AS l
  LEFT JOIN core.standing__person_month AS s ON s.person_id = r.person_id AND s.period = $period
  LEFT JOIN core.movement__person_month AS m ON m.person_id = r.person_id AND m.period = $period
  LEFT JOIN use.suspected_dropout__person_month AS d ON d.person_id = r.person_id AND d.period = $period
  LEFT JOIN ref.stage AS st ON st.stage_code = r.stage_code
  WHERE r.n = 1 AND (r.is_school_age OR s.person_id IS NOT NULL)
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(j.person_id AS UUID) AS person_id,
       CAST(j.delivery_id AS VARCHAR) AS delivery_id,
       CAST(j.row_no AS BIGINT) AS row_no,
       CAST(j.household_no_token AS UUID) AS household_no_token,
       CAST(j.county_code AS VARCHAR) AS county_code,
       CAST(j.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(j.sex_code AS VARCHAR) AS sex_code,
       CAST(j.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(j.age AS INTEGER) AS age,
       CAST(j.poverty_status_code AS VARCHAR) AS poverty_status_code,
       CAST(j.household_type_code AS VARCHAR) AS household_type_code,
       CAST(j.monitor_type_code AS VARCHAR) AS monitor_type_code,
       CAST(j.school_state_code AS VARCHAR) AS school_state_code,
       CAST(j.claimed_stage_code AS VARCHAR) AS claimed_stage_code,
       CAST(j.follow_code AS VARCHAR) AS follow_code,
       CAST(j.school_id AS VARCHAR) AS school_id,
       CAST(j.school_county_code AS VARCHAR) AS school_county_code,
       CAST(j.stage_code AS VARCHAR) AS stage_code,
       CAST(j.grade_code AS VARCHAR) AS grade_code,
       CAST(j.class_label AS VARCHAR) AS class_label,
       CAST(j.boarding_code AS VARCHAR) AS boarding_code,
       CAST(j.presence_code AS VARCHAR) AS presence_code,
       CAST(j.exit_code AS VARCHAR) AS exit_code,
       CAST(j.school_move_code AS VARCHAR) AS school_move_code,
       CAST(j.grade_move_code AS VARCHAR) AS grade_move_code,
       CAST(j.not_in_school_reason_code AS VARCHAR) AS hint_reason_code,
       CAST(coalesce(j.evidence_code, CASE j.follow_code WHEN 'claimed_elsewhere' THEN 'claimed_elsewhere'
                                                         WHEN 'not_in_school' THEN 'not_in_school' END,
                     CASE WHEN j.is_row_set_aside THEN 'register_row_set_aside' END) AS VARCHAR) AS check_code,
       CAST(j.is_row_set_aside AS BOOLEAN) AS is_row_set_aside,
       CAST(CASE WHEN j.stage_code IS NOT NULL AND j.claimed_stage_code IS NOT NULL
                 THEN j.stage_code = j.claimed_stage_code END AS BOOLEAN) AS is_stage_agreed,
       CAST(coalesce(j.presence_code IN ('left', 'new', 'returned') OR j.school_move_code IN ('transferred', 'next_stage')
                     OR j.grade_move_code NOT IN ('same', 'promoted'), false) AS BOOLEAN) AS is_changed
FROM judged AS j
