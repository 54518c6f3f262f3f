"""The curve as something to draw: its lines, their intervals, the marks of its axis."""

from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.rules.model import from_dict
from audit.rules.replay import curve
from tests.audit.rules.build import act, cap, message
from tests.build import context, events

BOUGHT = [
    message("2026-01-05T10:00", message_id="m1", item_id="7"),
    message("2026-01-06T10:00", message_id="m2", item_id="7"),
    message("2026-01-07T10:00", message_id="m3", item_id="7"),
    message("2026-01-07T11:00", message_class="transactional"),
    act("message_clicked", "2026-01-05T11:00", message_id="m1"),
    act("message_clicked", "2026-01-07T11:00", message_id="m3"),
    act("order_completed", "2026-01-07T12:00", item_id="7"),
]


def drawn(history, rule, **over):
    frame = events(*history)
    sets = curve.variants([from_dict(rule)], rule["id"], **over)
    return curve.curve(
        curve.document(rule["id"], [point.totals() for point in curve.sweep(frame, sets, context(frame))])
    )


def test_the_lines_are_what_is_stopped_and_what_followed_on_it():
    shown = drawn(BOUGHT, cap(3, "7d"), limits=[1, 2, 3])
    assert (shown.by, shown.labels, shown.messages) == ("limit", ("1", "2", "3"), 4)
    stopped, clicks, orders = shown.series
    assert (stopped.counts, stopped.among) == ((2, 1, 0), (4, 4, 4))
    assert (clicks.counts, clicks.among) == ((1, 1, 0), (2, 2, 2))
    assert (orders.counts, orders.among) == ((1, 1, 0), (2, 2, 2))
    assert stopped.shares == (0.5, 0.25, 0.0)
    assert all(
        low <= at <= high for low, at, high in zip(stopped.low, stopped.shares, stopped.high, strict=True)
    )


def test_a_sweep_over_windows_is_labelled_by_them():
    shown = drawn(BOUGHT, cap(1, "7d"), windows=["1d", "7d"])
    assert (shown.by, shown.labels) == ("window", ("1d", "7d"))


@pytest.mark.parametrize(("over", "by"), [({"limits": [2]}, "limit"), ({"windows": ["7d"]}, "window")])
def test_a_curve_of_one_point_says_what_it_ran_over_where_that_can_be_told(over, by):
    rule = cap(3, "1d") if by == "limit" else {"id": "cap", "kind": "min_gap", "window": "1d"}
    assert drawn(BOUGHT, rule, **over).by == by


def test_what_the_data_never_holds_is_unknown_and_not_drawn():
    shown = drawn(BOUGHT[:4], cap(3, "7d"), limits=[1, 2])
    assert [one.known for one in shown.series] == [True, False, False]
    assert [one.id for one in shown.drawn] == ["stopped"]
    assert curve.sentences(shown) == [
        "Messages stopped: from 50.0 % (2 of 4) at limit 1 to 25.0 % (1 of 4) at 2.",
        "Responses lost: unknown, this data holds none.",
        "Orders lost: unknown, this data holds none.",
    ]


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (0.37, (0.0, 0.1, 0.2, 0.3, 0.4)),
        (0.021, (0.0, 0.005, 0.01, 0.015, 0.02, 0.025)),
        (0.96, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.0, (0.0, 1.0)),
    ],
)
def test_marks_are_round_numbers(highest, marks):
    assert curve.ticks(highest, most=1.0) == marks


@given(st.floats(1e-6, 1.0), st.integers(2, 12))
def test_marks_are_even_cover_what_is_drawn_and_are_about_as_many_as_asked_for(highest, about):
    marks = curve.ticks(highest, count=about)
    steps = [after - before for before, after in pairwise(marks)]
    assert marks[0] == 0
    assert all(isclose(step, steps[0], rel_tol=1e-6) for step in steps)
    assert marks[-2] < highest <= marks[-1] * (1 + 1e-9)
    assert about / 2 - 1 <= len(steps) <= about


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.25, 0.1, "25 %"), (0.0125, 0.0025, "1.25 %"), (0.5, 0.005, "50.0 %"), (None, 1, "unknown")],
)
def test_a_share_is_written_as_fine_as_its_marks(value, step, text):
    assert curve.percent(value, step=step) == text
