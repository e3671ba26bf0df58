-- Learners by month with generalised quasi-identifiers: birth year, four ethnic groups, and the smallest region in which at least
-- k persons are alike and not all of them poor. Rows that are alone even in the whole province are left out (region_level removed).
CREATE OR REPLACE TEMP TABLE learner AS
WITH row AS (
  SELECT s.period, s.person_id, s.county_code, s.prefecture_code, s.stage_code, s.grade_code, s.residence_code, s.boarding_code,
         s.sex_code, year(s.birth_date) AS birth_year, coalesce(e.group_code, 'other') AS ethnic_group,
         p.person_id IS NOT NULL AS is_poor, s.state_code
  FROM core.standing__person_month AS s
  LEFT JOIN ref.ethnic_group AS e ON e.ethnic_code = s.ethnic_code
  LEFT JOIN (SELECT DISTINCT period, person_id FROM use.poverty_pupil_follow__person_month) AS p USING (period, person_id)
  WHERE s.is_active AND s.period BETWEEN $first AND $last
), county AS (
  SELECT *, count(*) OVER w >= $k AND count(*) FILTER (is_poor) OVER w < count(*) OVER w AS fits_county
  FROM row WINDOW w AS (PARTITION BY period, county_code, sex_code, birth_year, ethnic_group)
), prefecture AS (
  SELECT *, count(*) OVER w >= $k AND count(*) FILTER (is_poor) OVER w < count(*) OVER w AS fits_prefecture
  FROM county WINDOW w AS (PARTITION BY period, fits_county, prefecture_code, sex_code, birth_year, ethnic_group)
), province AS (
  SELECT *, count(*) OVER w >= $k AND count(*) FILTER (is_poor) OVER w < count(*) OVER w AS fits_province
  FROM prefecture WINDOW w AS (PARTITION BY period, fits_county OR fits_prefecture, sex_code, birth_year, ethnic_group)
)
SELECT period, person_id, stage_code, grade_code, residence_code, boarding_code, sex_code, birth_year, ethnic_group, is_poor,
       state_code,
       CASE WHEN fits_county THEN 'county' WHEN fits_prefecture THEN 'prefecture' WHEN fits_province THEN 'province'
            ELSE 'removed' END AS region_level,
       CASE WHEN fits_county THEN county_code WHEN fits_prefecture THEN prefecture_code ELSE $province END AS region_code
FROM province
