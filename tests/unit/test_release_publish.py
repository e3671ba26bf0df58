import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from fixtures.release_world import OPERATOR, PERIOD, approvals, build, release, settings_at, warehouse

from warehouse.errors import BlockedError, BusyError, UsageError
from warehouse.release import (
    Approval,
    list_releases,
    load_approvals,
    publish,
    record_approval,
    release_id,
    rollback,
    verify_current,
    verify_release,
)
from warehouse.release.files import exclusive, read_sums, sums, write_sums
from warehouse.release.pointer import current_id, pointer_file


@pytest.fixture
def settings(tmp_path: Path):
    return settings_at(tmp_path)


def test_release_id():
    assert release_id("2025-09", []) == "v2025.9.0"
    assert release_id("2025-09", ["v2025.9.0", "v2025.9.9", "v2025.9.10", "v2025.10.3"]) == "v2025.9.11"
    assert release_id("2025-12", ["v2025.9.0"]) == "v2025.12.0"
    for wrong in ("2025-9", "2025-13", "202509", "../x"):
        with pytest.raises(UsageError):
            release_id(wrong, [])


def test_publish_makes_a_verified_read_only_release(settings):
    found = release(settings)
    assert found.id == "v2025.9.0" == current_id(settings) == pointer_file(settings)["id"]
    report = verify_current(settings)
    assert report.ok and not report.notes and report.rows["school__school"] == 3000
    assert (found.path / "marts.duckdb").stat().st_mode & 0o777 == 0o444
    assert found.path.stat().st_mode & 0o777 == 0o755
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], cwd=found.path, check=True)
    # The pointer is relative: the folder may be mounted elsewhere.
    moved = settings.releases.with_name("moved")
    settings.releases.rename(moved)
    assert (moved / "current" / "RELEASE.json").is_file()


def test_second_publish_is_a_no_op(settings):
    found = release(settings)
    before = {p: p.stat().st_mtime_ns for p in settings.releases.rglob("*")}
    assert release(settings) == found
    assert {p: p.stat().st_mtime_ns for p in settings.releases.rglob("*")} == before


def test_correction_counts_up_and_a_new_month_starts_at_zero(settings):
    release(settings)
    assert release(settings, warehouse(corrected=True)).id == "v2025.9.1"
    assert release(settings, period="2025-10").id == "v2025.10.0"
    # Back to the first content is a correction too, not the first release again.
    assert release(settings).id == "v2025.9.2"
    assert [r.id for r in list_releases(settings)] == ["v2025.9.0", "v2025.9.1", "v2025.9.2", "v2025.10.0"]
    # A past month is published beside the current one.
    assert current_id(settings) == "v2025.10.0"


def test_approvals_that_do_not_suffice(settings):
    candidate = build(settings)
    good, other = approvals(candidate)

    def refused(*given: Approval, operator: str = OPERATOR) -> str:
        with pytest.raises(BlockedError) as caught:
            publish(settings, candidate, given, operator=operator)
        assert caught.value.remedy and "/" in caught.value.message
        assert current_id(settings) is None and not list_releases(settings)
        return caught.value.message

    assert "现有 0 位" in refused()
    assert "1 did" in refused(good)
    assert "1 did" in refused(good, dataclasses.replace(good, role="复核员"))
    assert "1 did" in refused(good, dataclasses.replace(good, approver=" ＲEV01 "))
    assert "cannot approve it" in refused(good, dataclasses.replace(other, approver=OPERATOR.upper()))
    # The builder is remembered, whoever publishes.
    assert "cannot approve it" in refused(
        good, dataclasses.replace(other, approver=OPERATOR), operator="ops02"
    )
    assert "cannot approve it" in refused(good, other, operator=other.approver)
    assert "different candidate" in refused(good, dataclasses.replace(other, candidate_hash="0" * 64))
    assert "role" in refused(good, dataclasses.replace(other, role=" "))
    assert "time" in refused(good, dataclasses.replace(other, at="2025-10-01T00:00:00"))
    settings.values["release"]["approvers"] = 3
    assert "3 different persons" in refused(good, other)


