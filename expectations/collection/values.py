"""Rules on schools, codes, places and dates that several registers write; RC24 – RC28."""

from __future__ import annotations

from expectations.collection.columns import PUPILS, columns
from expectations.rule import OWNER, QUARANTINE, WARN, Rule, satisfies, threshold

RULES: tuple[Rule, ...] = (
    Rule(
        id="RC24",
        title_zh="学校在册",
        statement_zh="学校标识码在学校（机构）目录中，且在时点上未撤销",
        statement_en="The school is in the directory and open at the as-of date",
        clause="学校（机构）代码编制规则",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="更正学校标识码；新设学校先报送学校目录",
        fix_en="Correct the school id; a new school is first delivered in the directory",
        checks=tuple(
            satisfies(
                source,
                "school_id IN (SELECT school_id FROM work.main.open_school)",
                field="school_id",
                column="school_id",
            )
            for source in (*PUPILS, "class_directory", "aid_record")
        )
        + tuple(
            satisfies(source, "school_id IS NOT NULL", field="school_id")
            for source in (*PUPILS, "class_directory")
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
        owner_zh=OWNER,
        fix_zh="改为代码表中的选项或规定格式",
        fix_en="Use an option of the code list, or the format of the contract",
        checks=tuple(
            satisfies(source, f"NOT {column.name}__bad", field=column.name)
            for source, column in columns(
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
            for source, c in columns("phone")
        ),
    ),
    Rule(
        id="RC26",
        title_zh="行政区划有效",
        statement_zh="行政区划代码可识别；本省代码在有效期内或可由沿革表对应",
        statement_en="Administrative codes can be read; codes of the province are valid or map through the crosswalk",
        clause="行政区划管理条例第十七条",
        severity=WARN,
        owner_zh=OWNER,
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
            for source, column in columns("county")
        ),
    ),
    Rule(
        id="RC27",
        title_zh="入学年月合理",
        statement_zh="入学年月不在将来，也不早于 20 年前",
        statement_en="Entry month is neither in the future nor 20 years ago or more",
        clause="数据中心规则手册（自定，无上位条文）",
        severity=QUARANTINE,
        owner_zh=OWNER,
        fix_zh="更正入学年月",
        fix_en="Correct the entry month",
        checks=tuple(
            satisfies(
                source,
                "entry_month <= {period} AND entry_month > strftime(({period} || '-01')::DATE - "
                f"to_years({threshold('entry_max_years')}::INTEGER), '%Y-%m')",
                field="entry_month",
                column="entry_month",
            )
            for source in PUPILS
        ),
    ),
    Rule(
        id="RC28",
        title_zh="年龄与学段",
        statement_zh="8 月 31 日年龄在学段年龄窗口内",
        statement_en="Age at 31 August lies in the window of the stage",
        clause="义务教育法第十一条",
        severity=WARN,
        owner_zh=OWNER,
        fix_zh="核对出生日期和年级",
        fix_en="Check birth date and grade",
        checks=tuple(
            satisfies(
                source,
                "date_sub('year', birth_date, {cutoff}::DATE) BETWEEN grade_age_min(grade_code) AND grade_age_max(grade_code)",
                field="birth_date",
                when="birth_date IS NOT NULL AND grade_code IS NOT NULL",
            )
            for source in PUPILS
        ),
    ),
)
