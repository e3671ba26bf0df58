-- Gross enrolment rates of the school year by region: pupils of any age at schools of the region over its resident population of the age band.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month
  FROM ref.threshold AS t
),
school_year AS (
  SELECT l.enrolment_month, CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
measure_stage AS (
  SELECT 'gross_preschool' AS measure_code, '00' AS stage_code, 'I01' AS indicator_id
  UNION ALL SELECT 'gross_primary' AS measure_code, '10' AS stage_code, NULL AS indicator_id
  UNION ALL SELECT 'gross_junior' AS measure_code, '20' AS stage_code, 'I04' AS indicator_id
  UNION ALL SELECT 'gross_senior' AS measure_code, '31' AS stage_code, 'I07' AS indicator_id
  UNION ALL SELECT 'gross_senior' AS measure_code, '32' AS stage_code, 'I07' AS indicator_id
),
measure AS (
  SELECT m.measure_code, max(m.indicator_id) AS indicator_id, min(CAST(s.rate_age_from AS INTEGER)) AS age_from,
         max(CAST(s.rate_age_to AS INTEGER)) AS age_to
  FROM measure_stage AS m
  JOIN ref.stage AS s ON s.stage_code = m.stage_code
  GROUP BY m.measure_code
),
-- numerators: persons counted once, vocational pupils full-time only, nursery classes (grade 0) left out
pupil AS (
  SELECT m.measure_code, e.county_code, coalesce(e.residence_code, '') AS residence_code, count(*) AS n_pupils
  FROM core.enrolment__person_month AS e
  JOIN measure_stage AS m ON m.stage_code = e.stage_code
  LEFT JOIN ref.grade AS g ON g.grade_code = e.grade_code
  WHERE e.period = $period AND e.is_counted AND e.is_full_time AND coalesce(CAST(g.grade_no AS VARCHAR), '') <> '0'
  GROUP BY m.measure_code, e.county_code, coalesce(e.residence_code, '')
),
-- one population for all regions: the resident estimate of the year, else the latest resident population; never mixed
base AS (
  SELECT b.year, b.basis_code, b.as_of_date,
         row_number() OVER (
           ORDER BY CASE WHEN b.basis_code = '2' AND b.year = y.first_year THEN 0 ELSE 1 END,
                    CASE WHEN b.year <= y.first_year THEN 0 ELSE 1 END, abs(b.year - y.first_year),
                    CASE b.basis_code WHEN '2' THEN 1 WHEN '4' THEN 2 ELSE 3 END) AS n
  FROM (
    SELECT p.year, p.basis_code, max(p.as_of_date) AS as_of_date
    FROM core.population__region_age AS p
    WHERE p.period = $period AND p.basis_code IN ('1', '2', '4')
    GROUP BY p.year, p.basis_code) AS b
  CROSS JOIN school_year AS y
),
population AS (
  SELECT m.measure_code, p.region_code, p.residence_code, sum(p.n_persons) AS n_persons
  FROM core.population__region_age AS p
  JOIN base AS b ON b.year = p.year AND b.basis_code = p.basis_code AND b.n = 1
  JOIN measure AS m ON p.age BETWEEN m.age_from AND m.age_to
  WHERE p.period = $period
  GROUP BY m.measure_code, p.region_code, p.residence_code
),
-- '' is the whole region: its own total where there is one, else the sum of its parts
population_any AS (
  SELECT measure_code, region_code, residence_code, n_persons FROM population WHERE residence_code <> '0'
  UNION ALL
  SELECT measure_code, region_code, '' AS residence_code,
         coalesce(sum(CASE WHEN residence_code = '0' THEN n_persons END), sum(n_persons)) AS n_persons
  FROM population
  GROUP BY measure_code, region_code
),
-- a county counts as covered when every registry that feeds the rate has delivered
delivered AS (
  SELECT DISTINCT d.source, u.county_code
  FROM core.delivery__period AS d
  JOIN core.county_unit__code AS u ON u.code = d.owner AND u.period = $period
  WHERE d.period = $period
),
vocational AS (
  SELECT DISTINCT s.county_code
  FROM core.school__school_month AS s
  WHERE s.period = $period AND s.is_open AND s.stage_hint_code = '32'
),
coverage AS (
  SELECT m.measure_code, u.county_code,
         CASE WHEN m.measure_code = 'gross_preschool' THEN p.county_code IS NOT NULL
              WHEN m.measure_code = 'gross_senior'
                THEN s.county_code IS NOT NULL AND (v.county_code IS NOT NULL OR k.county_code IS NULL)
              ELSE s.county_code IS NOT NULL END AS is_covered
  FROM core.county_unit__code AS u
  CROSS JOIN measure AS m
  LEFT JOIN delivered AS p ON p.source = 'preschool_registry' AND p.county_code = u.county_code
  LEFT JOIN delivered AS s ON s.source = 'student_registry' AND s.county_code = u.county_code
  LEFT JOIN delivered AS v ON v.source = 'vocational_registry' AND v.county_code = u.county_code
  LEFT JOIN vocational AS k ON k.county_code = u.county_code
  WHERE u.period = $period AND u.is_current
),
region AS (
  SELECT r.region_level, r.region_code, min(r.region_name_zh) AS region_name_zh, min(r.region_name_en) AS region_name_en,
         m.measure_code, count(DISTINCT r.county_code) AS n_counties,
         count(DISTINCT CASE WHEN c.is_covered THEN r.county_code END) AS n_covered,
         count(DISTINCT CASE WHEN r.residence_code = '' THEN q.region_code ELSE z.region_code END) AS n_with_population,
         CAST(sum(q.n_persons) AS BIGINT) AS n_population
  FROM core.region_member__region_county AS r
  CROSS JOIN measure AS m
  LEFT JOIN coverage AS c ON c.county_code = r.county_code AND c.measure_code = m.measure_code
  LEFT JOIN population_any AS q
    ON q.region_code = r.county_code AND q.measure_code = m.measure_code AND q.residence_code = r.residence_code
  -- a county without any population by residence makes a residence region incomplete; one without towns does not
  LEFT JOIN (
    SELECT DISTINCT region_code, measure_code FROM population WHERE residence_code <> '0') AS z
    ON z.region_code = r.county_code AND z.measure_code = m.measure_code
  WHERE r.period = $period
  GROUP BY r.region_level, r.region_code, m.measure_code
),
enrolled AS (
  SELECT r.region_level, r.region_code, n.measure_code, CAST(sum(n.n_pupils) AS BIGINT) AS n_pupils
  FROM pupil AS n
  JOIN core.region_member__region_county AS r
    ON r.county_code = n.county_code AND (r.residence_code = '' OR r.residence_code = n.residence_code)
   AND r.period = $period
  GROUP BY r.region_level, r.region_code, n.measure_code
),
fraction AS (
  SELECT r.region_level, r.region_code, r.region_name_zh, r.region_name_en, r.measure_code, r.n_counties, r.n_covered,
         CASE WHEN r.n_covered > 0 THEN coalesce(e.n_pupils, 0) END AS numerator,
         -- counties first; the region's own row only where counties are not given
         CASE WHEN r.n_with_population = r.n_counties THEN coalesce(r.n_population, 0) ELSE own.n_persons END AS denominator
  FROM region AS r
  LEFT JOIN enrolled AS e
    ON e.region_level = r.region_level AND e.region_code = r.region_code AND e.measure_code = r.measure_code
  LEFT JOIN population_any AS own
    ON own.measure_code = r.measure_code AND own.residence_code = ''
   AND own.region_code = CASE r.region_level WHEN 'prefecture' THEN r.region_code || '00'
                                             WHEN 'province' THEN r.region_code || '0000' END
),
snapshot AS (
  SELECT max(as_of) AS as_of_date
  FROM core.delivery__period
  WHERE period = $period AND source IN ('student_registry', 'vocational_registry', 'preschool_registry')
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(f.region_level AS VARCHAR) AS region_level,
       CAST(f.region_code AS VARCHAR) AS region_code,
       CAST(f.measure_code AS VARCHAR) AS measure_code,
       CAST(m.indicator_id AS VARCHAR) AS indicator_id,
       CAST(f.region_name_zh AS VARCHAR) AS region_name_zh,
       CAST(f.region_name_en AS VARCHAR) AS region_name_en,
       CAST(coalesce(i.name_zh, st.name_zh || '毛入学率') AS VARCHAR) AS measure_name_zh,
       CAST(coalesce(i.name_en, 'Gross enrolment rate, ' || lower(st.name_en)) AS VARCHAR) AS measure_name_en,
       CAST(CAST(y.first_year AS VARCHAR) || '-' || CAST(y.first_year + 1 AS VARCHAR) AS VARCHAR) AS school_year_code,
       CAST(CAST(substr($period, 6, 2) AS INTEGER) = y.enrolment_month AS BOOLEAN) AS is_annual_point,
       CAST(f.numerator AS INTEGER) AS numerator,
       CAST(f.denominator AS INTEGER) AS denominator,
       CAST(CASE WHEN f.denominator > 0 THEN CAST(f.numerator AS DOUBLE) * 100 / f.denominator END AS DOUBLE)
         AS value_unrounded,
       CAST(CASE WHEN f.denominator > 0
                 THEN CAST((2 * f.numerator * 1000 + f.denominator) // (2 * f.denominator) AS DOUBLE) / 10 END
            AS DECIMAL(7,1)) AS pct_published,
       CAST(1 AS INTEGER) AS decimals,
       CAST(CASE WHEN f.n_covered = 0 THEN 'no_delivery'
                 WHEN f.denominator IS NULL THEN 'no_population'
                 WHEN f.denominator = 0 THEN 'zero_denominator' END AS VARCHAR) AS reason_code,
       CAST(m.age_from AS INTEGER) AS age_from,
       CAST(m.age_to AS INTEGER) AS age_to,
       CAST('school_location' AS VARCHAR) AS region_basis_code,
       CAST(b.basis_code AS VARCHAR) AS population_basis_code,
       CAST(pb.name_zh AS VARCHAR) AS population_basis_name_zh,
       CAST(pb.name_en AS VARCHAR) AS population_basis_name_en,
       CAST(b.year AS INTEGER) AS population_year,
       CAST(CASE b.basis_code WHEN '1' THEN 'census' WHEN '2' THEN 'estimate' WHEN '4' THEN 'projected' END AS VARCHAR)
         AS method_code,
       CAST(CAST(f.n_covered AS DOUBLE) / f.n_counties AS DOUBLE) AS share_covered,
       CAST(f.n_covered < f.n_counties AS BOOLEAN) AS is_provisional,
       CAST(coalesce(m.indicator_id || '.' || CAST(i.version AS VARCHAR), m.measure_code || '.1') AS VARCHAR)
         AS definition_version,
       CAST(b.as_of_date AS DATE) AS population_as_of_date,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM fraction AS f
JOIN measure AS m ON m.measure_code = f.measure_code
JOIN (SELECT measure_code, min(stage_code) AS stage_code FROM measure_stage GROUP BY measure_code) AS ms
  ON ms.measure_code = f.measure_code
JOIN ref.stage AS st ON st.stage_code = ms.stage_code
CROSS JOIN school_year AS y
CROSS JOIN snapshot AS d
LEFT JOIN ref.indicator AS i ON i.indicator_id = m.indicator_id
LEFT JOIN base AS b ON b.n = 1
LEFT JOIN ref.code_list AS pb ON pb.list_id = 'population_basis' AND pb.code = b.basis_code
