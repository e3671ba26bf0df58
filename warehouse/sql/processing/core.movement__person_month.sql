-- One row per person registered in this or the last loaded month: what changed, whether a record or the calendar explains it.
-- Of a person whose row was set aside nothing is known: nobody has left and nobody is new until a row says so again.
WITH before AS (
  SELECT max(s.period) AS period FROM core.standing__person_month AS s WHERE s.period < $period
),
waits AS (
  -- numbers on rows that wait for a correction, by month
  SELECT d.period, d.source, s.id_no_token AS token, s.change_category_code
  FROM ops.set_aside__row AS s
  JOIN core.delivery__period AS d ON d.delivery_id = s.delivery_id
  WHERE d.source IN ('student_registry', 'vocational_registry', 'preschool_registry', 'student_change')
    AND d.period <= $period AND s.id_no_token IS NOT NULL
  UNION
  SELECT d.period, d.source, s.student_no_token AS token, s.change_category_code
  FROM ops.set_aside__row AS s
  JOIN core.delivery__period AS d ON d.delivery_id = s.delivery_id
  WHERE d.source IN ('student_registry', 'vocational_registry', 'preschool_registry', 'student_change')
    AND d.period <= $period AND s.student_no_token IS NOT NULL
),
named AS (
  -- whose rows they are: by any number that a person has ever had
  SELECT w.period, s.person_id
  FROM waits AS w
  JOIN core.standing__person_month AS s ON s.id_no_token = w.token
  WHERE w.source <> 'student_change' AND s.period <= $period
  UNION
  SELECT w.period, s.person_id
  FROM waits AS w
  JOIN core.standing__person_month AS s ON s.student_no_token = w.token
  WHERE w.source <> 'student_change' AND s.period <= $period
),
record_aside AS (
  -- change records of this month and the last one that wait; a withdrawal or an expulsion excuses nobody while it waits
  SELECT DISTINCT w.token
  FROM waits AS w
  CROSS JOIN before AS b
  LEFT JOIN ref.change_effect AS f ON f.change_category_code = w.change_category_code
  WHERE w.source = 'student_change' AND w.period >= coalesce(b.period, $period)
    AND coalesce(f.effect_code, 'none') NOT IN ('withdraw', 'expel')
),
seen AS (
  -- the last time that those were seen whose row was set aside last month
  SELECT s.person_id, max(s.period) AS period
  FROM core.standing__person_month AS s
  JOIN named AS n ON n.person_id = s.person_id
  JOIN before AS b ON b.period = n.period
  WHERE s.period <= b.period
  GROUP BY s.person_id
),
waiting AS (
  -- not seen since, and every month since then a row of theirs was set aside: still where they were
  SELECT w.person_id, w.period
  FROM (
    SELECT e.person_id, e.period, count(DISTINCT n.period) AS n_aside
    FROM seen AS e
    JOIN before AS b ON e.period < b.period
    JOIN named AS n ON n.person_id = e.person_id AND n.period > e.period AND n.period <= b.period
    GROUP BY e.person_id, e.period) AS w
  WHERE w.n_aside = (
    SELECT count(DISTINCT s.period) FROM core.standing__person_month AS s CROSS JOIN before AS b
    WHERE s.period > w.period AND s.period <= b.period)
),
kept AS (
  SELECT s.period, s.person_id, s.source, s.delivery_id, s.row_no, s.school_id, s.county_code, s.stage_code, s.grade_code, s.level_no,
         s.state_code, s.is_active, s.school_year_code, s.id_no_token, s.student_no_token, s.age
  FROM core.standing__person_month AS s
  JOIN before AS b ON b.period = s.period
  UNION ALL
  SELECT s.period, s.person_id, s.source, s.delivery_id, s.row_no, s.school_id, s.county_code, s.stage_code, s.grade_code, s.level_no,
         s.state_code, s.is_active, s.school_year_code, s.id_no_token, s.student_no_token, s.age
  FROM core.standing__person_month AS s
  JOIN waiting AS w ON w.person_id = s.person_id AND w.period = s.period
),
last_month AS (
  SELECT o.person_id, o.seen_period, o.source, o.school_id, o.county_code, o.stage_code, o.grade_code, o.level_no, o.state_code,
         o.is_active, o.school_year_code, o.id_no_token, o.student_no_token, o.age
  FROM (
    -- persons that were merged since are one person now
    SELECT coalesce(p.merged_into, k.person_id) AS person_id, k.period AS seen_period, k.source, k.school_id, k.county_code,
           k.stage_code, k.grade_code, k.level_no, k.state_code, k.is_active, k.school_year_code, k.id_no_token,
           k.student_no_token, k.age,
           row_number() OVER (
             PARTITION BY coalesce(p.merged_into, k.person_id)
             ORDER BY k.period DESC, k.is_active DESC, k.delivery_id, k.row_no) AS n
    FROM kept AS k
    LEFT JOIN core.person__id AS p ON p.person_id = k.person_id AND p.merged_into IS NOT NULL) AS o
  WHERE o.n = 1
),
this_month AS (
  SELECT s.person_id, s.source, s.school_id, s.county_code, s.stage_code, s.grade_code, s.level_no, s.state_code, s.is_active,
         s.school_year_code, s.entry_month, s.age, s.id_no_token, s.student_no_token
  FROM core.standing__person_month AS s
  WHERE s.period = $period
),
school_year AS (
  SELECT min(s.school_year_code) AS now_code, min(substr(s.school_year_code, 1, 4)) AS first_year
  FROM core.standing__person_month AS s
  WHERE s.period = $period
),
record AS (
  -- records may come with the month before or the month itself, for those who were waited for with any month since
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
  LEFT JOIN waiting AS w ON w.person_id = c.person_id
  WHERE c.period <= $period AND c.period >= coalesce(w.period, b.period, $period)
  GROUP BY c.person_id
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
         o.seen_period, coalesce(o.seen_period < b.period, false) AS is_waited_for,
         o.source AS from_source, o.school_id AS from_school_id, o.county_code AS from_county_code,
         o.stage_code AS from_stage_code, o.grade_code AS from_grade_code, o.level_no AS from_level_no,
         o.state_code AS from_state_code, coalesce(o.is_active, false) AS was_active, o.id_no_token, o.student_no_token,
         n.id_no_token AS new_id_no_token, n.student_no_token AS new_student_no_token,
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
  SELECT j.person_id, j.previous_period, j.seen_period, j.was_active, j.is_active, j.from_school_id, j.from_county_code, j.from_stage_code,
         j.from_grade_code, j.from_state_code, j.to_school_id, j.to_county_code, j.to_stage_code, j.to_grade_code,
         j.to_state_code, j.age, coalesce(j.is_new_year, false) AS is_new_year,
         j.is_waited_for OR nb.person_id IS NOT NULL AS was_set_aside,
         CASE WHEN j.is_there AND j.is_waited_for THEN 'corrected'
              WHEN j.was_there AND j.is_there THEN 'stayed'
              WHEN j.was_there AND nn.person_id IS NOT NULL THEN 'set_aside'
              WHEN j.was_there THEN 'left'
              WHEN j.previous_period IS NULL THEN 'first_month'
              WHEN sb.person_id IS NOT NULL THEN 'returned'
              WHEN nb.person_id IS NOT NULL THEN 'corrected'
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
              WHEN nn.person_id IS NOT NULL THEN 'row_set_aside'
              WHEN coalesce(r.has_transfer_out, false) THEN 'transfer_pending'
              WHEN ri.token IS NOT NULL OR rx.token IS NOT NULL THEN 'record_set_aside'
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
         ri.token IS NOT NULL OR rx.token IS NOT NULL AS is_record_set_aside,
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
  -- this month's row waits; the row of the month before waited
  LEFT JOIN named AS nn ON nn.period = $period AND nn.person_id = j.person_id
  LEFT JOIN named AS nb ON nb.period = j.previous_period AND nb.person_id = j.person_id AND NOT j.was_there
  LEFT JOIN record_aside AS ri ON ri.token = coalesce(j.id_no_token, j.new_id_no_token)
  LEFT JOIN record_aside AS rx ON rx.token = coalesce(j.student_no_token, j.new_student_no_token)
  LEFT JOIN ref.stage AS st ON st.stage_code = j.from_stage_code
  LEFT JOIN ref.grade_level AS gl ON gl.grade_code = j.from_grade_code
  LEFT JOIN ref.status_transition AS t ON t.from_state = j.from_state_code AND t.to_state = j.to_state_code
),
judged AS (
  SELECT d.person_id, d.previous_period, d.seen_period, d.presence_code, d.was_set_aside, d.was_active,
         d.is_active, d.from_school_id, d.from_county_code,
         d.from_stage_code, d.from_grade_code, d.from_state_code, d.to_school_id, d.to_county_code, d.to_stage_code,
         d.to_grade_code, d.to_state_code, d.age, d.is_new_year, d.school_move_code, d.grade_step, d.exit_code,
         d.has_transfer_out, d.has_transfer_in, d.is_state_changed, d.is_record_set_aside,
         CASE WHEN d.grade_step IS NULL THEN NULL
              WHEN d.school_move_code = 'next_stage' AND d.is_new_year AND d.grade_step >= 1 THEN 'next_stage'
              WHEN NOT d.is_new_year THEN CASE WHEN d.grade_step = 0 THEN 'same' ELSE 'changed_midyear' END
              WHEN d.grade_step = 1 THEN 'promoted'
              WHEN d.grade_step = 0 THEN 'repeated'
              WHEN d.grade_step > 1 THEN 'skipped'
              ELSE 'demoted' END AS grade_move_code,
         CASE WHEN d.presence_code = 'returned' THEN
                CASE WHEN d.has_return OR d.has_transfer_in OR d.is_entrant THEN 'returned' ELSE 'returned_unrecorded' END
              WHEN d.presence_code = 'corrected' AND d.seen_period IS NULL THEN 'row_set_aside'
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
       CAST(j.seen_period AS VARCHAR) AS seen_period,
       CAST(j.presence_code AS VARCHAR) AS presence_code,
       CAST(j.was_set_aside AS BOOLEAN) AS was_set_aside,
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
       CAST(j.is_state_recorded AS BOOLEAN) AS is_state_recorded,
       CAST(j.is_record_set_aside AS BOOLEAN) AS is_record_set_aside
FROM judged AS j
