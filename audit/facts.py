"""Group facts: what all customers together say about items and categories, stored beside the events.

They are counted once over everybody and stay as stored when events are left out of one customer's history.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from audit.messages import human, sent_messages
from audit.standing import PRICES, STANDING, prices, standing

MIN_CUSTOMERS = 5
"""House value: an item bought by fewer people says nothing about others who bought it, and points at persons."""

MIN_TOGETHER = 3
"""House value: a pair bought by one or two people is an accident of their baskets."""

KEEP = 50
"""House value: the best others kept of each item; a strip shows five to twenty of them."""

MOST_ITEMS = 200
"""House value: items of one customer that take part in pairs, those bought on most days first. Pairs grow with
its square: a reseller with thousands of items would otherwise cost more than everybody else together."""

_PAIRS_AT_ONCE = 8_000_000
"""Rows of pairs held in memory at a time: about 250 MB."""

_KEY = 1 << 32


ENGAGED: dict[str, pl.DataType] = {"kind": pl.String(), "channel": pl.String()}


@dataclass(frozen=True)
class Facts:
    """Frames counted over all customers.

    - `items`: `item_id, item_name, category, customers` (people who bought it);
    - `intervals`: `category, median` (Duration µs, between two orders of one customer in that exact
      category path), `pairs` (how many intervals that median stands on);
    - `also_bought`: `item_id, other_id, together` (customers who bought both), `expected` (as many by chance),
      `score`, best first within an item;
    - `customers`: how many customers have an order;
    - `engaged`: `kind, channel`: opens and clicks by humans that the data holds any of (see `engagement`);
    - `standing`: `measure, share, value`: where customers' fifths part (see `audit.standing`);
    - `prices`: `category, low, high`: where the prices of a category's thirds part (there too).

    `pairs` makes `also_bought` when it is first asked for: counting pairs is most of the work, and most questions
    do not need them.
    """

    items: pl.DataFrame
    intervals: pl.DataFrame
    pairs: Callable[[], pl.DataFrame]
    customers: int
    engaged: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ENGAGED))
    standing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STANDING))
    prices: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PRICES))

    @property
    def paired(self) -> bool:
        """Whether `also_bought` is at hand, so that asking for it takes no time."""
        return "also_bought" in self.__dict__

    @cached_property
    def also_bought(self) -> pl.DataFrame:
        """What people who bought an item bought too."""
        return self.pairs()


ITEMS: dict[str, pl.DataType] = {
    "item_id": pl.String(), "item_name": pl.String(), "category": pl.String(), "customers": pl.UInt32(),
}  # fmt: skip
INTERVALS: dict[str, pl.DataType] = {
    "category": pl.String(), "median": pl.Duration("us"), "pairs": pl.UInt32(),
}  # fmt: skip
ALSO_BOUGHT: dict[str, pl.DataType] = {
    "item_id": pl.String(), "other_id": pl.String(), "together": pl.UInt32(),
    "expected": pl.Float64(), "score": pl.Float64(),
}  # fmt: skip


def none() -> Facts:
    """The facts of an empty workspace."""
    return Facts(
        pl.DataFrame(schema=ITEMS),
        pl.DataFrame(schema=INTERVALS),
        lambda: pl.DataFrame(schema=ALSO_BOUGHT),
        0,
    )


def count(events: pl.LazyFrame) -> Facts:
    """Count the facts over the events of all customers (canonical columns, any order of customers).

    Purchases are `order_completed` rows. Of an item's names and categories the newest stands. Pairs are
    counted in people, among items that `MIN_CUSTOMERS` bought, `MOST_ITEMS` of one customer; pairs of
    `MIN_TOGETHER` people that are more than chance gives are kept, `KEEP` of an item. Time grows with the
    sum of the squares of items a customer, memory with the bought items.
    """
    orders = _orders(events)
    items = _items(orders)
    return Facts(
        items,
        _intervals(orders),
        lambda: _also_bought(_orders(events), items),
        orders["customer_id"].n_unique(),
        engagement(events),
        standing(orders),
        prices(orders),
    )


def engagement(events: pl.LazyFrame) -> pl.DataFrame:
    """The kinds and channels of which `events` hold an open or a click by a human: `kind, channel`, sorted.

    The channel is the event's own, else that of its message.
    """
    acts = events.filter(pl.col("kind").is_in(["message_opened", "message_clicked"]) & human())
    own = acts.filter(pl.col("channel").is_not_null()).select(*ENGAGED).unique().collect()
    silent = (
        acts.filter(pl.col("channel").is_null())
        .select("customer_id", "message_id", "kind")
        .unique()
        .collect()
    )
    if silent.is_empty():
        return own.sort(*ENGAGED)
    sent = events.filter(pl.col("kind") == "message_sent").join(
        silent.lazy().select("customer_id", "message_id"), on=("customer_id", "message_id"), how="semi"
    )
    of_it = sent_messages(
        sent.select("customer_id", "occurred_at", "event_id", "kind", "message_id", "channel").collect()
    )
    found = silent.join(
        of_it.select("customer_id", "message_id", "channel"), on=("customer_id", "message_id"), how="left"
    )
    return pl.concat([own, found.select(*ENGAGED).unique()]).unique().sort(*ENGAGED)


def _orders(events: pl.LazyFrame) -> pl.DataFrame:
    return (
        events.filter(pl.col("kind") == "order_completed")
        .select(
            "customer_id",
            "occurred_at",
            "event_id",
            "order_id",
            "item_id",
            "item_name",
            "category",
            "quantity",
            "price",
        )
        .collect()
    )


def _items(orders: pl.DataFrame) -> pl.DataFrame:
    return (
        orders.filter(pl.col("item_id").is_not_null())
        .sort("occurred_at", "event_id")
        .group_by("item_id")
        .agg(
            pl.col("item_name").drop_nulls().last(),
            pl.col("category").drop_nulls().last(),
            pl.col("customer_id").n_unique().cast(pl.UInt32).alias("customers"),
        )
        .sort("item_id")
    )


def moments(orders: pl.DataFrame, *by: str) -> pl.DataFrame:
    """When each customer ordered, once an order: `customer_id, *by, occurred_at`, sorted.

    Rows of one order_id are one order, at its first row's time; a row without one is an order of its own;
    two orders in one instant are one moment. Rows where one of `by` is absent are left out.
    """
    order = pl.coalesce("order_id", pl.concat_str(pl.lit("event:"), "event_id"))
    first = pl.col("occurred_at").min().over("customer_id", order)
    return (
        orders.with_columns(first.alias("occurred_at"))
        .drop_nulls(list(by))
        .select("customer_id", *by, "occurred_at")
        .unique()
        .sort("customer_id", *by, "occurred_at")
    )


def _intervals(orders: pl.DataFrame) -> pl.DataFrame:
    before = pl.col("occurred_at").shift(1).over("customer_id", "category")
    return (
        moments(orders, "category")
        .select("category", (pl.col("occurred_at") - before).alias("interval"))
        .drop_nulls("interval")
        .group_by("category")
        .agg(pl.col("interval").median().alias("median"), pl.len().cast(pl.UInt32).alias("pairs"))
        .sort("category")
        .cast(INTERVALS)  # type: ignore[arg-type]
    )


def _also_bought(orders: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    bought = _bought(orders, items)
    if bought.is_empty():
        return pl.DataFrame(schema=ALSO_BOUGHT)
    people = bought.group_by("item").agg(pl.len().alias("n"))
    everybody = orders["customer_id"].n_unique()
    found = [_best(_pairs(block, bought), people, everybody) for block in _blocks(bought)]
    names = items.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("item"), "item_id")
    return (
        pl.concat(found)
        .join(names, on="item", maintain_order="left")
        .join(names.rename({"item": "other", "item_id": "other_id"}), on="other", maintain_order="left")
        .select(*ALSO_BOUGHT)
        .sort("item_id", maintain_order=True)
    )


def _bought(orders: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Who bought what, once: `customer, item` as small numbers (row of `items`)."""
    numbers = items.select("item_id", pl.int_range(pl.len(), dtype=pl.UInt32).alias("item"), "customers")
    return (
        orders.select(
            pl.col("customer_id").rank("dense").cast(pl.UInt32).alias("customer"), "item_id", "occurred_at"
        )
        .join(numbers.filter(pl.col("customers") >= MIN_CUSTOMERS), on="item_id")
        .group_by("customer", "item")
        .agg(pl.col("occurred_at").dt.date().n_unique().alias("days"))
        .sort("customer", "days", "item", descending=[False, True, False])
        .filter(pl.int_range(pl.len()).over("customer") < MOST_ITEMS)
        .select("customer", "item")
    )


