"""The pages in a real browser: every interaction, on a folder opened as a file, with no network at all.

Needs the package playwright and a Chromium of the system (EDU_CHROMIUM, or `chromium` on the path); skipped without.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.dashboard.world import HIDDEN, MISSING, NO_POPULATION, ROUNDED

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
CHROMIUM = os.environ.get("EDU_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine: apt-get install chromium, or set EDU_CHROMIUM"
)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


class Page:
    """A page with a record of what it asked for and complained about."""

    def __init__(self, browser, file: Path, fragment: str = "", width: int = 1440, height: int = 900) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(180_000)  # a busy machine is not a fault of the page
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on(
            "console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.goto(file.as_uri() + fragment)

    def text(self, selector: str) -> str:
        # drawings have no inner text
        return (
            self.page.text_content(selector)
            if selector in ("#map", "#rank")
            else self.page.inner_text(selector)
        )

    @property
    def hash(self) -> list[str]:
        return self.page.evaluate("decodeURIComponent(location.hash.slice(1))").split("/")


@pytest.fixture
def opened(browser, releases):
    pages: list[Page] = []

    def make(fragment: str = "", file: Path | None = None, **size: int) -> Page:
        pages.append(Page(browser, file or releases / "v2025.9.1/dashboard/index.html", fragment, **size))
        return pages[-1]

    yield make
    for one in pages:
        fetched = [u for u in one.requests if not u.startswith(("data:", "blob:"))]
        one.page.close()
        assert one.faults == [] and len(fetched) == 1, (one.faults, fetched)


def tile(code: str) -> str:
    return f'.tile[data-c="{code}"]'


def test_one_request_no_error_all_tiles(opened):
    page = opened()
    assert page.page.locator(".tile").count() == 45
    assert page.page.locator(".card").count() == 21
    assert page.page.locator("#matrix tbody tr").count() == 45
    assert "方格示意图（非行政区域界线）" in page.text("#mapsub")
    assert "名次勿过度解读" in page.text("#ranksub")


def test_language_switch_leaves_no_chinese(opened):
    page = opened("#zh/2025/I01/632722")
    assert page.page.get_attribute("html", "lang") == "zh-CN"
    page.page.click("#lang")
    assert page.page.get_attribute("html", "lang") == "en" and page.hash[0] == "en"
    page.page.click("#def summary")
    body = page.page.evaluate("document.body.innerText")
    # the source documents keep their own titles
    rest = re.sub(r"青政办〔2016〕225号|教育统计指标解释|\(待核定\)|中文", "", body)
    assert not re.findall(r"[\u4e00-\u9fff]+", rest)
    page.page.click("#lang")
    assert page.page.get_attribute("html", "lang") == "zh-CN"


def test_click_on_a_tile_opens_its_county(opened):
    page = opened("#zh/2025/I01")
    page.page.click(tile("632701"))
    assert page.text("#countytitle") == "玉树市 · 玉树藏族自治州"
    assert page.hash[3] == "632701"
    reading = page.text("#readout")
    assert reading.startswith("玉树市") and all(
        w in reading for w in ("目标 85.0", "95% 区间", "分子/分母", "名次可能在 3–17")
    )
    assert page.page.get_attribute(tile("632701"), "aria-pressed") == "true"


def test_keyboard_on_the_map(opened):
    page = opened("#zh/2025/I01/632722")
    assert page.page.locator('.tile[tabindex="0"]').count() == 1
    page.page.focus(tile("632722"))
    page.page.keyboard.press("ArrowRight")
    assert page.page.evaluate("document.activeElement.dataset.c") == "632701"
    page.page.keyboard.press("ArrowUp")
    assert page.page.evaluate("document.activeElement.dataset.c") == "632726"
    page.page.keyboard.press("Enter")
    assert page.hash[3] == "632726" and page.text("#countytitle").startswith("曲麻莱县")
    assert page.page.evaluate("document.activeElement.dataset.c") == "632726"
    assert (
        page.page.evaluate("getComputedStyle(document.activeElement.querySelector('.edge')).strokeWidth")
        == "3px"
    )
    page.page.wait_for_function("document.getElementById('live').textContent.includes('曲麻莱县')")


def test_keyboard_on_the_ranking(opened):
    page = opened("#zh/2025/I01/632722")
    first = page.page.get_attribute(".rk >> nth=0", "data-c")
    page.page.focus(".rk >> nth=0")
    page.page.keyboard.press("ArrowDown")
    second = page.page.evaluate("document.activeElement.dataset.c")
    assert second != first
    page.page.keyboard.press(" ")
    assert page.hash[3] == second


def test_card_chooses_the_indicator(opened):
    page = opened()
    page.page.click(".card:has-text('高中阶段毛入学率')")
    assert page.hash[2] == "I07" and page.text("#maptitle").startswith("高中阶段毛入学率")
    assert page.page.locator('.card[aria-pressed="true"]').count() == 1


def test_year_changes_every_part(opened):
    page = opened("#zh/2025/I01/632722")
    before = [page.text(s) for s in ("#cards", "#map", "#rank", "#matrix")]
    page.page.click("#times button:has-text('2019')")
    assert page.hash[1] == "2019" and page.text("#maptitle").endswith("2019")
    assert all(
        a != b
        for a, b in zip(before, [page.text(s) for s in ("#cards", "#map", "#rank", "#matrix")], strict=True)
    )


def test_sort_ascending_and_descending_with_gaps_last(opened):
    page = opened("#zh/2025/I10")
    column = page.page.evaluate(
        "[...document.querySelectorAll('#matrix thead th')].findIndex(x => x.innerText.includes('三类残疾'))"
    )

    def values() -> list[str]:
        return page.page.locator(f"#matrix tbody tr > :nth-child({column + 1})").all_inner_texts()

    head = f"#matrix thead th:nth-child({column + 1})"
    page.page.click(head + " button")
    worst_first = values()
    numbers = [float(v.rstrip("*")) for v in worst_first if v[0].isdigit()]
    assert numbers == sorted(numbers) and page.page.get_attribute(head, "aria-sort") == "ascending"
    assert len(numbers) == 43 and set(worst_first[-2:]) == {"保密", "—"}
    page.page.click(head + " button")
    best_first = values()
    assert [float(v.rstrip("*")) for v in best_first if v[0].isdigit()] == numbers[::-1]
    assert page.page.get_attribute(head, "aria-sort") == "descending" and set(best_first[-2:]) == {
        "保密",
        "—",
    }


def test_hidden_missing_and_provisional_look_different(opened):
    page = opened("#zh/2025/I10")
    hidden, missing = (page.page.locator(tile(c[1])) for c in (HIDDEN, MISSING))
    assert "保密" in hidden.get_attribute("aria-label") and "没有数据" in missing.get_attribute("aria-label")
    assert hidden.locator(".edge").get_attribute("fill") == "url(#hatch)"
    assert missing.locator(".edge").get_attribute("fill") == "#fff" and "—" in missing.text_content()
    assert page.page.locator(tile("630121")).text_content().endswith("*")
    ring, dot = (page.page.locator(f'.rk[data-c="{c}"] circle') for c in ("630121", "630102"))
    assert ring.get_attribute("fill") == "#fff" and dot.get_attribute("fill") != "#fff"
    legend = page.text("#legend")
    assert all(word in legend for word in ("快报", "保密", "没有数据", "≈"))
    assert page.page.locator("td.hid").count() == 1
    page.page.evaluate(f"location.hash = '#zh/2025/{ROUNDED[0]}/{ROUNDED[1]}'")
    page.page.wait_for_function("document.getElementById('readout').textContent.includes('≈')")
    page.page.evaluate(f"location.hash = '#zh/2025/{NO_POPULATION[0]}/{NO_POPULATION[1]}'")
    page.page.wait_for_function(
        "document.getElementById('readout').textContent.includes('缺少该地区的分年龄人口')"
    )


def test_hash_round_trip(browser, opened):
    page = opened()
    page.page.click("#lang")
    page.page.click("#times button:has-text('2021')")
    page.page.click(".card >> nth=6")
    page.page.click(tile("632801"))
    page.page.click('#levels [data-level="prefecture"]')
    page.page.select_option("#compare", label="Delingha")
    address = page.page.evaluate("location.hash")
    again = opened(address)
    assert again.page.evaluate("location.hash") == address
    for part in ("#title", "#maptitle", "#countytitle", "#multiples", "#rank", "#matrix", "#times"):
        assert again.text(part) == page.text(part), part


@pytest.mark.parametrize(
    "fragment", ("#", "#xx/1/2/3/4/5", "#zh/2025/%E0%A4%A/%00", "#en/2099/I99/000000/county/county:1")
)
def test_nonsense_in_the_address_is_ignored(opened, fragment):
    assert opened(fragment).page.locator(".tile").count() == 45


def test_compare_two_counties(opened):
    page = opened("#zh/2025/I01/632722")
    paths = page.page.locator("#multiples path").count()
    page.page.select_option("#compare", label="城东区")
    assert page.page.locator("#multiples path").count() == paths + 21
    assert "紫线：城东区" in page.text("#countysub") and page.hash[5] == "county:630102"
    page.page.select_option("#county", label="玉树市")
    assert page.text("#countytitle").startswith("玉树市")


def test_prefectures_and_policy_areas(opened):
    page = opened("#zh/2025/I01")
    page.page.click('#levels [data-level="prefecture"]')
    assert page.page.locator(".rk").count() == 8 and page.page.locator("#matrix tbody tr").count() == 8
    page.page.click('#levels [data-level="set"]')
    assert page.page.locator(".rk").count() > 5 and "六州" in page.text("#rank")


def test_definition_on_demand(opened):
    page = opened("#zh/2025/I01/630102")
    assert not page.page.is_visible("#defbody")
    page.page.click("#def summary")
    told = page.text("#defbody")
    for word in ("公式", "分子", "分母", "目标", "T01", "T37", "I01.1", "来源", "规则", "÷ 3–5岁人口"):
        assert word in told, word


def test_revised_cell_leads_to_its_view(opened):
    page = opened()
    assert "修订 1 格" in page.text("#revhead")
    page.page.click("#rev summary")
    page.page.click("#revlist button")
    assert page.hash[1:4] == ["2024", "I07", "630102"]


def test_downloads_name_file_and_checksum(opened):
    page = opened()
    assert (
        page.page.get_attribute("#files a >> nth=0", "href")
        == "../parquet/indicator_value__region_year.parquet"
    )
    assert re.fullmatch(r"[0-9a-f]{64}", page.text("#files code >> nth=0"))


def test_csv_of_the_view(opened, tmp_path):
    page = opened("#zh/2025/I10")
    with page.page.expect_download() as download:
        page.page.click("#csv")
    download.value.save_as(tmp_path / "x.csv")
    raw = (tmp_path / "x.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = raw.decode("utf-8-sig").splitlines()
    assert len(lines) == 46 and next(x for x in lines if x.startswith(HIDDEN[1])).count("保密") == 1


@pytest.mark.parametrize("language", ("zh", "en"))
@pytest.mark.parametrize("kind", ("index", "evidence"))
def test_phone_without_sideways_scroll(opened, releases, language, kind):
    file = releases / "v2025.9.1/dashboard" / f"{kind}.html"
    page = opened(
        f"#{language}/2025/I10/632722/set/county:630102" if kind == "index" else "",
        file,
        width=390,
        height=844,
    )
    if kind == "evidence" and language == "en":
        page.page.click("#lang")
    for details in page.page.locator("details").all():
        details.evaluate("e => e.open = true")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.page.evaluate(
        "[...document.querySelectorAll('button,select')].filter(e => e.offsetParent && e.getBoundingClientRect().height < 24).length"
    )
    assert small == 0


def test_print_is_a4_landscape_and_short(opened, tmp_path):
    page = opened("#zh/2025/I01/632722")
    page.page.pdf(path=tmp_path / "x.pdf", prefer_css_page_size=True)
    raw = (tmp_path / "x.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", raw)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} == {(842, 595)}
    assert 2 <= len(re.findall(rb"/Type /Page\b", raw)) <= 5
    page.page.set_viewport_size({"width": 1050, "height": 720})  # A4 less its margins
    page.page.emulate_media(media="print")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 1050
    assert page.page.evaluate("getComputedStyle(document.getElementById('lang')).display") == "none"


@pytest.mark.parametrize("kind", ("index", "evidence"))
@pytest.mark.parametrize("language", ("zh", "en"))
def test_hostile_names_are_words(opened, hostile, kind, language):
    page = opened(f"#{language}" if kind == "index" else "", hostile / "dashboard" / f"{kind}.html")
    if kind == "evidence" and language == "en":
        page.page.click("#lang")
    for details in page.page.locator("details").all():
        details.evaluate("e => e.open = true")
    if kind == "index":
        page.page.click('#levels [data-level="set"]')
        page.page.hover(".rk >> nth=0")
    page.page.wait_for_timeout(100)
    assert page.page.evaluate("window.hacked") is None
    assert page.page.locator("img").count() == 0 and page.page.locator("script").count() == 2
    assert "<img src=x" in page.page.evaluate("document.body.innerText")


def test_every_control_has_a_name(opened):
    page = opened("#en/2025/I01")
    nameless = page.page.evaluate(
        "[...document.querySelectorAll('button,select,a[href],[role=button],[role=group],[role=region]')].filter(e => "
        "!(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.innerText || e.textContent || "
        "e.closest('label')?.innerText || '').trim()).length"
    )
    assert nameless == 0


def test_evidence_filter_and_link(opened, releases):
    file = releases / "v2025.9.1/dashboard/evidence.html"
    page = opened("#RS18", file)
    every = page.page.locator("tr[data-state]").count()
    assert every >= 111
    assert page.page.locator(".sum").count() == 5
    assert "发布门判定" in page.text("#RS18")
    page.page.click('#filters [data-state="pending"]')
    shown = page.page.locator("tr[data-state]")
    assert shown.count() == page.page.locator('tr[data-state="pending"]').count() < every
    assert "尚未接入" in shown.first.inner_text()
