"""The sentences of a return: what is wrong with a record and how it is mended, in the words of the rule and the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.contract import Contract
from warehouse.engine.duckdb import Session
from warehouse.returns.records import Record

_OPTIONS = 15
_ABOUT_FORM = ("RC24", "RC25", "RC26")  # rules on codes and formats: their faults say which are known
_FORMS = {
    "date": "日期，如 2015-03-15",
    "month": "年月，如 2021-09",
    "integer": "整数",
    "decimal": "数值，单位元，不带单位外的文字",
    "flag": "是 或 否",
    "school_id": "10 位学校（机构）标识码",
    "class_label": "班级名称，如 2021级1班",
    "county": "行政区划 6 位代码或全称",
}


@dataclass(frozen=True)
class RuleText:
    """What a rule says to a clerk."""

    id: str
    title: str
    statement: str
    fix: str


class Wording:
    """Sentences for the faults of one source."""

    def __init__(self, session: Session, contract: Contract, rules: Mapping[str, RuleText]) -> None:
        self._contract = contract
        self._rules = rules
        self._headers = {c.name: c.header for c in contract.columns}
        self._forms: dict[str, str] = {}
        lists = {
            c.name: c.properties.get("codeList") for c in contract.columns if c.kind in ("code", "grade")
        }
        for column, list_id in lists.items():
            list_id = list_id or ("grade" if contract.column(column).kind == "grade" else None)
            if list_id is None:
                continue
            names = [
                r[0]
                for r in session.rows(
                    "SELECT name_zh FROM ref.code_list WHERE list_id = ? GROUP BY ALL ORDER BY min(code)",
                    [list_id],
                )
            ]
            more = f" 等 {len(names)} 项" if len(names) > _OPTIONS else ""
            if names:
                self._forms[column] = "可填：" + "、".join(names[:_OPTIONS]) + more
        for c in contract.columns:
            if c.kind in _FORMS:
                self._forms.setdefault(c.name, _FORMS[c.kind])

    def problem(self, record: Record) -> str:
        """One numbered line per fault: field, rule, value seen, what is expected."""
        lines = []
        for number, fault in enumerate(record.faults, 1):
            rule = self._rules[fault.rule_id]
            where = f"【{self._headers.get(fault.field or '', '整行')}】"
            seen = f"填写“{record.texts[fault.field]}”；" if fault.field in record.texts else ""
            form = self._forms.get(fault.field or "") if fault.rule_id in _ABOUT_FORM else None
            again = f"（第 {fault.n_returned} 次退回）" if fault.n_returned > 1 else ""
            lines.append(
                f"{number}. {where}{rule.title}：{seen}要求：{rule.statement}"
                + (f"；{form}" if form else "")
                + again
            )
        return "\n".join(lines)

    def remedy(self, record: Record) -> str:
        """How to mend it: once per rule."""
        fixes = list(dict.fromkeys(self._rules[f.rule_id].fix for f in record.faults))
        if len(fixes) == 1:
            return fixes[0]
        return "\n".join(f"{number}. {fix}" for number, fix in enumerate(fixes, 1))
