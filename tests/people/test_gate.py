"""The gate: error of the index on a small truth set with a seed that nothing was tuned on (full size: benchmarks/linkage.py)."""

import json
from typing import Any

import pytest

from benchmarks import linkage
from warehouse.people.quality import MEASURED
from warehouse.people.step import MODEL, model_version

# At full size 73 % of the review queue is true, not 80 %: docs/people.md says why.
KNOWN_MISSES = {"A-4 review queue"}


@pytest.fixture(scope="module", params=(False, True), ids=("base", "harsh"))
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bool, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("linkage")
    linkage.make_world(folder / "world.duckdb", seed=31, size=0.02, harsh=request.param)
    session = linkage.open_world(folder / "world.duckdb", folder)
    try:
        found = linkage.measure(session, compare=False)
        found["exact id only"] = linkage.exact_id_only(session)
        return request.param, found | {"a month later": linkage.churn(session)}
    finally:
        session.con.close()


def test_error_is_bounded(measured: tuple[bool, dict[str, Any]]) -> None:
    """Bounds of the demands A-1 … A-5 less what chance allows in about 2,900 true pairs; the full figures: docs/people.md."""
    harsh, found = measured
    both, tiers = found["tiers and splink"], found["tiers only"]
    assert both["wrong"] <= (3 if harsh else 1) and tiers["wrong"] <= (3 if harsh else 1)
    assert both["recall"] >= (0.950 if harsh else 0.985)
    assert tiers["recall"] >= (0.920 if harsh else 0.975)
    assert found["recall with perfect review"] >= (0.975 if harsh else 0.993)
    assert found["review share of true pairs"] <= (0.03 if harsh else 0.01)


def test_an_exact_id_alone_is_worse(measured: tuple[bool, dict[str, Any]]) -> None:
    _, found = measured
    assert found["exact id only"]["wrong"] > 10 * max(1, found["tiers and splink"]["wrong"])
    assert found["exact id only"]["recall"] < found["tiers only"]["recall"]


def test_a_month_later_everybody_is_still_himself(measured: tuple[bool, dict[str, Any]]) -> None:
    """A-9: all records that did not change, and (by their number) nearly all that did."""
    _, found = measured
    later = found["a month later"]
    assert later["untouched"] == later["untouched keep their person"] > 30_000
    assert later["changed keep their person"] >= 0.99 * later["changed"] > 500


def test_the_figures_of_a_release_belong_to_this_algorithm_and_model() -> None:
    """A new model or algorithm version asks for a new measurement: benchmarks/linkage.py measure, then record."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert measured["model_version"] == model_version()
    for name in ("base", "harsh"):
        assert measured[name]["seed"] != linkage.TUNING_SEED
        missed = {k for k, met in linkage.demands(measured[name], harsh=name == "harsh").items() if not met}
        assert missed <= KNOWN_MISSES, name


def test_the_model_is_committed_and_rounded() -> None:
    assert MODEL.exists() and linkage.rounded(0.12345678901234) == 0.123456789
