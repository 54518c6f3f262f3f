"""The events that can matter to what a set of rules decides, out of all there are.

Left out is what no evaluator would look at twice: acts of people without a message, acts that agree with no message,
and of acts that count by being there at all all but the last between two messages. What is decided stays the same;
which acts a rule counted may not.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from audit.events.purchases import unsettled
from audit.rules.model import ActsRead, Rule
from audit.rules.reference.histories import CAMPAIGN, reads_customers_clock, zone_changes
from audit.rules.scopes import asks

COLUMNS = (
    "event_id", "customer_id", "occurred_at", "kind", "channel", "message_id", "message_class", "campaign_id",
    "campaign_name", "item_id", "item_name", "category", "topics", "order_id", "quantity", "price", "sender", "list_id",
    "mailbox_provider", "time_zone", "machine",
)  # fmt: skip
"""What a replay reads of events."""

COLUMN = {
    "channel": "channel", "campaign": "campaign", "category": "category", "item": "item_id", "sender": "sender",
    "topics": "topics",
}  # fmt: skip
"""What a rule calls a field → the column it is in."""

TEXTS = (
    "kind", "machine", "channel", "message_class", "campaign_id", "campaign_name", "category", "item_id", "topics",
    "sender", "list_id", "mailbox_provider", "time_zone",
)  # fmt: skip
"""The columns that say what an event is about, and not which or whose it is."""

_TOTALS = (
    "customer_id", "occurred_at", "kind", "machine", "message_id", "message_class", "campaign_id", "campaign_name",
    "category", "item_id", "mailbox_provider",
)  # fmt: skip
"""What the totals of any rules ask for."""


class MissingColumn(Exception):  # noqa: N818 - no error: it is read again
    """A column is asked for that was not read, as few replays ask for it."""


def columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `COLUMNS` that the totals of a replay of `rules` ask for."""
    columns_read = {*_TOTALS}.union(
        *(rule.columns for rule in rules),
        (column for name, column in COLUMN.items() if any(asks(rule, name) for rule in rules)),
    )
    if any(rule.on_fail == "defer" for rule in rules):
        columns_read.add("event_id")
    if reads_customers_clock(rules):
        columns_read.add("time_zone")
    return tuple(name for name in COLUMNS if name in columns_read)


def texts(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `TEXTS` that tell events apart for `rules` and their totals.

    Topics that only a consent is held against are read row by row.
    """
    columns_read = {*columns(rules)} - {"topics"} | {"topics" for rule in rules if asks(rule, "topics")}
    return tuple(name for name in TEXTS if name in columns_read)


def by_row(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `COLUMNS` that the totals of a replay of `rules` ask for where numbers stand for texts (`kernel.numbers`)."""
    columns_read = {"occurred_at"}.union(*(rule.row_columns for rule in rules))
    if names_customers(rules):
        columns_read.add("customer_id")
    if any(rule.on_fail == "defer" for rule in rules):
        columns_read |= {"customer_id", "event_id"}
    return tuple(name for name in COLUMNS if name in columns_read)


def names_customers(rules: Iterable[Rule]) -> bool:
    """Whether a rule is about some customers, or about all but some."""
    return any(rule.customers or rule.except_customers for rule in rules)


def needs(rules: Sequence[Rule]) -> tuple[object, ...]:
    """What `relevant` asks of `rules`: equal for rules that need the same events."""
    acts_read = {acts for rule in rules for acts in rule.acts_read()}
    return (reads_customers_clock(rules), any(rule.on_fail == "defer" for rule in rules), *sorted(acts_read))


def relevant(events: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """The rows of `events` (whole customers, in order) that can matter, in order, with the columns of `COLUMNS`.

    Every message that was sent is among them.
    """
    numbered = events.select(
        *COLUMNS, person=pl.col("customer_id").rle_id(), row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    sent = numbered.filter(pl.col("kind") == "message_sent")
    of_recipients = pl.col("person").is_in(sent["person"].unique().implode())
    rows = [sent["row"]]
    if reads_customers_clock(rules):
        rows.append(zone_changes(numbered.filter(pl.col("time_zone").is_not_null() & of_recipients))["row"])
    defers = any(rule.on_fail == "defer" for rule in rules)
    for acts_read in {acts for rule in rules for acts in rule.acts_read()}:
        acts = numbered.lazy().filter(pl.col("kind").is_in(acts_read.kinds) & of_recipients)
        rows.append(
            _relevant(acts, sent.lazy(), acts_read, defers=defers).select("row").collect().to_series()
        )
    return events.select(COLUMNS)[pl.concat(rows).unique().sort()]


def _relevant(acts: pl.LazyFrame, sent: pl.LazyFrame, acts_read: ActsRead, *, defers: bool) -> pl.LazyFrame:
    if acts_read.which == "same":
        return _agreeing(acts, sent, acts_read)
    if acts_read.which == "bought":
        return _orders_of(acts, sent)
    if acts_read.which == "unsettled":
        rows = acts.collect()
        people = rows.filter(unsettled(rows))["person"].unique()
        return rows.lazy().filter(pl.col("person").is_in(people.implode()))
    return _last(acts, sent) if acts_read.which == "last" and not defers else acts


def _agreeing(acts: pl.LazyFrame, sent: pl.LazyFrame, acts_read: ActsRead) -> pl.LazyFrame:
    """The acts that have a value in common with a message of their customer."""
    column = COLUMN[acts_read.same]
    with_campaign = acts.with_columns(CAMPAIGN)
    values = sent.with_columns(CAMPAIGN).select("person", column).drop_nulls().unique()
    if acts_read.same == "category" and acts_read.depth:
        levels = pl.col(column).str.split(" > ").list.head(acts_read.depth).list.join(" > ").alias("levels")
        by_levels = with_campaign.select(column).unique().with_columns(levels)
        values = values.with_columns(levels).drop(column).join(by_levels, on="levels")
        values = values.select("person", column).unique()
    return with_campaign.join(values, on=("person", column), how="semi")


def _orders_of(orders: pl.LazyFrame, sent: pl.LazyFrame) -> pl.LazyFrame:
    """Whole orders that hold the item or the category of a message of their customer."""
    about_messages = pl.concat(
        orders.join(
            sent.select("person", column).drop_nulls().unique(), on=("person", column), how="semi"
        ).select("person", "order_id", "row")
        for column in ("item_id", "category")
    )
    order_ids = about_messages.filter(pl.col("order_id") != "").select("person", "order_id").unique()
    complete = orders.join(order_ids, on=("person", "order_id"), how="semi")
    return pl.concat([about_messages.select("row"), complete.select("row")])


def _last(acts: pl.LazyFrame, sent: pl.LazyFrame) -> pl.LazyFrame:
    """Of the acts of one kind between two messages the last."""
    before = sent.select("row", message="row")
    between = acts.join_asof(before, on="row", strategy="backward", check_sortedness=False)
    return between.group_by("person", "kind", "message").agg(pl.col("row").max())
