-- What the warehouse counts of persons over time, by year and county: entry cohorts, suspected dropouts, disabled children, aid of a term.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
ladder AS (
  -- the last year of schooling that is compulsory: nine
  SELECT min(g.level_no) AS last_level
  FROM ref.grade_level AS g
  JOIN ref.grade AS r ON r.grade_code = g.grade_code
  JOIN (SELECT max(s.stage_code) AS stage_code FROM ref.stage AS s WHERE s.is_compulsory) AS s ON s.stage_code = r.stage_code
  WHERE g.is_final
),
-- read where it is used with the filters that stand there: a warehouse holds a hundred months
standing AS NOT MATERIALIZED (
  SELECT coalesce(p.merged_into, s.person_id) AS person_id, s.period, s.county_code, s.level_no, s.state_code, s.is_active,
         CAST(substr(s.school_year_code, 1, 4) AS INTEGER) AS year
  FROM core.standing__person_month AS s
  LEFT JOIN core.person__id AS p ON p.person_id = s.person_id AND p.merged_into IS NOT NULL
  WHERE s.period <= $period
),
delivered AS (
  SELECT DISTINCT u.county_code
  FROM core.delivery__period AS d
  JOIN core.county_unit__code AS u ON u.code = d.owner AND u.period = $period
  WHERE d.period = $period AND d.source = 'student_registry'
),
-- the cohort of this school year, and that of the year before, whose repeaters have had one more year
entry AS (
  SELECT q.person_id, q.county_code, q.year + l.last_level - 1 AS year
  FROM (
    SELECT s.person_id, s.county_code, s.year, row_number() OVER (PARTITION BY s.person_id ORDER BY s.period) AS n
    FROM standing AS s
    CROSS JOIN school_year AS y
    CROSS JOIN ladder AS l
    WHERE s.level_no = 1 AND s.is_active AND s.year >= y.first_year - l.last_level - 1) AS q
  CROSS JOIN school_year AS y
  CROSS JOIN ladder AS l
  JOIN delivered AS d ON d.county_code = q.county_code
  WHERE q.n = 1 AND q.year + l.last_level - 1 BETWEEN y.first_year - 1 AND y.first_year
),
arrived AS (
  -- in the last grade now, or through it before: completed, or seen beyond it
  SELECT s.person_id
  FROM standing AS s
  CROSS JOIN ladder AS l
  CROSS JOIN school_year AS y
  -- nobody of the two cohorts can have come so far more than three years ago
  WHERE s.year >= y.first_year - 3
    AND (s.level_no > l.last_level
         OR (s.level_no = l.last_level AND ((s.period = $period AND s.is_active) OR s.state_code = 'completed')))
  UNION
  SELECT coalesce(p.merged_into, m.person_id) AS person_id
  FROM core.movement__person_month AS m
  JOIN ref.grade_level AS g ON g.grade_code = m.from_grade_code
  JOIN ladder AS l ON l.last_level <= g.level_no
  CROSS JOIN school_year AS y
  LEFT JOIN core.person__id AS p ON p.person_id = m.person_id AND p.merged_into IS NOT NULL
  WHERE m.period <= $period AND m.exit_code = 'graduated'
    AND CAST(substr(m.period, 1, 4) AS INTEGER) >= y.first_year - 3
),
excused AS (
  -- dead, abroad, or moved out of the province with a record: nobody here can say how far they came
  SELECT coalesce(p.merged_into, c.person_id) AS person_id
  FROM core.change__event AS c
  LEFT JOIN core.person__id AS p ON p.person_id = c.person_id AND p.merged_into IS NOT NULL
  WHERE c.period <= $period AND (c.effect_code IN ('death', 'abroad') OR c.is_leaving_province)
  UNION
  SELECT s.person_id FROM standing AS s WHERE s.state_code = 'deceased'
),
cohort AS (
  SELECT e.year, e.county_code, a.person_id IS NOT NULL AS is_retained
  FROM entry AS e
  LEFT JOIN arrived AS a ON a.person_id = e.person_id
  LEFT JOIN excused AS x ON x.person_id = e.person_id
  LEFT JOIN (SELECT DISTINCT s.person_id FROM standing AS s WHERE s.period = $period AND s.is_active) AS h
    ON h.person_id = e.person_id
  -- who is here is counted, whatever was recorded before
  WHERE x.person_id IS NULL OR a.person_id IS NOT NULL OR h.person_id IS NOT NULL
),
suspicion AS (
  SELECT d.period, d.case_id, coalesce(d.hukou_county_code, d.county_code) AS county_code
  FROM use.suspected_dropout__person_month AS d
  WHERE d.period <= $period
),
case_row AS (
  -- the cases that were opened up to this month, as they stand
  SELECT s.county_code, bool_or(v.to_state = 'confirmed') AS is_confirmed,
         max_by(v.to_state, v.seq) IN ('returned', 'stable') AS is_back
  FROM ops.case__person AS c
  JOIN ops.case_move__event AS v ON v.case_id = c.case_id
  JOIN suspicion AS s ON s.case_id = c.case_id AND s.period = c.opened_period
  WHERE c.opened_period <= $period
  GROUP BY c.case_id, s.county_code
),
disabled AS (
  SELECT d.county_code, d.age, d.is_three_kinds, d.is_in_registry, coalesce(t.is_compulsory, false) AS is_in_stage
  FROM use.disabled_child__person_month AS d
  LEFT JOIN ref.stage AS t ON t.stage_code = d.stage_code
  WHERE d.period = $period AND d.is_on_roster
),
disabled_count AS (
  SELECT m.measure_code, d.county_code, count(*) AS n
  FROM disabled AS d
  JOIN ref.measure AS m
    ON (m.measure_code = 'disabled_enrolled' AND d.is_in_stage)
    -- a certificate of which nobody knows the age counts: the rate may be too low, never too high
    OR (m.measure_code IN ('disabled_roster', 'three_groups_roster', 'three_groups_enrolled')
        AND coalesce(d.age BETWEEN m.age_from AND m.age_to, true)
        AND (m.measure_code = 'disabled_roster' OR d.is_three_kinds)
        AND (m.measure_code <> 'three_groups_enrolled' OR d.is_in_registry))
  GROUP BY m.measure_code, d.county_code
),
aid AS (
  -- one person and the newest paid term of a school year: in full when every claim of the measure's rules got at least what is due
  SELECT m.measure_code, CAST(substr(e.school_year_code, 1, 4) AS INTEGER) AS year, e.person_id, min(e.county_code) AS county_code,
         bool_and(e.class_code IN ('full', 'over', 'double')) OR m.measure_code NOT LIKE '%in_full' AS is_counted
  FROM use.entitlement__person_rule_term AS e
  JOIN (
    SELECT school_year_code, max(term_code) AS term_code
    FROM use.entitlement__person_rule_term
    WHERE period = $period
    GROUP BY school_year_code) AS t ON t.school_year_code = e.school_year_code AND t.term_code = e.term_code
  JOIN ref.measure AS m
    ON m.kind = 'term' AND (m.rule_ids IS NULL OR '|' || m.rule_ids || '|' LIKE '%|' || e.rule_id || '|%')
   AND (NOT coalesce(m.is_poor_only, false) OR coalesce(e.poor_groups, '') <> '')
  WHERE e.period = $period AND e.is_entitled
  GROUP BY m.measure_code, e.school_year_code, e.person_id
),
counted AS (
  SELECT c.year, k.measure_code, c.county_code, sum(CASE WHEN k.measure_code = 'cohort_base' OR c.is_retained THEN 1 ELSE 0 END) AS n
  FROM cohort AS c
  CROSS JOIN (SELECT 'cohort_base' AS measure_code UNION ALL SELECT 'cohort_retained' AS measure_code) AS k
  GROUP BY c.year, k.measure_code, c.county_code
  UNION ALL
  SELECT y.first_year AS year, 'suspected_dropout' AS measure_code, s.county_code, count(*) AS n
  FROM suspicion AS s
  CROSS JOIN school_year AS y
  WHERE s.period = $period
  GROUP BY y.first_year, s.county_code
  UNION ALL
  SELECT y.first_year AS year, k.measure_code, c.county_code,
         sum(CASE WHEN c.is_confirmed AND (k.measure_code = 'dropout_confirmed' OR c.is_back) THEN 1 ELSE 0 END) AS n
  FROM case_row AS c
  CROSS JOIN school_year AS y
  CROSS JOIN (SELECT 'dropout_confirmed' AS measure_code UNION ALL SELECT 'dropout_returned' AS measure_code) AS k
  GROUP BY y.first_year, k.measure_code, c.county_code
  UNION ALL
  SELECT y.first_year AS year, d.measure_code, d.county_code, d.n
  FROM disabled_count AS d
  CROSS JOIN school_year AS y
  UNION ALL
  SELECT a.year, a.measure_code, a.county_code, sum(CASE WHEN a.is_counted THEN 1 ELSE 0 END) AS n
  FROM aid AS a
  GROUP BY a.year, a.measure_code, a.county_code
),
known AS (
  SELECT DISTINCT c.measure_code, c.year
  FROM counted AS c
  JOIN ref.measure AS m ON m.measure_code = c.measure_code
  WHERE m.measure_code NOT IN ('suspected_dropout', 'dropout_confirmed', 'dropout_returned')
  UNION
  -- who has gone is seen from the second month on; nobody is then an answer too
  SELECT m.measure_code, y.first_year AS year
  FROM ref.measure AS m
  CROSS JOIN school_year AS y
  WHERE m.measure_code IN ('suspected_dropout', 'dropout_confirmed', 'dropout_returned')
    AND EXISTS (SELECT 1 FROM core.movement__person_month AS v WHERE v.period = $period AND v.previous_period IS NOT NULL)
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(k.year AS INTEGER) AS year,
       CAST(k.measure_code AS VARCHAR) AS measure_code,
       CAST(u.county_code AS VARCHAR) AS county_code,
       CAST(coalesce(sum(c.n), 0) AS BIGINT) AS n
FROM known AS k
CROSS JOIN core.county_unit__code AS u
LEFT JOIN counted AS c ON c.measure_code = k.measure_code AND c.year = k.year AND c.county_code = u.county_code
WHERE u.period = $period AND u.is_current
GROUP BY k.year, k.measure_code, u.county_code
