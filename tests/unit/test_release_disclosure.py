import duckdb
import pytest
from fixtures.release_world import build, column, contract, contracts, settings_at, warehouse
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import BlockedError
from warehouse.release.disclosure import disclosure_of, protect


def protected(con, relation, mart, minimum=None):
    cursor = con.execute(protect(con, relation, mart, minimum))
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_small_cells_and_complements_hidden_zero_stays():
    con = warehouse()
    found = {
        (r["county_code"], r["stage_code"]): (r["n_students"], r["n_aided"], r["pct_aided"], r["cell_status"])
        for r in protected(con, "mart.aid__county_stage", contracts()["aid__county_stage"])
    }
    assert found == {
        ("630102", "primary"): (1000, 400, 40.0, "shown"),
        ("630102", "junior"): (500, None, None, "hidden"),  # 3 pupils without aid
        ("630103", "primary"): (300, None, None, "hidden"),  # 3 pupils with aid
        ("630103", "junior"): (200, 0, 0.0, "shown"),
        ("630104", "primary"): (None, 0, None, "hidden"),
        ("630104", "junior"): (None, None, None, "hidden"),
        ("630105", "primary"): (None, None, None, "shown"),  # no value is not a hidden value
        ("630105", "junior"): (250, 250, 100.0, "shown"),  # a rest of 0 hides nobody
    }


def test_minimum_can_be_overridden():
    con, mart = warehouse(), contracts()["graduate__county"]
    status = [r["cell_status"] for r in protected(con, "mart.graduate__county", mart, 9)]
    assert status == ["shown", "shown"]
    assert disclosure_of(mart, 9).minimum == 9 and disclosure_of(mart).minimum == 10


def test_status_of_an_earlier_protection_is_respected():
    con, mart = warehouse(), contracts()["graduate__county"]
    con.execute("ALTER TABLE mart.graduate__county ADD COLUMN cell_status VARCHAR")
    con.execute(
        "UPDATE mart.graduate__county SET cell_status = 'hidden', n_graduates = NULL WHERE n_graduates = 900"
    )
    assert [r["cell_status"] for r in protected(con, "mart.graduate__county", mart)] == ["hidden", "hidden"]


def test_complements_beside_disclosure_count_too():
    mart = contract(
        "m",
        "m",
        [column("k", "键", key=True), column("a", "甲", unit="人"), column("b", "乙", unit="人")],
        disclosure={"minimum": 5, "counts": ["b"]},
        complements=[["a", "b"]],
    )
    con = duckdb.connect()
    con.execute("CREATE TABLE m AS SELECT 1 AS k, 98 AS a, 100 AS b")
    assert protected(con, "m", mart) == [{"k": 1, "a": None, "b": 100, "cell_status": "hidden"}]


def test_public_person_counts_must_be_exempted_by_name():
    columns = [column("k", "键", key=True), column("n", "人口", unit="人")]
    with pytest.raises(BlockedError, match="not protected"):
        disclosure_of(contract("m", "m", columns))
    assert disclosure_of(contract("m", "m", columns, disclosure={"exempt": ["n"]})) is None


def test_columns_outside_the_contract_are_not_published(tmp_path):
    con = warehouse()
    con.execute("ALTER TABLE mart.graduate__county ADD COLUMN secret VARCHAR DEFAULT 'x'")
    assert "secret" not in protect(con, "mart.graduate__county", contracts()["graduate__county"])
    assert build(settings_at(tmp_path), con)


count = st.one_of(st.none(), st.integers(0, 12), st.integers(0, 300))


@given(st.lists(st.tuples(count, count, count), max_size=30), st.integers(2, 11))
@settings(max_examples=150, deadline=None)
def test_property_nothing_small_is_shown_and_nothing_else_changes(table, minimum):
    mart = contract(
        "m",
        "m",
        [
            column("k", "键", key=True),
            *(column(n, n, unit="人") for n in ("num", "den", "other")),
            column("rate", "率", "DOUBLE"),
            column("free", "自由"),
        ],
        disclosure={
            "minimum": 5,
            "counts": ["num", "den", "other"],
            "hides": ["rate"],
            "complements": [["num", "den"]],
        },
    )
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE m (k INTEGER, num INTEGER, den INTEGER, other INTEGER, rate DOUBLE, free INTEGER)"
    )
    for k, (num, den, other) in enumerate(table):
        con.execute("INSERT INTO m VALUES (?, ?, ?, ?, ?, ?)", [k, num, den, other, 0.5, k % 3])
    found = {r["k"]: r for r in protected(con, "m", mart, minimum)}
    assert len(found) == len(table)

    def small(n):
        return n is not None and 0 < n < minimum

    for k, (num, den, other) in enumerate(table):
        rest = den - num if num and den is not None else None
        hide = {"num": small(num) or small(rest), "den": small(den), "other": small(other)}
        row = found[k]
        for name, value in (("num", num), ("den", den), ("other", other)):
            assert not small(row[name])
            assert row[name] == (None if hide[name] else value)
        if row["num"] and row["den"] is not None:
            assert not small(row["den"] - row["num"])
        assert row["cell_status"] == ("hidden" if any(hide.values()) else "shown")
        assert row["rate"] == (None if any(hide.values()) else 0.5)
        assert row["free"] == k % 3
