-- Stage 1: pairs that share a number of their own system (K) or a valid id (T1); accepted only when the names agree too.
-- An exact id alone never links: it is a sibling's or a parent's number in one to two of a hundred differing names.
CREATE OR REPLACE TEMP TABLE pair AS
WITH number AS (
  SELECT n, unnest(numbers) AS number FROM record),
usable AS (
  SELECT number FROM number GROUP BY number HAVING count(*) BETWEEN 2 AND 200),
touching AS (
  SELECT a.n AS l, b.n AS r, true AS by_id, false AS by_number
  FROM record a JOIN record b ON b.id_ok = a.id_ok AND a.n < b.n
  WHERE a.is_new OR b.is_new
  UNION ALL
  SELECT a.n, b.n, false, true
  FROM number a JOIN usable USING (number) JOIN number b ON b.number = a.number AND a.n < b.n),
once AS (
  SELECT l, r, bool_or(by_id) AS by_id, bool_or(by_number) AS by_number FROM touching GROUP BY l, r)
SELECT o.l, o.r, o.by_id, o.by_number,
       name_level(a.name_key, b.name_key, a.pinyin, b.pinyin) AS name_level,
       CASE WHEN a.own_birth IS NULL OR b.own_birth IS NULL THEN 'unknown' WHEN a.own_birth = b.own_birth THEN 'same' ELSE 'differs' END
         AS birth_level,
       coalesce(abs(date_diff('day', a.own_birth, b.own_birth)) > 800, false) AS births_far,
       a.source = b.source AND a.in_force AND b.in_force AS together,
       a.source = b.source AS same_source,
       -- one lists the other among the household or the guardians: two people, whatever number was typed
       coalesce(list_contains(a.guardians, b.name_key), false) OR coalesce(list_contains(b.guardians, a.name_key), false) AS is_kin,
       coalesce(a.id_ok <> b.id_ok AND NOT ids_near(a.id_ok, b.id_ok), false) AS ids_far,
       -- another county and no guardian in common: the number may be a stranger's, and registries fill in the birth date from it
       coalesce(a.county <> b.county, false) AND NOT coalesce(list_has_any(a.guardians, b.guardians), false) AS is_far
FROM once o JOIN record a ON a.n = o.l JOIN record b ON b.n = o.r
WHERE a.is_new OR b.is_new;

CREATE OR REPLACE TEMP TABLE edge AS
SELECT l AS a, r AS b, CASE WHEN by_number THEN 'K' ELSE 'T1' END AS tier,
       CASE WHEN name_level = 'same' THEN 0.9999 WHEN is_strong(name_level) THEN 0.9995 ELSE 0.999 END AS score,
       concat_ws(',', CASE WHEN by_number THEN 'number' END, CASE WHEN by_id THEN 'id' END, 'name:' || name_level, 'birth:' || birth_level)
         AS evidence
FROM pair
WHERE (is_strong(name_level) AND (name_level = 'same' OR NOT is_kin) AND NOT (by_number AND NOT by_id AND birth_level = 'differs')
   OR is_weak(name_level) AND birth_level = 'same' AND NOT is_kin AND (by_number OR NOT is_far)
   -- without a second birth date a name that is only like the other must not be a brother's: two characters, same beginning
   OR is_weak(name_level) AND birth_level = 'unknown' AND NOT is_kin AND (by_number OR name_level <> 'one')
   -- a name corrected in the register it stands in: same number, same id, same birth date, and the old name is gone
   OR by_number AND by_id AND same_source AND NOT together AND birth_level = 'same'
   OR name_level = 'unknown' AND by_number AND (by_id OR birth_level = 'same'))
  -- schools give out numbers of their own, and names repeat: two valid ids that are far apart are two people, unless the birth dates
  -- agree or the id was replaced in the register it stands in
  AND NOT (NOT by_id AND ids_far AND birth_level <> 'same' AND NOT (same_source AND NOT together));
