"""Messages a week as bars: every cell used, the newest weeks kept, the truth about how many are shown."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tui.rendering.charts import bar, draw_weeks, sparkline
from tui.session.view_models import Week


def weeks(*messages: int, signs: str = "") -> list[Week]:
    return [Week(date(2026, 1, 5) + timedelta(weeks=at), count, signs) for at, count in enumerate(messages)]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 160), st.integers(1, 4))
def test_every_line_is_as_wide_as_there_is_room(counts: list[int], width: int, height: int) -> None:
    made = draw_weeks(weeks(*counts), width, height)
    assert {len(made.signs), *(len(row) for row in made.bars)} == {width}
    assert made.shown == min(len(counts), width)
    assert made.total == len(counts)


def test_the_newest_weeks_are_kept_when_not_all_fit() -> None:
    made = draw_weeks(weeks(9, 9, 0, 0, 9), 3)
    assert (made.bars, made.shown, made.total) == (("  █",), 3, 5)


def test_a_week_with_one_message_never_looks_empty_and_a_week_without_never_looks_full() -> None:
    made = draw_weeks(weeks(1, 0, 100), 3)
    assert made.bars == ("▁ █",)


def test_a_quiet_year_looks_quiet() -> None:
    assert draw_weeks(weeks(1, 1), 2).bars == ("▂▂",)


def test_of_several_signs_the_opt_out_is_told() -> None:
    assert draw_weeks(weeks(1, signs="○●✕"), 1).signs == "✕"


def test_no_weeks_are_no_lines() -> None:
    made = draw_weeks([], 10)
    assert (made.shown, made.tallest, made.signs) == (0, 0, "")


def test_a_curve_shows_every_count_that_is_not_nothing() -> None:
    assert sparkline([0, 1, 50, 100]) == " ▁▄█"
    assert sparkline([0, 0]) == "  "
    assert [bar(count, 100, width=4) for count in (0, 1, 50, 100)] == ["", "▏", "██", "████"]
    assert bar(0, 0) == ""
