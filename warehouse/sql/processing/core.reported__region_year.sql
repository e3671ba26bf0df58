-- One row per year, measure, region and school of the reported statistics in force; the later delivery of a cell wins, units are single.
-- Figures stand on today's counties; a county of then that is gone keeps its own as region_level 'former'.
WITH delivered AS (
  SELECT r.year, r.measure_code, coalesce(r.school_id, '') AS school_id,
         CASE WHEN u.county_code IS NOT NULL THEN 'county'
              WHEN r.region_code LIKE '%0000' THEN 'province'
              WHEN r.region_code LIKE '%00' THEN 'prefecture' ELSE 'unknown' END AS region_level,
         coalesce(u.county_code, CASE WHEN r.region_code LIKE '%0000' THEN substr(r.region_code, 1, 2)
                                      WHEN r.region_code LIKE '%00' THEN substr(r.region_code, 1, 4)
                                      ELSE r.region_code END) AS region_code,
         r.region_code AS delivered_code, r.region_basis_code,
         CAST(r.value AS DECIMAL(18,4)) * CASE r.unit_code WHEN '4' THEN 10000 ELSE 1 END AS value,
         coalesce(r.figure_status_code, '1') = '2' AS is_provisional, r.as_of_date, d.delivery_period, d.version,
         r.delivery_id, r.row_no,
         NOT u.is_current AND r.year BETWEEN coalesce(year(c.valid_from), 0) AND year(c.valid_to) AS is_former
  FROM raw.reported_statistics__region_year AS r
  JOIN core.delivery__period AS d ON d.delivery_id = r.delivery_id AND d.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = r.region_code AND u.period = $period
  LEFT JOIN ref.county AS c ON c.county_code = r.region_code
),
ranked AS (
  SELECT delivered.year, delivered.measure_code, delivered.school_id, delivered.region_level, delivered.region_code,
         delivered.region_basis_code, delivered.value, delivered.is_provisional, delivered.as_of_date, delivered.delivery_id,
         delivered.delivered_code, delivered.is_former,
         row_number() OVER (
           PARTITION BY delivered.year, delivered.measure_code, delivered.school_id, delivered.delivered_code
           ORDER BY delivered.delivery_period DESC, delivered.version DESC, delivered.as_of_date DESC NULLS LAST,
                    delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
),
kept AS (
  SELECT year, measure_code, school_id, region_level, region_code, region_basis_code, value, is_provisional, as_of_date, delivery_id
  FROM ranked WHERE n = 1
  UNION ALL
  SELECT year, measure_code, school_id, 'former' AS region_level, delivered_code AS region_code, region_basis_code, value,
         is_provisional, as_of_date, delivery_id
  FROM ranked WHERE n = 1 AND is_former
)
-- units that were merged since are added up; a rate cannot be
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.year AS INTEGER) AS year,
       CAST(r.measure_code AS VARCHAR) AS measure_code,
       CAST(r.region_level AS VARCHAR) AS region_level,
       CAST(r.region_code AS VARCHAR) AS region_code,
       CAST(r.school_id AS VARCHAR) AS school_id,
       CAST(CASE WHEN min(m.unit) <> '%' OR count(*) = 1 THEN sum(r.value) END AS DECIMAL(18,4)) AS value,
       CAST(CASE WHEN count(DISTINCT r.region_basis_code) = 1 THEN min(r.region_basis_code) ELSE 'mixed' END AS VARCHAR)
         AS region_basis_code,
       CAST(max(CASE WHEN r.is_provisional THEN 1 ELSE 0 END) = 1 AS BOOLEAN) AS is_provisional,
       CAST(count(*) AS INTEGER) AS n_units,
       CAST(min(r.delivery_id) AS VARCHAR) AS delivery_id,
       CAST(max(r.as_of_date) AS DATE) AS as_of_date
FROM kept AS r
JOIN ref.measure AS m ON m.measure_code = r.measure_code
GROUP BY r.year, r.measure_code, r.region_level, r.region_code, r.school_id
