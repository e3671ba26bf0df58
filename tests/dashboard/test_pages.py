"""The pages as text: policy, data block, figures. Needs no browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.build import HIDDEN as HIDDEN_BIT
from dashboard.build import MISSING, PROVISIONAL, interval, is_met, write_pages
from dashboard.build import ROUNDED as ROUNDED_BIT
from dashboard.html import json_block, page
from expectations.rule import all_rules
from tests.dashboard.world import HIDDEN, HOSTILE, MART, NO_POPULATION, ROUNDED
from tests.dashboard.world import MISSING as MISSING_CELL
from warehouse.reference import rows

PAGES = ("index", "evidence")
BOOK = {
    f"R{letter}{n:02d}"
    for letter, last in {"C": 38, "T": 18, "P": 22, "U": 15, "S": 18}.items()
    for n in range(1, last + 1)
}


class Parsed(HTMLParser):
    """Elements, attributes and the texts of script and style, as an HTML parser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.blocks: list[tuple[str, dict[str, str], str]] = []
        self._open: tuple[str, dict[str, str]] | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_data(self, data):
        if self._open:
            self.blocks.append((*self._open, data))

    def handle_endtag(self, tag):
        self._open = None

    def data(self) -> dict:
        (text,) = [t for tag, a, t in self.blocks if tag == "script" and a.get("type") == "application/json"]
        return json.loads(text)


