-- Warning of majors (items 11, 18): state proposed by the rule and state decided. Colleges: destination rate of the cohort against the
-- province's median. Vocational schools, which report no destinations: entrants of the year against the least that a class needs.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'warning_gap_pp' THEN CAST(t.value AS DOUBLE) END) AS gap_pp,
         max(CASE WHEN t.threshold_id = 'warning_years' THEN CAST(t.value AS INTEGER) END) AS n_years,
         max(CASE WHEN t.threshold_id = 'warning_min_graduates' THEN CAST(t.value AS INTEGER) END) AS n_min,
         max(CASE WHEN t.threshold_id = 'warning_min_entrants' THEN CAST(t.value AS INTEGER) END) AS n_min_entrants,
         max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
graduate AS (
  -- codes moved between editions of the catalogue: a cohort of the old code continues under the new one
  SELECT g.graduation_year, g.college_code, coalesce(x.new_code, g.major_code) AS major_code, g.degree_level_code,
         max(CASE WHEN x.new_code IS NOT NULL THEN 1 ELSE 0 END) AS is_mapped, count(*) AS n_graduates,
         sum(CASE WHEN g.is_settled THEN 1 ELSE 0 END) AS n_settled, max(g.as_of_date) AS as_of_date
  FROM core.graduate__person_year AS g
  LEFT JOIN ref.major_crosswalk AS x ON x.old_code = g.major_code AND x.level = 'college'
   AND g.degree_level_code LIKE x.degree_prefix || '%'
  WHERE g.period = $period AND g.is_graduate AND g.major_code IS NOT NULL
  GROUP BY g.graduation_year, g.college_code, coalesce(x.new_code, g.major_code), g.degree_level_code
),
middle AS (
  -- the median of the province's majors of the level and cohort that are large enough to judge
  SELECT g.graduation_year, g.degree_level_code, median(CAST(g.n_settled AS DOUBLE) * 100 / g.n_graduates) AS pct_median
  FROM graduate AS g
  CROSS JOIN limits AS l
  WHERE g.n_graduates >= l.n_min
  GROUP BY g.graduation_year, g.degree_level_code
),
-- one month speaks for a school year: this one, else that of the annual point, else the last
point AS (
  SELECT q.period, q.first_year
  FROM (
    SELECT s.period, s.first_year,
           row_number() OVER (
             PARTITION BY s.first_year
             ORDER BY s.period = $period DESC, s.month_no = s.enrolment_month DESC, s.period DESC) AS n
    FROM (
      SELECT DISTINCT h.period, CAST(substr(h.period, 6, 2) AS INTEGER) AS month_no, l.enrolment_month,
             CAST(substr(h.period, 1, 4) AS INTEGER)
               - CASE WHEN CAST(substr(h.period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
      FROM core.school__school_month AS h
      CROSS JOIN limits AS l
      WHERE h.period <= $period) AS s) AS q
  WHERE q.n = 1
),
entrant AS (
  SELECT p.first_year, e.school_id, coalesce(x.new_code, v.major_code) AS major_code,
         max(CASE WHEN x.new_code IS NOT NULL THEN 1 ELSE 0 END) AS is_mapped,
         sum(CASE WHEN m.measure_code IS NOT NULL THEN 1 ELSE 0 END) AS n_entrants
  FROM core.enrolment__person_month AS e
  JOIN point AS p ON p.period = e.period
  JOIN raw.vocational_registry__student AS v ON v.delivery_id = e.delivery_id AND v.row_no = e.row_no
  LEFT JOIN ref.measure AS m ON m.measure_code = 'entrants_vocational' AND m.grade_codes = e.grade_code
  LEFT JOIN ref.major_crosswalk AS x ON x.old_code = v.major_code AND x.level = 'secondary'
  WHERE e.source = 'vocational_registry' AND e.is_counted AND e.is_full_time AND e.school_id IS NOT NULL
    AND v.major_code IS NOT NULL
  GROUP BY p.first_year, e.school_id, coalesce(x.new_code, v.major_code)
),
registry AS (
  SELECT max(as_of) AS as_of FROM core.delivery__period WHERE period = $period AND source = 'vocational_registry'
),
judged AS (
  SELECT g.graduation_year, g.college_code, g.major_code, g.degree_level_code, g.is_mapped, g.n_graduates, g.n_settled,
         g.as_of_date, m.pct_median, 'college' AS level_code, CAST(NULL AS BIGINT) AS n_entrants,
         CASE WHEN g.n_graduates >= l.n_min
              THEN CAST(g.n_settled AS DOUBLE) * 100 / g.n_graduates < m.pct_median - l.gap_pp END AS is_low
  FROM graduate AS g
  CROSS JOIN limits AS l
  LEFT JOIN middle AS m ON m.graduation_year = g.graduation_year AND m.degree_level_code = g.degree_level_code
  UNION ALL
  SELECT e.first_year AS graduation_year, e.school_id AS college_code, e.major_code, '' AS degree_level_code, e.is_mapped,
         NULL AS n_graduates, NULL AS n_settled, r.as_of AS as_of_date, NULL AS pct_median, 'secondary' AS level_code, e.n_entrants,
         e.n_entrants < l.n_min_entrants AS is_low
  FROM entrant AS e
  CROSS JOIN limits AS l
  CROSS JOIN registry AS r
),
-- the run of low cohorts that ends with this one: cohorts since the last that was not low
run AS (
  SELECT j.graduation_year, j.college_code, j.major_code, j.degree_level_code,
         sum(CASE WHEN k.is_low AND k.graduation_year > coalesce(b.last_year, 0) THEN 1 ELSE 0 END) AS n_low
  FROM judged AS j
  JOIN judged AS k
    ON k.college_code = j.college_code AND k.major_code = j.major_code AND k.degree_level_code = j.degree_level_code
   AND k.graduation_year <= j.graduation_year
  LEFT JOIN (
    SELECT a.graduation_year, a.college_code, a.major_code, a.degree_level_code, max(c.graduation_year) AS last_year
    FROM judged AS a
    JOIN judged AS c
      ON c.college_code = a.college_code AND c.major_code = a.major_code AND c.degree_level_code = a.degree_level_code
     AND c.graduation_year <= a.graduation_year AND NOT coalesce(c.is_low, false)
    GROUP BY a.graduation_year, a.college_code, a.major_code, a.degree_level_code) AS b
    ON b.college_code = j.college_code AND b.major_code = j.major_code AND b.degree_level_code = j.degree_level_code
   AND b.graduation_year = j.graduation_year
  GROUP BY j.graduation_year, j.college_code, j.major_code, j.degree_level_code
),
decision AS (
  -- a decision under an old code goes on under the new one, as its graduates and entrants do
  SELECT q.college_code, q.major_code, q.degree_prefix, q.year, q.state_code, q.reason
  FROM (
    SELECT d.college_code, c.major_code, c.degree_prefix, d.year, d.state_code, d.reason,
           row_number() OVER (PARTITION BY d.college_code, c.major_code, c.degree_prefix, d.year ORDER BY d.seq DESC) AS n
    FROM ops.major__decision AS d
    JOIN (
      SELECT x.old_code, x.new_code AS major_code, coalesce(x.degree_prefix, '') AS degree_prefix FROM ref.major_crosswalk AS x
      UNION ALL
      SELECT DISTINCT o.major_code AS old_code, o.major_code, '' AS degree_prefix FROM ops.major__decision AS o) AS c
      ON c.old_code = d.major_code) AS q
  WHERE q.n = 1
),
in_force AS (
  -- a decision holds until the next one
  SELECT q.graduation_year, q.college_code, q.major_code, q.degree_level_code, q.state_code, q.year, q.reason
  FROM (
    SELECT j.graduation_year, j.college_code, j.major_code, j.degree_level_code, d.state_code, d.year, d.reason,
           row_number() OVER (PARTITION BY j.graduation_year, j.college_code, j.major_code, j.degree_level_code
                              ORDER BY d.year DESC, d.degree_prefix) AS n
    FROM judged AS j
    JOIN decision AS d
      ON d.college_code = j.college_code AND d.major_code = j.major_code AND d.year <= j.graduation_year
     AND j.degree_level_code LIKE d.degree_prefix || '%') AS q
  WHERE q.n = 1
),
name AS (
  SELECT m.major_code, m.name_zh, m.name_en, CASE m.level WHEN 'secondary' THEN 'secondary' ELSE 'college' END AS level_code,
         row_number() OVER (
           PARTITION BY m.major_code, m.level = 'secondary'
           ORDER BY m.level, CAST(m.catalogue AS VARCHAR) DESC, m.name_zh) AS n
  FROM ref.major AS m
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(j.graduation_year AS INTEGER) AS year,
       CAST(coalesce(j.college_code, '') AS VARCHAR) AS college_code,
       CAST(j.major_code AS VARCHAR) AS major_code,
       CAST(coalesce(j.degree_level_code, '') AS VARCHAR) AS degree_level_code,
       CAST(j.level_code AS VARCHAR) AS level_code,
       CAST(coalesce(c.name_zh, h.school_name) AS VARCHAR) AS college_name_zh,
       CAST(c.name_en AS VARCHAR) AS college_name_en,
       CAST(m.name_zh AS VARCHAR) AS major_name_zh,
       CAST(m.name_en AS VARCHAR) AS major_name_en,
       CAST(j.n_graduates AS INTEGER) AS n_graduates,
       CAST(j.n_settled AS INTEGER) AS n_settled,
       CAST(j.n_entrants AS INTEGER) AS n_entrants,
       CAST(CAST(j.n_settled AS DOUBLE) * 100 / j.n_graduates AS DOUBLE) AS value_unrounded,
       CAST(CAST((2 * j.n_settled * 1000 + j.n_graduates) // (2 * j.n_graduates) AS DOUBLE) / 10 AS DECIMAL(7,1)) AS pct_settled,
       CAST(round(j.pct_median, 1) AS DECIMAL(7,1)) AS pct_median,
       CAST(j.is_low AS BOOLEAN) AS is_low,
       CAST(r.n_low AS INTEGER) AS n_low_cohorts,
       CAST(CASE WHEN j.is_low IS NULL THEN 'too_small'
                 WHEN r.n_low = 0 THEN 'normal'
                 WHEN r.n_low < l.n_years THEN 'watch'
                 ELSE 'warning' END AS VARCHAR) AS proposed_state_code,
       -- the rule proposes; only a recorded decision stops an intake or ends a major
       CAST(coalesce(f.state_code, 'normal') AS VARCHAR) AS state_code,
       CAST(s.name_zh AS VARCHAR) AS state_name_zh,
       CAST(s.name_en AS VARCHAR) AS state_name_en,
       CAST(f.year AS INTEGER) AS decided_year,
       CAST(f.reason AS VARCHAR) AS decision_reason,
       CAST(j.is_mapped = 1 AS BOOLEAN) AS is_code_mapped,
       CAST(CASE j.level_code WHEN 'college' THEN 'I14.settled.' || CAST(i.version AS VARCHAR) ELSE 'entrants.1' END AS VARCHAR)
         AS definition_version,
       CAST(j.as_of_date AS DATE) AS as_of_date
FROM judged AS j
CROSS JOIN limits AS l
JOIN run AS r
  ON r.graduation_year = j.graduation_year AND r.college_code = j.college_code AND r.major_code = j.major_code
 AND r.degree_level_code = j.degree_level_code
LEFT JOIN in_force AS f
  ON f.graduation_year = j.graduation_year AND f.college_code = j.college_code AND f.major_code = j.major_code
 AND f.degree_level_code = j.degree_level_code
LEFT JOIN ref.indicator_variant AS i ON i.variant_id = 'I14.settled'
LEFT JOIN ref.college AS c ON c.college_code = j.college_code
LEFT JOIN core.school__school_month AS h ON h.school_id = j.college_code AND h.point_code = '' AND h.period = $period
LEFT JOIN name AS m ON m.major_code = j.major_code AND m.level_code = j.level_code AND m.n = 1
LEFT JOIN ref.code_list AS s ON s.list_id = 'major_state' AND s.code = coalesce(f.state_code, 'normal')
