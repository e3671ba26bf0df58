"""Rules of processing (处理): lineage, one enrolment per person, sums, bands, basis, code lists.

Some of them judge marts: they are rules of processing (what a figure must be), evaluated where the figure first exists.
"""

from __future__ import annotations

from expectations.rule import Rule, Severity, no_rows, satisfies

BLOCK, QUARANTINE, WARN = Severity.BLOCK, Severity.QUARANTINE, Severity.WARN
CENTRE = "省级教育数据中心"
_GROSS = "mart.gross_enrolment__region_year"
_GROSS_KEY = ("period", "region_level", "region_code", "measure_code")
_INDICATOR = "mart.indicator_value__region_year"
_INDICATOR_KEY = ("period", "year", "variant_id", "origin_code", "region_level", "region_code")
_MEASURE = "use.measure__region_year"
_ENROLMENT = "mart.enrolment__county_stage_month"


def _threshold(name: str) -> str:
    return f"(SELECT value FROM ref.threshold WHERE threshold_id = '{name}')"


RULES: tuple[Rule, ...] = (
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
        id="RP04",
        title_zh="一人一籍",
        statement_zh="同一人同时只有一条有效学籍；重复的全部列出并只计一次",
        statement_en="A person has one active registration; duplicates are all listed and counted once",
        clause="中小学生学籍管理办法（不得重复建立学籍）",
        severity=QUARANTINE,
        owner_zh="报送单位",
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
                f"value_unrounded <= {_threshold('gross_preschool_max')}",
                field="value_unrounded",
                column="value_unrounded",
                key=_GROSS_KEY,
            ),
            satisfies(
                _INDICATOR,
                f"unit <> 'pct' OR value_unrounded <= {_threshold('gross_preschool_max')}",
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
            satisfies(
                "ref.dataset_column",
                "NOT regexp_matches(column_name, '(^|_)(id_no|student_no|certificate_no|person_no|household_no|candidate_no|phone|name)$') "
                "OR type = 'UUID' OR column_name IN ('school_name', 'college_name', 'class_name')",
                field=None,
                column="column_name",
                key=("dataset", "column_name"),
                when="kind IN ('tables', 'marts') OR (kind = 'extracts' AND zone IN ('raw', 'token'))",
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
            satisfies(
                "ref.dataset_column",
                "NOT regexp_matches(column_name, '(change_reason|death|discipline)')",
                field=None,
                column="column_name",
                key=("dataset", "column_name"),
                when="kind IN ('tables', 'marts')",
            ),
        ),
    ),
)
