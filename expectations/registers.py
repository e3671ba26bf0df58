"""Rules over the registers that this house keeps (reference/register.csv); each is listed by the module of its stage.

Datasets (see warehouse/registers/facts.py): `register_duty` one row per thing that must have a record within its term, never
empty; `register_<id>` the records in force. `network_endpoint` one row per setting or record that names a host; `account` one
row per account (warehouse/workflow/account_facts.py); `origin` one row per delivery (warehouse/intake/origin.py).
"""

from __future__ import annotations

from expectations.rule import (
    AUDIT,
    BLOCK,
    CENTRE,
    WARN,
    Check,
    Rule,
    Severity,
    Stage,
    no_rows,
    satisfies,
    threshold,
)

_YEARS = f"{threshold('processing_record_years')}::INTEGER"
_IS_MET = "coalesce(last_on + term_days >= judged_on, false)"


def _duty(register: str, severity: Severity | None = None) -> Check:
    """Everything that must be on this register is, within its term."""
    return satisfies(
        "register_duty",
        _IS_MET,
        field=None,
        column="subject",
        key=("register_id", "subject"),
        when=f"register_id = '{register}'",
        severity=severity,
    )


def _record(register: str, predicate: str, severity: Severity | None = None) -> Check:
    """Every record in force satisfies a predicate."""
    return satisfies(
        f"register_{register}",
        predicate,
        field=None,
        column="record_id",
        key=("record_id",),
        severity=severity,
    )


def _account(predicate: str, when: str) -> Check:
    return satisfies("account", predicate, field=None, column="account", key=("account",), when=when)


