"""How many messages people get in a week, over all senders: a bar for so many, the weeks and the people in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from audit.events.messages import sent_messages

WEEKS = 52
"""House value: so many whole weeks before the moment are counted."""

EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 11, 15, 21)
"""House value: where the bars begin; each goes up to the next, the last has no end."""

_PARTS = 16
"""Customers are counted in so many parts, so that it can be told how far it is, and stopped."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`low` to `high` messages (None: no end): the weeks of people with so many, and the people whose heaviest week it was."""

    low: int
    high: int | None
    weeks: int
    people: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """`weeks` whole weeks from the Monday `first` on; those of a person count from the week they are first known in."""

    first: date
    weeks: int
    people: int
    messages: int
    bars: tuple[Bar, ...]

    @property
    def person_weeks(self) -> int:
        """The weeks of all people together."""
        return sum(bar.weeks for bar in self.bars)


def pressure(
    events: pl.DataFrame, at: datetime, progress: Callable[[int, int], None] = lambda *_: None
) -> Pressure:
    """Messages a person a week in the year before `at`, of whole customers. `progress` may raise to stop."""
    week = pl.col("occurred_at").dt.truncate("1w").dt.date().alias("week")
    end = at.date() - timedelta(days=at.weekday())
    beginning = events.select(week.min()).item() if events.height else None
    first = max(beginning or end, end - timedelta(weeks=WEEKS))
    inside = (pl.col("week") >= first) & (pl.col("week") < end)
    counted, people, weeks_of_people = [], 0, 0
    for part in range(_PARTS):
        theirs = events.filter(pl.col("customer_id").hash(seed=0) % _PARTS == part)
        known = theirs.group_by("customer_id").agg(week.min()).filter(pl.col("week") < end)
        people += known.height
        since = known.select(pl.max_horizontal("week", pl.lit(first)))["week"]
        weeks_of_people += sum((end - monday).days // 7 for monday in since)
        sent = sent_messages(theirs).select("customer_id", week).filter(inside)
        counted.append(sent.group_by("customer_id", "week").len("n"))
        progress(part + 1, _PARTS)
    heavy = pl.concat(counted)
    most = heavy.group_by("customer_id").agg(pl.col("n").max())
    idle = {"weeks": weeks_of_people - heavy.height, "people": people - most.height}
    bars = _bars(heavy["n"], most["n"], idle)
    return Pressure(first, (end - first).days // 7, people, int(heavy["n"].sum()), bars)


def _bars(weeks: pl.Series, people: pl.Series, idle: dict[str, int]) -> tuple[Bar, ...]:
    """The bars up to the last that is not empty; weeks and people without a message are in the first."""
    bars = []
    for low, after in zip(EDGES, (*EDGES[1:], None), strict=True):
        high = None if after is None else after - 1
        counts = [
            int(((series >= low) & (series <= high)).sum() if high is not None else (series >= low).sum())
            for series in (weeks, people)
        ]
        bars.append(Bar(low, high, *counts) if low else Bar(low, high, idle["weeks"], idle["people"]))
    while len(bars) > 1 and not bars[-1].weeks:
        bars.pop()
    return tuple(bars)
