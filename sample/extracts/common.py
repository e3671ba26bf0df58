"""SQL of texts that several extracts share: names of parents, phones, addresses, classes, grades, identifiers."""

from __future__ import annotations

from sample.data import counties, province, table, words
from sample.draws import Draws, text_list
from sample.names import name_sql
from sample.world import MEMBER_ELDER, MEMBER_FATHER, MEMBER_MOTHER, World, parent_sql

GRADE_TEXT = (
    "托班", "小班", "中班", "大班", "一年级", "二年级", "三年级", "四年级", "五年级", "六年级",
    "七年级", "八年级", "九年级", "高一", "高二", "高三",
)  # fmt: skip
DISABILITY = ("视力", "听力", "言语", "肢体", "智力", "精神", "多重")

YES, NO = "是", "否"


def flag(condition: str) -> str:
    """是 or 否."""
    return f"CASE WHEN {condition} THEN '{YES}' ELSE '{NO}' END"


def grade_text(k: str = "b.k") -> str:
    """Grade as the export writes it, from the year counted from entry to grade one."""
    return f"{text_list(GRADE_TEXT)}[{k} + 5]"


def class_label(b: str = "b", s: str = "s") -> str:
    """Label of a class: entry year and number; classes of a teaching point carry the name of the point first."""
    plain = f"concat({b}.ce, '级', {b}.class_no, '班')"
    bracket = f"concat({b}.ce, '级(', {b}.class_no, ')班')"
    return f"""(CASE WHEN {b}.pt > 0 THEN concat(pt.name, {plain})
        WHEN {s}.sid % 4 = 0 THEN {bracket} ELSE {plain} END)"""


def preschool_class(b: str = "b") -> str:
    """Label of a kindergarten class: 小1班, 中2班 …"""
    return f"concat(['托', '小', '中', '大'][{b}.k + 5], {b}.class_no, '班')"


def phone(draws: Draws, key: str, purpose: str) -> str:
    """Mobile number of a block that is not in service: 199 0000 and four digits."""
    return f"concat('1990000', lpad(({draws.hash(key, purpose)} % 10000)::VARCHAR, 4, '0'))"


def township(draws: Draws, key: str = "h.hid") -> str:
    """Made-up township."""
    return f"concat({draws.pick(key, 'town', words('town'))}, CASE WHEN h.res = 3 THEN '乡' ELSE '镇' END)"


def village(draws: Draws, key: str = "h.hid") -> str:
    """Made-up village."""
    return f"concat({draws.pick(key, 'village', words('village'))}, '村')"


def address(draws: Draws, key: str = "h.hid", county: str = "lc") -> str:
    """Made-up address down to the house number."""
    number = draws.below(key, "house", 180)
    street = draws.pick(key, "street", words("street"))
    return f"""(CASE WHEN h.res = 1 THEN concat({county}.name, {street}, '路', {number} + 1, '号')
        ELSE concat({county}.name, {township(draws, key)}, {village(draws, key)}, {number} + 1, '号') END)"""


def _parent(draws: Draws, member: int) -> dict[str, str]:
    sql = parent_sql(draws, member)
    male = "true" if member == MEMBER_FATHER else "false"
    family = "h.hid" if member == MEMBER_FATHER else sql["key"]
    return {
        "name": name_sql(draws, sql["key"], "h.eth", male, family, purpose="adult"),
        "birth": sql["birth"],
        "id": f"id18(hc.id_area, ymd({sql['birth']}), {sql['seq']})",
        "phone": phone(draws, sql["key"], "phone"),
    }


_KIN = {"f": MEMBER_FATHER, "m": MEMBER_MOTHER, "g": MEMBER_ELDER}


def build_kin(world: World) -> None:
    """Table `kin`: adults and address of every household, so that no extract computes them row by row again."""
    d = world.draws
    adults = ",\n".join(
        f"{sql} AS {letter}_{what}"
        for letter, member in _KIN.items()
        for what, sql in _parent(d, member).items()
    )
    world.con.execute(f"""
    CREATE TABLE kin AS
    SELECT h.hid, {address(d)} AS home, {address(d, county="hc")} AS hometown, {township(d)} AS town,
      {village(d)} AS village, {adults}
    FROM household h JOIN county lc ON lc.no = h.county JOIN county hc ON hc.no = h.hukou
    WHERE h.hid IN (SELECT hid FROM person) ORDER BY h.hid""")


def parents() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Columns of father, mother and elder in `kin`: name, id, birth, phone."""
    father, mother, elder = (
        {what: f"kin.{letter}_{what}" for what in ("name", "id", "birth", "phone")} for letter in _KIN
    )
    return father, mother, elder


def student_no(mi: int, draws: Draws) -> str:
    """National student number: G + citizen ID, J without one, L in the first term of grade one."""
    fresh = f"{draws.unit('p.person_id', 'temporary')} < .03 AND b.k = 0" if mi % 12 >= 8 else "false"
    return f"""(CASE WHEN {fresh} THEN concat('L', left(p.id18, 17), p.person_id % 10)
        WHEN p.has_id THEN concat('G', p.id18) ELSE concat('J', p.id18) END)"""


def college_names() -> dict[str, dict[str, str]]:
    """Colleges by code."""
    return {r["code"]: r for r in table("colleges")}


def county_owners() -> list[str]:
    """Codes of all counties."""
    return [c.code for c in counties()]


def province_name() -> str:
    """Name of the province."""
    return province()["name"]


WRONG_CHECK = (
    # another check character than the right one, never 0: that would look like damage by a spreadsheet
    "concat(left({v}, 17), CASE right({v}, 1) WHEN '7' THEN '3' ELSE '7' END)"
)
OTHER_DAY = (
    # another day of the same month: the age at the cut-off does not change
    "strftime(p.birth + CASE WHEN day(p.birth) < 15 THEN 3 ELSE -3 END, '%Y%m%d')"
)
