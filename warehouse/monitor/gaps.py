"""The gap list of a county: who, what is due, why, what to check; for the county officer, printable."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.monitor import access
from warehouse.monitor.names import mask_id, resolve
from warehouse.monitor.page import Small, both, page, table
from warehouse.monitor.words import CLASSES, REASONS, class_name, groups, names

# A name is looked for where the person was last shown: the registration of the term, the poverty register, the payment.
_GAPS = """
WITH gap AS (
  SELECT e.* FROM use.entitlement__person_rule_term e
  WHERE e.period = $period AND e.county_code = $county AND e.class_code NOT IN ('full', 'not_judged')),
shown AS (
  SELECT i.person_id, i.period, i.delivery_id, i.row_no, row_number() OVER (PARTITION BY i.person_id, i.period ORDER BY CASE
    WHEN i.source LIKE '%registry' THEN 1 WHEN i.source = 'poverty_register' THEN 2 ELSE 3 END, i.delivery_id, i.row_no) AS n
  FROM core.identity__record i WHERE i.period = $period OR i.period IN (SELECT g.recognised_period FROM gap g))
SELECT g.person_id::VARCHAR AS person, coalesce(r.name_zh, '待定') AS programme, g.school_year_code || '/' || g.term_code AS term,
  g.amount_due AS due, g.amount_paid AS paid, g.amount_by_months AS by_months, g.class_code, g.reason_code, g.poor_groups,
  s.school_name AS school, g.grade_code, h.class_label, coalesce(a.delivery_id, b.delivery_id) AS delivery_id,
  coalesce(a.row_no, b.row_no) AS row_no
FROM gap g
LEFT JOIN ref.entitlement_rule r ON r.rule_id = g.rule_id AND r.programme_code = g.programme_code
LEFT JOIN (SELECT school_id, arg_max(school_name, period) AS school_name FROM core.school__school_month
           WHERE point_code = '' AND period <= $period GROUP BY 1) s ON s.school_id = g.school_id
LEFT JOIN core.standing__person_month h ON h.person_id = g.person_id AND h.period = g.recognised_period AND h.school_id = g.school_id
LEFT JOIN shown a ON a.person_id = g.person_id AND a.period = g.recognised_period AND a.n = 1
LEFT JOIN shown b ON b.person_id = g.person_id AND b.period = $period AND b.n = 1
ORDER BY school NULLS FIRST, g.grade_code, h.class_label, g.rule_id, g.person_id"""
_HEADERS = [
    ("姓名", "Name"), ("证件号", "Identity number"), ("学校、班级", "School, class"), ("困难类型", "Hardship"), ("项目", "Programme"),
    ("学期", "Term"), ("应发", "Due"), ("实发", "Paid"), ("差额", "Gap"), ("按月折算", "By months"), ("为什么", "Why"),
    ("核查什么", "What to check"), ("人员编号；核查结果", "Person; found"),
]  # fmt: skip


def write_gaps(
    session: Session,
    settings: Settings,
    keys: Keys,
    county: str,
    period: str,
    purpose: str,
    account: str,
    second: str | None = None,
) -> tuple[Path, int]:
    """Write the gap list of a county (0600 in a 0700 folder); returns file and number of lines.

    Raises UsageError for a county that is none, a purpose that does not allow it, or many persons without a second account.
    """
    county_name = names(session, "county", "county_code").get(county)
    if county_name is None:
        raise UsageError(
            f"没有代码为 {county} 的县 / there is no county {county}", "six digits of a current county"
        )
    found = session.execute(_GAPS, {"period": period, "county": county})
    columns = [d[0] for d in found.description]
    rows = [dict(zip(columns, r, strict=True)) for r in found.fetchall()]
    n_persons = len({r["person"] for r in rows})
    access.check("gaps", purpose, account, n_persons, second)
    detail = {"period": period, "persons": n_persons, "lines": len(rows), "second": second}
    access.record(session, "gaps", purpose, account, f"gaps {county}", detail)
    wanted = [(r["delivery_id"], r["row_no"]) for r in rows if r["delivery_id"]]
    shown = resolve(session, settings, keys, wanted, ["name", "id_no", "township", "village"])
    grades = names(session, "grade", "grade_code")
    by_class = {c: [r for r in rows if r["class_code"] == c] for c in CLASSES}
    parts = [_summary(by_class)]
    for class_code, listed in by_class.items():
        if listed:
            parts.append(f"<h2>{both(*CLASSES[class_code])} · {len(listed)}</h2>")
            parts.append(table(_HEADERS, [_line(r, shown, grades) for r in listed]))
    parts += [f"<h2>{both('本清单不核对的项目', 'What this list does not compare')}</h2>", _left_out(session)]
    text = page(
        (f"{county_name[0]} 资助缺口清单", f"Gap list of {county_name[1]}"),
        parts,
        (
            f"{period} · {access.purposes('gaps')[purpose]} · {account} · 内部资料，用后妥善保管；处置前须人工核实",
            "Internal; a person confirms before anything is done (PIPL art. 24)",
        ),
        wide=True,
    )
    file = access.private_file(settings, "gaps", f"{county}-{period}.html")
    file.write_text(text, encoding="utf-8")
    return file, len(rows)


def _gap(row: dict[str, Any]) -> Decimal | None:
    """Yuan missing (above 0) or too much (below 0); None where nobody knows what is due."""
    if row["class_code"] == "ineligible":
        return -Decimal(row["paid"])
    return None if row["due"] is None else Decimal(row["due"] - row["paid"])


def _summary(by_class: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        ("、".join(CLASSES[c][:1]), len({r["person"] for r in listed}), len(listed), sum((_gap(r) or Decimal(0) for r in listed), Decimal(0)))
        for c, listed in by_class.items() if listed
    ]  # fmt: skip
    return table(
        [("结论", "Class"), ("人数", "Persons"), ("笔数", "Lines"), ("差额合计(元)", "Sum of gaps")], lines
    )


def _line(
    row: dict[str, Any], shown: dict[Any, dict[str, str | None]], grades: dict[str, tuple[str, str]]
) -> list[Any]:
    who = shown.get((row["delivery_id"], row["row_no"]), {})
    place = "".join(who.get(c) or "" for c in ("township", "village"))
    grade = grades.get(row["grade_code"] or "", ("",))[0]
    where = " ".join(t for t in (row["school"] or place, grade, class_name(row["class_label"])) if t)
    reason = REASONS[row["reason_code"]]
    return [who.get("name"), mask_id(who.get("id_no")), where or None, groups(row["poor_groups"]) or None, row["programme"], row["term"],
            row["due"], row["paid"], _gap(row), row["by_months"], reason[0], reason[2], Small(row["person"])]  # fmt: skip


def _left_out(session: Session) -> str:
    """The rules whose receipts nobody reports, and why: nobody may think that they were found in order."""
    lines = session.rows(
        "SELECT rule_id || ' ' || name_zh, limit_zh FROM ref.entitlement_rule WHERE evidence <> 'payment' ORDER BY rule_id, programme_code"
    )
    return table([("项目", "Programme"), ("原因", "Why")], lines)
