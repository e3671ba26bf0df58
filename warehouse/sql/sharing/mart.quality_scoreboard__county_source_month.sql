-- One row per owner and source expected or seen in the period: what was delivered, read, accepted, set aside and when; `missing` where nothing is in force.
WITH expected AS (
  SELECT s.source, u.county_code AS owner
  FROM ref.source AS s
  CROSS JOIN core.county_unit__code AS u
  WHERE s.owner_level = 'county' AND u.period = $period AND u.is_current
  UNION
  SELECT s.source, c.college_code AS owner
  FROM ref.source AS s
  CROSS JOIN ref.college AS c
  WHERE s.owner_level = 'college'
  UNION
  -- the province: whoever has delivered for it, or its two digits when nobody ever has
  SELECT s.source, substr(u.county_code, 1, 2) AS owner
  FROM ref.source AS s
  CROSS JOIN core.county_unit__code AS u
  WHERE s.owner_level = 'province' AND u.period = $period AND u.is_current
    AND NOT EXISTS (SELECT 1 FROM ops.delivery__version AS v WHERE v.source = s.source AND v.period <= $period)
  UNION
  SELECT v.source, CASE WHEN s.owner_level = 'county' THEN coalesce(u.county_code, v.owner) ELSE v.owner END AS owner
  FROM ops.delivery__version AS v
  JOIN ref.source AS s ON s.source = v.source
  LEFT JOIN core.county_unit__code AS u ON u.code = v.owner AND u.period = $period
  WHERE v.period <= $period
),
in_force AS (
  SELECT d.source, CASE WHEN d.owner_level = 'county' THEN coalesce(u.county_code, d.owner) ELSE d.owner END AS owner,
         d.delivery_id, d.delivery_period, d.version, d.as_of, d.received_on, v.n_read, v.n_accepted, v.n_quarantined
  FROM core.delivery__period AS d
  JOIN ops.delivery__version AS v ON v.delivery_id = d.delivery_id
  LEFT JOIN core.county_unit__code AS u ON u.code = d.owner AND u.period = $period
  WHERE d.period = $period
),
warned AS (
  SELECT w.delivery_id, count(*) AS n_warned
  FROM (
    SELECT DISTINCT q.delivery_id, q.row_no
    FROM ops.quarantine__row_rule AS q
    WHERE q.severity = 'warn') AS w
  GROUP BY w.delivery_id
),
refused AS (
  SELECT v.source, CASE WHEN s.owner_level = 'county' THEN coalesce(u.county_code, v.owner) ELSE v.owner END AS owner,
         v.delivery_id, v.refused_by
  FROM ops.delivery__version AS v
  JOIN ref.source AS s ON s.source = v.source
  LEFT JOIN core.county_unit__code AS u ON u.code = v.owner AND u.period = $period
  WHERE v.period = $period AND v.status = 'refused'
),
failed_rule AS (
  SELECT f.source, f.owner, count(*) AS n_rules_failed
  FROM (
    SELECT i.source, i.owner, q.rule_id
    FROM in_force AS i
    JOIN ops.quarantine__row_rule AS q ON q.delivery_id = i.delivery_id
    UNION
    SELECT r.source, r.owner, r.refused_by AS rule_id FROM refused AS r WHERE r.refused_by IS NOT NULL) AS f
  GROUP BY f.source, f.owner
),
loaded AS (
  SELECT i.source, i.owner, count(*) AS n_files, max(i.delivery_period) AS delivery_period, max(i.version) AS version,
         max(i.as_of) AS as_of_date, max(i.received_on) AS received_on, sum(i.n_read) AS n_read,
         sum(i.n_accepted) AS n_accepted, sum(i.n_quarantined) AS n_quarantined, sum(coalesce(w.n_warned, 0)) AS n_warned
  FROM in_force AS i
  LEFT JOIN warned AS w ON w.delivery_id = i.delivery_id
  GROUP BY i.source, i.owner
),
refusals AS (
  SELECT source, owner, count(*) AS n_refused FROM refused GROUP BY source, owner
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(e.owner AS VARCHAR) AS owner,
       CAST(e.source AS VARCHAR) AS source,
       CAST(s.owner_level AS VARCHAR) AS owner_level,
       CAST(coalesce(u.county_name_zh, c.name_zh, p.name_zh) AS VARCHAR) AS owner_name_zh,
       CAST(coalesce(u.county_name_en, c.name_en, p.name_en) AS VARCHAR) AS owner_name_en,
       CAST(u.prefecture_code AS VARCHAR) AS prefecture_code,
       CAST(s.extract AS VARCHAR) AS extract_code,
       CAST(s.title_zh AS VARCHAR) AS source_name_zh,
       CAST(s.title_en AS VARCHAR) AS source_name_en,
       CAST(CASE WHEN l.delivery_period = $period THEN 'accepted'
                 WHEN x.n_refused > 0 THEN 'refused'
                 WHEN l.delivery_period IS NOT NULL THEN 'earlier'
                 ELSE 'missing' END AS VARCHAR) AS status_code,
       CAST(coalesce(l.n_files, 0) AS INTEGER) AS n_files,
       CAST(coalesce(x.n_refused, 0) AS INTEGER) AS n_files_refused,
       CAST(l.delivery_period AS VARCHAR) AS delivery_period,
       CAST(l.version AS INTEGER) AS version,
       CAST(l.n_read AS BIGINT) AS n_read,
       CAST(l.n_accepted AS BIGINT) AS n_accepted,
       CAST(l.n_quarantined AS BIGINT) AS n_quarantined,
       CAST(l.n_warned AS BIGINT) AS n_warned,
       CAST(CASE WHEN l.n_read > 0 THEN CAST(l.n_accepted AS DOUBLE) / l.n_read END AS DOUBLE) AS share_accepted,
       CAST(coalesce(f.n_rules_failed, 0) AS INTEGER) AS n_rules_failed,
       CAST(l.received_on AS DATE) AS received_on,
       -- days from the first of the month that the data are for to the day they came
       CAST(date_diff('day', CAST(l.delivery_period || '-01' AS DATE), l.received_on) AS INTEGER) AS n_days_to_receive,
       CAST(l.as_of_date AS DATE) AS as_of_date
FROM expected AS e
JOIN ref.source AS s ON s.source = e.source
LEFT JOIN loaded AS l ON l.source = e.source AND l.owner = e.owner
LEFT JOIN refusals AS x ON x.source = e.source AND x.owner = e.owner
LEFT JOIN failed_rule AS f ON f.source = e.source AND f.owner = e.owner
LEFT JOIN core.county_unit__code AS u ON u.code = e.owner AND u.period = $period AND s.owner_level = 'county'
LEFT JOIN ref.college AS c ON c.college_code = e.owner AND s.owner_level = 'college'
LEFT JOIN ref.region_set AS p ON p.region_set_id = 'province' AND s.owner_level = 'province'
