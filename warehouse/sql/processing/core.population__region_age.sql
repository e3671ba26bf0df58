-- One row per year, basis, region, residence, single age and sex of the population in force; subtotals of ages are left out.
-- Counties are today's; a county of then that is gone has rows of its own under its old code besides.
WITH delivered AS (
  SELECT p.year, p.basis_code, coalesce(u.county_code, p.region_code) AS region_code, p.region_code AS delivered_code,
         coalesce(p.residence_code, '0') AS residence_code, CAST(p.age_label AS VARCHAR) AS age_label,
         p.n_male, p.n_female, p.n_total, p.as_of_date, p.delivery_id, p.row_no,
         NOT u.is_current AND p.year BETWEEN coalesce(year(c.valid_from), 0) AND year(c.valid_to) AS is_former
  FROM raw.population__region_age AS p
  JOIN core.delivery__period AS d ON d.delivery_id = p.delivery_id AND d.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = p.region_code AND u.period = $period
  LEFT JOIN ref.county AS c ON c.county_code = p.region_code
),
ranked AS (
  -- the same cell delivered twice: the later point in time
  SELECT delivered.year, delivered.basis_code, delivered.region_code, delivered.delivered_code, delivered.residence_code,
         delivered.n_male, delivered.n_female, delivered.n_total, delivered.as_of_date, delivered.is_former,
         CAST(delivered.age_label AS INTEGER) AS age,
         row_number() OVER (
           PARTITION BY delivered.year, delivered.basis_code, delivered.delivered_code, delivered.residence_code,
                        delivered.age_label
           ORDER BY delivered.as_of_date DESC NULLS LAST, delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
  WHERE regexp_matches(delivered.age_label, '^[0-9]{1,3}$')
),
kept AS (
  SELECT year, basis_code, region_code, residence_code, age, n_male, n_female, n_total, as_of_date FROM ranked WHERE n = 1
  UNION ALL
  SELECT year, basis_code, delivered_code AS region_code, residence_code, age, n_male, n_female, n_total, as_of_date
  FROM ranked WHERE n = 1 AND is_former
),
by_sex AS (
  SELECT year, basis_code, region_code, residence_code, age, as_of_date, '1' AS sex_code, n_male AS n_persons
  FROM kept WHERE n_male IS NOT NULL AND n_female IS NOT NULL
  UNION ALL
  SELECT year, basis_code, region_code, residence_code, age, as_of_date, '2' AS sex_code, n_female AS n_persons
  FROM kept WHERE n_male IS NOT NULL AND n_female IS NOT NULL
  UNION ALL
  SELECT year, basis_code, region_code, residence_code, age, as_of_date, '0' AS sex_code, n_total AS n_persons
  FROM kept WHERE (n_male IS NULL OR n_female IS NULL) AND n_total IS NOT NULL
)
-- units that were merged since are added up
SELECT CAST($period AS VARCHAR) AS period,
       CAST(year AS INTEGER) AS year,
       CAST(basis_code AS VARCHAR) AS basis_code,
       CAST(region_code AS VARCHAR) AS region_code,
       CAST(residence_code AS VARCHAR) AS residence_code,
       CAST(age AS INTEGER) AS age,
       CAST(sex_code AS VARCHAR) AS sex_code,
       CAST(sum(n_persons) AS BIGINT) AS n_persons,
       CAST(max(as_of_date) AS DATE) AS as_of_date
FROM by_sex
GROUP BY year, basis_code, region_code, residence_code, age, sex_code
