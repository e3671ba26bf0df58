-- One row per delivery in force in the period: the accepted versions that every other table of the period is made of.
WITH candidate AS (
  SELECT v.delivery_id, v.source, v.owner, v.part, v.period AS delivery_period, v.version, v.as_of, v.received_on,
         v.n_accepted, s.in_force, s.owner_level,
         -- latest: one slot per owner and part; otherwise each month (same_period: this one) is a slot of its own
         CASE WHEN s.in_force = 'latest' THEN '' ELSE v.period END AS slot_period
  FROM ops.delivery__version AS v
  JOIN ref.source AS s ON s.source = v.source
  WHERE v.status = 'accepted' AND v.period <= $period
    AND (s.in_force <> 'same_period' OR v.period = $period)
    -- frozen, cut off or withdrawn in the review
    AND NOT EXISTS (SELECT 1 FROM ops.review__held AS h WHERE h.delivery_id = v.delivery_id)
),
ranked AS (
  SELECT candidate.delivery_id, candidate.source, candidate.owner, candidate.part, candidate.delivery_period,
         candidate.version, candidate.as_of, candidate.received_on, candidate.n_accepted, candidate.in_force,
         candidate.owner_level,
         row_number() OVER (
           PARTITION BY candidate.source, candidate.owner, candidate.part, candidate.slot_period
           ORDER BY candidate.delivery_period DESC, candidate.version DESC, candidate.delivery_id) AS n
  FROM candidate
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(delivery_id AS VARCHAR) AS delivery_id,
       CAST(source AS VARCHAR) AS source,
       CAST(owner AS VARCHAR) AS owner,
       CAST(part AS VARCHAR) AS part,
       CAST(delivery_period AS VARCHAR) AS delivery_period,
       CAST(version AS INTEGER) AS version,
       CAST(as_of AS DATE) AS as_of,
       CAST(received_on AS DATE) AS received_on,
       CAST(n_accepted AS BIGINT) AS n_accepted,
       CAST(in_force AS VARCHAR) AS in_force,
       CAST(owner_level AS VARCHAR) AS owner_level
FROM ranked
WHERE n = 1
