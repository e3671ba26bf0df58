-- Stage 5: same valid id AND the same birth date said beside it, same sex, and of the name at least one character in its place
-- (王?, 扎西 for 札西, a stepfather's surname), in the same county or with a guardian in common. Never a brother's or twin's number:
-- nobody else in force holds that id, and neither record lists the other's name among its kin.
CREATE OR REPLACE TEMP TABLE edge AS
WITH half AS (
  SELECT p.l, p.r, a.id_ok
  FROM pair p JOIN record a ON a.n = p.l JOIN record b ON b.n = p.r
  WHERE p.by_id AND NOT p.by_number AND NOT p.together AND p.birth_level = 'same' AND p.name_level IN ('surname', 'else')
    AND coalesce(a.sex = b.sex, true)
    AND (p.name_level = 'surname' OR shares_a_place(a.name_key, b.name_key)) AND NOT p.is_kin AND NOT p.is_far),
held AS (
  SELECT id_ok FROM (
    SELECT r.id_ok, r.grp, count(DISTINCT m.ent) AS n_ents FROM record r JOIN member m ON m.n = r.n
    WHERE r.in_force AND r.grp <> 'event' AND r.id_ok IN (SELECT id_ok FROM half) GROUP BY ALL)
  GROUP BY id_ok HAVING max(n_ents) > 1)
SELECT l AS a, r AS b, 'T5' AS tier, 0.99 AS score, 'id,name:half,birth:same' AS evidence
FROM half WHERE id_ok NOT IN (SELECT id_ok FROM held);
