"""The worlds of the indicator tests are those of the mini province."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[object]:
    from test_mini_province_data import empty_province

    with empty_province(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], object]]:
    """Empty provinces for a module; all closed at its end."""
    from test_mini_province_data import empty_province

    with ExitStack() as stack:
        yield lambda: stack.enter_context(empty_province(tmp_path_factory.mktemp("world")))
