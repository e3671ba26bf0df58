"""Rules of collection (采集): what a delivered file and each of its rows must satisfy before it enters the warehouse.

Datasets: `delivery` is one row per new file (work.main.delivery, see assets/collection/judging.py); every other dataset is an
extract being collected (work.main.clean, see warehouse/intake/). Numbers come from ref.threshold, lists from ref.*.
Statements, clauses and severities: the rule book, stage collection (docs/rules.md).
"""

from __future__ import annotations

from expectations.collection import delivery, elements, numbers, registers, values
from expectations.rule import Rule

RULES: tuple[Rule, ...] = (
    *delivery.RULES,
    *elements.RULES,
    *numbers.RULES,
    *values.RULES,
    *registers.RULES,
)
