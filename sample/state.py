"""Who is where in a month: a closed-form function of the person and the month, plus the events between months.

Months are indexed `year * 12 + month - 1`; a snapshot is taken about day 5. The grade follows from the school year,
the year of entry and at most one repetition; schools follow from the place where a stage began and one transfer.
"""

from __future__ import annotations

from collections.abc import Sequence

from sample.schools import BUCKETS
from sample.world import World, county_of

FIRST_YEAR = {
    0: -3,
    1: 0,
    2: 6,
    3: 9,
    4: 9,
}  # stage → year of its first grade, counted from entry to grade one
LENGTH = {0: 3, 1: 6, 2: 3, 3: 3, 4: 3}
STUDYING, SUSPENDED, GRADUATED = 1, 2, 3
SUSPENSION_MONTHS = 4


def month_index(period: str) -> int:
    """Index of a month `YYYY-MM`."""
    year, month = period.split("-")
    return int(year) * 12 + int(month) - 1


def school_year(mi: int) -> int:
    """First calendar year of the school year of a month."""
    return mi // 12 if mi % 12 >= 8 else mi // 12 - 1


def build_members(world: World, months: Sequence[int]) -> None:
    """Create `member` (person × stage: entry year, school, class), `cohort` (number of classes) and `moved`."""
    low, high = school_year(min(months)), school_year(max(months))
    d, con = world.draws, world.con
    host = county_of(world, "person_id", "host", among="hosts")
    has_voc = "(county IN (SELECT county FROM wheel WHERE stage = 4))"
    parts = []
    for stage, first in FIRST_YEAR.items():
        eligible = {
            0: "pre_from < 0 OR toddler",
            1: "NOT never AND (dis = 0 OR dis_place < 4)",
            2: "NOT never AND (dis = 0 OR dis_place < 4)",
            3: "track = 'G' AND (dis = 0 OR dis_place = 2)",
            4: "track = 'V' AND (dis = 0 OR dis_place = 2)",
        }[stage]
        parts.append(f"""
        SELECT person_id, {stage}::TINYINT AS stage, res, dis > 0 AND dis_place IN (1, 3) AS special, away_u,
          (e1 + {first} + coalesce((repeat_year <= e1 + {first})::INTEGER, 0))::SMALLINT AS ne,
          CASE WHEN tr_mi <= (e1 + {first}) * 12 + 8 THEN tr_county ELSE county END AS county
        FROM person WHERE ({eligible})
          AND e1 + {first} BETWEEN {low - LENGTH[stage] - 1} AND {high + (1 if stage == 0 else 0)}""")
    con.execute(f"""
    CREATE TEMP TABLE entrant AS
    WITH e AS ({" UNION ALL ".join(parts)}), sent AS (
      SELECT e.* EXCLUDE (county), CASE
        WHEN stage >= 3 AND county IN (SELECT no FROM county WHERE sends) AND away_u < .20 THEN {host}
        WHEN stage = 4 AND NOT {has_voc} THEN {host}
        ELSE county END::SMALLINT AS county
      FROM e)
    SELECT * FROM sent""")
    con.execute(f"""
    CREATE TABLE member AS
    WITH placed AS (
      SELECT e.person_id, e.stage, e.ne,
             CASE WHEN e.special AND e.stage IN (1, 2) THEN sp.sid ELSE w.sid END AS sid
      FROM entrant e
      JOIN wheel w ON w.county = e.county AND w.stage = e.stage AND w.residence = e.res
                  AND w.bucket = {d.below("e.person_id * 5 + e.stage", "school", BUCKETS)}
      JOIN special sp ON sp.county = e.county
    ), ranked AS (
      SELECT *, row_number() OVER (PARTITION BY sid, stage, ne ORDER BY {d.hash("person_id", "class")}, person_id) AS r,
             count(*) OVER (PARTITION BY sid, stage, ne) AS n
      FROM placed
    )
    SELECT r.person_id, r.stage, r.ne, r.sid, ceil(r.n / s.cap)::SMALLINT AS n_classes,
           (1 + r.r % ceil(r.n / s.cap)::BIGINT)::SMALLINT AS class_no
    FROM ranked r JOIN school s USING (sid) ORDER BY r.person_id, r.stage""")
    con.execute("""
    CREATE TABLE cohort AS
    SELECT sid, stage, ne, any_value(n_classes) AS n_classes FROM member GROUP BY ALL ORDER BY ALL""")
    con.execute("DROP TABLE entrant")
    con.execute(f"""
    CREATE TABLE moved AS
    WITH t AS (
      SELECT person_id, res, tr_mi, tr_county, e1, (CASE WHEN tr_mi % 12 >= 8 THEN tr_mi // 12 ELSE tr_mi // 12 - 1 END) AS sy,
        repeat_year
      FROM person WHERE tr_mi BETWEEN {low * 12 + 9 - 12 * 6} AND {max(months)}
        AND (dis = 0 OR dis_place = 2) AND (leave_mi IS NULL OR tr_mi < leave_mi)
    ), k AS (SELECT *, sy - e1 - coalesce((repeat_year <= sy)::INTEGER, 0) AS k FROM t)
    SELECT k.person_id, m.stage, k.tr_mi::INTEGER AS mi, m.sid AS sid_from, w.sid AS sid_to
    FROM k JOIN member m ON m.person_id = k.person_id AND m.stage = (CASE WHEN k.k < 6 THEN 1 ELSE 2 END)
    JOIN wheel w ON w.county = k.tr_county AND w.stage = m.stage AND w.residence = k.res
      AND w.bucket = {d.below("k.person_id", "school-2", BUCKETS)}
    WHERE k.k BETWEEN 0 AND 8 AND k.tr_mi > m.ne * 12 + 8 AND w.sid <> m.sid
    ORDER BY k.person_id""")


