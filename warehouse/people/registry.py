"""Decisions about persons: merge, split, and answers to the review queue. Nothing is overwritten; every act is in the ledger."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from warehouse import ledger
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.people.step import TABLES, model_version


def resolve(session: Session, text: str) -> list[UUID]:
    """Profiles meant by a record key `source:delivery:row` or by a person id. Raises UsageError if there is none."""
    parts = text.split(":")
    if len(parts) == 3 and parts[2].isdigit():
        found = session.rows(
            "SELECT profile FROM core.person_profile__row WHERE source = ? AND delivery_id = ? AND row_no = ?",
            [parts[0], parts[1], int(parts[2])],
        )
    else:
        found = session.rows(
            """SELECT l.profile FROM core.person_link__link l LEFT JOIN core.person__id p USING (person_id)
               WHERE l.is_current AND coalesce(p.merged_into, l.person_id) = TRY_CAST(? AS UUID) ORDER BY l.seq""",
            [text],
        )
    if not found:
        raise UsageError(
            "No such record or person", "give source:delivery:row (as in the return form) or a person id"
        )
    return [row[0] for row in found]


def person_of(session: Session, profile: UUID) -> UUID | None:
    """The living person of a profile; None where the profile was not loaded yet."""
    found: UUID | None = session.value(
        """SELECT coalesce(p.merged_into, l.person_id) FROM core.person_link__link l LEFT JOIN core.person__id p USING (person_id)
           WHERE l.profile = ? AND l.is_current""",
        [profile],
    )
    return found


def founder(session: Session, person: UUID) -> UUID:
    """The first profile of a living person: it stands for the person in decisions."""
    found: UUID = session.value(
        """SELECT arg_min(l.profile, l.seq) FROM core.person_link__link l LEFT JOIN core.person__id p USING (person_id)
           WHERE l.is_current AND coalesce(p.merged_into, l.person_id) = ?""",
        [person],
    )
    return found


def decide(session: Session, left: UUID, right: UUID, verdict: str, who: str, reason: str) -> None:
    """Record a verdict on two profiles (same, different); `same` merges their persons, `different` parts them."""
    if verdict not in ("same", "different"):
        raise UsageError(f"Unknown verdict {verdict}", "say same or different")
    if not who or not reason:
        raise UsageError("A decision needs --by and --reason", "give both")
    with session.transaction():
        _note(session, left, right, verdict, who, reason)
        apply(session, left, right, verdict, who)
        touch(session)


def apply(session: Session, left: UUID, right: UUID, verdict: str, who: str) -> bool:
    """Make a verdict true for profiles that have persons; returns whether anything changed."""
    one, other = person_of(session, left), person_of(session, right)
    if one is None or other is None:
        return False
    if verdict == "same" and one != other:
        _merge(session, one, other, who)
    elif verdict == "different" and one == other:
        merged = [m for m in (_issued(session, right), _issued(session, left)) if m != one]
        if merged and _issued(session, left) != _issued(session, right):
            _unmerge(session, merged[0], who)
        else:
            _split(session, [right], who)
    else:
        return False
    return True


def merge(session: Session, one: UUID, other: UUID, who: str, reason: str) -> UUID:
    """Merge two persons; the older id survives, the other points to it. Returns the survivor."""
    if one == other:
        raise UsageError("Both are the same person already", "nothing to do")
    with session.transaction():
        _note(session, founder(session, one), founder(session, other), "same", who, reason)
        survivor = _merge(session, one, other, who, reason)
        touch(session)
    return survivor


def unmerge(session: Session, person: UUID, who: str, reason: str) -> UUID:
    """Take a merge back: the merged id lives again with the profiles it had. Returns the person it was merged into."""
    survivor: UUID | None = session.value(
        "SELECT merged_into FROM core.person__id WHERE person_id = ?", [person]
    )
    if survivor is None:
        raise UsageError(
            "This person was not merged", "give the id that went; the ledger names it (person_merged)"
        )
    with session.transaction():
        kept = founder(session, survivor)
        _unmerge(session, person, who, reason)
        back = founder(session, person)
        # the founder of the survivor may be a profile that goes back
        _note(session, founder(session, survivor) if kept == back else kept, back, "different", who, reason)
        touch(session)
    return survivor


def split(session: Session, profiles: list[UUID], who: str, reason: str) -> UUID:
    """Give the profiles a person of their own. Returns the new id."""
    persons = {person_of(session, p) for p in profiles}
    with session.transaction():
        made = _split(session, profiles, who, reason)
        for left in persons:
            remaining = founder(session, left) if left else None
            for profile in profiles if remaining else ():
                _note(session, remaining, profile, "different", who, reason)  # type: ignore[arg-type]
        for profile in profiles[1:]:
            _note(session, profiles[0], profile, "same", who, reason)
        touch(session)
    return made


def _note(session: Session, left: UUID, right: UUID, verdict: str, who: str, reason: str) -> None:
    """Keep a decision by profiles: whatever people decide stands here, so that it survives a rebuild (decisions.py)."""
    one, other = min(left, right), max(left, right)
    session.execute(
        "INSERT INTO core.person_decision__pair SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ? FROM core.person_decision__pair",
        [one, other, verdict, who, date.today(), reason],
    )
    ledger.append(session, "person_decision", str(one), {"with": str(other), "verdict": verdict, "by": who})


def _issued(session: Session, profile: UUID) -> UUID:
    """The person a profile was linked to, before redirects."""
    found: UUID = session.value(
        "SELECT person_id FROM core.person_link__link WHERE profile = ? AND is_current", [profile]
    )
    return found


def _unmerge(session: Session, person: UUID, who: str, reason: str = "") -> None:
    # Where each id was pointed to first stands in the ledger; those that came along through `person` go back with it.
    steps = session.rows(
        """SELECT subject, arg_max(json_extract_string(detail, '$.into'), seq), arg_max(event, seq) FROM ops.ledger__event
           WHERE event IN ('person_merged', 'person_unmerged') GROUP BY subject"""
    )
    into = {UUID(gone): UUID(to) for gone, to, event in steps if event == "person_merged"}
    into.pop(person, None)
    session.execute(
        "UPDATE core.person__id SET status = 'active', merged_into = NULL WHERE person_id = ?", [person]
    )
    for gone in into:
        root = into[gone]
        while root in into:
            root = into[root]
        session.execute("UPDATE core.person__id SET merged_into = ? WHERE person_id = ?", [root, gone])
    ledger.append(session, "person_unmerged", str(person), {"by": who, "reason": reason})


def _merge(session: Session, one: UUID, other: UUID, who: str, reason: str = "") -> UUID:
    first = session.rows(
        """SELECT p.person_id FROM core.person__id p WHERE p.person_id IN (?, ?)
           ORDER BY p.created_period, (SELECT min(seq) FROM core.person_link__history h WHERE h.person_id = p.person_id)""",
        [one, other],
    )
    if len(first) != 2:
        raise UsageError("No such person", "give two person ids that exist and are not merged already")
    survivor: UUID = first[0][0]
    gone: UUID = first[1][0]
    # Redirects are kept one step long: whoever pointed to the one that goes now points to the survivor.
    session.execute(
        "UPDATE core.person__id SET status = 'merged', merged_into = ? WHERE person_id = ? OR merged_into = ?",
        [survivor, gone, gone],
    )
    if session.value(
        "SELECT count(*) FROM core.person__id a JOIN core.person__id b ON b.person_id = a.merged_into WHERE b.merged_into IS NOT NULL"
    ):
        raise AssertionError("a redirect leads to a merged person")
    ledger.append(session, "person_merged", str(gone), {"into": str(survivor), "by": who, "reason": reason})
    return survivor


def _split(session: Session, profiles: list[UUID], who: str, reason: str = "") -> UUID:
    # Derived once from what is being moved and from how often the index has been changed by hand; never recomputed.
    made: UUID = session.value(
        """SELECT md5(concat('split:', array_to_string(?::VARCHAR[], ','), ':',
                     (SELECT count(*) FROM core.person_link__history WHERE decided_by <> 'load')))::UUID""",
        [[str(p) for p in profiles]],
    )
    period = session.value("SELECT max(valid_from) FROM core.person_link__history")
    session.execute("INSERT INTO core.person__id VALUES (?, ?, 'active', NULL)", [made, period])
    for profile in profiles:
        session.execute(
            """INSERT INTO core.person_link__history
               SELECT (SELECT max(seq) + 1 FROM core.person_link__history), md5(profile::VARCHAR || ?::VARCHAR)::UUID, source, profile,
                      ?, 'D', 1.0, json_object('by', 'split', 'from', person_id::VARCHAR)::VARCHAR, ?, ?, ?
               FROM core.person_link__link WHERE profile = ? AND is_current""",
            [made, made, model_version(), who, period, profile],
        )
    ledger.append(
        session, "person_split", str(made), {"profiles": len(profiles), "by": who, "reason": reason}
    )
    return made


def touch(session: Session) -> None:
    """All months are made again by their next load: a changed person changes them."""
    listed = ", ".join(f"'{t}'" for t in TABLES)
    session.execute(
        f"UPDATE ops.model_run__model_period SET content = content || '*', fingerprint = '' WHERE model IN ({listed})"
    )
