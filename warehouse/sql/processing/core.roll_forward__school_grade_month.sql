-- Roll-forward of every school and grade: opening + explained flows = closing; what nothing explains is the residual (RP23).
WITH flow AS (
  SELECT m.person_id, m.previous_period, m.from_school_id, m.from_grade_code, m.to_school_id, m.to_grade_code,
         m.from_county_code, m.to_county_code,
         -- who was waited for is not in the opening
         CASE WHEN NOT m.was_active OR m.was_set_aside THEN 'none'
              WHEN NOT m.is_active AND m.presence_code = 'stayed' THEN
                CASE m.to_state_code WHEN 'completed' THEN 'graduated' ELSE 'gone' END
              WHEN NOT m.is_active THEN
                CASE WHEN m.exit_code IN ('graduated', 'not_continued') THEN 'graduated'
                     WHEN m.exit_code = 'row_set_aside' THEN 'set_aside'
                     WHEN m.exit_code = 'transfer_pending' THEN 'transferred'
                     WHEN m.exit_code = 'unexplained' THEN 'unexplained'
                     ELSE 'gone' END
              WHEN m.grade_move_code IN ('promoted', 'next_stage', 'skipped', 'demoted') THEN 'promoted'
              WHEN m.school_move_code = 'transferred' THEN
                CASE WHEN m.is_transfer_recorded OR m.is_record_set_aside THEN 'transferred' ELSE 'unexplained' END
              WHEN m.grade_move_code = 'changed_midyear' THEN
                CASE WHEN m.is_grade_recorded OR m.is_record_set_aside THEN 'promoted' ELSE 'unexplained' END
              ELSE 'unexplained' END AS out_code,
         CASE WHEN NOT m.is_active THEN 'none'
              WHEN m.was_set_aside THEN 'set_aside'
              WHEN m.was_active THEN
                CASE WHEN m.grade_move_code IN ('promoted', 'next_stage', 'skipped', 'demoted') THEN 'promoted'
                     WHEN m.school_move_code = 'transferred' THEN
                       CASE WHEN m.is_transfer_recorded OR m.is_record_set_aside THEN 'transferred' ELSE 'unexplained' END
                     WHEN m.grade_move_code = 'changed_midyear' THEN
                       CASE WHEN m.is_grade_recorded OR m.is_record_set_aside THEN 'promoted' ELSE 'unexplained' END
                     ELSE 'unexplained' END
              WHEN m.presence_code = 'stayed' AND m.from_state_code = 'completed' AND m.is_new_year
               AND m.from_stage_code IS DISTINCT FROM m.to_stage_code THEN 'promoted'
              WHEN m.presence_code = 'stayed' THEN CASE WHEN m.is_state_legal THEN 'returned' ELSE 'unexplained' END
              WHEN m.entry_code = 'returned' THEN 'returned'
              WHEN m.entry_code = 'entrant' THEN 'new'
              WHEN m.entry_code = 'from_outside' OR m.is_record_set_aside THEN 'transferred'
              ELSE 'unexplained' END AS in_code
  FROM core.movement__person_month AS m
  WHERE m.period = $period
    AND NOT (m.was_active AND m.is_active AND NOT m.was_set_aside AND m.from_school_id IS NOT DISTINCT FROM m.to_school_id
             AND m.from_grade_code IS NOT DISTINCT FROM m.to_grade_code)
),
moved AS (
  SELECT coalesce(f.from_school_id, 'none') AS school_id, coalesce(f.from_grade_code, 'none') AS grade_code, 'out' AS way, f.out_code AS kind
  FROM flow AS f WHERE f.out_code <> 'none' AND f.previous_period IS NOT NULL
  UNION ALL
  SELECT coalesce(f.to_school_id, 'none') AS school_id, coalesce(f.to_grade_code, 'none') AS grade_code, 'in' AS way, f.in_code AS kind
  FROM flow AS f WHERE f.in_code <> 'none' AND f.previous_period IS NOT NULL
),
before AS (
  SELECT max(s.period) AS period FROM core.standing__person_month AS s WHERE s.period < $period
),
counted AS (
  SELECT s.period, coalesce(s.school_id, 'none') AS school_id, coalesce(s.grade_code, 'none') AS grade_code, count(*) AS n,
         min(s.county_code) AS county_code, min(s.stage_code) AS stage_code
  FROM core.standing__person_month AS s
  JOIN (SELECT b.period FROM before AS b UNION ALL SELECT $period AS period) AS two ON two.period = s.period
  WHERE s.is_active
  GROUP BY s.period, s.school_id, s.grade_code
),
cell AS (
  SELECT c.school_id, c.grade_code, min(c.county_code) AS county_code, min(c.stage_code) AS stage_code,
         sum(CASE WHEN c.period < $period THEN c.n ELSE 0 END) AS n_opening,
         sum(CASE WHEN c.period = $period THEN c.n ELSE 0 END) AS n_closing
  FROM counted AS c
  GROUP BY c.school_id, c.grade_code
),
total AS (
  SELECT m.school_id, m.grade_code,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'new' THEN 1 ELSE 0 END) AS n_new,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'promoted' THEN 1 ELSE 0 END) AS n_promoted_in,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'transferred' THEN 1 ELSE 0 END) AS n_transferred_in,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'returned' THEN 1 ELSE 0 END) AS n_returned,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'set_aside' THEN 1 ELSE 0 END) AS n_set_aside_in,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'promoted' THEN 1 ELSE 0 END) AS n_promoted_out,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'transferred' THEN 1 ELSE 0 END) AS n_transferred_out,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'graduated' THEN 1 ELSE 0 END) AS n_graduated,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'gone' THEN 1 ELSE 0 END) AS n_left,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'set_aside' THEN 1 ELSE 0 END) AS n_set_aside_out,
         sum(CASE WHEN m.way = 'in' AND m.kind = 'unexplained' THEN 1 ELSE 0 END) AS n_unexplained_in,
         sum(CASE WHEN m.way = 'out' AND m.kind = 'unexplained' THEN 1 ELSE 0 END) AS n_unexplained_out
  FROM moved AS m
  GROUP BY m.school_id, m.grade_code
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(c.school_id AS VARCHAR) AS school_id,
       CAST(c.grade_code AS VARCHAR) AS grade_code,
       CAST(c.county_code AS VARCHAR) AS county_code,
       CAST(c.stage_code AS VARCHAR) AS stage_code,
       CAST(b.period AS VARCHAR) AS previous_period,
       CAST(CASE WHEN b.period IS NOT NULL THEN c.n_opening END AS INTEGER) AS n_opening,
       CAST(coalesce(t.n_new, 0) AS INTEGER) AS n_new,
       CAST(coalesce(t.n_promoted_in, 0) AS INTEGER) AS n_promoted_in,
       CAST(coalesce(t.n_transferred_in, 0) AS INTEGER) AS n_transferred_in,
       CAST(coalesce(t.n_returned, 0) AS INTEGER) AS n_returned,
       CAST(coalesce(t.n_set_aside_in, 0) AS INTEGER) AS n_set_aside_in,
       CAST(coalesce(t.n_promoted_out, 0) AS INTEGER) AS n_promoted_out,
       CAST(coalesce(t.n_transferred_out, 0) AS INTEGER) AS n_transferred_out,
       CAST(coalesce(t.n_graduated, 0) AS INTEGER) AS n_graduated,
       CAST(coalesce(t.n_left, 0) AS INTEGER) AS n_left,
       CAST(coalesce(t.n_set_aside_out, 0) AS INTEGER) AS n_set_aside_out,
       CAST(c.n_closing AS INTEGER) AS n_closing,
       -- by subtraction from the two counts, independent of the list of unexplained persons
       CAST(CASE WHEN b.period IS NOT NULL THEN c.n_closing - c.n_opening
              - (coalesce(t.n_new, 0) + coalesce(t.n_promoted_in, 0) + coalesce(t.n_transferred_in, 0)
                 + coalesce(t.n_returned, 0) + coalesce(t.n_set_aside_in, 0))
              + (coalesce(t.n_promoted_out, 0) + coalesce(t.n_transferred_out, 0) + coalesce(t.n_graduated, 0)
                 + coalesce(t.n_left, 0) + coalesce(t.n_set_aside_out, 0)) END AS INTEGER) AS n_residual,
       CAST(coalesce(t.n_unexplained_in, 0) AS INTEGER) AS n_unexplained_in,
       CAST(coalesce(t.n_unexplained_out, 0) AS INTEGER) AS n_unexplained_out
FROM cell AS c
CROSS JOIN before AS b
LEFT JOIN total AS t ON t.school_id = c.school_id AND t.grade_code = c.grade_code
