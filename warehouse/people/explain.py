"""Why two records are one person or not: both records masked, the comparisons with their weights. Needs the vault key.

Clear values live in this process only; what is returned is masked.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from warehouse import vault
from warehouse.config import Settings
from warehouse.engine.duckdb import Session, configure
from warehouse.errors import UsageError
from warehouse.keys import Keys
from warehouse.people import normalise, probabilistic
from warehouse.people.step import MODEL


@dataclass(frozen=True)
class Bar:
    """One comparison: its level in words and its weight in bits (positive speaks for one person)."""

    comparison: str
    level: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Two masked records and the bars between them; `probability` by the model alone."""

    left: dict[str, str]
    right: dict[str, str]
    bars: list[Bar]
    probability: float


def mask_id(text: str | None, other: str | None) -> str:
    """First six and last four characters, with the positions (from 1) at which it differs from the other number."""
    if not text:
        return "（无）"
    shown = f"{text[:6]}{'*' * max(0, len(text) - 10)}{text[-4:]}" if len(text) >= 15 else "*" * len(text)
    if other and text != other:
        places = [str(i + 1) for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b]
        if len(text) != len(other):
            places.append("长度")
        shown += f" ≠ {','.join(places[:8])}{'…' if len(places) > 8 else ''}"
    return shown


def mask_name(text: str | None) -> str:
    """First character and the length: 王**."""
    return f"{text[0]}{'*' * (len(text) - 1)}" if text else "（无）"


def explain(settings: Settings, keys: Keys, folder: Path, left: UUID, right: UUID) -> Explanation:
    """Compare two profiles by the committed model. Raises UsageError when a profile is not in the vault."""
    con = duckdb.connect()
    try:
        configure(con, settings, folder)
        session = Session(con, folder)
        normalise.install(session)
        normalise.old_profiles(session)
        for file in sorted((settings.vault / "person").glob("*.parquet")):
            con.register("vault_in", vault.read(file, keys.vault))
            session.execute(
                """INSERT INTO old_profile SELECT delivery_id::UUID, source, numbers::UUID[], id_norm, id_status, name, name_key, pinyin,
                     own_birth, sex, ethnic, county, guardians, guardian_ids, first_key FROM vault_in
                   WHERE delivery_id::UUID IN (?, ?)""",
                [left, right],
                what="profiles",
            )
            con.unregister("vault_in")
        found = {
            r[0]: r
            for r in session.rows(
                "SELECT profile, source, name_key, id_norm, own_birth::VARCHAR, sex, county, len(guardians), first_key FROM old_profile"
            )
        }
        if left not in found or right not in found:
            raise UsageError("The record is not in the vault", "load its month first")
        bars, probability = _bars(session, left, right)
        a, b = found[left], found[right]
        return Explanation(_shown(a, b), _shown(b, a), bars, probability)
    finally:
        con.close()


def _shown(record: Any, other: Any) -> dict[str, str]:
    _, source, name, number, birth, sex, county, guardians, key = record
    return {
        "record": key,
        "source": source,
        "name": mask_name(name),
        "id": mask_id(number, other[3]),
        "birth": f"{birth[:4]}-**-**" if birth else "（无）",
        "sex": sex or "（无）",
        "county": county or "（无）",
        "guardians": str(guardians or 0),
    }


def _bars(session: Session, left: UUID, right: UUID) -> tuple[list[Bar], float]:
    """Weights of the model's levels, evaluated in plain SQL (the same conditions that Splink is given)."""
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    for side, profile in (("l", left), ("r", right)):
        session.execute(
            f"""CREATE OR REPLACE TEMP TABLE side_{side} AS
                SELECT name_key AS name_key_{side}, pinyin AS pinyin_{side}, list_sort(string_split(name_key, '')) AS chars_{side},
                       CASE WHEN id_status = 'ok' THEN id_norm END AS id_ok_{side}, id_norm AS id_text_{side},
                       coalesce(own_birth, CASE WHEN id_status = 'ok' THEN citizen_birth_date(id_norm) END) AS birth_{side},
                       sex AS sex_{side}, county AS county_{side}, nullif(guardians, []) AS guardian_{side}
                FROM old_profile WHERE profile = ?""",
            [profile],
        )
    prior = model["probability_two_random_records_match"]
    total = math.log2(prior / (1 - prior))
    bars = [Bar("起点 prior", "两条随机记录 / two random records", round(total, 1))]
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            condition = level["sql_condition"]
            if condition == "ELSE" or session.value(
                f"SELECT coalesce(({condition}), false) FROM side_l, side_r"
            ):
                weight = 0.0
                if not level.get("is_null_level"):
                    weight = math.log2(level["m_probability"] / level["u_probability"])
                bars.append(
                    Bar(comparison["output_column_name"], level["label_for_charts"], round(weight, 1))
                )
                total += weight
                break
    return bars, round(1 / (1 + 2 ** -max(-60.0, min(60.0, total))), 6)


def threshold() -> float:
    """Probability from which the model links by itself."""
    return probabilistic.AUTO
