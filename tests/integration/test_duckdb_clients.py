"""Released files open in the clients that readers have: DuckDB 1.2, 1.4 and 1.5, each in a throwaway environment.

Needs a package index, so it runs only when asked: EDU_CLIENTS=1.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from fixtures.release_world import release, settings_at

pytestmark = pytest.mark.skipif(
    os.environ.get("EDU_CLIENTS") != "1", reason="installs three DuckDB clients: EDU_CLIENTS=1 runs it"
)

READ = """
import duckdb, json, sys
con = duckdb.connect(sys.argv[1] + "/marts.duckdb", read_only=True)
print(json.dumps({
    "client": duckdb.__version__,
    "id": con.execute("SELECT id FROM meta.release").fetchall()[0][0],
    "schools": con.execute("SELECT count(*), min(name_zh) FROM mart.school__school").fetchall()[0],
    "comment": con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'school__school'").fetchall()[0][0],
    "columns": con.execute('SELECT count(*) FROM meta."column"').fetchall()[0][0],
    "parquet": con.execute(f"SELECT count(*) FROM read_parquet('{sys.argv[1]}/parquet/*school.parquet')").fetchall()[0][0],
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return release(settings_at(tmp_path_factory.mktemp("release"))).path


@pytest.mark.parametrize("version", ["1.2", "1.4", "1.5"])
def test_a_release_opens_in(folder, tmp_path, version):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "client")], check=True)
    python = str(tmp_path / "client" / "bin" / "python")
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        f"duckdb=={version}.*",
    ]
    subprocess.run(install, check=True)
    # -I: nothing of this project or its environment is on the path
    run = subprocess.run([python, "-I", "-c", READ, str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-500:]
    found = json.loads(run.stdout)
    assert found.pop("client").startswith(f"{version}.")
    assert found == {
        "id": "v2025.9.0",
        "schools": [3000, "第0小学"],
        "comment": "学校名录 | School directory",
        "columns": 15,
        "parquet": 3000,
    }
