-- Stage 3: same name, birth, sex and county where that combination stands for one entity in every group of sources (a record
-- that is gone beside one that is there: a number was replaced), and the ids
-- do not speak against it (two valid ids that are far apart do, unless the guardian agrees).
CREATE OR REPLACE TEMP TABLE edge AS
WITH card AS (
  SELECT DISTINCT r.name_key, r.birth, r.sex, r.county, r.grp, r.in_force, m.ent
  FROM record r JOIN member m ON m.n = r.n
  WHERE r.name_key IS NOT NULL AND r.birth IS NOT NULL AND r.sex IS NOT NULL AND r.county IS NOT NULL AND length(r.name_key) > 1),
sole AS (
  SELECT name_key, birth, sex, county
  FROM (SELECT name_key, birth, sex, county, grp, in_force, count(DISTINCT ent) AS n FROM card GROUP BY ALL)
  GROUP BY ALL HAVING max(n) = 1 AND count(*) > 1),
shown AS (
  SELECT DISTINCT c.* FROM card c JOIN sole USING (name_key, birth, sex, county)),
pairs AS (
  SELECT a.ent AS l, b.ent AS r, a.name_key, a.birth, a.sex, a.county
  FROM shown a JOIN shown b USING (name_key, birth, sex, county)
  WHERE a.ent < b.ent),
known_id AS (
  SELECT m.ent, min(r.id_ok) AS id, count(DISTINCT r.id_ok) AS n_ids, flatten(list(r.guardians)) AS guardians
  FROM member m JOIN record r ON r.n = m.n WHERE m.ent IN (SELECT l FROM pairs UNION SELECT r FROM pairs) GROUP BY m.ent)
SELECT DISTINCT p.l AS a, p.r AS b, 'T3' AS tier, 0.998 AS score,
       concat('name,birth,sex,county', CASE WHEN i.id IS NULL OR j.id IS NULL THEN '' WHEN i.id = j.id THEN ',id' ELSE ',ids:near-or-guardian' END)
         AS evidence
FROM pairs p JOIN known_id i ON i.ent = p.l JOIN known_id j ON j.ent = p.r
WHERE i.id IS NULL OR j.id IS NULL OR i.id = j.id OR ids_near(i.id, j.id) OR list_has_any(i.guardians, j.guardians);