def _blocks(bought: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut `bought` by item so that each part joins to about `_PAIRS_AT_ONCE` pairs."""
    size = pl.len().over("customer")
    pairs = (
        bought.with_columns(size.alias("size"))
        .group_by("item")
        .agg(pl.col("size").sum())
        .sort("item")
        .select("item", ((pl.col("size").cum_sum() - 1) // _PAIRS_AT_ONCE).alias("block"))
    )
    return bought.join(pairs, on="item").partition_by("block", include_key=False)


def _pairs(block: pl.DataFrame, bought: pl.DataFrame) -> pl.DataFrame:
    """How many people bought both: `item, other, together`. Sorting and counting runs beats grouping here."""
    both = pl.col("item").cast(pl.UInt64) * _KEY + pl.col("other")
    counted = (
        block.join(bought.rename({"item": "other"}), on="customer")
        .select(both.alias("pair"))["pair"]
        .sort()
        .rle()
        .struct.unnest()
    )
    return counted.filter(pl.col("len") >= MIN_TOGETHER).select(
        (pl.col("value") // _KEY).cast(pl.UInt32).alias("item"),
        (pl.col("value") % _KEY).cast(pl.UInt32).alias("other"),
        pl.col("len").alias("together"),
    )


def _best(pairs: pl.DataFrame, people: pl.DataFrame, everybody: int) -> pl.DataFrame:
    """Hold pairs against chance, keep those that are more than it gives, the best of each item first.

    The score is (observed - expected) / sqrt(expected), which favours neither best-sellers nor rarities
    (Smith and Linden, "Two Decades of Recommender Systems at Amazon.com", IEEE Internet Computing 2017).
    """
    expected = pl.col("n").cast(pl.Float64) * pl.col("n_other") / everybody
    return (
        pairs.filter(pl.col("item") != pl.col("other"))
        .join(people, on="item")
        .join(people.rename({"item": "other", "n": "n_other"}), on="other")
        .with_columns(expected.alias("expected"))
        .with_columns(((pl.col("together") - pl.col("expected")) / pl.col("expected").sqrt()).alias("score"))
        .filter(pl.col("score") > 0)
        .sort("item", "score", "together", "other", descending=[False, True, True, False])
        .filter(pl.int_range(pl.len()).over("item") < KEEP)
        .select("item", "other", "together", "expected", "score")
    )
