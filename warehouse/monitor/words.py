"""Words for the codes of the monitor, from the reference data where they have a table, else from here."""

# ruff: noqa: E501 - one code a line, read as a table

from __future__ import annotations

from warehouse.engine.duckdb import Session

CLASSES = {
    "unpaid": ("未发", "Not paid"), "short": ("少发", "Paid too little"), "pending": ("待核", "To be verified"),
    "double": ("重复", "Paid by two schools"), "over": ("多发", "Paid too much"),
    "ineligible": ("无资格已发", "Paid without a claim"), "full": ("足额", "Paid in full"),
    "not_judged": ("应享，无个人发放记录", "Entitled; no receipts of persons"),
}  # fmt: skip
REASONS = {
    "compared": ("按标准比对", "Compared with the amount due", "核对发放记录", "Check the record of payment"),
    "nothing_received": ("无发放记录或已退票", "Nothing received", "查银行卡、退票和学校名单", "See the card, returned payments, the school's list"),
    "no_rule_applies": ("无适用规则", "No rule applies", "核对困难认定和学籍", "Check hardship and registration"),
    "amount_unknown": ("标准未定", "Amount not known", "补登资助标准", "Add the amount to the reference data"),
    "learner_not_found": ("贫困名单中有，学籍中没有", "In the poverty register, in no registry", "核对证件号，问就读学校", "Check the identity number, ask for the school"),
    "school_unknown": ("适龄而不知就读何处", "Of school age, school unknown", "入户核实是否在校", "Visit: is the child in school"),
    "payee_not_found": ("有发放而无学籍", "Paid, in no registry", "核对领款人证件号", "Check the identity number of the payee"),
    "part_of_the_term": ("不是整学期在读", "In study for a part of the term only", "核对转入、离校日期，按当地规定确定应发额", "Check the day of arrival or leaving; local rules decide the amount"),
    "arrived_in_term": ("认定日之后才有学籍", "Registered after the day of recognition", "核对转入日期，补办认定", "Check the day of arrival, recognise the learner"),
    "register_row_set_aside": ("贫困名单数据行被退回待改", "Row of the poverty register set aside", "更正贫困名单后再核", "Correct the register first"),
    "given_in_kind": ("免费提供，不发给个人", "Given in kind", "查学校台账", "See the school's records"),
    "paid_to_the_school": ("拨付学校，不发给个人", "Paid to the school", "查学校台账", "See the school's records"),
    "no_receipts_reported": ("没有单位报送发放记录", "Nobody reports receipts", "查学校台账", "See the school's records"),
    "no_snapshot_of_the_term": ("该学期学籍未载入", "The registry of the term was not loaded", "补载认定月数据", "Load the month of recognition"),
}  # fmt: skip
FLAGS = {
    "suspected": ("疑似失学辍学", "Suspected dropout", "入户核实，登记个案"), "not_in_school": ("不在校", "Not in school", "核实原因"),
    "claimed_elsewhere": ("登记在校但省内无学籍", "Said to be in school, in no registry", "核实就读学校(是否省外)或证件号"),
    "row_set_aside": ("本月数据行待更正", "Row of this month set aside", "更正被退回的数据行"),
    "stage_differs": ("学段与贫困名单不一致", "Stage differs from the poverty register", "核对学籍和贫困名单，更正有误的一方"),
    "double_enrolment": ("重复学籍", "Registered twice", "两校核实，注销一条"), "repeated": ("留级", "Repeats the grade", "了解原因，核对异动记录"),
    "aid_gap": ("资助未足额", "Aid not in full", "见下表“应助尽助”"),
}  # fmt: skip
GROUPS = {
    "poverty": ("脱贫户", "Poverty register"), "monitored": ("监测对象", "Monitored"), "dibao": ("低保", "Minimum living allowance"),
    "tekun": ("特困", "Extreme poverty"), "orphan": ("孤儿", "Orphan"), "disabled": ("残疾", "Disabled"),
    "martyr": ("烈士子女", "Child of a martyr"),
}  # fmt: skip
STATES = {
    "in_study": "在读", "suspended": "休学", "completed": "毕业", "left": "离校", "deceased": "死亡", "not_arrived": "待报到",
}  # fmt: skip


def names(session: Session, table: str, key: str) -> dict[str, tuple[str, str]]:
    """Code → (name_zh, name_en) of a reference table."""
    return {r[0]: (r[1], r[2]) for r in session.rows(f"SELECT {key}, name_zh, name_en FROM ref.{table}")}


def code_names(session: Session, list_id: str) -> dict[str, str]:
    """Code → Chinese name of a code list."""
    return dict(session.rows("SELECT code, name_zh FROM ref.code_list WHERE list_id = ?", [list_id]))


def groups(codes: str | None) -> str:
    """Groups of hardship in Chinese, from codes separated by semicolons."""
    return "、".join(GROUPS.get(c, (c, ""))[0] for c in (codes or "").split(";") if c)


def class_name(label: str | None) -> str:
    """Label of a class as one says it: 1 → 1班."""
    return f"{label}班" if (label or "").isdigit() else label or ""
