"""A truth set for record linkage: three registers of invented people, with known errors.

Separate from the province: here only what linkage sees is made, and every field is damaged independently at given rates.
At size 1: 1 300 000 pupils, 500 000 persons of a poverty register (140 000 of them pupils, the others adults), 25 000 graduates
(5 000 of them in the poverty register). All numbers carry area codes that were never allocated (see README.md).

`build` fills, on a connection, the tables that the person index reads (`incoming`, `identity`) and `truth` (delivery_id, row_no,
pid, ethnic, id_defect, name_defect, birth_defect).
"""

# ruff: noqa: E501 - one rate or case a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sample.data import counties, words
from sample.draws import Draws, install_macros, quote, text_list
from sample.names import MONGOL, TIBETAN, name_sql

PUPILS, ADULTS, GRADUATES = 1_300_000, 360_000, 25_000
POOR_FAMILIES = 0.667  # of the families with adults in the register: with pupils in it, too
# Rates per field and source (registry, poverty); harsh = three times these.
ID_RATES = (
    ("missing", 0.012, 0.004), ("typo", 0.004, 0.006), ("check", 0.0005, 0.0007), ("exchanged", 0.0015, 0.002),
    ("excel", 0.0005, 0.003), ("length", 0.001, 0.0015), ("placeholder", 0.002, 0.001), ("other_person", 0.002, 0.003),
    ("reissued", 0.002, 0.003),
)  # fmt: skip
NAME_RATES = (
    ("homophone", 0.008), ("shape", 0.004), ("swapped", 0.0015), ("cut", 0.003), ("rare", 0.002), ("other", 0.005), ("blank", 0.015),
)  # fmt: skip
VARIANT_RATE, BIRTH_RATE, COUNTY_RATE, SEX_RATE, NO_GUARDIAN = 0.05, 0.02, 0.03, 0.004, 0.18
# Spellings that clerks exchange; about a third of them is in no table of the warehouse, as in life.
VARIANTS = (
    ("才让", "泽让"), ("才仁", "次仁"), ("旦增", "丹增"), ("多杰", "道吉"), ("扎西", "札西"), ("卓玛", "卓麻"), ("拉毛", "拉姆"),
    ("仁青", "仁钦"), ("桑杰", "桑吉"), ("南杰", "朗杰"), ("嘉措", "加措"), ("彭措", "平措"), ("白玛", "班玛"), ("索南", "索朗"),
    ("公保", "贡保"), ("更登", "根敦"), ("久美", "晋美"), ("顿珠", "东智"), ("尖措", "坚措"), ("其其格", "琪琪格"),
    ("华旦", "华旦木"), ("昂毛", "昂么"), ("尕藏", "嘎藏"), ("夏吾", "夏武"), ("项秀", "香秀"), ("增太", "曾太"), ("措毛", "草毛"),
    ("乌兰", "伍兰"), ("巴雅尔", "白雅尔"), ("东知", "冬知"), ("当周", "党周"),
)  # fmt: skip
SOURCES = (("student_registry", 0), ("poverty_register", 1), ("graduate_register", 0))


def build(execute: Callable[[str], Any], *, seed: int, size: float = 1.0, harsh: bool = False) -> None:
    """Make the world on a DuckDB connection; `size` scales the number of people, `harsh` multiplies the rates by three."""
    d = Draws(seed)
    install_macros(execute)
    _places(execute)
    _people(execute, d, size)
    for source, column in SOURCES:
        _register(execute, d, source, column, 3 if harsh else 1)
    _tables(execute)


def _places(execute: Callable[[str], Any]) -> None:
    rows, upto = [], 0.0
    total = sum(c.weight for c in counties())
    for c in counties():
        shares = [sum(c.ethnic[: n + 1]) for n in range(len(c.ethnic))]
        # the prefecture digits plus 50: an area that was never allocated
        rows.append(f"({c.no}, {quote(c.code)}, {int(c.code) + 5000}, {upto:.9f}, {shares}::DOUBLE[])")
        upto += c.weight / total
    execute(
        f"CREATE OR REPLACE TABLE place AS SELECT * FROM (VALUES {', '.join(rows)}) t(no, code, area, lo, shares)"
    )


