"""Group facts: what all customers together say about items and categories, stored beside the events.

They are counted once over everybody and stay as stored when events are left out of one customer's history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

import polars as pl

from audit.events.messages import sent_messages
from audit.events.purchases import ORDER_OF
from audit.events.schema import TIME
from audit.events.vocabulary import is_human_expr, usual_names, words_expr
from audit.population import audience, audience_comparison, basket_baseline, basket_scores
from audit.population import responses as response_rates
from audit.population.audience import Audiences
from audit.population.basket_baseline import Background
from audit.population.co_purchase import limits, of_orders, of_people
from audit.population.co_purchase import none as no_pairs
from audit.population.coverage import Coverage
from audit.population.purchase_lines import purchase_lines
from audit.storage.manifest import Settings

QUANTILES: dict[str, pl.DataType] = {
    "measure": pl.String(), "share": pl.Float64(), "value": pl.Float64(),
}  # fmt: skip
PRICES: dict[str, pl.DataType] = {"category": pl.String(), "low": pl.Float64(), "high": pl.Float64()}

YEAR = timedelta(days=365)
"""What `customer_quantiles` counts orders and money in."""

QUARTER = timedelta(days=90)
"""For how often somebody orders lately."""

MEASURES: dict[tuple[str, timedelta | None], str] = {
    ("order", YEAR): "orders",
    ("order", QUARTER): "orders lately",
    ("spent", YEAR): "spent",
    ("discounted", YEAR): "discounted",
}
"""What is counted, and in which time → the measure of `customer_quantiles` that says where its fifths part."""

FIFTHS = (0.2, 0.4, 0.6, 0.8)

MIN_RANKED = 50
"""House value: fifths of fewer customers are ten people or fewer, and say more about them than about the others."""

MIN_BOUGHT = 5
"""House value: of fewer things bought no share is told."""

MIN_PRICES = 30
"""House value: thirds of fewer prices than ten each are an accident of which goods were bought."""


def customer_quantiles(lines: pl.DataFrame) -> pl.DataFrame:
    """Where the fifths of customers part, by recency, frequency and money: `measure, share, value`.

    Of everybody with an order: `recency` (days from the last order to the newest of all), `orders` and `spent`
    (quantity x price) in the `YEAR` before that newest order, `orders lately` in the `QUARTER`, `discounted` the share of the things bought
    in that year that was at a discount (`at_discount`), of those who bought `MIN_BOUGHT`; `value` is the least to which no fewer than the `share` do not come up;
    of `recency` the least that is not below the `share`.
    Recency, frequency, monetary value in fifths: Hughes, Strategic Database Marketing (1994). Empty where fewer than
    `MIN_RANKED` have an order.
    """
    if lines.is_empty() or lines["customer_id"].n_unique() < MIN_RANKED:
        return pl.DataFrame(schema=QUANTILES)
    newest = lines["occurred_at"].max()
    recent = pl.col("occurred_at") > pl.lit(newest) - YEAR
    lately = pl.col("occurred_at") > pl.lit(newest) - QUARTER
    at_discount = pl.col("at_discount").filter(recent)
    customers = lines.group_by("customer_id").agg(
        ((pl.lit(newest) - pl.col("occurred_at").max()).dt.total_seconds() / 86_400).alias("recency"),
        pl.col("order").filter(recent).n_unique().cast(pl.Float64).alias("orders"),
        pl.col("order").filter(lately).n_unique().cast(pl.Float64).alias("orders lately"),
        (pl.col("quantity").fill_null(1.0) * pl.col("price")).filter(recent).sum().alias("spent"),
        pl.when(at_discount.len() >= MIN_BOUGHT).then(at_discount.mean()).alias("discounted"),
    )
    rows = [("recency", share, customers["recency"].quantile(share, "higher")) for share in FIFTHS]
    rows += [
        (measure, share, _above(customers[measure], share))
        for measure in MEASURES.values()
        for share in FIFTHS
    ]
    return pl.DataFrame(rows, schema=QUANTILES, orient="row").drop_nulls()


def _above(values: pl.Series, share: float) -> float | None:
    """The least of `values` that no fewer than `share` of them lie below, more than the greatest if none is; None without any.

    So those who reach it are never more than the rest: many have as many orders as others.
    """
    known = values.drop_nulls().sort()
    if known.is_empty():
        return None
    below = known[ceil(round(share * known.len(), 9)) - 1]
    above = known.filter(known > below)
    return float(below + 1 if above.is_empty() else above[0])


def prices(lines: pl.DataFrame) -> pl.DataFrame:
    """Where the prices of one piece part into thirds, for each category path with `MIN_PRICES` priced rows; none where
    most cost the same.
    """
    return (
        lines.drop_nulls(["category", "price"])
        .group_by("category")
        .agg(
            pl.col("price").quantile(1 / 3, "higher").alias("low"),
            pl.col("price").quantile(2 / 3, "higher").alias("high"),
            pl.len().alias("rows"),
        )
        .filter(pl.col("rows") >= MIN_PRICES, pl.col("low") < pl.col("high"))
        .sort("category")
        .select(*PRICES)
        .cast(PRICES)  # type: ignore[arg-type]
    )


RARE = 0.01
"""House value: a word in the names of more items than this share says nothing of one of them."""

MIN_NAMED = 200
"""House value: among fewer items no word is told to be frequent."""

ENGAGED: dict[str, pl.DataType] = {"kind": pl.String(), "channel": pl.String()}
REPEATS: dict[str, pl.DataType] = {
    "item_id": pl.String(), "first": TIME, "customers": pl.UInt32(), "again": pl.UInt32(), "interval": pl.Duration("us"),
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Frames counted over all customers.

    - `items`: `item_id, item_name, category, customers` (people who bought it);
    - `intervals`: `category, median` (Duration µs, between two orders of one customer in that exact
      category path), `pairs` (how many intervals that median stands on), `people` (whose they are);
    - `repeats`: `item_id, first` (when anybody bought it first, UTC), `customers` (who bought it), `again` (of them, in
      more than one order), `interval` (Duration µs, median between two orders of one customer);
    - `also_bought`: `item_id, other_id, together` (customers who bought both), `expected` (as many by chance),
      `score`, `people` (who bought both), best first within an item (`audit.population.co_purchase`);
    - `bought_together`: the same, counted in orders;
    - `customers`: how many customers have an order;
    - `engaged`: `kind, channel`: opens and clicks by humans that the data holds any of (see `engagement`);
    - `responses`: `channel, campaign, recipients, messages, answered, noticed`: how often people answer (`audit.population.responses`);
    - `silences`: `channel, engagement, messages, people`: how many have left how many unanswered (there too);
    - `quantiles`: `measure, share, value`: where customers' fifths part (see `audit.population.quantiles`);
    - `prices`: `category, low, high`: where the prices of a category's thirds part (there too).

    `pairs` makes `also_bought`, and `baskets` makes `bought_together`, when they are first asked for: counting pairs is
    most of the work, and most questions do not need them. So does `model` for `usual`, what baskets of everybody look like,
    and `comparison` for `audiences`, who got each campaign.
    """

    items: pl.DataFrame
    intervals: pl.DataFrame
    pairs: Callable[[], pl.DataFrame]
    customers: int
    engaged: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ENGAGED))
    responses: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=response_rates.RESPONSES))
    silences: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=response_rates.SILENCES))
    quantiles: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUANTILES))
    prices: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PRICES))
    repeats: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REPEATS))
    baskets: Callable[[], pl.DataFrame] = no_pairs
    model: Callable[[], Background] = basket_baseline.none
    comparison: Callable[[], Audiences] = audience.none

    @property
    def complete(self) -> bool:
        """Whether what is counted only when asked for is at hand, so that asking takes no time."""
        return {"also_bought", "bought_together", "usual"} <= self.__dict__.keys()

    @cached_property
    def also_bought(self) -> pl.DataFrame:
        """What people who bought an item bought too."""
        return self.pairs()

    @cached_property
    def bought_together(self) -> pl.DataFrame:
        """What lay in one order with an item."""
        return self.baskets()

    @cached_property
    def popular(self) -> pl.DataFrame:
        """The items of each exact category that enough people bought to say anything, the most bought first.

        Columns `category, item_id, customers, share` (of all who bought there, item by item).
        """
        share = pl.col("customers") / pl.col("customers").sum().over("category")
        return (
            self.items.drop_nulls("category")
            .select("category", "item_id", "customers", share.alias("share"))
            .filter(pl.col("customers") >= limits().customers)
            .sort("category", "customers", "item_id", descending=[False, True, False])
        )

    @cached_property
    def frequent_words(self) -> frozenset[str]:
        """The words in the names and categories of so many items that sharing one says nothing."""
        if self.items.height < MIN_NAMED:
            return frozenset()
        leaf = pl.col("category").str.split(" > ").list.last()
        words = words_expr(pl.concat_str("item_name", leaf, separator=" ", ignore_nulls=True)).list.unique()
        counts = self.items.select(word=words).explode("word", empty_as_null=True)["word"].value_counts()
        return frozenset(counts.filter(pl.col("count") > RARE * self.items.height)["word"].drop_nulls())

    @cached_property
    def usual(self) -> Background:
        """The background model of everybody's baskets."""
        return self.model()

    @cached_property
    def audiences(self) -> Audiences:
        """Who got each campaign, and what sets them apart."""
        return self.comparison()


