"""Rules on a delivered file as a whole: its register, its envelope, its form; RC01 – RC15."""

from __future__ import annotations

from expectations.collection.columns import columns, mandatory
from expectations.rule import BLOCK, CENTRE, OWNER, QUARANTINE, WARN, Check, Rule, satisfies, threshold
from warehouse.contract import load_contracts

_FILE = ("delivery_id",)
_NO_HEADER = "('header_not_found', 'several_sheets', 'too_wide')"
_NO_TEXT = "('encoding', 'replacement_characters', 'nul_bytes')"


def _file(predicate: str, **common: object) -> Check:
    return satisfies("delivery", predicate, field=None, column="delivery_id", key=_FILE, **common)


RULES: tuple[Rule, ...] = (
    Rule(
        id="RC01",
        title_zh="来源已登记",
        statement_zh="每个来源已登记系统、责任单位、法律依据和用途",
        statement_en="Every extract has a registered source system, owner unit, legal basis and purpose",
        clause="个人信息保护法第六条、第十三条第三项、第三十四条；数据安全法第三十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在来源登记表中补登该来源后重新加载",
        fix_en="Register the source in reference/source_register.csv and load again",
        checks=(
            _file(
                "source IN (SELECT source FROM ref.source_register WHERE owner_unit IS NOT NULL "
                "AND legal_basis IS NOT NULL AND purpose IS NOT NULL)"
            ),
        ),
    ),
    Rule(
        id="RC02",
        title_zh="只收必要字段",
        statement_zh="报送的列不超出登记的必要列；多余的列在落库前丢弃并计数",
        statement_en="Columns delivered are among the columns registered as necessary; extras are dropped and counted",
        clause="个人信息保护法第六条（最小范围）",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="从报送文件中删去未登记的列；确有需要的先申请登记",
        fix_en="Leave out the unregistered columns, or apply for their registration first",
        checks=(_file("n_unknown_headers = 0"),),
    ),
    Rule(
        id="RC04",
        title_zh="告知规则有效",
        statement_zh="该来源、该期间有有效的个人信息处理规则，并含不满十四周岁未成年人专门规则",
        statement_en="A privacy notice covers this source and period, with a special rule for children under 14",
        clause="个人信息保护法第十七条、第三十条、第三十一条第二款；网络数据安全管理条例第二十一条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在告知规则登记表中登记有效版本后重新加载",
        fix_en="Register a valid notice in reference/notice_register.csv and load again",
        checks=(
            _file(
                "source IN (SELECT source FROM ref.notice_register WHERE (under14_rule OR source NOT IN "
                "(SELECT dataset FROM ref.dataset_column WHERE kind = 'extracts' AND tier IN ('L3', 'L4') AND zone <> 'drop')) "
                "AND valid_from <= (period || '-28')::DATE AND coalesce(valid_to, DATE '9999-12-31') >= (period || '-01')::DATE)"
            ),
        ),
    ),
    Rule(
        id="RC07",
        title_zh="报送单完整",
        statement_zh="报送单齐全：单位、期间、时点、文件校验值、行数、填表人、审核人、单位负责人、盖章；报送单位在名录中",
        statement_en="The envelope is complete: owner, period, as-of date, hash, row count, preparer, reviewer, head, seal; "
        "the owner is on the list of counties or colleges",
        clause="教育统计管理规定第二十七条",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="补全与文件同名的 .envelope.json 报送单，单位写县级行政区划代码或高校代码，重新报送",
        fix_en="Complete the .envelope.json beside the file, with the code of the county or college as owner, and deliver again",
        checks=(
            _file(
                "has_envelope AND env_source IS NOT NULL AND env_owner IS NOT NULL AND env_period IS NOT NULL "
                "AND as_of IS NOT NULL AND received_on IS NOT NULL AND env_sha256 IS NOT NULL AND n_declared IS NOT NULL "
                "AND preparer IS NOT NULL AND reviewer IS NOT NULL AND unit_head IS NOT NULL AND is_sealed"
            ),
            # A code that was valid once may still deliver; which county it is today is a matter of the crosswalk.
            _file(
                "(source, owner) IN (SELECT (s.source, c.county_code) FROM ref.source s, ref.county c WHERE s.owner_level = 'county' "
                "UNION ALL SELECT (s.source, c.college_code) FROM ref.source s, ref.college c WHERE s.owner_level = 'college' "
                "UNION ALL SELECT (s.source, {province} || '0000') FROM ref.source s WHERE s.owner_level = 'province')",
                when="env_owner IS NOT NULL",
            ),
        ),
    ),
    Rule(
        id="RC08",
        title_zh="填审分离",
        statement_zh="填表人、审核人、单位负责人为三个不同的人",
        statement_en="Preparer, reviewer and head of unit are three different persons",
        clause="教育统计管理规定第二十七条（职责分离）",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="由不同人员填表、审核和签批后重新报送",
        fix_en="Have different persons prepare, review and sign, and deliver again",
        checks=(
            _file(
                "lower(preparer) <> lower(reviewer) AND lower(reviewer) <> lower(unit_head) AND lower(preparer) <> lower(unit_head)",
                when="preparer IS NOT NULL AND reviewer IS NOT NULL AND unit_head IS NOT NULL",
            ),
        ),
    ),
    Rule(
        id="RC09",
        title_zh="按期报送",
        statement_zh="文件在报送日历规定的日期前收到；逾期须写明原因",
        statement_en="The file arrived by the date of the delivery calendar; a late one says why",
        clause="统计法第八条（不得迟报）",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="在报送单的 late_reason 中写明逾期原因",
        fix_en="Give the reason in late_reason of the envelope",
        checks=(
            _file(
                "received_on <= due_on OR late_reason IS NOT NULL",
                # A source that the calendar does not expect for the month cannot be late.
                when="received_on IS NOT NULL AND due_on IS NOT NULL",
            ),
        ),
    ),
    Rule(
        id="RC10",
        title_zh="编码可识别",
        statement_zh="文件编码可识别，没有替换字符和空字节；姓名中没有造字区字符、问号或方框",
        statement_en="The encoding is recognised, without replacement characters or NUL bytes; no name holds a private-use "
        "character, question mark or box instead of a lost one",
        clause="个人信息保护法第八条（质量）",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="用 UTF-8 或 GB18030 编码重新导出文件；姓名用字按户口簿核对，用输入法能打出的规范字",
        fix_en="Export the file again as UTF-8 or GB18030; check the characters of the name against the household register",
        checks=(
            _file(f"coalesce(problem_code, '') NOT IN {_NO_TEXT}"),
            # D02: the character was lost before delivery, or lies in a private area; a person must look at the document.
            *(
                satisfies(
                    source, f"NOT has_lost_character({c.name})", field=c.name, column=c.name, severity=WARN
                )
                for source, c in columns("name")
                if c.name == "name"
            ),
        ),
    ),
    Rule(
        id="RC11",
        title_zh="必填列与必填项",
        statement_zh="必填列齐全，没有重复列；必填单元格不空",
        statement_en="All mandatory columns are there, none twice; mandatory cells are filled",
        clause="个人信息保护法第八条（质量）",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="按模板补齐缺少的列、删去重复的列，补填空着的必填项后重新报送",
        fix_en="Add the missing columns as in the template, remove double ones, fill mandatory cells, and deliver again",
        checks=(
            _file(
                f"coalesce(problem_code, '') NOT IN {_NO_HEADER} AND n_missing_headers = 0 AND n_double_headers = 0"
            ),
            *(
                satisfies(source, predicate, field=column, severity=QUARANTINE)
                for source, column, predicate in mandatory()
            ),
        ),
    ),
    Rule(
        id="RC12",
        title_zh="行数守恒",
        statement_zh="文件可以读取，报送单行数等于去除表头表尾后的行数；每行单元格数与表头一致",
        statement_en="The file can be read and declared rows = parsed rows; every record has as many cells as the header",
        clause="统计法第八条（真实、准确、完整）",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="核对文件是否完整、报送单行数是否正确；错位的行按表头对齐",
        fix_en="Check that the file is complete and the declared count right; align shifted rows with the header",
        checks=(
            _file(
                f"(problem_code IS NULL OR problem_code IN {_NO_TEXT} OR problem_code IN {_NO_HEADER}) "
                "AND (problem_code IS NOT NULL OR n_declared IS NULL OR n_declared = n_records)"
            ),
            *(
                satisfies(source, "NOT is_ragged", field=None, severity=QUARANTINE)
                for source in load_contracts("extracts")
            ),
        ),
    ),
    Rule(
        id="RC13",
        title_zh="不重复加载",
        statement_zh="同一内容的文件只加载一次，不以上月文件充本月",
        statement_en="A file of identical content is loaded once, and last month's file does not stand for this month",
        clause="数据中心规则手册（自定，无上位条文）",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="删去内容完全相同的重复文件；与其他月份相同的，核对是否报错月份",
        fix_en="Remove the copies; if the file is that of another month, check whether it was sent for the wrong one",
        checks=(
            _file("n_copies = 1"),
            # D24: a register of some size that is, byte by byte, that of another month was probably sent for the wrong one.
            _file(
                f"n_other_periods = 0 OR n_records < {threshold('unchanged_file_rows')}",
                when="source IN (SELECT source FROM ref.source WHERE in_force = 'same_period') AND n_records IS NOT NULL",
            ),
        ),
    ),
    Rule(
        id="RC14",
        title_zh="期间与时点一致",
        statement_zh="报送单的来源、期间与存放位置一致，时点不晚于收到日期，校验值与文件一致；标题期间和时点在本期内",
        statement_en="Source and period of the envelope match the folder, as-of ≤ receipt, hash matches the file; "
        "the month in the title and the as-of date are of this period",
        clause="数据中心规则手册（自定，无上位条文）",
        severity=BLOCK,
        owner_zh=OWNER,
        fix_zh="更正报送单，或把文件放到正确的期间目录",
        fix_en="Correct the envelope, or move the file to the folder of its period",
        checks=(
            _file(
                "env_source = source AND env_period = period",
                when="env_source IS NOT NULL AND env_period IS NOT NULL",
            ),
            _file("as_of <= received_on", when="as_of IS NOT NULL AND received_on IS NOT NULL"),
            _file("env_sha256 = sha256", when="env_sha256 IS NOT NULL"),
            # D24, D25: what a title row says, and a snapshot of another month, are for a person to judge.
            _file("title_period = period", when="title_period IS NOT NULL", severity=WARN),
            _file(
                "strftime(as_of, '%Y-%m') = period",
                when="as_of IS NOT NULL AND as_of <= received_on",
                severity=WARN,
            ),
        ),
    ),
    Rule(
        id="RC15",
        title_zh="人数波动",
        statement_zh="人数与上一期已接收版本相比波动不超过 20%，否则须说明",
        statement_en="Headcount within ±20 % of the previous accepted version, or a comment",
        clause="数据中心规则手册（自定，无上位条文）",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="核实人数变化并说明原因（招生、撤并、整县转移等）",
        fix_en="Confirm the change and say why (intake, mergers …)",
        checks=(
            _file(
                f"abs(n_records - n_previous) <= n_previous * {threshold('headcount_change_share')}",
                # Changes, aid and visits are events: their number varies by nature.
                when="n_previous > 0 AND n_records IS NOT NULL AND source NOT IN "
                "('student_change', 'aid_record', 'two_later_survey')",
            ),
        ),
    ),
)