def state_sql(world: World, mi: int, *, persons: str = "true") -> str:
    """SELECT of the true enrolment of a month: one row per enrolled person.

    Columns: person_id, stage, k (year counted from entry to grade one), ne (year of entry into the stage), ce (entry
    year of the class), sid, class_no, pt (number of the teaching point or 0), status, special.
    """
    d, sy = world.draws, school_year(mi)
    finishing = mi % 12 in (6, 7)
    class_draw = d.hash("x.person_id", "class-2")
    return f"""
    WITH s AS (
      SELECT *, (sy - e1 - coalesce((repeat_year <= sy)::INTEGER, 0))::TINYINT AS k
      FROM (SELECT *, {sy} AS sy FROM person
            WHERE e1 BETWEEN {sy - 12} AND {sy + 4} AND ({persons})
              AND (leave_mi IS NULL OR {mi} < leave_mi OR {mi} >= back_mi))
    ), t AS (
      SELECT s.*, (CASE WHEN k < 0 THEN 0 WHEN k < 6 THEN 1 WHEN k < 9 THEN 2
                        WHEN track = 'G' THEN 3 ELSE 4 END)::TINYINT AS stage
      FROM s WHERE CASE WHEN k = -4 THEN toddler WHEN k < 0 THEN k >= pre_from AND k > -4
                        WHEN k < 9 THEN true ELSE k < 12 AND track <> 'N' END
    ), x AS (
      SELECT t.person_id, t.stage, t.k, m.ne, m.class_no, m.ne AS m_ne,
        (CASE t.stage WHEN 0 THEN {sy} ELSE {sy} - (t.k - [0, 6, 9, 9][t.stage]) END)::SMALLINT AS ce,
        coalesce(v.sid_to, m.sid) AS sid, v.sid_to IS NOT NULL AS has_moved,
        t.repeat_year,
        t.suspend_mi <= {mi} AND {mi} < t.suspend_mi + {SUSPENSION_MONTHS} AND t.k >= 0 AS suspended,
        t.dis > 0 AND t.dis_place IN (1, 3) AND t.stage IN (1, 2) AS special
      FROM t JOIN member m ON m.person_id = t.person_id AND m.stage = t.stage
      LEFT JOIN moved v ON v.person_id = t.person_id AND v.stage = t.stage AND v.mi <= {mi}
    )
    SELECT x.person_id, x.stage, x.k, x.ne, x.ce, x.sid, x.special,
      (CASE WHEN x.k = -4 THEN 1
            WHEN x.has_moved OR x.ce <> x.m_ne AND x.stage > 0
            THEN 1 + {class_draw} % coalesce(c.n_classes, 1)::UBIGINT
            ELSE x.class_no END)::SMALLINT AS class_no,
      (CASE WHEN x.stage = 1 AND x.k <= 2 AND s.points > 0 AND NOT x.has_moved
             AND {d.unit("x.person_id", "point")} < s.points * .07
            THEN 1 + {d.hash("x.person_id", "point-no")} % s.points ELSE 0 END)::TINYINT AS pt,
      (CASE WHEN coalesce(x.suspended, false) THEN {SUSPENDED}
            WHEN {finishing} AND x.k IN (5, 8, 11) AND x.repeat_year IS DISTINCT FROM {sy + 1}
            THEN {GRADUATED} ELSE {STUDYING} END)::TINYINT AS status
    FROM x JOIN school s ON s.sid = x.sid
    LEFT JOIN cohort c ON c.sid = x.sid AND c.stage = x.stage AND c.ne = x.ce"""


