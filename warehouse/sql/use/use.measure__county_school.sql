-- What the warehouse counts itself, by year, county, residence and school: the one place where a count of an indicator is defined.
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'enrolment_month' THEN CAST(t.value AS INTEGER) END) AS enrolment_month,
         max(CASE WHEN t.threshold_id = 'class_normal_min' THEN CAST(t.value AS INTEGER) END) AS class_normal_min,
         max(CASE WHEN t.threshold_id = 'point_small' THEN CAST(t.value AS INTEGER) END) AS point_small,
         max(CASE WHEN t.threshold_id = 'point_funding_floor' THEN CAST(t.value AS INTEGER) END) AS point_floor
  FROM ref.threshold AS t
),
school_year AS (
  SELECT CAST(substr($period, 1, 4) AS INTEGER)
           - CASE WHEN CAST(substr($period, 6, 2) AS INTEGER) < l.enrolment_month THEN 1 ELSE 0 END AS first_year
  FROM limits AS l
),
-- persons counted once, vocational students full-time only, nursery classes (grade 0) left out
pupil AS (
  SELECT e.stage_code, e.grade_code, e.age, e.is_suspended, e.county_code, e.hukou_county_code,
         coalesce(e.residence_code, '') AS residence_code, coalesce(e.school_id, '') AS school_id, count(*) AS n
  FROM core.enrolment__person_month AS e
  LEFT JOIN ref.grade AS g ON g.grade_code = e.grade_code
  WHERE e.period = $period AND e.is_counted AND e.is_full_time AND coalesce(CAST(g.grade_no AS VARCHAR), '') <> '0'
  GROUP BY e.stage_code, e.grade_code, e.age, e.is_suspended, e.county_code, e.hukou_county_code,
           coalesce(e.residence_code, ''), coalesce(e.school_id, '')
),
by_stage AS (
  SELECT m.measure_code, p.county_code, p.residence_code, p.school_id, sum(p.n) AS n
  FROM (
    SELECT stage_code, coalesce(grade_code, '') AS grade_code, county_code, residence_code, school_id, sum(n) AS n
    FROM pupil
    GROUP BY stage_code, coalesce(grade_code, ''), county_code, residence_code, school_id) AS p
  JOIN ref.measure AS m
    ON m.kind = 'pupils' AND '|' || m.stage_codes || '|' LIKE '%|' || p.stage_code || '|%'
   AND (m.grade_codes IS NULL OR '|' || m.grade_codes || '|' LIKE '%|' || p.grade_code || '|%')
  GROUP BY m.measure_code, p.county_code, p.residence_code, p.school_id
),
-- of primary age and in study, in primary or already further; a suspended pupil counts again on return
primary_age AS (
  SELECT m.measure_code, p.county_code, p.residence_code, p.school_id, sum(p.n) AS n
  FROM pupil AS p
  JOIN ref.measure AS m ON m.measure_code = 'pupils_primary_age' AND p.age BETWEEN m.age_from AND m.age_to
  WHERE NOT p.is_suspended AND p.stage_code IN ('10', '20', '31', '32')
  GROUP BY m.measure_code, p.county_code, p.residence_code, p.school_id
),
affordable AS (
  SELECT 'pupils_affordable' AS measure_code, p.county_code, p.residence_code, p.school_id, sum(p.n) AS n
  FROM pupil AS p
  JOIN core.school__school_month AS s ON s.school_id = p.school_id AND s.point_code = '' AND s.period = $period
  WHERE p.stage_code = '00' AND (s.is_affordable OR s.ownership_code = '1')
  GROUP BY p.county_code, p.residence_code, p.school_id
),
class_row AS (
  -- empty classes of the directory are not classes
  SELECT c.county_code, coalesce(c.residence_code, '') AS residence_code, c.school_id, c.stage_code, c.is_large, c.is_super,
         CASE WHEN c.size_band_code <> 'normal' THEN c.size_band_code
              WHEN c.n_pupils < l.class_normal_min THEN 'small' ELSE 'normal' END AS band
  FROM use.class_size__class_month AS c
  CROSS JOIN limits AS l
  WHERE c.period = $period AND c.n_pupils > 0 AND c.stage_code IN ('10', '20')
),
class_count AS (
  SELECT k.measure_code, c.county_code, c.residence_code, c.school_id, count(*) AS n
  FROM class_row AS c
  JOIN (
    SELECT 'classes_' || s.part AS measure_code, s.part, '' AS test
    FROM (SELECT 'compulsory' AS part UNION ALL SELECT 'primary' AS part UNION ALL SELECT 'junior' AS part) AS s
    UNION ALL
    SELECT 'classes_' || t.test || '_' || s.part AS measure_code, s.part, t.test
    FROM (SELECT 'compulsory' AS part UNION ALL SELECT 'primary' AS part UNION ALL SELECT 'junior' AS part) AS s
    CROSS JOIN (SELECT 'large' AS test UNION ALL SELECT 'super' AS test) AS t) AS k
    ON (k.part = 'compulsory' OR k.part = CASE c.stage_code WHEN '10' THEN 'primary' ELSE 'junior' END)
   AND (k.test = '' OR (k.test = 'large' AND c.is_large) OR (k.test = 'super' AND c.is_super))
  GROUP BY k.measure_code, c.county_code, c.residence_code, c.school_id
  UNION ALL
  SELECT 'classes_band_' || c.band AS measure_code, c.county_code, c.residence_code, c.school_id, count(*) AS n
  FROM class_row AS c
  GROUP BY c.band, c.county_code, c.residence_code, c.school_id
),
size_row AS (
  SELECT z.county_code, coalesce(z.residence_code, '') AS residence_code, z.school_id, z.n_pupils, z.n_compulsory,
         z.is_teaching_point, z.is_open, z.is_over_limit, z.n_funded
  FROM use.school_size__school_month AS z
  WHERE z.period = $period
),
size_count AS (
  SELECT 'schools_compulsory' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM size_row WHERE n_compulsory > 0 GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'schools_over_limit' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM size_row WHERE is_over_limit GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'points' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM size_row WHERE is_teaching_point AND is_open GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'points_below_10' AS measure_code, z.county_code, z.residence_code, z.school_id, count(*) AS n
  FROM size_row AS z CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open AND z.n_pupils < l.point_small GROUP BY z.county_code, z.residence_code, z.school_id
  UNION ALL
  SELECT 'points_below_100' AS measure_code, z.county_code, z.residence_code, z.school_id, count(*) AS n
  FROM size_row AS z CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open AND z.n_pupils < l.point_floor GROUP BY z.county_code, z.residence_code, z.school_id
  UNION ALL
  SELECT 'points_funded' AS measure_code, county_code, residence_code, school_id, sum(n_funded) AS n
  FROM size_row WHERE is_teaching_point AND is_open GROUP BY county_code, residence_code, school_id
),
place AS (
  SELECT s.school_id, s.point_code, s.county_code, coalesce(s.residence_code, '') AS residence_code, s.is_teaching_point,
         s.stage_hint_code, s.has_network, s.is_computer_room_ok, s.has_resource_pack, s.n_multimedia_rooms
  FROM core.school__school_month AS s
  WHERE s.period = $period AND s.is_open
),
room AS (
  SELECT c.school_id, c.point_code, min(c.county_code) AS county_code, min(coalesce(c.residence_code, '')) AS residence_code,
         count(*) AS n_classes
  FROM use.class_size__class_month AS c
  WHERE c.period = $period AND c.n_pupils > 0 AND c.stage_code IN ('10', '20', '31')
  GROUP BY c.school_id, c.point_code
),
place_count AS (
  SELECT 'places_open' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'places_network' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place WHERE has_network GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'classes_equipped_base' AS measure_code, county_code, residence_code, school_id, sum(n_classes) AS n
  FROM room GROUP BY county_code, residence_code, school_id
  UNION ALL
  -- a room serves one class: rooms beyond the number of classes of a place do not count
  SELECT 'classes_equipped' AS measure_code, r.county_code, r.residence_code, r.school_id,
         sum(CASE WHEN coalesce(p.n_multimedia_rooms, 0) < r.n_classes THEN coalesce(p.n_multimedia_rooms, 0)
                  ELSE r.n_classes END) AS n
  FROM room AS r
  LEFT JOIN place AS p ON p.school_id = r.school_id AND p.point_code = r.point_code
  GROUP BY r.county_code, r.residence_code, r.school_id
  UNION ALL
  SELECT 'schools_computer_base' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place WHERE NOT is_teaching_point AND stage_hint_code IN ('10', '20', '31')
  GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'schools_computer_ok' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place WHERE NOT is_teaching_point AND stage_hint_code IN ('10', '20', '31') AND is_computer_room_ok
  GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'points_open' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place WHERE is_teaching_point GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'points_pack' AS measure_code, county_code, residence_code, school_id, count(*) AS n
  FROM place WHERE is_teaching_point AND has_resource_pack GROUP BY county_code, residence_code, school_id
  UNION ALL
  SELECT 'rooms_multimedia' AS measure_code, county_code, residence_code, school_id, sum(n_multimedia_rooms) AS n
  FROM place WHERE stage_hint_code IN ('10', '20') AND n_multimedia_rooms IS NOT NULL
  GROUP BY county_code, residence_code, school_id
),
elsewhere AS (
  -- senior-secondary pupils registered inside the set at a school of the province outside it, by county of registration
  SELECT 'studying_elsewhere' AS measure_code, p.hukou_county_code AS county_code, '' AS residence_code, '' AS school_id,
         sum(p.n) AS n
  FROM pupil AS p
  JOIN ref.region_set_member AS h ON h.region_set_id = 'six_prefectures' AND h.county_code = p.hukou_county_code
  LEFT JOIN ref.region_set_member AS m ON m.region_set_id = 'six_prefectures' AND m.county_code = p.county_code
  WHERE p.stage_code IN ('31', '32') AND p.county_code IS NOT NULL AND m.county_code IS NULL
  GROUP BY p.hukou_county_code
),
graduate AS (
  -- the province as a whole has the graduates of its colleges; a county has those who come from it
  SELECT g.graduation_year AS year, '' AS suffix, '' AS county_code, g.rate_group_code, g.is_settled, count(*) AS n
  FROM core.graduate__person_year AS g
  WHERE g.period = $period AND g.is_graduate
  GROUP BY g.graduation_year, g.rate_group_code, g.is_settled
  UNION ALL
  SELECT g.graduation_year AS year, '_origin' AS suffix, g.origin_county_code AS county_code, g.rate_group_code, g.is_settled,
         count(*) AS n
  FROM core.graduate__person_year AS g
  WHERE g.period = $period AND g.is_graduate AND g.origin_county_code IS NOT NULL
  GROUP BY g.graduation_year, g.origin_county_code, g.rate_group_code, g.is_settled
),
graduate_count AS (
  SELECT year, 'graduates' || suffix AS measure_code, county_code, sum(n) AS n
  FROM graduate GROUP BY year, suffix, county_code
  UNION ALL
  SELECT year, 'graduates' || suffix || '_settled' AS measure_code, county_code, sum(n) AS n
  FROM graduate WHERE is_settled GROUP BY year, suffix, county_code
  UNION ALL
  SELECT year, 'graduates' || suffix || '_' || rate_group_code AS measure_code, county_code, sum(n) AS n
  FROM graduate GROUP BY year, suffix, rate_group_code, county_code
),
counted AS (
  SELECT measure_code, county_code, residence_code, school_id, n FROM by_stage
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM primary_age
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM affordable
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM class_count
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM size_count
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM place_count
  UNION ALL
  SELECT measure_code, county_code, residence_code, school_id, n FROM elsewhere
),
every AS (
  SELECT y.first_year AS year, c.measure_code, coalesce(c.county_code, '') AS county_code, c.residence_code, c.school_id, c.n
  FROM counted AS c
  CROSS JOIN school_year AS y
  UNION ALL
  SELECT year, measure_code, county_code, '' AS residence_code, '' AS school_id, n
  FROM graduate_count
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(e.year AS INTEGER) AS year,
       CAST(e.measure_code AS VARCHAR) AS measure_code,
       CAST(e.county_code AS VARCHAR) AS county_code,
       CAST(e.residence_code AS VARCHAR) AS residence_code,
       CAST(e.school_id AS VARCHAR) AS school_id,
       CAST(sum(e.n) AS BIGINT) AS n
FROM every AS e
-- a group of destinations that no measure names has no place in a formula
JOIN ref.measure AS m ON m.measure_code = e.measure_code
GROUP BY e.year, e.measure_code, e.county_code, e.residence_code, e.school_id
