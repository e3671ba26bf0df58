"""Rules of sharing with recipients: agreements, requests, deliveries, corrections, what flows back. Part of `sharing.RULES`.

Datasets (see warehouse/sharing/registers.py): `share_agreement` one row per agreement; `share_delivery` one row per delivery in
the log, or known to the ledger; `share_staged` the delivery about to be handed over; `share_request`, `share_correction` as of
today; `return_flow` one row per source that counties or colleges deliver; `ops.access__event` looks at persons, from the ledger.
"""

from __future__ import annotations

from expectations.rule import BLOCK, CENTRE, WARN, Check, Rule, no_rows, satisfies

# persons given to a recipient outside: the entries of the ledger that `edu feedback` writes
_ACCESS = "ops.access__event"
_AGREED = "LEFT JOIN ref.share_agreement a ON 'agreement ' || a.agreement_id = b.subject"


def _deliveries(predicate: str) -> tuple[Check, ...]:
    """The predicate holds for what is about to be handed over, and for everything that was."""
    return tuple(
        satisfies(dataset, predicate, field=None, column="delivery_no", key=("delivery_no",))
        for dataset in ("share_staged", "share_delivery")
    )


def _agreements(predicate: str) -> Check:
    return satisfies("share_agreement", predicate, field=None, column="agreement_id", key=("agreement_id",))


def _persons(fault: str) -> Check:
    """No entry about persons that were given to a recipient has this fault."""
    return no_rows(
        _ACCESS,
        f"SELECT b.seq FROM {{batch}} b {_AGREED} WHERE b.use_code = 'feedback' AND ({fault})",
        key=("seq",),
        units="SELECT count(*) FROM {batch} WHERE use_code = 'feedback'",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        id="RS02",
        title_zh="有协议才共享",
        statement_zh="每次提供都有当日有效的协议；协议写明用途、字段、期限、安全、销毁和审计",
        statement_en="Every delivery has an agreement in force on its day, which states purpose, fields, term, security, destruction and audit",
        clause="个人信息保护法第二十一条、第二十三条；网络数据安全管理条例第十二条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="签订或补全协议（share_agreement.csv）后再提供",
        fix_en="Sign or complete the agreement (share_agreement.csv) before anything is delivered",
        checks=(
            *_deliveries("is_agreed"),
            _agreements("is_complete"),
            _persons(
                "a.agreement_id IS NULL OR b.accessed_on NOT BETWEEN a.valid_from AND coalesce(a.valid_to, b.accessed_on)"
            ),
        ),
    ),
    Rule(
        id="RS03",
        title_zh="按协议范围提供",
        statement_zh="提供的字段和行不超出协议",
        statement_en="The fields and rows delivered stay within the agreement",
        clause="个人信息保护法第三十四条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="用 edu share deliver 按协议重新裁切；已多给的，通知接收方删除",
        fix_en="Cut it again with `edu share deliver`; let the recipient delete what was too much",
        checks=(
            *_deliveries("is_within_fields AND is_within_rows"),
            _persons(
                "coalesce(len(b.fields), 0) = 0 OR NOT list_has_all(string_split(coalesce(a.fields, ''), '|'), b.fields)"
            ),
        ),
    ),
    Rule(
        id="RS04",
        title_zh="不得转共享",
        statement_zh="协议约定未经同意不得再提供或扩大用途",
        statement_en="The agreement forbids onward sharing and wider use without consent",
        clause="政务数据共享条例第二十五条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在协议中写明不得转共享（onward_code = no），或登记同意文件",
        fix_en="Forbid onward sharing in the agreement (onward_code = no), or enter the consent",
        checks=(_agreements("is_onward_limited"),),
    ),
    Rule(
        id="RS05",
        title_zh="共享限时答复",
        statement_zh="共享申请在规定工作日内答复，获准的按时提供",
        statement_en="Requests are answered within their working days, and what was granted is delivered in time",
        clause="政务数据共享条例",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="edu share list 列出逾期事项；答复或提供",
        fix_en="`edu share list` shows what is late; answer or deliver it",
        checks=(
            satisfies(
                "share_request",
                "is_answered_in_time AND is_delivered_in_time",
                field=None,
                column="request_id",
                key=("request_id",),
            ),
        ),
    ),
    Rule(
        id="RS06",
        title_zh="校核纠错",
        statement_zh="接收方提出的疑问在规定工作日内答复，并回告结果",
        statement_en="Doubts of recipients are answered within their working days, with the result",
        clause="政务数据共享条例第二十六条",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="核实后用 edu share resolve 登记结果和更正版本号",
        fix_en="Check it, and enter the result and the release that corrects it: `edu share resolve`",
        checks=(
            satisfies(
                "share_correction",
                "is_in_time AND is_result_returned",
                field=None,
                column="correction_id",
                key=("correction_id",),
            ),
        ),
    ),
    Rule(
        id="RS07",
        title_zh="数据回流",
        statement_zh="基层报送的每类数据，都有返还到其层级的数据集",
        statement_en="For every kind of data that counties or colleges deliver there is a dataset that goes back to their level",
        clause="政务数据共享条例",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="在 return_flow.csv 登记返还的数据集及其单位列",
        fix_en="Enter in return_flow.csv which dataset goes back, and its column of the unit",
        checks=(
            satisfies(
                "return_flow", "has_flow AND reaches_level", field=None, column="source", key=("source",)
            ),
        ),
    ),
    Rule(
        id="RS13",
        title_zh="共享留痕",
        statement_zh="每次提供有台账：接收方、字段、行数、指纹、审批人；台账中的记录不丢失",
        statement_en="Every delivery is logged with recipient, fields, rows, hash and approver, and no row of the log is lost",
        clause="网络数据安全管理条例第十二条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="用 edu verify --ledger 查出缺失或被改的记录，从备份恢复",
        fix_en="`edu verify --ledger` names rows that are missing or changed; restore them from the backup",
        checks=_deliveries("is_complete AND is_logged"),
    ),
    Rule(
        id="RS16",
        title_zh="来源部门同意",
        statement_zh="转用其他部门提供的数据，须有该部门的同意文件",
        statement_en="Data that another department provides are used onward only with its consent",
        clause="政务数据共享条例第二十五条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="取得来源部门同意并登记文号（consent_doc）",
        fix_en="Obtain the provider's consent and enter its number (consent_doc)",
        checks=(_agreements("has_provider_consent"),),
    ),
)
