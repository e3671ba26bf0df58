"""The rule book is whole: no rule is both wired and pending, every stage has rules, every check is run by a room."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from expectations.rule import Stage, all_rules
from warehouse.contract import load_contracts
from warehouse.reference import rows

ROOT = Path(__file__).parents[2]


def test_a_rule_that_is_wired_is_not_pending():
    # that every rule of the book is one or the other: tests/dashboard/test_pages.py
    assert not {r["rule_id"] for r in rows("rule_pending")} & set(all_rules())


def test_every_stage_has_rules():
    found = Counter(rule.stage for rule in all_rules().values())
    assert set(found) == set(Stage)


def test_every_check_is_run_somewhere():
    """A dataset is an extract, a model's table, a staged mart, or a table that a room builds and judges by name."""
    known = set(load_contracts("extracts")) | {f"release.{mart}" for mart in load_contracts("marts")}
    known |= {c.table for group in ("tables", "marts") for c in load_contracts(group).values()}
    text = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "assets").rglob("*.py"))
    text += "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "warehouse").rglob("*.py"))
    from assets.storage import kept

    named = set(re.findall(r'"([a-z_.]+)"', text)) | set(kept.DATASETS)
    datasets = {check.dataset for rule in all_rules().values() for check in rule.checks}
    assert datasets - known - named == set()
