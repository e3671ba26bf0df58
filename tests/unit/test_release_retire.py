"""Withdraw, hold, prune, list: what readers find, what stays reserved, what may not happen."""

from datetime import UTC, datetime

import pytest
from fixtures.release_world import OPERATOR, approvals, build, release, settings_at, warehouse

from warehouse.errors import BlockedError, UsageError
from warehouse.release import list_releases, prune, publish, retired, rollback, verify_current, withdraw
from warehouse.release.overview import overview
from warehouse.release.pointer import Release, current_id, shown_before, taken_ids
from warehouse.release.retire import WORDS, hold, holds, reasons_to_keep

NOW = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return settings_at(tmp_path)


@pytest.fixture
def corrected(settings):
    """A release and its correction."""
    release(settings)
    release(settings, warehouse(corrected=True))
    return settings


def gone(settings, release_id, **more):
    return withdraw(settings, release_id, reason="wrong figures", by=OPERATOR, now=NOW, **more)


def test_the_current_release_needs_a_successor(corrected):
    with pytest.raises(BlockedError, match="successor") as caught:
        gone(corrected, "v2025.9.1")
    assert "v2025.9.0" in caught.value.remedy and current_id(corrected) == "v2025.9.1"
    with pytest.raises(BlockedError):
        gone(corrected, "v2025.9.1", words="yes")
    for wrong in ("v2025.9.1", "v2025.9.7"):
        with pytest.raises(UsageError):
            gone(corrected, "v2025.9.1", successor=wrong)
    assert not retired(corrected)


def test_withdrawn_data_are_gone_and_the_tombstone_says_why(corrected):
    gone(corrected, "v2025.9.1", successor="v2025.9.0")
    assert verify_current(corrected).ok and current_id(corrected) == "v2025.9.0"
    folder = corrected.releases / "v2025.9.1"
    assert {p.name for p in folder.iterdir()} == {"WITHDRAWN.md", "RELEASE.was.json", "SHA256SUMS.was"}
    text = (folder / "WITHDRAWN.md").read_text()
    assert "wrong figures" in text and "v2025.9.0" in text and OPERATOR not in text
    assert (corrected.withheld / "v2025.9.1" / "marts.duckdb").is_file()
    assert corrected.withheld.stat().st_mode & 0o777 == 0o700
    assert [r.id for r in list_releases(corrected)] == ["v2025.9.0"]
    with pytest.raises(UsageError, match="withdrawn"):
        rollback(corrected, "v2025.9.1")
    # Doing it again changes nothing, whatever reason is given.
    again = withdraw(corrected, "v2025.9.1", reason="other", by="ops02")
    assert again == retired(corrected)["v2025.9.1"] and again.reason == "wrong figures"


def test_a_withdrawn_id_and_its_content_do_not_come_back(corrected):
    gone(corrected, "v2025.9.1", successor="v2025.9.0")
    with pytest.raises(BlockedError, match="was withdrawn as"):
        release(corrected, warehouse(corrected=True))
    con = warehouse(corrected=True)
    con.execute("UPDATE mart.school__school SET n_classes = 41 WHERE school_id = '3630000001'")
    assert release(corrected, con).id == "v2025.9.2"
    assert taken_ids(corrected) == ["v2025.9.0", "v2025.9.2", "v2025.9.1"]


def test_what_readers_saw_stays_known_unless_it_was_a_leak(corrected):
    gone(corrected, "v2025.9.1", successor="v2025.9.0")
    assert [p.parent.name for p in shown_before(corrected)] == ["releases", "withheld"]
    gone(corrected, "v2025.9.0", words=WORDS, is_leak=True)
    assert [p.name for p in shown_before(corrected)] == ["v2025.9.1"]


def test_nothing_is_current_only_when_somebody_says_so_in_words(settings):
    release(settings)
    gone(settings, "v2025.9.0", words=WORDS)
    assert current_id(settings) is None and not (settings.releases / "current").is_symlink()
    assert not verify_current(settings).ok
    new = release(settings, warehouse(corrected=True))
    assert new.id == "v2025.9.1" == current_id(settings) and verify_current(settings).ok


def test_an_older_release_is_withdrawn_without_moving_the_pointer(corrected):
    gone(corrected, "v2025.9.0")
    assert current_id(corrected) == "v2025.9.1" and verify_current(corrected).ok


