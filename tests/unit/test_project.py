"""The house keeps its shape: definitions load, imports go one way, no province in code, a lock without addresses."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipelines", "assets", "expectations", "warehouse", "sample", "dashboard")
MAY_IMPORT = {
    "warehouse": set(),
    "expectations": {"warehouse"},
    "assets": {"expectations", "warehouse"},
    "sample": set(),
    "dashboard": set(),
    "pipelines": {"assets", "expectations", "warehouse", "sample", "dashboard"},
}


def sources(*packages: str) -> list[Path]:
    return [f for p in packages for f in sorted((ROOT / p).rglob("*.py"))]


def test_definitions_load():
    from pipelines.definitions import defs

    job = defs.resolve_job_def("month")
    groups = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    assert groups == {"collection", "storage", "processing", "use", "sharing"}
    assert {n.name for n in job.graph.nodes} == groups
    assert {s.name for s in defs.sensors} == {"landing", "failed_load"}
    assert {s.name for s in defs.schedules} == {"monthly"}


def test_every_rule_is_an_asset_check():
    from expectations.rule import all_rules
    from pipelines.definitions import defs

    checks = {key.name for a in defs.resolve_asset_graph().asset_check_keys for key in [a]}
    # RS18 is judged when publishing: the approvals are given after the run.
    assert set(all_rules()) - checks <= {"RS18"}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    for file in sources(package):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top in PACKAGES and top != package:
                    assert top in MAY_IMPORT[package], f"{file.relative_to(ROOT)} imports {name}"


def test_no_province_in_code():
    counties = {
        line.split(",")[0]
        for line in (ROOT / "warehouse/reference/county.csv").read_text(encoding="utf-8").splitlines()[1:]
    }
    files = [*sources(*PACKAGES), *sorted((ROOT / "warehouse/sql").rglob("*.sql"))]
    for file in files:
        text = file.read_text(encoding="utf-8")
        where = str(file.relative_to(ROOT))
        # The plan's document number is a legal source, not a place.
        assert "青海" not in text and "Qinghai" not in text, where
        assert not counties & set(re.findall(r"(?<!\d)\d{6}(?!\d)", text)), where
        assert '"63"' not in text.replace('"code": "63"', ""), where


def test_lock_has_hashes_and_no_addresses():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    pinned = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==", text, re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=\[ ]", w)[0].lower() for w in wanted}
    assert names <= pinned, names - pinned
    assert text.count("--hash=sha256:") > len(pinned)


def test_every_dependency_has_a_reason():
    block = (ROOT / "pyproject.toml").read_text().split("dependencies = [")[1].split("]\n")[0]
    for line in block.strip().splitlines():
        assert "#" in line, line


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom pipelines.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'dagster', 'great_expectations', 'pandas', 'duckdb', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for verb in (
        "doctor",
        "demo",
        "sample",
        "load",
        "status",
        "check",
        "review",
        "publish",
        "verify",
        "serve",
    ):
        assert verb in done.stdout


def test_no_machine_paths_or_addresses_in_the_project():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT).stdout.split()
    for name in listed:
        file = ROOT / name
        if file.suffix in (".png", ".parquet", ".xlsx") or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="ignore")
        assert not re.search(r"(?<![\w.])/(work|root|home)/[a-z]", text), name
