"""Messages out of events: rows are not messages, so everything that counts messages counts these."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from audit.events.vocabulary import COMPLAINT, KEY, OPT_INS, is_human_expr, says_no_expr, with_addresses

_RANK = {"message_sent": 0, "message_suppressed": 1, "message_attempted": 2}


def sent_messages(events: pl.DataFrame) -> pl.DataFrame:
    """The messages that were sent, once a customer and message: their first `message_sent` rows, in `ORDER`.

    Added column: `message_key`.
    """
    rows = events.filter(pl.col("kind") == "message_sent").with_columns(KEY)
    if rows["message_key"].n_unique() == rows.height:  # as in most logs, and much faster to find out
        return rows
    return rows.unique(("customer_id", "message_key"), keep="first", maintain_order=True)


def messages(events: pl.DataFrame) -> pl.DataFrame:
    """One row for each message of each customer in `events` (whole customers, in order).

    A message is what has a sent, suppressed or attempted event. Its standing row is its first
    `message_sent` row in order `(occurred_at, event_id)`, else its first suppressed, else its first
    attempted one; all columns of that row are kept. Added columns:

    - `message_key`: message_id, else `event:` and the event_id;
    - `sent, suppressed, attempted, delivered, bounced, complained` (bool): has such an event;
    - `opened, clicked` (bool): has such an event not marked machine; `machine_opened`: one marked so;
    - `opened_at, clicked_at` (µs, UTC): the first human one.

    In order `(customer_id, occurred_at, event_id)`.
    """
    rows = _keyed(events)
    standing_rows = (
        rows.filter(pl.col("kind").is_in(list(_RANK)))
        .with_columns(pl.col("kind").replace_strict(_RANK, return_dtype=pl.Int8).alias("_rank"))
        .sort("customer_id", "message_key", "_rank", "occurred_at", "event_id")
        .unique(("customer_id", "message_key"), keep="first", maintain_order=True)
        .drop("_rank")
    )
    return standing_rows.join(_outcomes(rows), on=("customer_id", "message_key"), how="left").sort(
        "customer_id", "occurred_at", "event_id"
    )


def message_counts(events: pl.DataFrame) -> pl.DataFrame:
    """How many `messages` each customer has: `customer_id, messages`, without those who have none, in no order."""
    rows = events.filter(pl.col("kind").is_in(list(_RANK))).select("customer_id", KEY)
    return rows.unique().group_by("customer_id").agg(pl.len().alias("messages"))


def outcomes(events: pl.DataFrame) -> pl.DataFrame:
    """What became of each message, `customer_id, message_key` and the added columns of `messages`: in no order."""
    return _outcomes(
        _keyed(events.select("customer_id", "event_id", "occurred_at", "kind", "message_id", "machine"))
    )


def _keyed(events: pl.DataFrame) -> pl.DataFrame:
    """The rows of messages, with `message_key`."""
    return events.filter(pl.col("kind").str.starts_with("message_")).with_columns(KEY)


def _outcomes(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("customer_id", "message_key").agg(
        *(_has(f"message_{name}").alias(name) for name in _PLAIN_FLAGS),
        (_is("opened") & is_human_expr()).any().alias("opened"),
        (_is("clicked") & is_human_expr()).any().alias("clicked"),
        (_is("opened") & ~is_human_expr()).any().alias("machine_opened"),
        pl.col("occurred_at").filter(_is("opened") & is_human_expr()).min().alias("opened_at"),
        pl.col("occurred_at").filter(_is("clicked") & is_human_expr()).min().alias("clicked_at"),
    )


def orphans(events: pl.DataFrame) -> pl.DataFrame:
    """Engagement whose message was never seen as sent, suppressed or attempted: one row a message.

    Columns `customer_id, message_key`.
    """
    engagement = (
        "message_delivered",
        "message_opened",
        "message_clicked",
        "message_bounced",
        "message_complained",
    )
    keyed = events.with_columns(KEY)
    recorded = keyed.filter(pl.col("kind").is_in(list(_RANK))).select("customer_id", "message_key")
    return (
        keyed.filter(pl.col("kind").is_in(engagement))
        .select("customer_id", "message_key")
        .unique(maintain_order=True)
        .join(recorded, on=("customer_id", "message_key"), how="anti", maintain_order="left")
    )


_PLAIN_FLAGS = ("sent", "suppressed", "attempted", "delivered", "bounced", "complained")


def _is(act: str) -> pl.Expr:
    return pl.col("kind") == f"message_{act}"


def _has(kind: str) -> pl.Expr:
    return (pl.col("kind") == kind).any()


def said(events: pl.LazyFrame) -> pl.DataFrame:
    """Every no and yes to messages, of as many columns as `events`; a complaint goes by the channel and sender of its message."""
    acts = events.filter(says_no_expr() | pl.col("kind").is_in(OPT_INS)).collect()
    about = acts.filter(kind=COMPLAINT).select("customer_id", "message_id").drop_nulls().unique()
    if about.is_empty():
        return with_addresses(acts, sent_messages(acts))
    of_them = (pl.col("kind") == "message_sent") & pl.col("message_id").is_in(about["message_id"].implode())
    return with_addresses(acts, sent_messages(events.filter(of_them).collect()))


# -- week by week --------------------------------------------------------------------------------------------------


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
