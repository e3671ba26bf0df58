-- What a person must decide: an equal id or number with another name, and what the stages set aside; never decided pairs again.
INSERT INTO review
SELECT CASE WHEN p.by_number THEN 'number_name' ELSE 'id_name' END, p.l, p.r, NULL,
       concat_ws(',', CASE WHEN p.by_number THEN 'number' END, CASE WHEN p.by_id THEN 'id' END, 'name:' || p.name_level, 'birth:' || p.birth_level)
FROM (SELECT *, row_number() OVER (PARTITION BY x_ent, y_ent ORDER BY l, r) AS k FROM (
        SELECT p.*, least(x.ent, y.ent) AS x_ent, greatest(x.ent, y.ent) AS y_ent
        FROM pair p JOIN member x ON x.n = p.l JOIN member y ON y.n = p.r WHERE x.ent <> y.ent
          -- numbers that schools give out themselves collide: without anything else in common that is no question about a person
          AND (p.by_id OR p.name_level NOT IN ('else', 'surname') OR p.birth_level = 'same')
          -- a number of the family, or a stranger's, under a name that shares nothing with it: a fault of the record
          AND NOT (p.is_kin AND NOT is_strong(p.name_level))
          AND NOT (p.is_far AND p.name_level IN ('else', 'surname'))
          -- one id for two people side by side in one register is a fault of that register, not a question of who is who
          AND NOT (p.together AND p.name_level IN ('else', 'surname'))
          -- nor is a parent's number on a child, where each row gives its own birth date
          AND NOT (p.births_far AND p.name_level IN ('else', 'surname')))) p
WHERE k = 1;

-- the same name, sex, county and guardian, but neither id nor birth date agrees (another person's number with his birth date): asked
-- where each is the only one for the other
INSERT INTO review
WITH kin AS (
  SELECT r.n, m.ent, r.grp, r.name_key, r.sex, r.county, r.birth, r.is_new, unnest(r.guardians) AS guardian
  FROM record r JOIN member m ON m.n = r.n
  WHERE length(r.name_key) > 1 AND r.sex IS NOT NULL AND r.county IS NOT NULL),
pairs AS (
  SELECT a.ent AS one, b.ent AS other, min(a.n) AS l, min(b.n) AS r
  FROM kin a JOIN kin b ON b.guardian = a.guardian AND b.name_key = a.name_key AND b.county = a.county AND b.sex = a.sex
  WHERE a.grp < b.grp AND a.ent <> b.ent AND (a.is_new OR b.is_new)
    -- another generation is another person
    AND abs(date_diff('year', a.birth, b.birth)) <= 15
  GROUP BY ALL)
SELECT 'family', l, r, NULL, 'name,sex,county,guardian' FROM pairs
QUALIFY count(*) OVER (PARTITION BY one) = 1 AND count(*) OVER (PARTITION BY other) = 1;

-- one question per two entities
CREATE OR REPLACE TEMP TABLE question AS
SELECT v.kind, v.l, v.r, v.score, v.evidence, least(x.ent, y.ent) AS one, greatest(x.ent, y.ent) AS other
FROM review v JOIN member x ON x.n = v.l JOIN member y ON y.n = v.r
WHERE x.ent <> y.ent;

-- two entities that one register lists side by side are two people, whatever id they share
-- (a list for each entity: a join over `grp` would pair every row of a register with every other)
CREATE OR REPLACE TEMP TABLE listed AS
SELECT m.ent, list(DISTINCT r.grp) AS grps FROM member m JOIN record r ON r.n = m.n
WHERE r.in_force AND r.grp <> 'event' AND m.ent IN (SELECT one FROM question UNION SELECT other FROM question)
GROUP BY m.ent;

CREATE OR REPLACE TEMP TABLE review AS
SELECT q.kind, q.l, q.r, q.score, q.evidence
FROM question q
LEFT JOIN listed p ON p.ent = q.one LEFT JOIN listed o ON o.ent = q.other
LEFT JOIN forbidden f ON f.l = q.one AND f.r = q.other
WHERE f.l IS NULL AND (q.kind IN ('merge', 'number_name') OR NOT coalesce(list_has_any(p.grps, o.grps), false))
QUALIFY row_number() OVER (PARTITION BY q.one, q.other ORDER BY q.score DESC NULLS LAST, q.kind, q.l, q.r) = 1;
