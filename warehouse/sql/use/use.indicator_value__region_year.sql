-- Every indicator variant by year, origin and region (schools too): the formula of reference data over the measures, or the reason for no value.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'interval_z' THEN CAST(t.value AS DOUBLE) END) AS z
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
variant AS (
  SELECT v.variant_id, v.kind, v.factor, v.decimals, v.cap, v.interval, v.region_filter, v.is_default,
         CASE v.decimals WHEN 0 THEN 1 WHEN 1 THEN 10 ELSE 100 END AS scale
  FROM ref.indicator_variant AS v
),
term AS (
  SELECT t.variant_id, t.side, t.term_no, t.measure_code, t.sign, t.lag_years, t.is_optional, m.kind AS measure_kind, m.unit
  FROM ref.indicator_term AS t
  JOIN ref.measure AS m ON m.measure_code = t.measure_code
),
-- the value of a measure for a year: this month's, else that of the annual point, else the latest month that knows the year
point AS (
  SELECT q.measure_code, q.origin_code, q.region_level, q.region_code, q.year, q.period, q.value, q.basis_code,
         q.population_basis_code, q.method_code, q.base_year, q.n_units, q.n_units_reporting, q.n_schools,
         q.n_schools_reporting, q.n_rows_open, q.is_provisional, q.reason_code, q.as_of_date
  FROM (
    SELECT r.measure_code, r.origin_code, r.region_level, r.region_code, r.year, r.period, r.value, r.basis_code,
           r.population_basis_code, r.method_code, r.base_year, r.n_units, r.n_units_reporting, r.n_schools,
           r.n_schools_reporting, r.n_rows_open, r.is_provisional, r.reason_code, r.as_of_date,
           row_number() OVER (
             PARTITION BY r.measure_code, r.origin_code, r.region_level, r.region_code, r.year
             ORDER BY CASE WHEN r.period = $period THEN 0
                           WHEN CAST(substr(r.period, 6, 2) AS INTEGER) = l.enrolment_month THEN 1 ELSE 2 END,
                      r.period DESC) AS n
    FROM use.measure__region_year AS r
    CROSS JOIN limits AS l
    WHERE r.period <= $period) AS q
  WHERE q.n = 1
),
-- the years for which this month knows the newest part of the numerator, by origin
asked AS (
  SELECT DISTINCT t.variant_id, p.origin_code, p.region_level, p.region_code, p.year
  FROM term AS t
  JOIN variant AS v ON v.variant_id = t.variant_id AND v.kind = 'ratio'
  JOIN point AS p ON p.measure_code = t.measure_code AND p.period = $period
  WHERE t.side = 'numerator' AND t.lag_years = 0
    AND (v.region_filter IS NULL OR p.region_code IN (SELECT s.region_set_id FROM ref.region_set AS s WHERE s.kind = v.region_filter))
),
-- what is counted here comes first; a figure counted here may need one that only others count, never the reverse
filled AS (
  SELECT a.variant_id, a.origin_code, a.region_level, a.region_code, a.year, t.side, t.sign, t.lag_years, t.is_optional,
         t.measure_kind, t.unit,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN 1 ELSE 0 END AS is_counted,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN c.value ELSE r.value END AS value,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN c.basis_code ELSE r.basis_code END AS basis_code,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN c.reason_code ELSE r.reason_code END AS reason_code,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN c.as_of_date ELSE r.as_of_date END AS as_of_date,
         CASE WHEN a.origin_code = 'computed' AND c.measure_code IS NOT NULL THEN c.is_provisional ELSE r.is_provisional END
           AS is_provisional,
         -- who delivered what is said of our own counts only
         CASE WHEN a.origin_code = 'computed' THEN c.population_basis_code END AS population_basis_code, c.method_code, c.base_year,
         CASE WHEN a.origin_code = 'computed' THEN c.n_units END AS n_units,
         CASE WHEN a.origin_code = 'computed' THEN c.n_units_reporting END AS n_units_reporting,
         CASE WHEN a.origin_code = 'computed' THEN c.n_schools END AS n_schools,
         CASE WHEN a.origin_code = 'computed' THEN c.n_schools_reporting END AS n_schools_reporting,
         CASE WHEN a.origin_code = 'computed' THEN c.n_rows_open END AS n_rows_open
  FROM asked AS a
  JOIN term AS t ON t.variant_id = a.variant_id
  LEFT JOIN point AS c
    ON c.measure_code = t.measure_code AND c.origin_code = 'computed' AND c.region_level = a.region_level
   AND c.region_code = a.region_code AND c.year = a.year - t.lag_years
  LEFT JOIN point AS r
    ON r.measure_code = t.measure_code AND r.origin_code = 'reported' AND r.region_level = a.region_level
   AND r.region_code = a.region_code AND r.year = a.year - t.lag_years
),
summed AS (
  SELECT f.variant_id, f.origin_code, f.region_level, f.region_code, f.year,
         CAST(sum(CASE WHEN f.side = 'numerator' THEN f.sign * f.value END) AS DECIMAL(24,4)) AS numerator,
         CAST(sum(CASE WHEN f.side = 'denominator' THEN f.sign * f.value END) AS DECIMAL(24,4)) AS denominator,
         max(CASE WHEN f.side = 'denominator' THEN 1 ELSE 0 END) AS has_denominator,
         max(f.is_counted) AS is_counted,
         max(CASE WHEN f.unit = '%' THEN 1 ELSE 0 END) AS is_given,
         sum(CASE WHEN f.value IS NULL AND NOT f.is_optional THEN 1 ELSE 0 END) AS n_missing,
         min(CASE WHEN f.value IS NULL AND NOT f.is_optional
                  THEN coalesce(f.reason_code,
                                CASE WHEN f.lag_years > 0 OR f.measure_kind = 'history' THEN 'needs_history'
                                     WHEN f.measure_kind = 'reported' THEN 'not_reported'
                                     WHEN f.measure_kind = 'population' THEN 'no_population' ELSE 'no_delivery' END) END)
           AS missing_code,
         count(DISTINCT f.basis_code) AS n_bases, min(f.basis_code) AS basis_code,
         min(f.population_basis_code) AS population_basis_code,
         max(CASE WHEN f.population_basis_code IS NOT NULL THEN f.method_code END) AS population_method_code,
         min(CASE WHEN f.population_basis_code IS NOT NULL THEN f.base_year END) AS population_year,
         -- coverage of the numerator: who counts; a denominator of population is complete or missing
         min(CASE WHEN f.side = 'numerator' THEN f.n_units END) AS n_units,
         min(CASE WHEN f.side = 'numerator' THEN f.n_units_reporting END) AS n_units_reporting,
         sum(CASE WHEN f.side = 'numerator' AND f.lag_years = 0 THEN f.n_schools END) AS n_schools,
         sum(CASE WHEN f.side = 'numerator' AND f.lag_years = 0 THEN f.n_schools_reporting END) AS n_schools_reporting,
         max(CASE WHEN f.side = 'numerator' THEN f.n_rows_open END) AS n_rows_open,
         max(CASE WHEN f.is_provisional THEN 1 ELSE 0 END) AS is_provisional,
         max(CASE WHEN f.side = 'numerator' THEN f.as_of_date END) AS as_of_date
  FROM filled AS f
  GROUP BY f.variant_id, f.origin_code, f.region_level, f.region_code, f.year
),
-- a school has the shares of its own classes and children; what it does not have is zero
school_part AS (
  SELECT t.variant_id, n.school_id, n.year, t.side, sum(t.sign * n.n) AS n
  FROM use.measure__county_school AS n
  JOIN term AS t ON t.measure_code = n.measure_code
  WHERE n.period = $period AND n.school_id <> ''
  GROUP BY t.variant_id, n.school_id, n.year, t.side
),
school AS (
  SELECT p.variant_id, p.school_id, p.year, max(CASE WHEN p.side = 'numerator' THEN p.n END) AS numerator,
         max(CASE WHEN p.side = 'denominator' THEN p.n END) AS denominator
  FROM school_part AS p
  WHERE p.variant_id NOT IN (
    SELECT t.variant_id FROM term AS t WHERE t.lag_years <> 0 OR t.measure_kind NOT IN ('pupils', 'school'))
    AND p.variant_id IN (SELECT v.variant_id FROM variant AS v WHERE v.kind = 'ratio' AND v.region_filter IS NULL)
  GROUP BY p.variant_id, p.school_id, p.year
),
-- the coefficient of variation: schools weighted by their pupils around the mean of the region
cv_part AS (
  SELECT t.variant_id, 'computed' AS origin_code, n.year, n.county_code, n.school_id, t.side, sum(t.sign * n.n) AS value
  FROM use.measure__county_school AS n
  JOIN term AS t ON t.measure_code = n.measure_code
  JOIN variant AS v ON v.variant_id = t.variant_id AND v.kind = 'cv'
  WHERE n.period = $period AND n.school_id <> ''
  GROUP BY t.variant_id, n.year, n.county_code, n.school_id, t.side
  UNION ALL
  SELECT t.variant_id, 'reported' AS origin_code, n.year, n.region_code AS county_code, n.school_id, t.side,
         sum(t.sign * n.value) AS value
  FROM core.reported__region_year AS n
  JOIN term AS t ON t.measure_code = n.measure_code
  JOIN variant AS v ON v.variant_id = t.variant_id AND v.kind = 'cv'
  WHERE n.period = $period AND n.school_id <> '' AND n.region_level = 'county'
  GROUP BY t.variant_id, n.year, n.region_code, n.school_id, t.side
),
cv_school AS (
  SELECT p.variant_id, p.origin_code, p.year, r.region_level, r.region_code, p.school_id,
         CAST(max(CASE WHEN p.side = 'numerator' THEN p.value END) AS DOUBLE) AS amount,
         CAST(max(CASE WHEN p.side = 'denominator' THEN p.value END) AS DOUBLE) AS pupils
  FROM cv_part AS p
  JOIN core.region_member__region_county AS r
    ON r.county_code = p.county_code AND r.residence_code = '' AND r.period = $period
  GROUP BY p.variant_id, p.origin_code, p.year, r.region_level, r.region_code, p.school_id
  HAVING max(CASE WHEN p.side = 'numerator' THEN p.value END) IS NOT NULL
     AND max(CASE WHEN p.side = 'denominator' THEN p.value END) > 0
),
cv_mean AS (
  SELECT variant_id, origin_code, year, region_level, region_code, sum(amount) AS amount, sum(pupils) AS pupils,
         count(*) AS n_schools
  FROM cv_school
  GROUP BY variant_id, origin_code, year, region_level, region_code
),
cv AS (
  SELECT m.variant_id, m.origin_code, m.year, m.region_level, m.region_code, m.n_schools,
         CASE WHEN m.amount > 0
              -- decimals: a sum of them is the same in whatever order it is made
              THEN sqrt(CAST(sum(CAST(s.pupils / m.pupils * (s.amount / s.pupils - m.amount / m.pupils)
                * (s.amount / s.pupils - m.amount / m.pupils) AS DECIMAL(38, 15))) AS DOUBLE)) / (m.amount / m.pupils) END AS value
  FROM cv_mean AS m
  JOIN cv_school AS s
    ON s.variant_id = m.variant_id AND s.origin_code = m.origin_code AND s.year = m.year
   AND s.region_level = m.region_level AND s.region_code = m.region_code
  GROUP BY m.variant_id, m.origin_code, m.year, m.region_level, m.region_code, m.n_schools, m.amount, m.pupils
),
directory AS (
  SELECT max(as_of) AS as_of_date FROM core.delivery__period WHERE period = $period AND source = 'school_directory'
),
fraction AS (
  SELECT s.variant_id, s.origin_code, s.region_level, s.region_code, s.year,
         CAST(s.numerator AS HUGEINT) AS numerator, CAST(s.denominator AS HUGEINT) AS denominator,
         s.has_denominator, s.is_counted, CASE WHEN s.is_given = 1 THEN CAST(s.numerator AS DOUBLE) END AS given,
         CASE WHEN s.n_bases > 1 OR s.basis_code = 'mixed' THEN 'mixed_basis'
              WHEN s.n_missing > 0 THEN s.missing_code
              WHEN s.has_denominator = 1 AND coalesce(s.denominator, 0) = 0 THEN 'zero_denominator'
              WHEN s.has_denominator = 1 AND s.denominator < 0 THEN 'negative_denominator' END AS reason_code,
         CASE WHEN s.n_bases > 1 THEN 'mixed' ELSE s.basis_code END AS basis_code, s.population_basis_code,
         s.population_method_code, s.population_year, s.n_units, s.n_units_reporting, s.n_schools, s.n_schools_reporting,
         s.n_rows_open, s.is_provisional = 1 AS is_provisional, s.as_of_date
  FROM summed AS s
  -- a figure of which nothing is counted here is a reported one; a reported one that lacks a term was never reported
  WHERE CASE s.origin_code WHEN 'computed' THEN s.is_counted = 1 ELSE s.n_missing = 0 END
  UNION ALL
  SELECT k.variant_id, 'computed' AS origin_code, 'school' AS region_level, k.school_id AS region_code, k.year,
         CAST(coalesce(k.numerator, 0) AS HUGEINT) AS numerator, CAST(k.denominator AS HUGEINT) AS denominator,
         CASE WHEN k.variant_id IN (SELECT t.variant_id FROM term AS t WHERE t.side = 'denominator') THEN 1 ELSE 0 END
           AS has_denominator, 1 AS is_counted, NULL AS given,
         CASE WHEN k.denominator IS NULL AND k.variant_id IN (SELECT t.variant_id FROM term AS t WHERE t.side = 'denominator')
              THEN 'zero_denominator' END AS reason_code, 'school_location' AS basis_code,
         NULL AS population_basis_code, NULL AS population_method_code, NULL AS population_year, NULL AS n_units,
         NULL AS n_units_reporting, 1 AS n_schools, 1 AS n_schools_reporting, NULL AS n_rows_open, false AS is_provisional,
         d.as_of_date
  FROM school AS k
  CROSS JOIN directory AS d
  UNION ALL
  SELECT c.variant_id, c.origin_code, c.region_level, c.region_code, c.year, NULL AS numerator, NULL AS denominator,
         0 AS has_denominator, CASE c.origin_code WHEN 'computed' THEN 1 ELSE 0 END AS is_counted, c.value AS given,
         CASE WHEN c.value IS NULL THEN 'zero_denominator' END AS reason_code, 'school_location' AS basis_code,
         NULL AS population_basis_code, NULL AS population_method_code, NULL AS population_year, NULL AS n_units,
         NULL AS n_units_reporting, c.n_schools, c.n_schools AS n_schools_reporting, NULL AS n_rows_open, false AS is_provisional,
         d.as_of_date
  FROM cv AS c
  CROSS JOIN directory AS d
),
-- a variant that nothing feeds has a row with the reason, so that its absence is seen
absent AS (
  SELECT v.variant_id, r.region_level, r.region_code, y.first_year AS year,
         -- payments of a term whose month of recognition is not loaded say nothing
         max(CASE WHEN t.measure_kind = 'history' OR (t.measure_kind = 'term' AND a.n > 0) THEN 'needs_history'
                  WHEN t.measure_kind = 'reported' THEN 'not_reported' ELSE 'no_delivery' END) AS reason_code
  FROM variant AS v
  JOIN term AS t ON t.variant_id = v.variant_id AND t.side = 'numerator'
  CROSS JOIN (SELECT DISTINCT region_level, region_code FROM core.region_member__region_county WHERE period = $period) AS r
  CROSS JOIN school_year AS y
  CROSS JOIN (SELECT count(*) AS n FROM core.delivery__period WHERE period = $period AND source = 'aid_record') AS a
  WHERE v.variant_id NOT IN (SELECT f.variant_id FROM fraction AS f) AND v.region_filter IS NULL
  GROUP BY v.variant_id, r.region_level, r.region_code, y.first_year
),
valued AS (
  SELECT f.variant_id, f.origin_code, f.region_level, f.region_code, f.year, f.numerator, f.denominator, f.reason_code,
         f.basis_code, f.population_basis_code, f.population_method_code, f.population_year, f.n_units, f.n_units_reporting,
         f.n_schools, f.n_schools_reporting, f.n_rows_open, f.is_provisional, f.as_of_date, f.has_denominator, f.given,
         v.factor, v.decimals, v.scale, v.cap, v.interval,
         CASE WHEN f.reason_code IS NOT NULL THEN NULL
              WHEN f.given IS NOT NULL THEN f.given
              WHEN f.has_denominator = 1 THEN CAST(f.numerator AS DOUBLE) * v.factor / CAST(f.denominator AS DOUBLE)
              ELSE CAST(f.numerator AS DOUBLE) END AS value,
         -- half up, in whole numbers
         CASE WHEN f.reason_code IS NOT NULL THEN NULL
              WHEN f.given IS NOT NULL THEN round(f.given * v.scale)
              WHEN f.has_denominator = 1
                THEN CAST(sign(f.numerator) * ((2 * abs(f.numerator) * v.factor * v.scale + f.denominator) // (2 * f.denominator))
                          AS DOUBLE)
              ELSE CAST(f.numerator AS DOUBLE) * v.scale END AS value_scaled
  FROM fraction AS f
  JOIN variant AS v ON v.variant_id = f.variant_id
),
every AS (
  SELECT x.variant_id, x.origin_code, x.region_level, x.region_code, x.year,
         CASE WHEN x.given IS NULL THEN x.numerator END AS numerator,
         CASE WHEN x.has_denominator = 1 THEN x.denominator END AS denominator,
         x.value, CASE WHEN x.value_scaled / x.scale > x.cap THEN CAST(x.cap AS DOUBLE) ELSE x.value_scaled / x.scale END AS published,
         x.value_scaled / x.scale > x.cap AS is_capped, x.decimals, x.reason_code, x.basis_code, x.population_basis_code,
         x.population_method_code, x.population_year, x.n_units, x.n_units_reporting, x.n_schools, x.n_schools_reporting,
         x.n_rows_open, x.is_provisional, x.as_of_date, x.factor,
         CASE WHEN x.value IS NOT NULL AND x.has_denominator = 1 AND x.numerator >= 0
              THEN CASE WHEN x.interval = 'wilson' AND x.numerator <= x.denominator THEN 'wilson'
                        WHEN x.interval IN ('byar', 'wilson') THEN 'byar' END END AS interval_code,
         CAST(x.numerator AS DOUBLE) AS n, CAST(x.denominator AS DOUBLE) AS d, l.z
  FROM valued AS x
  CROSS JOIN limits AS l
  UNION ALL
  SELECT a.variant_id, 'computed' AS origin_code, a.region_level, a.region_code, a.year, NULL AS numerator, NULL AS denominator,
         NULL AS value, NULL AS published, NULL AS is_capped, v.decimals, a.reason_code, NULL AS basis_code,
         NULL AS population_basis_code, NULL AS population_method_code, NULL AS population_year, NULL AS n_units,
         NULL AS n_units_reporting, NULL AS n_schools, NULL AS n_schools_reporting, NULL AS n_rows_open, NULL AS is_provisional,
         NULL AS as_of_date, v.factor, NULL AS interval_code, NULL AS n, NULL AS d, NULL AS z
  FROM absent AS a
  JOIN variant AS v ON v.variant_id = a.variant_id
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(e.year AS INTEGER) AS year,
       CAST(e.variant_id AS VARCHAR) AS variant_id,
       CAST(e.origin_code AS VARCHAR) AS origin_code,
       CAST(e.region_level AS VARCHAR) AS region_level,
       CAST(e.region_code AS VARCHAR) AS region_code,
       CAST(e.numerator AS BIGINT) AS numerator,
       CAST(e.denominator AS BIGINT) AS denominator,
       CAST(e.value AS DOUBLE) AS value_unrounded,
       CAST(e.published AS DECIMAL(18,2)) AS value_published,
       CAST(e.decimals AS INTEGER) AS decimals,
       CAST(coalesce(e.is_capped, false) AS BOOLEAN) AS is_capped,
       CAST(e.reason_code AS VARCHAR) AS reason_code,
       CAST(e.interval_code AS VARCHAR) AS interval_code,
       CAST(CASE e.interval_code
              WHEN 'wilson' THEN CASE WHEN e.n = 0 THEN 0 ELSE e.factor * (e.n / e.d + e.z * e.z / (2 * e.d)
                - e.z * sqrt(e.n / e.d * (1 - e.n / e.d) / e.d + e.z * e.z / (4 * e.d * e.d))) / (1 + e.z * e.z / e.d) END
              WHEN 'byar' THEN CASE WHEN e.n = 0 THEN 0
                ELSE e.factor * e.n * power(1 - 1 / (9 * e.n) - e.z / (3 * sqrt(e.n)), 3) / e.d END END AS DOUBLE) AS value_low,
       CAST(CASE e.interval_code
              WHEN 'wilson' THEN e.factor * (e.n / e.d + e.z * e.z / (2 * e.d)
                + e.z * sqrt(e.n / e.d * (1 - e.n / e.d) / e.d + e.z * e.z / (4 * e.d * e.d))) / (1 + e.z * e.z / e.d)
              WHEN 'byar' THEN e.factor * (e.n + 1)
                * power(1 - 1 / (9 * (e.n + 1)) + e.z / (3 * sqrt(e.n + 1)), 3) / e.d END AS DOUBLE) AS value_high,
       CAST(e.basis_code AS VARCHAR) AS basis_code,
       CAST(e.population_basis_code AS VARCHAR) AS population_basis_code,
       CAST(e.population_method_code AS VARCHAR) AS population_method_code,
       CAST(e.population_year AS INTEGER) AS population_year,
       CAST(e.n_units AS INTEGER) AS n_units,
       CAST(e.n_units_reporting AS INTEGER) AS n_units_reporting,
       CAST(e.n_schools AS INTEGER) AS n_schools,
       CAST(e.n_schools_reporting AS INTEGER) AS n_schools_reporting,
       CAST(e.n_rows_open AS BIGINT) AS n_rows_open,
       -- what the value would be at most if every row that is set aside belonged to its numerator
       CAST(CASE WHEN e.value IS NOT NULL AND e.d > 0 AND e.n_rows_open IS NOT NULL
                 THEN (e.n + e.n_rows_open) * e.factor / e.d END AS DOUBLE) AS value_with_open_rows,
       CAST(coalesce(e.is_provisional, false) AS BOOLEAN) AS is_provisional,
       CAST(e.as_of_date AS DATE) AS as_of_date
FROM every AS e
