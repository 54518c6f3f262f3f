"""What the events are that a counterfactual leaves out, where they are many: by kind, what they share, how many, which."""

from collections.abc import Collection
from datetime import date
from typing import Literal

import polars as pl

from audit.events.document import Document
from audit.events.purchases import ORDER, ORDER_OF, without_undone
from audit.why.wording import kinds_in_words, messages_in_words, several

Which = Literal["all", "since", "until", "between", "but"]
Counted = Literal["events", "orders", "lines"]

FEW = 5
"""House value: so many events are named one by one; more of them are told by what they have in common, or not at all."""

_SHARED = ("campaign_name", "campaign_id", "item_name", "item_id", "category", "query")
"""What many events can have in common, the likeliest to be recognised first."""


class Limit(Document):
    """At most so many messages in so many days."""

    messages: int
    days: int


class RemovedEvents(Document):
    """Events of one kind among many that are left out, told by what they have in common."""

    kind: str
    called: str
    """What many of them are called, such as `mails`."""
    about: str | None
    """The campaign, item, category or search that all of them share."""
    count: int
    of: int
    """How many of that kind, about the same, stand among what the decision rests on, or in the history."""
    counted: Counted = "events"
    """What is counted: of orders that go as a whole the orders, of others their lines."""
    lines: int | None = None
    """How many lines the orders have, where those are more than the orders."""
    which: Which | Literal["beyond", "dearest", "named"] | None
    """Which of those: all; those since `first`, until `last`, or from one to the other; all but those of that time; those
    that a limit would have stopped; the dearest lines; the few that are `named`; null where no rule says it."""
    first: date
    last: date
    named: tuple[str, ...] = ()
    """Their event_ids, of orders their order_ids, where they are few and no rule says which they are."""
    worth: tuple[float, float] | None = None
    """Of the dearest lines: what they and what all of them come to."""
    limit: Limit | None = None

    @property
    def in_words(self) -> str:
        """`all 26 mails of “Kindle specials”`, `21 of 25 mails, those since 2026-05-03`."""
        number = (
            ("both" if self.count == 2 else f"all {self.count:,}")
            if self.count == self.of
            else f"{self.count:,} of {self.of:,}"
        )
        words = f"the {self.count:,} dearest of {self.of:,}" if self.which == "dearest" else number
        words = f"{words} {self.called}"
        if self.of == 1:
            words = "the one order" if self.counted == "orders" else f"{self.called}, of which there is one"
        lines = f" ({self.lines:,} lines)" if self.lines else ""
        return f"{words}{lines}{f' of “{self.about}”' if self.about else ''}{self._which_in_words}"

    @property
    def _which_in_words(self) -> str:
        limit, worth = self.limit or Limit(messages=0, days=0), self.worth or (0.0, 0.0)
        return {
            "all": "",
            "since": f", those since {self.first}",
            "until": f", those until {self.last}",
            "between": f", those from {self.first} to {self.last}",
            "but": f", all but those from {self.first} to {self.last}",
            "beyond": f", those that at most {limit.messages} in {several(limit.days, 'day')} would have stopped",
            "dearest": f" ({worth[0]:,.2f} of {worth[1]:,.2f})",
            "named": f", {' and '.join(filter(None, [', '.join(self.named[:-1]), *self.named[-1:]]))}",
        }.get(self.which or "all", "")


def by_kind(
    remove: Collection[str],
    events: pl.DataFrame,
    limit: Limit | None = None,
    rests_on: Collection[str] | None = None,
    *,
    by_worth: bool = False,
) -> tuple[RemovedEvents, ...]:
    """What the events `remove` of the history `events` are. `limit`: what would have stopped them, where they are messages;
    `rests_on`: the events that the decision rests on, where it is counted among them; `by_worth`: it goes by what they cost.
    """
    stands = without_undone(events)
    left_out = events.filter(pl.col("event_id").is_in(list(remove)))
    gone = left_out.join(stands, on="event_id", how="anti")
    stands = pl.concat([stands, gone]).sort("occurred_at", "event_id")
    left_out = stands.join(left_out, on="event_id", how="semi", maintain_order="left")
    if rests_on is not None and set(remove) <= set(rests_on):
        stands = stands.filter(pl.col("event_id").is_in(list(rests_on)))
    kinds = left_out["kind"].unique(maintain_order=True)
    return tuple(
        _removed(left_out.filter(kind=kind), stands.filter(kind=kind), limit, by_worth) for kind in kinds
    )


def is_everything(remove: Collection[str], events: pl.DataFrame) -> bool:
    """Whether of the history `events` nothing stands of the kinds of `remove` but those."""
    kinds = events.filter(pl.col("event_id").is_in(list(remove)))["kind"].unique()
    stands = without_undone(events).filter(pl.col("kind").is_in(kinds.implode()))
    return set(stands["event_id"]) <= set(remove)


