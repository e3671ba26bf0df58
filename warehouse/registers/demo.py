"""What a demo or a test enters into the registers, so that its months pass the rules that judge them. Marked as demo entries."""

from __future__ import annotations

from datetime import date, timedelta

from warehouse.engine.duckdb import Session
from warehouse.registers import entries
from warehouse.registers.declared import registers
from warehouse.registers.facts import subjects

_BY = "demo"
_SOURCES = """SELECT DISTINCT dataset FROM ref.dataset_column
  WHERE kind = 'extracts' AND tier = 'L4' AND zone <> 'drop' ORDER BY 1"""
# field -> word, or days from today
_WORDS: dict[str, dict[str, str | int]] = {
    "impact_assessment": {
        "completed_on": 0,
        "conclusion": "acceptable",
        "document_no": "DEMO-PIA-1",
        "kept_until": 1100,
    },
    "log_check": {"system": "demo", "checked_on": 0, "oldest_on": -200, "in_service_on": -200},
    "restore_drill": {"backup_on": -1, "drilled_on": 0, "result": "passed"},
    "compliance_audit": {
        "audited_on": 0,
        "auditor": "demo",
        "result": "conforms",
        "document_no": "DEMO-AUDIT-1",
    },
    "training": {"trained_on": 0, "topic": "demo", "n_persons": "1"},
}


def seed(session: Session, today: date) -> int:
    """Enter what is missing, for every source and unit there may be; returns the number of entries."""
    known = {
        (e.register_id, e.fields.get("subject") or e.fields.get("unit")) for e in entries.listed(session)
    }
    sources = [str(row[0]) for row in session.rows(_SOURCES)]
    n = 0
    for register in registers().values():
        if register.term_days is None or any(r == register.id for r, _ in known):
            continue
        if register.is_nil_allowed:
            entries.nil(session, register.id, _BY)
            n += 1
            continue
        words = {
            name: word if isinstance(word, str) else (today + timedelta(days=word)).isoformat()
            for name, word in _WORDS[register.id].items()
        }
        wanted = subjects(session, register, ["*"])
        if register.id == "impact_assessment":
            wanted = sorted({*wanted, *sources})
        of = register.subject_field or ""
        n += len(entries.add(session, register.id, [{**words, of: subject} for subject in wanted], _BY))
    return n
