"""Approvals: a release needs several different persons, none of whom built it.

An approval names the *seal* of a candidate, the SHA-256 of its SHA256SUMS, and so every byte of it: a
candidate that is rebuilt differently or touched afterwards has to be approved again. Approvals and
builders are kept beside the candidate (`<name>.approvals.json`, `<name>.builders.json`), never in it.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from warehouse.errors import BlockedError
from warehouse.release.files import read_json, replace_text, write_json


@dataclass(frozen=True)
class Approval:
    """One person's consent to one candidate.

    `approver` is an account id, not a name; `at` is ISO 8601 with a time zone.
    """

    approver: str
    role: str
    at: str
    candidate_hash: str


def person(account: str) -> str:
    """Account id in the form in which two spellings of one account are equal."""
    return unicodedata.normalize("NFKC", account).strip().casefold()


def check_approvals(
    approvals: Sequence[Approval], *, candidate_hash: str, required: int, operators: Collection[str]
) -> tuple[Approval, ...]:
    """The approvals that count, sorted by time; BlockedError in plain words if they do not suffice.

    An approval of another candidate is refused, not skipped: someone expects it to count.
    """
    builders = {person(o) for o in operators} - {""}
    if not builders:
        raise BlockedError(
            "不知道由谁生成 / it is not known who built the candidate",
            "build the candidate again with an operator",
        )
    counted: dict[str, Approval] = {}
    for approval in approvals:
        who = person(approval.approver)
        if not who or not approval.role.strip():
            raise BlockedError(
                "审批缺少账号或角色 / an approval without account or role",
                "approve again with account and role",
            )
        if who in builders:
            raise BlockedError(
                f"{approval.approver} 参与了生成或发布，不能审批自己的工作 / "
                f"{approval.approver} built or publishes this candidate and cannot approve it",
                "ask a colleague who took no part to approve",
            )
        if approval.candidate_hash != candidate_hash:
            raise BlockedError(
                f"{approval.approver} 审批的是另一个版本 / "
                f"{approval.approver} approved a different candidate",
                "look at the present candidate and approve it",
            )
        if not _is_moment(approval.at):
            raise BlockedError(
                f"{approval.approver} 的审批时间无效 / "
                f"the time of {approval.approver}'s approval is not valid",
                "approve again; the time is ISO 8601 with time zone",
            )
        counted.setdefault(who, approval)
    if len(counted) < required:
        raise BlockedError(
            f"需要 {required} 位不同人员审批，现有 {len(counted)} 位 / "
            f"{required} different persons must approve, {len(counted)} did",
            "let more persons approve the candidate",
        )
    return tuple(sorted(counted.values(), key=lambda a: (datetime.fromisoformat(a.at), a.approver)))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _beside(candidate: Path, what: str) -> Path:
    return candidate.parent / f"{candidate.name}.{what}.json"


def record_builder(candidate: Path, operator: str) -> None:
    """Remember who built a candidate; several may, and none of them may approve it."""
    names = sorted({*builders(candidate), person(operator)} - {""})
    _store(_beside(candidate, "builders"), names)


def builders(candidate: Path) -> list[str]:
    """Accounts that built this candidate."""
    file = _beside(candidate, "builders")
    return list(read_json(file)) if file.exists() else []


def record_approval(candidate: Path, approval: Approval) -> None:
    """Keep an approval beside the candidate until it is published; the last of a person counts."""
    others = [a for a in load_approvals(candidate) if person(a.approver) != person(approval.approver)]
    _store(_beside(candidate, "approvals"), [asdict(a) for a in (*others, approval)])


def load_approvals(candidate: Path) -> list[Approval]:
    """Approvals kept beside a candidate."""
    file = _beside(candidate, "approvals")
    return [Approval(**node) for node in read_json(file)] if file.exists() else []


def write_approvals(release: Path, release_id: str, approvals: Sequence[Approval]) -> None:
    """APPROVALS.json: the only file that publishing adds to a candidate."""
    write_json(release / "APPROVALS.json", {"id": release_id, "approvals": [asdict(a) for a in approvals]})


def _store(path: Path, document: object) -> None:
    replace_text(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
