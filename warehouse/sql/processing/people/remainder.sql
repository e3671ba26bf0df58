-- One card per entity that is still without a partner, for Splink: registries against the rest, graduates against the poor.
CREATE OR REPLACE TEMP TABLE card AS
SELECT m.ent AS unique_id, bool_or(r.is_new) AS is_new,
       bool_or(r.grp = 'roll') AS has_roll, bool_or(r.grp = 'poverty') AS has_poverty, bool_or(r.grp = 'graduate') AS has_graduate,
       arg_min(r.name_key, r.n) AS name_key, arg_min(r.pinyin, r.n) AS pinyin, arg_min(r.own_birth, r.n) AS own_birth,
       arg_min(r.birth, r.n) AS birth, arg_min(r.sex, r.n) AS sex, arg_min(r.county, r.n) AS county, arg_min(r.id_ok, r.n) AS id_ok,
       arg_min(CASE WHEN r.id_status IN ('placeholder', 'of_guardian') THEN NULL ELSE r.id_norm END, r.n) AS id_text,
       nullif(list_distinct(flatten(list(r.guardians))), []) AS guardian
FROM member m JOIN record r ON r.n = m.n
GROUP BY m.ent;

CREATE OR REPLACE TEMP TABLE rest AS
SELECT *, left(pinyin, 1) AS initial, right(id_text, 4) AS last_four, left(id_text, 6) || right(id_text, 4) AS area_last,
       list_sort(string_split(name_key, '')) AS chars
FROM card WHERE name_key IS NOT NULL AND (birth IS NOT NULL OR id_text IS NOT NULL);

CREATE OR REPLACE TEMP TABLE rest_roll AS FROM rest WHERE has_roll AND NOT has_poverty;
CREATE OR REPLACE TEMP TABLE rest_other AS
FROM rest WHERE NOT has_roll AND NOT has_graduate
  -- a poverty register is mostly adults; nobody much older than the oldest pupil can be one
  AND coalesce(birth >= (SELECT min(birth) FROM rest_roll) - INTERVAL 800 DAY, true);
CREATE OR REPLACE TEMP TABLE rest_graduate AS FROM rest WHERE has_graduate AND NOT has_poverty;
CREATE OR REPLACE TEMP TABLE rest_poverty AS
FROM rest WHERE has_poverty AND NOT has_graduate AND NOT has_roll
  AND coalesce(birth BETWEEN (SELECT min(birth) FROM rest_graduate) - INTERVAL 800 DAY
                         AND (SELECT max(birth) FROM rest_graduate) + INTERVAL 800 DAY, true);
