"""Schools, teaching points and the wheels that send a child of a place and stage to one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sample.data import County, counties, province, words
from sample.world import World, _load

PRESCHOOL, PRIMARY, JUNIOR, SENIOR, VOCATIONAL, SPECIAL = range(6)
STAGES = (PRESCHOOL, PRIMARY, JUNIOR, SENIOR, VOCATIONAL)
URBAN, TOWN, RURAL = 1, 2, 3
BUCKETS = 1000

# pupils per birth cohort of the place, and the usual size of a school: urban, town, rural
_PUPILS = {PRESCHOOL: 2.7, PRIMARY: 6.0, JUNIOR: 3.0, SENIOR: 1.85, VOCATIONAL: 0.95}
_SIZE = {
    PRESCHOOL: (260, 220, 80),
    PRIMARY: (1150, 780, 240),
    JUNIOR: (1000, 700, 400),
    SENIOR: (1700, 1300, 1300),
    VOCATIONAL: (1900, 1300, 1300),
}
_CODE = {PRESCHOOL: 11, PRIMARY: 21, JUNIOR: 31, SENIOR: 34, VOCATIONAL: 36, SPECIAL: 51}
_RUN_TYPE = {PRESCHOOL: 111, PRIMARY: 211, JUNIOR: 311, SENIOR: 342, VOCATIONAL: 361, SPECIAL: 514}
_KIND = {PRESCHOOL: "幼儿园", PRIMARY: "小学", JUNIOR: "中学", SENIOR: "高级中学", VOCATIONAL: "职业技术学校"}
NINE_YEAR, COMPLETE = 312, 341


@dataclass
class School:
    """One institution; `stages` are the stages it teaches."""

    sid: int
    county: int
    stages: tuple[int, ...]
    code: str
    name: str
    run_type: int
    residence: int
    urban_rural: int
    points: int
    cap: int
    private: bool
    closed: bool


def build_schools(world: World) -> None:
    """Create tables `school`, `point` and `wheel` (county, stage, residence, bucket → school)."""
    rng = np.random.default_rng(world.draws.seed)
    schools: list[School] = []
    served: dict[tuple[int, int, int], list[School]] = {}
    for county in counties():
        _county_schools(world, county, rng, schools, served)
    special = {s.county: s for s in schools if SPECIAL in s.stages}
    _store(world, schools)
    _store_wheels(world, rng, served)
    by_code = {c.code: c.no for c in counties()}
    _load(
        world.con,
        "special",
        {
            "county": pa.array([c.no for c in counties()], pa.int16()),
            "sid": pa.array(
                [special[by_code[c.special_school_county]].sid for c in counties()],
                pa.int32(),
            ),
        },
    )


def _county_schools(
    world: World,
    county: County,
    rng: np.random.Generator,
    schools: list[School],
    served: dict[tuple[int, int, int], list[School]],
) -> None:
    number = 0
    names: set[str] = set()

    def add(
        stages: tuple[int, ...], residence: int, run_type: int, code: int, *, closed: bool = False
    ) -> School:
        nonlocal number
        number += 1
        kind = {NINE_YEAR: "九年制学校", COMPLETE: "中学", 514: "特殊教育学校"}.get(
            run_type, _KIND.get(stages[0], "")
        )
        place = words("town")[rng.integers(len(words("town")))]
        middle = words("school_word")[rng.integers(len(words("school_word")))]
        name = f"{county.name}{middle if residence == URBAN else place + middle}{kind}"
        if name in names:
            name = name.replace(kind, f"第{number}{kind}")
        names.add(name)
        luck = rng.random()
        school = School(
            sid=county.no * 10_000 + number,
            county=county.no,
            stages=stages,
            code=f"{code}{province()['code']}{county.no * 10_000 + number:06d}",
            name=name,
            run_type=run_type,
            residence=residence,
            urban_rural=int(
                rng.choice({URBAN: [111, 111, 112], TOWN: [121, 121, 122], RURAL: [220, 220, 210]}[residence])
            ),
            points=int(rng.integers(0, 4)) if run_type == 211 and residence == RURAL else 0,
            # most schools open another class beyond 50 pupils; a few are overcrowded
            cap=35 if stages[0] == PRESCHOOL else 72 if luck < 0.03 else 62 if luck < 0.14 else 50,
            private=bool(stages[0] == PRESCHOOL and rng.random() < 0.2),
            closed=closed,
        )
        schools.append(school)
        return school

    place = {r: world.cohort * county.weight * county.shares[r - 1] for r in (URBAN, TOWN, RURAL)}
    lived = [r for r in place if county.shares[r - 1] > 0.005]
    by_stage: dict[int, dict[int, list[School]]] = {s: {} for s in STAGES}
    for r in lived:
        for stage in (PRESCHOOL, PRIMARY):
            n = max(1, round(_PUPILS[stage] * place[r] / _SIZE[stage][r - 1]))
            for i in range(n):
                nine = stage == PRIMARY and r != URBAN and i % 6 == 5
                stages = (PRIMARY, JUNIOR) if nine else (stage,)
                school = add(stages, r, NINE_YEAR if nine else _RUN_TYPE[stage], 31 if nine else _CODE[stage])
                by_stage[stage].setdefault(r, []).append(school)
                if nine:
                    by_stage[JUNIOR].setdefault(r, []).append(school)
    seats = [r for r in (URBAN, TOWN) if r in lived] or lived
    everyone = sum(place.values())
    for r in seats:
        share = place[r] / sum(place[s] for s in seats)
        for i in range(max(1, round(_PUPILS[JUNIOR] * everyone * share * 0.8 / _SIZE[JUNIOR][r - 1]))):
            whole = i % 4 == 3
            stages = (JUNIOR, SENIOR) if whole else (JUNIOR,)
            school = add(stages, r, COMPLETE if whole else _RUN_TYPE[JUNIOR], 34 if whole else 31)
            by_stage[JUNIOR].setdefault(r, []).append(school)
            if whole:
                by_stage[SENIOR].setdefault(0, []).append(school)
    guests = 1.35 if county.hosts_seniors else 1.0
    main = seats[0]
    for stage, wanted in ((SENIOR, True), (VOCATIONAL, county.has_vocational)):
        for _ in range(
            max(1, round(_PUPILS[stage] * everyone * guests / _SIZE[stage][main - 1])) if wanted else 0
        ):
            by_stage[stage].setdefault(0, []).append(add((stage,), main, _RUN_TYPE[stage], _CODE[stage]))
    if county.code in {c.special_school_county for c in counties()}:
        add((SPECIAL,), main, _RUN_TYPE[SPECIAL], _CODE[SPECIAL])
    for _ in range(max(1, round(number * 0.04))):
        add((PRIMARY,), lived[-1], 211, 21, closed=True)
    for r in (URBAN, TOWN, RURAL):
        for stage in STAGES:
            pool = by_stage[stage]
            if stage in (SENIOR, VOCATIONAL):
                found = pool.get(0, [])
            elif stage == JUNIOR and r == RURAL:
                # rural juniors: the boarding schools of the town, and nine-year schools near home
                found = [s for q in seats for s in pool.get(q, [])] + pool.get(RURAL, [])
            else:
                near = [q for q in (r, TOWN, URBAN, RURAL) if pool.get(q)]
                found = pool[near[0]]
            if found:
                served[county.no, stage, r] = found


def _store(world: World, schools: list[School]) -> None:
    _load(
        world.con,
        "school",
        {
            "sid": pa.array([s.sid for s in schools], pa.int32()),
            "county": pa.array([s.county for s in schools], pa.int16()),
            "code": [s.code for s in schools],
            "name": [s.name for s in schools],
            "stage": pa.array([s.stages[0] for s in schools], pa.int8()),
            "run_type": pa.array([s.run_type for s in schools], pa.int16()),
            "residence": pa.array([s.residence for s in schools], pa.int8()),
            "urban_rural": pa.array([s.urban_rural for s in schools], pa.int16()),
            "points": pa.array([s.points for s in schools], pa.int8()),
            "cap": pa.array([s.cap for s in schools], pa.int16()),
            "private": [s.private for s in schools],
            "closed": [s.closed for s in schools],
        },
    )
    points = [(s, no) for s in schools for no in range(1, s.points + 1)]
    village = words("village")
    _load(
        world.con,
        "point",
        {
            "sid": pa.array([s.sid for s, _ in points], pa.int32()),
            "no": pa.array([no for _, no in points], pa.int8()),
            # ten digits of the centre school and two of the point: a key of the point that is no school code
            "code": [f"{s.code}{no:02d}" for s, no in points],
            "name": [f"{village[(s.sid * 7 + no * 3) % len(village)]}教学点" for s, no in points],
        },
    )


def _store_wheels(
    world: World, rng: np.random.Generator, served: dict[tuple[int, int, int], list[School]]
) -> None:
    keys: list[tuple[int, int, int]] = []
    slots: list[np.ndarray] = []
    for key, schools in sorted(served.items()):
        weights = np.array([0.55 + rng.random() * 0.9 for _ in schools])
        edges = np.cumsum(weights) / weights.sum()
        index = np.searchsorted(edges, (np.arange(BUCKETS) + 0.5) / BUCKETS)
        slots.append(np.array([s.sid for s in schools], dtype=np.int32)[index])
        keys.append(key)
    repeat = np.repeat(np.array(keys, dtype=np.int16), BUCKETS, axis=0)
    _load(
        world.con,
        "wheel",
        {
            "county": pa.array(repeat[:, 0]),
            "stage": pa.array(repeat[:, 1].astype(np.int8)),
            "residence": pa.array(repeat[:, 2].astype(np.int8)),
            "bucket": pa.array(np.tile(np.arange(BUCKETS, dtype=np.int32), len(keys))),
            "sid": pa.array(np.concatenate(slots)),
        },
    )