def _people(execute: Callable[[str], Any], d: Draws, size: float) -> None:
    """Table `body`: pupils (pid < PUPILS), adults of poor households, graduates; with name, id, birth, sex, family."""
    n = int(PUPILS * size)
    adults = int(ADULTS * size)
    graduates = int(GRADUATES * size)
    # 7 pupils in 4 families; adults: father, mother, grandmother of poor families; graduates: elder children
    execute(
        f"""CREATE OR REPLACE TABLE body0 AS
            SELECT i AS pid, 'pupil' AS kind, (i * 4) // 7 AS hid, 0 AS member FROM range({n}) t(i)
            UNION ALL SELECT {n} + i, 'adult', (((i // 3) * 7919) % {max(1, (n * 4) // 7)}), 1 + i % 3 FROM range({adults}) t(i)
            UNION ALL SELECT {n + adults} + i, 'graduate', ((i * 31) % {max(1, (n * 4) // 7)}), 5 FROM range({graduates}) t(i)"""
    )
    ethnic = "1 + len(list_filter(p.shares, x -> x <= " + d.unit("f.hid", "ethnic") + "))"
    execute(
        f"""CREATE OR REPLACE TABLE family AS
            SELECT f.hid, p.no, p.code, p.area, least({ethnic}, 8)::INTEGER AS eth, f.hid IN (SELECT hid FROM body0 WHERE kind = 'adult') AND {d.unit("f.hid", "poor")} < {POOR_FAMILIES} AS poor,
                   {d.unit("f.hid", "twins")} < 0.02 AS twins
            FROM (SELECT hid, {d.unit("hid", "county")} AS u FROM (SELECT DISTINCT hid FROM body0)) f
            ASOF JOIN place p ON f.u >= p.lo"""
    )
    key = "CASE WHEN f.twins AND b.kind = 'pupil' THEN f.hid ELSE b.pid + 10000000 END"
    age = f"CASE b.kind WHEN 'pupil' THEN {d.below(key, 'age', 5110)} WHEN 'graduate' THEN -{d.below('b.pid', 'age', 1200)} - 700 WHEN 'adult' THEN CASE WHEN b.member = 3 THEN -{d.below('b.pid', 'age', 7000)} - 14000 ELSE -{d.below('b.pid', 'age', 6000)} - 6000 END END"
    execute(
        f"""CREATE OR REPLACE TABLE body1 AS
            SELECT b.pid, b.kind, b.hid, b.member, f.no AS county_no, f.code AS county, f.area, f.eth, f.poor, f.twins,
                   CASE b.member WHEN 1 THEN true WHEN 2 THEN false WHEN 3 THEN false ELSE {d.unit("b.pid", "sex")} < 0.52 END AS male,
                   (DATE '2006-09-01' + ({age})::INTEGER)::DATE AS birth,
                   {d.below(key, "sequence", 240)} * 4 + 2 AS sequence
            FROM body0 b JOIN family f USING (hid)"""
    )
    name = name_sql(d, "pid", "eth", "male", "CASE WHEN member = 2 THEN hid + 77777777 ELSE hid END")
    execute(
        f"""CREATE OR REPLACE TABLE body AS
            SELECT *, {name} AS name,
                   -- twins have neighbouring numbers; an odd number is a boy
                   id18(area, ymd(birth), (sequence + CASE WHEN twins AND kind = 'pupil' THEN (pid % 2) * 2 ELSE 0 END
                     - male::INTEGER)::INTEGER) AS id
            FROM body1"""
    )
    execute("DROP TABLE body0; DROP TABLE body1")
    grown = {1: "father", 2: "mother", 3: "elder"}
    kin = ", ".join(
        f"max(name) FILTER (member = {m}) AS {w}, max(id) FILTER (member = {m}) AS {w}_id"
        for m, w in grown.items()
    )
    # every family has parents; only the poor ones stand in a register
    made = name_sql(d, "hid * 3 + {m}", "eth", "{sex}", "{fam}", purpose="kin")
    execute(
        f"""CREATE OR REPLACE TABLE kin AS
            SELECT f.hid, coalesce(k.father, {made.replace("{m}", "1").replace("{sex}", "true").replace("{fam}", "hid")}) AS father,
                   coalesce(k.mother, {made.replace("{m}", "2").replace("{sex}", "false").replace("{fam}", "(hid + 77777777)")}) AS mother,
                   k.elder, k.father_id, k.mother_id
            FROM (SELECT hid, eth FROM family) f LEFT JOIN (SELECT hid AS h, {kin} FROM body WHERE kind = 'adult' GROUP BY hid) k ON k.h = f.hid"""
    )


