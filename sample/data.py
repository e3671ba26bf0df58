"""The data files behind the synthetic province: counties, words of names, colleges, programmes, money."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Rows of one data file as dicts of text."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return tuple(csv.DictReader(handle))


@cache
def words(name: str) -> tuple[str, ...]:
    """Words of one list of `words.csv`."""
    found = tuple(r["value"] for r in table("words") if r["list"] == name)
    if not found:
        raise KeyError(name)
    return found


def province() -> dict[str, str]:
    """The province: code, name, short name, code of the province as an owner."""
    return table("province")[0]


@dataclass(frozen=True)
class County:
    """One county: place in the list (1-based), code, weight and what the generator needs to know."""

    no: int
    code: str
    name: str
    prefecture_name: str
    weight: float
    shares: tuple[float, float, float]  # urban, town, rural
    ethnic: tuple[float, ...]  # han, tibetan, hui, tu, salar, mongol, manchu, dongxiang: order of ethnic.csv
    sends_seniors: bool
    hosts_seniors: bool
    has_vocational: bool
    special_school_county: str
    poor_weight: float
    old_code: str
    old_name: str
    postcode: str

    @property
    def id_area(self) -> int:
        """Area code of synthetic citizen IDs: 50 added to the prefecture digits, a code never allocated."""
        return int(self.code) + 5000


@cache
def counties() -> tuple[County, ...]:
    """All counties in file order."""
    found = []
    for no, r in enumerate(table("counties"), start=1):
        named = [float(r[f"share_{e}"]) for e in ("han", "tibetan", "hui", "tu", "salar", "mongol")]
        rest = max(0.004, 1 - sum(named))
        ethnic = (*named, rest / 2, rest / 2)
        urban, town = float(r["share_urban"]), float(r["share_town"])
        found.append(
            County(
                no=no,
                code=r["code"],
                name=r["name"],
                prefecture_name=r["prefecture_name"],
                weight=float(r["weight"]),
                shares=(urban, town, max(0.0, 1 - urban - town)),
                ethnic=tuple(e / sum(ethnic) for e in ethnic),
                sends_seniors=r["sends_seniors"] == "1",
                hosts_seniors=r["hosts_seniors"] == "1",
                has_vocational=r["has_vocational"] == "1",
                special_school_county=r["special_school_county"],
                poor_weight=float(r["poor_weight"]),
                old_code=r["old_code"],
                old_name=r["old_name"],
                postcode=r["postcode"],
            )
        )
    return tuple(found)
