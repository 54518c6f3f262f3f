"""What every check looks at: whole customers' events, the messages that count, and what is known beside them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import cast

import polars as pl

from audit.events import sensitive_topics
from audit.events.messages import outcomes, sent_messages
from audit.events.purchases import ORDER as ORDERED
from audit.events.purchases import TAKEN_BACK, still_bought_expr, with_return
from audit.events.scanners import with_scanner
from audit.events.schema import BEHAVIOUR, first_levels
from audit.events.vocabulary import (
    KEY,
    NOES,
    OPT_INS,
    comes_before_expr,
    is_marketing_expr,
    says_no_expr,
    with_addresses,
)
from audit.flows.campaign_map import with_entries
from audit.workspace.context import Context

_COLUMNS = (
    "event_id", "customer_id", "occurred_at", "kind", "channel", "message_id", "campaign_id", "reason", "item_id",
    "item_name", "category", "topics", "order_id", "segment_id", "persona", "recipient", "gift", "source", "sender",
    "list_id", "machine", "recorded_at",
    "quantity", "price",
)  # fmt: skip
"""The columns that checks read of events other than messages; the rest, mostly wide text, is never copied."""

_ACT_COLUMNS = (
    "event_id", "customer_id", "occurred_at", "kind", "item_id", "category", "order_id", "topics", "query", "persona", "recipient",
    "gift", "source", "device_id",
)  # fmt: skip

_MESSAGE = ("customer_id", "message_key")

ORDER = ("occurred_at", "event_id")
"""What orders the events of one customer."""


@dataclass(frozen=True)
class CheckContext:
    """Whole customers that are checked; what several checks need is worked out once.

    `events`: canonical, in order, none later than `population.at`. `population`: the moment asked about, what all
    customers together say, the campaign map and the declared rules.
    """

    events: pl.DataFrame
    population: Context

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of event that there are."""
        return frozenset(self.events["kind"].unique())

    @cached_property
    def messages(self) -> pl.DataFrame:
        """The messages that were sent, of every class, as `audit.events.messages.sent_messages` gives them."""
        return sent_messages(self.events)

    @cached_property
    def outcomes(self) -> pl.DataFrame:
        """What became of each message, as `audit.events.messages.outcomes` gives it."""
        return outcomes(self.events)

    @cached_property
    def mailings(self) -> pl.DataFrame:
        """The marketing messages that were sent; a message without a class counts as marketing.

        Added: `known_trigger`, what the sender states, else what the campaign map says of the campaign.
        """
        marketing = self.messages.filter(is_marketing_expr())
        entries = self.population.campaigns
        triggers = entries.with_row_index("_entry").select("_entry", pl.col("trigger").alias("_mapped"))
        return (
            with_entries(marketing.lazy(), entries)
            .join(triggers.lazy(), on="_entry", how="left", maintain_order="left")
            .with_columns(pl.coalesce("trigger", "_mapped").alias("known_trigger"))
            .drop("_entry", "_mapped", "_by_id")
            .collect()
        )

    @cached_property
    def contacts(self) -> pl.DataFrame:
        """The marketing messages that reached the customers by any log: the `mailings`, and those only a mailbox shows."""
        received = self.events.filter((pl.col("kind") == "message_received") & is_marketing_expr())
        one_each = received.with_columns(KEY).unique(_MESSAGE, keep="first", maintain_order=True)
        unlogged = one_each.join(self.messages, on=_MESSAGE, how="anti", maintain_order="left")
        if unlogged.is_empty():
            return self.mailings
        return pl.concat([self.mailings, unlogged], how="diagonal").sort("customer_id", *ORDER)

    @cached_property
    def acts(self) -> pl.DataFrame:
        """What the customers did themselves, with `sensitive`: the topic of the sensitive map it touches."""
        acts = self.events.select(_ACT_COLUMNS).filter(
            pl.col("kind").is_in(BEHAVIOUR),
            ~pl.col("source").is_in(["inferred", "third_party"]).fill_null(value=False),
        )
        acts = with_topic_of(acts, "category", sensitive_topics.of_category, "_category")
        acts = with_topic_of(acts, "query", sensitive_topics.of_query, "_query")
        topic = pl.coalesce("_category", "_query", sensitive_topics.of_topics(pl.col("topics")))
        return acts.with_columns(topic.alias("sensitive")).drop("_category", "_query")

    @cached_property
    def segments(self) -> pl.DataFrame:
        """The segments the source logged: the first row of each customer and segment, with `sensitive`."""
        logged = self.of_kind("segment_entered", "segment_snapshot").drop_nulls("segment_id")
        rows = logged.unique(("customer_id", "segment_id"), keep="first", maintain_order=True)
        rows = with_topic_of(rows, "segment_id", sensitive_topics.of_segment, "_segment")
        rows = with_topic_of(rows, "category", sensitive_topics.of_category, "_category")
        topic = pl.coalesce(sensitive_topics.of_topics(pl.col("topics")), "_segment", "_category")
        return rows.with_columns(topic.alias("sensitive")).drop("_segment", "_category")

    @cached_property
    def said(self) -> pl.DataFrame:
        """The noes and yeses, complaints addressed as `vocabulary.with_addresses` does, with `scanner`: a machine may have
        said it rather than the customer.
        """
        acts = self.of_kind(*NOES, *OPT_INS).filter(says_no_expr() | pl.col("kind").is_in(OPT_INS))
        return with_scanner(with_addresses(acts, self.messages), self.events)

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Every order of goods, with the act that undid it, as `purchases.with_return` adds it."""
        orders = self.of_kind(ORDERED)
        return with_return(orders, pl.concat([orders, self.of_kind(*TAKEN_BACK)]))

    def of_kind(self, *kinds: str) -> pl.DataFrame:
        """The events of these kinds, with the columns that checks read."""
        return self._narrow.filter(pl.col("kind").is_in(kinds))

    @cached_property
    def _narrow(self) -> pl.DataFrame:
        return self.events.select(_COLUMNS)

    def last_of(self, messages: Sequence[str]) -> datetime:
        """When the last of these `mailings` (event_ids) was sent, UTC."""
        sent_at = self.mailings.filter(pl.col("event_id").is_in(messages))["occurred_at"]
        return cast("datetime", sent_at.max())

    def acts_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The `acts` of the customers that `rows` speak of."""
        return self.acts.join(
            rows.select("customer_id").unique(), on="customer_id", how="semi", maintain_order="left"
        )