def _register(execute: Callable[[str], Any], d: Draws, source: str, column: int, factor: int) -> None:
    """Table `reg_<source>`: one damaged row per person of the register."""
    tag = source[:4]
    chosen = {
        "student_registry": "b.kind = 'pupil'",
        "poverty_register": f"b.kind = 'adult' OR b.kind = 'pupil' AND b.poor OR b.kind = 'graduate' AND {d.unit('b.pid', 'poorgrad')} < 0.2",
        "graduate_register": "b.kind = 'graduate'",
    }[source]
    u = d.unit("b.pid", f"{tag}-id")
    arms, upto = [], 0.0
    for kind, *rates in ID_RATES:
        upto += rates[column] * factor
        arms.append(f"WHEN {u} < {upto:.6f} THEN '{kind}'")
    names, upto = [], 0.0
    un = d.unit("b.pid", f"{tag}-name")
    for kind, rate in NAME_RATES:
        upto += rate * factor
        names.append(f"WHEN {un} < {upto:.6f} THEN '{kind}'")
    births = ["day", "month", "year", "new_year", "exchanged"]
    execute(
        f"""CREATE OR REPLACE TABLE reg AS
            SELECT b.*, row_number() OVER (ORDER BY {d.hash("b.pid", tag)}, b.pid) AS row_no,
                   CASE {" ".join(arms)} ELSE 'none' END AS id_defect,
                   CASE {" ".join(names)} WHEN b.eth IN ({TIBETAN}, {MONGOL}) AND {d.unit("b.pid", tag + "-var")} < {VARIANT_RATE * factor} THEN 'variant' ELSE 'none' END AS name_defect,
                   CASE WHEN {d.unit("b.pid", tag + "-birth")} < {BIRTH_RATE * factor} THEN {d.pick("b.pid", tag + "-birthkind", births)} ELSE 'none' END AS birth_defect,
                   k.father, k.mother, k.elder, k.father_id, k.mother_id, s.id AS sibling_id, o.id AS stranger_id, o.name AS stranger_name
            FROM body b JOIN kin k USING (hid)
            LEFT JOIN (SELECT hid AS h, min(pid) AS lo, max(pid) AS hi FROM body WHERE kind = 'pupil' GROUP BY hid) c ON c.h = b.hid
            LEFT JOIN body s ON s.pid = CASE WHEN c.lo = b.pid THEN c.hi ELSE c.lo END AND s.pid <> b.pid
            LEFT JOIN body o ON o.pid = {d.hash("b.pid", tag + "-stranger")} % (SELECT count(*) FROM body)
            WHERE {chosen}"""
    )
    at = f"(1 + {d.below('pid', tag + '-at', 17)})"
    digit = f"(({d.below('pid', tag + '-digit', 9)} + 1 + ord(substr(id, {at}, 1)) - 48) % 10)"
    typo = f"left(id, {at} - 1) || {digit} || substr(id, {at} + 1)"
    new_birth = f"(birth + ({d.below('pid', tag + '-new', 61)} - 30)::INTEGER)"
    id_sql = f"""CASE id_defect WHEN 'missing' THEN NULL WHEN 'typo' THEN {typo}
        WHEN 'check' THEN left(id, 17) || ((ord(right(id, 1)) + 3) % 10)
        WHEN 'exchanged' THEN left(id, {at} - 1) || substr(id, {at} + 1, 1) || substr(id, {at}, 1) || substr(id, {at} + 2)
        WHEN 'excel' THEN left(id, 15) || '000'
        WHEN 'length' THEN CASE WHEN pid % 2 = 0 THEN left(id, {at} - 1) || substr(id, {at} + 1) ELSE left(id, {at}) || substr(id, {at}, 1) || substr(id, {at} + 1) END
        WHEN 'placeholder' THEN CASE WHEN pid % 2 = 0 THEN left(id, 14) || '0000' ELSE '111111111111111111' END
        WHEN 'other_person' THEN CASE WHEN {d.unit("pid", tag + "-whose")} < 0.6 THEN coalesce(CASE WHEN kind <> 'adult' THEN sibling_id WHEN member = 1 THEN mother_id ELSE father_id END, father_id, mother_id, stranger_id) ELSE stranger_id END
        WHEN 'reissued' THEN CASE WHEN pid % 2 = 0 THEN id18(area, ymd({new_birth}), (sequence - male::INTEGER)::INTEGER)
                             ELSE id18(area, ymd(birth), ((sequence + 358) % 960 + 2 - male::INTEGER)::INTEGER) END
        ELSE id END"""
    place = f"(1 + {d.below('pid', tag + '-char', 'length(bare)')})"
    common = words("given_m") + words("given_f")
    variant = "name"
    for one, other in VARIANTS:
        variant = f"CASE WHEN contains(name, {quote(one)}) THEN replace(name, {quote(one)}, {quote(other)}) WHEN contains(name, {quote(other)}) THEN replace(name, {quote(other)}, {quote(one)}) ELSE {variant} END"
    name_sql_ = f"""CASE name_defect
        WHEN 'homophone' THEN left(bare, {place} - 1) || coalesce((SELECT min(h.other) FROM homophone h WHERE h.c = substr(bare, {place}, 1)), {d.pick("pid", tag + "-hom", common)}) || substr(bare, {place} + 1)
        WHEN 'shape' THEN left(bare, {place} - 1) || {d.pick("pid", tag + "-shape", common)} || substr(bare, {place} + 1)
        WHEN 'swapped' THEN left(bare, length(bare) - 2) || right(bare, 1) || substr(bare, length(bare) - 1, 1)
        WHEN 'cut' THEN CASE WHEN length(bare) > 2 THEN left(bare, length(bare) - 1) ELSE bare END
        WHEN 'rare' THEN left(bare, {place} - 1) || '?' || substr(bare, {place} + 1)
        WHEN 'other' THEN left(name, 1) || substr(stranger_name, 2)
        WHEN 'blank' THEN left(name, 1) || '　' || substr(name, 2)
        WHEN 'variant' THEN {variant} ELSE name END"""
    birth = "CASE birth_defect WHEN 'day' THEN birth + 1 + (pid % 9)::INTEGER WHEN 'month' THEN (birth + INTERVAL 1 MONTH)::DATE WHEN 'year' THEN (birth + INTERVAL 1 YEAR)::DATE WHEN 'new_year' THEN make_date(year(birth), 1, 1) WHEN 'exchanged' THEN coalesce(try_cast(printf('%d-%02d-%02d', year(birth), day(birth), month(birth)) AS DATE), birth) ELSE birth END"
    # half of the typos in the birth digits, and half of the births of other people's numbers, stand in the birth field too
    theirs = f"coalesce(try_strptime(substr({id_sql}, 7, 8), '%Y%m%d')::DATE, birth)"
    carried = f"CASE WHEN id_defect = 'other_person' AND pid % 2 = 0 THEN {theirs} WHEN id_defect = 'typo' AND {at} BETWEEN 7 AND 14 AND pid % 2 = 0 THEN coalesce(try_cast(substr({typo}, 7, 4) || '-' || substr({typo}, 11, 2) || '-' || substr({typo}, 13, 2) AS DATE), birth) ELSE {birth} END"
    wrong_county = f"(SELECT code FROM place WHERE no = 1 + {d.below('pid', tag + '-place', 45)})"
    one = f"CASE WHEN {d.unit('pid', tag + '-guardian')} < {NO_GUARDIAN} THEN [] WHEN {d.unit('pid', tag + '-who')} < 0.4 THEN [father] WHEN {d.unit('pid', tag + '-who')} < 0.7 THEN [mother] ELSE [stranger_name] END"
    own = {
        "student_registry": (one, "[father_id]"),
        "poverty_register": (
            "list_filter([father, mother, elder], x -> x IS NOT NULL AND x <> name)",
            "CASE WHEN member = 1 THEN [] ELSE [father_id] END",
        ),
        "graduate_register": ("[]::VARCHAR[]", "[]::VARCHAR[]"),
    }[source]
    birth_out = "NULL::DATE" if source == "graduate_register" else f"({carried})::DATE"
    execute(
        f"""CREATE OR REPLACE TABLE reg_{source} AS
            SELECT pid, hid, row_no, eth, id_defect, name_defect, birth_defect, {id_sql} AS id_no, {name_sql_} AS name, {birth_out} AS birth,
                   CASE WHEN {d.unit("pid", tag + "-sexerr")} < {SEX_RATE * factor} THEN CASE WHEN male THEN '2' ELSE '1' END ELSE CASE WHEN male THEN '1' ELSE '2' END END AS sex,
                   CASE WHEN {d.unit("pid", tag + "-county")} < {COUNTY_RATE * factor} THEN {wrong_county} ELSE county END AS county,
                   {own[0]} AS guardians, list_filter({own[1]}, x -> x IS NOT NULL) AS guardian_ids
            FROM (SELECT *, replace(name, '·', '') AS bare FROM reg)"""
    )
    execute("DROP TABLE reg")


