"""The people: households, parents, children, and everything that will ever happen to a child.

A household is (county, year of the first child, number); a child is its household and its place among the
siblings. All fates (transfer, repetition, leaving, track after grade nine, college) are columns of the person,
so the state in any month is a formula (`state.py`), not a simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from sample.data import counties, table
from sample.draws import Draws
from sample.names import name_sql

FIRST_BIRTHS = (1982, 2024)  # years of first children: early enough that every cohort below is complete
BIRTHS = ("1996-09-01", "2024-08-31")  # children kept; months from 2016-09 to 2026-08 need no others
COHORT = 125_000  # births a year at scale 1
POOR_PERSONS = 500_000  # persons of the poverty register at scale 1
GRADUATES = 25_000  # graduates a year at scale 1
HOUSEHOLD_STEP = 200_000  # numbers reserved for the households of one county and year
MEMBER_FATHER, MEMBER_MOTHER, MEMBER_ELDER = 9, 8, 7


@dataclass
class World:
    """The open database of one generation and the settings every module needs."""

    con: duckdb.DuckDBPyConnection
    draws: Draws
    scale: float

    @property
    def cohort(self) -> float:
        """Births a year at this scale."""
        return COHORT * self.scale


def build_people(world: World) -> None:
    """Create tables `county`, `household` and `person`."""
    _counties(world)
    _households(world)
    _children(world)


def _counties(world: World) -> None:
    rows = counties()
    columns = {
        "no": pa.array([c.no for c in rows], pa.int16()),
        "code": [c.code for c in rows],
        "name": [c.name for c in rows],
        "prefecture": [c.prefecture_name for c in rows],
        "id_area": pa.array([c.id_area for c in rows], pa.int32()),
        "weight": [c.weight for c in rows],
        "urban": [c.shares[0] for c in rows],
        "town": [c.shares[1] for c in rows],
        "ethnic": [[sum(c.ethnic[: i + 1]) for i in range(len(c.ethnic))] for c in rows],
        "sends": [c.sends_seniors for c in rows],
        "hosts": [c.hosts_seniors for c in rows],
        "poor_weight": [c.poor_weight for c in rows],
        "old_code": [c.old_code for c in rows],
        "old_name": [c.old_name for c in rows],
        "postcode": [c.postcode for c in rows],
    }
    _load(world.con, "county", columns)
    ethnic = table("ethnic")
    _load(
        world.con,
        "ethnic",
        {
            "no": pa.array([int(r["no"]) for r in ethnic], pa.int8()),
            "name": [r["name"] for r in ethnic],
            "code": [r["code"] for r in ethnic],
        },
    )


def _load(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, object]) -> None:
    con.register("incoming", pa.table(columns))
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    con.unregister("incoming")


def county_of(world: World, key: str, purpose: str, *, among: str = "true") -> str:
    """SQL of a county number drawn by weight from the counties for which `among` holds."""
    rows = world.con.execute(f"SELECT no, weight FROM county WHERE {among} ORDER BY no").fetchall()
    wheel: list[int] = []
    total = sum(w for _, w in rows)
    for no, weight in rows:
        wheel += [no] * max(1, round(1000 * weight / total))
    return f"({wheel}::SMALLINT[])[1 + {world.draws.below(key, purpose, len(wheel))}]"


def _households(world: World) -> None:
    d = world.draws
    first, last = FIRST_BIRTHS
    # 1.97 children per household in the mix of residences; poverty only where a child is younger than 25 or so
    poor_base = POOR_PERSONS / 3.85 / ((last - 1990) * COHORT / 1.97)
    sql = f"""
    CREATE TABLE household AS
    WITH base AS (
      SELECT c.no AS county, y.fy::SMALLINT AS fy, k.k::INTEGER AS k,
             (c.no::BIGINT * 100 + (y.fy - {first})) * {HOUSEHOLD_STEP} + k.k AS hid,
             c.urban, c.town, c.ethnic AS shares, c.poor_weight
      FROM county c, range({first}, {last}) y(fy),
           LATERAL (SELECT unnest(range(greatest(1, round(c.weight * {world.cohort} / 1.97))::BIGINT)) AS k) k
    ), kind AS (
      SELECT *, (CASE WHEN {d.unit("hid", "residence")} < urban THEN 1
                      WHEN {d.unit("hid", "residence")} < urban + town THEN 2 ELSE 3 END)::TINYINT AS res,
             {d.unit("hid", "ethnic")} AS e, {d.unit("hid", "children")} AS nc
      FROM base
    ), poverty AS (
      SELECT sum(poor_weight * weight * (1 - urban)) / sum(weight) AS mean FROM county
    )
    SELECT hid, county, fy, k, res,
      (1 + len(list_filter(shares, x -> x <= e)))::TINYINT AS eth_raw,
      (CASE res WHEN 1 THEN CASE WHEN nc < .45 THEN 1 WHEN nc < .93 THEN 2 ELSE 3 END
                WHEN 2 THEN CASE WHEN nc < .27 THEN 1 WHEN nc < .80 THEN 2 WHEN nc < .97 THEN 3 ELSE 4 END
                ELSE CASE WHEN nc < .20 THEN 1 WHEN nc < .73 THEN 2 WHEN nc < .94 THEN 3 ELSE 4 END
       END)::TINYINT AS n_children,
      {d.unit("hid", "moved")} < .07 AS moved,
      res > 1 AND fy >= 1990 AND {d.unit("hid", "moved")} >= .07
        AND {d.unit("hid", "poor")} < poor_weight * {poor_base} / mean / .93 AS poor,
      {d.unit("hid", "elder")} < .42 AS has_elder,
      {d.unit("hid", "left-behind")} AS away
    FROM kind, poverty
    """
    world.con.execute(sql)
    world.con.execute(f"""
    CREATE OR REPLACE TABLE household AS
    SELECT h.* EXCLUDE (eth_raw, moved), least(eth_raw, {len(table("ethnic"))})::TINYINT AS eth,
      CASE WHEN moved THEN {county_of(world, "hid", "hukou")} ELSE county END::SMALLINT AS hukou
    FROM household h ORDER BY hid""")


def _children(world: World) -> None:
    d, con = world.draws, world.con

    def gap(child: int) -> str:
        twin = f"{d.unit('hid', f'twin-{child}')} < 0.012"
        return f"CASE WHEN {twin} THEN 0 ELSE 430 + {d.below('hid', f'gap-{child}', 1500)} END"

    later = " + ".join(f"(CASE WHEN c >= {i} THEN {gap(i)} ELSE 0 END)" for i in (2, 3, 4))
    con.execute(f"""
    CREATE TEMP TABLE child AS
    WITH born AS (
      SELECT h.hid * 10 + c AS person_id, h.hid, h.county, h.hukou, h.res, h.eth, h.poor,
             make_date(h.fy, 1, 1) + ({d.below("hid", "day", 365)} + {later})::INTEGER AS birth
      FROM household h, LATERAL (SELECT unnest(range(1, h.n_children + 1)) AS c)
    )
    SELECT *, {d.below("person_id", "sex", 1000)} < 518 AS male FROM born
    WHERE birth BETWEEN DATE '{BIRTHS[0]}' AND DATE '{BIRTHS[1]}'""")
    p = "person_id"

    def u(purpose: str) -> str:
        return d.unit(p, purpose)

    con.execute(f"""
    CREATE TABLE person AS
    WITH fate AS (
      SELECT *,
        (2 * row_number() OVER (PARTITION BY hukou, birth, male ORDER BY person_id) - male::INTEGER)::SMALLINT
          AS seq,
        (year(birth) + 6 + (month(birth) > 8)::INTEGER + ({u("late")} < .015)::INTEGER)::SMALLINT AS e1,
        {u("has-id")} >= .004 AS has_id,
        -- repetition: the school year in which the same grade is taken again
        {u("repeat")} < .022 AS repeats, {d.below(p, "repeat-when", 7)} + 1 AS repeat_after,
        {u("never")} < .004 AS never,
        {u("preschool")} AS pre, {u("toddler")} < .03 AS toddler,
        -- leaving: died, moved out of the province, dropped out (some come back)
        {u("leave")} AS leave, {u("leave-when")} AS leave_when, {u("leave-back")} AS leave_back,
        -- one transfer at most
        {u("transfer")} AS tr, {u("transfer-when")} AS tr_when,
        {county_of(world, p, "transfer-to")} AS tr_draw, {u("transfer-far")} < .45 AS tr_far,
        {u("suspend")} < .006 AS suspends, {u("suspend-when")} AS suspend_when,
        {u("track")} AS track_u, {u("track2")} AS track2_u, {u("he")} AS he_u,
        {u("disabled")} AS dis_u, {u("disabled-kind")} AS disk_u, {u("disabled-place")} AS disp_u
      FROM child
    )
    SELECT person_id, hid, county, hukou, res, eth, poor, male, birth, seq, e1, has_id,
      CASE WHEN repeats THEN e1 + repeat_after END::SMALLINT AS repeat_year,
      never,
      (CASE WHEN pre < .83 THEN -3 WHEN pre < .90 THEN -2 WHEN pre < .955 THEN -1 ELSE 9 END)::TINYINT AS pre_from,
      toddler,
      (CASE WHEN leave < .0022 THEN 'death' WHEN leave < .0300 THEN 'out'
            WHEN leave < .0385 THEN 'dropout' END) AS leave_kind,
      -- month index of leaving: from age six to sixteen; dropouts mostly in the junior years
      CASE WHEN leave < .0300 THEN e1 * 12 + 9 + (leave_when * 118)::INTEGER
           WHEN leave < .0385 THEN e1 * 12 + 9 + (118 * sqrt(leave_when))::INTEGER END AS leave_mi,
      CASE WHEN leave >= .0300 AND leave < .0385 AND leave_back < .62
           THEN e1 * 12 + 9 + (118 * sqrt(leave_when))::INTEGER + 2 + (leave_back * 18)::INTEGER END AS back_mi,
      -- transfers cluster in September and March
      CASE WHEN tr < .085 THEN e1 * 12 + 12 * (tr_when * 9)::INTEGER
           + (CASE WHEN tr < .050 THEN 8 WHEN tr < .070 THEN 14 ELSE 9 + (tr * 100000)::INTEGER % 9 END) END AS tr_mi,
      CASE WHEN tr < .085 THEN CASE WHEN tr_far THEN tr_draw ELSE county END END::SMALLINT AS tr_county,
      CASE WHEN suspends THEN e1 * 12 + 12 * (suspend_when * 12)::INTEGER
        + 9 + (suspend_when * 100000)::INTEGER % 7 END AS suspend_mi,
      (CASE WHEN never THEN 'N'
            WHEN track_u < CASE res WHEN 1 THEN .68 WHEN 2 THEN .64 ELSE .58 END THEN 'G'
            WHEN track_u < CASE res WHEN 1 THEN .96 WHEN 2 THEN .95 ELSE .935 END THEN 'V' ELSE 'N' END) AS track,
      track2_u AS away_u,
      -- after the twelfth grade: college here (B, A), college elsewhere (O), none (N)
      (CASE WHEN track_u < .60 THEN CASE WHEN he_u < .115 THEN 'B' WHEN he_u < .215 THEN 'A'
                                          WHEN he_u < .80 THEN 'O' ELSE 'N' END
            WHEN track_u < .94 THEN CASE WHEN he_u < .14 THEN 'A' WHEN he_u < .40 THEN 'O' ELSE 'N' END
            ELSE 'N' END) AS he,
      (CASE WHEN dis_u >= .0095 THEN 0 WHEN disk_u < .08 THEN 1 WHEN disk_u < .18 THEN 2 WHEN disk_u < .24 THEN 3
            WHEN disk_u < .44 THEN 4 WHEN disk_u < .84 THEN 5 WHEN disk_u < .92 THEN 6 ELSE 7 END)::TINYINT AS dis,
      (1 + (dis_u * 1e6)::INTEGER % 4)::TINYINT AS dis_level,
      -- placement of disabled children: special school, inclusive class, teaching at home, none
      (CASE WHEN disp_u < .33 THEN 1 WHEN disp_u < .90 THEN 2 WHEN disp_u < .96 THEN 3 ELSE 4 END)::TINYINT
        AS dis_place,
      {name_sql(d, p, "eth", "male", "hid")} AS name
    FROM fate ORDER BY person_id""")
    con.execute("DROP TABLE child")
    con.execute("""
    ALTER TABLE person ADD COLUMN id18 VARCHAR""")
    con.execute("""
    CREATE OR REPLACE TABLE person AS
    SELECT p.* EXCLUDE (id18), id18(c.id_area, ymd(p.birth), p.seq) AS id18
    FROM person p JOIN county c ON c.no = p.hukou ORDER BY person_id""")


def parent_sql(
    draws: Draws, member: int, hid: str = "h.hid", fy: str = "h.fy", k: str = "h.k"
) -> dict[str, str]:
    """SQL of a parent or grandparent of a household: key, birth date, citizen-ID sequence.

    Closed form, unique without a table of adults: number `k` of the household spreads births over 3 000 days and
    what is left goes into the sequence together with the year. Children use sequences below 300.
    """
    years = {MEMBER_FATHER: 23, MEMBER_MOTHER: 21, MEMBER_ELDER: 46}[member]
    base, parity = {MEMBER_FATHER: (500, 1), MEMBER_MOTHER: (500, 0), MEMBER_ELDER: (300, 0)}[member]
    return {
        "key": f"({hid} * 10 + {member})",
        "birth": f"(make_date(({fy} - {years})::INTEGER, 1, 1) - ({k} % 3000)::INTEGER)",
        "seq": f"({base} + 2 * (({k} // 3000) * 10 + {fy} % 10) + {parity})::INTEGER",
    }
