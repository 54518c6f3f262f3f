"""The curve: every point is the replay with that rule changed, and slips are named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError, NotFoundError
from audit.rules.model import from_dict
from audit.rules.replay import curve as sweep
from audit.rules.replay import simulation
from tests.audit.rules.build import cap, message
from tests.audit.rules.test_properties import caps, rows
from tests.build import context, events

WEEK = [message(f"2026-01-0{day}T{hour}:00") for day in (5, 6, 7) for hour in (10, 14)]
GAP = {"id": "gap", "kind": "min_gap", "window": "1h"}


def swept(history, documents, rule_id, **over):
    frame = events(*history)
    sets = sweep.variants([from_dict(one) for one in documents], rule_id, **over)
    return sweep.sweep(frame, sets, context(frame))


def simulated(history, *documents):
    frame = events(*history)
    return simulation.simulate(frame, [from_dict(one) for one in documents], context(frame))


@settings(max_examples=25, deadline=None)
@given(rows.filter(bool), caps, caps, st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True))
def test_each_point_is_the_replay_with_that_limit(history, rule, other, limits):
    other = {**other, "id": "other"}
    for limit, point in zip(limits, swept(history, [other, rule], "cap", limits=limits), strict=True):
        alone = simulated(history, other, {**rule, "limit": limit})
        assert point.decisions.equals(alone.decisions)
        told = alone.document().to_json()
        del told["schema"], told["rules"], told["same_address"]  # of the workspace, not of a replay
        drawn = sweep.document("cap", [point.totals()]).points[0].to_json()
        assert drawn == {"limit": limit, "window": rule["window"], **told}


@settings(max_examples=25, deadline=None)
@given(rows.filter(bool), caps, st.lists(st.sampled_from(("6h", "1d", "7d")), min_size=1, unique=True))
def test_each_point_is_the_replay_with_that_window(history, rule, windows):
    for window, point in zip(windows, swept(history, [rule, GAP], "cap", windows=windows), strict=True):
        alone = simulated(history, {**rule, "window": window}, GAP)
        assert point.decisions.equals(alone.decisions)


def test_a_cooldown_is_swept_up_to_the_re_purchase():
    bought = [
        {"kind": "order_completed", "at": f"2026-0{month}-01T10:00", "item_id": "7"} for month in (1, 2)
    ]
    history = [*bought, *(message(f"2026-02-{day}T10:00", item_id="7") for day in (10, 25))]
    rule = {"id": "r", "kind": "cooldown", "after": "order_completed", "same": "item", "window": "1d"}
    points = swept(history, [rule], "r", windows=["10d", "repurchase"])
    assert [point.document().stopped for point in points] == [1, 2]


def test_a_rule_that_is_switched_off_is_swept_as_if_it_were_on():
    (point,) = swept(WEEK, [cap(3, "7d", enabled=False)], "cap", limits=[2])
    assert point.document().stopped == 4


def test_progress_counts_every_point_and_may_stop_the_work():
    frame = events(*WEEK, message("2026-01-05T10:00", customer_id="c_2"))
    sets = sweep.variants([from_dict(cap(3, "7d"))], "cap", limits=[1, 2])
    told = []
    sweep.sweep(frame, sets, context(frame), progress=lambda done, of: told.append((done, of)))
    assert told == [(12, 14), (14, 14)]

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(frame, sets, context(frame), progress=stop)


def test_a_history_without_a_message_is_a_flat_curve():
    points = swept([{"kind": "product_viewed", "at": "2026-01-05"}], [cap(3, "7d")], "cap", limits=[1, 2])
    assert [point.document().to_json()["messages"] for point in points] == [0, 0]


@pytest.mark.parametrize(
    ("text", "limits"), [("1..4", [1, 2, 3, 4]), ("0..0", [0]), ("5,1,5", [5, 1]), (" 2 , 3 ", [2, 3])]
)
def test_limits_are_a_range_or_a_list(text, limits):
    assert sweep.limits(text) == limits


@pytest.mark.parametrize("text", ["", "4..1", "a", "1..b", "-1", "1,,2", "1..100000", "1...3"])
def test_what_is_no_range_of_limits_is_refused(text):
    with pytest.raises(InputError):
        sweep.limits(text)


@pytest.mark.parametrize(
    ("rule", "over", "said"),
    [
        (cap(3, "7d"), {}, "one thing"),
        (cap(3, "7d"), {"limits": [1], "windows": ["1d"]}, "one thing"),
        (cap(3, "7d"), {"windows": ["1mo"]}, "calendar window"),
        (cap(3, "7d"), {"windows": ["soon"]}, "no duration"),
        (cap(3, "1d", window_kind="calendar"), {"windows": ["3d"]}, "no calendar window"),
        ({**GAP, "id": "cap"}, {"limits": [1]}, "limit: min_gap does not use it"),
        ({"id": "cap", "kind": "mute"}, {"windows": ["1d"]}, "window: mute does not use it"),
        (cap(3, "7d", declared=True), {"limits": [1]}, "declared"),
    ],
)
def test_a_point_that_cannot_be_is_refused_with_its_key(rule, over, said):
    with pytest.raises(InputError, match=said):
        sweep.variants([from_dict(rule)], "cap", **over)


def test_a_rule_that_is_not_there_is_named():
    with pytest.raises(NotFoundError, match="'nix'"):
        sweep.variants([from_dict(cap(3, "7d"))], "nix", limits=[1])
