-- Persons with several active registrations in the month: where, of which kind, since when. Counted once, listed in full.
WITH active AS (
  SELECT i.person_id, e.source, e.school_id, e.county_code, e.stage_code, e.delivery_id, e.row_no, e.is_counted
  FROM core.enrolment__person_month AS e
  JOIN core.identity__record AS i ON i.delivery_id = e.delivery_id AND i.row_no = e.row_no AND i.period = $period
  WHERE e.period = $period AND e.is_active
),
doubled AS (
  SELECT a.person_id, min(CASE WHEN a.is_counted THEN a.school_id END) AS counted_school_id,
         count(*) AS n_active, count(DISTINCT a.school_id) AS n_schools, count(DISTINCT a.source) AS n_sources,
         string_agg(DISTINCT a.school_id, ';' ORDER BY a.school_id) AS school_ids,
         string_agg(DISTINCT a.source, ';' ORDER BY a.source) AS sources
  FROM active AS a
  GROUP BY a.person_id
  HAVING count(*) > 1
),
moving AS (
  SELECT DISTINCT t.person_id FROM core.transfer_pair__event AS t WHERE t.period = $period
),
run AS (
  -- since when without a break
  SELECT s.person_id, min(s.period) AS since_period
  FROM core.standing__person_month AS s
  LEFT JOIN (
    SELECT o.person_id, max(o.period) AS period
    FROM core.standing__person_month AS o
    WHERE o.period <= $period AND o.n_active < 2
    GROUP BY o.person_id) AS o ON o.person_id = s.person_id
  WHERE s.period <= $period AND s.n_active > 1 AND s.period > coalesce(o.period, '')
  GROUP BY s.person_id
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(d.person_id AS UUID) AS person_id,
       CAST(CASE WHEN d.n_sources > 1 THEN 'two_registries'
                 WHEN m.person_id IS NOT NULL THEN 'transfer_in_flight'
                 WHEN d.n_schools > 1 THEN 'two_schools'
                 ELSE 'same_school' END AS VARCHAR) AS kind_code,
       CAST(coalesce(d.counted_school_id, s.school_id) AS VARCHAR) AS counted_school_id,
       CAST(s.county_code AS VARCHAR) AS county_code,
       CAST(s.stage_code AS VARCHAR) AS stage_code,
       CAST(d.n_active AS INTEGER) AS n_active,
       CAST(d.n_schools AS INTEGER) AS n_schools,
       CAST(d.school_ids AS VARCHAR) AS school_ids,
       CAST(d.sources AS VARCHAR) AS sources,
       CAST(r.since_period AS VARCHAR) AS since_period
FROM doubled AS d
JOIN core.standing__person_month AS s ON s.person_id = d.person_id AND s.period = $period
LEFT JOIN moving AS m ON m.person_id = d.person_id
LEFT JOIN run AS r ON r.person_id = d.person_id
