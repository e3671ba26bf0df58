-- What is due to each person by each rule of the last paid terms, what was paid, and the class; unmatched poor children stay in.
-- Rules whose receipt nobody reports stand beside them without a verdict (not_judged).
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'aid_tolerance' THEN CAST(t.value AS DECIMAL(18, 2)) END) AS tolerance,
         max(CASE WHEN t.threshold_id = 'never_enrolled_age_from' THEN CAST(t.value AS INTEGER) END) AS compulsory_from,
         max(CASE WHEN t.threshold_id = 'dropout_age_to' THEN CAST(t.value AS INTEGER) END) AS compulsory_to
  FROM ref.threshold AS t
),
payment AS (
  SELECT i.person_id, a.school_year_code, a.term_code, a.programme_code, a.school_id, a.amount,
         -- what came back was not received
         coalesce(a.pay_status_code = '1', false) AS is_received, o.county_code
  FROM raw.aid_record__payment AS a
  JOIN core.delivery__period AS d ON d.delivery_id = a.delivery_id AND d.period = $period
  JOIN core.identity__record AS i ON i.delivery_id = a.delivery_id AND i.row_no = a.row_no AND i.period = $period
  LEFT JOIN core.county_unit__code AS o ON o.code = d.owner AND o.period = $period
),
wanted AS (
  SELECT t.school_year_code, t.term_code, c.month, c.n_months,
         CAST(CAST(substr(t.school_year_code, 1, 4) AS INTEGER) + c.year_offset AS VARCHAR) || '-'
           || lpad(CAST(c.month AS VARCHAR), 2, '0') AS month_code
  FROM (SELECT DISTINCT p.school_year_code, p.term_code FROM payment AS p) AS t
  JOIN ref.term_calendar AS c ON c.term_code = t.term_code
),
term AS (
  -- recognised on the month's state; if that month was never loaded, on the first one of the term that was
  SELECT w.school_year_code, w.term_code, CAST(w.month_code || '-01' AS DATE) AS start_date, w.n_months,
         min(s.period) AS recognised_period, max(s.period) AS last_period
  FROM wanted AS w
  LEFT JOIN (SELECT DISTINCT e.period FROM core.standing__person_month AS e WHERE e.period <= $period) AS s
    ON s.period >= w.month_code AND date_diff('month', CAST(w.month_code || '-01' AS DATE), CAST(s.period || '-01' AS DATE)) < w.n_months
  GROUP BY w.school_year_code, w.term_code, w.month_code, w.n_months
),
register AS (
  SELECT t.school_year_code, t.term_code, i.person_id, p.county_code, p.stage_code, p.school_state_code, p.age, p.is_school_age,
         CASE WHEN p.monitor_type_code IS NOT NULL THEN 'monitored' ELSE 'poverty' END AS poor_group,
         coalesce(r.has_dibao, false) AS has_dibao, coalesce(r.has_tekun, false) AS has_tekun,
         row_number() OVER (PARTITION BY t.school_year_code, t.term_code, i.person_id ORDER BY p.delivery_id, p.row_no) AS n
  FROM term AS t
  JOIN core.poverty_person__period AS p ON p.period = t.recognised_period
  JOIN core.identity__record AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no AND i.period = t.recognised_period
  JOIN raw.poverty_register__person AS r ON r.delivery_id = p.delivery_id AND r.row_no = p.row_no
),
rostered AS (
  SELECT DISTINCT t.school_year_code, t.term_code, i.person_id
  FROM term AS t
  JOIN core.identity__record AS i ON i.period = t.recognised_period AND i.source = 'disability_roster'
),
unsure AS (
  -- learners whose row of the poverty register was set aside in the month of recognition: poor until it is corrected, to be verified
  SELECT DISTINCT t.school_year_code, t.term_code, s.person_id
  FROM term AS t
  JOIN core.delivery__period AS d ON d.period = t.recognised_period
  JOIN ops.set_aside__row AS a ON a.delivery_id = d.delivery_id
  JOIN core.standing__person_month AS s
    ON s.period BETWEEN t.recognised_period AND t.last_period AND s.id_no_token = a.id_no_token
  WHERE d.source IN ('poverty_register')
),
presence AS (
  -- from when to when a person studied within the term; who came after the day of recognition came late
  SELECT t.school_year_code, t.term_code, s.person_id, min(s.period) AS seen_period,
         min(CASE WHEN s.state_code = 'in_study' THEN s.period END) AS from_period,
         max(CASE WHEN s.state_code = 'in_study' THEN s.period END) AS to_period
  FROM term AS t
  JOIN core.standing__person_month AS s ON s.period BETWEEN t.recognised_period AND t.last_period AND s.is_active
  GROUP BY t.school_year_code, t.term_code, s.person_id
),
stay AS (
  -- months of the term in study: from its first day unless the person came later, to its last unless gone
  SELECT p.school_year_code, p.term_code, p.person_id, p.seen_period, p.seen_period > t.recognised_period AS is_late,
         CASE WHEN p.from_period IS NULL THEN 0
              ELSE t.n_months
                - CASE WHEN p.from_period = t.recognised_period THEN 0
                       ELSE date_diff('month', t.start_date, CAST(p.from_period || '-01' AS DATE)) END
                - CASE WHEN p.to_period = t.last_period THEN 0
                       ELSE t.n_months - 1 - date_diff('month', t.start_date, CAST(p.to_period || '-01' AS DATE)) END
         END AS n_months
  FROM presence AS p
  JOIN term AS t ON t.school_year_code = p.school_year_code AND t.term_code = p.term_code
),
learner AS (
  SELECT y.n_months, y.is_late, t.school_year_code, t.term_code, t.start_date, t.recognised_period, s.person_id, s.school_id, s.county_code,
         s.stage_code, s.grade_code, s.state_code, CASE WHEN s.is_full_time THEN 'yes' ELSE 'no' END AS full_time,
         s.boarding_code, s.hukou_type_code, s.residence_code, mg.group_code AS major_group,
         CASE WHEN k.ownership_code IS NULL AND NOT coalesce(k.is_affordable, false) THEN NULL
              WHEN o.name_en = 'Public' THEN 'public'
              WHEN k.is_affordable THEN 'affordable' ELSE 'other' END AS kindergarten,
         CASE WHEN hu.prefecture_code <> s.prefecture_code THEN 'yes' ELSE 'no' END AS study_away,
         g.person_id IS NULL AND un.person_id IS NOT NULL AS is_unsure,
         concat_ws(';', coalesce(g.poor_group, CASE WHEN un.person_id IS NOT NULL THEN 'poverty' END),
           CASE WHEN g.has_dibao OR coalesce(v.has_dibao, false) OR coalesce(k.has_dibao, false) THEN 'dibao' END,
           CASE WHEN g.has_tekun THEN 'tekun' END,
           CASE WHEN coalesce(x.is_orphan, k.is_orphan, false) THEN 'orphan' END,
           CASE WHEN coalesce(x.disability_code, '0') <> '0' OR coalesce(k.is_disabled, false) OR ro.person_id IS NOT NULL
                THEN 'disabled' END,
           CASE WHEN coalesce(x.is_martyr_child, k.is_martyr_child, false) THEN 'martyr' END) AS poor_groups
  FROM term AS t
  JOIN stay AS y ON y.school_year_code = t.school_year_code AND y.term_code = t.term_code
  JOIN core.standing__person_month AS s ON s.period = y.seen_period AND s.person_id = y.person_id
  LEFT JOIN raw.student_registry__student AS x
    ON x.delivery_id = s.delivery_id AND x.row_no = s.row_no
  LEFT JOIN raw.vocational_registry__student AS v
    ON v.delivery_id = s.delivery_id AND v.row_no = s.row_no
  LEFT JOIN raw.preschool_registry__child AS k
    ON k.delivery_id = s.delivery_id AND k.row_no = s.row_no
  LEFT JOIN ref.code_list AS o ON o.list_id = 'ownership' AND o.code = k.ownership_code
  LEFT JOIN ref.major_group AS mg ON mg.level = 'secondary' AND starts_with(v.major_code, mg.prefix)
  LEFT JOIN core.county_unit__code AS hu ON hu.code = s.hukou_county_code AND hu.period = $period
  LEFT JOIN register AS g
    ON g.person_id = s.person_id AND g.school_year_code = t.school_year_code AND g.term_code = t.term_code AND g.n = 1
  LEFT JOIN rostered AS ro
    ON ro.person_id = s.person_id AND ro.school_year_code = t.school_year_code AND ro.term_code = t.term_code
  LEFT JOIN unsure AS un
    ON un.person_id = s.person_id AND un.school_year_code = t.school_year_code AND un.term_code = t.term_code
),
missing AS (
  -- poor children of school age whom no registry shows: what they say they attend decides what may be due
  SELECT CAST(NULL AS BIGINT) AS n_months, false AS is_late, false AS is_unsure, g.school_year_code, g.term_code, t.start_date, t.recognised_period,
         g.person_id, CAST(NULL AS VARCHAR) AS school_id,
         g.county_code, g.stage_code, gr.grade_code, 'in_study' AS state_code, '*' AS full_time, '*' AS boarding_code,
         '*' AS hukou_type_code, '*' AS residence_code, CAST(NULL AS VARCHAR) AS major_group, '*' AS kindergarten,
         '*' AS study_away, concat_ws(';', g.poor_group, CASE WHEN g.has_dibao THEN 'dibao' END,
                                      CASE WHEN g.has_tekun THEN 'tekun' END) AS poor_groups
  FROM register AS g
  CROSS JOIN limits AS l
  JOIN term AS t ON t.school_year_code = g.school_year_code AND t.term_code = g.term_code
  LEFT JOIN ref.code_list AS ss ON ss.list_id = 'school_state' AND ss.code = g.school_state_code
  LEFT JOIN ref.grade AS gr ON gr.grade_code = ss.group_code AND gr.stage_code = g.stage_code
  LEFT JOIN learner AS s
    ON s.person_id = g.person_id AND s.school_year_code = g.school_year_code AND s.term_code = g.term_code
  WHERE g.n = 1 AND s.person_id IS NULL AND g.is_school_age
    AND (g.stage_code IS NOT NULL OR g.age BETWEEN l.compulsory_from AND l.compulsory_to)
),
person AS (
  SELECT l.school_year_code, l.term_code, l.start_date, l.recognised_period, l.person_id, l.school_id, l.county_code, l.stage_code,
         l.grade_code, l.state_code, l.full_time, l.boarding_code, l.hukou_type_code, l.residence_code, l.major_group,
         l.kindergarten, l.study_away, l.poor_groups, true AS is_matched, l.n_months, l.is_late, l.is_unsure
  FROM learner AS l
  UNION ALL
  SELECT m.school_year_code, m.term_code, m.start_date, m.recognised_period, m.person_id, m.school_id, m.county_code, m.stage_code,
         coalesce(m.grade_code, '*') AS grade_code, m.state_code, m.full_time, m.boarding_code, m.hukou_type_code,
         m.residence_code, m.major_group, m.kindergarten, m.study_away, m.poor_groups, false AS is_matched, m.n_months, m.is_late, m.is_unsure
  FROM missing AS m
),
keyed AS (
  -- equal circumstances are judged once
  SELECT p.school_year_code, p.term_code, p.start_date, p.recognised_period, p.person_id, p.school_id, p.county_code, p.stage_code,
         p.grade_code, p.state_code, p.full_time, p.boarding_code, p.hukou_type_code, p.residence_code, p.major_group,
         p.kindergarten, p.study_away, p.poor_groups, p.is_matched, p.n_months, p.is_late, p.is_unsure,
         md5(concat_ws('|', CAST(p.start_date AS VARCHAR), coalesce(p.county_code, '-'), coalesce(p.stage_code, '-'),
             coalesce(p.grade_code, '-'), p.state_code, p.full_time, coalesce(p.boarding_code, '-'),
             coalesce(p.hukou_type_code, '-'), coalesce(p.residence_code, '-'), coalesce(p.major_group, '-'),
             coalesce(p.kindergarten, '-'), p.study_away, p.poor_groups)) AS profile
  FROM person AS p
),
profile AS (
  SELECT DISTINCT k.profile, k.start_date, k.county_code, k.stage_code, k.grade_code, k.state_code, k.full_time, k.boarding_code,
         k.hukou_type_code, k.residence_code, k.major_group, k.kindergarten, k.study_away, k.poor_groups
  FROM keyed AS k
),
fact AS (
  SELECT p.profile, 'stage' AS attribute, p.stage_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'grade' AS attribute, p.grade_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'state' AS attribute, p.state_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'full_time' AS attribute, p.full_time AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'boarding' AS attribute, p.boarding_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'hukou_type' AS attribute, p.hukou_type_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'residence' AS attribute, p.residence_code AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'major_group' AS attribute, p.major_group AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'kindergarten' AS attribute, p.kindergarten AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'study_away' AS attribute, p.study_away AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'term_start' AS attribute, CAST(p.start_date AS VARCHAR) AS value FROM profile AS p
  UNION ALL SELECT p.profile, 'poor_group' AS attribute, unnest(string_split(p.poor_groups, ';')) AS value FROM profile AS p
  UNION ALL
  SELECT p.profile, 'school_region' AS attribute, r.region_code AS value
  FROM profile AS p
  JOIN core.region_member__region_county AS r
    ON r.county_code = p.county_code AND r.region_level = 'set' AND r.residence_code = '' AND r.period = $period
),
accepted AS (
  SELECT c.rule_id, c.alternative, c.attribute, c.op, unnest(string_split(c.accepted, '|')) AS value
  FROM ref.entitlement_condition AS c
),
needed AS (
  SELECT c.rule_id, c.alternative, count(*) AS n FROM ref.entitlement_condition AS c GROUP BY c.rule_id, c.alternative
),
met AS (
  SELECT f.profile, a.rule_id, a.alternative, count(DISTINCT a.attribute) AS n
  FROM fact AS f
  JOIN accepted AS a ON a.attribute = f.attribute
  WHERE f.value = '*' OR (a.op = 'in' AND f.value = a.value) OR (a.op = 'from' AND f.value >= a.value)
  GROUP BY f.profile, a.rule_id, a.alternative
),
entitled AS (
  SELECT DISTINCT m.profile, r.rule_id, r.programme_code, r.evidence, r.listed_for, r.proration, r.exclusive_group, r.exclusive_rank
  FROM met AS m
  JOIN needed AS n ON n.rule_id = m.rule_id AND n.alternative = m.alternative AND n.n = m.n
  JOIN profile AS p ON p.profile = m.profile
  JOIN ref.entitlement_rule AS r ON r.rule_id = m.rule_id
   AND p.start_date >= r.valid_from AND (r.valid_to IS NULL OR p.start_date <= r.valid_to)
),
due AS (
  SELECT e.profile, e.rule_id, e.programme_code, e.evidence, e.listed_for, e.proration
  FROM (
    SELECT e.profile, e.rule_id, e.programme_code, e.evidence, e.listed_for, e.proration,
           row_number() OVER (
             PARTITION BY e.profile, coalesce(e.exclusive_group, e.rule_id || e.programme_code)
             -- a rule whose amount nobody can show excludes none
             ORDER BY e.evidence = 'no_feed', e.exclusive_rank, e.rule_id) AS n
    FROM entitled AS e) AS e
  WHERE e.n = 1
),
claim AS (
  SELECT k.school_year_code, k.term_code, k.person_id, d.rule_id, d.programme_code, d.evidence,
         CASE d.proration WHEN 'month' THEN round(a.amount_term * k.n_months / t.n_months, 2) ELSE a.amount_term END AS amount_due,
         CASE WHEN k.n_months < t.n_months THEN round(a.amount_term * k.n_months / t.n_months, 2) END AS amount_by_months,
         k.is_late AND d.proration <> 'month' AS is_open
  FROM keyed AS k
  JOIN due AS d ON d.profile = k.profile
  JOIN term AS t ON t.school_year_code = k.school_year_code AND t.term_code = k.term_code
  LEFT JOIN ref.entitlement_amount AS a
    ON a.rule_id = d.rule_id AND a.programme_code = d.programme_code AND a.stage_code = k.stage_code
   AND k.start_date >= a.valid_from AND (a.valid_to IS NULL OR k.start_date <= a.valid_to)
   AND d.evidence = 'payment'
  WHERE d.evidence = 'payment' OR (k.is_matched AND (d.listed_for = 'all' OR k.poor_groups <> ''))
  UNION ALL
  -- a poor child of compulsory age of whom nobody knows a school: something is due, nobody knows what
  SELECT k.school_year_code, k.term_code, k.person_id, 'E00' AS rule_id, '' AS programme_code, 'payment' AS evidence,
         CAST(NULL AS DECIMAL(18, 2)) AS amount_due, CAST(NULL AS DECIMAL(18, 2)) AS amount_by_months, false AS is_open
  FROM keyed AS k
  WHERE NOT k.is_matched AND k.stage_code IS NULL
),
paid AS (
  SELECT p.school_year_code, p.term_code, p.person_id, r.rule_id, p.programme_code,
         sum(CASE WHEN p.is_received THEN p.amount ELSE 0 END) AS amount_paid,
         sum(CASE WHEN p.is_received THEN 1 ELSE 0 END) AS n_payments,
         count(DISTINCT CASE WHEN p.is_received THEN p.school_id END) AS n_paying_schools, min(p.county_code) AS county_code
  FROM payment AS p
  JOIN ref.entitlement_rule AS r ON r.programme_code = p.programme_code AND r.evidence = 'payment'
  GROUP BY p.school_year_code, p.term_code, p.person_id, r.rule_id, p.programme_code
),
both_sides AS (
  SELECT coalesce(c.school_year_code, p.school_year_code) AS school_year_code, coalesce(c.term_code, p.term_code) AS term_code,
         coalesce(c.person_id, p.person_id) AS person_id, coalesce(c.rule_id, p.rule_id) AS rule_id,
         coalesce(c.programme_code, p.programme_code) AS programme_code, c.person_id IS NOT NULL AS is_entitled, c.amount_due, c.amount_by_months,
         coalesce(c.evidence, 'payment') AS evidence, coalesce(c.is_open, false) AS is_open,
         coalesce(p.amount_paid, 0) AS amount_paid, coalesce(p.n_payments, 0) AS n_payments,
         coalesce(p.n_paying_schools, 0) AS n_paying_schools, p.county_code AS paying_county_code
  FROM claim AS c
  FULL OUTER JOIN paid AS p
    ON p.school_year_code = c.school_year_code AND p.term_code = c.term_code AND p.person_id = c.person_id
   AND p.rule_id = c.rule_id AND p.programme_code = c.programme_code
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(b.person_id AS UUID) AS person_id,
       CAST(b.rule_id AS VARCHAR) AS rule_id,
       CAST(b.programme_code AS VARCHAR) AS programme_code,
       CAST(b.school_year_code AS VARCHAR) AS school_year_code,
       CAST(b.term_code AS VARCHAR) AS term_code,
       CAST(t.recognised_period AS VARCHAR) AS recognised_period,
       CAST(coalesce(k.county_code, b.paying_county_code) AS VARCHAR) AS county_code,
       CAST(k.school_id AS VARCHAR) AS school_id,
       CAST(k.stage_code AS VARCHAR) AS stage_code,
       CAST(nullif(k.grade_code, '*') AS VARCHAR) AS grade_code,
       CAST(k.poor_groups AS VARCHAR) AS poor_groups,
       CAST(coalesce(k.is_matched, false) AS BOOLEAN) AS is_matched,
       CAST(b.is_entitled AND b.evidence = 'payment' AS BOOLEAN) AS is_entitled,
       CAST(b.amount_due AS DECIMAL(18, 2)) AS amount_due,
       CAST(CASE WHEN b.is_entitled THEN k.n_months END AS INTEGER) AS n_months,
       CAST(b.amount_by_months AS DECIMAL(18, 2)) AS amount_by_months,
       CAST(b.amount_paid AS DECIMAL(18, 2)) AS amount_paid,
       CAST(b.n_payments AS INTEGER) AS n_payments,
       CAST(b.n_paying_schools AS INTEGER) AS n_paying_schools,
       CAST(CASE WHEN b.evidence <> 'payment' THEN 'not_judged'
                 WHEN t.recognised_period IS NULL OR NOT coalesce(k.is_matched, false) THEN 'pending'
                 WHEN NOT b.is_entitled THEN 'ineligible'
                 WHEN b.amount_due IS NULL OR b.is_open THEN 'pending'
                 WHEN abs(b.amount_paid - b.amount_due) < l.tolerance THEN 'full'
                 WHEN k.is_unsure THEN 'pending'
                 WHEN b.amount_paid = 0 THEN 'unpaid'
                 WHEN b.amount_paid < b.amount_due THEN 'short'
                 WHEN b.n_paying_schools > 1 THEN 'double'
                 ELSE 'over' END AS VARCHAR) AS class_code,
       CAST(CASE WHEN b.evidence = 'in_kind' THEN 'given_in_kind'
                 WHEN b.evidence = 'school' THEN 'paid_to_the_school'
                 WHEN b.evidence <> 'payment' THEN 'no_receipts_reported'
                 WHEN t.recognised_period IS NULL THEN 'no_snapshot_of_the_term'
                 WHEN k.person_id IS NULL THEN 'payee_not_found'
                 WHEN NOT k.is_matched AND k.stage_code IS NULL THEN 'school_unknown'
                 WHEN NOT k.is_matched THEN 'learner_not_found'
                 WHEN NOT b.is_entitled THEN 'no_rule_applies'
                 WHEN b.amount_due IS NULL THEN 'amount_unknown'
                 WHEN b.is_open THEN 'arrived_in_term'
                 WHEN k.is_unsure AND abs(b.amount_paid - b.amount_due) >= l.tolerance THEN 'register_row_set_aside'
                 WHEN k.n_months < t.n_months AND abs(b.amount_paid - b.amount_due) >= l.tolerance THEN 'part_of_the_term'
                 WHEN b.amount_paid = 0 AND b.n_payments = 0 THEN 'nothing_received'
                 ELSE 'compared' END AS VARCHAR) AS reason_code
FROM both_sides AS b
CROSS JOIN limits AS l
JOIN term AS t ON t.school_year_code = b.school_year_code AND t.term_code = b.term_code
LEFT JOIN keyed AS k
  ON k.person_id = b.person_id AND k.school_year_code = b.school_year_code AND k.term_code = b.term_code
-- what came back from somebody without a claim is nobody's business
WHERE b.is_entitled OR b.amount_paid > 0
