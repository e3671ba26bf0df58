"""What stands in a return workbook, before it is written: words, items, the trend of the months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from warehouse.returns.records import FileRecords
from warehouse.returns.wording import RuleText

REPLIES = {
    "已改": "corrected",
    "属实说明": "true_value",
    "不属于本县(转出)": "moved_away",
    "申请豁免": "exemption",
}
ITEM, REPLY, NOTE = "编号", "回复", "说明"
KEYS = "_keys"
COVER, FILES = "退回单", "整件问题"
MUST, CHECK = "必须更正", "请核实"


@dataclass
class FileItem:
    """A file that was refused or has a fault as a whole."""

    source_title: str
    file_name: str
    rule_id: str
    severity: str
    reason: str
    fix: str
    fault_id: str = ""
    item_no: str = ""


@dataclass
class Month:
    """One month of the trend."""

    period: str
    n_read: int
    n_records: int
    n_must: int
    n_check: int


@dataclass
class Return:
    """Everything that stands in a workbook. Without `return_id` it is a clerk's own check: no replies, no keys."""

    title: str
    subtitle: str
    facts: list[tuple[str, str]]
    sheets: list[FileRecords]
    files: list[FileItem]
    rules: Mapping[str, RuleText]
    return_id: str = ""
    trend: list[Month] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    escalation_rounds: int = 3
    written_on: date = field(default_factory=date.today)

    @property
    def n_read(self) -> int:
        """Records that were checked."""
        return sum(s.n_read for s in self.sheets)

    @property
    def n_records(self) -> int:
        """Records with faults."""
        return sum(len(s.records) for s in self.sheets)

    def items(self) -> list[tuple[str, list[str]]]:
        """Item number and its fault ids, records first; gives the numbers."""
        found = []
        for number, record in enumerate((r for s in self.sheets for r in s.records), 1):
            record.item_no = f"A{number:05d}"
            found.append((record.item_no, [f.fault_id for f in record.faults]))
        for number, item in enumerate(self.files, 1):
            item.item_no = f"F{number:03d}"
            found.append((item.item_no, [item.fault_id]))
        return found
