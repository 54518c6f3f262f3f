"""Numbers for a fleet's texts: made once, then read, and the totals are the same."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import WorkspaceError
from audit.events.purchases import unsettled
from audit.rules import kernel
from audit.rules.kernel import kernel_cache
from audit.rules.kernel.stored_encoding import StoredEncoding
from audit.rules.model import from_dict
from audit.rules.replay import curve, event_pruning, fleet, simulation
from audit.rules.replay.event_pruning import MissingColumn
from audit.storage import private_files
from tests.audit.rules.test_kernel import engaged
from tests.bench import differential
from tests.build import context

CAP = {"id": "cap", "kind": "frequency_cap", "limit": 2, "window": "3d"}


@pytest.fixture(autouse=True)
def _fleets_are_small(monkeypatch):
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)


def totals(frame, rules, place, *, rows=300, progress=None):
    """Of a replay that keeps numbers at `place`."""
    lazy = frame.lazy()
    return (
        fleet.simulate(lazy, rules, context(frame), numbers=place, progress=progress, rows=rows)
        .document()
        .to_json()
    )


def files(place):
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


@settings(max_examples=12)
@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32), st.sampled_from([1, 300, 100_000]))
def test_totals_with_numbers_are_those_without_for_the_rules_they_were_made_with_and_any_others(
    seed, another, rows
):
    frame, rules = engaged(seed)
    others = [rule for rule in differential.case(another, 1)[1] if not rule.reads_causes]
    with TemporaryDirectory() as folder:
        for replayed in (rules, rules, others):
            expected = simulation.simulate(frame, replayed, context(frame)).document().to_json()
            assert totals(frame, replayed, Path(folder), rows=rows) == expected


def test_numbers_appear_under_one_name(tmp_path):
    frame, rules = engaged(1)
    totals(frame, rules, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kernel_cache.NAME]


@pytest.mark.parametrize(
    "rule",
    [
        CAP,
        {**CAP, "per": ["campaign", "channel"], "except_topics": ["health"]},
        {**CAP, "window": "1d", "window_kind": "calendar"},
        {**CAP, "on_fail": "defer"},
        {**CAP, "customers": ["c1"]},
        {"id": "r", "kind": "consent"},
        {"id": "r", "kind": "sunset", "unengaged": 2},
        {"id": "r", "kind": "cooldown", "after": "order_completed", "window": "repurchase"},
        {"id": "r", "kind": "quiet_hours", "quiet": "21:00-08:00", "on_fail": "drop"},
    ],
    ids=str,
)
def test_once_there_are_numbers_only_what_rules_ask_for_row_by_row_is_read(tmp_path, rule):
    frame, _ = engaged(5)
    frame = frame.filter(~unsettled(frame))
    rules = [from_dict(rule)]
    expected = totals(frame, rules, tmp_path)
    few = event_pruning.by_row(rules)
    made = (
        fleet.simulate(frame.lazy().select(few), rules, context(frame), numbers=tmp_path).document().to_json()
    )
    assert made == expected
    assert "campaign_id" not in few


def test_what_is_stopped_half_way_leaves_no_numbers(tmp_path):
    frame, rules = engaged(1)

    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        totals(frame, rules, tmp_path, progress=stop, rows=10)
    assert files(tmp_path) == []


@pytest.mark.parametrize("failing", ["make", "write", "rename"])
def test_where_numbers_cannot_be_kept_it_is_gone_without(tmp_path, monkeypatch, failing):
    frame, rules = engaged(1)
    expected = simulation.simulate(frame, rules, context(frame)).document().to_json()
    place = tmp_path / "not there" if failing == "make" else tmp_path

    def full(*_):
        raise WorkspaceError("no room left on the disk")

    if failing == "write":
        monkeypatch.setattr(private_files, "reserve", full)
    elif failing == "rename":
        (tmp_path / kernel_cache.NAME).write_text("in the way")
    before = files(tmp_path)
    assert totals(frame, rules, place) == expected
    assert files(tmp_path) == before


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_numbers_that_cannot_be_read_are_gone_without_and_made_anew(tmp_path, damage):
    frame, rules = engaged(1)
    expected = totals(frame, rules, tmp_path)
    whole = files(tmp_path)
    rows = sorted((tmp_path / kernel_cache.NAME).glob("*.rows.parquet"))
    if damage == "gone":
        rows[-1].unlink()
    elif damage == "cut":
        rows[0].write_bytes(rows[0].read_bytes()[:20])
    else:
        rows[0].write_bytes(rows[-1].read_bytes())
    assert totals(frame, rules, tmp_path) == expected
    assert files(tmp_path) == []
    assert totals(frame, rules, tmp_path) == expected
    assert files(tmp_path) == whole


def test_a_damaged_list_of_parts_is_made_anew(tmp_path):
    frame, rules = engaged(1)
    expected = totals(frame, rules, tmp_path)
    whole = files(tmp_path)
    (tmp_path / kernel_cache.NAME / "heights.json").write_text("[1, ")
    (tmp_path / kernel_cache.NAME / "left over").touch()
    assert totals(frame, rules, tmp_path) == expected
    assert files(tmp_path) == whole


def test_numbers_are_private(tmp_path):
    frame, rules = engaged(1)
    totals(frame, rules, tmp_path)
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / kernel_cache.NAME).rglob("*")}
    assert modes == {0}


def test_numbers_written_are_those_read(tmp_path):
    frame, _ = engaged(4)
    made = StoredEncoding.of(frame.select(event_pruning.COLUMNS))
    made.write(tmp_path / "rows", tmp_path / "texts")
    found = StoredEncoding.read(tmp_path / "rows", tmp_path / "texts")
    for name in ("starts", "trait", "row", "flags"):
        assert getattr(made, name).tolist() == getattr(found, name).tolist(), name
        assert getattr(made, name).dtype == getattr(found, name).dtype, name
    assert made.examples.equals(found.examples)


def test_a_scan_of_fewer_events_than_there_are_numbers_is_not_cut():
    frame = pl.DataFrame({"n": range(10)}).lazy()
    assert [part.height for part in kernel_cache.cut(frame, [4, 6])] == [4, 6]
    assert pl.concat(kernel_cache.cut(frame, [1, 2, 7])).equals(frame.collect())
    with pytest.raises(MissingColumn):
        list(kernel_cache.cut(frame, [4, 7]))


@settings(max_examples=8)
@given(st.integers(0, 1 << 32), st.booleans(), st.booleans())
def test_a_curve_in_one_pass_is_its_replays_one_after_another(seed, by_window, fast):
    """Windows of a cooldown too, at one of which it waits for the re-purchase, which reads more than the others."""
    frame, rules = engaged(seed)
    waiting = from_dict(
        {"id": "w", "kind": "cooldown", "after": "order_completed", "same": "item", "window": "2d"}
    )
    over = {"windows": ["1d", "repurchase", "3d"]} if by_window else {"limits": [0, 3, 1]}
    sets = curve.variants([*rules, from_dict(CAP), waiting], "w" if by_window else "cap", **over)
    alone = [simulation.simulate(frame, rules, context(frame)).document().to_json() for rules in sets]
    with TemporaryDirectory() as folder, mock.patch.object(kernel, "installed", lambda: fast):
        for _ in range(1 + fast):  # the second time with numbers that are kept
            together = fleet.simulate_each(frame.lazy(), sets, context(frame), numbers=Path(folder), rows=300)
            assert [totals.document().to_json() for totals in together] == alone
