"""Names of persons that nobody bears: neutral surnames and given words drawn by hash, by ethnic group and sex."""

from __future__ import annotations

from sample.data import words
from sample.draws import Draws, text_list

HAN, TIBETAN, HUI, TU, SALAR, MONGOL = 1, 2, 3, 4, 5, 6


def name_sql(draws: Draws, key: str, ethnic: str, male: str, family: str, *, purpose: str = "name") -> str:
    """SQL of a full name; `family` is the key of the surname (the household for children and fathers)."""

    def by_sex(stem: str, which: str) -> str:
        parts = []
        for sex in "mf":
            values = words(f"{stem}_{sex}")
            index = draws.below(key, f"{purpose}-{which}", len(values))
            parts.append(f"{text_list(values)}[1 + {index}]")
        return f"(CASE WHEN {male} THEN {parts[0]} ELSE {parts[1]} END)"

    def steppe(first: str, last: str, one: float) -> str:
        # one word, two words, or two words with a middle dot: all three are usual in registers
        head = draws.pick(key, f"{purpose}-head", words(first))
        tail = by_sex(last, "tail")
        draw = draws.unit(key, f"{purpose}-form")
        return (
            f"(CASE WHEN {draw} < {one} THEN {tail} "
            f"WHEN {draw} < 0.85 THEN concat({head}, {tail}) ELSE concat({head}, '·', {tail}) END)"
        )

    def surname(group: str) -> str:
        return draws.pick(family, "surname", words(f"surname_{group}"))

    given = f"""(CASE WHEN {draws.unit(key, f"{purpose}-rare")} < 0.0012
        THEN {draws.pick(key, f"{purpose}-rare-char", words("rare"))}
        WHEN {draws.unit(key, f"{purpose}-len")} < 0.18 THEN {by_sex("given", "g1")}
        ELSE concat({by_sex("given", "g1")}, {by_sex("given", "g2")}) END)"""
    muslim = f"""(CASE WHEN {draws.unit(key, f"{purpose}-len")} < 0.55
        THEN {by_sex("given_hui", "gh")} ELSE {given} END)"""
    return f"""(CASE {ethnic}
        WHEN {TIBETAN} THEN {steppe("tib_first", "tib_last", 0.25)}
        WHEN {MONGOL} THEN {steppe("mon_first", "mon_last", 0.2)}
        WHEN {HAN} THEN concat({surname("han")}, {given})
        WHEN {HUI} THEN concat({surname("hui")}, {muslim})
        WHEN {SALAR} THEN concat({surname("salar")}, {muslim})
        WHEN {TU} THEN concat({surname("tu")}, {given})
        ELSE concat({surname("other")}, {given}) END)"""
