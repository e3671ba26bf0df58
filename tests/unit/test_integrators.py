"""The integrator's handbook says what is so: its examples run, in their order, on a release made of our own marts.

Of the R example only the columns are checked: there is no R here.
"""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

import duckdb
import pytest
from fixtures.release_world import OPERATOR, approvals, build, settings_at

from warehouse.contract import load_contracts
from warehouse.protection import enforced
from warehouse.release import publish
from warehouse.sharing.consumers import load_consumers, parse_consumer

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "integrators.md").read_text(encoding="utf-8")
MARTS = ("enrolment__county_stage_month", "class_size__region_stage_month")
RELEASES = "data/releases/"


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def _warehouse(extra: int) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    for name in MARTS:
        contract = load_contracts("marts")[name]
        columns = ", ".join(f'"{c.name}" {c.type}' for c in contract.columns)
        con.execute(f"CREATE TABLE {contract.table} ({columns})")
    con.execute(
        f"INSERT INTO mart.enrolment__county_stage_month BY NAME SELECT '2025-09' AS period, county AS county_code, "
        f"stage AS stage_code, sex AS sex_code, '01' AS ethnic_code, '1' AS residence_code, '6301' AS prefecture_code, "
        f"(200 + {extra})::INTEGER AS n_pupils FROM (VALUES ('630102'), ('630103')) c(county), (VALUES ('10'), ('20')) s(stage), "
        "(VALUES ('1'), ('2')) x(sex)"
    )
    con.execute(
        "INSERT INTO mart.class_size__region_stage_month BY NAME SELECT '2025-09' AS period, 'county' AS region_level, "
        "county AS region_code, '县' || county AS region_name_zh, 'compulsory' AS stage_code, 'all' AS scope_code, "
        "40 AS n_classes, 4 AS n_large, 10.0 AS pct_large FROM (VALUES ('630102'), ('630103')) c(county)"
    )
    return con


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with `data/releases`: two releases of the same month."""
    root = tmp_path_factory.mktemp("integrator")
    settings = settings_at(root)
    marts = {name: load_contracts("marts")[name] for name in MARTS}
    for extra in (0, 50):
        made = build(settings, _warehouse(extra), contracts=marts)
        publish(settings, made, approvals(made), operator=OPERATOR)
    return root


@pytest.fixture
def there(place, monkeypatch) -> Path:
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python(there, number):
    exec(compile(blocks("python")[number], f"integrators.md python {number + 1}", "exec"), {})  # noqa: S102


@pytest.mark.parametrize("number", range(len(blocks("sql"))))
def test_sql(there, number):
    con = duckdb.connect(f"{RELEASES}current/marts.duckdb", read_only=True)
    found = con.execute(blocks("sql")[number])
    if "SELECT" in blocks("sql")[number]:
        assert found.description
    if "old.mart" in blocks("sql")[number]:
        assert found.fetchall()[0][1:] == (200, 250)


@pytest.mark.parametrize("number", range(len(blocks("sh"))))
def test_shell(there, number):
    line = blocks("sh")[number].strip()
    if line.startswith("duckdb "):
        # The same file and statement without the command-line client, which is not a package of ours.
        file, sql = re.fullmatch(r'duckdb -readonly (\S+) "(.*)"', line).groups()
        assert duckdb.connect(file, read_only=True).execute(sql).fetchall()
    else:
        subprocess.run(["bash", "-euc", line], check=True)


def test_columns_of_the_r_example():
    (code,) = blocks("r")
    (mart,) = re.findall(r"(\w+)\.parquet", code)
    columns = {c.name for c in enforced(load_contracts("marts")[mart]).columns}
    used = set(re.findall(r"(\w+) ==", code)) | set(re.split(r",\s*", re.search(r"select\((.*?)\)", code)[1]))
    assert used and used <= columns


def test_the_page_shows_the_figures(there):
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no Chromium on this machine")
    exec(compile(blocks("python")[-2], "integrators.md page", "exec"), {})  # noqa: S102
    (there / "page.html").write_text(blocks("html")[0], encoding="utf-8")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(there))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/page.html"
        command = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=4000",
            "--dump-dom",
            url,
        ]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        server.shutdown()
    assert "<td>县630102</td><td>4</td><td>40</td>" in shown and "v2025.9.1" in shown


def test_the_files_named_are_there(place):
    root = place / "data" / "releases" / "current"
    for name in re.findall(r"^\| `([^`]+)`", TEXT, re.MULTILINE):
        pattern = name.replace("<mart>", "*").rstrip("/")
        assert list(root.glob(pattern)), name


def test_the_contract_in_the_handbook_of_sharing_fits(tmp_path):
    (text,) = blocks("yaml", (DOCS / "sharing.md").read_text(encoding="utf-8"))
    import yaml

    node = yaml.safe_load(text)
    types = {c.name: c.type for c in enforced(load_contracts("marts")[node["needs"][0]["mart"]]).columns}
    consumer = parse_consumer(node)
    assert consumer.needs[0].columns.items() <= types.items()
    folder = settings_at(tmp_path).data / "consumers"
    folder.mkdir(parents=True)
    (folder / f"{consumer.id}.yaml").write_text(text, encoding="utf-8")
    assert consumer in load_consumers(settings_at(tmp_path))


def test_every_kind_of_example_is_there():
    assert {k: len(blocks(k)) > 0 for k in ("python", "sql", "sh", "r", "html")} == dict.fromkeys(
        ("python", "sql", "sh", "r", "html"), True
    )
    assert shutil.which("bash")
