-- From edges between profiles to edges between entities: the best one of each pair, and none that a person has ruled out.
CREATE OR REPLACE TEMP TABLE forbidden AS
SELECT DISTINCT least(x.ent, y.ent) AS l, greatest(x.ent, y.ent) AS r
FROM decision d
JOIN record a ON a.profile = d.left_profile JOIN record b ON b.profile = d.right_profile
JOIN member x ON x.n = a.n JOIN member y ON y.n = b.n
WHERE d.verdict = 'different';

CREATE OR REPLACE TEMP TABLE link_edge AS
WITH between AS (
  SELECT least(x.ent, y.ent) AS l, greatest(x.ent, y.ent) AS r, e.a, e.b, e.tier, e.score, e.evidence
  FROM edge e JOIN member x ON x.n = e.a JOIN member y ON y.n = e.b
  WHERE x.ent <> y.ent),
best AS (
  SELECT *, row_number() OVER (PARTITION BY l, r ORDER BY score DESC, tier, a, b) AS k FROM between)
SELECT l, r, a, b, tier, score, evidence FROM best b
WHERE k = 1 AND NOT EXISTS (SELECT 1 FROM forbidden f WHERE f.l = b.l AND f.r = b.r);
