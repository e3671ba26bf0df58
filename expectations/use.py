"""Rules of use (使用): what tables for analysts and dashboards may hold, who looks at persons and why."""

from __future__ import annotations

from expectations import registers
from expectations.rule import AUDIT, BLOCK, CENTRE, Rule, Stage, no_rows, on_columns, satisfies, threshold

_ACCESS = "ops.access__event"
_DECIDES = "教育帮扶与应助尽助"  # purpose of the tables on which people decide about a person

RULES: tuple[Rule, ...] = (
    *registers.of(Stage.USE),
    Rule(
        id="RU03",
        title_zh="未成年人信息访问留痕",
        statement_zh="查看、导出学生个人信息，每次都记下谁、看了什么、为什么、多少人",
        statement_en="Every look at records of minors says who looked, at what, why, and at how many",
        clause="未成年人网络保护条例第三十六条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="核查该次访问的经过，补记并追究",
        fix_en="Find out how this access came about",
        checks=(
            satisfies(
                _ACCESS,
                "use_code IS NOT NULL AND coalesce(subject, '') <> '' AND n_persons IS NOT NULL "
                "AND regexp_full_match(account, '[A-Za-z0-9._-]{1,40}')",
                field=None,
                key=("seq",),
            ),
        ),
    ),
    Rule(
        id="RU04",
        title_zh="查询有用途",
        statement_zh="个人级查看、导出须有登记在册且准许该方式的用途代码",
        statement_en="A look at persons has a purpose of the register, and one that allows this use",
        clause="个人信息保护法第六条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="停止该项使用；确有需要的，先在 purpose 中登记用途",
        fix_en="Stop this use, or register its purpose in reference/purpose.csv first",
        checks=(
            no_rows(
                _ACCESS,
                "SELECT b.seq FROM {batch} b LEFT JOIN ref.purpose p ON p.purpose_code = b.purpose_code "
                "WHERE p.purpose_code IS NULL OR b.use_code IS NULL OR NOT list_contains(string_split(p.uses, '|'), b.use_code)",
                key=("seq",),
            ),
        ),
    ),
    Rule(
        id="RU05",
        title_zh="大批导出复核",
        statement_zh="一次涉及超过一千人的，须有另一账号批准",
        statement_en="More than a thousand persons at once need the approval of a second account",
        clause="个人信息保护法第五十一条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="追回文件，查明为何未经批准",
        fix_en="Take the file back and find out why nobody approved it",
        checks=(
            satisfies(
                _ACCESS,
                f"n_persons <= {threshold('export_second_approval')} "
                "OR (second_account IS NOT NULL AND second_account <> account)",
                field=None,
                key=("seq",),
            ),
        ),
    ),
    Rule(
        id="RU07",
        title_zh="看板不见个人",
        statement_zh="看板只读发布表；发布表没有个人级字段和令牌",
        statement_en="Dashboards read marts only; a mart has no person-level field and no token",
        clause="个人信息保护法第六条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="把该列移出发布表，或汇总后再发布",
        fix_en="Take the column out of the mart, or aggregate it",
        checks=(
            on_columns(
                "tier IN ('L1', 'L2') AND type <> 'UUID' AND NOT regexp_matches(column_name, '(token|person_(id|key)|row_no|birth_date)')",
                when="kind = 'marts'",
            ),
        ),
    ),
    Rule(
        id="RU12",
        title_zh="考核用数有据",
        statement_zh="年度考核成绩单取自已批准发布的版本，冻结后内容不变",
        statement_en="A scorecard for assessment comes from an approved, published release and is not changed afterwards",
        clause="青政办〔2016〕225号三（一）；教育统计管理规定第二十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="先发布该版本，再冻结成绩单；内容被改动的，从台账恢复",
        fix_en="Publish the release, then freeze the scorecard; restore a changed one from its release",
        checks=(
            no_rows(
                "assessment_use",
                "SELECT year, version FROM {batch} WHERE sha256(rows_json) <> content_hash OR release_id NOT IN "
                "(SELECT subject FROM ops.ledger__event WHERE event = 'publish')",
                key=("year", "version"),
            ),
        ),
    ),
    Rule(
        id="RU14",
        title_zh="特征排除敏感项",
        statement_zh="使用区的表不含宗教、死亡原因、父母职务等不得用于画像的字段",
        statement_en="Tables of the use zone hold no religion, reason of death or parents' post",
        clause="个人信息保护法第二十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从模型中删去该列",
        fix_en="Remove the column from the model",
        checks=(
            on_columns(
                "NOT regexp_matches(header || ' ' || column_name, '(宗教|死亡原因|职务|religion|death|guardian.*post|change_reason)')",
                when="kind IN ('tables', 'marts')",
            ),
        ),
    ),
    Rule(
        id="RU13",
        title_zh="统计资料专用",
        statement_zh="统计资料不用于资助、处罚等对个人的决定：帮扶和应助尽助的表不读统计资料，用途不兼作分析与处置",
        statement_en="Statistics decide no aid and no penalty: no table that decides about persons reads them, no purpose serves both",
        clause="统计法第二十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从该模型中去掉统计来源，或把用途分开登记",
        fix_en="Take the statistical source out of the model, or register two purposes",
        checks=(
            no_rows(
                "lineage",
                # from every table that decides about persons along its inputs, down to the sources
                "WITH RECURSIVE edge AS (SELECT model, unnest(json_keys(inputs)) AS input FROM {batch} WHERE inputs IS NOT NULL), "
                "reach AS (SELECT e.model, e.input FROM edge e JOIN ref.dataset d ON d.table_name = e.model "
                f"AND d.kind = 'tables' AND d.purpose = '{_DECIDES}' "
                "UNION SELECT r.model, e.input FROM reach r JOIN edge e ON e.model = r.input) "
                "SELECT DISTINCT r.model FROM reach r JOIN ref.dataset s ON s.table_name = r.input AND s.kind = 'extracts' "
                "WHERE s.legal_basis LIKE '%统计法%'",
                key=("model",),
                units=f"SELECT count(*) FROM {{batch}} b JOIN ref.dataset d ON d.table_name = b.model AND d.purpose = '{_DECIDES}'",
            ),
            satisfies(
                "ref.purpose",
                "NOT (list_contains(string_split(uses, '|'), 'snapshot') "
                "AND list_has_any(string_split(uses, '|'), ['card', 'gaps', 'feedback']))",
                field=None,
                key=("purpose_code",),
            ),
        ),
    ),
)
