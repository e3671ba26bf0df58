"""From marts to an immutable, verifiable release: build, approve, publish, verify, roll back, withdraw, prune."""

from warehouse.release.approval import Approval, check_approvals, load_approvals, record_approval
from warehouse.release.candidate import Candidate, build_candidate, load_candidate
from warehouse.release.pointer import Release, Retired, list_releases, release_id, retired
from warehouse.release.publish import publish, rollback
from warehouse.release.retire import prune, withdraw
from warehouse.release.verify import VerifyReport, verify_current, verify_release

__all__ = [
    "Approval",
    "Candidate",
    "Release",
    "Retired",
    "VerifyReport",
    "build_candidate",
    "check_approvals",
    "list_releases",
    "load_approvals",
    "load_candidate",
    "prune",
    "publish",
    "record_approval",
    "release_id",
    "retired",
    "rollback",
    "verify_current",
    "verify_release",
    "withdraw",
]