def _tables(execute: Callable[[str], Any]) -> None:
    """The registers as the person index is given them."""
    number = "md5('{s}:' || pid)::UUID"
    parts, people, truth = [], [], []
    for source, _ in SOURCES:
        # a poverty register lists households: the members are each other's kin
        household = "md5('household:' || hid)::UUID" if source == "poverty_register" else "NULL::UUID"
        parts.append(
            f"SELECT '{source}' AS source, '{source}' AS delivery_id, row_no, [{number.replace('{s}', source)}] AS numbers, birth, sex, eth::VARCHAR AS ethnic, county, {household} AS household FROM reg_{source}"
        )
        people.append(
            f"SELECT '{source}' AS delivery_id, row_no, name, id_no, guardians, guardian_ids FROM reg_{source}"
        )
        truth.append(
            f"SELECT '{source}' AS delivery_id, row_no, pid, eth AS ethnic, id_defect, name_defect, birth_defect FROM reg_{source}"
        )
    for name, selects in (("incoming", parts), ("identity", people), ("truth", truth)):
        execute(f"CREATE OR REPLACE TABLE {name} AS {' UNION ALL '.join(selects)}")
    for source, _ in SOURCES:
        execute(f"DROP TABLE reg_{source}")


def homophones(execute: Callable[[str], Any], readings: dict[str, str]) -> None:
    """Table `homophone(c, other)` over the characters that occur in names; call before `build`."""
    lists = (
        "given_m",
        "given_f",
        "surname_han",
        "surname_hui",
        "tib_first",
        "tib_last_m",
        "tib_last_f",
        "mon_first",
    )
    known = sorted({c for name in lists for word in words(name) for c in word})
    by_sound: dict[str, list[str]] = {}
    for c in (*known, *readings):
        if "一" <= c <= "龥":
            by_sound.setdefault(readings.get(c, c), []).append(c)
    pairs = [(c, next((o for o in by_sound.get(readings.get(c, c), []) if o != c), c)) for c in known]
    execute(
        f"CREATE OR REPLACE TABLE homophone AS SELECT unnest({text_list([c for c, _ in pairs])}) AS c, unnest({text_list([o for _, o in pairs])}) AS other"
    )
