"""The events that can matter to what a set of rules decides, out of all there are.

Left out is what no evaluator would look at twice: acts of people without a message, acts that agree with no message,
and of acts that count by being there at all all but the last between two messages. What is decided stays the same;
which acts a rule counted may not.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from audit.rules.model import ENGAGEMENT, REPURCHASE, Rule
from audit.rules.reference.consents import NO, YES
from audit.rules.reference.histories import CAMPAIGN, reads_customers_clock, zone_changes
from audit.rules.scopes import asks

COLUMNS = (
    "event_id", "customer_id", "occurred_at", "kind", "channel", "message_id", "message_class", "campaign_id",
    "campaign_name", "item_id", "category", "topics", "order_id", "sender", "mailbox_provider", "time_zone", "machine",
)  # fmt: skip
"""What a replay reads of events."""

COLUMN = {
    "channel": "channel", "campaign": "campaign", "category": "category", "item": "item_id", "sender": "sender",
    "topics": "topics",
}  # fmt: skip
"""What a rule calls a field → the column it is in."""

TEXTS = (
    "kind", "machine", "channel", "message_class", "campaign_id", "campaign_name", "category", "item_id", "topics",
    "sender", "mailbox_provider", "time_zone",
)  # fmt: skip
"""The columns that say what an event is about, and not which or whose it is."""

_TOTALS = (
    "customer_id", "occurred_at", "kind", "machine", "message_id", "message_class", "campaign_id", "campaign_name",
    "category", "item_id", "mailbox_provider",
)  # fmt: skip
"""What the totals of any rules ask for."""

_ORDER = "order_completed"


class Lacking(Exception):  # noqa: N818 - no error: it is read again
    """A column is asked for that was not read, as few replays ask for it."""


def columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `COLUMNS` that the totals of a replay of `rules` ask for."""
    asked = {
        *_TOTALS,
        *(column for name, column in COLUMN.items() if any(asks(rule, name) for rule in rules)),
    }
    kinds = {rule.kind for rule in rules}
    if kinds & {"consent", "sensitive"}:
        asked |= {"channel", "sender", "topics"}
    if "sunset" in kinds:
        asked |= {"channel", "event_id"}
    if any(rule.window == REPURCHASE for rule in rules):
        asked |= {"order_id", "event_id"}
    if any(rule.on_fail == "defer" for rule in rules):
        asked.add("event_id")
    if reads_customers_clock(rules):
        asked.add("time_zone")
    return tuple(name for name in COLUMNS if name in asked)


