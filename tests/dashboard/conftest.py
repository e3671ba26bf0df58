"""Releases for the tests of the pages, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboard.world import make_release


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> Path:
    """`v2025.9.0`, ten years, and its correction `v2025.9.1`, in which one cell moved."""
    root = tmp_path_factory.mktemp("releases")
    make_release(root / "v2025.9.0", years=10)
    make_release(root / "v2025.9.1", years=10, previous="v2025.9.0", shift=0.4)
    return root


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    """A release whose names are markup."""
    return make_release(tmp_path_factory.mktemp("hostile") / "v2025.9.0", years=2, hostile=True)