ITEMS: dict[str, pl.DataType] = {
    "item_id": pl.String(), "item_name": pl.String(), "category": pl.String(), "customers": pl.UInt32(),
}  # fmt: skip
INTERVALS: dict[str, pl.DataType] = {
    "category": pl.String(), "median": pl.Duration("us"), "pairs": pl.UInt32(), "people": pl.UInt32(),
}  # fmt: skip


def none() -> Facts:
    """The facts of an empty workspace."""
    return Facts(pl.DataFrame(schema=ITEMS), pl.DataFrame(schema=INTERVALS), no_pairs, 0)


def count(events: pl.LazyFrame) -> Facts:
    """Count the facts over the events of all customers (canonical columns, any order of customers).

    Purchases are the orders that stand. Of an item's names the usual one stands, of its categories the newest.
    """
    lines = purchase_lines(events)
    responses, silences = response_rates.count(events)
    counted = {
        "items": _items(lines),
        "intervals": _intervals(lines),
        "engaged": engagement(events),
        "responses": responses,
        "silences": silences,
        "quantiles": customer_quantiles(lines),
        "prices": prices(lines),
        "repeats": _repeats(lines),
    }
    return of_frames(events, counted, lines["customer_id"].n_unique())


def of_frames(events: pl.LazyFrame, counted: Mapping[str, pl.DataFrame], customers: int) -> Facts:
    """The facts whose frames are `counted` already, by name; the others are counted over `events` when asked for."""
    return Facts(
        **counted,
        customers=customers,
        pairs=lambda: of_people(purchase_lines(events), counted["items"]),
        baskets=lambda: of_orders(purchase_lines(events), counted["items"]),
        model=lambda: basket_scores.count(events),
        comparison=lambda: audience_comparison.count(events),
    )


