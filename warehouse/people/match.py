"""Matching: from normalised records to entities, stage by stage; never on the warehouse's own connection.

Table `record` (one row per profile; `n` orders them: old before new, founding source first):
  n, profile, source, grp, person (of an old profile), is_new, in_force, numbers UUID[], id_norm, id_status, id_ok, name_key,
  pinyin, own_birth, birth, sex, ethnic, county, guardians VARCHAR[], guardian_ids VARCHAR[]
Table `member`: n, ent (the smallest n of the entity), tier, score, evidence: how the profile came to its entity.
Table `review`: kind, l, r, score, evidence: pairs for a person to decide; they are never merged here.
"""

from __future__ import annotations

import json
from pathlib import Path

from warehouse.engine.duckdb import Session
from warehouse.people.normalise import PEOPLE_SQL

ALGORITHM = "p2"
_NO_CONFLICT = ("T2", "T3", "T4", "T5", "S")


def prepare(session: Session) -> None:
    """Complete `record` (placeholders, ids of a guardian) and start with every profile as an entity of its own."""
    session.script(PEOPLE_SQL / "prepare.sql")


def match(session: Session, *, model: Path | None) -> None:
    """Run all stages. `model` is the committed Splink model; None runs the deterministic stages only."""
    prepare(session)
    session.script(PEOPLE_SQL / "t1.sql")
    session.execute(
        """INSERT INTO edge SELECT least(a.n, b.n), greatest(a.n, b.n), 'D', 1.0, 'decision'
           FROM decision d JOIN record a ON a.profile = d.left_profile JOIN record b ON b.profile = d.right_profile
           WHERE d.verdict = 'same' AND (a.is_new OR b.is_new)"""
    )
    merge(session, "T1")
    for stage in ("t2", "t3", "t4", "t5"):
        session.script(PEOPLE_SQL / f"{stage}.sql")
        merge(session, stage.upper())
    if model is not None:
        from warehouse.people.probabilistic import predict

        predict(session, json.loads(model.read_text(encoding="utf-8")))
        merge(session, "S")
    session.script(PEOPLE_SQL / "review.sql")


def merge(session: Session, stage: str) -> None:
    """Join the entities of `edge` (a, b profiles; tier, score, evidence); at most one person that already has an id per group.

    Later stages ask for one partner on each side (per group of sources) and refuse two entities that the same source lists
    side by side. Two persons with ids are never merged here: such a pair goes to review.
    """
    session.script(PEOPLE_SQL / "edges.sql")
    if stage in _NO_CONFLICT:
        session.script(PEOPLE_SQL / "exclusive.sql")
    # Connected groups of new entities: take the smallest number among the neighbours until nothing moves.
    session.execute(
        """CREATE OR REPLACE TEMP TABLE label AS
           SELECT ent, ent AS root FROM (SELECT l AS ent FROM link_edge UNION SELECT r FROM link_edge)
           WHERE ent NOT IN (SELECT ent FROM settled)"""
    )
    while True:
        session.execute(
            """CREATE OR REPLACE TEMP TABLE label_next AS
               SELECT x.ent, min(least(x.root, coalesce(y.root, x.root))) AS root
               FROM label x
               LEFT JOIN (SELECT l AS ent, r AS other FROM link_edge UNION ALL SELECT r, l FROM link_edge) e ON e.ent = x.ent
               LEFT JOIN label y ON y.ent = e.other
               GROUP BY x.ent"""
        )
        moved = session.value(
            "SELECT count(*) FROM label x JOIN label_next y USING (ent) WHERE x.root <> y.root"
        )
        session.execute("CREATE OR REPLACE TEMP TABLE label AS FROM label_next")
        if not moved:
            break
    session.script(PEOPLE_SQL / "merge.sql")