_ALL: tuple[Rule, ...] = (
    Rule(
        id="RT09",
        title_zh="评估报告留存",
        statement_zh="影响评估报告自完成之日起至少保存三年，未到期不得销毁；处理记录在台账中只增不减",
        statement_en="Reports of impact assessments are kept for three years from their completion and not destroyed before",
        clause="个人信息保护法第五十六条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="用 edu register correct 更正保存期限；找回提前销毁的报告",
        fix_en="`edu register correct RECORD kept_until=… --reason …`; recover what was destroyed too early",
        checks=(
            _duty("impact_assessment"),
            _record(
                "impact_assessment",
                f"kept_until >= completed_on + to_years({_YEARS}) "
                f"AND coalesce(destroyed_on >= completed_on + to_years({_YEARS}), true)",
            ),
        ),
    ),
    Rule(
        id="RT11",
        title_zh="日志留存",
        statement_zh="网络日志和访问日志留存不少于六个月，半年内检查过",
        statement_en="Network and access logs go back six months or to the first day of service, and were checked within half a year",
        clause="网络安全法第二十一条第三项",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="延长日志保存期；检查后用 edu register add log_check … 登记",
        fix_en="Keep the logs longer; check them and enter it: `edu register add log_check …`",
        checks=(
            _duty("log_check"),
            _record("log_check", f"oldest_on <= greatest(checked_on - to_months({threshold('log_months')}::INTEGER), in_service_on)"),
        ),
    ),
    Rule(
        id="RT12",
        title_zh="备份可恢复",
        statement_zh="有备份，九十天内成功恢复过",
        statement_en="A backup exists and was restored with success within 90 days",
        clause="网络数据安全管理条例第九条",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="从备份恢复到另一目录并核对，用 edu register add restore_drill … 登记",
        fix_en="Restore the backup elsewhere, verify it and enter it: `edu register add restore_drill …`",
        checks=(
            _duty("restore_drill"),
            _record("restore_drill", "backup_on <= drilled_on AND drilled_on <= judged_on"),
        ),
    ),
    Rule(
        id="RT17",
        title_zh="受托方不留存",
        statement_zh="合同终止后受托方返还或删除数据，有删除证明；受托方登记每年核对",
        statement_en="When a contract ends the contractor returns or deletes its copy and proves it; the register is looked at yearly",
        clause="个人信息保护法第二十一条；数据安全法第四十条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="催收删除证明，用 edu register correct 补登；没有受托方时 edu register nil contractor",
        fix_en="Obtain the certificate and enter it with `edu register correct`; no contractor at all: `edu register nil contractor`",
        checks=(
            _duty("contractor"),
            _record(
                "contractor",
                "valid_to >= judged_on OR NOT is_personal OR (returned_on IS NOT NULL AND certificate_no IS NOT NULL)",
            ),
        ),
    ),
    Rule(
        id="RP16",
        title_zh="影响评估在先",
        statement_zh="处理敏感个人信息的来源和自动生成的名单，处理前有三年内的影响评估，结论为可接受或已采取措施",
        statement_en="Every source with sensitive data and the lists made by a machine have an impact assessment, not older than three "
        "years, that allows the processing",
        clause="个人信息保护法第五十五条、第五十六条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="完成评估后登记：edu register add impact_assessment subject=来源 completed_on=… conclusion=acceptable document_no=… "
        "kept_until=… --by 账号；edu register due 列出缺少的",
        fix_en="Assess it and enter it: `edu register add impact_assessment subject=SOURCE completed_on=… conclusion=acceptable "
        "document_no=… kept_until=… --by ACCOUNT`; `edu register due` lists what is missing",
        checks=(_duty("impact_assessment"),),
    ),
    Rule(
        id="RP18",
        title_zh="测试环境只用合成数据",
        statement_zh="标为样例（SAMPLE）的库只有虚构地区码的人员，其他库没有虚构人员",
        statement_en="A house marked SAMPLE holds persons of never-allocated areas only, any other house none of them",
        clause="个人信息保护法第五十一条；数据安全法第二十七条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="真实数据移出样例库；样例数据只放在样例库（edu demo、edu sample 建立的数据目录有 SAMPLE 标记）",
        fix_en="Take real data out of a sample house; load a sample into a house of its own (`edu demo` and `edu sample` mark its "
        "data folder with a file SAMPLE)",
        checks=(
            satisfies(
                "origin",
                "CASE WHEN is_sample_house THEN n_synthetic = n_ids ELSE n_synthetic = 0 END",
                field=None,
                column="delivery_id",
                key=("delivery_id",),
            ),
        ),
    ),
    Rule(
        id="RU01",
        title_zh="实名账号",
        statement_zh="在用的账号属于一个有工号的人，有单位、角色和不超过十二个月的期限",
        statement_en="Every account in use belongs to one person with a staff number, has unit, role and a term of at most twelve months",
        clause="未成年人网络保护条例第三十六条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="edu accounts renew 账号 --holder 工号 补登本人和期限，或 edu accounts disable 账号 停用",
        fix_en="State holder and term: `edu accounts renew ACCOUNT --holder STAFF_NO`; or `edu accounts disable ACCOUNT`",
        checks=(
            _account(
                "holder <> '' AND is_known_unit AND role IN (SELECT role FROM ref.review_role WHERE role <> 'system') "
                "AND granted_on <= judged_on "
                f"AND expires_on <= granted_on + to_months({threshold('account_months')}::INTEGER)",
                when="is_in_use",
            ),
        ),
    ),
    Rule(
        id="RU10",
        title_zh="休眠账号停用",
        statement_zh="九十天未用的账号停用；离岗人员的账号当日停用",
        statement_en="Accounts that were not used for 90 days are disabled; those of staff who left, on the same day",
        clause="网络数据安全管理条例",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="edu accounts disable 账号；再需要时 edu accounts renew",
        fix_en="`edu accounts disable ACCOUNT`; `edu accounts renew` when it is needed again",
        checks=(
            _account(
                "coalesce(greatest(last_used_on, granted_on) "
                f"+ {threshold('dormant_days')}::INTEGER >= judged_on, false)",
                when="is_in_use",
            ),
            _account(
                "is_disabled AND disabled_on <= left_on",
                # An account that was granted again after that day belongs to somebody else now.
                when="left_on <= judged_on AND coalesce(granted_on <= left_on, true)",
            ),
        ),
    ),
    Rule(
        id="RU08",
        title_zh="年度合规审计",
        statement_zh="未成年人个人信息保护每年审计一次",
        statement_en="The protection of minors' data is audited every year",
        clause="未成年人网络保护条例第三十七条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="审计后用 edu register add compliance_audit subject=minors … 登记",
        fix_en="Have it audited and enter it: `edu register add compliance_audit subject=minors …`",
        checks=(_duty("compliance_audit"),),
    ),
    Rule(
        id="RU09",
        title_zh="年度培训",
        statement_zh="每个有账号在用的单位一年内有培训记录",
        statement_en="Every unit with accounts in use was trained within a year",
        clause="个人信息保护法第五十一条第四项；数据安全法第二十七条",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="培训后用 edu register add training unit=单位代码 … 登记（* 表示全部单位）",
        fix_en="Train them and enter it: `edu register add training unit=UNIT …` (* = all units)",
        checks=(_duty("training"), _record("training", "n_persons > 0")),
    ),
    Rule(
        id="RU11",
        title_zh="事件处置",
        statement_zh="安全事件已处置，按时报告主管部门，并告知当事人（已有效避免危害的除外）；登记每年核对",
        statement_en="Incidents are contained, reported to the authority in time and told to the persons unless harm was avoided",
        clause="个人信息保护法第五十七条；数据安全法第二十九条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="处置、报告、告知后用 edu register correct 补登；没有事件时 edu register nil incident",
        fix_en="Contain, report and tell, then `edu register correct`; nothing happened: `edu register nil incident`",
        checks=(
            _duty("incident"),
            _record(
                "incident",
                "contained_on >= found_on AND reported_on >= found_on "
                f"AND reported_on <= found_on + {threshold('incident_report_days')}::INTEGER "
                "AND (notified_on >= found_on OR is_harmless OR n_persons = 0)",
            ),
        ),
    ),
    Rule(
        id="RS10",
        title_zh="公示从简",
        statement_zh="公示名单只含姓名、学校、班级，公示期满撤下；登记每年核对",
        statement_en="Public lists show name, school and class only and are taken down in time; the register is looked at yearly",
        clause="政府信息公开条例第十五条；未成年人网络保护条例第三十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="撤下名单，用 edu register correct 记录 taken_down_on；没有公示时 edu register nil public_list",
        fix_en="Take the list down and enter it: `edu register correct RECORD taken_down_on=…`; none: `edu register nil public_list`",
        checks=(
            _duty("public_list", WARN),
            _record("public_list", "len(list_filter(string_split(shown, '|'), x -> x NOT IN ('name', 'school', 'class'))) = 0"),
            no_rows(
                "register_public_list",
                "SELECT b.record_id FROM (SELECT record_id, unnest(range(published_on + 1, coalesce(taken_down_on, judged_on) + 1, "
                "INTERVAL 1 DAY))::DATE AS day FROM {batch}) b JOIN ref.working_day w ON w.day = isodow(b.day)::VARCHAR "
                "LEFT JOIN ref.working_day o ON o.day = b.day::VARCHAR WHERE coalesce(o.is_working, w.is_working) "
                f"GROUP BY b.record_id HAVING count(*) > {threshold('public_notice_days')}",
                key=("record_id",),
            ),
        ),
    ),
    Rule(
        id="RS14",
        title_zh="无跨境通道",
        statement_zh="配置中的网络端点都已登记且在境内，没有数据出境通道",
        statement_en="Every network endpoint of the settings is declared and lies in the country; no path leads across the border",
        clause="个人信息保护法第三十六条、第三十八条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="删去该端点，或登记：edu register add network_endpoint host=主机 purpose=… location=domestic declared_on=… --by 账号",
        fix_en="Remove the endpoint, or declare it: `edu register add network_endpoint host=HOST purpose=… location=domestic "
        "declared_on=… --by ACCOUNT`",
        checks=(
            satisfies(
                "network_endpoint",
                "host IS NULL OR is_loopback OR location = 'domestic'",
                field=None,
                column="name",
                key=("name",),
            ),
        ),
    ),
)  # fmt: skip


def of(stage: Stage) -> tuple[Rule, ...]:
    """Rules over registers of one stage."""
    return tuple(rule for rule in _ALL if rule.stage is stage)
