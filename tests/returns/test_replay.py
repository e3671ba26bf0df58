"""A mended rule or list lets rows and files in from the archive, once, and nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace as changed

import pytest
from rules.valid_rows import PERIOD, wrong_check

from assets.collection import collect as collect_module
from assets.collection import judging as judging_module
from assets.collection import replay as replay_module
from assets.collection.replay import replay
from expectations.rule import all_rules, satisfies
from returns.conftest import BAD_SEX, GOOD, NO_GUARDIAN, load, number_of, pupils
from warehouse import archive, ledger, vault
from warehouse.landing import envelope_of
from warehouse.workflow.arrival import sync


@pytest.fixture
def mend(monkeypatch):
    """The rule book after a rule was mended: its checks on the registry replaced."""
    book = dict(all_rules())

    def put(rule_id, *checks):
        rule = book[rule_id]
        kept = tuple(c for c in rule.checks if c.dataset != "student_registry")
        book[rule_id] = changed(rule, checks=(*kept, *checks))
        for module in (collect_module, judging_module, replay_module):
            monkeypatch.setattr(module, "all_rules", lambda: book)

    return put


def facts(session):
    found = session.rows(
        "SELECT n_read, n_accepted, n_quarantined, status FROM ops.delivery__version WHERE source = 'student_registry' "
        "ORDER BY version DESC LIMIT 1"
    )[0]
    rows = [r[0] for r in session.rows("SELECT row_no FROM raw.student_registry__student ORDER BY 1")]
    return found, rows


def again(world, session, **which):
    return replay(session, world.settings, world.keys, by="u-centre", **which)


def test_a_mended_list_lets_rows_in_once(world):
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, {"id_no": wrong_check(number_of(2))}, NO_GUARDIAN))
        assert facts(session) == ((4, 2, 2, "accepted"), [1, 4])
        session.execute("UPDATE ref.code_list SET aliases = '不明' WHERE list_id = 'sex' AND code = '1'")
        # Without the landing zone: the archive is enough.
        for file in (world.settings.landing / "student_registry" / PERIOD).iterdir():
            file.unlink()
        found = again(world, session)
        assert [(r.n_released, r.n_left) for r in found] == [(1, 1)]
        assert facts(session) == ((4, 3, 1, "accepted"), [1, 2, 4])
        status = dict(
            session.rows("SELECT rule_id, status FROM ops.fault__identity WHERE record_key NOT LIKE 'file:%'")
        )
        assert (status["RC25"], status["RC16"], status["RC30"]) == ("replayed", "open", "open")
        (detail,) = session.rows("SELECT detail FROM ops.ledger__event WHERE event = 'replay'")[0]
        assert sum(json.loads(detail)["released"].values()) == 1
        assert ledger.problems(session) == []
        # The warning of a row that was in raw is still there, and a second replay brings nothing.
        assert session.value("SELECT count(*) FROM ops.quarantine__row_rule WHERE rule_id = 'RC30'") == 1
        assert [(r.n_released, r.n_left) for r in again(world, session)] == [(0, 1)]
        assert facts(session) == ((4, 3, 1, "accepted"), [1, 2, 4])


def test_the_token_of_a_released_row_is_that_of_the_vault(world):
    from warehouse.pseudonym import token

    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX))
        session.execute("UPDATE ref.code_list SET aliases = '不明' WHERE list_id = 'sex' AND code = '1'")
        delivery = again(world, session)[0].delivery_id
        stored = session.value("SELECT id_no_token FROM raw.student_registry__student WHERE row_no = 2")
    path = vault.vault_path(world.settings.vault, "student_registry", PERIOD, delivery)
    number = vault.read(path, world.keys.vault, ["row_no", "id_no"]).to_pylist()[1]["id_no"]
    assert stored == token(world.keys.token, "sfz", number)


def test_only_what_one_rule_held_back(world, mend):
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, {"id_no": wrong_check(number_of(2))}))
        mend("RC16")
        mend("RC25")
        assert [(r.n_released, r.n_left) for r in again(world, session, rule="RC16")] == [(1, 1)]
        assert facts(session) == ((3, 2, 1, "accepted"), [1, 3])
        assert [r.status for r in again(world, session, rule="RC22")] == []


def test_rows_that_are_in_stay_in(world, mend):
    """A rule that became stricter refuses nobody afterwards."""
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, GOOD))
        mend("RC27", satisfies("student_registry", "false", field="entry_month"))
        assert [(r.n_released, r.n_left) for r in again(world, session)] == [(0, 1)]
        assert facts(session) == ((3, 2, 1, "accepted"), [1, 3])


def test_the_package_follows_and_an_approved_one_is_frozen(world):
    def packages():
        return session.rows(
            "SELECT version, state, n_quarantined FROM ops.review__package WHERE source = 'student_registry' ORDER BY 1"
        )

    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, {"id_no": wrong_check(number_of(2))}))
        sync(session, world.settings)
        assert packages() == [(1, "validated", 2)]
        session.execute("UPDATE ref.code_list SET aliases = '不明' WHERE list_id = 'sex' AND code = '1'")
        again(world, session)
        assert packages() == [(1, "superseded", 2), (2, "validated", 1)]
        session.execute("UPDATE ops.review__package SET state = 'approved' WHERE state = 'validated'")
        before = facts(session)
        found = again(world, session)
        assert [(r.status, r.n_released, r.n_left) for r in found] == [("waiting", 0, 1)]
        assert "reopen" in found[0].note and facts(session) == before


def test_a_superseded_version_is_not_replayed(world):
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX))
        load(world, session, pupils(GOOD, GOOD))
        session.execute("UPDATE ref.code_list SET aliases = '不明' WHERE list_id = 'sex' AND code = '1'")
        assert again(world, session) == []


def test_a_refused_file_goes_the_whole_way(world):
    content = "学籍名册\n没有一列认得\n1,2,3\n".encode()
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, BAD_SEX), period="2026-04", n_rows=9)
        load(world, session, content)
        for folder in (PERIOD, "2026-04"):
            for file in (world.settings.landing / "student_registry" / folder).iterdir():
                file.unlink()
        found = {r.period: r for r in again(world, session)}
        # Neither is mended: the one has no header, the other another number of rows than declared.
        assert {p: (r.status, r.n_released) for p, r in found.items()} == {
            PERIOD: ("refused", 0),
            "2026-04": ("refused", 0),
        }
        rows = session.value("SELECT count(*) FROM raw.student_registry__student")
        assert rows == 0


def test_a_file_refused_for_its_share_enters_after_the_mend(world):
    values = {**world.settings.values, "limits": {**world.settings.values["limits"], "quarantine_share": 0.1}}
    world.settings = changed(world.settings, values=values)
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX, BAD_SEX))
        assert facts(session)[0] == (3, 0, 3, "refused")
        session.execute("UPDATE ref.code_list SET aliases = '不明' WHERE list_id = 'sex' AND code = '1'")
        found = again(world, session)
        assert [(r.status, r.n_released) for r in found] == [("accepted", 3)]
        assert facts(session) == ((3, 3, 0, "accepted"), [1, 2, 3])
        assert set(
            session.rows("SELECT DISTINCT status FROM ops.fault__identity WHERE rule_id IN ('RC25', 'RC12')")
        ) == {("replayed",)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"preparer": None}, ("refused", "RC07 still refuses it")),
        ({"envelope": {}}, ("waiting", "without an envelope")),
    ],
)
def test_what_was_refused_for_its_envelope_is_judged_by_that_envelope(world, given, expected):
    with world.session() as session:
        file = world.put("student_registry", pupils(GOOD), name="a.csv", **given)
        world.collect(session, "student_registry")
        file.unlink()
        envelope_of(file).unlink(missing_ok=True)
        (found,) = again(world, session)
        assert (found.status, found.n_released) == (expected[0], 0) and expected[1] in found.note


def test_file_and_envelope_come_back_from_the_archive(world):
    with world.session() as session:
        file = world.put("student_registry", pupils(GOOD), name="a.csv", n_rows=9, late_reason="大雪封路")
        envelope = envelope_of(file)
        sha256 = archive.sha256_file(envelope)
        world.collect(session, "student_registry")
        assert facts(session)[0][3] == "refused"
        kept = session.rows("SELECT sha256 FROM ops.archived__object WHERE kind = 'envelope'")
        assert (sha256,) in kept and archive.is_intact(world.settings.archive, world.keys.archive, sha256)
        file.unlink()
        envelope.unlink()
        # The declared number stands in the envelope alone: it is read again, not made up.
        assert [(r.status, "RC12" in r.note) for r in again(world, session)] == [("refused", True)]


def test_dry_run_changes_nothing(world):
    with world.session() as session:
        load(world, session, pupils(GOOD, BAD_SEX))
        before = world.count(session)
        assert len(again(world, session, dry_run=True)) == 1
        assert world.count(session) == before
