"""What is told, and the documents that must say what the code does."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from warehouse import ledger
from warehouse.workflow.states import render
from warehouse.workflow.watch import failed_load, look, silent

from .conftest import PERIOD

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ("workflow.md", "workflow.zh-CN.md"))
def test_the_table_of_the_document_is_the_machine(page):
    assert render("md") in (DOCS / page).read_text(encoding="utf-8")


def test_a_house_without_a_load_is_not_silent(office):
    assert silent(office.session, office.settings, datetime.now()) is None


def test_the_last_release_counts_not_the_last_load(office):
    now = datetime.now()
    office.deliver()
    assert silent(office.session, office.settings, now + timedelta(days=40)) is None
    assert silent(office.session, office.settings, now + timedelta(days=42))
    with office.session.transaction():
        ledger.append(office.session, "publish", "v1", {})
    assert silent(office.session, office.settings, now + timedelta(days=39)) is None


def test_refused_late_and_overdue_are_told(office):
    office.deliver(status="refused", refused_by="RC12", n_accepted=0)
    office.deliver(owner="630103")
    office.sync()
    keys = {a.key for a in look(office.session, office.settings, datetime(2099, 1, 1))}
    assert {"silent", f"refused {PERIOD}", f"late {PERIOD}", "overdue"} <= keys
    alert = next(a for a in failed_load(office.session, PERIOD))
    assert "630102" in alert.zh and "RC12" in alert.en
    office.deliver(version=2)
    assert failed_load(office.session, PERIOD) == []
    assert ledger.problems(office.session) == []
