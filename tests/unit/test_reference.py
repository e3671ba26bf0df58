import csv
import re
from collections import Counter
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from warehouse import reference
from warehouse.contract import normalise_header
from warehouse.reference import CONFIDENCE, PROVENANCE, REFERENCE, rows


@pytest.fixture(scope="module")
def con():
    connection = duckdb.connect()
    reference.load_reference(connection)
    return connection


@pytest.mark.parametrize("table", reference.table_names())
def test_file_parses_with_unique_keys_and_provenance(table):
    raw = (REFERENCE / f"{table}.csv").read_bytes()
    assert b"\r" not in raw and not raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\n")
    lines = list(csv.reader(raw.decode("utf-8").splitlines()))
    header = lines[0]
    assert tuple(header[-3:]) == PROVENANCE
    assert {len(line) for line in lines} == {len(header)}
    found = rows(table)
    assert found, "an empty table says nothing"
    keys = Counter(tuple(row[k] for k in reference.table_key(table)) for row in found)
    assert max(keys.values()) == 1
    for row in found:
        assert row["source_doc"] and row["owner"] and row["confidence"] in CONFIDENCE


def test_every_file_is_declared():
    assert {f.stem for f in REFERENCE.glob("*.csv")} == set(reference.table_names())


def test_loading_is_idempotent_and_typed(con):
    first = reference.load_reference(con)
    assert first == reference.load_reference(con)
    described = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE ref.county)").fetchall())
    assert described["county_code"] == "VARCHAR"
    assert described["valid_from"] == "DATE"
    assert described["is_gb_t_2260"] == "BOOLEAN"
    sql = "SELECT comment FROM duckdb_tables() WHERE schema_name = 'ref' AND table_name = 'county'"
    assert con.execute(sql).fetchone()[0]


