"""What is shown of a value is enough to find the record and never the whole number of a person."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from warehouse.contract import load_contracts
from warehouse.returns import masking

COLUMNS = [
    c for contract in load_contracts("extracts").values() for c in contract.columns if c.zone != "drop"
]
IDS = st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True)


def test_forms():
    assert masking.number("110105201503156513") == "110105********6513"
    assert masking.number("110105201503156513", tail=False) == "110105" + "*" * 12
    assert masking.number("G110105201503156513") == "G110105********6513"
    assert masking.number("6.30104E+17") == "6.30104E+17"
    assert masking.number("12345678") == "12****78"
    assert masking.name("才让·卓玛") == "才*·**"
    assert masking.phone("13912340001") == "139****0001"


@given(IDS, st.sampled_from(COLUMNS), st.booleans(), st.booleans(), st.sampled_from(["", " ", "x", "学籍 "]))
def test_no_id_is_shown_whatever_the_column(number, column, at_fault, birth, before):
    shown = masking.show(column, before + number, at_fault=at_fault, birth_shown=birth)
    assert number not in shown
    if column.kind != "name":
        assert not re.search(r"\d{15}", shown)


@given(IDS)
def test_a_shown_birth_date_does_not_complete_a_number(number):
    birth = next(c for c in COLUMNS if c.name == "birth_date")
    own = next(c for c in COLUMNS if c.kind == "citizen_id")
    date = masking.show(birth, number[6:14], at_fault=True, birth_shown=True)
    shown = masking.show(own, number, at_fault=False, birth_shown=True)
    assert date == number[6:14] and number[14:] not in shown.replace(number[:6], "", 1)


@given(st.text(max_size=80), st.sampled_from(COLUMNS), st.booleans())
def test_any_text_is_shown_without_a_crash(text, column, at_fault):
    shown = masking.show(column, text, at_fault=at_fault)
    assert isinstance(shown, str) and len(shown) <= 81
