"""Planted bad releases, one per attack: the auditor must find each, and pass what is honest."""

import ast
import dataclasses
import random
from pathlib import Path

import duckdb
import pytest
import yaml
from fixtures.release_world import column, contract

from warehouse.auditor import audit_release
from warehouse.auditor.scan import personal
from warehouse.disclosure import protect_marts
from warehouse.engine.duckdb import Session, literal
from warehouse.errors import BlockedError
from warehouse.protection import enforced
from warehouse.release.manifest import odcs_text

CONFTEST = Path(__file__).parent
LEAF = contract(
    "leaf",
    "明细 | Leaves",
    [
        column("county", "县", "VARCHAR", key=True),
        column("stage", "学段", "VARCHAR", key=True),
        column("prefecture", "州", "VARCHAR"),
        column("n", "人数", unit="人"),
        column("n_aided", "受助", unit="人"),
        column("pct", "率", "DOUBLE"),
    ],
    disclosure={
        "lane": "suppress",
        "cube": "c",
        "dimensions": {"region": {"columns": ["county"], "levels": ["prefecture"]}, "stage": "stage"},
        "counts": {"n": {"parts": ["n_aided"]}, "n_aided": {}},
        "derived": {"pct": "CASE WHEN n > 0 THEN n_aided * 100.0 / n END"},
    },
)
MARGIN = contract(
    "margin",
    "合计 | Totals",
    [
        column("level", "层级", "VARCHAR", key=True),
        column("region", "地区", "VARCHAR", key=True),
        column("n", "人数", unit="人"),
    ],
    disclosure={
        "lane": "suppress",
        "cube": "c",
        "dimensions": {"region": {"columns": ["region"], "level": "level", "whole": "all"}},
        "counts": {"n": {}},
    },
)


def rows(seed=1):
    rng = random.Random(seed)
    for county in range(8):
        for stage in "abc":
            n = rng.choice([2, 3, 4, 12, 30, 41, 55, 80])
            yield f"c{county}", stage, f"p{county // 4}", n, rng.randint(0, n)


def world(data):
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    con.execute(
        "CREATE TABLE mart.leaf (county VARCHAR, stage VARCHAR, prefecture VARCHAR, n INT, n_aided INT, pct DOUBLE)"
    )
    for r in data:
        con.execute("INSERT INTO mart.leaf VALUES (?, ?, ?, ?, ?, 100.0 * ?::INT / ?::INT)", [*r, r[4], r[3]])
    con.execute(
        "CREATE TABLE mart.margin AS SELECT 'county' AS level, county AS region, sum(n)::INT AS n FROM mart.leaf GROUP BY ALL "
        "UNION ALL SELECT 'prefecture', prefecture, sum(n)::INT FROM mart.leaf GROUP BY ALL "
        "UNION ALL SELECT 'all', 'x', sum(n)::INT FROM mart.leaf"
    )
    return con


def stage(root, con, contracts, earlier=()):
    final = {c.id: enforced(c) for c in contracts}
    safe = protect_marts(Session(con, root), final, earlier)
    for name, c in final.items():
        (root / "contracts").mkdir(parents=True, exist_ok=True)
        (root / "parquet").mkdir(exist_ok=True)
        (root / "contracts" / f"{name}.odcs.yaml").write_text(odcs_text(c))
        con.execute(f"COPY ({safe[name].select}) TO {literal(str(root / 'parquet' / f'{name}.parquet'))}")
    return root


def forge(root, mart, sql):
    file = root / "parquet" / f"{mart}.parquet"
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t AS FROM read_parquet('{file}')")
    con.execute(sql)
    con.execute(f"COPY t TO '{file}'")


def exact(root, con, mart, where, columns=("n",)):
    """Show the true figures of some rows."""
    file = root / "parquet" / f"{mart}.parquet"
    one, two = ("county", "stage") if mart == "leaf" else ("level", "region")
    same = f"e.{one} = t.{one} AND e.{two} = t.{two}"
    sets = ", ".join(f"{c} = (SELECT e.{c} FROM w e WHERE {same})" for c in columns)
    con.execute(f"CREATE OR REPLACE TABLE w AS FROM mart.{mart}")
    con.execute(f"CREATE OR REPLACE TABLE t AS FROM read_parquet('{file}')")
    con.execute(f"UPDATE t SET {sets}, hidden_columns = NULL WHERE {where}")
    con.execute(f"COPY t TO '{file}'")


@pytest.fixture
def con():
    return world(rows())


@pytest.fixture
def root(tmp_path, con):
    return stage(tmp_path / "r", con, [LEAF, MARGIN])


def test_honest_release_passes_and_hides_something(root):
    found = audit_release(root)
    assert found.problems == [] and found.cells > 10
    assert (
        duckdb.sql(f"SELECT count(*) FROM '{root}/parquet/leaf.parquet' WHERE n IS NULL").fetchall()[0][0] > 4
    )


def test_primary_suppression_alone_is_broken(root, con):
    exact(root, con, "leaf", "true", ("n", "n_aided"))
    exact(root, con, "margin", "true")
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE n < 5")
    assert any("worked out" in p for p in audit_release(root).problems)


@pytest.mark.parametrize("level", ["county", "prefecture"])
def test_margin_and_hierarchy(root, con, level):
    """A table of totals that was not protected together with the leaves."""
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE county = 'c1' AND stage = 'a'")
    exact(root, con, "leaf", "NOT (county = 'c1' AND stage = 'a')", ("n", "n_aided"))
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE n < 5")
    exact(root, con, "margin", f"level = '{level}'")
    assert audit_release(root).problems


