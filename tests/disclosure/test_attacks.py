"""Planted bad releases, one per attack: the auditor must find each, and pass what is honest."""

import ast
import dataclasses
import random
from pathlib import Path

import duckdb
import pytest
import yaml
from fixtures.release_world import column
from planted import LEAF, MARGIN, forge, reveal, rows, stage, world

from warehouse.auditor import audit_release
from warehouse.auditor.scan import personal
from warehouse.errors import BlockedError

CONFTEST = Path(__file__).parent


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
    reveal(root, con, "leaf", "true", ("n", "n_aided"))
    reveal(root, con, "margin", "true")
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE n < 5")
    assert any("worked out" in p for p in audit_release(root).problems)


@pytest.mark.parametrize("level", ["county", "prefecture"])
def test_margin_and_hierarchy(root, con, level):
    """A table of totals that was not protected together with the leaves."""
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE county = 'c1' AND stage = 'a'")
    reveal(root, con, "leaf", "NOT (county = 'c1' AND stage = 'a')", ("n", "n_aided"))
    forge(root, "leaf", "UPDATE t SET n = NULL, hidden_columns = 'n' WHERE n < 5")
    reveal(root, con, "margin", f"level = '{level}'")
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


def test_average_times_count_of_exempt_columns(root):
    """Money and its mean are called exempt; together they give the hidden count back."""
    file = root / "contracts" / "leaf.odcs.yaml"
    document = yaml.safe_load(file.read_text())
    document["schema"][0]["properties"] += [
        column("amount", "金额", "DOUBLE"),
        column("mean", "人均", "DOUBLE"),
    ]
    rule = next(p for p in document["customProperties"] if p["property"] == "disclosure")
    rule["value"]["exempt"] = ["amount", "mean"]
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    honest = "SELECT *, 1000.0 + hash(county || stage) % 977 AS amount, hash(stage || county) % 89 / 7.0 AS mean FROM t"
    forge(root, "leaf", f"CREATE OR REPLACE TABLE t AS {honest}")
    assert audit_release(root).problems == []
    told = "coalesce(n, 7 + hash(county) % 50)"
    forge(root, "leaf", f"UPDATE t SET mean = amount / {told}")
    assert any("follow from" in p for p in audit_release(root).problems)


def test_all_of_a_group(root):
    """100 % of a sensitive part says something about each of the whole."""
    file = root / "contracts" / "leaf.odcs.yaml"
    document = yaml.safe_load(file.read_text())
    rule = next(p for p in document["customProperties"] if p["property"] == "disclosure")
    rule["value"]["counts"]["n_aided"] = {"sensitive": True}
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    row = "county = 'c0' AND stage = 'a'"
    forge(root, "leaf", f"DELETE FROM t WHERE NOT ({row})")
    for aided, is_found in ((250, False), (0, True), (500, True)):
        forge(
            root,
            "leaf",
            f"UPDATE t SET n = 500, n_aided = {aided}, pct = {aided} / 5.0, hidden_columns = NULL WHERE {row}",
        )
        assert any("0 % or 100 %" in p for p in audit_release(root).problems) == is_found


def test_difference_over_time(tmp_path, con, root):
    """An earlier release showed what this one hides."""
    early = stage(tmp_path / "early", con, [LEAF, MARGIN])
    reveal(early, con, "leaf", "true", ("n", "n_aided"))
    assert audit_release(root, [early]).problems
    assert audit_release(root, [root]).problems == []


def test_frozen_pattern_is_kept(tmp_path, con, root):
    again = stage(tmp_path / "again", con, [LEAF, MARGIN], [root])
    for mart in ("leaf", "margin"):
        one, two = (
            duckdb.sql(f"FROM '{r}/parquet/{mart}.parquet' ORDER BY ALL").fetchall() for r in (root, again)
        )
        assert one == two


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


@pytest.mark.parametrize("seed", range(8))
def test_unchanged_data_keep_what_was_published(tmp_path, seed):
    """Two roundings of the same figures would tell more than one. Who is not aided is in the rest, which no table shows."""
    rng = random.Random(seed)
    data = [(*r[:3], n := rng.choice([1, 2, 3]), rng.choice([0, 0, 0, 1, n])) for r in rows(seed)]
    con = world(data)
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
