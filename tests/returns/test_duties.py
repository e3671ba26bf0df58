"""Returns, replies, decisions and replays are done by accounts whose role and unit allow it, and by nobody else."""

from __future__ import annotations

import pytest
from rules.valid_rows import COLLEGE, COUNTY, PERIOD

from returns.conftest import NO_GUARDIAN, load, pupils
from returns.test_circle import CLERK, REVIEWER, answer
from tests.memory import warehouse_in_memory
from warehouse.config import load_settings
from warehouse.errors import UsageError
from warehouse.returns import issue, replies
from warehouse.workflow.accounts import Account, os_user, save_accounts
from warehouse.workflow.duties import on_duty, reaches, require
from warehouse.workflow.states import may, roles

OTHER_COUNTY, OTHER_PREFECTURE = "632321", "6323"
PROVINCE = COUNTY[:2]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with warehouse_in_memory(tmp_path_factory.mktemp("duties")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("task", "unit", "owner", "expected"),
    [
        ("reply", COUNTY, COUNTY, True),
        ("reply", OTHER_COUNTY, COUNTY, False),
        ("reply", COUNTY[:4], COUNTY, False),  # the prefecture does not answer for the county
        ("decide", COUNTY[:4], COUNTY, True),
        ("decide", OTHER_PREFECTURE, COUNTY, False),
        ("decide", COUNTY, COUNTY, False),
        ("decide", PROVINCE, COUNTY, False),
        ("decide", PROVINCE, COLLEGE, True),
        ("return", COUNTY, COUNTY, True),
        ("return", COUNTY[:4], COUNTY, True),
        ("return", PROVINCE, COUNTY, True),
        ("return", OTHER_PREFECTURE, COUNTY, False),
        ("return", OTHER_COUNTY, COUNTY, False),
    ],
)
def test_reach(session, tmp_path, task, unit, owner, expected):
    who = Account("u-1", "prefecture_reviewer", unit)
    settings = load_settings(tmp_path)
    assert reaches(session, settings, who, task, owner) is expected
    if not expected:
        with pytest.raises(UsageError, match=owner):
            require(session, settings, who, task, owner)


def test_a_county_that_changed_its_code_answers_with_the_new_one(session, tmp_path):
    old, new = session.rows(
        "SELECT old_code, new_code FROM ref.county_crosswalk WHERE old_code <> new_code ORDER BY ALL LIMIT 1"
    )[0]
    who = Account("u-1", "owner_clerk", new)
    assert reaches(session, load_settings(tmp_path), who, "reply", old)


def test_roles_of_the_tasks():
    of_returns = {"return", "reply", "decide", "replay"}
    of_figures = {"assess", "major", "progress", "reference"}
    assert {t for r in roles().values() for t in r.tasks} == of_returns | of_figures
    # Who replies never decides, and neither the auditor nor an approver takes part in returns.
    assert not set(may("reply")) & set(may("decide"))
    assert not {"auditor", "province_approver", "system"} & {r for t in of_returns for r in may(t)}


@pytest.mark.parametrize(
    ("account", "task", "allowed"),
    [
        ("u-head", "reply", True),
        ("u-head", "decide", False),
        ("u-head", "replay", False),
        ("u-pref", "decide", True),
        ("u-pref", "reply", False),
        ("u-op", "replay", True),
        ("u-op", "return", True),
        ("u-op", "decide", False),
        ("u-audit", "return", False),
        ("u-nobody", "return", False),
        ("u-local-op", "replay", False),  # an operator, but not of the province
    ],
)
def test_on_duty(tmp_path, account, task, allowed):
    settings = load_settings(tmp_path)
    me = (os_user(),)
    save_accounts(
        settings,
        [
            Account("u-head", "owner_head", COUNTY, me),
            Account("u-pref", "prefecture_reviewer", COUNTY[:4], me),
            Account("u-op", "operator", PROVINCE, me),
            Account("u-local-op", "operator", COUNTY, me),
            Account("u-audit", "auditor", PROVINCE, me),
        ],
    )
    if allowed:
        assert on_duty(settings, account, task).account == account
        return
    with pytest.raises(UsageError) as told:
        on_duty(settings, account, task)
    assert account in told.value.message and told.value.remedy


def test_another_county_cannot_reply_nor_another_prefecture_decide(world, give_back, tmp_path):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN))
        issued = give_back(session)
        file = answer(issued.path, tmp_path / "r.xlsx", {"A00001": ("属实说明", None)})
        stranger = Account("u-other", "owner_clerk", OTHER_COUNTY)
        with pytest.raises(UsageError, match=COUNTY):
            replies.import_file(session, world.settings, world.keys, file, by=stranger)
        assert session.value("SELECT count(*) FROM ops.fault_reply__fault") == 0
        assert replies.import_file(session, world.settings, world.keys, file, by=CLERK).n_waiting == 1
        for other in (Account("u-p", "prefecture_reviewer", OTHER_PREFECTURE), CLERK):
            with pytest.raises(UsageError, match=COUNTY):
                replies.decide(session, world.settings, issued.return_id, accept=True, reason="-", by=other)
        with pytest.raises(UsageError, match="no return"):
            replies.decide(session, world.settings, "RT-2000-01-1-01", accept=True, reason="-", by=REVIEWER)
        assert (
            replies.decide(session, world.settings, issued.return_id, accept=True, reason="已核", by=REVIEWER)
            == 1
        )
        assert issue.owners(session, PERIOD) == []
