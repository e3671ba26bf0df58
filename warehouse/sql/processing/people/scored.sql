-- From scores to links: nearly certain, the best on both sides, nobody else as good; a name that shares nothing is never linked.
-- gamma_name: 0 else, 1 surname only, 2 … 7 alike to same. gamma_identity 8: ids equal.
CREATE OR REPLACE TEMP TABLE ranked AS
SELECT s.*, row_number() OVER (PARTITION BY s.l ORDER BY s.p DESC, s.r) AS rank_l, row_number() OVER (PARTITION BY s.r ORDER BY s.p DESC, s.l) AS rank_r,
       count(*) OVER (PARTITION BY s.l) + count(*) OVER (PARTITION BY s.r) - 2 AS n_others,
       count(*) FILTER (s.p >= 0.99) OVER (PARTITION BY s.l) + count(*) FILTER (s.p >= 0.99) OVER (PARTITION BY s.r) - 2 AS n_as_good,
       a.own_birth = b.own_birth AS births_same,
       -- another generation: an id or its area and last four digits in common does not make a child of a parent
       coalesce(abs(date_diff('day', a.own_birth, b.own_birth)) > 800, false) AS births_far,
       a.id_ok <> b.id_ok AND coalesce(a.own_birth <> b.own_birth, true) AS ids_apart,
       coalesce(list_contains(a.guardian, b.name_key), false) OR coalesce(list_contains(b.guardian, a.name_key), false) AS is_kin,
       coalesce(a.county <> b.county, false) AND NOT coalesce(list_has_any(a.guardian, b.guardian), false) AS is_far
FROM scored s JOIN card a ON a.unique_id = s.l JOIN card b ON b.unique_id = s.r
WHERE (a.is_new OR b.is_new);

CREATE OR REPLACE TEMP TABLE edge AS
SELECT l AS a, r AS b, 'S' AS tier, round(p, 6) AS score, weights AS evidence
FROM ranked
-- two valid ids that differ are two people, unless each record gives the same birth date beside them
WHERE p >= 0.99 AND NOT births_far AND NOT is_kin AND NOT coalesce(ids_apart, false) AND rank_l = 1 AND rank_r = 1 AND n_as_good <= 0
  -- equal ids, names only alike, another county, no guardian in common: a stranger's number
  AND NOT (gamma_identity = 8 AND gamma_name < 5 AND is_far)
  -- a brother's number: equal ids and only the surname in common, unless each says the same birth date and no other fits
  AND (gamma_name >= 2 OR gamma_name = 1 AND births_same AND n_others = 0);

INSERT INTO review
SELECT CASE WHEN p >= 0.99 THEN 'tie' ELSE 'unsure' END, l, r, round(p, 6), weights
FROM ranked k
WHERE (rank_r = 1 OR rank_l = 1) AND gamma_name > 0 AND NOT births_far AND NOT is_kin AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.a = k.l OR e.b = k.r);