def test_name_parts_are_checked_but_do_not_stay_in_the_file(tmp_path):
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as first:
        first.execute(
            "CREATE SCHEMA ref; CREATE TABLE ref.name_variant AS SELECT 1 AS left_by_an_older_version"
        )
        assert reference.load_reference(first)["name_variant"] == len(rows("name_variant"))
    with duckdb.connect(str(file)) as again:
        held = {t for (t,) in again.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "name_variant" not in held and "county" in held and "ref_name_variant" not in held


def test_version_is_short_and_stable():
    assert re.fullmatch(r"[0-9a-f]{12}", reference.reference_version())
    assert reference.reference_version() == reference.reference_version()


def test_a_double_key_or_missing_provenance_is_refused(tmp_path, monkeypatch):
    for file in REFERENCE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(reference, "REFERENCE", tmp_path)
    target = tmp_path / "college.csv"
    text = target.read_text(encoding="utf-8")
    target.write_text(text + text.splitlines()[1] + "\n", encoding="utf-8", newline="\n")
    with pytest.raises(reference.UsageError, match="college"):
        reference.load_reference(duckdb.connect())


# --- code lists


def test_texts_of_a_code_list_lead_to_one_code(con):
    """Codes, names and aliases of a list never name two codes, compared in normalised form."""
    texts: dict[tuple[str, str], set[str]] = {}
    sql = "SELECT list_id, code, name_zh, aliases FROM ref.code_list"
    for list_id, code, name, aliases in con.execute(sql).fetchall():
        for text in (code, name, *(aliases or "").split("|")):
            if text:
                texts.setdefault((list_id, normalise_header(text)), set()).add(code)
    assert {k: v for k, v in texts.items() if len(v) > 1} == {}


def test_ethnic_groups_follow_the_standard(con):
    ethnic = dict(con.execute("SELECT name_zh, code FROM ref.code_list WHERE list_id = 'ethnic'").fetchall())
    assert len(ethnic) == 58
    checked = {"汉族": "01", "蒙古族": "02", "回族": "03", "藏族": "04", "黎族": "19", "东乡族": "26"}
    checked |= {"土族": "30", "撒拉族": "35", "裕固族": "48", "基诺族": "56"}
    assert {name: ethnic[name] for name in checked} == checked


def test_change_reasons_keep_only_the_top_group():
    codes = {r["code"]: r["aliases"].split("|") for r in rows("code_list") if r["list_id"] == "change_reason"}
    assert set(codes) == {"01", "10", "20", "40", "99"}
    assert "12" in codes["10"] and "81" in codes["40"] and "27" in codes["20"]


def test_groups_refer_to_codes(con):
    """Group codes of the urban-rural classes and school types are codes of their own lists."""
    for list_id, group in (
        ("urban_rural", "residence"),
        ("school_run_type", "stage"),
        ("two_later_education", "stage"),
        ("destination", "destination_group"),
        ("grade", "stage"),
    ):
        sql = (
            "SELECT code, group_code FROM ref.code_list WHERE list_id = ? AND group_code IS NOT NULL "
            "AND group_code NOT IN (SELECT code FROM ref.code_list WHERE list_id = ?)"
        )
        assert con.execute(sql, [list_id, group]).fetchall() == []
    # states of pupils lead to a grade where the register says one, else to a stage
    sql = (
        "SELECT code FROM ref.code_list WHERE list_id = 'school_state' AND group_code IS NOT NULL "
        "AND group_code NOT IN (SELECT code FROM ref.code_list WHERE list_id IN ('grade', 'stage'))"
    )
    assert con.execute(sql).fetchall() == []


def test_single_ages_are_complete():
    ages = [r["code"] for r in rows("code_list") if r["list_id"] == "single_age"]
    assert ages == [str(n) for n in range(101)]


# --- divisions


def _current():
    return [r for r in rows("county") if not r["valid_to"]]


def _successors(code):
    steps = {r["old_code"]: r["new_code"] for r in rows("county_crosswalk")}
    while code in steps:
        code = steps[code]
    return code


def test_current_counties():
    current = _current()
    assert len(current) == 45
    assert [r["county_code"] for r in current if r["is_gb_t_2260"] == "false"] == ["632857"]
    prefectures = {r["prefecture_code"] for r in rows("prefecture") if not r["valid_to"]}
    for row in current:
        assert row["county_code"][:4] == row["prefecture_code"] in prefectures
    by_prefecture = Counter(r["prefecture_code"] for r in current)
    assert by_prefecture == {
        "6301": 7,
        "6302": 6,
        "6322": 4,
        "6323": 4,
        "6325": 5,
        "6326": 6,
        "6327": 6,
        "6328": 7,
    }


def test_short_names_and_aliases_of_current_counties_are_unique():
    texts = Counter()
    for row in _current():
        texts.update({row["name_zh"], row["short_zh"], *filter(None, row["aliases"].split("|"))})
    assert [t for t, n in texts.items() if n > 1] == []


def test_crosswalk_resolves_to_current_units():
    current = {r["county_code"] for r in _current()}
    historic = {r["county_code"] for r in rows("county") if r["valid_to"]}
    assert {r["old_code"] for r in rows("county_crosswalk")} == historic
    assert all(_successors(code) in current for code in historic)
    assert _successors("632124") == "630106" and _successors("632121") == "630203"
    assert {_successors("632858"), _successors("632859")} == {"632803"}


def _units_of(day):
    return [
        r["county_code"]
        for r in rows("county")
        if (not r["valid_from"] or date.fromisoformat(r["valid_from"]) <= day)
        and (not r["valid_to"] or date.fromisoformat(r["valid_to"]) >= day)
    ]


def _members(region_set):
    return {r["county_code"] for r in rows("region_set_member") if r["region_set_id"] == region_set}


def test_region_sets():
    sizes = {
        "province": 45,
        "six_prefectures": 32,
        "xining_haidong": 13,
        "minority_a": 32,
        "minority_b": 37,
        "qingnan_core": 16,
        "qingnan_wide": 18,
        "poverty_42": 41,
        "national_key_15": 15,
        "deep_poverty": 0,
    }
    current = {r["county_code"] for r in _current()}
    for region_set, size in sizes.items():
        assert len(_members(region_set)) == size, region_set
        assert _members(region_set) <= current
    assert {r["region_set_id"] for r in rows("region_set_member")} <= {
        r["region_set_id"] for r in rows("region_set")
    }
    pending = {r["region_set_id"] for r in rows("region_set") if r["status"] == "pending"}
    assert pending == {"deep_poverty", "pastoral", "rural_pastoral"}
    assert not pending & {r["region_set_id"] for r in rows("region_set_member")}


def test_poverty_counties_of_2016():
    units = _units_of(date(2016, 12, 31))
    assert len(units) == 46
    members = _members("poverty_42")
    assert len([u for u in units if _successors(u) in members]) == 42
    batches = Counter(
        r["detail"].split()[2] for r in rows("region_set_member") if r["region_set_id"] == "poverty_42"
    )
    # batch 1 had two of the units that merged since
    assert batches == {"1": 5, "2": 7, "3": 12, "4": 17}


def test_every_current_county_has_its_own_tile():
    tiles = rows("county_tile")
    assert {r["county_code"] for r in tiles} == {r["county_code"] for r in _current()}
    assert len({(r["tile_column"], r["tile_row"]) for r in tiles}) == 45


# --- targets, indicators, parameters


def test_policy_targets():
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows("policy_target"):
        found.setdefault(row["target_id"], []).append(row)
    assert sorted(found) == [f"T{n:02d}" for n in range(1, 46)]
    # written by hand from the policy
    for target, region, year, op, value in (
        ("T01", "province", "2020", ">=", "85"),
        ("T02", "rural_pastoral", "2020", ">=", "70"),
        ("T04", "province", "2018", ">=", "75"),
        ("T05", "province", "2019", "=", "100"),
        ("T06", "province", "2020", ">=", "95"),
        ("T07", "province", "", "<=", "3000"),
        ("T12", "urban_town", "2018", "<=", "2"),
        ("T13", "urban_town", "2020", "<=", "5"),
        ("T16", "province", "2020", "=", "20"),
        ("T21", "province", "2020", ">=", "90"),
        ("T24", "province", "2020", ">=", "45"),
        ("T25", "province", "2020", ">=", "60"),
        ("T27", "minority_b", "2020", ">=", "80"),
        ("T29", "minority_b", "2020", ">=", "90"),
        ("T31", "six_prefectures", "2020", ">=", "11000"),
        ("T33", "province", "2020", ">=", "95"),
        ("T37", "poverty_42", "2019", ">=", "85"),
        ("T38", "poverty_42", "2019", ">=", "95"),
        ("T39", "poverty_42", "2019", ">=", "90"),
        ("T43", "province", "2020", ">=", "80"),
    ):
        (row,) = found[target]
        assert (row["region_set_id"], row["year"], row["op"], row["value"]) == (region, year, op, value), (
            target
        )
    assert [r["value"] for r in found["T14"]] == ["20", "15", "10"]
    assert {r["lead_zh"] for r in found["T14"]} == {"省编办"}


def test_targets_refer_to_indicators_and_region_sets():
    indicators = {r["indicator_id"] for r in rows("indicator")}
    assert {i[:3] for i in indicators} == {f"I{n:02d}" for n in range(1, 20)}
    # honours of a level are no set of counties
    regions = {r["region_set_id"] for r in rows("region_set")} | {"prefecture", "county"}
    for row in rows("policy_target"):
        assert row["indicator_id"] in indicators | {""}
        assert row["region_set_id"] in regions
        assert row["computability"] in {"computed", "reported", "not_collected"}
        assert row["quote_zh"]


def test_thresholds():
    found = reference.thresholds()
    assert (found["class_large"], found["class_super"], found["school_max"]) == (56, 66, 3000)
    assert (found["point_small"], found["point_funding_floor"]) == (10, 100)
    assert (found["suppression_min"], found["suppression_min_sensitive"]) == (5, 10)
    assert found["quarantine_share"] == Decimal("0.02")
    assert isinstance(found["class_large"], int)
    for name, value in found.items():
        if name.endswith("_share"):
            assert 0 < value < 1, name


def test_destinations():
    groups = {r["code"] for r in rows("code_list") if r["list_id"] == "destination_group"}
    table = rows("destination_code")
    assert {r["rate_group"] for r in table} <= groups
    settled = {"contract", "flexible", "startup", "further_study"}
    for row in table:
        assert (row["is_settled"] == "true") == (row["rate_group"] in settled)
    assert not any(re.fullmatch(r"7[02]\d", r["code"]) for r in table), "unknown three-digit codes"


def test_colleges_keep_their_code_on_renaming():
    by_code = {r["college_code"]: r for r in rows("college")}
    assert by_code["12973"]["former_names"] and by_code["12972"]["former_names"]
    for code, row in by_code.items():
        assert row["school_id"][4:] == "0" + code
