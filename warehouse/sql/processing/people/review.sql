-- What a person must decide: an equal id or number with another name, and what the stages set aside; never decided pairs again.
INSERT INTO review
SELECT CASE WHEN p.by_number THEN 'number_name' ELSE 'id_name' END, p.l, p.r, NULL,
       concat_ws(',', CASE WHEN p.by_number THEN 'number' END, CASE WHEN p.by_id THEN 'id' END, 'name:' || p.name_level, 'birth:' || p.birth_level)
FROM (SELECT *, row_number() OVER (PARTITION BY x_ent, y_ent ORDER BY l, r) AS k FROM (
        SELECT p.*, least(x.ent, y.ent) AS x_ent, greatest(x.ent, y.ent) AS y_ent
        FROM pair p JOIN member x ON x.n = p.l JOIN member y ON y.n = p.r WHERE x.ent <> y.ent
          -- numbers that schools give out themselves collide: without anything else in common that is no question about a person
          AND (p.by_id OR p.name_level NOT IN ('else', 'surname') OR p.birth_level = 'same')
          -- one id for two people side by side in one register is a fault of that register, not a question of who is who
          AND NOT (p.together AND p.name_level IN ('else', 'surname'))
          -- nor is a parent's number on a child, where each row gives its own birth date
          AND NOT (p.births_far AND p.name_level IN ('else', 'surname')))) p
WHERE k = 1;

-- two entities that one register lists side by side are two people, whatever number they share
-- (a list for each entity: a join over `grp` would pair every row of a register with every other)
CREATE OR REPLACE TEMP TABLE listed AS
SELECT m.ent, list(DISTINCT r.grp) AS grps FROM member m JOIN record r ON r.n = m.n
WHERE r.in_force AND r.grp <> 'event'
  AND m.ent IN (SELECT x.ent FROM review v JOIN member x ON x.n = v.l UNION SELECT x.ent FROM review v JOIN member x ON x.n = v.r)
GROUP BY m.ent;

CREATE OR REPLACE TEMP TABLE review AS
SELECT kind, l, r, score, evidence FROM (
  SELECT v.*, row_number() OVER (PARTITION BY least(x.ent, y.ent), greatest(x.ent, y.ent) ORDER BY v.score DESC NULLS LAST, v.kind, v.l, v.r) AS k
  FROM review v JOIN member x ON x.n = v.l JOIN member y ON y.n = v.r
  LEFT JOIN listed p ON p.ent = x.ent LEFT JOIN listed q ON q.ent = y.ent
  WHERE x.ent <> y.ent
    AND (v.kind IN ('merge', 'number_name') OR NOT coalesce(list_has_any(p.grps, q.grps), false))
    AND NOT EXISTS (SELECT 1 FROM forbidden f WHERE f.l = least(x.ent, y.ent) AND f.r = greatest(x.ent, y.ent)))
WHERE k = 1;
