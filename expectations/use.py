"""Rules of use (使用): what tables for analysts and dashboards may hold."""

from __future__ import annotations

from expectations.rule import BLOCK, CENTRE, Rule, on_columns

RULES: tuple[Rule, ...] = (
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
                "tier IN ('L1', 'L2') AND type <> 'UUID' AND NOT regexp_matches(column_name, '(token|person_key|row_no|birth_date)')",
                when="kind = 'marts'",
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
)
