-- One row per transfer record inside the province of the last months: its counterpart, or how long it has been waiting (RP06).
WITH limits AS (
  SELECT max(CASE WHEN t.threshold_id = 'transfer_pair_days' THEN CAST(t.value AS INTEGER) END) AS pair_days
  FROM ref.threshold AS t
),
transfer AS (
  SELECT e.period AS record_period, e.delivery_id, e.row_no, e.person_id, e.effect_code, e.change_date, e.from_school_id,
         e.to_school_id, e.from_county_code, e.to_county_code
  FROM core.change__event AS e
  CROSS JOIN limits AS l
  WHERE e.effect_code IN ('transfer_out', 'transfer_in') AND NOT e.is_leaving_province AND e.period <= $period
    -- twice the window, so that both sides of a pair are in sight
    AND date_diff('day', CAST(e.period || '-01' AS DATE), CAST($period || '-01' AS DATE)) <= 2 * l.pair_days + 31
),
paired AS (
  SELECT a.record_period, a.delivery_id, a.row_no, a.person_id, a.effect_code, a.change_date, a.from_school_id,
         a.to_school_id, a.from_county_code, a.to_county_code, l.pair_days,
         min(CASE WHEN b.person_id IS NOT NULL THEN abs(date_diff('day', a.change_date, b.change_date)) END) AS n_days
  FROM transfer AS a
  CROSS JOIN limits AS l
  LEFT JOIN transfer AS b
    ON b.person_id = a.person_id AND b.effect_code <> a.effect_code
   AND abs(date_diff('day', a.change_date, b.change_date)) <= l.pair_days
  GROUP BY a.record_period, a.delivery_id, a.row_no, a.person_id, a.effect_code, a.change_date, a.from_school_id,
           a.to_school_id, a.from_county_code, a.to_county_code, l.pair_days
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(p.delivery_id AS VARCHAR) AS delivery_id,
       CAST(p.row_no AS BIGINT) AS row_no,
       CAST(p.record_period AS VARCHAR) AS record_period,
       CAST(p.person_id AS UUID) AS person_id,
       CAST(p.effect_code AS VARCHAR) AS effect_code,
       CAST(p.change_date AS DATE) AS change_date,
       CAST(p.from_school_id AS VARCHAR) AS from_school_id,
       CAST(p.to_school_id AS VARCHAR) AS to_school_id,
       CAST(p.from_county_code AS VARCHAR) AS from_county_code,
       CAST(p.to_county_code AS VARCHAR) AS to_county_code,
       CAST(p.n_days AS INTEGER) AS n_days,
       CAST(CASE WHEN p.n_days IS NOT NULL THEN 'paired'
                 WHEN date_diff('day', p.change_date, last_day(CAST($period || '-01' AS DATE))) <= p.pair_days THEN 'waiting'
                 ELSE 'unpaired' END AS VARCHAR) AS pair_code
FROM paired AS p