def test_complement_of_a_group(root):
    forge(
        root,
        "leaf",
        "UPDATE t SET n = 500, n_aided = 497, pct = 99.4, hidden_columns = NULL WHERE county = 'c0' AND stage = 'a'",
    )
    assert any("~n" in p for p in audit_release(root).problems)


def test_small_figure(root):
    forge(root, "leaf", "UPDATE t SET n = 3, hidden_columns = NULL WHERE county = 'c0' AND stage = 'a'")
    assert any("too small" in p for p in audit_release(root).problems)


def test_rate_times_denominator(root):
    """A rate of the exact figures beside a hidden one gives it back."""
    forge(root, "leaf", "UPDATE t SET pct = 37.5 WHERE n_aided IS NULL")
    assert any("pct" in p for p in audit_release(root).problems)


def test_average_times_count(root):
    """A mean that nobody declared: an average and its sum give the hidden count."""
    file = root / "contracts" / "leaf.odcs.yaml"
    document = yaml.safe_load(file.read_text())
    document["schema"][0]["properties"].append(column("mean_amount", "人均", "DOUBLE"))
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    with pytest.raises(BlockedError, match="mean_amount"):
        audit_release(root)


def test_difference_over_time(tmp_path, con, root):
    """An earlier release showed what this one hides."""
    early = stage(tmp_path / "early", con, [LEAF, MARGIN])
    exact(early, con, "leaf", "true", ("n", "n_aided"))
    assert audit_release(root, [early]).problems
    assert audit_release(root, [root]).problems == []


def test_frozen_pattern_is_kept(tmp_path, con, root):
    again = stage(tmp_path / "again", con, [LEAF, MARGIN], [root])
    for mart in ("leaf", "margin"):
        one, two = (
            duckdb.sql(f"FROM '{r}/parquet/{mart}.parquet' ORDER BY ALL").fetchall() for r in (root, again)
        )
        assert one == two


def test_mutants(tmp_path):
    """B-4: one secondary shown again is caught, or shown to be harmless by the exact intervals."""
    caught = tried = 0
    for seed in range(6):
        data = list(rows(seed))
        con = world(data)
        root = stage(tmp_path / f"m{seed}", con, [LEAF, MARGIN])
        assert audit_release(root).problems == [], seed
        file = root / "parquet" / "leaf.parquet"
        before = file.read_bytes()
        hidden = duckdb.sql(f"SELECT county, stage FROM '{file}' WHERE n IS NULL ORDER BY ALL").fetchall()
        truth = {(r[0], r[1]): r[3] for r in data}
        for county, stage_ in hidden:
            if truth[(county, stage_)] < 5:
                continue
            exact(root, con, "leaf", f"county = '{county}' AND stage = '{stage_}'")
            tried += 1
            caught += bool(audit_release(root).problems)
            file.write_bytes(before)
    print(f"mutants: {caught} of {tried} caught")
    assert tried >= 20 and caught >= 0.5 * tried, (caught, tried)


def test_rounding_adds_up_and_hides_everybody(tmp_path):
    con = world(rows(3))
    marts = [
        dataclasses.replace(c, properties={"disclosure": {**c.properties["disclosure"], "lane": "round"}})
        for c in (LEAF, MARGIN)
    ]
    root = stage(tmp_path / "round", con, marts)
    assert audit_release(root).problems == []
    leaf = duckdb.sql(
        f"SELECT county, sum(n), max(n % 5) FROM '{root}/parquet/leaf.parquet' GROUP BY ALL"
    ).fetchall()
    totals = dict(
        duckdb.sql(f"SELECT region, n FROM '{root}/parquet/margin.parquet' WHERE level = 'county'").fetchall()
    )
    assert {c: n for c, n, _ in leaf} == totals and {m for *_, m in leaf} == {0}
    gaps = con.execute(
        f"SELECT max(abs(a.n - b.n)) FROM mart.leaf a JOIN '{root}/parquet/leaf.parquet' b USING (county, stage)"
    ).fetchall()
    assert gaps[0][0] <= 4
    forge(root, "leaf", "UPDATE t SET n = n + 1 WHERE county = 'c0'")
    assert any("not rounded" in p for p in audit_release(root).problems)


@pytest.mark.parametrize("seed", range(6))
def test_unchanged_data_keep_what_was_published(tmp_path, seed):
    """Two roundings of the same figures would tell more than one. Nobody is aided: all is in the rest, which is never shown."""
    rng = random.Random(seed)
    con = world((c, s, p, rng.choice([1, 2, 3]), 0) for c, s, p, *_ in rows(seed))
    marts = [
        dataclasses.replace(c, properties={"disclosure": {**c.properties["disclosure"], "lane": "round"}})
        for c in (LEAF, MARGIN)
    ]
    first = stage(tmp_path / "first", con, marts)
    second = stage(tmp_path / "second", con, marts, [first])
    third = stage(tmp_path / "third", con, marts, [first, second])
    for mart in ("leaf", "margin"):
        shown = [
            duckdb.sql(f"FROM '{r}/parquet/{mart}.parquet' ORDER BY ALL").fetchall()
            for r in (first, second, third)
        ]
        assert shown[0] == shown[1] == shown[2]


def test_personal_numbers():
    body = "63010519491231002"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]
    assert personal(f"学生{body}{check}") and not personal(body + ("0" if check != "0" else "1"))
    assert personal("电话13912345678") and not personal("2163010000012")


def test_auditor_imports_nothing_of_the_engine():
    for file in (CONFTEST.parent.parent / "warehouse" / "auditor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert not any(n.startswith(("warehouse.disclosure", "warehouse.release")) for n in names), file