def engagement(events: pl.LazyFrame) -> pl.DataFrame:
    """The kinds and channels of which `events` hold an open or a click by a human: `kind, channel`, sorted.

    The channel is the event's own, else that of its message.
    """
    acts = events.filter(pl.col("kind").is_in(["message_opened", "message_clicked"]) & is_human_expr())
    stated = acts.filter(pl.col("channel").is_not_null()).select(*ENGAGED).unique().collect()
    silent = (
        acts.filter(pl.col("channel").is_null())
        .select("customer_id", "message_id", "kind")
        .unique()
        .collect()
    )
    if silent.is_empty():
        return stated.sort(*ENGAGED)
    sent = events.filter(pl.col("kind") == "message_sent").join(
        silent.lazy().select("customer_id", "message_id"), on=("customer_id", "message_id"), how="semi"
    )
    of_it = sent_messages(
        sent.select("customer_id", "occurred_at", "event_id", "kind", "message_id", "channel").collect()
    )
    of_messages = silent.join(
        of_it.select("customer_id", "message_id", "channel"), on=("customer_id", "message_id"), how="left"
    )
    return pl.concat([stated, of_messages.select(*ENGAGED).unique()]).unique().sort(*ENGAGED)


def _items(lines: pl.DataFrame) -> pl.DataFrame:
    newest = (
        lines.drop_nulls(["item_id", "category"])
        .group_by("item_id", "category")
        .agg(pl.col("occurred_at").max())
        .sort("occurred_at", "category")
        .group_by("item_id")
        .agg(pl.col("category").last())
    )
    buyers = lines.drop_nulls("item_id").group_by("item_id")
    return (
        buyers.agg(pl.col("customer_id").n_unique().alias("customers"))
        .join(newest, on="item_id", how="left")
        .join(usual_names(lines, "item_id"), on="item_id", how="left")
        .select(*ITEMS)
        .cast(ITEMS)  # type: ignore[arg-type]
        .sort("item_id")
    )


