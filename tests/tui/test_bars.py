"""A customer's weeks as columns: each in its own cells, a cap where it belongs, the truth about how many are shown."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tui.rendering import week_strip
from tui.rendering.charts import bar, sparkline
from tui.session.view_models import Week, WeeklyCap

CAP = WeeklyCap("email-weekly-cap", 3, "email, marketing")


def weeks(*messages: int, signs: str = "") -> list[Week]:
    return [Week(date(2026, 1, 5) + timedelta(weeks=at), count, signs) for at, count in enumerate(messages)]


def bars(made: week_strip.Strip) -> list[str]:
    return [
        "".join(column.bar[level] for column in made.columns) for level in range(len(made.columns[0].bar))
    ]


MONTHS = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=200),
    st.integers(1, 160),
    st.integers(1, 4),
    st.booleans(),
)
def test_every_week_has_cells_of_its_own_and_all_as_many(counts, width, height, capped) -> None:
    history = weeks(*counts)
    made = week_strip.draw(history, CAP if capped else None, width, height, None)
    assert [column.week for column in made.columns] == history[-len(made.columns) :]
    assert len(made.columns) == min(len(counts), 53, width)
    assert {len(part) for column in made.columns for part in (column.sign, *column.bar)} == {made.cells}
    assert made.cells * len(made.columns) <= width
    assert len(week_strip.months(made)) == made.cells * len(made.columns)
    assert set(week_strip.months(made).split()) <= MONTHS | {f"{week.start:%Y}" for week in history}, (
        "a month is whole or not there"
    )
    drawn = "".join(bars(made))
    assert (drawn.strip("▔ ") == "") == (not any(column.week.messages for column in made.columns))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=53), st.integers(2, 6))
def test_a_bar_reaches_above_the_line_of_the_cap_exactly_where_the_week_does(counts, height) -> None:
    made = week_strip.draw(weeks(*counts), CAP, 60, height, None)
    for column in made.columns:
        above = column.bar[: height - 1 - made.line] if made.line is not None else ()
        assert column.over == (column.week.messages > CAP.limit)
        if made.line is not None:
            assert column.over == any(part.strip("▔ ") for part in above)
            assert (column.week.messages >= CAP.limit) == (column.bar[height - 1 - made.line][0] == "█")


def test_a_year_is_shown_and_an_older_week_brings_its_own() -> None:
    history = weeks(*range(100))
    assert [column.week for column in week_strip.draw(history, None, 80, 1, None).columns] == history[47:]
    older = week_strip.draw(history, None, 80, 1, history[10])
    assert (older.columns[0].week, len(older.columns), older.total) == (history[10], 53, 100)


def test_a_week_with_one_message_never_looks_empty_and_a_week_without_never_looks_full() -> None:
    assert bars(week_strip.draw(weeks(1, 0, 100), None, 3, 1, None)) == ["▁ █"]


def test_a_quiet_year_looks_quiet() -> None:
    assert bars(week_strip.draw(weeks(1, 1), None, 2, 1, None)) == ["▂▂"]


def test_of_several_signs_the_opt_out_is_told_and_more_than_the_cap_where_no_line_has_room() -> None:
    assert week_strip.draw(weeks(1, signs="○●✕"), None, 1, 1, None).columns[0].sign == "✕"
    assert week_strip.draw(weeks(4), CAP, 1, 1, None).columns[0].sign == "!"
    assert week_strip.draw(weeks(4), CAP, 1, 2, None).columns[0].sign == " "


def test_no_weeks_are_no_lines() -> None:
    assert week_strip.draw([], None, 10, 1, None).columns == ()


def test_the_weeks_as_text_say_what_the_columns_show() -> None:
    history = [*weeks(4, signs="✕●"), *(Week(date(2026, 1, 12) + timedelta(weeks=at), 0) for at in range(2))]
    assert list(week_strip.lines(history, CAP)) == [
        "cap: 3 (email-weekly-cap counts email, marketing)",
        "2 weeks without a mail",
        "week of 2026-01-05: 4 mails, above 3, opted out, bought",
    ]


def test_a_curve_shows_every_count_that_is_not_nothing() -> None:
    assert sparkline([0, 1, 50, 100]) == " ▁▄█"
    assert sparkline([0, 0]) == "  "
    assert [bar(count, 100, width=4) for count in (0, 1, 50, 100)] == ["", "▏", "██", "████"]
    assert bar(0, 0) == ""
