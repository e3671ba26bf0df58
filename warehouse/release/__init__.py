"""From marts to an immutable, verifiable release: build a candidate, approve, publish, verify, roll back."""

from warehouse.release.approval import Approval, check_approvals, load_approvals, record_approval
from warehouse.release.candidate import Candidate, build_candidate, load_candidate
from warehouse.release.pointer import Release, list_releases, release_id
from warehouse.release.publish import publish, rollback
from warehouse.release.verify import VerifyReport, verify_current, verify_release

__all__ = [
    "Approval",
    "Candidate",
    "Release",
    "VerifyReport",
    "build_candidate",
    "check_approvals",
    "list_releases",
    "load_approvals",
    "load_candidate",
    "publish",
    "record_approval",
    "release_id",
    "rollback",
    "verify_current",
    "verify_release",
]
