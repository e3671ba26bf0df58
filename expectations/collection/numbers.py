"""Rules on the numbers of persons: citizen ids, disability certificates, student numbers; RC16 – RC23."""

from __future__ import annotations

from expectations.collection.columns import RESIDENT, others_ids, own_ids
from expectations.rule import OWNER, QUARANTINE, WARN, Rule, matches, no_rows, not_null, satisfies, threshold
from warehouse.contract import load_contracts

_LONG = "poverty_register"  # the only register whose numbers may carry a disability suffix
_WRITTEN = "id_no IS NOT NULL AND NOT id_no__damaged"


def _and(*parts: str | None) -> str:
    return " AND ".join(p for p in parts if p)


def _shape(source: str) -> str:
    return "length(id_no) IN (18, 20, 22)" if source == _LONG else "length(id_no) = 18"


def _having(column: str) -> list[tuple[str, str | None]]:
    """(source, condition) of the sources that write a column beside the citizen id of the row's own person."""
    contracts = load_contracts("extracts")
    return [(s, resident) for s, _, resident in own_ids() if column in {c.name for c in contracts[s].columns}]


RULES: tuple[Rule, ...] = (
    Rule(
        id="RC16",
        title_zh="身份证校验码",
        statement_zh="18 位公民身份号码校验码正确、出生日期段为真实日期",
        statement_en="An 18-character citizen id has the right check character and a real birth date",
        clause="GB 11643-1999",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="按户口簿或身份证核对并更正号码",
        fix_en="Correct the number from the household register or id card",
        checks=tuple(
            satisfies(source, f"{column}__ok", field=column, when=_and(_WRITTEN, _shape(source), resident))
            for source, column, resident in own_ids()
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
            for source, column, resident in others_ids()
        ),
    ),
    Rule(
        id="RC17",
        title_zh="号码被表格软件损坏",
        statement_zh="身份证号不是科学计数法，末三位没有被表格软件改成 000",
        statement_en="The id is neither in scientific notation nor cut to 15 significant digits by a spreadsheet",
        clause="GB 11643-1999",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="把该列设为文本后从原系统重新导出；损坏的号码无法还原，不得猜填",
        fix_en="Export again with the column as text; a damaged number cannot be restored and must not be guessed",
        checks=tuple(
            satisfies(source, "NOT id_no__damaged", field=column, when="id_no IS NOT NULL")
            for source, column, _ in own_ids()
        )
        + tuple(
            satisfies(
                source, f"NOT {column}__damaged", field=column, severity=WARN, when=f"{column} IS NOT NULL"
            )
            for source, column, _ in others_ids()
        ),
    ),
    Rule(
        id="RC18",
        title_zh="残疾证号后缀",
        statement_zh="20 或 22 位号码的残疾类别为 1–7、等级为 1–4",
        statement_en="The suffix of a 20- or 22-character number has category 1–7 and level 1–4",
        clause="残疾人证编号规则",
        severity=QUARANTINE,
        owner_zh=OWNER,
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
        owner_zh=OWNER,
        fix_zh="按户口簿核对身份证号和出生日期，改正错误的一项",
        fix_en="Correct whichever of the two is wrong from the household register",
        checks=tuple(
            satisfies(
                source,
                "citizen_birth_date(id_no) = birth_date",
                field="birth_date",
                when=_and("id_no__ok AND birth_date IS NOT NULL", resident),
            )
            for source, resident in _having("birth_date")
        ),
    ),
    Rule(
        id="RC20",
        title_zh="性别一致",
        statement_zh="身份证号第 17 位奇偶与性别一致",
        statement_en="Parity of digit 17 of the id = sex",
        clause="GB 11643-1999",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="核对身份证号和性别",
        fix_en="Check id and sex",
        checks=tuple(
            satisfies(
                source,
                "digit_at(id_no, 17) % 2 = CASE sex_code WHEN '1' THEN 1 ELSE 0 END",
                field="sex_code",
                when=_and("id_no__ok AND sex_code IN ('1', '2')", resident),
            )
            for source, resident in _having("sex_code")
        ),
    ),
    Rule(
        id="RC21",
        title_zh="证件号必填",
        statement_zh="证件类型为居民身份证或户口簿时须填 18 位号码；为其他时可空，但须填监护人证件号",
        statement_en="Identity card or household register ⇒ 18 characters; other type ⇒ may be blank with a guardian's id",
        clause="学籍信息采集表填表说明",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="补填证件号；确无证件的证件类型选“其他”并填监护人证件号",
        fix_en="Fill in the number; without any document choose type 'other' and give a guardian's id",
        checks=(
            *(
                satisfies(
                    source,
                    f"CASE WHEN id_type_code IN {RESIDENT} THEN length(id_no) = 18 "
                    "ELSE id_no IS NOT NULL OR guardian1_id_no IS NOT NULL OR guardian2_id_no IS NOT NULL END",
                    field="id_no",
                    when="id_type_code IS NOT NULL AND NOT id_no__damaged",
                )
                for source in ("student_registry", "preschool_registry")
            ),
            *(
                not_null(source, "id_no")
                for source in ("graduate_register", "poverty_register", "vocational_registry")
            ),
            *(
                satisfies(source, "length(id_no) = 18", field="id_no", when=_and(_WRITTEN, resident))
                for source, _, resident in own_ids()
                if source not in ("student_registry", "preschool_registry", _LONG)
            ),
            satisfies(
                "poverty_register",
                "length(id_no) IN (18, 20, 22)",
                field="id_no",
                when=_and(_WRITTEN, f"coalesce(id_type_code, '1') IN {RESIDENT}"),
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
        owner_zh=OWNER,
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
        owner_zh=OWNER,
        fix_zh="完成查重，为学生办理正式学籍号",
        fix_en="Finish the duplicate check so that formal numbers are issued",
        checks=(
            no_rows(
                "student_registry",
                f"SELECT delivery_id, school_id FROM {{batch}} WHERE substr({{period}}, 6, 2)::INTEGER BETWEEN 1 AND 8 "
                f"GROUP BY ALL HAVING count(*) FILTER (student_no LIKE 'L%') > count(*) * {threshold('temporary_number_share')}",
                field="student_no",
                key=("delivery_id", "school_id"),
                units="SELECT count(DISTINCT school_id) FROM {batch}",
            ),
        ),
    ),
)
