-- One row per school and per teaching point of the school directory; point_code is '' for the school itself.
WITH delivered AS (
  -- The pupils of a teaching point carry the code of its centre school, so the centre's code is the school of a point.
  SELECT CASE WHEN coalesce(s.is_teaching_point, s.point_code IS NOT NULL)
              THEN coalesce(s.centre_school_id, s.school_id) ELSE s.school_id END AS school_id,
         CASE WHEN coalesce(s.is_teaching_point, s.point_code IS NOT NULL)
              THEN coalesce(s.point_code, s.school_id) ELSE '' END AS point_code,
         coalesce(s.is_teaching_point, s.point_code IS NOT NULL) AS is_teaching_point,
         s.school_id AS own_school_id, s.centre_school_id, s.school_name, s.region_code, s.founder_code, s.ownership_code,
         s.school_run_type_code, s.urban_rural_code, s.is_ethnic_school, s.bilingual_mode_code, s.is_boarding_school,
         s.is_affordable, s.founded_date, s.closed_date, s.has_network, s.n_multimedia_rooms, s.is_computer_room_ok,
         s.has_resource_pack, coalesce(u.county_code, o.county_code) AS county_code,
         coalesce(u.prefecture_code, o.prefecture_code) AS prefecture_code,
         CASE WHEN u.county_code = o.county_code THEN 0 ELSE 1 END AS is_foreign,
         d.as_of, s.delivery_id, s.row_no
  FROM raw.school_directory__school AS s
  JOIN core.delivery__period AS d ON d.delivery_id = s.delivery_id AND d.period = $period
  LEFT JOIN core.county_unit__code AS u ON u.code = substr(s.region_code, 1, 6) AND u.period = $period
  LEFT JOIN core.county_unit__code AS o ON o.code = d.owner AND o.period = $period
  WHERE s.school_id IS NOT NULL
),
ranked AS (
  -- listed twice: the county where it stands wins, then the later snapshot
  SELECT delivered.school_id, delivered.point_code, delivered.is_teaching_point, delivered.own_school_id,
         delivered.centre_school_id, delivered.school_name, delivered.region_code, delivered.founder_code,
         delivered.ownership_code, delivered.school_run_type_code, delivered.urban_rural_code, delivered.is_ethnic_school,
         delivered.bilingual_mode_code, delivered.is_boarding_school, delivered.is_affordable, delivered.founded_date,
         delivered.closed_date, delivered.has_network, delivered.n_multimedia_rooms, delivered.is_computer_room_ok,
         delivered.has_resource_pack, delivered.county_code, delivered.prefecture_code, delivered.delivery_id,
         delivered.row_no,
         row_number() OVER (
           PARTITION BY delivered.school_id, delivered.point_code
           ORDER BY delivered.is_foreign, delivered.as_of DESC NULLS LAST, delivered.delivery_id, delivered.row_no) AS n
  FROM delivered
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.school_id AS VARCHAR) AS school_id,
       CAST(r.point_code AS VARCHAR) AS point_code,
       CAST(r.school_name AS VARCHAR) AS school_name,
       CAST(r.is_teaching_point AS BOOLEAN) AS is_teaching_point,
       CAST(r.own_school_id AS VARCHAR) AS own_school_id,
       CAST(r.centre_school_id AS VARCHAR) AS centre_school_id,
       CAST(r.county_code AS VARCHAR) AS county_code,
       CAST(r.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(r.region_code AS VARCHAR) AS region_code,
       CAST(r.urban_rural_code AS VARCHAR) AS urban_rural_code,
       CAST(ur.group_code AS VARCHAR) AS residence_code,
       CAST(r.school_run_type_code AS VARCHAR) AS school_run_type_code,
       CAST(rt.group_code AS VARCHAR) AS stage_hint_code,
       CAST(r.founder_code AS VARCHAR) AS founder_code,
       CAST(r.ownership_code AS VARCHAR) AS ownership_code,
       CAST(r.is_ethnic_school AS BOOLEAN) AS is_ethnic_school,
       CAST(r.bilingual_mode_code AS VARCHAR) AS bilingual_mode_code,
       CAST(r.is_boarding_school AS BOOLEAN) AS is_boarding_school,
       CAST(r.is_affordable AS BOOLEAN) AS is_affordable,
       CAST(r.founded_date AS DATE) AS founded_date,
       CAST(r.closed_date AS DATE) AS closed_date,
       CAST((r.founded_date IS NULL OR r.founded_date <= last_day(CAST($period || '-01' AS DATE)))
            AND (r.closed_date IS NULL OR r.closed_date > last_day(CAST($period || '-01' AS DATE))) AS BOOLEAN) AS is_open,
       CAST(r.has_network AS BOOLEAN) AS has_network,
       CAST(r.n_multimedia_rooms AS INTEGER) AS n_multimedia_rooms,
       CAST(r.is_computer_room_ok AS BOOLEAN) AS is_computer_room_ok,
       CAST(r.has_resource_pack AS BOOLEAN) AS has_resource_pack,
       CAST(r.delivery_id AS VARCHAR) AS delivery_id,
       CAST(r.row_no AS BIGINT) AS row_no
FROM ranked AS r
LEFT JOIN ref.code_list AS ur ON ur.list_id = 'urban_rural' AND ur.code = r.urban_rural_code
LEFT JOIN ref.code_list AS rt ON rt.list_id = 'school_run_type' AND rt.code = r.school_run_type_code
WHERE r.n = 1
