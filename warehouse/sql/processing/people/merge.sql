-- Applies the groups of `label`: a group that touches one person joins it, a group that touches several joins the best.
-- A group that would bring together what a decision keeps apart is not joined at all.
CREATE OR REPLACE TEMP TABLE touch AS
SELECT y.root, x.ent AS settled_ent, e.score, e.tier, e.a, e.b, e.evidence
FROM (SELECT l AS one, r AS other, * FROM link_edge UNION ALL SELECT r, l, * FROM link_edge) e
JOIN settled x ON x.ent = e.one JOIN label y ON y.ent = e.other;

CREATE OR REPLACE TEMP TABLE target AS
SELECT root, settled_ent FROM (
  SELECT *, row_number() OVER (PARTITION BY root ORDER BY score DESC, tier, settled_ent) AS k FROM touch)
WHERE k = 1;

CREATE OR REPLACE TEMP TABLE renamed AS
SELECT y.ent, coalesce(t.settled_ent, y.root) AS ent_new FROM label y LEFT JOIN target t ON t.root = y.root;

CREATE OR REPLACE TEMP TABLE barred AS
SELECT DISTINCT coalesce(x.ent_new, f.l) AS ent_new
FROM forbidden f LEFT JOIN renamed x ON x.ent = f.l LEFT JOIN renamed y ON y.ent = f.r
WHERE coalesce(x.ent_new, f.l) = coalesce(y.ent_new, f.r);

INSERT INTO review
SELECT DISTINCT 'merge', e.a, e.b, e.score, e.evidence FROM link_edge e
WHERE (e.l IN (SELECT ent FROM settled) AND e.r IN (SELECT ent FROM settled));
INSERT INTO review
SELECT DISTINCT 'merge', t.a, t.b, t.score, t.evidence FROM touch t JOIN target g ON g.root = t.root AND g.settled_ent <> t.settled_ent;
INSERT INTO review
SELECT DISTINCT 'barred', e.a, e.b, e.score, e.evidence FROM link_edge e
WHERE e.l IN (SELECT ent FROM renamed WHERE ent_new IN (SELECT ent_new FROM barred))
   OR e.r IN (SELECT ent FROM renamed WHERE ent_new IN (SELECT ent_new FROM barred));
DELETE FROM renamed WHERE ent_new IN (SELECT ent_new FROM barred) OR ent = ent_new;

-- the edge by which a profile's entity came in: the best one that leads to where it went
CREATE OR REPLACE TEMP TABLE cause AS
SELECT ent, tier, score, evidence, partner FROM (
  SELECT x.ent, e.tier, e.score, e.evidence, CASE WHEN x.ent = e.l THEN e.b ELSE e.a END AS partner,
         row_number() OVER (PARTITION BY x.ent ORDER BY e.score DESC, e.tier, e.a, e.b) AS k
  FROM renamed x
  JOIN (SELECT l AS ent, r AS other, * FROM link_edge UNION ALL SELECT r, l, * FROM link_edge) e ON e.ent = x.ent
  LEFT JOIN renamed y ON y.ent = e.other
  WHERE coalesce(y.ent_new, e.other) = x.ent_new)
WHERE k = 1;

CREATE OR REPLACE TEMP TABLE member AS
SELECT m.n, coalesce(x.ent_new, m.ent) AS ent, coalesce(c.tier, m.tier) AS tier, coalesce(c.score, m.score) AS score,
       coalesce(c.evidence, m.evidence) AS evidence, coalesce(c.partner, m.partner) AS partner
FROM member m LEFT JOIN renamed x ON x.ent = m.ent LEFT JOIN cause c ON c.ent = m.ent;
