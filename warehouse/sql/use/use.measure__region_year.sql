-- Every measure by year, origin (computed here or reported) and region: sums of counties, with who reported, how it was made and why it may be missing.
WITH computed_measure AS (
  SELECT m.measure_code, m.kind, m.basis_code, m.stage_codes, m.sources, m.unit
  FROM ref.measure AS m
  WHERE m.kind IN ('pupils', 'school', 'person', 'graduates', 'history', 'term')
),
limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
in_force AS (
  SELECT d.source, coalesce(u.county_code, d.owner) AS unit_code, max(d.as_of) AS as_of, sum(v.n_quarantined) AS n_open
  FROM core.delivery__period AS d
  JOIN ops.delivery__version AS v ON v.delivery_id = d.delivery_id
  LEFT JOIN core.county_unit__code AS u ON u.code = d.owner AND u.period = $period
  WHERE d.period = $period
  GROUP BY d.source, coalesce(u.county_code, d.owner)
),
vocational AS (
  SELECT DISTINCT s.county_code
  FROM core.school__school_month AS s
  WHERE s.period = $period AND s.is_open AND s.stage_hint_code = '32'
),
needed AS (
  SELECT m.measure_code, s.source
  FROM computed_measure AS m
  JOIN ref.source AS s ON '|' || m.sources || '|' LIKE '%|' || s.source || '|%'
),
-- a county counts as covered when every source of the measure has delivered; the vocational registry where there is such a school
coverage AS (
  SELECT n.measure_code, u.county_code, min(CASE WHEN f.source IS NOT NULL OR (n.source = 'vocational_registry'
           AND v.county_code IS NULL) THEN 1 ELSE 0 END) AS is_covered,
         max(f.as_of) AS as_of, sum(f.n_open) AS n_open
  FROM needed AS n
  CROSS JOIN core.county_unit__code AS u
  LEFT JOIN in_force AS f ON f.source = n.source AND f.unit_code = u.county_code
  LEFT JOIN vocational AS v ON v.county_code = u.county_code
  WHERE u.period = $period AND u.is_current
  GROUP BY n.measure_code, u.county_code
),
school AS (
  -- open schools by stage, and those of which at least one pupil is registered
  SELECT s.county_code, coalesce(s.residence_code, '') AS residence_code, s.stage_hint_code, count(*) AS n_schools,
         sum(CASE WHEN e.school_id IS NOT NULL THEN 1 ELSE 0 END) AS n_reporting
  FROM core.school__school_month AS s
  LEFT JOIN (
    SELECT DISTINCT school_id FROM core.enrolment__person_month WHERE period = $period AND is_counted) AS e
    ON e.school_id = s.school_id
  WHERE s.period = $period AND s.is_open AND s.point_code = ''
  GROUP BY s.county_code, coalesce(s.residence_code, ''), s.stage_hint_code
),
school_region AS (
  SELECT r.region_level, r.region_code, m.measure_code, sum(s.n_schools) AS n_schools, sum(s.n_reporting) AS n_reporting
  FROM computed_measure AS m
  JOIN school AS s ON m.stage_codes IS NULL OR '|' || m.stage_codes || '|' LIKE '%|' || s.stage_hint_code || '|%'
  JOIN core.region_member__region_county AS r
    ON r.county_code = s.county_code AND (r.residence_code = '' OR r.residence_code = s.residence_code) AND r.period = $period
  WHERE m.kind IN ('pupils', 'school')
  GROUP BY r.region_level, r.region_code, m.measure_code
),
by_county AS (
  SELECT n.year, n.measure_code, n.county_code, n.residence_code, sum(n.n) AS n
  FROM use.measure__county_school AS n
  WHERE n.period = $period
  GROUP BY n.year, n.measure_code, n.county_code, n.residence_code
  UNION ALL
  SELECT p.year, p.measure_code, p.county_code, '' AS residence_code, p.n
  FROM use.measure__county_person AS p
  WHERE p.period = $period
),
summed AS (
  SELECT r.region_level, r.region_code, n.year, n.measure_code, sum(n.n) AS n
  FROM by_county AS n
  JOIN core.region_member__region_county AS r
    ON r.county_code = n.county_code AND (r.residence_code = '' OR r.residence_code = n.residence_code)
   AND r.period = $period
  GROUP BY r.region_level, r.region_code, n.year, n.measure_code
),
region_year AS (
  SELECT r.region_level, r.region_code, m.measure_code, y.year, count(DISTINCT r.county_code) AS n_units,
         count(DISTINCT CASE WHEN c.is_covered = 1 THEN r.county_code END) AS n_reporting, max(c.as_of) AS as_of,
         max(r.residence_code) AS residence_code
  FROM core.region_member__region_county AS r
  JOIN computed_measure AS m ON m.basis_code <> 'college'
  JOIN (
    SELECT m.measure_code, s.first_year AS year FROM computed_measure AS m CROSS JOIN school_year AS s
    WHERE m.kind IN ('pupils', 'school', 'person')
    UNION
    -- cohorts and terms have years of their own
    SELECT b.measure_code, b.year FROM by_county AS b JOIN computed_measure AS m ON m.measure_code = b.measure_code
    WHERE m.kind IN ('history', 'term')
    UNION
    -- a group of destinations that nobody chose is a zero
    SELECT m.measure_code, b.year FROM by_county AS b CROSS JOIN computed_measure AS m
    WHERE b.measure_code = 'graduates' AND m.kind = 'graduates') AS y ON y.measure_code = m.measure_code
  LEFT JOIN coverage AS c ON c.county_code = r.county_code AND c.measure_code = m.measure_code
  -- persons of a county of registration or origin have no residence of a school
  WHERE r.period = $period AND (r.residence_code = '' OR m.kind IN ('pupils', 'school'))
  GROUP BY r.region_level, r.region_code, m.measure_code, y.year
),
open_rows AS (
  SELECT r.region_level, r.region_code, c.measure_code, sum(c.n_open) AS n_open
  FROM (SELECT DISTINCT region_level, region_code, county_code FROM core.region_member__region_county WHERE period = $period) AS r
  JOIN coverage AS c ON c.county_code = r.county_code
  GROUP BY r.region_level, r.region_code, c.measure_code
),
college AS (
  SELECT count(*) AS n_units,
         (SELECT count(DISTINCT f.unit_code) FROM in_force AS f WHERE f.source = 'graduate_register') AS n_reporting,
         (SELECT sum(f.n_open) FROM in_force AS f WHERE f.source = 'graduate_register') AS n_open,
         (SELECT max(f.as_of) FROM in_force AS f WHERE f.source = 'graduate_register') AS as_of
  FROM ref.college AS k
),
computed AS (
  SELECT y.year, y.measure_code, y.region_level, y.region_code,
         CASE WHEN m.kind IN ('graduates', 'term') OR y.n_reporting > 0 THEN coalesce(s.n, 0) END AS value, m.basis_code,
         CASE WHEN m.kind = 'graduates' THEN k.n_units ELSE y.n_units END AS n_units,
         CASE WHEN m.kind = 'graduates' THEN k.n_reporting ELSE y.n_reporting END AS n_reporting,
         z.n_schools, z.n_reporting AS n_schools_reporting,
         CASE WHEN m.kind = 'graduates' THEN k.n_open ELSE o.n_open END AS n_open,
         CASE WHEN m.kind NOT IN ('graduates', 'term') AND y.n_reporting = 0 THEN 'no_delivery' END AS reason_code,
         -- a cohort whose repeaters have another year, a count that moves with the months
         m.kind = 'history' AND y.year = t.first_year AS is_open, coalesce(y.as_of, k.as_of) AS as_of
  FROM region_year AS y
  JOIN computed_measure AS m ON m.measure_code = y.measure_code
  CROSS JOIN college AS k
  CROSS JOIN school_year AS t
  LEFT JOIN summed AS s
    ON s.region_level = y.region_level AND s.region_code = y.region_code AND s.measure_code = y.measure_code AND s.year = y.year
  LEFT JOIN school_region AS z
    ON z.region_level = y.region_level AND z.region_code = y.region_code AND z.measure_code = y.measure_code
  LEFT JOIN open_rows AS o
    ON o.region_level = y.region_level AND o.region_code = y.region_code AND o.measure_code = y.measure_code
  UNION ALL
  -- graduates of the colleges belong to the province as a whole; a group without anybody is a zero
  SELECT y.year, m.measure_code, 'province' AS region_level, p.region_code, coalesce(b.n, 0) AS value, m.basis_code, k.n_units,
         k.n_reporting, NULL AS n_schools, NULL AS n_schools_reporting, k.n_open, NULL AS reason_code, false AS is_open, k.as_of
  FROM computed_measure AS m
  CROSS JOIN college AS k
  CROSS JOIN (SELECT DISTINCT year FROM by_county WHERE measure_code = 'graduates') AS y
  CROSS JOIN (
    SELECT DISTINCT region_code FROM core.region_member__region_county WHERE period = $period AND region_level = 'province') AS p
  LEFT JOIN by_county AS b ON b.measure_code = m.measure_code AND b.year = y.year AND b.county_code = ''
  WHERE m.basis_code = 'college'
),
-- the counties of then that are gone since, by the code that their schools stood under; a count that nobody made is nought
former AS (
  SELECT DISTINCT c.county_code AS unit_code, u.county_code, s.school_id
  FROM ref.county AS c
  CROSS JOIN school_year AS y
  JOIN core.county_unit__code AS u ON u.code = c.county_code AND u.period = $period AND NOT u.is_current
  JOIN core.school__school_month AS s ON s.period = $period AND substr(s.region_code, 1, 6) = c.county_code
  WHERE y.first_year BETWEEN coalesce(year(c.valid_from), 0) AND year(c.valid_to)
),
former_count AS (
  SELECT y.first_year AS year, m.measure_code, f.unit_code, coalesce(max(n.n), 0) AS n, m.basis_code, max(c.as_of) AS as_of
  FROM (SELECT DISTINCT unit_code, county_code FROM former) AS f
  CROSS JOIN school_year AS y
  JOIN computed_measure AS m ON m.kind IN ('pupils', 'school')
  JOIN coverage AS c ON c.measure_code = m.measure_code AND c.county_code = f.county_code AND c.is_covered = 1
  LEFT JOIN (
    SELECT k.measure_code, w.unit_code, sum(k.n) AS n
    FROM use.measure__county_school AS k
    JOIN (SELECT DISTINCT unit_code, school_id FROM former) AS w ON w.school_id = k.school_id
    WHERE k.period = $period
    GROUP BY k.measure_code, w.unit_code) AS n ON n.measure_code = m.measure_code AND n.unit_code = f.unit_code
  GROUP BY y.first_year, m.measure_code, f.unit_code, m.basis_code
),
population AS (
  -- only the series chosen for the school year enters a rate; the others stay in their own table
  SELECT p.year, p.measure_code, p.region_level, p.region_code, p.n_persons AS value, p.n_counties AS n_units,
         p.n_counties_reporting AS n_reporting, p.population_basis_code, p.method_code, p.base_year, p.as_of_date
  FROM use.population_band__region_year AS p
  WHERE p.period = $period AND p.is_chosen
),
reported AS (
  SELECT r.year, r.measure_code, r.region_level, r.region_code, r.value, r.region_basis_code, r.is_provisional, r.as_of_date
  FROM core.reported__region_year AS r
  WHERE r.period = $period AND r.school_id = ''
),
place AS (
  SELECT r.region_level, r.region_code, count(DISTINCT r.county_code) AS n_units
  FROM core.region_member__region_county AS r
  WHERE r.period = $period AND r.residence_code = ''
  GROUP BY r.region_level, r.region_code
),
part AS (
  -- a region without a row of its own is the sum of its counties, else of its prefectures, and only when they all have one
  SELECT r.region_level, r.region_code, q.year, q.measure_code, q.region_level AS part_level, sum(q.value) AS value,
         count(*) AS n_counties, count(DISTINCT q.region_basis_code) AS n_bases, min(q.region_basis_code) AS region_basis_code,
         max(CASE WHEN q.is_provisional THEN 1 ELSE 0 END) AS is_provisional, max(q.as_of_date) AS as_of_date
  FROM core.region_member__region_county AS r
  JOIN reported AS q ON q.region_level = 'county' AND q.region_code = r.county_code
  WHERE r.period = $period AND r.residence_code = '' AND r.region_level <> 'county'
  GROUP BY r.region_level, r.region_code, q.year, q.measure_code, q.region_level
  UNION ALL
  SELECT w.region_level, w.region_code, q.year, q.measure_code, q.region_level AS part_level, sum(q.value) AS value,
         sum(w.n_inside) AS n_counties, count(DISTINCT q.region_basis_code) AS n_bases,
         min(q.region_basis_code) AS region_basis_code, max(CASE WHEN q.is_provisional THEN 1 ELSE 0 END) AS is_provisional,
         max(q.as_of_date) AS as_of_date
  FROM (
    SELECT r.region_level, r.region_code, u.prefecture_code, count(DISTINCT r.county_code) AS n_inside
    FROM core.region_member__region_county AS r
    JOIN core.county_unit__code AS u ON u.code = r.county_code AND u.period = $period
    WHERE r.period = $period AND r.residence_code = '' AND r.region_level IN ('set', 'province')
    GROUP BY r.region_level, r.region_code, u.prefecture_code) AS w
  JOIN place AS f ON f.region_level = 'prefecture' AND f.region_code = w.prefecture_code AND f.n_units = w.n_inside
  JOIN reported AS q ON q.region_level = 'prefecture' AND q.region_code = w.prefecture_code
  GROUP BY w.region_level, w.region_code, q.year, q.measure_code, q.region_level
),
reported_any AS (
  SELECT year, measure_code, region_level, region_code, value, region_basis_code, is_provisional, as_of_date, 1 AS choice
  FROM reported
  UNION ALL
  SELECT p.year, p.measure_code, p.region_level, p.region_code, p.value,
         CASE WHEN p.n_bases = 1 THEN p.region_basis_code ELSE 'mixed' END AS region_basis_code, p.is_provisional = 1 AS is_provisional,
         p.as_of_date, CASE p.part_level WHEN 'county' THEN 2 ELSE 3 END AS choice
  FROM part AS p
  JOIN place AS f ON f.region_level = p.region_level AND f.region_code = p.region_code AND f.n_units = p.n_counties
  JOIN ref.measure AS m ON m.measure_code = p.measure_code AND m.unit <> '%'
),
reported_one AS (
  SELECT q.year, q.measure_code, q.region_level, q.region_code, q.value, q.region_basis_code, q.is_provisional, q.as_of_date
  FROM (
    SELECT a.year, a.measure_code, a.region_level, a.region_code, a.value, a.region_basis_code, a.is_provisional, a.as_of_date,
           row_number() OVER (PARTITION BY a.year, a.measure_code, a.region_level, a.region_code ORDER BY a.choice) AS n
    FROM reported_any AS a) AS q
  WHERE q.n = 1
),
every AS (
  SELECT c.year, c.measure_code, 'computed' AS origin_code, c.region_level, c.region_code, c.value, c.basis_code,
         NULL AS population_basis_code, 'counted' AS method_code, NULL AS base_year, c.n_units, c.n_reporting, c.n_schools,
         c.n_schools_reporting, c.n_open, c.is_open OR c.n_reporting < c.n_units AS is_provisional, c.reason_code, c.as_of
  FROM computed AS c
  UNION ALL
  SELECT f.year, f.measure_code, 'computed' AS origin_code, 'former' AS region_level, f.unit_code AS region_code, f.n AS value,
         f.basis_code, NULL AS population_basis_code, 'counted' AS method_code, NULL AS base_year, 1 AS n_units, 1 AS n_reporting,
         NULL AS n_schools, NULL AS n_schools_reporting, NULL AS n_open, false AS is_provisional, NULL AS reason_code, f.as_of
  FROM former_count AS f
  UNION ALL
  SELECT p.year, p.measure_code, 'computed' AS origin_code, p.region_level, p.region_code, p.value,
         'school_location' AS basis_code, p.population_basis_code, p.method_code, p.base_year, p.n_units, p.n_reporting,
         NULL AS n_schools, NULL AS n_schools_reporting, NULL AS n_open, false AS is_provisional,
         CASE WHEN p.value IS NULL THEN 'no_population' END AS reason_code, p.as_of_date AS as_of
  FROM population AS p
  UNION ALL
  SELECT q.year, q.measure_code, 'reported' AS origin_code, q.region_level, q.region_code, q.value, q.region_basis_code AS basis_code,
         NULL AS population_basis_code, 'reported' AS method_code, NULL AS base_year, NULL AS n_units, NULL AS n_reporting,
         NULL AS n_schools, NULL AS n_schools_reporting, NULL AS n_open, q.is_provisional, NULL AS reason_code, q.as_of_date AS as_of
  FROM reported_one AS q
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(e.year AS INTEGER) AS year,
       CAST(e.measure_code AS VARCHAR) AS measure_code,
       CAST(e.origin_code AS VARCHAR) AS origin_code,
       CAST(e.region_level AS VARCHAR) AS region_level,
       CAST(e.region_code AS VARCHAR) AS region_code,
       CAST(e.value AS DECIMAL(24,4)) AS value,
       CAST(e.basis_code AS VARCHAR) AS basis_code,
       CAST(e.population_basis_code AS VARCHAR) AS population_basis_code,
       CAST(e.method_code AS VARCHAR) AS method_code,
       CAST(e.base_year AS INTEGER) AS base_year,
       CAST(e.n_units AS INTEGER) AS n_units,
       CAST(e.n_reporting AS INTEGER) AS n_units_reporting,
       CAST(e.n_schools AS INTEGER) AS n_schools,
       CAST(e.n_schools_reporting AS INTEGER) AS n_schools_reporting,
       CAST(e.n_open AS BIGINT) AS n_rows_open,
       CAST(e.is_provisional AS BOOLEAN) AS is_provisional,
       CAST(e.reason_code AS VARCHAR) AS reason_code,
       CAST(e.as_of AS DATE) AS as_of_date
FROM every AS e
