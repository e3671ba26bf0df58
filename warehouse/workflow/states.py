"""The state machine of a package, read from reference data: states, events, who may cause them, and under which conditions.

Nothing here decides by itself: `reference/review_state.csv`, `review_transition.csv` and `review_role.csv` do, and the
conditions they name are the functions of `guards.py`. `render` prints the machine; the table in docs/workflow.md is made by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from warehouse.reference import rows

SYSTEM = "system"
FORMATS = ("text", "mermaid", "md")


@dataclass(frozen=True)
class State:
    """One state. `waits_for`: who acts next; `days_threshold`: the threshold (working days) that dates it."""

    state: str
    name_zh: str
    name_en: str
    waits_for: str
    days_threshold: str
    escalate_to: str
    is_approved: bool
    is_open: bool


@dataclass(frozen=True)
class Transition:
    """One permitted step."""

    from_state: str
    event: str
    to_state: str
    roles: tuple[str, ...]
    guards: tuple[str, ...]
    needs_comment: bool
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Role:
    """An office in the review. `unit_kind`: owner, prefecture, province or any; `tasks`: what it may do besides its steps:
    return (write return workbooks), reply, decide (on replies), replay.
    """

    role: str
    level: int
    name_zh: str
    name_en: str
    unit_kind: str
    tasks: tuple[str, ...]


@cache
def states() -> dict[str, State]:
    """All states in their order."""
    return {
        r["state"]: State(
            r["state"],
            r["name_zh"],
            r["name_en"],
            r["waits_for"],
            r["days_threshold"],
            r["escalate_to"],
            r["is_approved"] == "true",
            r["is_open"] == "true",
        )
        for r in rows("review_state")
    }


@cache
def roles() -> dict[str, Role]:
    """All roles, lowest level first."""
    return {
        r["role"]: Role(
            r["role"],
            int(r["level"]),
            r["name_zh"],
            r["name_en"],
            r["unit_kind"],
            tuple(filter(None, r["tasks"].split("|"))),
        )
        for r in rows("review_role")
    }


def may(task: str) -> tuple[str, ...]:
    """Roles that may do a task."""
    return tuple(name for name, role in roles().items() if task in role.tasks)


@cache
def transitions() -> tuple[Transition, ...]:
    """All permitted steps."""
    return tuple(
        Transition(
            r["from_state"],
            r["event"],
            r["to_state"],
            tuple(filter(None, r["roles"].split("|"))),
            tuple(filter(None, r["guards"].split("|"))),
            r["comment_required"] == "yes",
            r["name_zh"],
            r["name_en"],
        )
        for r in rows("review_transition")
    )


def steps(state: str, event: str) -> tuple[Transition, ...]:
    """The steps that an event may take from a state; several when their guards exclude each other."""
    return tuple(t for t in transitions() if t.from_state == state and t.event == event)


def render(fmt: str) -> str:
    """The machine as a table for the terminal, a Mermaid diagram or a Markdown table."""
    if fmt == "mermaid":
        lines = ["stateDiagram-v2", "    [*] --> draft"]
        lines += [f"    {t.from_state} --> {t.to_state}: {t.event}" for t in transitions()]
        lines += [f"    {s} --> [*]" for s in states() if not any(t.from_state == s for t in transitions())]
        return "\n".join(lines) + "\n"
    head = ("状态 from", "事件 event", "到 to", "角色 roles", "条件 guards", "说明")
    body = [
        (
            t.from_state,
            t.event,
            t.to_state,
            ", ".join(t.roles),
            ", ".join((*t.guards, *(["comment"] if t.needs_comment else []))) or "–",
            f"{t.name_zh} / {t.name_en}",
        )
        for t in transitions()
    ]
    if fmt == "md":
        lines = ["| " + " | ".join(r) + " |" for r in (head, ("---",) * len(head), *body)]
        return "\n".join(lines) + "\n"
    return "\n".join(f"{r[0]:24}{r[1]:18}{r[2]:24}{r[3]:52} {r[4]}" for r in (head, *body)) + "\n"