def parsed(release, kind="index") -> Parsed:
    return Parsed((release / "dashboard" / f"{kind}.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def data(releases):
    return parsed(releases / "v2025.9.1").data()


def cell(data, series, region, year, level="county"):
    node = next(s for s in data["series"] if s["id"] == series)
    row = next(n for n, r in enumerate(data["regions"]) if (r["l"], r["c"]) == (level, region))
    at = row * len(data["times"]) + data["times"].index(str(year))
    return {k: node[k][at] for k in ("v", "n", "d")} | {
        "flag": int(node["f"][at], 36),
        "why": node["w"].get(str(at)),
    }


@pytest.mark.parametrize("kind", PAGES)
def test_policy_allows_only_this_style_and_script(releases, kind):
    html = parsed(releases / "v2025.9.1", kind)
    (policy,) = [
        a["content"] for t, a in html.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:" and "unsafe" not in policy and "http" not in policy

    def source(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    (style,) = [t for tag, _, t in html.blocks if tag == "style"]
    (script,) = [t for tag, a, t in html.blocks if tag == "script" and "type" not in a]
    assert rules["style-src"] == source(style) and rules["script-src"] == source(script)


@pytest.mark.parametrize("kind", PAGES)
def test_page_loads_nothing(releases, kind):
    html = parsed(releases / "v2025.9.1", kind)
    assert not [a for _, a in html.tags if "src" in a]
    assert {a["href"] for t, a in html.tags if t == "link"} == {"data:,"}
    assert not [k for _, a in html.tags for k in a if k == "style" or k.startswith("on")]
    script = "".join(t for tag, a, t in html.blocks if tag == "script" and "type" not in a)
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "import(",
        "http:",
        "https:",
    ):
        assert word not in script.replace("http://www.w3.org/2000/svg", ""), word


def test_hostile_names_stay_data(hostile):
    for kind in PAGES:
        html, plain = (
            parsed(hostile, kind),
            (hostile / "dashboard" / f"{kind}.html").read_text(encoding="utf-8"),
        )
        assert [t for t, _ in html.tags].count("script") == 2 and not [t for t, _ in html.tags if t == "img"]
        assert "\u2028" not in plain and "<img" not in plain
        # …and arrives unchanged where it is read as data
        assert HOSTILE in _texts(html.data())


def _texts(node) -> str:
    if isinstance(node, dict):
        return "\n".join(map(_texts, node.values()))
    return "\n".join(map(_texts, node)) if isinstance(node, list) else str(node)


@given(st.text())
def test_json_block_ends_nothing_and_reads_back(text):
    block = json_block({text: [text]})
    assert not set(block) & set("<>&\u2028\u2029")
    assert json.loads(block) == {text: [text]}


def test_data_that_look_like_a_mark_are_left_alone():
    assert json.loads(Parsed(page("index", {"x": "{{script}}{{data}}"})).blocks[1][2]) == {
        "x": "{{script}}{{data}}"
    }


def test_size_is_below_a_megabyte_for_ten_years(releases, data):
    assert len(data["times"]) == 10 and sum(r["l"] == "county" for r in data["regions"]) == 45
    assert len(data["series"]) == len(rows("indicator"))
    assert (releases / "v2025.9.1/dashboard/index.html").stat().st_size < 1_000_000


def test_same_release_gives_same_bytes(releases):
    before = [(releases / "v2025.9.1/dashboard" / f"{k}.html").read_bytes() for k in PAGES]
    write_pages(releases / "v2025.9.1")
    assert before == [(releases / "v2025.9.1/dashboard" / f"{k}.html").read_bytes() for k in PAGES]


def test_figures_are_those_of_the_parquet_file(releases, data):
    file = releases / "v2025.9.1/parquet" / f"{MART}.parquet"
    shown = duckdb.sql(
        f"SELECT variant_id, region_level, region_code, year, value_published::DOUBLE, numerator, denominator "
        f"FROM '{file}' WHERE cell_status <> 'hidden' AND value_published IS NOT NULL ORDER BY hash(region_code || year) LIMIT 500"
    ).fetchall()
    assert len(shown) == 500
    for series, level, code, year, value, n, d in shown:
        got = cell(data, series, code, year, level)
        assert (got["v"], got["n"], got["d"]) == (value, n, d)


def test_hidden_missing_and_provisional_differ(data):
    hidden, missing, reason = cell(data, *HIDDEN), cell(data, *MISSING_CELL), cell(data, *NO_POPULATION)
    assert (
        hidden["flag"] & HIDDEN_BIT
        and not hidden["flag"] & MISSING
        and hidden["v"] is hidden["n"] is hidden["d"] is None
    )
    assert missing["flag"] & MISSING and not missing["flag"] & HIDDEN_BIT and missing["v"] is None
    assert reason["flag"] & MISSING and reason["why"][0].startswith("缺少")
    rounded = cell(data, *ROUNDED)
    assert rounded["flag"] & ROUNDED_BIT and rounded["v"] is not None
    assert cell(data, "I01", "630121", 2025)["flag"] & PROVISIONAL
    assert not cell(data, "I01", "630102", 2025)["flag"] & PROVISIONAL


def test_hidden_value_left_in_a_mart_does_not_reach_the_page(tmp_path):
    from tests.dashboard.world import make_release

    root = make_release(tmp_path / "v", years=2)
    file = root / "parquet" / f"{MART}.parquet"
    duckdb.sql(
        f"CREATE OR REPLACE TABLE leak AS SELECT * REPLACE (CASE WHEN cell_status = 'hidden' THEN 77777 ELSE numerator END AS numerator, "
        f"CASE WHEN cell_status = 'hidden' THEN 77.77 ELSE value_published END AS value_published) FROM '{file}'"
    )
    duckdb.sql(f"COPY leak TO '{file}' (FORMAT parquet)")
    write_pages(root)
    assert cell(parsed(root).data(), *HIDDEN)["v"] is None
    assert "77777" not in (root / "dashboard/index.html").read_text(encoding="utf-8")


def test_revised_cell_is_listed_with_both_values(data):
    found = data["revisions"]
    assert (found["previous"], found["known"], found["cells"]) == ("v2025.9.0", True, 1)
    series, level, code, moment, before, after, was_provisional = found["list"][0]
    assert (series, level, code, moment, was_provisional) == ("I07", "county", "630102", "2024", 0)
    assert found["updated"] == found["added"] == found["gone"] == 0
    assert after == pytest.approx(before + 0.4)


def test_the_next_month_takes_the_place_of_the_last_and_nothing_is_gone(tmp_path):
    from tests.dashboard.world import make_release

    make_release(tmp_path / "v2025.9.0", years=2, months=("2025-10",))
    after = make_release(tmp_path / "v2025.9.1", years=2, previous="v2025.9.0", months=("2025-10", "2025-11"))
    found = parsed(after).data()["revisions"]
    assert found["added"] > 0 and found["gone"] == 0


def test_a_figure_no_longer_shown_is_gone(tmp_path):
    from tests.dashboard.world import make_release

    make_release(tmp_path / "v2025.9.0", years=2)
    after = make_release(tmp_path / "v2025.9.1", years=2, previous="v2025.9.0")
    file = after / "parquet" / f"{MART}.parquet"
    duckdb.sql(
        f"CREATE OR REPLACE TABLE fewer AS SELECT * FROM '{file}' WHERE NOT (variant_id = 'I07' AND region_code = '630102' AND year = '2025')"
    )
    duckdb.sql(f"COPY fewer TO '{file}' (FORMAT parquet)")
    write_pages(after)
    assert parsed(after).data()["revisions"]["gone"] == 1


def test_first_release_and_absent_previous_are_told_apart(releases, tmp_path):
    from tests.dashboard.world import make_release

    assert parsed(releases / "v2025.9.0").data()["revisions"] == {
        "previous": None, "known": True, "cells": 0, "updated": 0, "added": 0, "gone": 0, "list": []
    }  # fmt: skip
    alone = make_release(tmp_path / "v2025.9.1", years=1, previous="v2025.9.0")
    assert parsed(alone).data()["revisions"]["known"] is False


def test_months_never_mix_with_annual_figures(tmp_path):
    from tests.dashboard.world import make_release

    make_release(tmp_path / "v2025.9.0", years=2)
    data = parsed(
        make_release(tmp_path / "v2025.9.1", years=2, months=("2025-10", "2025-12"), previous="v2025.9.0")
    ).data()
    assert data["times"] == ["2024", "2025", "2025-12"]
    annual, newest = (cell(data, "I07", "630102", t) for t in ("2025", "2025-12"))
    assert newest["v"] == pytest.approx(annual["v"] + 12) and not annual["flag"] & PROVISIONAL
    assert all(
        int(f, 36) & (PROVISIONAL | MISSING | HIDDEN_BIT) for s in data["series"] for f in s["f"][2::3]
    )  # every newest month is marked
    # a further month is no revision of the year
    assert data["revisions"]["cells"] == 0 and data["revisions"]["added"] > 1000


def test_one_school_year_is_shown_by_month(tmp_path):
    from tests.dashboard.world import make_release

    data = parsed(make_release(tmp_path / "v2025.9.0", years=1, months=("2025-10",))).data()
    assert data["axis"] == "month" and data["times"] == ["2025-09", "2025-10"]
    assert cell(data, "I07", "630102", "2025-10")["flag"] & PROVISIONAL
    assert not cell(data, "I07", "630102", "2025-09")["flag"] & PROVISIONAL


def test_tiles_are_those_of_the_reference_table(data):
    tiles = {r["c"]: r["g"] for r in data["regions"] if r["l"] == "county"}
    assert len(tiles) == 45 and len({tuple(g) for g in tiles.values()}) == 45


def test_colour_follows_the_exact_fraction():
    target = {"v": 95.0, "op": ">="}
    assert not is_met(target, 95.0, 9496, 10000, None)  # 94.96 is shown as 95.0
    assert is_met(target, 95.0, 9500, 10000, None)
    assert is_met(target, 90.0, None, None, True)
    assert not is_met({"v": 5.0, "op": "<="}, 5.0, 501, 10000, None)


def test_intervals_against_published_values():
    # Wilson: Newcombe, Statistics in Medicine 17 (1998), table I: 81/263 -> 0.2553, 0.3662; 15/148 -> 0.0624, 0.1605; 0/20 -> 0, 0.1611
    for n, d, low, high in ((81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11)):
        assert interval("wilson", n, d) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    # Exact Poisson limits of an observed 10 are 4.80 and 18.39; Byar's approximation stays within 0.1
    assert interval("byar", 10, 100) == (pytest.approx(4.80, abs=0.1), pytest.approx(18.39, abs=0.1))
    assert interval("byar", 0, 100)[0] == 0 and interval("wilson", 3, 0) == (None, None)
    assert interval("none", 3, 10) == (None, None)


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_interval_holds_the_rate(n, d):
    low, high = interval("byar", n, d)
    assert low <= 100 * n / d <= high
    if n <= d:
        low, high = interval("wilson", n, d)
        assert -1e-9 <= low <= 100 * n / d + 1e-9 and 100 * n / d - 1e-9 <= high <= 100 + 1e-9


def test_evidence_has_the_whole_rule_book(releases):
    book = parsed(releases / "v2025.9.1", "evidence").data()["rules"]
    ids = {r["id"] for r in book}
    assert len(book) == len(ids) and ids == BOOK | set(all_rules())
    states = {r["id"]: r["state"] for r in book}
    assert {i for i, s in states.items() if s == "pending"} == set(states) - set(all_rules())
    assert states["RS18"] == "at_gate"
    assert {"passed", "failed", "at_gate", "pending", "not_run"} <= set(states.values())
    for rule in book:
        assert rule["clause"] and rule["severity"] and rule["statement_zh"], rule["id"]
        assert rule["state"] != "pending" or all(rule["why"]), rule["id"]
        # nothing that did not run looks as if it had passed
        assert rule["state"] not in ("passed", "failed") or rule["results"], rule["id"]


def test_every_rule_of_the_book_is_wired_or_says_why_not():
    pending = {r["rule_id"] for r in rows("rule_pending")}
    # Rules beyond the book are welcome; a pending rule beyond it would be a slip of the pen.
    assert len(BOOK) == 111 and set(all_rules()) | pending >= BOOK and pending <= BOOK
    assert not pending & set(all_rules())


def test_page_of_a_release_without_indicators(tmp_path):
    (tmp_path / "RELEASE.json").write_text('{"id": "v1", "period": "2025-01"}')
    write_pages(tmp_path)
    assert parsed(tmp_path).data()["series"] == []


def test_chinese_and_english_for_every_static_text(releases):
    for kind in PAGES:
        for tag, attrs in parsed(releases / "v2025.9.1", kind).tags:
            assert ("data-zh" in attrs) == ("data-en" in attrs), (kind, tag, attrs)
            assert not re.search(r"[\u4e00-\u9fff]", attrs.get("data-en") or "")
