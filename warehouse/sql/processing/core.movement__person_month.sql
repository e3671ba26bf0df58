-- One row per person registered in this or the last loaded month: what changed, whether a record or the calendar explains it.
WITH before AS (
  SELECT max(s.period) AS period FROM core.standing__person_month AS s WHERE s.period < $period
),
last_month AS (
  SELECT o.person_id, o.source, o.school_id, o.county_code, o.stage_code, o.grade_code, o.level_no, o.state_code, o.is_active,
         o.school_year_code, o.id_no_token, o.student_no_token, o.age
  FROM (
    -- persons that were merged since are one person now
    SELECT coalesce(p.merged_into, s.person_id) AS person_id, s.source, s.school_id, s.county_code, s.stage_code, s.grade_code,
           s.level_no, s.state_code, s.is_active, s.school_year_code, s.id_no_token, s.student_no_token, s.age,
           row_number() OVER (
             PARTITION BY coalesce(p.merged_into, s.person_id) ORDER BY s.is_active DESC, s.delivery_id, s.row_no) AS n
    FROM core.standing__person_month AS s
    JOIN before AS b ON b.period = s.period
    LEFT JOIN core.person__id AS p ON p.person_id = s.person_id AND p.merged_into IS NOT NULL) AS o
  WHERE o.n = 1
),
this_month AS (
  SELECT s.person_id, s.source, s.school_id, s.county_code, s.stage_code, s.grade_code, s.level_no, s.state_code, s.is_active,
         s.school_year_code, s.entry_month, s.age
  FROM core.standing__person_month AS s
  WHERE s.period = $period
),
school_year AS (
  SELECT min(s.school_year_code) AS now_code, min(substr(s.school_year_code, 1, 4)) AS first_year
  FROM core.standing__person_month AS s
  WHERE s.period = $period
),
record AS (
  -- records may come with the month before or the month itself
  SELECT c.person_id,
         bool_or(c.effect_code = 'death') AS has_death,
         bool_or(c.effect_code = 'abroad') AS has_abroad,
         bool_or(c.effect_code = 'transfer_out' AND c.is_leaving_province) AS has_leaving_province,
         bool_or(c.effect_code = 'transfer_out' AND NOT c.is_leaving_province) AS has_transfer_out,
         bool_or(c.effect_code = 'transfer_in') AS has_transfer_in,
         bool_or(c.effect_code IN ('repeat', 'demote')) AS has_repeat,
         bool_or(c.effect_code = 'skip') AS has_skip,
         bool_or(c.effect_code = 'suspend') AS has_suspend,
         bool_or(c.effect_code = 'resume') AS has_resume,
         bool_or(c.effect_code = 'restore') AS has_restore,
         bool_or(c.effect_code = 'withdraw') AS has_withdraw,
         bool_or(c.effect_code = 'expel') AS has_expel,
         bool_or(c.effect_code = 'cancel') AS has_cancel
  FROM core.change__event AS c
  CROSS JOIN before AS b
  WHERE c.period <= $period AND c.period >= coalesce(b.period, $period)
  GROUP BY c.person_id
),
set_aside AS (
  -- rows of this month that wait for a correction: their persons have not gone
  SELECT DISTINCT t.token
  FROM (
    SELECT s.delivery_id, s.id_no_token AS token FROM ops.set_aside__row AS s WHERE s.id_no_token IS NOT NULL
    UNION ALL
    SELECT s.delivery_id, s.student_no_token AS token FROM ops.set_aside__row AS s WHERE s.student_no_token IS NOT NULL) AS t
  JOIN core.delivery__period AS d ON d.delivery_id = t.delivery_id AND d.period = $period
),
seen_before AS (
  SELECT DISTINCT s.person_id
  FROM core.standing__person_month AS s
  CROSS JOIN before AS b
  WHERE s.period < b.period
),
joined AS (
  SELECT coalesce(n.person_id, o.person_id) AS person_id, b.period AS previous_period, y.first_year,
         o.person_id IS NOT NULL AS was_there, n.person_id IS NOT NULL AS is_there,
         o.source AS from_source, o.school_id AS from_school_id, o.county_code AS from_county_code,
         o.stage_code AS from_stage_code, o.grade_code AS from_grade_code, o.level_no AS from_level_no,
         o.state_code AS from_state_code, coalesce(o.is_active, false) AS was_active, o.id_no_token, o.student_no_token,
         n.source AS to_source, n.school_id AS to_school_id, n.county_code AS to_county_code, n.stage_code AS to_stage_code,
         n.grade_code AS to_grade_code, n.level_no AS to_level_no, n.state_code AS to_state_code,
         coalesce(n.is_active, false) AS is_active, n.entry_month, coalesce(n.age, o.age) AS age,
         o.school_year_code <> coalesce(n.school_year_code, y.now_code) AS is_new_year
  FROM this_month AS n
  FULL OUTER JOIN last_month AS o ON o.person_id = n.person_id
  CROSS JOIN before AS b
  CROSS JOIN school_year AS y
),
described AS (
  SELECT j.person_id, j.previous_period, j.was_active, j.is_active, j.from_school_id, j.from_county_code, j.from_stage_code,
         j.from_grade_code, j.from_state_code, j.to_school_id, j.to_county_code, j.to_stage_code, j.to_grade_code,
         j.to_state_code, j.age, coalesce(j.is_new_year, false) AS is_new_year,
         CASE WHEN j.was_there AND j.is_there THEN 'stayed'
              WHEN j.was_there THEN 'left'
              WHEN j.previous_period IS NULL THEN 'first_month'
              WHEN sb.person_id IS NOT NULL THEN 'returned'
              ELSE 'new' END AS presence_code,
         CASE WHEN NOT (j.was_active AND j.is_active) THEN NULL
              WHEN j.from_stage_code IS DISTINCT FROM j.to_stage_code THEN 'next_stage'
              WHEN j.from_school_id IS DISTINCT FROM j.to_school_id THEN 'transferred'
              ELSE 'same' END AS school_move_code,
         CASE WHEN j.was_active AND j.is_active THEN j.to_level_no - j.from_level_no END AS grade_step,
         CASE WHEN j.is_there THEN NULL
              WHEN coalesce(r.has_death, false) OR j.from_state_code = 'deceased' THEN 'deceased'
              WHEN j.from_state_code = 'left' THEN 'left_registered'
              WHEN coalesce(r.has_leaving_province, false) THEN 'out_of_province'
              WHEN coalesce(r.has_abroad, false) THEN 'abroad'
              WHEN sa.token IS NOT NULL OR sb2.token IS NOT NULL THEN 'row_set_aside'
              WHEN coalesce(r.has_transfer_out, false) THEN 'transfer_pending'
              WHEN coalesce(r.has_withdraw, false) THEN 'withdrawn'
              WHEN coalesce(r.has_expel, false) THEN 'expelled'
              WHEN coalesce(r.has_cancel, false) THEN 'cancelled'
              WHEN st.is_compulsory AND gl.is_final AND j.from_stage_code < last.stage_code
               AND (j.from_state_code = 'completed' OR j.is_new_year) THEN 'not_continued'
              WHEN j.from_state_code = 'completed' OR (gl.is_final AND j.is_new_year) THEN 'graduated'
              WHEN j.from_source = 'preschool_registry' THEN 'preschool_left'
              ELSE 'unexplained' END AS exit_code,
         coalesce(r.has_transfer_out, false) AS has_transfer_out, coalesce(r.has_transfer_in, false) AS has_transfer_in,
         coalesce(r.has_repeat, false) AS has_repeat, coalesce(r.has_skip, false) AS has_skip,
         coalesce(r.has_resume, false) OR coalesce(r.has_restore, false) AS has_return,
         CASE t.excused_by_effect WHEN 'suspend' THEN coalesce(r.has_suspend, false)
                                  WHEN 'resume' THEN coalesce(r.has_resume, false)
                                  WHEN 'restore' THEN coalesce(r.has_restore, false) OR coalesce(r.has_transfer_in, false)
                                  ELSE true END AS is_state_recorded,
         coalesce(t.is_legal, true) AS is_legal,
         -- an entrant of this school year; kindergartens take children all year round
         coalesce(j.entry_month >= j.first_year || '-01', false) OR j.to_source = 'preschool_registry' AS is_entrant,
         -- only within one stage: a graduate who enters the next stage breaks nothing
         j.was_there AND j.is_there AND j.from_stage_code = j.to_stage_code AND j.from_state_code <> j.to_state_code
           AS is_state_changed
  FROM joined AS j
  CROSS JOIN (SELECT max(s.stage_code) AS stage_code FROM ref.stage AS s WHERE s.is_compulsory) AS last
  LEFT JOIN record AS r ON r.person_id = j.person_id
  LEFT JOIN seen_before AS sb ON sb.person_id = j.person_id
  LEFT JOIN set_aside AS sa ON sa.token = j.id_no_token
  LEFT JOIN set_aside AS sb2 ON sb2.token = j.student_no_token
  LEFT JOIN ref.stage AS st ON st.stage_code = j.from_stage_code
  LEFT JOIN ref.grade_level AS gl ON gl.grade_code = j.from_grade_code
  LEFT JOIN ref.status_transition AS t ON t.from_state = j.from_state_code AND t.to_state = j.to_state_code
),
judged AS (
  SELECT d.person_id, d.previous_period, d.presence_code, d.was_active, d.is_active, d.from_school_id, d.from_county_code,
         d.from_stage_code, d.from_grade_code, d.from_state_code, d.to_school_id, d.to_county_code, d.to_stage_code,
         d.to_grade_code, d.to_state_code, d.age, d.is_new_year, d.school_move_code, d.grade_step, d.exit_code,
         d.has_transfer_out, d.has_transfer_in, d.is_state_changed,
         CASE WHEN d.grade_step IS NULL THEN NULL
              WHEN d.school_move_code = 'next_stage' AND d.is_new_year AND d.grade_step >= 1 THEN 'next_stage'
              WHEN NOT d.is_new_year THEN CASE WHEN d.grade_step = 0 THEN 'same' ELSE 'changed_midyear' END
              WHEN d.grade_step = 1 THEN 'promoted'
              WHEN d.grade_step = 0 THEN 'repeated'
              WHEN d.grade_step > 1 THEN 'skipped'
              ELSE 'demoted' END AS grade_move_code,
         CASE WHEN d.presence_code = 'returned' THEN
                CASE WHEN d.has_return OR d.has_transfer_in OR d.is_entrant THEN 'returned' ELSE 'returned_unrecorded' END
              WHEN d.presence_code = 'new' THEN
                CASE WHEN d.is_entrant THEN 'entrant' WHEN d.has_transfer_in THEN 'from_outside' ELSE 'unexplained' END
              END AS entry_code,
         CASE WHEN d.is_state_changed THEN d.is_legal OR (d.is_state_recorded AND NOT d.is_legal) END AS is_state_legal,
         CASE WHEN d.is_state_changed THEN d.is_state_recorded END AS is_state_recorded,
         d.has_repeat, d.has_skip
  FROM described AS d
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(j.person_id AS UUID) AS person_id,
       CAST(j.previous_period AS VARCHAR) AS previous_period,
       CAST(j.presence_code AS VARCHAR) AS presence_code,
       CAST(j.was_active AS BOOLEAN) AS was_active,
       CAST(j.is_active AS BOOLEAN) AS is_active,
       CAST(j.from_school_id AS VARCHAR) AS from_school_id,
       CAST(j.from_county_code AS VARCHAR) AS from_county_code,
       CAST(j.from_stage_code AS VARCHAR) AS from_stage_code,
       CAST(j.from_grade_code AS VARCHAR) AS from_grade_code,
       CAST(j.from_state_code AS VARCHAR) AS from_state_code,
       CAST(j.to_school_id AS VARCHAR) AS to_school_id,
       CAST(j.to_county_code AS VARCHAR) AS to_county_code,
       CAST(j.to_stage_code AS VARCHAR) AS to_stage_code,
       CAST(j.to_grade_code AS VARCHAR) AS to_grade_code,
       CAST(j.to_state_code AS VARCHAR) AS to_state_code,
       CAST(j.age AS INTEGER) AS age,
       CAST(j.is_new_year AS BOOLEAN) AS is_new_year,
       CAST(j.entry_code AS VARCHAR) AS entry_code,
       CAST(j.exit_code AS VARCHAR) AS exit_code,
       CAST(j.school_move_code AS VARCHAR) AS school_move_code,
       CAST(j.grade_step AS INTEGER) AS grade_step,
       CAST(j.grade_move_code AS VARCHAR) AS grade_move_code,
       CAST(CASE WHEN j.school_move_code = 'transferred' THEN j.has_transfer_out AND j.has_transfer_in END AS BOOLEAN)
         AS is_transfer_recorded,
       CAST(CASE j.grade_move_code WHEN 'repeated' THEN j.has_repeat WHEN 'demoted' THEN j.has_repeat
                                   WHEN 'changed_midyear' THEN j.has_repeat OR j.has_skip
                                   WHEN 'skipped' THEN j.has_skip END AS BOOLEAN) AS is_grade_recorded,
       CAST(j.is_state_legal AS BOOLEAN) AS is_state_legal,
       CAST(j.is_state_recorded AS BOOLEAN) AS is_state_recorded
FROM judged AS j
