"""A small world of two marts of one cube, staged into folders, and the means to spoil them."""

import random
from dataclasses import replace

import duckdb
from fixtures.release_world import column, contract

from warehouse.disclosure import protect_marts
from warehouse.engine.duckdb import Session, literal
from warehouse.protection import enforced
from warehouse.release.manifest import odcs_text

COUNTS = {"n": {"parts": ["n_aided"]}, "n_aided": {}}
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
        "counts": COUNTS,
        "derived": {"pct": "CASE WHEN n > 0 THEN n_aided * 100.0 / n END"},
    },
)
# Every margin of the cube: what the engine protects is then exactly what is published.
MARGIN = contract(
    "margin",
    "合计 | Totals",
    [
        column("region", "地区", "VARCHAR", key=True),
        column("stage", "学段", "VARCHAR", key=True),
        column("level", "层级", "VARCHAR", key=True),
        column("n", "人数", unit="人"),
        column("n_aided", "受助", unit="人"),
    ],
    disclosure={
        "lane": "suppress",
        "cube": "c",
        "dimensions": {
            "region": {"columns": ["region"], "level": "level", "whole": "all"},
            "stage": {"columns": ["stage"], "members": {"all": "*"}},
        },
        "counts": COUNTS,
    },
)
# A table of totals that nobody protected together with the others: stages a and b in one.
MORE = contract(
    "more",
    "另一合计 | One table more",
    [
        column("county", "县", "VARCHAR", key=True),
        column("stage", "学段", "VARCHAR", key=True),
        column("n", "人数", unit="人"),
        column("n_aided", "受助", unit="人"),
    ],
    disclosure={
        "lane": "suppress",
        "cube": "c",
        "dimensions": {
            "region": {"columns": ["county"]},
            "stage": {"columns": ["stage"], "groups": {"ab": ["a", "b"]}},
        },
        "counts": COUNTS,
    },
)


def rows(seed=1):
    """(county, stage, prefecture, n, n_aided)"""
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
    sums = "sum(n)::INT AS n, sum(n_aided)::INT AS n_aided"
    con.execute(
        f"""CREATE TABLE mart.margin AS SELECT region, stage, level, n, n_aided FROM (
            SELECT coalesce(prefecture, 'x') AS region, coalesce(stage, 'all') AS stage,
                   CASE WHEN prefecture IS NULL THEN 'all' ELSE 'prefecture' END AS level, {sums}
            FROM mart.leaf GROUP BY CUBE (prefecture, stage)
            UNION ALL SELECT county, 'all', 'county', {sums} FROM mart.leaf GROUP BY county)"""
    )
    con.execute(
        f"CREATE TABLE mart.more AS SELECT county, 'ab' AS stage, {sums} FROM mart.leaf WHERE stage <> 'c' GROUP BY ALL"
    )
    return con


def stage(root, con, contracts, earlier=()):
    """Protect and write contracts and Parquet files, as a release holds them."""
    final = {c.id: enforced(c) for c in contracts}
    safe = protect_marts(Session(con, root), final, earlier)
    for name, c in final.items():
        write(root, con, c, safe[name].select)
    return root


def write(root, con, c, select):
    (root / "contracts").mkdir(parents=True, exist_ok=True)
    (root / "parquet").mkdir(exist_ok=True)
    (root / "contracts" / f"{c.id}.odcs.yaml").write_text(odcs_text(c))
    con.execute(f"COPY ({select}) TO {literal(str(root / 'parquet' / f'{c.id}.parquet'))}")


def forge(root, mart, sql):
    """Change a staged file by a statement over its rows, `t`."""
    file = root / "parquet" / f"{mart}.parquet"
    con = duckdb.connect()
    con.execute(f"CREATE TABLE t AS FROM read_parquet('{file}')")
    con.execute(sql)
    con.execute(f"COPY t TO '{file}'")


def reveal(root, con, mart, where, columns=("n",)):
    """Show the true figures of some rows of a staged mart; other hidden columns stay hidden."""
    file = root / "parquet" / f"{mart}.parquet"
    columns_ = {r[0] for r in con.execute(f"DESCRIBE mart.{mart}").fetchall()}
    keys = [c.name for c in (LEAF if mart == "leaf" else MARGIN).columns if c.key]
    keys += ["period"] if "period" in columns_ else []
    same = " AND ".join(f"e.{k} = t.{k}" for k in keys)
    sets = ", ".join(f"{c} = (SELECT e.{c} FROM mart.{mart} e WHERE {same})" for c in columns)
    left = f"list_filter(string_split(coalesce(hidden_columns, ''), ','), x -> x NOT IN ({', '.join(map(literal, columns))}, ''))"
    con.execute(f"CREATE OR REPLACE TABLE t AS FROM read_parquet('{file}')")
    con.execute(
        f"UPDATE t SET {sets}, hidden_columns = nullif(array_to_string({left}, ','), '') WHERE {where}"
    )
    con.execute(f"COPY t TO '{file}'")


def hidden(root, mart):
    """(key, key, column) of the counts that a staged mart hides."""
    found = duckdb.sql(f"SELECT * FROM '{root}/parquet/{mart}.parquet' ORDER BY ALL")
    at = found.columns.index("hidden_columns")
    return [
        (str(r[0]), str(r[1]), c)
        for r in found.fetchall()
        for c in (r[at] or "").split(",")
        if c in ("n", "n_aided")
    ]


def monthly(c):
    """The same contract with a month in its key."""
    period = replace(c.column(c.key[0]), name="period", header="月份")
    return replace(c, columns=(period, *c.columns))


def in_lane(c, lane):
    return replace(c, properties={"disclosure": {**c.properties["disclosure"], "lane": lane}})


def months(n, seed=1, late=None):
    """Data of n months from 2025-09 on: a fifth of the cells moves by a few persons each month; `late` = (month, county, more)
    corrects a county of a month."""
    rng = random.Random(seed)
    now, found = list(rows(seed)), {}
    for number in range(n):
        month = f"{2025 + (number + 8) // 12}-{(number + 8) % 12 + 1:02d}"
        now = [
            (c, s, p, max(1, n + d), min(max(1, n + d), max(0, a + rng.choice([0, d]))))
            for c, s, p, n, a in now
            for d in [rng.choice([-2, -1, 1, 2]) if number and rng.random() < 0.2 else 0]
        ]
        found[month] = [
            (c, s, p, n + late[2], a) if late and late[:2] == (number, c) else (c, s, p, n, a)
            for c, s, p, n, a in now
        ]
    return found


def monthly_world(data):
    """Marts leaf and margin with a row per month."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    for n, (month, rows_) in enumerate(data.items()):
        one = world(rows_)
        for mart in ("leaf", "margin"):
            con.register(
                "_rows", one.execute(f"SELECT '{month}' AS period, * FROM mart.{mart}").to_arrow_table()
            )
            con.execute(
                f"{'INSERT INTO' if n else 'CREATE TABLE'} mart.{mart} {'' if n else 'AS '}SELECT * FROM _rows"
            )
            con.unregister("_rows")
    return con
