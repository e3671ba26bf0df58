-- The task list (三·二): every item of the policy with lead and co-units, how its targets stand, and the last recorded progress.
WITH stand AS (
  SELECT p.item, count(*) AS n_targets, sum(CASE WHEN p.status_code = 'met' THEN 1 ELSE 0 END) AS n_met,
         sum(CASE WHEN p.status_code = 'not_met' THEN 1 ELSE 0 END) AS n_not_met,
         sum(CASE WHEN p.status_code = 'not_computable' THEN 1 ELSE 0 END) AS n_not_computable,
         sum(CASE WHEN p.is_overdue THEN 1 ELSE 0 END) AS n_overdue, min(p.target_year) AS first_due, max(p.as_of_date) AS as_of_date
  FROM mart.indicator_progress__region_year AS p
  WHERE p.period = $period
  GROUP BY p.item
),
progress AS (
  SELECT q.item, q.pct_done, q.note, q.evidence, q.recorded_on
  FROM (
    SELECT t.item, t.pct_done, t.note, t.evidence, CAST(t.recorded_at AS DATE) AS recorded_on,
           row_number() OVER (PARTITION BY t.item ORDER BY t.seq DESC) AS n
    FROM ops.task__progress AS t
    WHERE t.period <= $period) AS q
  WHERE q.n = 1
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(t.item AS VARCHAR) AS item,
       CAST(t.chapter_zh AS VARCHAR) AS chapter_zh,
       CAST(t.name_zh AS VARCHAR) AS task_name_zh,
       CAST(t.name_en AS VARCHAR) AS task_name_en,
       CAST(t.lead_zh AS VARCHAR) AS lead_zh,
       CAST(t.co_units_zh AS VARCHAR) AS co_units_zh,
       CAST(s.first_due AS INTEGER) AS due_year,
       CAST(coalesce(s.n_targets, 0) AS INTEGER) AS n_targets,
       CAST(coalesce(s.n_met, 0) AS INTEGER) AS n_met,
       CAST(coalesce(s.n_not_met, 0) AS INTEGER) AS n_not_met,
       CAST(coalesce(s.n_not_computable, 0) AS INTEGER) AS n_not_computable,
       CAST(coalesce(s.n_overdue, 0) AS INTEGER) AS n_overdue,
       CAST(CASE WHEN p.item IS NULL THEN 'not_recorded' WHEN p.pct_done >= 100 THEN 'done' ELSE 'under_way' END AS VARCHAR)
         AS progress_code,
       CAST(p.pct_done AS INTEGER) AS pct_done,
       CAST(p.note AS VARCHAR) AS progress_note,
       CAST(p.evidence AS VARCHAR) AS evidence,
       CAST(p.recorded_on AS DATE) AS recorded_on,
       CAST('三(二).1' AS VARCHAR) AS definition_version,
       CAST(coalesce(s.as_of_date, p.recorded_on) AS DATE) AS as_of_date
FROM ref.policy_task AS t
LEFT JOIN stand AS s ON s.item = t.item
LEFT JOIN progress AS p ON p.item = t.item