@pytest.mark.parametrize("reason", [" ", "张三 630102198001011234"])
def test_a_reason_is_given_and_holds_no_number(corrected, reason):
    with pytest.raises(UsageError):
        withdraw(corrected, "v2025.9.0", reason=reason, by=OPERATOR)
    assert not retired(corrected)


def test_a_candidate_that_was_not_audited_against_a_newer_release_is_stale(settings):
    release(settings)
    late = build(settings, warehouse(corrected=True))
    release(settings, period="2025-10")
    with pytest.raises(BlockedError, match="stale"):
        publish(settings, late, approvals(late), operator=OPERATOR)


# ---------------------------------------- pruning


def months(*ids):
    found = []
    for id_ in ids:
        year, month, _ = id_[1:].split(".")
        found.append(Release(id_, f"{year}-{int(month):02d}", "h", None, None))
    return found


def test_what_is_kept_and_why():
    there = months(
        "v2023.11.0", "v2023.12.0", "v2024.1.0", "v2024.2.0", "v2024.2.1", "v2024.3.0", "v2024.4.0"
    )
    kept = reasons_to_keep(
        there,
        current="v2024.3.0",
        back={"v2024.4.0"},
        months=2,
        held={"v2023.11.0": "audit"},
        cited={"v2024.1.0": "scorecard 2023"},
    )
    english = {k: [w.split(maxsplit=1)[-1] for w in why] for k, why in kept.items()}
    assert english["v2023.12.0"] == ["last of its year"]
    assert english["v2024.2.1"] == ["to fall back to"]
    assert english["v2024.3.0"][0] == "current" and "last of its year" in english["v2024.4.0"]
    assert "held: audit" in kept["v2023.11.0"][0] and "scorecard 2023" in kept["v2024.1.0"][0]
    assert [k for k, why in kept.items() if not why] == ["v2024.2.0"]


def test_prune_says_first_and_acts_only_when_told(settings):
    for month in ("2025-09", "2025-10", "2025-11"):
        release(settings, period=month)
    settings.values["release"]["keep_months"] = 1
    hold(settings, "v2025.9.0", "audit")
    assert holds(settings) == {"v2025.9.0": "audit"}
    plan = prune(settings, by=OPERATOR)
    assert [k.id for k in plan if not k.why] == [] and not retired(settings)
    hold(settings, "v2025.9.0", None)
    assert [k.id for k in prune(settings, by=OPERATOR) if not k.why] == ["v2025.9.0"]
    assert len(list_releases(settings)) == 3
    assert [
        k.id for k in prune(settings, by=OPERATOR, cited={"v2025.9.0": "x"}, dry_run=False) if not k.why
    ] == []
    prune(settings, by=OPERATOR, dry_run=False, now=NOW)
    assert [r.id for r in list_releases(settings)] == ["v2025.10.0", "v2025.11.0"]
    assert {p.name for p in (settings.withheld / "v2025.9.0").iterdir()} == {
        "parquet",
        "contracts",
        "RELEASE.json",
        "SHA256SUMS",
        "APPROVALS.json",
    }
    assert [r["state"] for r in overview(settings)] == ["current", "published", "pruned"]
    assert verify_current(settings).ok
    # The pruned release still stands behind what is protected, and its id stays taken.
    assert [p.name for p in shown_before(settings)] == ["v2025.9.0", "v2025.10.0", "v2025.11.0"]
    assert release(settings, warehouse(corrected=True)).id == "v2025.9.1"


@pytest.mark.parametrize(("mode", "others"), [("0700", 0), ("0750", 0o050), ("0755", 0o055)])
def test_folder_mode_opens_releases_and_nothing_else(settings, mode, others):
    (settings.data / "vault").mkdir(parents=True)
    (settings.data / "vault").chmod(0o755)
    settings.data.chmod(0o700)
    settings.values["release"]["folder_mode"] = mode
    release(settings)
    assert settings.releases.stat().st_mode & 0o077 == others
    assert settings.data.stat().st_mode & 0o077 == others & 0o011
    if others:
        assert (settings.data / "vault").stat().st_mode & 0o077 == 0
    settings.values["release"]["folder_mode"] = "0777"
    with pytest.raises(UsageError):
        release(settings, warehouse(corrected=True))
