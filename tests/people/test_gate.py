"""The gate: error of the index on a small truth set with a seed that nothing was tuned on (full size: benchmarks/linkage.py)."""

import pytest

from benchmarks import linkage
from warehouse.people.step import MODEL


@pytest.fixture(scope="module", params=(False, True), ids=("base", "harsh"))
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bool, dict[str, object]]:
    folder = tmp_path_factory.mktemp("linkage")
    linkage.make_world(folder / "world.duckdb", seed=31, size=0.02, harsh=request.param)
    session = linkage.open_world(folder / "world.duckdb", folder)
    try:
        return request.param, linkage.measure(session, compare=False)
    finally:
        session.con.close()


def test_error_is_bounded(measured: tuple[bool, dict[str, object]]) -> None:
    harsh, found = measured
    both, tiers = found["tiers and splink"], found["tiers only"]
    assert isinstance(both, dict) and isinstance(tiers, dict)
    # about 2 900 true pairs: one or two wrong links are what chance allows
    assert both["wrong"] <= 2 and tiers["wrong"] <= 1
    assert both["recall"] >= (0.945 if harsh else 0.982)
    assert tiers["recall"] >= (0.88 if harsh else 0.965)
    assert float(str(found["recall with perfect review"])) >= (0.97 if harsh else 0.99)


def test_the_model_is_committed_and_rounded() -> None:
    assert MODEL.exists() and linkage.rounded(0.12345678901234) == 0.123456789