def build_state(world: World, mi: int, table: str = "enrol") -> None:
    """Materialise the enrolment of a month, ordered by person."""
    world.con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {state_sql(world, mi)} ORDER BY person_id")


def build_events(world: World, mi: int, table: str = "event_now") -> None:
    """Events that become visible in the snapshot of a month: what changed since the month before.

    Dates lie between the two snapshots; in September in the first days of term.
    """
    d = world.draws
    day = "make_date({y}, {m}, 1) + ({n})::INTEGER"
    if mi % 12 == 8:
        date = day.format(y=mi // 12, m=9, n=d.below("person_id", "event-day", 4))
    else:
        before = mi - 1
        date = day.format(
            y=before // 12, m=before % 12 + 1, n="6 + " + d.below("person_id", f"event-day-{mi}", 21)
        )
    repeat = f"repeat_year = {school_year(mi)}" if mi % 12 == 8 else "false"
    now = state_sql(
        world,
        mi,
        persons=f"tr_mi = {mi} OR back_mi = {mi} OR suspend_mi IN ({mi}, {mi - SUSPENSION_MONTHS}) OR {repeat}",
    )
    past = state_sql(world, mi - 1, persons=f"leave_mi = {mi}")
    repeated = (
        f"""UNION ALL
      SELECT person_id, 'repeat', stage, sid, sid, k, class_no, ce FROM now JOIN person p USING (person_id)
      WHERE p.{repeat} AND now.k BETWEEN 0 AND 8"""
        if mi % 12 == 8
        else ""
    )
    world.con.execute(f"""
    CREATE OR REPLACE TEMP TABLE {table} AS
    WITH now AS ({now}), past AS ({past}), e AS (
      SELECT v.person_id, 'transfer' AS kind, now.stage, v.sid_from, v.sid_to, now.k, now.class_no, now.ce
      FROM now JOIN moved v ON v.person_id = now.person_id AND v.stage = now.stage AND v.mi = {mi}
      UNION ALL
      SELECT person_id, p.leave_kind, past.stage, sid, CASE WHEN p.leave_kind = 'out' THEN NULL ELSE sid END,
             past.k, past.class_no, past.ce
      FROM past JOIN person p USING (person_id)
      -- who has graduated from junior or senior school leaves nothing
      WHERE past.stage > 0 AND NOT (past.status = {GRADUATED} AND past.stage > 1)
      UNION ALL
      SELECT person_id, 'return', stage, sid, sid, k, class_no, ce FROM now JOIN person p USING (person_id)
      WHERE p.back_mi = {mi} AND now.stage > 0
      UNION ALL
      SELECT person_id, CASE WHEN p.suspend_mi = {mi} THEN 'suspend' ELSE 'resume' END, stage, sid, sid, k, class_no, ce
      FROM now JOIN person p USING (person_id)
      WHERE p.suspend_mi IN ({mi}, {mi - SUSPENSION_MONTHS}) AND now.stage > 0 AND now.k >= 0
      {repeated}
    )
    SELECT person_id, kind, ({date})::DATE AS date, stage::TINYINT AS stage, sid_from, sid_to, k::TINYINT AS k,
           class_no, ce
    FROM e WHERE stage IN (1, 2, 3) ORDER BY person_id, kind""")
