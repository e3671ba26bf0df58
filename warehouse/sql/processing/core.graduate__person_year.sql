-- One row per graduate, by the person index, and graduation year of the register (latest delivery), with the destination in one
-- code list.
WITH code AS (
  -- the code list changed its codes: the graduation year says which one is meant
  SELECT c.scheme, c.code, c.rate_group, c.is_settled, c.year_from, c.year_to,
         row_number() OVER (PARTITION BY c.code, c.year_from ORDER BY c.scheme) AS n
  FROM (
    SELECT k.scheme, k.code, k.rate_group, k.is_settled,
           coalesce(CAST(nullif(CAST(k.valid_from_year AS VARCHAR), '') AS INTEGER), 0) AS year_from,
           coalesce(CAST(nullif(CAST(k.valid_to_year AS VARCHAR), '') AS INTEGER), 9999) AS year_to
    FROM ref.destination_code AS k) AS c
),
delivered AS (
  SELECT g.delivery_id, g.row_no, i.person_id,
         coalesce(g.graduation_year, year(g.graduation_date), CAST(substr(d.delivery_period, 1, 4) AS INTEGER))
           AS graduation_year,
         coalesce(g.college_code, d.owner) AS college_code, g.major_code,
         coalesce(g.degree_level_code, g.degree_level_num_code) AS degree_level_code,
         coalesce(g.sex_code, g.sex_num_code) AS sex_code, coalesce(g.ethnic_code, g.ethnic_num_code) AS ethnic_code,
         u.county_code AS origin_county_code, g.urban_origin_code, g.study_form_code,
         coalesce(g.destination_code, g.destination_text_code) AS destination_code,
         coalesce(g.unit_nature_code, g.unit_nature_text_code) AS unit_nature_code,
         coalesce(g.industry_code, g.industry_text_code) AS industry_code,
         g.unit_region_code, g.graduation_date, d.as_of, d.delivery_period, d.version
  FROM raw.graduate_register__graduate AS g
  JOIN core.delivery__period AS d ON d.delivery_id = g.delivery_id AND d.period = $period
  JOIN core.identity__record AS i ON i.delivery_id = g.delivery_id AND i.row_no = g.row_no AND i.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = g.origin_county_code AND u.period = $period
),
ranked AS (
  SELECT delivered.delivery_id, delivered.row_no, delivered.person_id, delivered.graduation_year, delivered.college_code,
         delivered.major_code, delivered.degree_level_code, delivered.sex_code, delivered.ethnic_code,
         delivered.origin_county_code, delivered.urban_origin_code, delivered.study_form_code, delivered.destination_code,
         delivered.unit_nature_code, delivered.industry_code, delivered.unit_region_code, delivered.graduation_date,
         delivered.as_of,
         row_number() OVER (
           PARTITION BY delivered.graduation_year, delivered.person_id
           ORDER BY delivered.as_of DESC NULLS LAST, delivered.delivery_period DESC, delivered.version DESC,
                    delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.graduation_year AS INTEGER) AS graduation_year,
       CAST(r.person_id AS UUID) AS person_id,
       CAST(r.delivery_id AS VARCHAR) AS delivery_id,
       CAST(r.row_no AS BIGINT) AS row_no,
       CAST(r.college_code AS VARCHAR) AS college_code,
       CAST(r.major_code AS VARCHAR) AS major_code,
       CAST(r.degree_level_code AS VARCHAR) AS degree_level_code,
       CAST(r.sex_code AS VARCHAR) AS sex_code,
       CAST(r.ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(r.origin_county_code AS VARCHAR) AS origin_county_code,
       CAST(r.urban_origin_code AS VARCHAR) AS urban_origin_code,
       CAST(r.study_form_code AS VARCHAR) AS study_form_code,
       CAST(r.destination_code AS VARCHAR) AS destination_code,
       CAST(c.scheme AS VARCHAR) AS destination_scheme,
       CAST(coalesce(c.rate_group, 'unknown') AS VARCHAR) AS rate_group_code,
       CAST(coalesce(CAST(c.is_settled AS BOOLEAN), false) AS BOOLEAN) AS is_settled,
       -- pupils who stay on are not graduates of the cohort
       CAST(coalesce(c.rate_group, 'unknown') <> 'excluded' AS BOOLEAN) AS is_graduate,
       CAST(r.unit_nature_code AS VARCHAR) AS unit_nature_code,
       CAST(r.industry_code AS VARCHAR) AS industry_code,
       CAST(r.unit_region_code AS VARCHAR) AS unit_region_code,
       CAST(r.graduation_date AS DATE) AS graduation_date,
       CAST(r.as_of AS DATE) AS as_of_date
FROM ranked AS r
LEFT JOIN code AS c ON c.code = r.destination_code AND r.graduation_year BETWEEN c.year_from AND c.year_to AND c.n = 1
WHERE r.n = 1
