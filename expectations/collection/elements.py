"""Rules on what is collected at all: RC03, RC05, RC06; and on what was approved and may no longer be changed: RC37.

Datasets: `delivery` (see delivery.py), `ref.dataset_column`, and `published_release` (warehouse/release/published.py).
"""

from __future__ import annotations

from expectations.rule import BLOCK, CENTRE, WARN, Rule, no_rows, satisfies

_COLUMN = ("dataset", "column_name")
# Columns of the extracts that are kept, under the name of their element: a token stands for the column it was made from.
_KEPT = (
    "SELECT dataset, column_name, regexp_replace(column_name, '_token$', '') AS element FROM {batch} "
    "WHERE kind = 'extracts' AND zone <> 'drop'"
)
_AUTHORITY = (
    "SELECT column_name AS element, split_part(a, '.', 1) AS source, "
    "coalesce(nullif(split_part(a, '.', 2), ''), column_name) AS source_column "
    "FROM (SELECT column_name, unnest(string_split(authorities, '|')) AS a FROM ref.element_source)"
)

RULES: tuple[Rule, ...] = (
    Rule(
        id="RC03",
        title_zh="禁收字段不入库",
        statement_zh="血型、宗教、照片、指纹、银行卡号等字段不得报送；国家系统固定带出的，读取时丢弃，任何表都不留存",
        statement_en="Blood group, religion, photo, fingerprint, bank card and the like are not delivered; those that a national "
        "system always exports are dropped on reading, and no table holds them",
        clause="个人信息保护法第六条、第二十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从报送文件中删去这些列（禁收字段表 blacklist）后重新报送；表中的列改为 zone = drop",
        fix_en="Leave these columns (reference/blacklist.csv) out and deliver again; in a contract their zone is drop",
        checks=(
            satisfies(
                "delivery", "n_forbidden_headers = 0", field=None, column="delivery_id", key=("delivery_id",)
            ),
            no_rows(
                "ref.dataset_column",
                "SELECT DISTINCT c.dataset, c.column_name FROM {batch} c JOIN ref.blacklist b ON contains(c.header, b.header_zh) "
                "WHERE c.zone <> 'drop'",
                key=_COLUMN,
            ),
        ),
    ),
    Rule(
        id="RC05",
        title_zh="一数一源",
        statement_zh="多个来源都有的数据项，在权威来源表中写明以哪个来源为准，且该来源确实报送；其他来源只补空值",
        statement_en="An element that several sources deliver has an authority, which delivers it; the others may fill blanks only",
        clause="教发厅〔2018〕1号",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="在 element_source 中写明该数据项以哪个来源为准",
        fix_en="State the authority of the element in reference/element_source.csv",
        checks=(
            no_rows(
                "ref.dataset_column",
                f"WITH kept AS ({_KEPT}), authority AS ({_AUTHORITY}), "
                "shared AS (SELECT element FROM kept GROUP BY ALL HAVING count(DISTINCT dataset) > 1) "
                "SELECT k.dataset, k.column_name FROM kept k JOIN shared s ON s.element = k.element "
                "WHERE k.element NOT IN (SELECT element FROM authority) "
                "UNION ALL SELECT k.dataset, k.column_name FROM kept k JOIN shared s ON s.element = k.element "
                "JOIN authority a ON a.element = k.element "
                "WHERE NOT EXISTS (SELECT 1 FROM kept d WHERE d.dataset = a.source AND d.element = a.source_column)",
                key=_COLUMN,
                units=f"SELECT count(*) FROM ({_KEPT})",
            ),
        ),
    ),
    Rule(
        id="RC06",
        title_zh="不重复采集",
        statement_zh="其他部门的权威来源已经提供的数据项，教育部门不再采集；随国家系统带出等情形须登记理由和期限",
        statement_en="What the authoritative source of another department provides is not collected again by us, unless a reason is registered",
        clause="政务数据共享条例第十九条",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="停止采集该列，或在 collection_exemption 中登记理由",
        fix_en="Stop collecting the column, or register the reason in reference/collection_exemption.csv",
        checks=(
            no_rows(
                "ref.dataset_column",
                f"WITH kept AS ({_KEPT}), authority AS ({_AUTHORITY}), "
                "theirs AS (SELECT a.element FROM authority a JOIN ref.dataset d ON d.dataset = a.source AND d.kind = 'extracts' "
                "GROUP BY ALL HAVING count(*) FILTER (d.owner = (SELECT owner FROM ref.dataset WHERE dataset = 'student_registry' "
                "AND kind = 'extracts')) = 0) "
                "SELECT k.dataset, k.column_name FROM kept k JOIN theirs t ON t.element = k.element "
                "JOIN ref.dataset o ON o.dataset = k.dataset AND o.kind = 'extracts' "
                "WHERE o.owner = (SELECT owner FROM ref.dataset WHERE dataset = 'student_registry' AND kind = 'extracts') "
                "AND NOT EXISTS (SELECT 1 FROM ref.collection_exemption e WHERE e.source = k.dataset AND e.column_name = k.element "
                "AND coalesce(e.valid_to, DATE '9999-12-31') >= ({period} || '-01')::DATE)",
                key=_COLUMN,
                units=f"SELECT count(*) FROM ({_KEPT})",
            ),
        ),
    ),
    Rule(
        id="RC37",
        title_zh="审定后不得手改",
        statement_zh="已发布的统计数据与台账记录的校验值一致，更正只以新版本发布",
        statement_en="The files of every published release are those that the ledger recorded; corrections are new versions",
        clause="统计法第六条；教育统计管理规定第三十二条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从备份恢复该版本（edu verify 版本 指出被改的文件）；需要更正的，重新报送并发布新版本",
        fix_en="Restore the release from the backup (`edu verify RELEASE` names the files); a correction is delivered and published anew",
        checks=(
            satisfies(
                "published_release",
                "is_known AND is_there AND is_unchanged",
                field=None,
                column="release_id",
                key=("release_id",),
            ),
        ),
    ),
)
