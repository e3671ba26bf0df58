-- From source rows to profiles: what a record says about its person. The same content of the same source record is one profile
-- in whatever month and file it comes, so that only new or changed records are matched (tier T0 is that nothing happens).

-- of a poverty household the other members are each other's kin
CREATE OR REPLACE TEMP TABLE kin AS
SELECT i.household, list_sort(list_distinct(list(f.name_key))) AS names
FROM incoming i JOIN identity d USING (delivery_id, row_no) JOIN name_form f ON f.name = d.name
WHERE i.household IS NOT NULL AND f.name_key IS NOT NULL GROUP BY i.household;

CREATE OR REPLACE TEMP TABLE shown AS
SELECT i.source, i.delivery_id, i.row_no, i.numbers, d.id_no AS id_norm, f.name, f.name_key, f.pinyin,
       i.birth AS own_birth, i.sex, i.ethnic, i.county, i.household, d.guardians, d.guardian_ids,
       token('profile', concat_ws('|', i.source,
         coalesce(array_to_string(i.numbers, ','), ''), coalesce(d.id_no, ''), coalesce(f.name_key, ''), coalesce(i.birth::VARCHAR, ''),
         coalesce(i.sex, ''),
         -- a record that says nothing of its person is a person of its own
         CASE WHEN len(i.numbers) = 0 AND d.id_no IS NULL AND (f.name_key IS NULL OR i.birth IS NULL)
              THEN i.delivery_id || ':' || i.row_no ELSE '' END)) AS profile
FROM incoming i
LEFT JOIN identity d USING (delivery_id, row_no)
LEFT JOIN name_form f ON f.name = d.name;

CREATE OR REPLACE TEMP TABLE row_out AS SELECT source, delivery_id, row_no, profile FROM shown;

CREATE OR REPLACE TEMP TABLE fresh AS
SELECT s.* FROM (
  SELECT *, row_number() OVER (PARTITION BY profile ORDER BY delivery_id, row_no) AS k FROM shown) s
WHERE k = 1 AND NOT EXISTS (SELECT 1 FROM known o WHERE o.profile = s.profile);

CREATE OR REPLACE TEMP TABLE guardian AS
SELECT profile, list_sort(list_distinct(list(f.name_key))) AS names
FROM (SELECT profile, unnest(guardians) AS name FROM fresh) g JOIN name_form f ON f.name = g.name GROUP BY profile;

CREATE OR REPLACE TEMP TABLE profile AS
SELECT row_number() OVER (ORDER BY is_new, rank, first_key) AS n, t.* FROM (
  SELECT o.profile, o.source, r.grp, r.rank, k.person_id AS person, false AS is_new,
         k.in_force OR o.profile IN (SELECT profile FROM row_out) AS in_force,
         o.numbers, o.id_norm, o.id_status, o.name, o.name_key, o.pinyin, o.own_birth, o.sex, o.ethnic, o.county,
         o.guardians, o.guardian_ids, o.first_key
  FROM known k JOIN old_profile o ON o.profile = k.profile JOIN source_rank r ON r.source = o.source
  UNION ALL
  SELECT s.profile, s.source, r.grp, r.rank, NULL, true, true, s.numbers, s.id_norm, id_status(s.id_norm), s.name, s.name_key, s.pinyin,
         s.own_birth, s.sex, s.ethnic, s.county,
         list_filter(list_distinct(list_concat(coalesce(g.names, []), coalesce(h.names, []))), x -> x IS DISTINCT FROM s.name_key),
         coalesce(s.guardian_ids, []), s.source || ':' || s.delivery_id || ':' || s.row_no
  FROM fresh s JOIN source_rank r ON r.source = s.source
  LEFT JOIN guardian g ON g.profile = s.profile
  LEFT JOIN kin h ON h.household = s.household) t;

CREATE OR REPLACE TEMP TABLE record AS SELECT * EXCLUDE (rank, first_key, name) FROM profile;
