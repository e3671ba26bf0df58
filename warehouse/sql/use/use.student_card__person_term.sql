-- One person, one card: every learner of a poor household and the last paid term: schooling, what is due, what came, what to look at.
WITH term AS (
  SELECT e.school_year_code, e.term_code
  FROM use.entitlement__person_rule_term AS e
  WHERE e.period = $period
  GROUP BY e.school_year_code, e.term_code
),
last_term AS (
  -- the latest term that anybody was paid for; an empty one where nothing was delivered yet
  SELECT coalesce(max(t.school_year_code || '/' || t.term_code), '/') AS code FROM term AS t
),
aid AS (
  SELECT e.person_id, sum(CASE WHEN e.is_entitled THEN 1 ELSE 0 END) AS n_due,
         sum(CASE WHEN e.is_entitled AND e.class_code <> 'full' THEN 1 ELSE 0 END) AS n_gap,
         sum(CASE WHEN e.is_entitled THEN e.amount_due ELSE 0 END) AS amount_due, sum(e.amount_paid) AS amount_paid,
         string_agg(DISTINCT CASE WHEN e.class_code <> 'ineligible' THEN e.rule_id END, ';'
                    ORDER BY CASE WHEN e.class_code <> 'ineligible' THEN e.rule_id END)
           AS rule_ids,
         string_agg(DISTINCT CASE WHEN e.class_code NOT IN ('full', 'not_judged') THEN e.rule_id || ':' || e.class_code END, ';'
                    ORDER BY CASE WHEN e.class_code NOT IN ('full', 'not_judged') THEN e.rule_id || ':' || e.class_code END) AS gap_rule_ids,
         max(e.poor_groups) AS poor_groups
  FROM use.entitlement__person_rule_term AS e
  CROSS JOIN last_term AS l
  WHERE e.period = $period AND e.school_year_code || '/' || e.term_code = l.code
  GROUP BY e.person_id
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(f.person_id AS UUID) AS person_id,
       CAST(split_part(l.code, '/', 1) AS VARCHAR) AS school_year_code,
       CAST(split_part(l.code, '/', 2) AS VARCHAR) AS term_code,
       CAST(f.delivery_id AS VARCHAR) AS delivery_id,
       CAST(f.row_no AS BIGINT) AS row_no,
       CAST(f.household_no_token AS UUID) AS household_no_token,
       CAST(f.county_code AS VARCHAR) AS county_code,
       CAST(f.sex_code AS VARCHAR) AS sex_code,
       CAST(f.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(f.age AS INTEGER) AS age,
       CAST(f.poverty_status_code AS VARCHAR) AS poverty_status_code,
       CAST(f.household_type_code AS VARCHAR) AS household_type_code,
       CAST(f.monitor_type_code AS VARCHAR) AS monitor_type_code,
       CAST(a.poor_groups AS VARCHAR) AS poor_groups,
       CAST(f.follow_code AS VARCHAR) AS follow_code,
       CAST(f.school_id AS VARCHAR) AS school_id,
       CAST(f.stage_code AS VARCHAR) AS stage_code,
       CAST(f.grade_code AS VARCHAR) AS grade_code,
       CAST(f.class_label AS VARCHAR) AS class_label,
       CAST(f.boarding_code AS VARCHAR) AS boarding_code,
       CAST(coalesce(a.n_due, 0) AS INTEGER) AS n_due,
       CAST(coalesce(a.n_gap, 0) AS INTEGER) AS n_gap,
       CAST(coalesce(a.amount_due, 0) AS DECIMAL(18, 2)) AS amount_due,
       CAST(coalesce(a.amount_paid, 0) AS DECIMAL(18, 2)) AS amount_paid,
       CAST(a.rule_ids AS VARCHAR) AS rule_ids,
       CAST(a.gap_rule_ids AS VARCHAR) AS gap_rule_ids,
       CAST(concat_ws(';',
         CASE WHEN f.follow_code IN ('suspected', 'not_in_school', 'claimed_elsewhere', 'row_set_aside') THEN f.follow_code END,
         CASE WHEN f.check_code IS NOT NULL AND f.check_code <> f.follow_code THEN f.check_code END,
         CASE WHEN f.is_stage_agreed = false THEN 'stage_differs' END,
         CASE WHEN d.person_id IS NOT NULL THEN 'double_enrolment' END,
         CASE WHEN f.grade_move_code IN ('repeated', 'demoted') THEN 'repeated' END,
         CASE WHEN a.n_gap > 0 THEN 'aid_gap' END) AS VARCHAR) AS flag_codes
FROM use.poverty_pupil_follow__person_month AS f
CROSS JOIN last_term AS l
LEFT JOIN aid AS a ON a.person_id = f.person_id
LEFT JOIN use.double_enrolment__person_month AS d ON d.person_id = f.person_id AND d.period = $period
WHERE f.period = $period