def moments(orders: pl.DataFrame, *by: str, order: pl.Expr = ORDER_OF) -> pl.DataFrame:
    """When each customer bought, once a day: `customer_id, *by, occurred_at`, sorted.

    Rows of one `order` are one, at its first row's time: of an order_id, a row without one is an order of its own;
    orders of one day (UTC) are one purchase, at the first. Rows where one of `by` is absent are left out.
    """
    day = pl.col("occurred_at").dt.date().alias("day")
    ordered_at = pl.col("occurred_at").min().over("customer_id", order)
    return (
        orders.with_columns(ordered_at.alias("occurred_at"))
        .drop_nulls(list(by))
        .group_by("customer_id", *by, day)
        .agg(pl.col("occurred_at").min())
        .drop("day")
        .sort("customer_id", *by, "occurred_at")
    )


def gap(*by: str) -> pl.Expr:
    """The time since the row before of the same `by`, in a frame sorted by them and `occurred_at`."""
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in by)
    return pl.when(same).then(pl.col("occurred_at").diff())


def own_intervals(times: pl.DataFrame, acts: pl.DataFrame, by: str) -> pl.DataFrame:
    """The customers' own median interval between the `times` (`moments` of `by`) until each of `acts`.

    `acts`: `customer_id, by, act_at`, each once. Gives them with `interval` (µs); those without two moments are left out.
    """
    gaps = times.with_columns(gap("customer_id", by).alias("gap"))
    return (
        acts.join(gaps.drop_nulls("gap"), on=("customer_id", by))
        .filter(pl.col("occurred_at") <= pl.col("act_at"))
        .group_by("customer_id", by, "act_at")
        .agg(pl.col("gap").median().cast(pl.Duration("us")).alias("interval"))
    )


def _repeats(lines: pl.DataFrame) -> pl.DataFrame:
    by = ("customer_id", "item_id")
    times = moments(lines, "item_id", order=pl.col("order"))
    gaps = times.select("item_id", gap(*by).alias("gap"))
    return (
        times.group_by(by)
        .agg(pl.col("occurred_at").first().alias("first"), pl.len().alias("times"))
        .group_by("item_id")
        .agg(
            pl.col("first").min(),
            pl.len().alias("customers"),
            (pl.col("times") > 1).sum().alias("again"),
        )
        .join(gaps.group_by("item_id").agg(pl.col("gap").median().alias("interval")), on="item_id")
        .sort("item_id")
        .cast(REPEATS)  # type: ignore[arg-type]
    )


def _intervals(lines: pl.DataFrame) -> pl.DataFrame:
    return (
        moments(lines, "category", order=pl.col("order"))
        .with_columns(gap("customer_id", "category").alias("interval"))
        .drop_nulls("interval")
        .group_by("category")
        .agg(median=pl.col("interval").median(), pairs=pl.len(), people=pl.col("customer_id").n_unique())
        .sort("category")
        .cast(INTERVALS)  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True)
class PopulationContext:
    """The moment asked about, and what is known of everybody.

    `campaigns` is the campaign map, one row a campaign (columns of `audit.flows.campaign_map.SCHEMA`); its
    fields are already filled into the events.
    """

    at: datetime
    coverage: Coverage
    facts: Facts
    campaigns: pl.DataFrame
    settings: Settings = field(default_factory=Settings)
