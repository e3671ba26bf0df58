-- Flows of senior secondary pupils of the six prefectures from the county of origin to the county of the school, in the province.
SELECT CAST($period AS VARCHAR) AS period,
       CAST(a.origin_county_code AS VARCHAR) AS origin_county_code,
       CAST(a.school_county_code AS VARCHAR) AS school_county_code,
       CAST(a.stage_code AS VARCHAR) AS stage_code,
       CAST(bool_and(a.is_out_of_six) AS BOOLEAN) AS is_out_of_six,
       CAST(count(*) AS INTEGER) AS n_pupils
FROM use.study_away__person_month AS a
WHERE a.period = $period
GROUP BY a.origin_county_code, a.school_county_code, a.stage_code
