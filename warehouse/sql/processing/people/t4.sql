-- Stage 4: same reading of the name, same sex and a guardian in common (parent, head or member of the household), with the same
-- birth date, or in the same county with two of year, month and day alike (one slip). It finds records whose id says nothing.
CREATE OR REPLACE TEMP TABLE edge AS
WITH kin AS (
  SELECT n, unnest(guardians) AS guardian, name_key, pinyin, birth, sex, county, id_ok, is_new
  FROM record WHERE pinyin IS NOT NULL AND birth IS NOT NULL AND sex IS NOT NULL AND length(name_key) > 1),
pairs AS (
  SELECT DISTINCT a.n AS l, b.n AS r, a.birth = b.birth AS births_same, coalesce(a.county = b.county, false) AS counties_same,
         a.id_ok IS NOT NULL AND b.id_ok IS NOT NULL AND a.id_ok <> b.id_ok AND NOT ids_near(a.id_ok, b.id_ok) AS ids_far
  FROM kin a JOIN kin b ON b.guardian = a.guardian AND b.pinyin = a.pinyin AND b.sex = a.sex AND a.n < b.n
  WHERE (a.is_new OR b.is_new)
    AND (a.birth = b.birth
         OR a.county = b.county AND (year(a.birth) = year(b.birth))::INTEGER + (month(a.birth) = month(b.birth))::INTEGER
                                    + (day(a.birth) = day(b.birth))::INTEGER = 2))
SELECT l AS a, r AS b, 'T4' AS tier, 0.997 AS score,
       concat('reading,sex,guardian', CASE WHEN births_same THEN ',birth' ELSE ',birth:near' END, CASE WHEN counties_same THEN ',county' ELSE '' END)
         AS evidence
FROM pairs
WHERE NOT ids_far OR births_same AND counties_same;
