"""The curve in plain characters."""

from hypothesis import given
from hypothesis import strategies as st

from audit.rules.replay.curve import Curve, Series
from audit.rules.replay.outcomes import share
from tui.rendering.charts import SIGNS, draw_curve


def line(name, counts, among):
    made = [share(count, among) for count in counts]
    known = [tuple(getattr(one, key) for one in made) for key in ("rate", "low", "high")]
    return Series(name, name, tuple(counts), (among,) * len(counts), *known)


def test_a_chart_is_as_it_was_agreed():
    stopped, responses = line("stopped", (800, 400, 0), 1000), line("responses", (50, 10, 0), 100)
    shown = Curve(
        "cap", "limit", ("1", "2", "3"), 1000, 10, (stopped, responses, line("orders", (0, 0, 0), 0))
    )
    assert draw_curve(shown, width=40, height=8) == [
        "  100 % ┤",
        "        │   │",
        "   80 % ┤   ●",
        "   60 % ┤    │",
        "        │    ■",
        "   40 % ┤    │       ●",
        "   20 % ┤",
        "        │             ■",
        "    0 % ┼─────────────│───────●■────",
        "             1        2        3",
        "         limit   ● stopped   ■ responses   │ 95 %",
    ]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=100), st.integers(30, 120), st.integers(3, 20))
def test_every_point_that_is_shown_has_its_mark_inside_of_the_width(counts, width, height):
    shown = Curve("cap", "limit", tuple(map(str, range(len(counts)))), 50, 5, (line("stopped", counts, 50),))
    drawn = draw_curve(shown, width, height)
    chart = drawn[: height + 1]
    assert all(len(row) <= width for row in drawn[:-1])
    marked = sum(row.count(SIGNS["stopped"]) for row in chart)
    some = f"({marked} of {len(counts)} points)"
    assert marked == len(counts) or some in drawn[-1]
