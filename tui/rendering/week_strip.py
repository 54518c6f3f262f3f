"""A customer's weeks: a column a week, what was done above it, the cap as a line; each week in words, and all of them as text.

Drawn here and not by the plotting library: a column has to stand in exactly the cells of its signs, its month and its cursor,
and two lines have to be enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tui.rendering.charts import EIGHTHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tui.session.view_models import Week, WeeklyCap

WORDS = {"✕": "opted out", "●": "bought", "○": "viewed"}
"""Signs from the most to the least telling, and what they say. One cell shows one."""

OVER = "!"
"""More than the cap, where there is no room for its line."""

YEAR = 53
"""A year touches so many weeks."""

WIDEST = 3
"""Cells of the widest column."""

FULL = 4
"""House value: a full bar is at least so many messages a week, so that a quiet year looks quiet."""


@dataclass(frozen=True, slots=True)
class Column:
    """One week as drawn: its sign, and its bar from the top, each line in as many cells."""

    week: Week
    sign: str
    bar: tuple[str, ...]
    over: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """Columns of `cells` cells each, of `total` weeks; `first`: which week the first is; `line`: the row of bars that the cap tops."""

    columns: tuple[Column, ...]
    cells: int
    first: int
    total: int
    line: int | None


def draw(weeks: Sequence[Week], cap: WeeklyCap | None, width: int, height: int, at: Week | None) -> Strip:
    """The newest year that fits into `width` cells, or an older one that holds the week `at`; bars `height` cells tall."""
    number = max(0, min(len(weeks), YEAR, width))
    if not number:
        return Strip((), 1, 0, len(weeks), None)
    newest = len(weeks) - number
    first = newest if at is None else min(newest, weeks.index(at))
    shown = weeks[first : first + number]
    cells = min(WIDEST, width // number)
    full, line = _scale(max(week.messages for week in shown), cap, height)
    columns = []
    for week in shown:
        over = cap is not None and week.messages > cap.limit
        sign = next((sign for sign in WORDS if sign in week.signs), OVER if over and line is None else "")
        bar = _bar(week.messages, full, line, height, cells)
        columns.append(Column(week, sign.ljust(cells), bar, over))
    return Strip(tuple(columns), cells, first, len(weeks), line)


def _scale(tallest: int, cap: WeeklyCap | None, height: int) -> tuple[float, int | None]:
    """How many messages a full bar is, and which row (from below) the cap tops: the edge of a row is exactly the cap."""
    if cap is None or not cap.limit or height < 2 or tallest > cap.limit * height:
        return max(tallest, FULL), None
    rows = max(1, min(height - 1, cap.limit * height // max(tallest, 1)))
    return cap.limit * height / rows, rows - 1


def _bar(messages: int, full: float, line: int | None, height: int, cells: int) -> tuple[str, ...]:
    """One bar, from the top; a cell stays free between two where there is room for one."""
    eighths = max(1, round(messages / full * 8 * height)) if messages else 0
    drawn = cells - 1 if cells > 1 else cells
    rows = []
    for level in reversed(range(height)):
        bar, rest = EIGHTHS[max(0, min(8, eighths - 8 * level))], "▔" if level == line else " "
        rows.append((rest if bar == " " else bar) * drawn + rest * (cells - drawn))
    return tuple(rows)


def months(strip: Strip) -> str:
    """The line of months, each whole at its first Monday, the last one moved to where it has room; of January the year."""
    width = strip.cells * len(strip.columns)
    line = " " * width
    for number, column in enumerate(strip.columns):
        start = column.week.start
        name = f"{start:%Y}" if start.month == 1 else f"{start:%b}"
        at = min(number * strip.cells, width - len(name))
        if start.day <= 7 and at >= 0 and not line[max(at - 1, 0) : at + len(name)].strip():
            line = f"{line[:at]}{name}{line[at + len(name) :]}"
    return line


def in_words(week: Week, cap: WeeklyCap | None) -> tuple[str, ...]:
    """One week: how many messages, whether they reach above the line of the cap, and what was done."""
    mails = f"{week.messages} mail{'s' * (week.messages != 1)}" if week.messages else "no mail"
    above = cap is not None and week.messages > cap.limit
    return (
        mails,
        *((f"above {cap.limit}",) if cap is not None and above else ()),
        *(f"{sign} {word}" for sign, word in WORDS.items() if sign in week.signs),
    )


def lines(weeks: Sequence[Week], cap: WeeklyCap | None) -> Iterator[str]:
    """All weeks as text, newest first, a line a week; weeks in which nothing happened together in one."""
    if cap is not None:
        yield f"cap: {cap.limit} ({cap.rule} counts {cap.counts})"
    for quiet, group in groupby(reversed(weeks), key=lambda week: not week.messages and not week.signs):
        if quiet:
            count = len(list(group))
            yield f"{count} week{'s' * (count != 1)} without a mail"
        else:
            yield from (f"week of {week.start}: {', '.join(_plainly(week, cap))}" for week in group)


def _plainly(week: Week, cap: WeeklyCap | None) -> Iterator[str]:
    """As `in_words`, without signs."""
    return (part.lstrip("".join(WORDS)).strip() for part in in_words(week, cap))