def test_approvals_are_kept_beside_the_candidate(settings):
    candidate = build(settings)
    for approval in (*approvals(candidate), approvals(candidate)[0]):
        record_approval(candidate.path, approval)
    assert [a.approver for a in load_approvals(candidate.path)] == ["head01", "rev01"]
    assert verify_release(candidate.path).ok
    assert (
        publish(settings, build(settings), load_approvals(candidate.path), operator=OPERATOR).id
        == "v2025.9.0"
    )


def test_candidate_touched_after_approval_is_refused(settings):
    candidate = build(settings)
    given = approvals(candidate)
    (candidate.path / "CHANGES.md").write_text("all is well")
    with pytest.raises(BlockedError, match="file changed"):
        publish(settings, candidate, given, operator=OPERATOR)
    write_sums(candidate.path, sums(candidate.path))
    with pytest.raises(BlockedError, match="changed after it was loaded"):
        publish(settings, candidate, given, operator=OPERATOR)


def test_stale_candidate_is_refused(settings):
    candidate = build(settings)
    release(settings, warehouse(corrected=True))
    with pytest.raises(BlockedError, match="stale"):
        publish(settings, candidate, approvals(candidate), operator=OPERATOR)


def test_rollback_and_what_it_means_for_the_next_run(settings):
    release(settings)
    release(settings, warehouse(corrected=True))
    assert rollback(settings, "v2025.9.0").id == "v2025.9.0" == current_id(settings)
    assert verify_current(settings).ok and pointer_file(settings)["rolled_back"] == ["v2025.9.1"]
    with pytest.raises(BlockedError, match="rolled back"):
        release(settings, warehouse(corrected=True))
    assert current_id(settings) == "v2025.9.0"
    third = release(settings)  # the good content once more, as a correction of the bad one
    assert third.id == "v2025.9.2" and third.previous == "v2025.9.0"
    rollback(settings, "v2025.9.1")
    assert pointer_file(settings)["rolled_back"] == ["v2025.9.2"]
    for wrong in ("v2025.9.7", "current", "../v2025.9.0"):
        with pytest.raises(UsageError):
            rollback(settings, wrong)


def test_rollback_to_a_damaged_release_is_refused(settings):
    old = release(settings)
    release(settings, warehouse(corrected=True))
    (old.path / "CHANGES.md").unlink()
    with pytest.raises(BlockedError, match="file missing"):
        rollback(settings, old.id)
    assert current_id(settings) == "v2025.9.1"


def test_one_publisher_at_a_time(settings):
    candidate = build(settings)
    with exclusive(settings.releases), pytest.raises(BusyError):
        publish(settings, candidate, approvals(candidate), operator=OPERATOR)


def test_pointer_file_lost_or_behind_is_repaired(settings):
    release(settings)
    (settings.releases / "current.json").unlink()
    report = verify_current(settings)
    assert report.ok and report.notes
    release(settings)
    assert not verify_current(settings).notes


def test_verify_current_without_or_with_dangling_pointer(settings):
    assert not verify_current(settings).ok
    found = release(settings)
    shutil.move(found.path, settings.releases / "elsewhere")
    assert not verify_current(settings).ok


def test_release_renamed_to_another_id_does_not_verify(settings):
    found = release(settings)
    found.path.rename(settings.releases / "v2025.9.5")
    (settings.releases / "current").unlink()
    (settings.releases / "current").symlink_to("v2025.9.5")
    assert any("name of its folder" in p for p in verify_current(settings).problems)


def test_release_without_approvals_does_not_verify(settings):
    found = release(settings)
    (found.path / "APPROVALS.json").unlink()
    listed = {n: h for n, h in read_sums(found.path).items() if n != "APPROVALS.json"}
    (found.path / "SHA256SUMS").chmod(0o644)
    write_sums(found.path, listed)
    assert any("no approvals" in p for p in verify_release(found.path).problems)


def test_period_is_that_of_the_data(settings):
    assert release(settings).period == PERIOD
