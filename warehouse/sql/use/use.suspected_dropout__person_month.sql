-- Children of compulsory age out of school: never registered, gone without an explanation, suspension run out. A list to verify.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'dropout_age_from' THEN CAST(t.value AS INTEGER) END) AS age_from,
         max(CASE WHEN t.threshold_id = 'dropout_age_to' THEN CAST(t.value AS INTEGER) END) AS age_to,
         max(CASE WHEN t.threshold_id = 'never_enrolled_age_from' THEN CAST(t.value AS INTEGER) END) AS never_from,
         max(CASE WHEN t.threshold_id = 'suspension_max_months' THEN CAST(t.value AS INTEGER) END) AS suspension_months,
         max(CASE WHEN t.threshold_id = 'suspension_overdue_days' THEN CAST(t.value AS INTEGER) END) AS overdue_days,
         max(CASE WHEN t.threshold_id = 'transfer_pair_days' THEN CAST(t.value AS INTEGER) END) AS pair_days,
         max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'age_as_of_month' THEN CAST(t.value AS INTEGER) * 100 END)
           + max(CASE WHEN t.threshold_id = 'age_as_of_day' THEN CAST(t.value AS INTEGER) END) AS age_as_of
  FROM ref.threshold AS t
),
school_year AS (
  SELECT l.age_as_of, CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
here AS (
  SELECT s.person_id FROM core.standing__person_month AS s WHERE s.period = $period
),
exits AS (
  -- the last time a person went away, if nobody has seen the person since
  SELECT m.person_id, m.period AS since_period, m.seen_period AS last_period, m.exit_code,
         row_number() OVER (PARTITION BY m.person_id ORDER BY m.period DESC) AS n
  FROM core.movement__person_month AS m
  WHERE m.period <= $period AND m.presence_code = 'left'
    AND m.person_id NOT IN (SELECT h.person_id FROM here AS h)
),
explained_later AS (
  -- a record that came after the person had gone
  SELECT c.person_id, min(CASE WHEN c.effect_code IN ('death', 'abroad') OR c.is_leaving_province THEN c.period END) AS period
  FROM core.change__event AS c
  WHERE c.period <= $period
  GROUP BY c.person_id
),
gone AS (
  SELECT e.person_id, 'left' AS kind_code, e.since_period, e.last_period, e.exit_code AS evidence_code, s.school_id, s.county_code,
         s.hukou_county_code, s.stage_code, s.grade_code, s.level_no, s.state_code, s.birth_date, s.sex_code, s.ethnic_code
  FROM exits AS e
  JOIN core.standing__person_month AS s ON s.person_id = e.person_id AND s.period = e.last_period
  JOIN ref.exit_reason AS x ON x.exit_code = e.exit_code
  JOIN ref.stage AS st ON st.stage_code = s.stage_code
  CROSS JOIN limits AS l
  LEFT JOIN explained_later AS w ON w.person_id = e.person_id AND w.period >= e.since_period
  WHERE e.n = 1 AND x.is_suspect AND st.is_compulsory AND w.person_id IS NULL
    -- a transfer has its time to arrive, a record its time to be corrected
    AND NOT (e.exit_code IN ('transfer_pending', 'record_set_aside')
             AND date_diff('day', CAST(e.since_period || '-01' AS DATE), last_day(CAST($period || '-01' AS DATE))) <= l.pair_days)
),
still AS (
  SELECT s.person_id, min(s.period) AS since_period
  FROM core.standing__person_month AS s
  LEFT JOIN (
    SELECT o.person_id, max(o.period) AS period
    FROM core.standing__person_month AS o
    WHERE o.period <= $period AND o.state_code <> 'suspended'
    GROUP BY o.person_id) AS o ON o.person_id = s.person_id
  WHERE s.period <= $period AND s.state_code = 'suspended' AND s.period > coalesce(o.period, '')
  GROUP BY s.person_id
),
overdue AS (
  SELECT s.person_id, 'suspension_expired' AS kind_code, t.since_period, s.period AS last_period,
         'suspension_expired' AS evidence_code, s.school_id, s.county_code, s.hukou_county_code, s.stage_code, s.grade_code,
         s.level_no, s.state_code, s.birth_date, s.sex_code, s.ethnic_code
  FROM core.standing__person_month AS s
  JOIN still AS t ON t.person_id = s.person_id
  JOIN ref.stage AS st ON st.stage_code = s.stage_code
  CROSS JOIN limits AS l
  WHERE s.period = $period AND s.state_code = 'suspended' AND st.is_compulsory
    AND date_diff('day', CAST(t.since_period || '-01' AS DATE) + to_months(l.suspension_months),
                  last_day(CAST($period || '-01' AS DATE))) > l.overdue_days
),
register AS (
  SELECT i.person_id, p.county_code, p.school_state_code, p.stage_code, p.not_in_school_reason_code, p.birth_date,
         p.sex_code, p.ethnic_code, p.age,
         row_number() OVER (PARTITION BY i.person_id ORDER BY p.delivery_id, p.row_no) AS n
  FROM core.poverty_person__period AS p
  JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = $period
  WHERE p.period = $period
),
ever AS (
  SELECT DISTINCT s.person_id FROM core.standing__person_month AS s WHERE s.period <= $period
),
never AS (
  -- only where the register itself says that the child is in no school; a claimed school elsewhere is followed, not suspected
  SELECT r.person_id, 'never' AS kind_code, $period AS since_period, CAST(NULL AS VARCHAR) AS last_period,
         'never_registered' AS evidence_code, CAST(NULL AS VARCHAR) AS school_id, r.county_code,
         r.county_code AS hukou_county_code, CAST(NULL AS VARCHAR) AS stage_code, CAST(NULL AS VARCHAR) AS grade_code,
         CAST(NULL AS INTEGER) AS level_no, CAST(NULL AS VARCHAR) AS state_code, r.birth_date, r.sex_code, r.ethnic_code
  FROM register AS r
  CROSS JOIN limits AS l
  WHERE r.n = 1 AND r.stage_code IS NULL AND coalesce(r.school_state_code, '01') = '01'
    AND r.age BETWEEN l.never_from AND l.age_to AND r.person_id NOT IN (SELECT e.person_id FROM ever AS e)
),
suspected AS (
  SELECT g.person_id, g.kind_code, g.since_period, g.last_period, g.evidence_code, g.school_id, g.county_code,
         g.hukou_county_code, g.stage_code, g.grade_code, g.level_no, g.state_code, g.birth_date, g.sex_code, g.ethnic_code
  FROM gone AS g
  UNION ALL
  SELECT o.person_id, o.kind_code, o.since_period, o.last_period, o.evidence_code, o.school_id, o.county_code,
         o.hukou_county_code, o.stage_code, o.grade_code, o.level_no, o.state_code, o.birth_date, o.sex_code, o.ethnic_code
  FROM overdue AS o
  UNION ALL
  SELECT n.person_id, n.kind_code, n.since_period, n.last_period, n.evidence_code, n.school_id, n.county_code,
         n.hukou_county_code, n.stage_code, n.grade_code, n.level_no, n.state_code, n.birth_date, n.sex_code, n.ethnic_code
  FROM never AS n
),
aged AS (
  SELECT s.person_id, s.kind_code, s.since_period, s.last_period, s.evidence_code, s.school_id, s.county_code,
         s.hukou_county_code, s.stage_code, s.grade_code, s.level_no, s.state_code, s.sex_code, s.ethnic_code,
         y.first_year - year(s.birth_date)
           - CASE WHEN month(s.birth_date) * 100 + day(s.birth_date) > y.age_as_of THEN 1 ELSE 0 END AS age,
         date_diff('month', CAST(s.last_period || '-01' AS DATE), CAST($period || '-01' AS DATE)) AS months_out
  FROM suspected AS s
  CROSS JOIN school_year AS y
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(a.person_id AS UUID) AS person_id,
       CAST(substr(md5(CAST(a.person_id AS VARCHAR) || ':' || a.kind_code || ':' || coalesce(a.last_period, '')), 1, 12) AS VARCHAR)
         AS case_id,
       CAST(a.kind_code AS VARCHAR) AS kind_code,
       CAST(a.evidence_code AS VARCHAR) AS evidence_code,
       CAST(a.county_code AS VARCHAR) AS county_code,
       CAST(a.hukou_county_code AS VARCHAR) AS hukou_county_code,
       CAST(a.since_period AS VARCHAR) AS since_period,
       CAST(a.last_period AS VARCHAR) AS last_period,
       CAST(a.school_id AS VARCHAR) AS last_school_id,
       CAST(a.stage_code AS VARCHAR) AS last_stage_code,
       CAST(a.grade_code AS VARCHAR) AS last_grade_code,
       CAST(a.state_code AS VARCHAR) AS last_state_code,
       CAST(a.sex_code AS VARCHAR) AS sex_code,
       CAST(a.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(a.age AS INTEGER) AS age,
       CAST(a.months_out AS INTEGER) AS months_out,
       CAST(r.not_in_school_reason_code AS VARCHAR) AS hint_reason_code,
       CAST(coalesce(p.placement_code, 'by_age') AS VARCHAR) AS placement_code,
       -- by age: the year of schooling that children of this age are in
       CAST(CASE WHEN p.grade_offset IS NOT NULL THEN greatest(a.level_no + p.grade_offset, 1)
                 ELSE greatest(a.age - l.age_from + 1, 1) END AS INTEGER) AS suggested_level_no,
       CAST(r.person_id IS NOT NULL AS BOOLEAN) AS is_poor,
       -- RP15: a machine suspects, a person confirms
       CAST(true AS BOOLEAN) AS needs_confirmation
FROM aged AS a
CROSS JOIN limits AS l
LEFT JOIN ref.placement_rule AS p ON a.months_out BETWEEN p.months_from AND p.months_to
LEFT JOIN register AS r ON r.person_id = a.person_id AND r.n = 1
WHERE a.age IS NULL OR a.age BETWEEN l.age_from AND l.age_to
