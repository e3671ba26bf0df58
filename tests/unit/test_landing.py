"""Landing: what counts as a delivered file, and envelopes of every kind."""

import json

import pytest

from warehouse.config import load_settings
from warehouse.errors import UsageError
from warehouse.landing import (
    ENVELOPE,
    check_period,
    fingerprint,
    inventory,
    is_collected,
    mark_collected,
    periods_in_landing,
)

WHOLE = {
    "source": "population",
    "owner": "630000",
    "period": "2026-03",
    "as_of": "2026-03-01",
    "received_on": "2026-03-12",
    "sha256": "AB" * 32,
    "n_rows": 3,
    "preparer": "u.a",
    "reviewer": "u-b",
    "unit_head": "u_c",
    "sealed": True,
}


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path)


def _put(settings, name="a.csv", envelope=None, period="2026-03"):
    folder = settings.landing / "population" / period
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode())
    if envelope is not None:
        text = envelope if isinstance(envelope, str) else json.dumps(envelope)
        (folder / (name + ENVELOPE)).write_text(text)
    return folder / name


def _envelope(settings, **changed):
    _put(settings, envelope={**WHOLE, **changed})
    return inventory(settings, "population", "2026-03")[0].envelope


def test_a_whole_envelope(settings):
    found = _envelope(settings)
    assert found.sha256 == "ab" * 32
    assert (found.owner, found.n_rows, found.sealed, found.unreadable) == ("630000", 3, True, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner", "../../etc"),
        ("owner", 630000),
        ("owner", ""),
        ("period", "2026-13"),
        ("period", "202603"),
        ("as_of", "2026-02-30"),
        ("as_of", "2026年3月1日"),
        ("received_on", 20260312),
        ("sha256", "xyz"),
        ("n_rows", -1),
        ("n_rows", "3"),
        ("n_rows", True),
        ("n_rows", 3.0),
        ("preparer", "张三"),
        ("preparer", "a" * 41),
        ("reviewer", ["u"]),
    ],
)
def test_a_malformed_field_is_an_empty_field(settings, field, value):
    assert getattr(_envelope(settings, **{field: value}), field) is None


@pytest.mark.parametrize("value", [False, "true", 1, None])
def test_only_true_is_a_seal(settings, value):
    assert _envelope(settings, sealed=value).sealed is False


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, "\ufeff{}"])
def test_an_envelope_that_is_none(settings, text):
    _put(settings, envelope=text)
    delivery = inventory(settings, "population", "2026-03")[0]
    assert delivery.envelope.unreadable
    assert delivery.owner == "unknown"


def test_what_is_no_delivered_file(settings, tmp_path):
    file = _put(settings, envelope=WHOLE)
    for name in (".hidden.csv", "~$a.xlsx"):
        _put(settings, name)
    (file.parent / "folder").mkdir()
    (tmp_path / "elsewhere.csv").write_text("x")
    (file.parent / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert [d.file_name for d in inventory(settings, "population", "2026-03")] == ["a.csv"]


def test_the_same_content_of_another_slot_is_another_delivery(settings):
    _put(settings, envelope=WHOLE)
    first = inventory(settings, "population", "2026-03")[0]
    assert inventory(settings, "population", "2026-03")[0].delivery_id == first.delivery_id
    _put(settings, envelope={**WHOLE, "owner": "630102"})
    assert inventory(settings, "population", "2026-03")[0].delivery_id != first.delivery_id
    _put(settings, envelope={**WHOLE, "part": "2"})
    assert inventory(settings, "population", "2026-03")[0].delivery_id != first.delivery_id


@pytest.mark.parametrize("period", ["2026-3", "2026-00", "2026-13", "202603", "../x", "2026-03-01", ""])
def test_periods_are_months(settings, period):
    with pytest.raises(UsageError):
        check_period(period)


def test_an_unknown_source_is_a_usage_error(settings):
    with pytest.raises(UsageError):
        inventory(settings, "blood_groups", "2026-03")


def test_months_and_their_marks(settings):
    assert periods_in_landing(settings) == []
    _put(settings, period="2026-03")
    _put(settings, period="2025-12")
    (settings.landing / "population" / "notes").mkdir()
    assert periods_in_landing(settings) == ["2025-12", "2026-03"]
    assert not is_collected(settings, "2026-03")
    mark_collected(settings, "2026-03", fingerprint(settings, "2026-03"))
    assert is_collected(settings, "2026-03")
    _put(settings, "a.csv", envelope=WHOLE)
    assert not is_collected(settings, "2026-03")
