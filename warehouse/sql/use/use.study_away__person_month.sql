-- Senior secondary pupils whose household registration lies in the six prefectures and whose school lies in another prefecture (T31).
SELECT CAST($period AS VARCHAR) AS period,
       CAST(s.person_id AS UUID) AS person_id,
       CAST(s.hukou_county_code AS VARCHAR) AS origin_county_code,
       CAST(u.prefecture_code AS VARCHAR) AS origin_prefecture_code,
       CAST(s.county_code AS VARCHAR) AS school_county_code,
       CAST(s.prefecture_code AS VARCHAR) AS school_prefecture_code,
       CAST(s.school_id AS VARCHAR) AS school_id,
       CAST(s.stage_code AS VARCHAR) AS stage_code,
       CAST(s.grade_code AS VARCHAR) AS grade_code,
       CAST(b.county_code IS NULL AS BOOLEAN) AS is_out_of_six
FROM core.standing__person_month AS s
JOIN ref.stage AS st ON st.stage_code = s.stage_code
JOIN core.county_unit__code AS u ON u.code = s.hukou_county_code AND u.period = $period
JOIN core.region_member__region_county AS a
  ON a.county_code = u.county_code AND a.region_level = 'set' AND a.region_code = 'six_prefectures' AND a.period = $period
LEFT JOIN core.region_member__region_county AS b
  ON b.county_code = s.county_code AND b.region_level = 'set' AND b.region_code = 'six_prefectures' AND b.period = $period
WHERE s.period = $period AND s.is_active AND s.is_full_time AND st.rate_age_from = 15
  AND s.prefecture_code <> u.prefecture_code
