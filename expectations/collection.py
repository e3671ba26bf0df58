"""Rules of collection (采集): what a delivered file and each of its rows must satisfy before it enters the warehouse.

Datasets: `delivery` is one row per new file (work.main.delivery, see assets/collection/collect.py); every other dataset is an
extract being collected (work.main.clean, see warehouse/intake.py). Numbers come from ref.threshold, lists from ref.*.
Statements, clauses and severities: domain rule table, collection.
"""

from __future__ import annotations

from collections.abc import Iterator

from expectations.rule import Check, Rule, Severity, matches, no_rows, not_null, satisfies
from warehouse.contract import Column, load_contracts

FILE = ("delivery_id",)
BLOCK, QUARANTINE, WARN = Severity.BLOCK, Severity.QUARANTINE, Severity.WARN
COUNTY, CENTRE = "报送单位", "省级教育数据中心"

# 居民身份证, 户口簿: the types whose number is a citizen id; a source without a type column has only these.
_RESIDENT = "('1', 'B')"
_PUPILS = ("student_registry", "preschool_registry", "vocational_registry")
_NO_HEADER = "('header_not_found', 'several_sheets', 'too_wide')"
_NO_TEXT = "('encoding', 'replacement_characters', 'nul_bytes')"


def _threshold(name: str) -> str:
    return f"(SELECT value FROM ref.threshold WHERE threshold_id = '{name}')"


def _file(predicate: str, **common: object) -> Check:
    return satisfies("delivery", predicate, field=None, column="delivery_id", key=FILE, **common)


def _columns(*kinds: str) -> Iterator[tuple[str, Column]]:
    for source, contract in load_contracts("extracts").items():
        for column in contract.columns:
            if column.kind in kinds and column.zone != "drop":
                yield source, column


def _own_ids() -> list[tuple[str, str, str | None]]:
    """(source, id column, condition) of the columns that hold the citizen id of the row's own person."""
    found = []
    for source, contract in load_contracts("extracts").items():
        names = {c.name for c in contract.columns}
        if "id_no" in names:
            resident = f"coalesce(id_type_code, '1') IN {_RESIDENT}" if "id_type_code" in names else None
            found.append((source, "id_no", resident))
    return found


def _others_ids() -> list[tuple[str, str, str | None]]:
    """(source, id column, condition) of the columns that hold the citizen id of another person: guardian, head of household."""
    found = []
    for source, column in _columns("citizen_id"):
        if column.name != "id_no":
            names = {c.name for c in load_contracts("extracts")[source].columns}
            type_ = column.name.replace("_id_no", "_id_type_code")
            found.append(
                (source, column.name, f"coalesce({type_}, '1') IN {_RESIDENT}" if type_ in names else None)
            )
    return found


# Empty cells that a rule of their own judges: school RC24, numbers RC21, RC22 and RC33, visitor and date RC38
_BLANK_ELSEWHERE = {
    "student_registry": {"student_no"},
    "poverty_register": {"household_no", "household_relation_code", "n_members"},
    "two_later_survey": {"surveyor", "survey_date"},
}
_MAY_BE_BAD = ("code", "flag", "grade", "integer", "decimal", "date", "month", "class_label", "county")


def _mandatory() -> Iterator[tuple[str, str, str]]:
    """(source, column, predicate) of the columns without which a row is of no use."""
    for source, contract in load_contracts("extracts").items():
        for c in contract.columns:
            judged = c.kind in ("citizen_id", "school_id") or c.name in _BLANK_ELSEWHERE.get(source, set())
            if c.required and c.zone != "drop" and not judged and "mayBeBlank" not in c.properties:
                # What is written but cannot be read is not empty: RC25, RC26.
                yield (
                    source,
                    c.name,
                    f"{c.name} IS NOT NULL" + (f" OR {c.name}__bad" if c.kind in _MAY_BE_BAD else ""),
                )


def _and(*parts: str | None) -> str:
    return " AND ".join(p for p in parts if p)