def texts(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `TEXTS` that tell events apart for `rules` and their totals.

    Topics that only a consent is held against are read row by row.
    """
    asked = {*columns(rules)} - {"topics"} | {"topics" for rule in rules if asks(rule, "topics")}
    return tuple(name for name in TEXTS if name in asked)


def by_row(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Those of `COLUMNS` that the totals of a replay of `rules` ask for where numbers stand for texts (`kernel.numbers`)."""
    asked, kinds = {"occurred_at"}, {rule.kind for rule in rules}
    if names_customers(rules):
        asked.add("customer_id")
    if kinds & {"consent", "sensitive"}:
        asked.add("topics")
    if "sunset" in kinds:
        asked |= {"customer_id", "event_id", "message_id", "kind", "machine"}
    if any(rule.window == REPURCHASE for rule in rules):
        asked |= {"customer_id", "event_id", "order_id", "kind"}
    if any(rule.on_fail == "defer" for rule in rules):
        asked |= {"customer_id", "event_id"}
    return tuple(name for name in COLUMNS if name in asked)


def names_customers(rules: Iterable[Rule]) -> bool:
    """Whether a rule is about some customers, or about all but some."""
    return any(rule.customers or rule.except_customers for rule in rules)


def needs(rules: Sequence[Rule]) -> tuple[object, ...]:
    """What `relevant` asks of `rules`: equal for rules that need the same events."""
    asked = {
        (kinds, agreeing, (rule.same, rule.depth or 0) if agreeing == "same" else ())
        for rule in rules
        for kinds, agreeing in _asked(rule)
    }
    return (reads_customers_clock(rules), any(rule.on_fail == "defer" for rule in rules), *sorted(asked))


def relevant(events: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """The rows of `events` (whole customers, in order) that can matter, in order, with the columns of `COLUMNS`.

    Every message that was sent is among them.
    """
    placed = events.select(
        *COLUMNS, person=pl.col("customer_id").rle_id(), place=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    sent = placed.filter(pl.col("kind") == "message_sent")
    theirs = pl.col("person").is_in(sent["person"].unique().implode())
    kept = [sent["place"]]
    if reads_customers_clock(rules):
        kept.append(zone_changes(placed.filter(pl.col("time_zone").is_not_null() & theirs))["place"])
    defers = any(rule.on_fail == "defer" for rule in rules)
    for rule in rules:
        for kinds, agreeing in _asked(rule):
            acts = placed.lazy().filter(pl.col("kind").is_in(kinds) & theirs)
            bearing = _bearing(acts, sent.lazy(), rule, agreeing, defers=defers)
            kept.append(bearing.select("place").collect().to_series())
    return events.select(COLUMNS)[pl.concat(kept).unique().sort()]


def _asked(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """The kinds of acts that a rule reads, and how far they have to agree with a message."""
    if rule.kind in {"consent", "sensitive"}:
        yield (*NO, *YES), "all"
    elif rule.kind == "cooldown":
        yield tuple(rule.after), "last" if rule.same == "nothing" else "same"
        if rule.window == REPURCHASE:
            yield (_ORDER,), "bought"
    elif rule.kind == "sunset":
        yield (_ORDER,), "last"
        yield (ENGAGEMENT[rule.engagement],), "all"


def _bearing(
    acts: pl.LazyFrame, sent: pl.LazyFrame, rule: Rule, agreeing: str, *, defers: bool
) -> pl.LazyFrame:
    if agreeing == "same":
        return _agreeing(acts, sent, rule.same, rule.depth)
    if agreeing == "bought":
        return _orders_of(acts, sent)
    return _last(acts, sent) if agreeing == "last" and not defers else acts


def _agreeing(acts: pl.LazyFrame, sent: pl.LazyFrame, same: str, depth: int | None) -> pl.LazyFrame:
    """The acts that have a value in common with a message of their customer."""
    name = COLUMN[same]
    own = acts.with_columns(CAMPAIGN)
    value, asked = pl.col(name), sent.with_columns(CAMPAIGN).select("person", name).drop_nulls().unique()
    if same == "category" and depth is not None:
        cut = value.str.split(" > ").list.head(depth).list.join(" > ").alias("cut")
        known = own.select(name).unique().with_columns(cut)
        asked = asked.with_columns(cut).drop(name).join(known, on="cut").select("person", name).unique()
    return own.join(asked, on=("person", name), how="semi")


def _orders_of(orders: pl.LazyFrame, sent: pl.LazyFrame) -> pl.LazyFrame:
    """Whole orders that hold the item or the category of a message of their customer."""
    held = [
        orders.join(
            sent.select("person", name).drop_nulls().unique(), on=("person", name), how="semi"
        ).select("person", "order_id", "place")
        for name in ("item_id", "category")
    ]
    rows = pl.concat(held)
    named = rows.filter(pl.col("order_id") != "").select("person", "order_id").unique()
    whole = orders.join(named, on=("person", "order_id"), how="semi")
    return pl.concat([rows.select("place"), whole.select("place")])


def _last(acts: pl.LazyFrame, sent: pl.LazyFrame) -> pl.LazyFrame:
    """Of the acts of one kind between two messages the last."""
    before = sent.select("place", message="place")
    gap = acts.join_asof(before, on="place", strategy="backward", check_sortedness=False)
    return gap.group_by("person", "kind", "message").agg(pl.col("place").max())
