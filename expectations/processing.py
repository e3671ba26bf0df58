"""Rules of processing (处理): lineage, one enrolment per person, sums, bands, basis, code lists.

Some of them judge marts: they are rules of processing (what a figure must be), evaluated where the figure first exists.
"""

from __future__ import annotations

from expectations import registers
from expectations.rule import (
    BLOCK,
    CENTRE,
    OWNER,
    QUARANTINE,
    SCHOOL_COUNTY,
    WARN,
    Rule,
    Stage,
    no_rows,
    on_columns,
    satisfies,
    threshold,
)
from warehouse.people.probabilistic import AUTO

_GROSS = "mart.gross_enrolment__region_year"
_GROSS_KEY = ("period", "region_level", "region_code", "measure_code")
_INDICATOR = "mart.indicator_value__region_year"
_INDICATOR_KEY = ("period", "year", "variant_id", "origin_code", "region_level", "region_code")
_MEASURE = "use.measure__region_year"
_ENROLMENT = "mart.enrolment__county_stage_month"
_PERSON = "core.person__record"


RULES: tuple[Rule, ...] = (
    *registers.of(Stage.PROCESSING),
    Rule(
        id="RP01",
        title_zh="血缘完整",
        statement_zh="每个派生表列出输入、代码版本和运行指纹",
        statement_en="Every derived table lists its inputs, code version and fingerprint",
        clause="个人信息保护法第八条；GB/T 35273（责任可追溯）",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="重新运行该模型",
        fix_en="Run the model again",
        checks=(
            no_rows(
                "lineage",
                "SELECT model FROM {batch} WHERE inputs IS NULL OR length(inputs) < 3 OR code_version IS NULL OR fingerprint IS NULL",
                key=("model",),
            ),
        ),
    ),
    Rule(
        id="RP02",
        title_zh="匹配层级有据",
        statement_zh="每条人员匹配记录层级、得分和依据；弱匹配不自动合并",
        statement_en="Every match of persons records its tier, score and reason; weak ones never merge by themselves",
        clause="个人信息保护法第八条（质量）",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="用 edu person explain 查看两条记录，再用 edu person split 拆开",
        fix_en="Look at the two records with edu person explain, then part them with edu person split",
        checks=(
            satisfies(
                _PERSON,
                f"tier = 'N' OR tier IN ('K', 'T1', 'T2', 'T3', 'T4', 'T5', 'S', 'D') AND score >= {AUTO}",
                field=None,
            ),
            # what waits for a person's decision was not linked meanwhile
            no_rows(
                _PERSON,
                """SELECT r.delivery_id, r.row_no
                   FROM (SELECT left_profile AS one, right_profile AS other FROM core.person_review__pair
                         UNION ALL SELECT right_profile, left_profile FROM core.person_review__pair) v
                   JOIN core.person_link__history h ON h.profile = v.one AND h.decided_by = 'load' AND h.tier NOT IN ('N', 'D')
                    AND contains(h.evidence, v.other::VARCHAR)
                   JOIN {batch} r ON r.link_id = h.link_id""",
            ),
        ),
    ),
    Rule(
        id="RP03",
        title_zh="一人一主键",
        statement_zh="每条入库记录恰有一个人员主键；合并、拆分留痕可回退；一个证件号下不应有两人",
        statement_en="Every accepted row has exactly one person; merges and splits are recorded and can be undone; no two persons "
        "under one citizen number",
        clause="个人信息保护法第八条（质量）",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="重新运行 edu load；证件号重复的由报送单位核对",
        fix_en="Run edu load again; the deliverer checks a number that two persons share",
        checks=(
            satisfies("core.identity__record", "tier NOT IN ('number', 'none')", field=None),
            no_rows(
                "core.identity__record",
                "SELECT delivery_id, row_no FROM {batch} GROUP BY delivery_id, row_no HAVING count(*) > 1",
            ),
            # the person is registered once, lives, and whoever was merged into it was merged by somebody
            no_rows(
                _PERSON,
                """SELECT r.person_id FROM {batch} r LEFT JOIN core.person__id p ON p.person_id = r.person_id
                   GROUP BY r.person_id HAVING count(p.person_id) <> count(*) OR count(p.merged_into) > 0
                   UNION SELECT p.merged_into FROM core.person__id p
                   WHERE p.merged_into IS NOT NULL AND p.person_id::VARCHAR NOT IN
                     (SELECT e.subject FROM ops.ledger__event e WHERE e.event = 'person_merged')""",
                key=("person_id",),
                units="SELECT count(DISTINCT person_id) FROM {batch}",
            ),
            satisfies(
                "core.enrolment__person_month",
                "NOT is_id_shared",
                field="id_no",
                when="is_active",
                severity=WARN,
            ),
        ),
    ),
    Rule(
        id="RP04",
        title_zh="一人一籍",
        statement_zh="同一人同时只有一条有效学籍；重复的全部列出并只计一次",
        statement_en="A person has one active registration; duplicates are all listed and counted once",
        clause="中小学生学籍管理办法（不得重复建立学籍）",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="两校核实，注销重复学籍或补办转学",
        fix_en="The two schools settle it: cancel one registration or complete the transfer",
        checks=(
            satisfies(
                "core.enrolment__person_month",
                "NOT is_duplicate",
                field="id_no",
                key=("delivery_id", "row_no"),
                when="is_active",
            ),
        ),
    ),
    Rule(
        id="RP06",
        title_zh="转学配对",
        statement_zh="每条转入在 60 日内有对应的转出；省内转出在 60 日内有对应的转入",
        statement_en="Every transfer in has its transfer out within 60 days, and the reverse inside the province",
        clause="中小学生学籍管理办法（转学）",
        severity=WARN,
        owner_zh="转出、转入学校所在县",
        fix_zh="与对方学校核实，补报缺少的一条转学记录",
        fix_en="Settle it with the other school and deliver the record that is missing",
        checks=(
            satisfies(
                "core.transfer_pair__event",
                "pair_code <> 'unpaired'",
                field="change_category_code",
                key=("delivery_id", "row_no"),
            ),
        ),
    ),
    Rule(
        id="RP07",
        title_zh="状态变动合规",
        statement_zh="学籍状态变动合规：死亡、毕业后不得在同一学段再在读；休学、复学有异动记录；休学不超期",
        statement_en="Changes of status are legal: nobody studies on after death or graduation of the stage; suspensions and returns "
        "are recorded and end in time",
        clause="中小学生学籍管理办法（学籍变动）",
        severity=QUARANTINE,
        owner_zh=SCHOOL_COUNTY,
        fix_zh="更正学籍状态，或补报异动记录",
        fix_en="Correct the status, or deliver the record of the change",
        checks=(
            satisfies(
                "core.movement__person_month",
                "is_state_legal",
                field="status_code",
                key=("to_school_id", "person_id"),
                when="is_state_legal IS NOT NULL",
            ),
            satisfies(
                "core.movement__person_month",
                "is_state_recorded",
                field="status_code",
                key=("to_school_id", "person_id"),
                when="is_state_legal AND is_state_recorded IS NOT NULL",
                severity=WARN,
            ),
            satisfies(
                "use.suspected_dropout__person_month",
                "kind_code <> 'suspension_expired'",
                field="status_code",
                key=("last_school_id", "case_id"),
                severity=WARN,
            ),
        ),
    ),
    Rule(
        id="RP08",
        title_zh="逐年升级",
        statement_zh="每学年升一个年级；留级、跳级、降级有异动记录，年级不在学年中间变动",
        statement_en="One grade up a year; a repeated, skipped or lower grade has its record, and grades do not change within a year",
        clause="中小学生学籍管理办法（留级、跳级）",
        severity=WARN,
        owner_zh=SCHOOL_COUNTY,
        fix_zh="核对年级，或补报留级、跳级记录",
        fix_en="Check the grade, or deliver the record of the repeated or skipped grade",
        checks=(
            satisfies(
                "core.movement__person_month",
                "is_grade_recorded",
                field="grade_code",
                key=("to_school_id", "person_id"),
                when="is_grade_recorded IS NOT NULL",
            ),
        ),
    ),
    Rule(
        id="RP09",
        title_zh="统计与学籍核对",
        statement_zh="法定统计与学籍人数相差不超过 1%，发布的分项之和等于总数；差额列出并说明，不作调整",
        statement_en="Statutory statistics and registry agree within 1 %, published parts add up; differences are listed, never adjusted",
        clause="青政办〔2016〕225号第28项（教育统计数据与精准扶贫数据对接共享）；教育统计管理规定第二十八条",
        severity=WARN,
        owner_zh="省教育厅",
        fix_zh="核对口径、报送范围和隔离的行，更正数据或说明原因",
        fix_en="Compare bases, coverage and rows set aside; correct the data or explain",
        checks=(
            satisfies(
                "mart.reconciliation__region_measure",
                "status_code = 'agrees'",
                field=None,
                column="status_code",
                key=("period", "year", "check_code", "measure_code", "region_level", "region_code"),
            ),
        ),
    ),
    Rule(
        id="RP10",
        title_zh="合计相符",
        statement_zh="各维度合计等于学籍计数：县合计等于登记人数，男女合计等于总数",
        statement_en="Sums agree: counties add up to the registry's count; boys and girls add up to the total",
        clause="统计法第八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="检查模型的连接条件和代码映射",
        fix_en="Check the joins and code mappings of the model",
        checks=(
            no_rows(
                _ENROLMENT,
                "SELECT m.county_code, m.stage_code FROM (SELECT county_code, stage_code, sum(n_pupils) AS n FROM {batch} GROUP BY ALL) m "
                "FULL JOIN (SELECT county_code, stage_code, count(*) AS n FROM core.enrolment__person_month "
                "WHERE period = {period} AND is_counted AND is_full_time GROUP BY ALL) c "
                "ON c.county_code IS NOT DISTINCT FROM m.county_code AND c.stage_code IS NOT DISTINCT FROM m.stage_code "
                "WHERE m.n IS DISTINCT FROM c.n",
                key=("county_code", "stage_code"),
                units="SELECT count(DISTINCT county_code || stage_code) FROM {batch}",
            ),
            no_rows(
                _GROSS,
                "SELECT p.measure_code FROM {batch} p JOIN (SELECT measure_code, sum(numerator) AS n, sum(denominator) AS d "
                "FROM {batch} WHERE region_level = 'county' GROUP BY ALL "
                # A county that has not delivered has no figure; then the sum says nothing.
                "HAVING count(*) FILTER (numerator IS NULL OR denominator IS NULL) = 0) c ON c.measure_code = p.measure_code "
                "WHERE p.region_level = 'province' AND (p.numerator IS DISTINCT FROM c.n OR p.denominator IS DISTINCT FROM c.d)",
                key=("measure_code",),
                units="SELECT count(DISTINCT measure_code) FROM {batch}",
            ),
            no_rows(
                _MEASURE,
                "SELECT p.measure_code, p.year FROM {batch} p JOIN (SELECT measure_code, year, origin_code, sum(value) AS n FROM {batch} "
                "WHERE region_level = 'county' GROUP BY ALL HAVING count(*) FILTER (value IS NULL) = 0) c "
                "ON c.measure_code = p.measure_code AND c.year = p.year AND c.origin_code = p.origin_code "
                "WHERE p.region_level = 'province' AND p.origin_code = 'computed' AND p.value IS DISTINCT FROM c.n",
                key=("measure_code", "year"),
                units="SELECT count(DISTINCT measure_code) FROM {batch}",
            ),
        ),
    ),
    Rule(
        id="RP11",
        title_zh="比率区间",
        statement_zh="毛入学（园）率在合理区间内，超出的须说明",
        statement_en="Gross rates lie in a plausible band; others need a comment",
        clause="指标计算说明",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="核对分子分母的地区口径和人口来源",
        fix_en="Check the region basis of numerator and denominator, and the population source",
        checks=(
            satisfies(
                _GROSS,
                f"value_unrounded <= {threshold('gross_preschool_max')}",
                field="value_unrounded",
                column="value_unrounded",
                key=_GROSS_KEY,
            ),
            satisfies(
                _INDICATOR,
                f"unit <> 'pct' OR value_unrounded <= {threshold('gross_preschool_max')}",
                field="value_unrounded",
                column="value_unrounded",
                key=_INDICATOR_KEY,
            ),
        ),
    ),
    Rule(
        id="RP12",
        title_zh="口径一致",
        statement_zh="比率的分子与分母地区口径相同；同一序列只用一种人口口径，同一数据只有一个来源",
        statement_en="Numerator and denominator share one region basis; one measure uses one population basis, one cell one source",
        clause="指标计算说明第 5 条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="统一人口来源后重新计算",
        fix_en="Use one population source and compute again",
        checks=(
            satisfies(
                _GROSS,
                "region_basis_code IS NOT NULL",
                field="region_basis_code",
                column="measure_code",
                key=_GROSS_KEY,
            ),
            no_rows(
                _GROSS,
                "SELECT measure_code FROM {batch} GROUP BY ALL "
                "HAVING count(DISTINCT population_basis_code) > 1 OR count(DISTINCT population_year) > 1",
                key=("measure_code",),
                units="SELECT count(DISTINCT measure_code) FROM {batch}",
            ),
            # The figure itself is not given; the month goes on.
            satisfies(
                _INDICATOR,
                "reason_code IS DISTINCT FROM 'mixed_basis'",
                field="basis_code",
                column="variant_id",
                key=_INDICATOR_KEY,
                severity=WARN,
            ),
            # Two sources for one cell of one series: nobody can say which is the denominator.
            no_rows(
                "core.population__region_age",
                "SELECT r.year, r.basis_code, r.region_code FROM raw.population__region_age r "
                "JOIN core.delivery__period d ON d.delivery_id = r.delivery_id AND d.period = {period} "
                "WHERE r.age_label IS NOT NULL GROUP BY r.year, r.basis_code, r.region_code, r.residence_code, r.age_label "
                "HAVING count(DISTINCT r.n_total) > 1 AND count(DISTINCT r.as_of_date) > 1",
                key=("year", "basis_code", "region_code"),
                units="SELECT count(*) FROM {batch}",
            ),
        ),
    ),
    Rule(
        id="RP13",
        title_zh="代码版本",
        statement_zh="毕业去向代码附有代码表版本，并归入一个统计组",
        statement_en="Destination codes carry their code-list version and fall into one rate group",
        clause="毕业生就业统计代码",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在 destination_code 中补登该代码",
        fix_en="Add the code to reference/destination_code.csv",
        checks=(
            satisfies(
                "core.graduate__person_year",
                "destination_code IS NULL OR (destination_scheme IS NOT NULL AND rate_group_code IS NOT NULL)",
                field="destination_code",
                key=("delivery_id", "row_no"),
                # A code of the wrong list is counted as unknown and goes back to its owner; it does not stop the province.
                severity=QUARANTINE,
            ),
        ),
    ),
    Rule(
        id="RP14",
        title_zh="先去标识再关联",
        statement_zh="保险库以外的表只用密钥令牌关联，没有明文标识列",
        statement_en="Outside the vault tables are joined by keyed tokens; no column holds a clear identifier",
        clause="个人信息保护法第五十一条第三项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="把该列改为令牌",
        fix_en="Make the column a token",
        checks=(
            on_columns(
                "NOT regexp_matches(column_name, '(^|_)(id_no|student_no|certificate_no|person_no|household_no|candidate_no|phone|name)$') "
                "OR type = 'UUID' OR column_name IN ('school_name', 'college_name', 'class_name')",
                when="kind IN ('tables', 'marts') OR (kind = 'extracts' AND zone IN ('raw', 'token'))",
            ),
        ),
    ),
    Rule(
        id="RP15",
        title_zh="名单须人工核实",
        statement_zh="自动生成的疑似辍学、资助缺口名单附有依据，经人工核实后方可处置",
        statement_en="Lists made by a machine (suspected dropout, gaps of aid) carry their reason and need a person's confirmation",
        clause="个人信息保护法第二十四条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在 exit_reason 中补登该依据",
        fix_en="Add the reason to reference/exit_reason.csv",
        checks=(
            satisfies(
                "use.suspected_dropout__person_month",
                "needs_confirmation AND evidence_code IN (SELECT exit_code FROM ref.exit_reason)",
                field=None,
                column="evidence_code",
                key=("case_id",),
            ),
            satisfies(
                "use.entitlement__person_rule_term",
                "reason_code IS NOT NULL AND class_code IS NOT NULL",
                field=None,
                column="class_code",
                key=("person_id", "rule_id", "programme_code"),
            ),
        ),
    ),
    Rule(
        id="RP17",
        title_zh="参考数据变更有据",
        statement_zh="参考表每一行有来源文件；安装后的每次变更有批准人和依据文件",
        statement_en="Every row of a reference table names its source; every change after installation has an approver and its document",
        clause="教育统计管理规定；青政办〔2016〕225号第33项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="核对变更后批准：edu reference list；edu reference approve 表名 --document 文件 --by 账号",
        fix_en="Check the change and approve it: edu reference list; edu reference approve TABLE --document PAPER --by ACCOUNT",
        checks=(
            satisfies(
                "reference_change",
                "is_first OR is_approved",
                field=None,
                column="table_name",
                key=("table_name",),
            ),
        ),
    ),
    Rule(
        id="RP19",
        title_zh="重算一致",
        statement_zh="输入、代码和参数相同的重算结果相同，否则结果须升版本",
        statement_en="The same inputs, code and parameters give the same rows again; another result is another version",
        clause="统计法第六条（统计资料真实准确）；青政办〔2016〕225号第33项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="找出模型中不确定的次序或未登记的输入，改正后重新计算",
        fix_en="Find the order that is not fixed or the input that is not listed in the model, mend it and compute again",
        checks=(
            no_rows(
                "reprocessing",
                "SELECT model FROM {batch} GROUP BY model, period, fingerprint, engine HAVING count(DISTINCT content) > 1",
                key=("model",),
                units="SELECT count(DISTINCT model) FROM {batch}",
            ),
        ),
    ),
    Rule(
        id="RP22",
        title_zh="死亡与处分原因不外流",
        statement_zh="死亡原因、处分原因不出现在采集区以外的表中",
        statement_en="Reasons of death or discipline appear in no table beyond collection",
        clause="未成年人保护法第一百零三条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从模型中删去该列",
        fix_en="Remove the column from the model",
        checks=(
            on_columns(
                "NOT regexp_matches(column_name, '(change_reason|death|discipline)')",
                when="kind IN ('tables', 'marts')",
            ),
        ),
    ),
    Rule(
        id="RP23",
        title_zh="学籍滚存平衡",
        statement_zh="期初 + 新入 + 升入 + 转入 + 复学 − 升出 − 转出 − 毕业 − 离校 ± 更正 = 期末；差额逐校列出，县级差额过大时停止发布",
        statement_en="Opening and explained flows make the closing of every school and grade; a school with a residual is named, and a "
        "county with too many unexplained changes stops the month",
        clause="青政办〔2016〕225号第28项（在校生动态监控）",
        severity=WARN,
        owner_zh=SCHOOL_COUNTY,
        fix_zh="逐人核对无依据增减的学生，补报异动或更正学籍",
        fix_en="Check the pupils who came or went without an explanation; deliver the change or correct the registration",
        checks=(
            satisfies(
                "core.roll_forward__school_grade_month",
                "n_residual = 0 AND n_unexplained_in = 0 AND n_unexplained_out = 0",
                field=None,
                column="n_residual",
                key=("school_id", "grade_code"),
                when="n_residual IS NOT NULL",
            ),
            no_rows(
                "core.roll_forward__school_grade_month",
                "SELECT county_code FROM {batch} WHERE n_residual IS NOT NULL GROUP BY county_code "
                f"HAVING sum(n_unexplained_in + n_unexplained_out) >= {threshold('roll_forward_block_min')} "
                f"AND sum(n_unexplained_in + n_unexplained_out) > {threshold('roll_forward_block_share')} * sum(n_opening)",
                key=("county_code",),
                units="SELECT count(DISTINCT county_code) FROM {batch}",
                severity=BLOCK,
            ),
        ),
    ),
)
