-- Pupils and classes of every school for the school years ahead: grades roll forward, children turning six enter; error of the method a year ago.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'class_plan_size' THEN CAST(t.value AS INTEGER) END) AS class_size,
         max(CASE WHEN t.threshold_id = 'projection_years' THEN CAST(t.value AS INTEGER) END) AS n_years
  FROM ref.threshold AS t
),
base AS (
  -- the month, and the same month a year ago for the test of the method
  SELECT 0 AS years_ago, CAST($period AS VARCHAR) AS period, y.first_year
  FROM (SELECT CAST(substr($period, 1, 4) AS INTEGER)
                 - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
        FROM limits AS l) AS y
  UNION ALL
  SELECT 1 AS years_ago, CAST(CAST(substr($period, 1, 4) AS INTEGER) - 1 AS VARCHAR) || substr($period, 5, 3) AS period,
         y.first_year - 1 AS first_year
  FROM (SELECT CAST(substr($period, 1, 4) AS INTEGER)
                 - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
        FROM limits AS l) AS y
),
ahead AS (
  SELECT 1 AS step UNION ALL SELECT 2 AS step UNION ALL SELECT 3 AS step
),
grade_row AS (
  SELECT b.years_ago, e.school_id, min(e.county_code) AS county_code, e.stage_code, CAST(g.grade_no AS INTEGER) AS grade_no,
         count(*) AS n
  FROM core.enrolment__person_month AS e
  JOIN base AS b ON b.period = e.period
  JOIN ref.grade AS g ON g.grade_code = e.grade_code
  WHERE e.is_counted AND e.is_full_time AND e.stage_code IN ('10', '20') AND e.school_id IS NOT NULL AND g.grade_no IS NOT NULL
  GROUP BY b.years_ago, e.school_id, e.stage_code, g.grade_no
),
last_grade AS (
  SELECT '10' AS stage_code, max(CAST(g.grade_no AS INTEGER)) AS grade_no FROM ref.grade AS g WHERE g.stage_code = '10'
  UNION ALL
  SELECT '20' AS stage_code, 3 AS grade_no
),
county_grade AS (
  SELECT years_ago, county_code, stage_code, grade_no, sum(n) AS n
  FROM grade_row
  GROUP BY years_ago, county_code, stage_code, grade_no
),
chosen AS (
  SELECT DISTINCT b.years_ago, p.population_basis_code, p.base_year, p.year - p.base_year AS shift, p.period
  FROM use.population_band__region_year AS p
  JOIN base AS b ON b.period = p.period
  WHERE p.is_chosen AND p.measure_code = 'population_3_5'
),
child AS (
  SELECT c.years_ago, p.region_code AS county_code, p.age + c.shift AS age,
         coalesce(sum(CASE WHEN p.residence_code = '0' THEN p.n_persons END), sum(p.n_persons)) AS n
  FROM chosen AS c
  JOIN core.population__region_age AS p
    ON p.period = c.period AND p.year = c.base_year AND p.basis_code = c.population_basis_code
  GROUP BY c.years_ago, p.region_code, p.age + c.shift
),
-- county intake of a later year: children who will turn six times the share that enters today; pupils who will leave primary
intake AS (
  SELECT x.years_ago, x.county_code, '10' AS stage_code, a.step, CAST(x.n AS DOUBLE) * f.n / s.n AS n, 'children_turning_six' AS method
  FROM child AS x
  JOIN ahead AS a ON x.age = 6 - a.step
  JOIN child AS s ON s.years_ago = x.years_ago AND s.county_code = x.county_code AND s.age = 6 AND s.n > 0
  JOIN county_grade AS f ON f.years_ago = x.years_ago AND f.county_code = x.county_code AND f.stage_code = '10' AND f.grade_no = 1
  UNION ALL
  SELECT x.years_ago, x.county_code, '20' AS stage_code, a.step, CAST(x.n AS DOUBLE) AS n, 'leaving_primary' AS method
  FROM county_grade AS x
  JOIN ahead AS a ON x.grade_no = 7 - a.step
  WHERE x.stage_code = '10'
),
new_pupil AS (
  -- decimals: a sum of them is the same in whatever order it is made
  SELECT i.years_ago, g.school_id, i.stage_code, i.step, CAST(i.n * g.n / f.n AS DECIMAL(18, 6)) AS n, i.method
  FROM intake AS i
  JOIN county_grade AS f
    ON f.years_ago = i.years_ago AND f.county_code = i.county_code AND f.stage_code = i.stage_code AND f.grade_no = 1
  JOIN grade_row AS g
    ON g.years_ago = i.years_ago AND g.county_code = i.county_code AND g.stage_code = i.stage_code AND g.grade_no = 1
),
projected AS (
  SELECT g.years_ago, g.school_id, g.stage_code, a.step, g.grade_no + a.step AS grade_no, CAST(g.n AS DECIMAL(18, 6)) AS n, 0 AS is_new
  FROM grade_row AS g
  CROSS JOIN ahead AS a
  JOIN last_grade AS k ON k.stage_code = g.stage_code AND g.grade_no + a.step <= k.grade_no
  UNION ALL
  -- who entered in the first of the years ahead is in the grades after
  SELECT w.years_ago, w.school_id, w.stage_code, a.step, a.step - w.step + 1 AS grade_no, w.n,
         CASE WHEN a.step = w.step THEN 1 ELSE 0 END AS is_new
  FROM new_pupil AS w
  JOIN ahead AS a ON a.step >= w.step
  JOIN last_grade AS k ON k.stage_code = w.stage_code AND a.step - w.step + 1 <= k.grade_no
),
place AS (
  SELECT DISTINCT g.years_ago, g.school_id, g.stage_code, a.step
  FROM grade_row AS g
  CROSS JOIN ahead AS a
),
school_year AS (
  SELECT p.years_ago, p.school_id, p.stage_code, p.step, coalesce(sum(j.n), 0) AS n_pupils,
         -- a county whose primary grade is empty sends nobody; a county without population by age is unknown
         CASE p.stage_code WHEN '20' THEN sum(CASE WHEN j.is_new = 1 THEN j.n ELSE 0.0 END)
                           ELSE sum(CASE WHEN j.is_new = 1 THEN j.n END) END AS n_entrants,
         coalesce(sum(ceil(round(j.n) / l.class_size)), 0) AS n_classes
  FROM place AS p
  CROSS JOIN limits AS l
  LEFT JOIN projected AS j
    ON j.years_ago = p.years_ago AND j.school_id = p.school_id AND j.stage_code = p.stage_code AND j.step = p.step
  GROUP BY p.years_ago, p.school_id, p.stage_code, p.step
),
now_row AS (
  SELECT g.school_id, g.stage_code, min(g.county_code) AS county_code, sum(g.n) AS n_pupils
  FROM grade_row AS g
  WHERE g.years_ago = 0
  GROUP BY g.school_id, g.stage_code
),
class_row AS (
  SELECT c.school_id, c.stage_code, count(*) AS n_classes
  FROM use.class_size__class_month AS c
  WHERE c.period = $period AND c.n_pupils > 0
  GROUP BY c.school_id, c.stage_code
),
tested AS (
  -- what the method said a year ago for today, against today
  SELECT s.school_id, s.stage_code, s.n_pupils AS said, n.n_pupils AS found
  FROM school_year AS s
  JOIN now_row AS n ON n.school_id = s.school_id AND n.stage_code = s.stage_code
  WHERE s.years_ago = 1 AND s.step = 1
),
error AS (
  SELECT stage_code, CAST(sum(abs(said - found)) AS DOUBLE) / CAST(sum(found) AS DOUBLE) AS share_error, count(*) AS n_schools
  FROM tested
  GROUP BY stage_code
),
snapshot AS (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'student_registry'
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(s.school_id AS VARCHAR) AS school_id,
       CAST(s.stage_code AS VARCHAR) AS stage_code,
       CAST(b.first_year + s.step AS INTEGER) AS year,
       CAST(h.school_name AS VARCHAR) AS school_name_zh,
       CAST(n.county_code AS VARCHAR) AS county_code,
       CAST(u.county_name_zh AS VARCHAR) AS county_name_zh,
       CAST(u.county_name_en AS VARCHAR) AS county_name_en,
       CAST(n.n_pupils AS INTEGER) AS n_pupils_now,
       -- without a population by age nobody can say who will enter primary: no figure, not a small one
       CAST(CASE WHEN s.n_entrants IS NOT NULL THEN round(s.n_pupils) END AS INTEGER) AS n_pupils,
       CAST(round(s.n_entrants) AS INTEGER) AS n_entrants,
       CAST(k.n_classes AS INTEGER) AS n_classes_now,
       CAST(CASE WHEN s.n_entrants IS NOT NULL THEN s.n_classes END AS INTEGER) AS n_classes_needed,
       CAST(CASE WHEN s.n_entrants IS NOT NULL THEN s.n_classes - k.n_classes END AS INTEGER) AS n_classes_short,
       CAST(CASE s.stage_code WHEN '10' THEN 'children_turning_six' ELSE 'leaving_primary' END AS VARCHAR) AS method_code,
       CAST(CASE WHEN s.n_entrants IS NULL THEN 'no_population' END AS VARCHAR) AS reason_code,
       CAST(t.said - t.found AS DOUBLE) AS error_last_year,
       CAST(r.share_error AS DOUBLE) AS share_error_province,
       CAST(r.n_schools AS INTEGER) AS n_schools_tested,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM school_year AS s
JOIN now_row AS n ON n.school_id = s.school_id AND n.stage_code = s.stage_code
CROSS JOIN base AS b
CROSS JOIN limits AS l
CROSS JOIN snapshot AS d
LEFT JOIN class_row AS k ON k.school_id = s.school_id AND k.stage_code = s.stage_code
LEFT JOIN tested AS t ON t.school_id = s.school_id AND t.stage_code = s.stage_code
LEFT JOIN error AS r ON r.stage_code = s.stage_code
LEFT JOIN core.school__school_month AS h ON h.school_id = s.school_id AND h.point_code = '' AND h.period = $period
LEFT JOIN core.county_unit__code AS u ON u.code = n.county_code AND u.period = $period
WHERE s.years_ago = 0 AND b.years_ago = 0 AND s.step <= l.n_years