def with_topic_of(
    frame: pl.DataFrame, column: str, topic_of: Callable[[pl.Expr], pl.Expr], name: str
) -> pl.DataFrame:
    """Add `name`: the sensitive topic that a column of text touches, looked up once for each text."""
    return sensitive_topics.mapped(frame, column, topic_of(pl.col(column)), name)


def with_area(frame: pl.DataFrame, depth: int) -> pl.DataFrame:
    """Add `area`: the first `depth` levels of the category."""
    return sensitive_topics.mapped(frame, "category", first_levels(pl.col("category"), depth), "area")


def newest_before(
    rows: pl.DataFrame, acts: pl.DataFrame, by: list[str], act_columns: Iterable[str] = ()
) -> pl.DataFrame:
    """To each of `rows` the newest of `acts` that lies before it in order and agrees in `by`.

    `by` begins with customer_id. Both need `by`, occurred_at and event_id. Adds `act_id`, `act_at` and the columns
    `act_columns` of the act, prefixed with `act_`; null where there is none. A row with an absent `by` value finds nothing.
    """
    added = {"event_id": "act_id", "occurred_at": "act_at", **{name: f"act_{name}" for name in act_columns}}
    if rows.is_empty() or acts.is_empty():
        return rows.with_columns(pl.lit(None, acts.schema[name]).alias(to) for name, to in added.items())
    present = pl.all_horizontal(pl.col(name).is_not_null() for name in by)
    anchors = rows.filter(present).select(*by, *ORDER, pl.lit(value=True).alias("_is_row"))
    candidates = (
        acts.select(list(dict.fromkeys([*by, *added])))
        .join(anchors.select(by).unique(), on=by, how="semi")
        .select(
            *by, *ORDER, *(pl.col(name).alias(to) for name, to in added.items()),
            pl.lit(value=False).alias("_is_row"),
        )
    )  # fmt: skip
    newest = pl.when(~pl.col("_is_row")).then(pl.col("_position")).forward_fill().over(by)
    filled = (
        pl.concat([candidates, anchors], how="diagonal")
        .sort(*by, *ORDER)
        .with_row_index("_position")
        .with_columns(newest.alias("_newest"))
        .with_columns(pl.col(name).gather(pl.col("_newest")) for name in added.values())
        .filter("_is_row")
        .select(*by, "event_id", *added.values())
    )
    return rows.join(filled, on=[*by, "event_id"], how="left", maintain_order="left")


def newest_bought_before(
    rows: pl.DataFrame, orders: pl.DataFrame, by: list[str], act_columns: Iterable[str] = ()
) -> pl.DataFrame:
    """`newest_before` of orders (columns of `with_return`) that were still bought when each of `rows` came."""
    returns = ("returned_at", "returned_id")
    columns = [*act_columns, *returns]
    newest = newest_before(rows, orders, by, columns).rename({f"act_{name}": name for name in returns})
    gone = newest.filter(pl.col("act_id").is_not_null() & ~still_bought_expr("occurred_at", "event_id"))
    if gone.is_empty():
        return newest.drop(returns)
    act = {"act_id": "event_id", "act_at": "occurred_at", **{f"act_{name}": name for name in act_columns}}
    earlier = (
        gone.select(*by, *ORDER)
        .join(orders.select(*by, *returns, **act), on=by)
        .filter(comes_before_expr("act_at", "act_id", *ORDER) & still_bought_expr(*ORDER))
        .sort("act_at", "act_id")
        .unique(("customer_id", "event_id"), keep="last", maintain_order=True)
        .select("customer_id", "event_id", *act)
    )
    remaining = newest.join(gone, on=("customer_id", "event_id"), how="anti").select(
        "customer_id", "event_id", *act
    )
    found = pl.concat([remaining, earlier])
    return rows.join(found, on=("customer_id", "event_id"), how="left", maintain_order="left")