def _removed(rows: pl.DataFrame, of_kind: pl.DataFrame, limit: Limit | None, by_worth: bool) -> RemovedEvents:
    """Events of one kind that are left out, of all of that kind: what they share, how many there are, and which.

    `limit`: what would have stopped them, where they are messages; `by_worth`: the dearest may go.
    """
    shared = next(
        (name for name in _SHARED if rows[name].null_count() == 0 and rows[name].n_unique() == 1), None
    )
    row = rows.row(0, named=True)
    like_them = of_kind if shared is None else of_kind.filter(pl.col(shared) == row[shared])
    counted = _counted(rows, of_kind)
    unit = ORDER_OF if counted == "orders" else pl.coalesce("message_id", "event_id")
    count = rows.select(unit.n_unique()).item()
    by_day, first, last = _which(rows["occurred_at"].dt.date(), like_them["occurred_at"].dt.date())
    beyond = by_day in {"but", None} and limit is not None and row["kind"] == "message_sent"
    worth = _dearest(rows, like_them) if by_day is None and by_worth else None
    named = _named(rows, counted) if by_day is None and worth is None and not beyond else ()
    other: Literal["beyond", "dearest", "named"] | None = (
        "beyond" if beyond else "dearest" if worth else "named" if named else None
    )
    return RemovedEvents(
        which=by_day if by_day is not None and not beyond else other,
        first=first,
        last=last,
        named=named,
        worth=worth,
        limit=limit if beyond else None,
        kind=row["kind"],
        called=_called(rows, counted),
        about=None if shared is None else row[shared],
        count=count,
        of=like_them.select(unit.n_unique()).item(),
        counted=counted,
        lines=rows.height if counted == "orders" and rows.height > count else None,
    )


def _dearest(rows: pl.DataFrame, of_kind: pl.DataFrame) -> tuple[float, float] | None:
    """What `rows` and all come to, where each of these lines of orders is dearer than every other; else None."""
    worth = (pl.col("quantity").fill_null(1.0) * pl.col("price")).cast(pl.Float64)
    rest = of_kind.join(rows, on="event_id", how="anti").drop_nulls("price")
    own: list[float | None] = rows.select(worth).to_series().to_list()
    others: list[float] = rest.select(worth).to_series().to_list()
    sums = [each for each in own if each is not None]
    if not others or len(sums) < len(own) or min(sums) < max(others):
        return None
    return sum(sums), sum(sums) + sum(others)


def _named(rows: pl.DataFrame, counted: Counted) -> tuple[str, ...]:
    """What `rows` are named by, orders by their order_ids, where they are few."""
    whole = counted == "orders" and rows["order_id"].null_count() == 0
    names = rows["order_id" if whole else "event_id"].unique(maintain_order=True)
    return tuple(names) if len(names) <= FEW else ()


def _counted(rows: pl.DataFrame, of_kind: pl.DataFrame) -> Counted:
    """What `rows`, of all `of_kind`, are counted in: orders of which all lines are among them, lines of orders, or events."""
    if rows["kind"][0] != ORDER:
        return "events"
    others = of_kind.join(rows, on="event_id", how="anti")
    is_part = rows.select(ORDER_OF.is_in(others.select(ORDER_OF).to_series().implode()).any()).item()
    return "lines" if is_part else "orders"


def _called(rows: pl.DataFrame, counted: Counted) -> str:
    """What many of `rows`, of one kind, are called."""
    if rows["kind"][0] == "message_sent":
        channels = set(rows["channel"])
        return messages_in_words(channels.pop() if len(channels) == 1 else None)
    return "order lines" if counted == "lines" else kinds_in_words([rows["kind"][0]])


def _which(days: pl.Series, all_days: pl.Series) -> tuple[Which | None, date, date]:
    """Which of the events on `all_days` (in order, the days of one again for each) those on `days` are, by their days; None
    where no such rule says it.
    """
    first, last, begin, end = days[0], days[-1], all_days[0], all_days[-1]
    within = all_days.filter(all_days.is_between(first, last))
    if len(days) == len(all_days):
        return "all", first, last
    if len(within) == len(days):
        ends: dict[tuple[bool, bool], Which] = {(False, True): "since", (True, False): "until"}
        return ends.get((first == begin, last == end), "between"), first, last
    others = all_days.filter(~all_days.is_in(days.implode()))
    if len(others) == len(all_days) - len(days) and not days.is_between(others[0], others[-1]).any():
        return "but", others[0], others[-1]
    return None, first, last
