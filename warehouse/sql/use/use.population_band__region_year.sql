-- Population of the age bands by region: every delivered series apart, and the one chosen for the school year, aged forward where needed.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
band AS (
  SELECT m.measure_code, m.age_from, m.age_to FROM ref.measure AS m WHERE m.kind = 'population'
),
series AS (
  SELECT p.year, p.basis_code, max(p.as_of_date) AS as_of_date, max(p.age) AS age_max
  FROM core.population__region_age AS p
  WHERE p.period = $period
  GROUP BY p.year, p.basis_code
),
-- one series for all regions of a band: the estimate of the year, else the nearest year whose children are old enough to be aged
choice AS (
  SELECT b.measure_code, s.year, s.basis_code, s.as_of_date, y.first_year,
         row_number() OVER (
           PARTITION BY b.measure_code
           ORDER BY CASE WHEN s.basis_code = '2' AND s.year = y.first_year THEN 0 ELSE 1 END,
                    CASE WHEN s.year <= y.first_year THEN 0 ELSE 1 END, abs(s.year - y.first_year),
                    CASE s.basis_code WHEN '2' THEN 1 WHEN '4' THEN 2 ELSE 3 END) AS n
  FROM band AS b
  CROSS JOIN series AS s
  CROSS JOIN school_year AS y
  WHERE s.basis_code IN ('1', '2', '4') AND b.age_from >= y.first_year - s.year
    AND b.age_to - (y.first_year - s.year) <= s.age_max
),
wanted AS (
  SELECT b.measure_code, s.basis_code, s.year AS base_year, s.year, 0 AS shift, s.as_of_date,
         CASE s.basis_code WHEN '1' THEN 'census' WHEN '2' THEN 'estimate' WHEN '3' THEN 'registered' ELSE 'projected' END
           AS method
  FROM band AS b
  CROSS JOIN series AS s
  UNION ALL
  -- between censuses the single-year table is aged with the years; deaths and moves at these ages are left out
  SELECT c.measure_code, c.basis_code, c.year AS base_year, c.first_year AS year, c.first_year - c.year AS shift, c.as_of_date,
         'aged' AS method
  FROM choice AS c
  WHERE c.n = 1 AND c.year <> c.first_year
),
part AS (
  SELECT w.measure_code, w.basis_code, w.base_year, w.year, w.method, w.as_of_date, p.region_code, p.residence_code,
         sum(p.n_persons) AS n_persons
  FROM wanted AS w
  JOIN band AS b ON b.measure_code = w.measure_code
  JOIN core.population__region_age AS p
    ON p.period = $period AND p.year = w.base_year AND p.basis_code = w.basis_code
   AND p.age BETWEEN b.age_from - w.shift AND b.age_to - w.shift
  GROUP BY w.measure_code, w.basis_code, w.base_year, w.year, w.method, w.as_of_date, p.region_code, p.residence_code
),
-- '' is the whole region: its own total where there is one, else the sum of its parts
part_any AS (
  SELECT measure_code, basis_code, year, method, region_code, residence_code, n_persons FROM part WHERE residence_code <> '0'
  UNION ALL
  SELECT measure_code, basis_code, year, method, region_code, '' AS residence_code,
         coalesce(sum(CASE WHEN residence_code = '0' THEN n_persons END), sum(n_persons)) AS n_persons
  FROM part
  GROUP BY measure_code, basis_code, year, method, region_code
),
by_residence AS (
  SELECT DISTINCT measure_code, basis_code, year, method, region_code FROM part WHERE residence_code <> '0'
),
member AS (
  SELECT r.region_level, r.region_code, r.county_code, r.residence_code, NULL AS valid_to
  FROM core.region_member__region_county AS r
  WHERE r.period = $period
  UNION ALL
  -- a county of then that is gone, in its own years
  SELECT 'former' AS region_level, c.county_code AS region_code, c.county_code, '' AS residence_code, c.valid_to
  FROM ref.county AS c
  WHERE c.county_code IN (SELECT p.region_code FROM part AS p) AND c.valid_to IS NOT NULL
),
region AS (
  SELECT r.region_level, r.region_code, w.measure_code, w.basis_code, w.base_year, w.year, w.method, w.as_of_date,
         count(DISTINCT r.county_code) AS n_counties,
         count(DISTINCT CASE WHEN r.residence_code = '' THEN q.region_code ELSE z.region_code END) AS n_with_population,
         sum(q.n_persons) AS n_persons
  FROM member AS r
  CROSS JOIN wanted AS w
  LEFT JOIN part_any AS q
    ON q.region_code = r.county_code AND q.measure_code = w.measure_code AND q.residence_code = r.residence_code
   AND q.basis_code = w.basis_code AND q.year = w.year AND q.method = w.method
  -- a county without any population by residence makes a residence region incomplete; one without towns does not
  LEFT JOIN by_residence AS z
    ON z.region_code = r.county_code AND z.measure_code = w.measure_code AND z.basis_code = w.basis_code
   AND z.year = w.year AND z.method = w.method
  WHERE r.valid_to IS NULL OR (q.region_code IS NOT NULL AND w.year <= year(r.valid_to))
  GROUP BY r.region_level, r.region_code, w.measure_code, w.basis_code, w.base_year, w.year, w.method, w.as_of_date
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(g.year AS INTEGER) AS year,
       CAST(g.measure_code AS VARCHAR) AS measure_code,
       CAST(g.basis_code AS VARCHAR) AS population_basis_code,
       CAST(g.method AS VARCHAR) AS method_code,
       CAST(g.region_level AS VARCHAR) AS region_level,
       CAST(g.region_code AS VARCHAR) AS region_code,
       -- counties first; the region's own row only where counties are not given
       CAST(CASE WHEN g.n_with_population = g.n_counties THEN coalesce(g.n_persons, 0) ELSE own.n_persons END AS BIGINT)
         AS n_persons,
       CAST(g.base_year AS INTEGER) AS base_year,
       CAST(g.n_counties AS INTEGER) AS n_counties,
       CAST(g.n_with_population AS INTEGER) AS n_counties_reporting,
       CAST(c.measure_code IS NOT NULL AS BOOLEAN) AS is_chosen,
       CAST(g.as_of_date AS DATE) AS as_of_date
FROM region AS g
LEFT JOIN part_any AS own
  ON own.measure_code = g.measure_code AND own.basis_code = g.basis_code AND own.year = g.year AND own.method = g.method
 AND own.residence_code = ''
 AND own.region_code = CASE g.region_level WHEN 'prefecture' THEN g.region_code || '00'
                                           WHEN 'province' THEN g.region_code || '0000' END
LEFT JOIN choice AS c
  ON c.n = 1 AND c.measure_code = g.measure_code AND c.basis_code = g.basis_code AND c.first_year = g.year
 AND ((c.year = g.year AND g.method <> 'aged') OR (c.year <> g.year AND g.method = 'aged'))
