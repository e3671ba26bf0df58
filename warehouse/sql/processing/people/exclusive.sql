-- One partner on each side per group of sources, and no two entities that one source lists at the same time.
CREATE OR REPLACE TEMP TABLE ent_group AS
SELECT DISTINCT m.ent, r.grp, r.in_force FROM member m JOIN record r ON r.n = m.n
WHERE m.ent IN (SELECT l FROM link_edge UNION SELECT r FROM link_edge);

CREATE OR REPLACE TEMP TABLE contested AS
WITH side AS (
  SELECT e.l AS ent, g.grp, g.in_force, e.r AS other FROM link_edge e JOIN ent_group g ON g.ent = e.r
  UNION ALL SELECT e.r, g.grp, g.in_force, e.l FROM link_edge e JOIN ent_group g ON g.ent = e.l),
-- lists instead of a join over `grp`, which would pair every row of a register with every other
listed AS (
  SELECT ent, list(grp) AS grps FROM ent_group WHERE in_force AND grp <> 'event' GROUP BY ent),
crowded AS (
  SELECT ent FROM side GROUP BY ent, grp, in_force HAVING count(DISTINCT other) > 1)
SELECT e.l, e.r FROM link_edge e
LEFT JOIN listed x ON x.ent = e.l LEFT JOIN listed y ON y.ent = e.r
WHERE e.l IN (SELECT ent FROM crowded) OR e.r IN (SELECT ent FROM crowded) OR coalesce(list_has_any(x.grps, y.grps), false);

INSERT INTO review
SELECT 'contested', e.a, e.b, e.score, e.evidence FROM link_edge e JOIN contested c USING (l, r) WHERE e.tier <> 'S';
DELETE FROM link_edge WHERE (l, r) IN (SELECT (l, r) FROM contested);
