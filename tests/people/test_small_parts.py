"""Masks, interval, and the registry of persons."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.unit.test_mini_province_data import Province, empty_province, fill
from warehouse.errors import UsageError
from warehouse.people import quality, registry
from warehouse.people.explain import mask_id, mask_name


def test_masks_show_ends_and_differing_places_only() -> None:
    one, other = "630105201205176513", "630105201205716513"
    assert mask_id(one, one) == "630105********6513"
    assert mask_id(one, other) == "630105********6513 ≠ 13,14"
    assert "20120517" not in mask_id(one, other)
    assert mask_name("王小明") == "王**" and mask_name(None) == "（无）"


def test_wilson_interval_against_published_values() -> None:
    # 0 errors in 500 and in 3 000 (study of this design): lower bounds 0.9924 and 0.9987
    assert quality.wilson(500, 500)[0] == pytest.approx(0.9924, abs=1e-4)
    assert quality.wilson(3000, 3000)[0] == pytest.approx(0.9987, abs=1e-4)
    assert quality.wilson(0, 0) == (0.0, 1.0)


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    with empty_province(tmp_path) as made:
        fill(made)
        made.run()
        yield made


def _two(p: Province) -> tuple[UUID, UUID]:
    rows = p.session.rows("SELECT profile FROM core.person_link__history ORDER BY seq LIMIT 2")
    return rows[0][0], rows[1][0]


def test_merge_is_a_redirect_and_split_gives_a_new_person(province: Province) -> None:
    s = province.session
    one, other = _two(province)
    before = s.value("SELECT count(*) FROM core.person_link__history")
    survivor = registry.merge(s, registry.person_of(s, one), registry.person_of(s, other), "u-1", "同一人")
    assert registry.person_of(s, one) == registry.person_of(s, other) == survivor
    assert s.value("SELECT count(*) FROM core.person_link__history") == before
    made = registry.split(s, [other], "u-1", "误并")
    assert registry.person_of(s, other) == made != registry.person_of(s, one)
    assert s.rows("SELECT event FROM ops.ledger__event ORDER BY seq DESC LIMIT 4")[::-1] == [
        ("person_decision",),
        ("person_merged",),
        ("person_split",),
        ("person_decision",),
    ]
    assert s.value("SELECT count(*) FROM core.person_link__history WHERE profile = ?", [other]) == 2


def test_merge_of_a_merged_person_keeps_redirects_one_step_long(province: Province) -> None:
    s = province.session
    a, b, c = (r[0] for r in s.rows("SELECT person_id FROM core.person_link__history ORDER BY seq LIMIT 3"))
    registry.merge(s, b, c, "u-1", "x")
    registry.merge(s, a, b, "u-1", "x")
    assert len({registry.person_of(s, p) for p in (a, b, c)}) == 1
    assert (
        s.value(
            "SELECT count(*) FROM core.person__id x JOIN core.person__id y ON y.person_id = x.merged_into WHERE y.merged_into IS NOT NULL"
        )
        == 0
    )
    with pytest.raises(UsageError):
        registry.merge(s, a, a, "u-1", "x")


def test_a_merge_can_be_taken_back_and_what_came_along_goes_back_too(province: Province) -> None:
    s = province.session
    a, b, c = (r[0] for r in s.rows("SELECT person_id FROM core.person__id ORDER BY 1 LIMIT 3"))
    first = dict(s.rows("SELECT profile, person_id FROM core.person_link__link WHERE is_current"))
    middle = registry.merge(s, b, c, "u-1", "x")
    gone = registry.merge(s, a, middle, "u-1", "x")
    other = ({a, middle} - {gone}).pop()
    assert registry.unmerge(s, other, "u-1", "误并") == gone
    if other == middle:  # the person that had come along with it points to it again
        assert (
            s.value(
                "SELECT merged_into FROM core.person__id WHERE person_id = ?", [({b, c} - {middle}).pop()]
            )
            == middle
        )
    registry.unmerge(s, ({b, c} - {middle}).pop(), "u-1", "误并")
    assert (
        s.value("SELECT count(*) FROM core.person__id WHERE merged_into IS NOT NULL OR status <> 'active'")
        == 0
    )
    assert {p: registry.person_of(s, p) for p in first} == first
    with pytest.raises(UsageError):
        registry.unmerge(s, a, "u-1", "x")
    # the decisions say so too, for the next load
    assert (
        s.rows("SELECT verdict FROM core.person_decision__pair ORDER BY seq")
        == [("same",)] * 2 + [("different",)] * 2
    )


def test_a_decision_is_recorded_and_applied(province: Province) -> None:
    s = province.session
    one, other = _two(province)
    registry.decide(s, one, other, "same", "u-1", "户口簿")
    assert registry.person_of(s, one) == registry.person_of(s, other)
    registry.decide(s, one, other, "different", "u-2", "核实")
    assert registry.person_of(s, one) != registry.person_of(s, other)
    assert s.value("SELECT count(*) FROM core.person_decision__pair") == 2
    with pytest.raises(UsageError):
        registry.decide(s, one, other, "maybe", "u-1", "x")


def test_the_paper_of_a_release_counts_and_names_nobody(province: Province) -> None:
    s = province.session
    quality.draw(s, "2026", 3)
    s.execute(
        "INSERT INTO core.person_review__pair VALUES (uuid(), 'unsure', uuid(), uuid(), 0.7, '{}', 'p', '2025-09')"
    )
    s.execute("INSERT INTO core.person_error__facet VALUES ('2025-09', 'all', 'all', 10, 1, 12)")
    paper = quality.paper(s, "2025-09")
    records = s.value("SELECT count(*) FROM core.person__record WHERE period = '2025-09'")
    assert sum(row["records"] for row in paper["links"]) == records > 0
    assert paper["review"] == [{"kind": "unsure", "opened": 1, "decided": 0}]
    assert paper["sample_truth"] == [{"facet": "all", "value": "all", "found": 10, "wrong": 1, "true": 12}]
    assert paper["clerical"]["2026"][-1]["judged"] == 0 and paper["clerical"]["2026"][-1]["high"] == 1
    people = {str(r[0]) for r in s.rows("SELECT person_id FROM core.person__id")}
    assert not any(p in json.dumps(paper) for p in people)


def test_yearly_sample_and_report(province: Province) -> None:
    s = province.session
    assert quality.draw(s, "2026", 5) == 5
    links = [r[0] for r in s.rows("SELECT link_id::VARCHAR FROM core.person_quality__record ORDER BY 1")]
    for link in links[:4]:
        quality.record(s, "2026", link, "right", "u-1")
    quality.record(s, "2026", links[4], "wrong", "u-1")
    row = quality.report(s, "2026")[-1]
    assert (row["tier"], row["judged"], row["right"], row["precision"]) == ("all", 5, 4, 0.8)
    with pytest.raises(UsageError):
        quality.draw(s, "2026", 5)
