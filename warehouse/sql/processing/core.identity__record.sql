-- One row per accepted row that shows a learner, with the person it shows; every history, link and list goes through this table.
WITH shown AS (
  SELECT 'student_registry' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.student_no_token) AS own_key
  FROM raw.student_registry__student AS r
  UNION ALL
  SELECT 'vocational_registry' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.student_no_token) AS own_key
  FROM raw.vocational_registry__student AS r
  UNION ALL
  SELECT 'preschool_registry' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.student_no_token) AS own_key
  FROM raw.preschool_registry__child AS r
  UNION ALL
  SELECT 'student_change' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.student_no_token) AS own_key
  FROM raw.student_change__event AS r
  UNION ALL
  SELECT 'poverty_register' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.person_no_token) AS own_key
  FROM raw.poverty_register__person AS r
  UNION ALL
  SELECT 'aid_record' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.student_no_token) AS own_key
  FROM raw.aid_record__payment AS r
  UNION ALL
  SELECT 'two_later_survey' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.person_no_token) AS own_key
  FROM raw.two_later_survey__person AS r
  UNION ALL
  SELECT 'graduate_register' AS source, r.delivery_id, r.row_no,
         coalesce(r.id_no_token, r.student_no_token, r.candidate_no_token) AS own_key
  FROM raw.graduate_register__graduate AS r
  UNION ALL
  SELECT 'disability_roster' AS source, r.delivery_id, r.row_no, coalesce(r.id_no_token, r.certificate_no_token) AS own_key
  FROM raw.disability_roster__person AS r
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(s.source AS VARCHAR) AS source,
       CAST(s.delivery_id AS VARCHAR) AS delivery_id,
       CAST(s.row_no AS BIGINT) AS row_no,
       -- where the person index has not been: the row's own number, and a row without any number is a person of its own
       CAST(coalesce(r.person_id, s.own_key, CAST(md5(s.delivery_id || ':' || CAST(s.row_no AS VARCHAR)) AS UUID)) AS UUID)
         AS person_id,
       CAST(coalesce(r.tier, CASE WHEN s.own_key IS NULL THEN 'none' ELSE 'number' END) AS VARCHAR) AS tier
FROM shown AS s
JOIN core.delivery__period AS d ON d.delivery_id = s.delivery_id AND d.period = $period
LEFT JOIN core.person__record AS r
  ON r.delivery_id = s.delivery_id AND r.row_no = s.row_no AND r.role = 'self' AND r.period = $period
