"""Rules of single registers: changes, guardians, inclusion, households, graduates, visits; RC29 – RC38."""

from __future__ import annotations

from expectations.rule import OWNER, QUARANTINE, WARN, Rule, no_rows, satisfies

_DESTINATION = "coalesce(destination_code, destination_text_code)"  # some colleges fill only the text

RULES: tuple[Rule, ...] = (
    Rule(
        id="RC29",
        title_zh="义务教育不得退学开除",
        statement_zh="义务教育阶段没有退学（31）、开除学籍（42）异动；此类异动须填年级",
        statement_en="No drop-out (31) or expulsion (42) in compulsory education",
        clause="义务教育法第二十七条；未成年人保护法第二十八条",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="撤销该异动，启动劝返或转学程序",
        fix_en="Withdraw the event; start the return or transfer procedure",
        checks=(
            satisfies(
                "student_change",
                "change_category_code NOT IN ('31', '42')",
                field="change_category_code",
                # Without a grade nobody can say that the pupil was past the compulsory stage.
                when="change_category_code IS NOT NULL AND (left(from_grade_code, 1) IN ('1', '2') "
                "OR (from_grade_code IS NULL AND NOT from_grade_code__bad AND coalesce(left(to_grade_code, 1), '1') IN ('1', '2')))",
            ),
        ),
    ),
    Rule(
        id="RC30",
        title_zh="监护人信息",
        statement_zh="不满 18 周岁的学生须有监护人姓名、关系和电话",
        statement_en="Pupils under 18 have a guardian's name, relation and telephone",
        clause="学籍信息采集表（必填项）",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="补填监护人信息",
        fix_en="Fill in the guardian",
        checks=(
            satisfies(
                "student_registry",
                " OR ".join(
                    f"(guardian{n}_name IS NOT NULL AND guardian{n}_relation_code IS NOT NULL "
                    f"AND guardian{n}_phone IS NOT NULL AND NOT guardian{n}_phone__bad)"
                    for n in (1, 2)
                ),
                field="guardian1_name",
                when="birth_date > as_of - to_years(18)",
            ),
        ),
    ),
    Rule(
        id="RC31",
        title_zh="随班就读与残疾类型",
        statement_zh="普通学校的随班就读与残疾类型一致",
        statement_en="Inclusive education and type of disability agree at regular schools",
        clause="学籍系统填报逻辑",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="核对残疾类型和随班就读方式",
        fix_en="Check type of disability and form of inclusion",
        checks=(
            satisfies(
                "student_registry",
                "inclusive_for(disability_code) = inclusive_code",
                field="inclusive_code",
                when="disability_code IS NOT NULL AND inclusive_code IS NOT NULL AND NOT starts_with(school_id, '51')",
            ),
        ),
    ),
    Rule(
        id="RC32",
        title_zh="文化程度与在校生状况",
        statement_zh="文化程度和在校生状况只填一项",
        statement_en="Exactly one of education level and school status is filled",
        clause="全国扶贫开发信息系统填报逻辑",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="在校的只填在校生状况，不在校的只填文化程度",
        fix_en="In school: only school status; otherwise only education level",
        checks=(
            satisfies(
                "poverty_register",
                "(education_code IS NULL) <> (school_state_code IS NULL)",
                field="school_state_code",
            ),
        ),
    ),
    Rule(
        id="RC33",
        title_zh="户内结构",
        statement_zh="每户一名户主、至多一名配偶，人数等于户内人口行数",
        statement_en="One head and at most one spouse per household; member count = rows",
        clause="全国扶贫开发信息系统填报逻辑",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="核对户主、配偶关系和家庭人数",
        fix_en="Check head, spouse and number of members",
        checks=(
            no_rows(
                "poverty_register",
                "SELECT b.delivery_id, b.row_no FROM {batch} b JOIN (SELECT delivery_id, household_no FROM {batch} "
                "GROUP BY ALL HAVING household_no IS NULL "
                "OR count(*) FILTER (household_relation_code = code_of('household_relation', '户主')) <> 1 "
                "OR count(*) FILTER (household_relation_code = code_of('household_relation', '配偶')) > 1 "
                "OR max(n_members) <> count(*) OR min(n_members) <> count(*)) bad "
                "ON bad.delivery_id = b.delivery_id AND bad.household_no IS NOT DISTINCT FROM b.household_no",
                field="household_no",
            ),
        ),
    ),
    Rule(
        id="RC34",
        title_zh="未上学原因",
        statement_zh="6–16 岁在校生状况为空的须填未上学原因",
        statement_en="Aged 6–16 with blank school status ⇒ reason for not attending",
        clause="义务教育法第十一条；控辍保学",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="入户核实是否在校；未上学的填写原因并列入劝返名单",
        fix_en="Visit the household; if out of school give the reason and list the child for return",
        checks=(
            satisfies(
                "poverty_register",
                "not_in_school_reason_code IS NOT NULL",
                field="not_in_school_reason_code",
                when="school_state_code IS NULL AND date_sub('year', coalesce(birth_date, citizen_birth_date(id_no)), as_of) BETWEEN 6 AND 16",
            ),
        ),
    ),
    Rule(
        id="RC35",
        title_zh="去向与单位",
        statement_zh="落实单位就业的须填单位名称和所在地；未落实的不得填单位",
        statement_en="A destination with an employer has its name and place; an unsettled one has neither",
        clause="高校毕业生就业统计填报逻辑",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="核对毕业去向和单位信息",
        fix_en="Check destination and employer",
        checks=(
            satisfies(
                "graduate_register",
                "unit_name IS NOT NULL AND (unit_region_code IS NOT NULL OR unit_region_name IS NOT NULL)",
                field="unit_name",
                when=f"{_DESTINATION} IN (SELECT code FROM ref.destination_code WHERE requires_unit)",
            ),
            satisfies(
                "graduate_register",
                "unit_name IS NULL",
                field="unit_name",
                when=f"{_DESTINATION} IN (SELECT code FROM ref.destination_code WHERE NOT is_settled)",
            ),
        ),
    ),
    Rule(
        id="RC36",
        title_zh="一人一届一条",
        statement_zh="同一毕业年份每人一条记录",
        statement_en="One record per person and graduation year",
        clause="毕业生数据库唯一索引",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="保留正确的一条，删去重复记录",
        fix_en="Keep the right record, remove the others",
        checks=(
            # Within one file: which other files arrive at the same time says nothing about this one. The older layout
            # has no year of graduation, only the date.
            no_rows(
                "graduate_register",
                "SELECT delivery_id, row_no FROM {batch} QUALIFY count(*) OVER (PARTITION BY delivery_id, id_no, "
                "coalesce(graduation_year, year(graduation_date))) > 1",
                field="id_no",
                when="id_no__ok",
            ),
        ),
    ),
    Rule(
        id="RC38",
        title_zh="入户调查留痕",
        statement_zh="进村入户采集的记录有调查人、日期和佐证编号",
        statement_en="Records of field visits carry visitor, date and evidence id",
        clause="青政办〔2016〕225号第 28 项",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="补填调查人、调查日期和佐证编号",
        fix_en="Fill in visitor, date and evidence id",
        checks=(
            satisfies(
                "two_later_survey",
                "surveyor IS NOT NULL AND survey_date IS NOT NULL AND evidence_no IS NOT NULL",
                field="survey_date",
            ),
        ),
    ),
)
