"""How many messages a customer was sent in each week, and what else happened in it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from audit.events.messages import messages


@dataclass(frozen=True, slots=True)
class Week:
    """Distinct messages sent in the week that begins on `start` (a Monday, UTC), and the other kinds of events in it."""

    start: date
    messages: int
    kinds: tuple[str, ...] = ()


def weeks(events: pl.DataFrame, at: datetime, kinds: Iterable[str]) -> tuple[Week, ...]:
    """The weeks of one customer from the first message or event of `kinds` until `at`, none left out."""
    if events.is_empty():
        return ()
    week = pl.col("occurred_at").dt.truncate("1w").dt.date()
    sent = Counter(messages(events).filter("sent").select(week).to_series().to_list())
    occurred: dict[date, tuple[str, ...]] = {}
    for monday, kind in (
        events.filter(pl.col("kind").is_in(list(kinds))).select(week, "kind").unique().sort("kind").rows()
    ):
        occurred[monday] = (*occurred.get(monday, ()), kind)
    since = min({*sent, *occurred} or {at.date()})
    until = at.date() - timedelta(days=at.weekday())
    count = max((until - since).days // 7 + 1, 1)
    mondays = (since + timedelta(weeks=number) for number in range(count))
    return tuple(Week(monday, sent.get(monday, 0), occurred.get(monday, ())) for monday in mondays)
