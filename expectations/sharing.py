"""Rules of sharing (共享): what a release candidate must satisfy. They judge the *staged files*, not the tables behind them.

Datasets (see assets/sharing/room.py): `release.<mart>` is the staged Parquet file of a mart; `release_paper` one row made from
RELEASE.json; `person_counter` one row; `blocking_result` one row per blocking rule and batch of the month; `approval` one row
per approver; `package_in_force` one row per delivery in force with the state of its package; `coverage` one row of counts (the
last three are judged when publishing). Rules about recipients: agreements.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from expectations import registers
from expectations.agreements import RULES as AGREEMENTS
from expectations.rule import (
    AUDIT,
    BLOCK,
    CENTRE,
    WARN,
    Check,
    Rule,
    Stage,
    between,
    no_rows,
    row_count_between,
    satisfies,
)
from warehouse.contract import load_contracts
from warehouse.protection import protection_of


def _small_cells() -> Iterator[Check]:
    for mart, contract in load_contracts("marts").items():
        rule = protection_of(contract)
        if rule.lane == "open":
            continue
        last = contract.key[-1]
        for name, count in rule.counts.items():
            safe = (
                f"{name} % {rule.base} = 0"
                if rule.lane == "round"
                else f"{name} = 0 OR {name} >= {rule.minimum}"
            )
            yield satisfies(
                f"release.{mart}",
                f"coalesce({f'NOT ({count.where}) OR ' if count.where else ''}{safe}, true)",
                field=name,
                column=last,
                key=contract.key,
            )
        yield satisfies(
            f"release.{mart}",
            "cell_status IN ('shown', 'rounded', 'hidden') AND (cell_status = 'hidden') = (hidden_columns IS NOT NULL)",
            field="cell_status",
            column=last,
            key=contract.key,
        )


def _rates() -> Iterator[Check]:
    """A shown rate has its numerator and denominator beside it; marts name theirs in `rates`."""
    for mart, contract in load_contracts("marts").items():
        for rate, numerator, denominator in contract.properties.get("rates", ()):
            yield satisfies(
                f"release.{mart}",
                f"{numerator} IS NOT NULL AND {denominator} IS NOT NULL",
                field=rate,
                column=rate,
                key=contract.key,
            )


RULES: tuple[Rule, ...] = (
    *registers.of(Stage.SHARING),
    *AGREEMENTS,
    Rule(
        id="RS01",
        title_zh="列入目录",
        statement_zh="发布的数据集列入目录，写明共享类型",
        statement_en="Every published dataset is in the catalogue with its share type",
        clause="政务数据共享条例（统一目录管理）",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="在契约中写明 shareType（无条件共享、有条件共享、不予共享）",
        fix_en="State shareType in the contract of the mart",
        checks=(
            satisfies(
                "ref.dataset",
                "share_type IN ('无条件共享', '有条件共享')",
                field=None,
                column="dataset",
                key=("dataset",),
                when="kind = 'marts'",
            ),
        ),
    ),
    Rule(
        id="RS08",
        title_zh="小单元不公开",
        statement_zh="发布文件中没有大于 0 且小于门限的人数，或人数已按基数取整；隐藏不写成 0",
        statement_en="No staged file shows a count above 0 and below its minimum, or counts are rounded to the base; hidden is never 0",
        clause="统计法第二十八条；政府信息公开条例第十五条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="检查该表契约中的 disclosure 声明",
        fix_en="Check the disclosure of the mart's contract",
        checks=tuple(_small_cells()),
    ),
    Rule(
        id="RS11",
        title_zh="比率附分子分母",
        statement_zh="公布比率时同时公布分子和分母，依 RS08 隐藏的除外",
        statement_en="Rates are published with numerator and denominator unless RS08 hides them",
        clause="统计公开要求",
        severity=WARN,
        owner_zh=CENTRE,
        fix_zh="在模型中补上分子、分母列",
        fix_en="Add numerator and denominator to the model",
        checks=tuple(_rates()),
    ),
    Rule(
        id="RS12",
        title_zh="发布信息完整",
        statement_zh="每次发布有编号、版本、时点、口径、输入清单和校验值",
        statement_en="Every release has id, versions, as-of date, inputs and checksums",
        clause="教育统计管理规定第三十条",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="重新生成发布候选",
        fix_en="Build the candidate again",
        checks=(
            satisfies(
                "release_paper",
                "has_id AND has_period AND has_as_of AND has_code_version AND has_reference_version AND has_inputs AND has_sums",
                field=None,
                column="candidate",
                key=("candidate",),
            ),
        ),
    ),
    Rule(
        id="RS15",
        title_zh="人数计数器",
        statement_zh="库内自然人少于 1000 万；达到后启用重要数据处理者义务",
        statement_en="Fewer than 10 million persons; beyond that the duties of an important-data processor apply",
        clause="网络数据安全管理条例第二十八条、第三十条、第三十三条",
        severity=AUDIT,
        owner_zh=CENTRE,
        fix_zh="明确网络数据安全负责人，开展年度风险评估",
        fix_en="Name the responsible officer and assess the risks every year",
        checks=(between("person_counter", "n_persons", 0, 9_999_999, key=("scope",)),),
    ),
    Rule(
        id="RS17",
        title_zh="前序阻断规则全部通过",
        statement_zh="采集至使用阶段的阻断规则在每个输入版本上全部通过",
        statement_en="All blocking rules of the earlier stages passed for every input version",
        clause="青政办〔2016〕225号第 33 项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="按 edu status 列出的原因处理后重新加载",
        fix_en="Mend what `edu status` lists and load again",
        checks=(
            no_rows(
                "blocking_result",
                "SELECT rule_id, dataset, batch FROM {batch} WHERE status IN ('failed', 'error')",
                key=("rule_id", "dataset", "batch"),
            ),
            row_count_between("blocking_result", 1),
        ),
    ),
    Rule(
        id="RS18",
        title_zh="逐级审定",
        statement_zh="发布由不同的审定人签发，且不是制作人；所含报送包均已审定，且不少于应报的规定比例",
        statement_en="A release is signed by different approvers, none of whom built it; every package in it is approved, "
        "and they are at least the set share of those expected",
        clause="青政办〔2016〕225号第 28 项",
        severity=BLOCK,
        owner_zh=CENTRE,
        fix_zh="由另一位审定人运行 edu review approve；用 edu review list 查看未审定的包，或用 edu review cutoff 截止后重新加载",
        fix_en="Let another person run `edu review approve`; `edu review list` shows what is not approved, "
        "`edu review cutoff` leaves it out of the next load",
        checks=(
            no_rows(
                "approval",
                "SELECT 'release' AS release FROM (SELECT count(DISTINCT approver) AS n FROM {batch} WHERE NOT is_builder) "
                "WHERE n < {approvers}::INTEGER",
                key=("release",),
                units="SELECT 1",
            ),
            satisfies(
                "package_in_force", "is_approved", field=None, column="delivery_id", key=("delivery_id",)
            ),
            satisfies(
                "coverage",
                "n_approved >= (n_expected - n_waived) * (SELECT value FROM ref.threshold WHERE threshold_id = 'publish_min_share')",
                field=None,
                column="month",
                key=("month",),
            ),
        ),
    ),
)
