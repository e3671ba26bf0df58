"""Seeded dirt beside what the warehouse said: recall and precision per dirt id and per rule.

A file that arrived in a wrong way (D24, D25) is caught if its content stands in the warehouse with the snapshot day of its
envelope, each of its rules spoke of the file, and a corrected one is the newest version of its slot.

A seeded defect is caught if each of its rules spoke of its row, or, where it is to be repaired, if the repair was counted for
its delivery and column (ops.repair__delivery_field). A false alarm is a rule that spoke of a row without a defect that
explains it; a false repair is a count above the seeded one in a column where something was seeded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

_Cell = tuple[str, str, str, str, str]  # source, owner, period, column, dirt


@dataclass
class Score:
    """Counts of one dirt id or rule."""

    seeded: int = 0
    caught: int = 0
    false: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the seeded that were caught; None if nothing was seeded."""
        return self.caught / self.seeded if self.seeded else None

    @property
    def precision(self) -> float | None:
        """Share of right alarms among all; None if there was none."""
        return self.caught / (self.caught + self.false) if self.caught + self.false else None


@dataclass
class Recall:
    """The whole comparison."""

    by_dirt: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    by_rule: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""

        def table(scores: dict[str, Score]) -> dict[str, Any]:
            return {
                name: {**vars(s), "recall": s.recall, "precision": s.precision}
                for name, s in sorted(scores.items())
            }

        return {
            "dirt": table(self.by_dirt),
            "rules": table(self.by_rule),
            "missed": self.missed,
            "false": self.false,
        }


def score(warehouse: Path, truth: Path) -> Recall:
    """Compare a warehouse file with the truth tables of the sample it was loaded from."""
    found = Recall()
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{warehouse}' AS w (READ_ONLY)")
        for name in ("row", "defect", "poverty"):
            con.execute(f"CREATE VIEW t_{name} AS SELECT * FROM '{truth / name}.parquet'")
        con.execute(
            "CREATE TABLE slot AS SELECT * FROM w.ops.delivery__version WHERE status = 'accepted' "
            "QUALIFY row_number() OVER (PARTITION BY source, owner, period, part ORDER BY version DESC) = 1"
        )
        _score_rules(con, found)
        _score_repairs(con, found)
        _score_files(con, found)
    found.missed.sort()
    found.false.sort()
    return found


def _score_rules(con: duckdb.DuckDBPyConnection, found: Recall) -> None:
    fired = {
        (tuple(row[:4]), row[4])
        for row in con.execute(
            """SELECT source, owner, d.period, row_no, rule_id FROM w.ops.quarantine__row_rule q JOIN slot d USING (delivery_id)
               UNION SELECT source, owner, d.period, TRY_CAST(split_part(unit_key, ':', 2) AS BIGINT) AS row_no, rule_id
               FROM w.ops.unit_failure__unit_rule u JOIN slot d ON d.delivery_id = split_part(unit_key, ':', 1)
               WHERE TRY_CAST(split_part(unit_key, ':', 2) AS BIGINT) IS NOT NULL"""
        ).fetchall()
    }
    wired = {
        r for (r,) in con.execute("SELECT DISTINCT rule_id FROM w.ops.rule_result__rule_batch").fetchall()
    }
    allowed = _household_mates(con)
    for *key, kind, dirt, rules, possible in con.execute(
        """SELECT t.source, t.owner, t.period, t.row_no, t.kind, t.dirt, coalesce(t.rules, ''), coalesce(t.rules_possible, '')
           FROM t_defect t SEMI JOIN slot USING (source, owner, period) WHERE t.row_no IS NOT NULL"""
    ).fetchall():
        row = tuple(key)
        must = {r for r in rules.split(";") if r}
        allowed |= {(row, r) for r in must | {r for r in possible.split(";") if r}}
        if not must or not must <= wired:  # a rule that was not run yet, e.g. when only collection was
            continue
        caught = all((row, r) in fired for r in must)
        _add(found.by_dirt[dirt], caught)
        for rule in must:
            _add(found.by_rule[rule], (row, rule) in fired)
            if (row, rule) not in fired:
                found.missed.append(f"{rule} {dirt} {kind} {' '.join(map(str, row))}")
    for row, rule in fired - allowed:
        found.by_rule[rule].false += 1
        found.false.append(f"{rule} {' '.join(map(str, row))}")


def _add(score: Score, caught: bool) -> None:
    score.seeded += 1
    score.caught += caught


