-- Completes `record` before matching.
-- A valid number typed for many people is a placeholder; a number that is a guardian's own in the same row is the guardian's.
CREATE OR REPLACE TEMP TABLE common_id AS
SELECT id_norm FROM record WHERE id_status = 'ok' GROUP BY id_norm HAVING count(DISTINCT name_key) > 8;

CREATE OR REPLACE TEMP TABLE record AS
SELECT n, profile, source, grp, person, is_new, in_force, numbers, id_norm, worth AS id_status,
       CASE WHEN worth = 'ok' THEN id_norm END AS id_ok, name_key, pinyin, own_birth,
       coalesce(own_birth, CASE WHEN worth = 'ok' THEN citizen_birth_date(id_norm) END) AS birth,
       coalesce(sex, CASE WHEN worth = 'ok' THEN CASE WHEN digit_at(id_norm, 17) % 2 = 1 THEN '1' ELSE '2' END END) AS sex,
       ethnic, county, guardians, guardian_ids
FROM (
  SELECT r.*, CASE
      WHEN c.id_norm IS NOT NULL OR is_placeholder_id(r.id_norm) THEN 'placeholder'
      WHEN r.id_status = 'ok' AND list_contains(r.guardian_ids, r.id_norm) AND NOT list_contains(r.guardians, r.name_key) THEN 'of_guardian'
      ELSE r.id_status END AS worth
  FROM record r LEFT JOIN common_id c ON c.id_norm = r.id_norm);

CREATE OR REPLACE TEMP TABLE member AS
SELECT r.n, coalesce(p.ent, r.n) AS ent, NULL::VARCHAR AS tier, NULL::DOUBLE AS score, NULL::VARCHAR AS evidence, NULL::BIGINT AS partner
FROM record r
LEFT JOIN (SELECT person, min(n) AS ent FROM record WHERE person IS NOT NULL GROUP BY person) p ON p.person = r.person;

-- entities that already are persons
CREATE OR REPLACE TEMP TABLE settled AS
SELECT DISTINCT m.ent, r.person FROM member m JOIN record r ON r.n = m.ent WHERE r.person IS NOT NULL;

CREATE OR REPLACE TEMP TABLE review (kind VARCHAR, l BIGINT, r BIGINT, score DOUBLE, evidence VARCHAR);