_LONG = "poverty_register"  # the only register whose numbers may carry a disability suffix
_DESTINATION = "coalesce(destination_code, destination_text_code)"  # some colleges fill only the text
_WRITTEN = "id_no IS NOT NULL AND NOT id_no__damaged"


def _shape(source: str) -> str:
    return "length(id_no) IN (18, 20, 22)" if source == _LONG else "length(id_no) = 18"


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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        statement_zh="文件在采集期内收到；逾期须写明原因",
        statement_en="The file arrived inside the collection window; a late one says why",
        clause="统计法第八条（不得迟报）",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="在报送单的 late_reason 中写明逾期原因",
        fix_en="Give the reason in late_reason of the envelope",
        checks=(
            _file(
                f"received_on <= (period || '-01')::DATE + ({_threshold('collection_window_days')} - 1)::INTEGER "
                "OR late_reason IS NOT NULL",
                when="received_on IS NOT NULL",
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
        owner_zh=COUNTY,
        fix_zh="用 UTF-8 或 GB18030 编码重新导出文件；姓名用字按户口簿核对，用输入法能打出的规范字",
        fix_en="Export the file again as UTF-8 or GB18030; check the characters of the name against the household register",
        checks=(
            _file(f"coalesce(problem_code, '') NOT IN {_NO_TEXT}"),
            # D02: the character was lost before delivery, or lies in a private area; a person must look at the document.
            *(
                satisfies(
                    source, f"NOT has_lost_character({c.name})", field=c.name, column=c.name, severity=WARN
                )
                for source, c in _columns("name")
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
        owner_zh=COUNTY,
        fix_zh="按模板补齐缺少的列、删去重复的列，补填空着的必填项后重新报送",
        fix_en="Add the missing columns as in the template, remove double ones, fill mandatory cells, and deliver again",
        checks=(
            _file(
                f"coalesce(problem_code, '') NOT IN {_NO_HEADER} AND n_missing_headers = 0 AND n_double_headers = 0"
            ),
            *(
                satisfies(source, predicate, field=column, severity=QUARANTINE)
                for source, column, predicate in _mandatory()
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
        owner_zh=COUNTY,
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
        clause="domain rule table",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="删去内容完全相同的重复文件；与其他月份相同的，核对是否报错月份",
        fix_en="Remove the copies; if the file is that of another month, check whether it was sent for the wrong one",
        checks=(
            _file("n_copies = 1"),
            # D24: a register of some size that is, byte by byte, that of another month was probably sent for the wrong one.
            _file(
                f"n_other_periods = 0 OR n_records < {_threshold('unchanged_file_rows')}",
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
        clause="domain rule table",
        severity=BLOCK,
        owner_zh=COUNTY,
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
        clause="domain rule table",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="核实人数变化并说明原因（招生、撤并、整县转移等）",
        fix_en="Confirm the change and say why (intake, mergers …)",
        checks=(
            _file(
                f"abs(n_records - n_previous) <= n_previous * {_threshold('headcount_change_share')}",
                # Changes, aid and visits are events: their number varies by nature.
                when="n_previous > 0 AND n_records IS NOT NULL AND source NOT IN "
                "('student_change', 'aid_record', 'two_later_survey')",
            ),
        ),
    ),
    Rule(
        id="RC16",
        title_zh="身份证校验码",
        statement_zh="18 位公民身份号码校验码正确、出生日期段为真实日期",
        statement_en="An 18-character citizen id has the right check character and a real birth date",
        clause="GB 11643-1999",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="按户口簿或身份证核对并更正号码",
        fix_en="Correct the number from the household register or id card",
        checks=tuple(
            satisfies(source, f"{column}__ok", field=column, when=_and(_WRITTEN, _shape(source), resident))
            for source, column, resident in _own_ids()
        )
        # The number of another person does not keep the row out, but it is of no use.
        + tuple(
            satisfies(
                source,
                f"{column}__ok",
                field=column,
                severity=WARN,
                when=_and(
                    f"{column} IS NOT NULL AND NOT {column}__damaged AND length({column}) NOT IN (20, 22)",
                    resident,
                ),
            )
            for source, column, resident in _others_ids()
        ),
    ),
    Rule(
        id="RC17",
        title_zh="号码被表格软件损坏",
        statement_zh="身份证号不是科学计数法，末三位没有被表格软件改成 000",
        statement_en="The id is neither in scientific notation nor cut to 15 significant digits by a spreadsheet",
        clause="GB 11643-1999",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="把该列设为文本后从原系统重新导出；损坏的号码无法还原，不得猜填",
        fix_en="Export again with the column as text; a damaged number cannot be restored and must not be guessed",
        checks=tuple(
            satisfies(source, "NOT id_no__damaged", field=column, when="id_no IS NOT NULL")
            for source, column, _ in _own_ids()
        )
        + tuple(
            satisfies(
                source, f"NOT {column}__damaged", field=column, severity=WARN, when=f"{column} IS NOT NULL"
            )
            for source, column, _ in _others_ids()
        ),
    ),
    Rule(
        id="RC18",
        title_zh="残疾证号后缀",
        statement_zh="20 或 22 位号码的残疾类别为 1–7、等级为 1–4",
        statement_en="The suffix of a 20- or 22-character number has category 1–7 and level 1–4",
        clause="残疾人证编号规则",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="按残疾人证核对后两位（类别、等级）",
        fix_en="Check category and level against the disability certificate",
        checks=(
            satisfies(
                _LONG,
                "regexp_full_match(substr(id_no, 19), '[1-7][1-4](B[1-9])?')",
                field="id_no",
                when="length(id_no) IN (20, 22)",
            ),
            satisfies(
                "disability_roster",
                "regexp_full_match(certificate_no, '[0-9]{17}[0-9X][1-7][1-4](B[1-9])?')",
                field="certificate_no",
                column="certificate_no",
            ),
        ),
    ),
    Rule(
        id="RC19",
        title_zh="出生日期一致",
        statement_zh="身份证号中的出生日期与出生日期列一致",
        statement_en="Birth date in the id = birth date column",
        clause="GB 11643-1999",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="按户口簿核对身份证号和出生日期，改正错误的一项",
        fix_en="Correct whichever of the two is wrong from the household register",
        checks=tuple(
            satisfies(
                source,
                "citizen_birth_date(id_no) = birth_date",
                field="birth_date",
                when=_and("id_no__ok AND birth_date IS NOT NULL", resident),
            )
            for source, _, resident in _own_ids()
            if any(c.name == "birth_date" for c in load_contracts("extracts")[source].columns)
        ),
    ),
    Rule(
        id="RC20",
        title_zh="性别一致",
        statement_zh="身份证号第 17 位奇偶与性别一致",
        statement_en="Parity of digit 17 of the id = sex",
        clause="GB 11643-1999",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="核对身份证号和性别",
        fix_en="Check id and sex",
        checks=tuple(
            satisfies(
                source,
                "digit_at(id_no, 17) % 2 = CASE sex_code WHEN '1' THEN 1 ELSE 0 END",
                field="sex_code",
                when=_and("id_no__ok AND sex_code IN ('1', '2')", resident),
            )
            for source, _, resident in _own_ids()
            if any(c.name == "sex_code" for c in load_contracts("extracts")[source].columns)
        ),
    ),
    Rule(
        id="RC21",
        title_zh="证件号必填",
        statement_zh="证件类型为居民身份证或户口簿时须填 18 位号码；为其他时可空，但须填监护人证件号",
        statement_en="Identity card or household register ⇒ 18 characters; other type ⇒ may be blank with a guardian's id",
        clause="学籍信息采集表填表说明",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="补填证件号；确无证件的证件类型选“其他”并填监护人证件号",
        fix_en="Fill in the number; without any document choose type 'other' and give a guardian's id",
        checks=(
            satisfies(
                "student_registry",
                f"CASE WHEN id_type_code IN {_RESIDENT} THEN length(id_no) = 18 "
                "ELSE id_no IS NOT NULL OR guardian1_id_no IS NOT NULL OR guardian2_id_no IS NOT NULL END",
                field="id_no",
                when="id_type_code IS NOT NULL AND NOT id_no__damaged",
            ),
            satisfies(
                "preschool_registry",
                f"CASE WHEN id_type_code IN {_RESIDENT} THEN length(id_no) = 18 "
                "ELSE id_no IS NOT NULL OR guardian1_id_no IS NOT NULL OR guardian2_id_no IS NOT NULL END",
                field="id_no",
                when="id_type_code IS NOT NULL AND NOT id_no__damaged",
            ),
            *(
                not_null(source, "id_no")
                for source in ("graduate_register", "poverty_register", "vocational_registry")
            ),
            *(
                satisfies(source, "length(id_no) = 18", field="id_no", when=_and(_WRITTEN, resident))
                for source, _, resident in _own_ids()
                if source not in ("student_registry", "preschool_registry", _LONG)
            ),
            satisfies(
                "poverty_register",
                "length(id_no) IN (18, 20, 22)",
                field="id_no",
                when=_and(_WRITTEN, f"coalesce(id_type_code, '1') IN {_RESIDENT}"),
            ),
        ),
    ),
    Rule(
        id="RC22",
        title_zh="学籍号格式",
        statement_zh="全国学籍号为 G/J+17 位数字+校验位，或 L+18 位数字",
        statement_en="The student number is G or J + 17 digits + check character, or L + 18 digits",
        clause="学籍号编制规则",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="从学籍系统重新导出该生学籍号",
        fix_en="Export the number again from the registry",
        checks=(
            *(
                matches(source, "student_no", r"^([GJ][0-9]{17}[0-9X]|L[0-9]{18})$")
                for source in ("student_registry", "student_change", "preschool_registry")
            ),
            not_null("student_registry", "student_no"),
        ),
    ),
    Rule(
        id="RC23",
        title_zh="临时学籍号占比",
        statement_zh="每年 12 月 31 日后，每校 L 号（临时）占比不超过 5%",
        statement_en="After 31 December at most 5 % of a school's numbers are temporary (L)",
        clause="学籍号编制规则",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="完成查重，为学生办理正式学籍号",
        fix_en="Finish the duplicate check so that formal numbers are issued",
        checks=(
            no_rows(
                "student_registry",
                f"SELECT delivery_id, school_id FROM {{batch}} WHERE substr({{period}}, 6, 2)::INTEGER BETWEEN 1 AND 8 "
                f"GROUP BY ALL HAVING count(*) FILTER (student_no LIKE 'L%') > count(*) * {_threshold('temporary_number_share')}",
                field="student_no",
                key=("delivery_id", "school_id"),
                units="SELECT count(DISTINCT school_id) FROM {batch}",
            ),
        ),
    ),
    Rule(
        id="RC24",
        title_zh="学校在册",
        statement_zh="学校标识码在学校（机构）目录中，且在时点上未撤销",
        statement_en="The school is in the directory and open at the as-of date",
        clause="学校（机构）代码编制规则",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="更正学校标识码；新设学校先报送学校目录",
        fix_en="Correct the school id; a new school is first delivered in the directory",
        checks=tuple(
            satisfies(
                source,
                "school_id IN (SELECT school_id FROM work.main.open_school)",
                field="school_id",
                column="school_id",
            )
            for source in (*_PUPILS, "class_directory", "aid_record")
        )
        + tuple(
            satisfies(source, "school_id IS NOT NULL", field="school_id")
            for source in (*_PUPILS, "class_directory")
        )
        # Measures for a poor household have no school, but what is written must be a number.
        + (satisfies("aid_record", "NOT school_id__bad", field="school_id"),),
    ),
    Rule(
        id="RC25",
        title_zh="代码与格式有效",
        statement_zh="填写的代码、日期、数值可按契约的代码表和格式读出",
        statement_en="Coded and typed values can be read by the code lists and formats of the contract",
        clause="JY/T 1001-2012",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="改为代码表中的选项或规定格式",
        fix_en="Use an option of the code list, or the format of the contract",
        checks=tuple(
            satisfies(source, f"NOT {column.name}__bad", field=column.name)
            for source, column in _columns(
                "code", "flag", "grade", "integer", "decimal", "date", "month", "class_label"
            )
        )
        # 高一 beside 小学: one of the two is wrong, and the stage decides where the pupil is counted.
        + tuple(
            satisfies(
                source,
                "(stage_code, grade_code) IN (SELECT (stage_code, grade_code) FROM ref.grade)",
                field="grade_code",
                when="stage_code IS NOT NULL AND grade_code IS NOT NULL",
            )
            for source in ("student_registry",)
        )
        # D21: a masked or filler number, or no number at all. The row is good without it.
        + tuple(
            satisfies(source, f"NOT {c.name}__bad", field=c.name, severity=WARN)
            for source, c in _columns("phone")
        ),
    ),
    Rule(
        id="RC26",
        title_zh="行政区划有效",
        statement_zh="行政区划代码可识别；本省代码在有效期内或可由沿革表对应",
        statement_en="Administrative codes can be read; codes of the province are valid or map through the crosswalk",
        clause="行政区划管理条例第十七条",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="改用现行行政区划代码或全称",
        fix_en="Use the current code or full name",
        checks=tuple(
            satisfies(
                source,
                f"NOT {column.name}__bad AND (coalesce({column.name}, '') NOT LIKE {{province}} || '%' "
                f"OR {column.name} IN (SELECT county_code FROM ref.county) "
                f"OR {column.name} IN (SELECT prefecture_code FROM ref.prefecture) OR right({column.name}, 4) = '0000')",
                field=column.name,
            )
            for source, column in _columns("county")
        ),
    ),
    Rule(
        id="RC27",
        title_zh="入学年月合理",
        statement_zh="入学年月不在将来，也不早于 20 年前",
        statement_en="Entry month is neither in the future nor 20 years ago or more",
        clause="domain rule table",
        severity=QUARANTINE,
        owner_zh=COUNTY,
        fix_zh="更正入学年月",
        fix_en="Correct the entry month",
        checks=tuple(
            satisfies(
                source,
                "entry_month <= {period} AND entry_month > strftime(({period} || '-01')::DATE - "
                f"to_years({_threshold('entry_max_years')}::INTEGER), '%Y-%m')",
                field="entry_month",
                column="entry_month",
            )
            for source in _PUPILS
        ),
    ),
    Rule(
        id="RC28",
        title_zh="年龄与学段",
        statement_zh="8 月 31 日年龄在学段年龄窗口内",
        statement_en="Age at 31 August lies in the window of the stage",
        clause="义务教育法第十一条",
        severity=WARN,
        owner_zh=COUNTY,
        fix_zh="核对出生日期和年级",
        fix_en="Check birth date and grade",
        checks=tuple(
            satisfies(
                source,
                "date_sub('year', birth_date, {cutoff}::DATE) BETWEEN grade_age_min(grade_code) AND grade_age_max(grade_code)",
                field="birth_date",
                when="birth_date IS NOT NULL AND grade_code IS NOT NULL",
            )
            for source in _PUPILS
        ),
    ),
    Rule(
        id="RC29",
        title_zh="义务教育不得退学开除",
        statement_zh="义务教育阶段没有退学（31）、开除学籍（42）异动；此类异动须填年级",
        statement_en="No drop-out (31) or expulsion (42) in compulsory education",
        clause="义务教育法第二十七条；未成年人保护法第二十八条",
        severity=QUARANTINE,
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
        owner_zh=COUNTY,
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
