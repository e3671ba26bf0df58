-- One row per poverty person of school age, matched to the registries by the person index; the unmatched stay with a reason.
WITH link AS (
  SELECT r.delivery_id, r.row_no,
         -- how sure the way of a record to its person is: 1 id or number with the name, 2 a repaired id or half a name, 3 name, birth,
         -- sex and county or guardian, 4 statistical model; a decision is as good as 1
         CASE r.tier WHEN 'T2' THEN 2 WHEN 'T5' THEN 2 WHEN 'T3' THEN 3 WHEN 'T4' THEN 3 WHEN 'S' THEN 4 ELSE 1 END AS tier
  FROM core.person__record AS r
  WHERE r.period = $period AND r.role = 'self'
),
candidate AS (
  SELECT e.person_id, i.tier, e.delivery_id, e.row_no, e.school_id, e.county_code, e.stage_code, e.grade_code, e.sex_code,
         e.birth_date, e.is_active,
         row_number() OVER (
           PARTITION BY e.person_id ORDER BY e.is_counted DESC, e.is_active DESC, e.delivery_id, e.row_no) AS n
  FROM core.enrolment__person_month AS e
  JOIN link AS i ON i.delivery_id = e.delivery_id AND i.row_no = e.row_no
  WHERE e.period = $period
),
judged AS (
  SELECT p.person_id, p.delivery_id, p.row_no, p.county_code, p.prefecture_code, p.school_state_code, p.stage_code, p.age,
         p.sex_code, p.ethnic_code, c.delivery_id AS enrolment_delivery_id, c.row_no AS enrolment_row_no, c.school_id,
         c.county_code AS school_county_code, c.stage_code AS enrolled_stage_code, c.grade_code,
         -- the link between the two is as weak as the weaker way
         greatest(i.tier, c.tier) AS tier,
         CASE WHEN c.person_id IS NULL AND p.id_no_token IS NULL THEN 'no_id'
              WHEN c.person_id IS NULL THEN 'not_enrolled'
              -- guard against a number typed for another person: birth date and sex both known and both different,
              -- or the only comparable one different
              WHEN (p.birth_date <> c.birth_date OR p.birth_date IS NULL OR c.birth_date IS NULL)
               AND (p.sex_code <> c.sex_code OR p.sex_code IS NULL OR c.sex_code IS NULL)
               AND (p.birth_date <> c.birth_date OR p.sex_code <> c.sex_code) THEN 'guard_conflict'
              WHEN NOT c.is_active THEN 'not_active' END AS reason_code
  FROM core.poverty_person__period AS p
  LEFT JOIN link AS i ON i.delivery_id = p.delivery_id AND i.row_no = p.row_no
  LEFT JOIN candidate AS c ON c.person_id = p.person_id AND c.n = 1
  WHERE p.period = $period AND p.is_school_age
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(person_id AS UUID) AS person_id,
       CAST(delivery_id AS VARCHAR) AS delivery_id,
       CAST(row_no AS BIGINT) AS row_no,
       CAST(county_code AS VARCHAR) AS county_code,
       CAST(prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(school_state_code AS VARCHAR) AS school_state_code,
       CAST(coalesce(stage_code, 'none') AS VARCHAR) AS stage_code,
       CAST(age AS INTEGER) AS age,
       CAST(sex_code AS VARCHAR) AS sex_code,
       CAST(ethnic_code AS VARCHAR) AS ethnic_code,
       CAST(reason_code IS NULL AS BOOLEAN) AS is_matched,
       CAST(CASE WHEN reason_code IS NULL THEN tier END AS INTEGER) AS match_tier,
       CAST(reason_code AS VARCHAR) AS reason_code,
       -- the registration is named only where it is this person's
       CAST(CASE WHEN reason_code IS NULL THEN enrolment_delivery_id END AS VARCHAR) AS enrolment_delivery_id,
       CAST(CASE WHEN reason_code IS NULL THEN enrolment_row_no END AS BIGINT) AS enrolment_row_no,
       CAST(CASE WHEN reason_code IS NULL THEN school_id END AS VARCHAR) AS school_id,
       CAST(CASE WHEN reason_code IS NULL THEN school_county_code END AS VARCHAR) AS school_county_code,
       CAST(CASE WHEN reason_code IS NULL THEN enrolled_stage_code END AS VARCHAR) AS enrolled_stage_code,
       CAST(CASE WHEN reason_code IS NULL THEN grade_code END AS VARCHAR) AS grade_code,
       CAST(CASE WHEN reason_code IS NULL THEN enrolled_stage_code = stage_code END AS BOOLEAN) AS is_stage_agreed
FROM judged
