"""Rules of storage (存储): originals, vault, ledger, retention. Most judge registers that the storage room builds.

Datasets (see assets/storage/room.py): `archive_object` one row per archived file or envelope of the month, `ledger` one row per event,
`content_scan` one row per text column open to analysts, `setting`, `work_folder`; `ref.dataset` and `ref.dataset_column` are the
catalogue made from the contracts; `delivery_rows` compares the record of each delivery with the rows that are there.
"""

from __future__ import annotations

from expectations import registers
from expectations.rule import AUDIT, BLOCK, CENTRE, OWNER, WARN, Rule, Stage, no_rows, on_columns, satisfies

RULES: tuple[Rule, ...] = (
    *registers.of(Stage.STORAGE),
    Rule(
        id="RT01",
        title_zh="原始文件完整",
        statement_zh="原始文件逐字节保存、只读，每次运行校验哈希",
        statement_en="Originals are kept byte-identical and read-only; their hash is verified on each run",
        clause="统计法第二十四条；档案法实施条例第三十九条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从备份恢复该归档对象",
        fix_en="Restore the archive object from the backup",
        checks=(satisfies("archive_object", "is_intact AND is_read_only", field=None, key=("delivery_id",)),),
    ),
    Rule(
        id="RT02",
        title_zh="标识信息不落库",
        statement_zh="姓名、证件号、学籍号、电话、地址只在保险库和归档中，数据库只存密钥令牌",
        statement_en="Names, ids, student numbers, phones and addresses lie in vault and archive only; tables hold keyed tokens",
        clause="个人信息保护法第五十一条第三项；网络数据安全管理条例第九条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在契约中把该列的 zone 改为 token 或 vault",
        fix_en="Set the zone of the column to token or vault in its contract",
        checks=(
            on_columns(
                "NOT (kind = 'extracts' AND zone = 'raw' AND (read_as IN ('name', 'phone', 'citizen_id', 'student_no', 'local_no') "
                "OR (read_as = 'text' AND tier IN ('L3', 'L4'))))",
            ),
        ),
    ),
    Rule(
        id="RT03",
        title_zh="分析区无标识内容",
        statement_zh="分析与发布模式的文本列中没有身份证号、手机号、银行卡号样式的内容",
        statement_en="No text column open to analysts holds content like an id, phone or bank number",
        clause="个人信息保护法第五十一条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="找出写入该列的模型并改为令牌或代码",
        fix_en="Find the model that writes the column and make it a token or a code",
        checks=(
            satisfies(
                "content_scan",
                "n_hits = 0",
                field=None,
                column="column_name",
                key=("table_name", "column_name"),
            ),
        ),
    ),
    Rule(
        id="RT04",
        title_zh="境内本地存储",
        statement_zh="所有存储路径为本地路径，未配置网络端点",
        statement_en="Every storage path is local, no network endpoint is configured",
        clause="个人信息保护法第三十六条、第四十条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在 edu.toml 中改用本地路径",
        fix_en="Use local paths in edu.toml",
        checks=(satisfies("setting", "is_local", field=None, column="name", key=("name",)),),
    ),
    Rule(
        id="RT05",
        title_zh="分类分级",
        statement_zh="每个数据集有分级，且等于其字段的最高级（就高从严）",
        statement_en="Every dataset has a grade, equal to the highest grade of its fields",
        clause="数据安全法第二十一条；GB/T 43697-2024",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在契约中补全字段分级",
        fix_en="Complete the classification of the columns in the contract",
        checks=(
            no_rows(
                "ref.dataset",
                "SELECT b.dataset FROM {batch} b LEFT JOIN ref.dataset_column c ON c.dataset = b.dataset AND c.kind = b.kind "
                "AND c.zone <> 'drop' GROUP BY b.dataset, b.kind, b.tier HAVING b.tier IS NULL OR b.tier <> max(c.tier) "
                "OR count(*) FILTER (c.tier IS NULL) > 0",
                key=("dataset",),
            ),
        ),
    ),
    Rule(
        id="RT06",
        title_zh="保存期限",
        statement_zh="每个采集数据集有保存期限和依据",
        statement_en="Every collected dataset has a retention period and a basis",
        clause="个人信息保护法第十九条；网络数据安全管理条例第二十一条第三项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在契约中写明 retentionYears 和 legalBasis",
        fix_en="State retentionYears and legalBasis in the contract",
        checks=(
            satisfies(
                "ref.dataset",
                "retention_years > 0 AND legal_basis IS NOT NULL",
                field=None,
                column="dataset",
                key=("dataset",),
                when="kind = 'extracts'",
            ),
        ),
    ),
    Rule(
        id="RT10",
        title_zh="提供记录留存",
        statement_zh="向他人提供数据的记录至少保存三年：台账和总账一致，没有丢失",
        statement_en="Records of providing data are kept for three years: the log and the ledger agree and nothing is lost",
        clause="网络数据安全管理条例第十二条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="用 edu verify --ledger 查出缺失的记录，从备份恢复",
        fix_en="`edu verify --ledger` names what is missing; restore it from the backup",
        checks=(
            satisfies("share_delivery", "is_logged", field=None, column="delivery_no", key=("delivery_no",)),
        ),
    ),
    Rule(
        id="RT13",
        title_zh="台账链完整",
        statement_zh="台账只增不改、序号连续、哈希相连",
        statement_en="The ledger is append-only, gap-free and hash-chained",
        clause="档案管理与审计要求",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="停止发布，比对备份，查明何处被改动",
        fix_en="Stop publishing, compare with the backup and find what was changed",
        checks=(satisfies("ledger", "is_linked", field=None, column="seq", key=("seq",)),),
    ),
    Rule(
        id="RT14",
        title_zh="快照不可变",
        statement_zh="已接收的快照不被就地修改：库中行数等于台账接收行数，读入 = 接收 + 隔离",
        statement_en="An accepted snapshot is never changed in place: rows there = rows accepted, and read = accepted + quarantined",
        clause="教发厅〔2018〕1 号第二条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="从归档重放该批次",
        fix_en="Replay the delivery from the archive",
        checks=(
            satisfies(
                "delivery_rows",
                "n_there = n_accepted AND n_read = n_accepted + n_quarantined",
                field=None,
                column="delivery_id",
                key=("delivery_id",),
            ),
        ),
    ),
    Rule(
        id="RT15",
        title_zh="问题行限期整改",
        statement_zh="隔离行记录规则、行指针和时间；超过 90 天未解决的列出",
        statement_en="Quarantined rows keep rule, pointer and date; those unresolved for more than 90 days are listed",
        clause="个人信息保护法第八条",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="按退回清单更正后重新报送",
        fix_en="Correct the returned rows and deliver again",
        checks=(
            no_rows(
                "delivery_rows",
                "SELECT b.delivery_id FROM {batch} b WHERE b.n_quarantined > 0 AND b.received_on + "
                "(SELECT value FROM ref.threshold WHERE threshold_id = 'quarantine_days')::INTEGER < ({period} || '-28')::DATE",
                key=("delivery_id",),
            ),
        ),
    ),
    Rule(
        id="RT18",
        title_zh="临时文件清除",
        statement_zh="含个人信息的临时文件 24 小时内清除",
        statement_en="Temporary files with personal data are purged within 24 hours",
        clause="个人信息保护法第五十一条",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="运行 edu doctor 清除遗留的工作目录",
        fix_en="Run `edu doctor`: it removes what dead processes left behind",
        checks=(satisfies("work_folder", "NOT is_stale", field=None, column="name", key=("name",)),),
    ),
)
