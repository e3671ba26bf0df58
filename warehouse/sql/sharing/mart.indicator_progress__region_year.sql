-- Every target of the policy (T01–T45, with its parts) against the value of the period: met, not met, or not computable with the reason.
WITH target AS (
  SELECT t.target_id, coalesce(CAST(nullif(CAST(t.part AS VARCHAR), '') AS INTEGER), 0) AS part, t.region_set_id, t.item,
         nullif(CAST(t.indicator_id AS VARCHAR), '') AS indicator_id, t.name_zh, t.name_en,
         CAST(nullif(CAST(t.year AS VARCHAR), '') AS INTEGER) AS target_year, t.op,
         CAST(nullif(CAST(t.value AS VARCHAR), '') AS DOUBLE) AS target_value, t.unit, t.lead_zh, t.computability
  FROM ref.policy_target AS t
),
limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'suppression_min' THEN CAST(t.value AS INTEGER) END) AS suppression_min,
         max(CASE WHEN t.threshold_id = 'point_funding_floor' THEN CAST(t.value AS INTEGER) END) AS point_funding_floor
  FROM ref.threshold AS t
),
-- the region a target is measured on; a set without members is read as its stand-in
region AS (
  SELECT 'province' AS region_set_id, 'province' AS region_level, min(r.region_code) AS region_code
  FROM core.region_member__region_county AS r
  WHERE r.period = $period AND r.region_level = 'province'
  UNION ALL
  SELECT DISTINCT r.region_code AS region_set_id, 'set' AS region_level, r.region_code
  FROM core.region_member__region_county AS r
  WHERE r.period = $period AND r.region_level = 'set'
  UNION ALL
  SELECT 'rural_pastoral' AS region_set_id, 'set' AS region_level, 'rural_wide' AS region_code
  FROM limits AS l
  WHERE NOT EXISTS (
    SELECT 1 FROM core.region_member__region_county AS r
    WHERE r.period = $period AND r.region_level = 'set' AND r.region_code = 'rural_pastoral')
),
gross AS (
  SELECT t.target_id, t.part, t.region_set_id, g.numerator, g.denominator, g.value_unrounded AS value, g.reason_code,
         CASE WHEN g.region_code = t.region_set_id OR g.region_level = 'province' THEN 'school_location'
              ELSE 'school_location:' || g.region_code END AS basis_code, g.as_of_date,
         CASE WHEN g.denominator > 0 THEN g.numerator * 100 - t.target_value * g.denominator END AS exact_gap
  FROM target AS t
  JOIN region AS r ON r.region_set_id = t.region_set_id
  JOIN mart.gross_enrolment__region_year AS g
    ON g.region_level = r.region_level AND g.region_code = r.region_code AND g.period = $period
   -- the rural rate is the general rate on a rural region
   AND g.indicator_id = CASE WHEN t.indicator_id = 'I02' THEN 'I01' ELSE t.indicator_id END
  WHERE t.computability = 'computed' AND t.indicator_id IN ('I01', 'I02', 'I07')
),
class_province AS (
  SELECT c.scope_code, c.n_classes, c.n_large, c.n_super, c.as_of_date
  FROM mart.class_size__region_stage_month AS c
  WHERE c.period = $period AND c.region_level = 'province' AND c.stage_code = 'compulsory'
),
class_value AS (
  SELECT t.target_id, t.part, t.region_set_id,
         CASE WHEN t.target_id = 'T12' THEN c.n_super ELSE c.n_large END AS numerator, c.n_classes AS denominator,
         CASE WHEN t.target_id = 'T10' THEN CAST(c.n_large AS DOUBLE)
              ELSE CAST(CASE WHEN t.target_id = 'T12' THEN c.n_super ELSE c.n_large END AS DOUBLE) * 100 / c.n_classes END AS value,
         c.as_of_date
  FROM target AS t
  JOIN class_province AS c ON c.scope_code = CASE WHEN t.target_id = 'T10' THEN 'all' ELSE 'urban' END
  WHERE t.computability = 'computed' AND t.target_id IN ('T10', 'T12', 'T13')
),
size_row AS (
  SELECT z.is_teaching_point, z.is_open, z.is_over_limit, z.is_small_hit, z.n_pupils, z.n_funded, z.n_compulsory
  FROM use.school_size__school_month AS z
  WHERE z.period = $period
),
size_value AS (
  -- standing limits on single places: numerator = places that break the limit, value = the extreme place
  SELECT 'T07' AS target_id, sum(CASE WHEN z.is_over_limit THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator,
         CAST(max(z.n_pupils) AS DOUBLE) AS value
  FROM size_row AS z
  WHERE z.n_compulsory > 0
  UNION ALL
  SELECT 'T08' AS target_id, sum(CASE WHEN z.is_small_hit THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator,
         CAST(CASE WHEN min(z.n_pupils) >= max(l.suppression_min) THEN min(z.n_pupils) END AS DOUBLE) AS value
  FROM size_row AS z
  CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open
  UNION ALL
  SELECT 'T09' AS target_id, sum(CASE WHEN z.n_funded < l.point_funding_floor THEN 1 ELSE 0 END) AS numerator,
         count(*) AS denominator, CAST(min(z.n_funded) AS DOUBLE) AS value
  FROM size_row AS z
  CROSS JOIN limits AS l
  WHERE z.is_teaching_point AND z.is_open
),
away AS (
  -- senior-secondary pupils registered inside the set at a school of the province outside it
  SELECT count(*) AS numerator
  FROM core.enrolment__person_month AS e
  JOIN ref.region_set_member AS h ON h.region_set_id = 'six_prefectures' AND h.county_code = e.hukou_county_code
  WHERE e.period = $period AND e.is_counted AND e.is_full_time AND e.stage_code IN ('31', '32')
    AND NOT EXISTS (
      SELECT 1 FROM ref.region_set_member AS m
      WHERE m.region_set_id = 'six_prefectures' AND m.county_code = e.county_code)
    AND e.county_code IS NOT NULL
),
place AS (
  SELECT s.school_id, s.point_code, s.is_teaching_point, s.stage_hint_code, s.has_network, s.is_computer_room_ok,
         s.has_resource_pack, s.n_multimedia_rooms
  FROM core.school__school_month AS s
  WHERE s.period = $period AND s.is_open
),
room AS (
  SELECT c.school_id, c.point_code, count(*) AS n_classes
  FROM use.class_size__class_month AS c
  WHERE c.period = $period AND c.n_pupils > 0 AND c.stage_code IN ('10', '20', '31')
  GROUP BY c.school_id, c.point_code
),
equipment AS (
  SELECT 'T41' AS target_id, 0 AS part, sum(CASE WHEN p.has_network THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator
  FROM place AS p
  UNION ALL
  -- a room serves one class: rooms beyond the number of classes of a place do not count
  SELECT 'T42' AS target_id, 1 AS part,
         sum(CASE WHEN coalesce(p.n_multimedia_rooms, 0) < r.n_classes THEN coalesce(p.n_multimedia_rooms, 0)
                  ELSE r.n_classes END) AS numerator, sum(r.n_classes) AS denominator
  FROM room AS r
  LEFT JOIN place AS p ON p.school_id = r.school_id AND p.point_code = r.point_code
  UNION ALL
  SELECT 'T42' AS target_id, 2 AS part, sum(CASE WHEN p.is_computer_room_ok THEN 1 ELSE 0 END) AS numerator,
         count(*) AS denominator
  FROM place AS p
  WHERE NOT p.is_teaching_point AND p.stage_hint_code IN ('10', '20', '31')
  UNION ALL
  SELECT 'T42' AS target_id, 3 AS part, sum(CASE WHEN p.has_resource_pack THEN 1 ELSE 0 END) AS numerator,
         count(*) AS denominator
  FROM place AS p
  WHERE p.is_teaching_point
),
slots AS (
  SELECT sum(CASE WHEN q.status_code IN ('accepted', 'earlier') THEN 1 ELSE 0 END) AS numerator, count(*) AS denominator
  FROM mart.quality_scoreboard__county_source_month AS q
  WHERE q.period = $period
),
snapshot AS (
  SELECT max(as_of) AS as_of_date, max(CASE WHEN source = 'school_directory' THEN as_of END) AS directory_as_of_date
  FROM core.delivery__period
  WHERE period = $period
    AND source IN ('student_registry', 'vocational_registry', 'preschool_registry', 'school_directory')
),
computed AS (
  SELECT g.target_id, g.part, CAST(g.numerator AS DOUBLE) AS numerator, CAST(g.denominator AS DOUBLE) AS denominator,
         g.value, g.exact_gap, g.reason_code, g.basis_code, g.as_of_date
  FROM gross AS g
  UNION ALL
  SELECT c.target_id, c.part, c.numerator, c.denominator, c.value,
         CASE WHEN c.target_id = 'T10' THEN c.numerator - t.target_value
              ELSE c.numerator * 100 - t.target_value * c.denominator END AS exact_gap,
         NULL AS reason_code, 'school_location' AS basis_code, c.as_of_date
  FROM class_value AS c
  JOIN target AS t ON t.target_id = c.target_id AND t.part = c.part
  UNION ALL
  SELECT z.target_id, 0 AS part, z.numerator, z.denominator, z.value, NULL AS exact_gap,
         CASE WHEN z.denominator = 0 THEN 'zero_denominator' END AS reason_code, 'school_location' AS basis_code, d.as_of_date
  FROM size_value AS z
  CROSS JOIN snapshot AS d
  UNION ALL
  SELECT 'T31' AS target_id, 0 AS part, a.numerator, NULL AS denominator, CAST(a.numerator AS DOUBLE) AS value,
         a.numerator - t.target_value AS exact_gap, 'in_province_only' AS reason_code, 'hukou' AS basis_code, d.as_of_date
  FROM away AS a
  CROSS JOIN snapshot AS d
  JOIN target AS t ON t.target_id = 'T31'
  WHERE EXISTS (
    SELECT 1 FROM core.delivery__period AS x WHERE x.period = $period AND x.source = 'student_registry')
  UNION ALL
  SELECT e.target_id, e.part, e.numerator, e.denominator,
         CASE WHEN e.denominator > 0 THEN CAST(e.numerator AS DOUBLE) * 100 / e.denominator END AS value,
         CASE WHEN e.denominator > 0 THEN e.numerator * 100 - t.target_value * e.denominator END AS exact_gap,
         CASE WHEN coalesce(e.denominator, 0) = 0 THEN 'zero_denominator' END AS reason_code,
         'school_location' AS basis_code, d.directory_as_of_date AS as_of_date
  FROM equipment AS e
  CROSS JOIN snapshot AS d
  JOIN target AS t ON t.target_id = e.target_id AND t.part = e.part
  UNION ALL
  SELECT 'T44' AS target_id, 0 AS part, s.numerator, s.denominator,
         CASE WHEN s.denominator > 0 THEN CAST(s.numerator AS DOUBLE) * 100 / s.denominator END AS value,
         NULL AS exact_gap, 'no_target_value' AS reason_code, 'deliveries' AS basis_code, d.as_of_date
  FROM slots AS s
  CROSS JOIN snapshot AS d
),
judged AS (
  SELECT t.target_id, t.part, t.region_set_id, t.item, t.indicator_id, t.name_zh, t.name_en, t.target_year, t.op,
         t.target_value, t.unit, t.lead_zh, t.computability, c.numerator, c.denominator, c.value, c.basis_code,
         c.as_of_date, c.exact_gap,
         CASE WHEN t.computability = 'reported' THEN 'reported_elsewhere'
              WHEN t.computability = 'not_collected' THEN 'not_collected'
              WHEN c.target_id IS NULL AND t.indicator_id IN ('I05c', 'I06') THEN 'needs_history'
              WHEN c.target_id IS NULL AND t.indicator_id IN ('I09', 'I10', 'I18') THEN 'not_built_yet'
              WHEN c.target_id IS NULL THEN 'no_delivery'
              ELSE c.reason_code END AS reason_code
  FROM target AS t
  LEFT JOIN computed AS c ON c.target_id = t.target_id AND c.part = t.part AND t.computability = 'computed'
),
decided AS (
  SELECT j.target_id, j.part, j.region_set_id, j.item, j.indicator_id, j.name_zh, j.name_en, j.target_year, j.op,
         j.target_value, j.unit, j.lead_zh, j.computability, j.numerator, j.denominator, j.value, j.basis_code,
         j.as_of_date, j.reason_code,
         CASE WHEN j.reason_code IS NOT NULL AND j.reason_code <> 'in_province_only' THEN 'not_computable'
              WHEN j.target_id IN ('T07', 'T08', 'T09') THEN CASE WHEN j.numerator = 0 THEN 'met' ELSE 'not_met' END
              WHEN j.exact_gap IS NULL THEN 'not_computable'
              WHEN (j.op = '>=' AND j.exact_gap >= 0) OR (j.op = '<=' AND j.exact_gap <= 0)
                OR (j.op = '<' AND j.exact_gap < 0) OR (j.op = '>' AND j.exact_gap > 0)
                OR (j.op = '=' AND j.exact_gap = 0) THEN 'met'
              ELSE 'not_met' END AS status_code
  FROM judged AS j
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(d.target_id AS VARCHAR) AS target_id,
       CAST(d.part AS INTEGER) AS part_no,
       CAST(d.region_set_id AS VARCHAR) AS region_set_id,
       CAST(d.item AS VARCHAR) AS item,
       CAST(d.indicator_id AS VARCHAR) AS indicator_id,
       CAST(d.name_zh AS VARCHAR) AS target_name_zh,
       CAST(d.name_en AS VARCHAR) AS target_name_en,
       CAST(s.name_zh AS VARCHAR) AS region_name_zh,
       CAST(s.name_en AS VARCHAR) AS region_name_en,
       CAST(d.lead_zh AS VARCHAR) AS lead_zh,
       CAST(d.target_year AS INTEGER) AS target_year,
       CAST(d.op AS VARCHAR) AS op,
       CAST(d.target_value AS DOUBLE) AS target_value,
       CAST(d.unit AS VARCHAR) AS unit,
       CAST(d.computability AS VARCHAR) AS computability_code,
       CAST(d.value AS DOUBLE) AS value_unrounded,
       -- one decimal, half up, in integer tenths
       CAST(CASE WHEN d.unit = 'pct' AND d.denominator > 0
                 THEN CAST((2 * CAST(d.numerator AS BIGINT) * 1000 + CAST(d.denominator AS BIGINT))
                           // (2 * CAST(d.denominator AS BIGINT)) AS DOUBLE) / 10 END AS DECIMAL(7,1)) AS pct_published,
       CAST(CASE WHEN d.status_code <> 'not_computable' THEN d.value - d.target_value END AS DOUBLE) AS gap,
       CAST(d.status_code AS VARCHAR) AS status_code,
       CAST(d.reason_code AS VARCHAR) AS reason_code,
       CAST(CASE d.reason_code
              WHEN 'reported_elsewhere' THEN '由主管部门报告，不由本库计算'
              WHEN 'not_collected' THEN '现有数据源未采集'
              WHEN 'needs_history' THEN '需要多年队列数据，尚未具备'
              WHEN 'not_built_yet' THEN '计算模型尚未建成'
              WHEN 'no_delivery' THEN '本期没有可用的数据'
              WHEN 'no_population' THEN '缺少该地区的分年龄人口'
              WHEN 'zero_denominator' THEN '分母为零'
              WHEN 'no_target_value' THEN '文件未给出目标值'
              WHEN 'in_province_only' THEN '只含省内就读，省外名单未提供' END AS VARCHAR) AS reason_zh,
       CAST(CASE d.reason_code
              WHEN 'reported_elsewhere' THEN 'reported by the department in charge, not computed here'
              WHEN 'not_collected' THEN 'no source collects it'
              WHEN 'needs_history' THEN 'needs several years of cohort data'
              WHEN 'not_built_yet' THEN 'its model is not built yet'
              WHEN 'no_delivery' THEN 'no data are in force for the period'
              WHEN 'no_population' THEN 'no population by age for the region'
              WHEN 'zero_denominator' THEN 'the denominator is zero'
              WHEN 'no_target_value' THEN 'the policy gives no value to reach'
              WHEN 'in_province_only' THEN 'only pupils inside the province; the list of those outside is not delivered' END
            AS VARCHAR) AS reason_en,
       CAST(d.numerator AS BIGINT) AS numerator,
       CAST(d.denominator AS BIGINT) AS denominator,
       CAST(d.basis_code AS VARCHAR) AS basis_code,
       CAST(coalesce(d.indicator_id || '.' || CAST(i.version AS VARCHAR), d.target_id || '.1') AS VARCHAR) AS definition_version,
       CAST(d.as_of_date AS DATE) AS as_of_date
FROM decided AS d
LEFT JOIN ref.region_set AS s ON s.region_set_id = d.region_set_id
LEFT JOIN ref.indicator AS i ON i.indicator_id = d.indicator_id
