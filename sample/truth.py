"""The truth tables: who each row is, who was where, what happened, what was damaged on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sample.draws import quote
from sample.extracts.base import Context
from sample.world import MEMBER_ELDER, MEMBER_FATHER, MEMBER_MOTHER, World

if TYPE_CHECKING:
    from sample.province import Summary


def start(world: World) -> None:
    """Create the empty truth tables."""
    con = world.con
    con.execute(
        "CREATE TABLE t_row (source VARCHAR, period VARCHAR, owner VARCHAR, file VARCHAR, row_no INTEGER, person_id BIGINT)"
    )
    con.execute("""CREATE TABLE t_defect (kind VARCHAR, dirt VARCHAR, source VARCHAR, period VARCHAR, owner VARCHAR,
        file VARCHAR, row_no INTEGER, "column" VARCHAR, rules VARCHAR, rules_possible VARCHAR, severity VARCHAR,
        description VARCHAR, person_id BIGINT, sha256 VARCHAR, as_of DATE)""")
    con.execute("""CREATE TABLE t_enrolment (period VARCHAR, person_id BIGINT, school_id VARCHAR, county_code VARCHAR,
        stage TINYINT, grade TINYINT, entry_year SMALLINT, class_year SMALLINT, class_no SMALLINT, point_no TINYINT,
        status TINYINT)""")
    con.execute("""CREATE TABLE t_event (period VARCHAR, person_id BIGINT, kind VARCHAR, date DATE, stage TINYINT,
        from_school VARCHAR, to_school VARCHAR)""")
    con.execute("""CREATE TABLE t_aid (period VARCHAR, school_year VARCHAR, term VARCHAR, person_id BIGINT, programme VARCHAR,
        stage TINYINT, school_id VARCHAR, due INTEGER, fate VARCHAR)""")


def add_month(context: Context) -> None:
    """Add enrolment and events of a month."""
    con, period = context.world.con, quote(context.period)
    con.execute(f"""
    INSERT INTO t_enrolment
    SELECT {period}, e.person_id, s.code, c.code, e.stage, e.k + 1, e.ne, e.ce, e.class_no, e.pt, e.status
    FROM enrol e JOIN school s USING (sid) JOIN county c ON c.no = s.county ORDER BY e.person_id""")
    con.execute(f"""
    INSERT INTO t_event
    SELECT {period}, n.person_id, n.kind, n.date, n.stage, f.code, t.code
    FROM event_now n LEFT JOIN school f ON f.sid = n.sid_from LEFT JOIN school t ON t.sid = n.sid_to
    ORDER BY n.person_id, n.kind""")


def write(world: World, out: Path, summary: Summary) -> None:
    """Write the tables as Parquet, the ledger also as csv, and totals of the months."""
    folder = out / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    con = world.con

    def parquet(name: str, select: str) -> None:
        con.execute(f"COPY ({select}) TO {quote(str(folder / name))} (FORMAT parquet, COMPRESSION zstd)")

    parquet(
        "person.parquet",
        """
        SELECT p.person_id, p.hid AS household_id, p.name, CASE WHEN p.has_id THEN p.id18 END AS id_no,
               CASE WHEN p.male THEN 1 ELSE 2 END::TINYINT AS sex, p.birth AS birth_date, e.code AS ethnic_code,
               c.code AS home_county, h.code AS hukou_county, p.res AS residence, p.poor,
               p.dis AS disability, p.e1 AS entry_year, p.leave_kind,
               concat(CASE WHEN p.has_id THEN 'G' ELSE 'J' END, p.id18) AS student_no
        FROM person p JOIN ethnic e ON e.no = p.eth JOIN county c ON c.no = p.county JOIN county h ON h.no = p.hukou
        ORDER BY p.person_id""",
    )
    parquet("row.parquet", "SELECT * FROM t_row ORDER BY source, period, owner, row_no")
    parquet("enrolment.parquet", "SELECT * FROM t_enrolment ORDER BY period, person_id")
    parquet(
        "event.parquet",
        """
        SELECT * FROM t_event UNION ALL
        SELECT period, person_id, 'double_enrolment', NULL, NULL, NULL, NULL FROM t_defect
        WHERE kind IN ('double', 'school-and-vocational') GROUP BY ALL
        ORDER BY period, person_id, kind""",
    )
    ledger = """SELECT 'd' || lpad((row_number() OVER (ORDER BY source, period, owner, row_no, kind))::VARCHAR, 7, '0')
        AS defect_id, * FROM t_defect ORDER BY 1"""
    parquet("defect.parquet", ledger)
    con.execute(f"COPY ({ledger}) TO {quote(str(folder / 'defect.csv'))} (FORMAT csv, HEADER)")
    parquet("aid.parquet", "SELECT * FROM t_aid ORDER BY period, person_id, programme")
    parquet(
        "poverty.parquet",
        f"""
        SELECT h.hid AS household_id, m.person_id, m.is_child, c.code AS county_code, h.fy AS first_child_year
        FROM household h JOIN county c ON c.no = h.hukou JOIN (
          SELECT hid, person_id, true AS is_child FROM person
          UNION ALL SELECT hid, hid * 10 + {MEMBER_FATHER}, false FROM household
          UNION ALL SELECT hid, hid * 10 + {MEMBER_MOTHER}, false FROM household
          UNION ALL SELECT hid, hid * 10 + {MEMBER_ELDER}, false FROM household WHERE has_elder) m ON m.hid = h.hid
        WHERE h.poor ORDER BY h.hid, m.person_id""",
    )
    totals: dict[str, object] = {}
    for period in summary.periods:
        rows = con.execute(
            "SELECT stage, status, count(*) FROM t_enrolment WHERE period = ? GROUP BY 1, 2 ORDER BY 1, 2",
            [period],
        ).fetchall()
        counties = con.execute(
            "SELECT county_code, stage, count(*) FROM t_enrolment WHERE period = ? GROUP BY 1, 2 ORDER BY 1, 2",
            [period],
        ).fetchall()
        by_county: dict[str, dict[str, int]] = {}
        for county, stage, n in counties:
            by_county.setdefault(county, {})[str(stage)] = n
        totals[period] = {
            "enrolled": {f"{stage}/{status}": n for stage, status, n in rows},
            "by_county": by_county,
            "events": dict(
                con.execute(
                    "SELECT kind, count(*) FROM t_event WHERE period = ? GROUP BY 1 ORDER BY 1", [period]
                ).fetchall()
            ),
        }
    (folder / "totals.json").write_text(json.dumps({"truth": totals}, ensure_ascii=False), encoding="utf-8")
