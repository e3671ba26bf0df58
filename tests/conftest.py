"""One prepared warehouse per test run, shared by all workers; every test that writes gets a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules import fixtures


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all workers of a run see."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if base.name.startswith("popen-") else base
    (folder / "shared").mkdir(exist_ok=True)
    return folder / "shared"


@pytest.fixture(scope="session")
def template(shared_folder) -> Path:
    """Folder of a warehouse with reference data, all tables and the school directory of the month."""
    root = shared_folder / "template"
    fixtures.once(shared_folder, "template", lambda: str(fixtures.build_template(root).root))
    return root


@pytest.fixture
def world(template, tmp_path):
    """A warehouse that belongs to this test."""
    return fixtures.copy_world(template, tmp_path / "world")