def _household_mates(con: duckdb.DuckDBPyConnection) -> set[tuple[Any, str]]:
    """A rule on households sets the whole household aside, not only the member whose row was spoilt."""
    return {
        (tuple(row), "RC33")
        for row in con.execute(
            """SELECT r.source, r.owner, r.period, r.row_no FROM t_row r JOIN t_poverty p USING (person_id)
               WHERE r.source = 'poverty_register' AND (p.household_id, r.period) IN (
                 SELECT (h.household_id, d.period) FROM t_defect d JOIN t_poverty h USING (person_id)
                 WHERE list_contains(string_split(d.rules, ';'), 'RC33'))"""
        ).fetchall()
    }


def _score_repairs(con: duckdb.DuckDBPyConnection, found: Recall) -> None:
    columns_of = {
        (source, header): name.removesuffix("_token")
        for source, header, name in con.execute(
            "SELECT dataset, header, column_name FROM w.ref.dataset_column WHERE kind = 'extracts'"
        ).fetchall()
    }
    counted: Counter[_Cell] = Counter()
    for *found_key, n in con.execute(
        """SELECT source, owner, d.period, field, dirt, n_cells FROM w.ops.repair__delivery_field JOIN slot d USING (delivery_id)"""
    ).fetchall():
        source, owner, period, column, dirt = found_key
        counted[source, owner, period, column, dirt] += n
    seeded: Counter[_Cell] = Counter()
    explained: Counter[_Cell] = Counter()  # also of rows that a rule set aside
    of_file = set()
    for source, owner, period, row_no, header, dirt, severity in con.execute(
        """SELECT t.source, t.owner, t.period, t.row_no, t."column", t.dirt, t.severity FROM t_defect t
           SEMI JOIN slot USING (source, owner, period)"""
    ).fetchall():
        column = "" if row_no is None or dirt == "D27" else columns_of[source, header]
        explained[source, owner, period, column, dirt] += 1
        if severity != "repair":
            continue
        seeded[source, owner, period, column, dirt] += 1
        if row_no is None:
            of_file.add((source, owner, period, column, dirt))
    for key, n in seeded.items():
        caught = min(n, counted[key]) if key not in of_file else n * (counted[key] > 0)
        entry = found.by_dirt[key[4]]
        entry.seeded += n
        entry.caught += caught
        if caught < n:
            found.missed.append(f"repair {key[4]} {' '.join(key[:4])}: {counted[key]} of {n}")
    columns = {(key[0], key[3], key[4]) for key in seeded if key not in of_file}
    for key, n in counted.items():
        if key[4] == "D02":  # rare characters also stand in sound names
            continue
        if (key[0], key[3], key[4]) in columns and key not in of_file and n > explained[key]:
            found.by_dirt[key[4]].false += n - explained[key]
            found.false.append(f"repair {key[4]} {' '.join(key[:4])}: {n} of {explained[key]}")


def _score_files(con: duckdb.DuckDBPyConnection, found: Recall) -> None:
    rules_of_files = set()
    explained = set()
    for delivery_id, day, newest, version, kind, dirt, rule, as_of, *where in con.execute(
        """SELECT d.delivery_id, d.as_of, s.delivery_id IS NOT NULL, d.version, t.kind, t.dirt, t.rules, t.as_of,
             t.source, t.owner, t.period
           FROM t_defect t LEFT JOIN w.ops.delivery__version d ON d.status = 'accepted'
             AND (d.source, d.owner, d.period, d.sha256) = (t.source, t.owner, t.period, t.sha256)
           LEFT JOIN slot s USING (delivery_id)
           WHERE t.sha256 IS NOT NULL AND (t.source, t.owner, t.period) IN (SELECT (source, owner, period) FROM slot)"""
    ).fetchall():
        spoke = not rule or bool(
            con.execute(
                "SELECT 1 FROM w.ops.rule_result__rule_batch WHERE dataset = 'delivery' AND status = 'failed' "
                "AND batch = ? AND rule_id = ?",
                [delivery_id, rule],
            ).fetchall()
        )
        caught = bool(delivery_id) and spoke and as_of in (None, day)
        if kind == "corrected":
            caught = caught and newest and version > 1
        _add(found.by_dirt[dirt], caught)
        if rule:
            _add(found.by_rule[rule], spoke)
            rules_of_files.add(rule)
            explained.add((delivery_id, rule))
        if not caught:
            found.missed.append(f"file {dirt} {kind} {' '.join(where)}")
    for *where, delivery_id, rule in con.execute(
        """SELECT d.source, d.owner, d.period, r.batch, r.rule_id FROM w.ops.rule_result__rule_batch r
           JOIN w.ops.delivery__version d ON d.delivery_id = r.batch
           WHERE r.dataset = 'delivery' AND r.status = 'failed' AND d.status = 'accepted'"""
    ).fetchall():
        if rule in rules_of_files and (delivery_id, rule) not in explained:
            found.by_rule[rule].false += 1
            found.false.append(f"{rule} {' '.join(where)}")
