-- Stage 2: an invalid id, repaired by one substitution, exchange of neighbours, insertion or deletion so that it is the valid id
-- of somebody else in the data; or cut by a spreadsheet to 15 digits. The name must be the same, or alike with the same birth date.
CREATE OR REPLACE TEMP TABLE edge AS
WITH bad AS (
  SELECT n, id_norm AS t, length(id_norm) AS k, id_status FROM record
  WHERE id_status IN ('invalid_checksum', 'invalid_date', 'invalid_form', 'excel_truncated') AND length(id_norm) BETWEEN 17 AND 19),
place AS (
  SELECT n, t, k, unnest(range(1, k + 1)) AS i FROM bad),
sign AS (
  SELECT unnest(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'X']) AS c),
repaired AS (
  SELECT n, left(t, i - 1) || c || substr(t, i + 1) AS id FROM place, sign WHERE k = 18 AND (c <> 'X' OR i = 18)
  UNION ALL SELECT n, left(t, i - 1) || substr(t, i + 1, 1) || substr(t, i, 1) || substr(t, i + 2) FROM place WHERE k = 18 AND i < 18
  UNION ALL SELECT n, left(t, i - 1) || substr(t, i + 1) FROM place WHERE k = 19
  UNION ALL SELECT n, left(t, i - 1) || c || substr(t, i) FROM place, sign WHERE k = 17 AND (c <> 'X' OR i = 18)
  UNION ALL SELECT n, t || c FROM bad, sign WHERE k = 17),
found AS (
  SELECT DISTINCT p.n AS l, r.n AS r FROM (SELECT DISTINCT n, id FROM repaired) p JOIN record r ON r.id_ok = p.id
  UNION
  SELECT b.n, r.n FROM bad b JOIN record r ON left(r.id_ok, 15) = left(b.t, 15) WHERE b.id_status = 'excel_truncated'),
judged AS (
  SELECT f.l, f.r, name_level(a.name_key, b.name_key, a.pinyin, b.pinyin) AS name_level,
         CASE WHEN a.own_birth IS NULL OR b.birth IS NULL THEN 'unknown' WHEN a.own_birth = b.birth THEN 'same' ELSE 'differs' END AS birth_level
  FROM found f JOIN record a ON a.n = f.l JOIN record b ON b.n = f.r
  WHERE (a.is_new OR b.is_new) AND f.l <> f.r AND coalesce(a.sex = b.sex, true))
SELECT l AS a, r AS b, 'T2' AS tier, 0.999 AS score, concat('id:repaired,name:', name_level, ',birth:', birth_level) AS evidence
FROM judged
WHERE is_strong(name_level) AND (birth_level <> 'differs' OR name_level = 'same') OR is_weak(name_level) AND birth_level = 'same';
