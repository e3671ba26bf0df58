"""Six monthly releases of the same marts: nothing can be worked out from all of them together, and planted leaks are found."""

import pytest
from planted import LEAF, MARGIN, forge, in_lane, monthly, monthly_world, months, reveal, stage

from warehouse.auditor import audit_release


def published(folder, n, lane, **changes):
    """Successive releases of n months; each holds all months so far."""
    data = months(n, **changes)
    marts = [in_lane(monthly(c), lane) for c in (LEAF, MARGIN)]
    releases = []
    for k in range(1, n + 1):
        con = monthly_world(dict(list(data.items())[:k]))
        releases.append(stage(folder / f"r{k}", con, marts, list(releases)))
    return releases


@pytest.mark.parametrize("lane", ["round", "suppress"])
def test_six_months(tmp_path, lane):
    releases = published(tmp_path, 6, lane)
    for k in range(1, 7):
        found = audit_release(releases[k - 1], releases[: k - 1])
        assert found.problems == [] and found.cells > 20
        assert found.notes == []  # nothing was revised


def test_what_a_month_hid_does_not_come_back(tmp_path):
    """Within a term, a figure shown again is a close guess of what it was when it was hidden."""
    first, second = published(tmp_path, 2, "suppress")
    forge(
        second,
        "leaf",
        "UPDATE t SET n = 12, n_aided = 6, pct = 50, hidden_columns = NULL, cell_status = 'shown' "
        "WHERE (period, county, stage) = (SELECT ('2025-10', county, stage) FROM t WHERE period = '2025-09' AND n IS NULL LIMIT 1)",
    )
    assert any("hidden earlier in the term" in p for p in audit_release(second, [first]).problems)


def test_months_that_appear_together_hide_alike(tmp_path):
    """The first release may hold several months of a term."""
    marts = [in_lane(monthly(c), "suppress") for c in (LEAF, MARGIN)]
    root = stage(tmp_path / "r", monthly_world(months(4)), marts)
    assert audit_release(root).problems == []


@pytest.mark.parametrize("lane", ["round", "suppress"])
def test_a_correction_is_no_leak(tmp_path, lane):
    """A county is corrected by many persons: what changed is no knowledge any more, and the release passes."""
    marts = [in_lane(monthly(c), lane) for c in (LEAF, MARGIN)]
    first = stage(tmp_path / "a", monthly_world(months(2)), marts)
    second = stage(tmp_path / "b", monthly_world(months(2, late=(0, "c5", 60))), marts, [first])
    found = audit_release(second, [first])
    assert found.problems == [] and any("revised" in n for n in found.notes)


def test_a_correction_elsewhere_does_not_cover_a_leak(tmp_path):
    """An earlier release showed what this one hides, in a county that nobody corrected."""
    marts = [in_lane(monthly(c), "suppress") for c in (LEAF, MARGIN)]
    con = monthly_world(months(1))
    first = stage(tmp_path / "a", con, marts)
    second = stage(tmp_path / "b", monthly_world(months(1, late=(0, "c7", 60))), marts, [first])
    assert audit_release(second, [first]).problems == []
    reveal(first, con, "leaf", "t.county = 'c0'", ("n", "n_aided"))
    assert any("worked out" in p for p in audit_release(second, [first]).problems)
