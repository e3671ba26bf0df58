-- One row per accepted row of the person sources in force: the person it shows (merged persons by the surviving id), and the link.
WITH newest AS (
  SELECT h.profile, max(h.seq) AS seq
  FROM core.person_link__history AS h
  GROUP BY h.profile
),
link AS (
  SELECT h.profile, h.link_id, h.tier, h.score, coalesce(p.merged_into, h.person_id) AS person_id
  FROM core.person_link__history AS h
  JOIN newest AS n ON n.profile = h.profile AND n.seq = h.seq
  LEFT JOIN core.person__id AS p ON p.person_id = h.person_id AND p.merged_into IS NOT NULL
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(r.source AS VARCHAR) AS source,
       CAST(r.delivery_id AS VARCHAR) AS delivery_id,
       CAST(r.row_no AS BIGINT) AS row_no,
       CAST('self' AS VARCHAR) AS role,
       CAST(l.person_id AS UUID) AS person_id,
       CAST(l.tier AS VARCHAR) AS tier,
       CAST(l.score AS DOUBLE) AS score,
       CAST(l.link_id AS UUID) AS link_id
FROM core.person_profile__row AS r
JOIN core.delivery__period AS d ON d.delivery_id = r.delivery_id AND d.period = $period
JOIN link AS l ON l.profile = r.profile
