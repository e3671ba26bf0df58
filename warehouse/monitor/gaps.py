"""The gap list of a county: who, what is due, why, what to check; for the county officer, printable."""

from __future__ import annotations

from pathlib import Path

from warehouse.config import Settings
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.monitor import access
from warehouse.monitor.names import mask_id, resolve
from warehouse.monitor.page import both, page, table
from warehouse.monitor.words import CLASSES, REASONS, names

# A name is looked for where the person was last shown: the registration of the term, the poverty register, the payment.
_GAPS = """
WITH gap AS (
  SELECT e.* FROM use.entitlement__person_rule_term e WHERE e.period = $period AND e.county_code = $county AND e.class_code <> 'full'),
shown AS (
  SELECT i.person_id, i.period, i.delivery_id, i.row_no, row_number() OVER (PARTITION BY i.person_id, i.period ORDER BY CASE
    WHEN i.source LIKE '%registry' THEN 1 WHEN i.source = 'poverty_register' THEN 2 ELSE 3 END, i.delivery_id, i.row_no) AS n
  FROM core.identity__record i WHERE i.period = $period OR i.period IN (SELECT g.recognised_period FROM gap g))
SELECT g.person_id::VARCHAR, coalesce(r.name_zh, '待定'), g.school_year_code, g.term_code, g.amount_due, g.amount_paid, g.class_code,
  g.reason_code, s.school_name, g.grade_code, coalesce(a.delivery_id, b.delivery_id), coalesce(a.row_no, b.row_no)
FROM gap g
LEFT JOIN ref.entitlement_rule r ON r.rule_id = g.rule_id AND r.programme_code = g.programme_code
LEFT JOIN core.school__school_month s ON s.school_id = g.school_id AND s.point_code = '' AND s.period = $period
LEFT JOIN shown a ON a.person_id = g.person_id AND a.period = g.recognised_period AND a.n = 1
LEFT JOIN shown b ON b.person_id = g.person_id AND b.period = $period AND b.n = 1
ORDER BY g.class_code, s.school_name NULLS FIRST, g.rule_id, g.person_id"""


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
    rows = session.rows(_GAPS, {"period": period, "county": county})
    n_persons = len({r[0] for r in rows})
    access.check("gaps", purpose, account, n_persons, second)
    detail = {"period": period, "persons": n_persons, "lines": len(rows), "second": second}
    access.record(session, "gaps", purpose, account, f"gaps {county}", detail)
    wanted = [(r[10], r[11]) for r in rows if r[10]]
    shown = resolve(session, settings, keys, wanted, ["name", "id_no"])
    grades = names(session, "grade", "grade_code")
    lines = []
    for person, programme, year, term, due, paid, class_code, reason, school, grade, delivery, row in rows:
        who = shown.get((delivery, row), {})
        gap = "" if due is None or class_code not in ("short", "unpaid", "pending") else due - paid
        lines.append(
            (who.get("name"), mask_id(who.get("id_no")), school, grades.get(grade, ("",))[0], programme, f"{year}/{term}", due,
             paid, gap, CLASSES[class_code][0], REASONS[reason][0], REASONS[reason][2], person)
        )  # fmt: skip
    headers = [("姓名", "Name"), ("证件号", "Identity number"), ("学校", "School"), ("年级", "Grade"), ("项目", "Programme"),
               ("学期", "Term"), ("应发", "Due"), ("实发", "Paid"), ("差额", "Gap"), ("结论", "Class"), ("依据", "Why"),
               ("核查", "What to check"), ("人员编号", "Person id")]  # fmt: skip
    counts = {c: sum(r[6] == c for r in rows) for c in CLASSES}
    summary = table([CLASSES[c] for c in counts if counts[c]], [[n for n in counts.values() if n]])
    text = page(
        (f"{county_name[0]} 资助缺口清单", f"Gap list of {county_name[1]}"),
        [summary, f"<h2>{both('逐人清单', 'Line by line')}</h2>", table(headers, lines)],
        (
            f"{period} · {access.purposes('gaps')[purpose]} · {account} · 内部资料；处置前须人工核实",
            "Internal; a person confirms before anything is done (PIPL art. 24)",
        ),
    )
    file = access.private_file(settings, "gaps", f"{county}-{period}.html")
    file.write_text(text, encoding="utf-8")
    return file, len(rows)
