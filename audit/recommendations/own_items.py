"""Strategies that recommend the customer's own items: left in the cart, and what they will order again, and when."""

from collections.abc import Mapping

import polars as pl

from audit.population.stats import PopulationContext, gap, moments
from audit.recommendations.strategies import Recommender, best, fading, strategies

_CLOSES = ("order_completed", "product_removed")
"""What takes an item out of the cart; an order that names no item takes out all."""

_OF_TWO = {
    ("median", "median_item"): "by the time between the two orders ({}) and everybody's rhythm ({})",
    ("median",): "by the time between the two orders ({})",
}
"""How it is said of an item ordered twice: one interval is no rhythm."""

_RHYTHMS = {
    ("median", "median_item"): "by the customer's own rhythm for it ({}) and everybody's ({})",
    ("median",): "by the customer's own rhythm for it ({})",
    ("median_there",): "by how the customer buys in its category ({} apart)",
    ("median_item",): "by the rhythm of everybody who buys it again ({})",
    ("median_all",): "by the usual rhythm of customers in its category ({})",
}
"""The intervals that say when an item is due, the first that are known, and how that is said."""

_ONE_IN_EIGHT = (1, 8)
"""House value: of an item that nobody is known to have bought, one buyer in eight is taken to buy it again; every
buyer there is outweighs this a little more."""


def left_in_cart(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items put into the cart, and neither taken out nor bought since, the newest first; the score is the part of the
    window that is left.
    """
    window = strategies()["left_in_cart"].window
    rows = acts.filter(pl.col("kind").is_in(["product_added", *_CLOSES])).with_columns(
        pl.int_range(pl.len()).alias("row")
    )
    closing = pl.when(pl.col("kind").is_in(_CLOSES)).then("row")
    closed = rows.group_by("customer_id", "item_id").agg(closing.max().alias("closed"))
    emptied = closed.filter(pl.col("item_id").is_null()).select(
        "customer_id", pl.col("closed").alias("emptied")
    )
    waiting = (
        rows.filter(pl.col("kind") == "product_added", pl.col("occurred_at") > ctx.at - window)
        .drop_nulls("item_id")
        .join(closed, on=("customer_id", "item_id"), how="left")
        .join(emptied, on="customer_id", how="left")
        .filter(pl.col("row") > pl.max_horizontal("closed", "emptied").fill_null(-1))
        .sort("row")
        .group_by("customer_id", "item_id", maintain_order=True)
        .agg(pl.col("occurred_at").max().alias("last"), pl.col("event_id").alias("evidence"))
    )
    age = (ctx.at - pl.col("last")) / pl.lit(window)
    day = pl.col("last").dt.strftime("%Y-%m-%d")
    return best(waiting.with_columns((1 - age).alias("score"))).with_columns(
        pl.format(
            "Put into the cart on {}; this data holds neither an order that stands nor a removal of it since.",
            day,
        ).alias("reason"),
        (pl.col("last") + window).alias("until"),
    )


def buy_again(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items the customer ordered and is likely to order again, until `overdue` intervals after the last order.

    *Will they?* The score is the number of orders, each halved with every `half` since, times the share of the item's
    buyers who ordered it again (group facts). *When?* The interval is the customer's own median between orders of the
    item, blended with everybody's, which weighs as one interval of theirs; of an item ordered once, everybody's for the
    item: but if it is the newest they ordered in its exact category, their own there first, and everybody's there last,
    if it is due within the strategy's window. An item without any interval is not offered.
    """
    orders = acts.filter(pl.col("kind") == "order_completed")
    return _worded(_with_evidence(best(_scored(orders, ctx)), orders), strategies()["buy_again"].overdue, ctx)


def _chosen_again(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The items of `buy_again`, without what they rest on."""
    return best(_scored(acts.filter(pl.col("kind") == "order_completed"), ctx))


def _scored(orders: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The items that are offered, with their score and rhythms."""
    strategy = strategies()["buy_again"]
    times = moments(orders, "item_id")
    rhythms = _rhythms(orders, times, ctx)
    of_category = (pl.col("last") == pl.col("last_there")).fill_null(value=False)
    there = [
        pl.when(of_category & (pl.col(name) <= strategy.window)).then(pl.col(name)).alias(name)
        for name in ("median_there", "median_all")
    ]
    offered = (
        rhythms.with_columns(there)
        .with_columns(_interval().alias("interval"))
        .filter(ctx.at - pl.col("last") < pl.col("interval") * strategy.overdue)
    )
    weight = fading(ctx.at - pl.col("occurred_at"), strategy.half).sum()
    fresh = times.group_by("customer_id", "item_id").agg(weight.alias("weight"))
    return offered.join(fresh, on=("customer_id", "item_id")).with_columns(
        (pl.col("weight") * pl.col("again")).alias("score")
    )


def _rhythms(orders: pl.DataFrame, times: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Each item each customer ordered (at `times`), with its rhythms: `median` (theirs), `median_there` (theirs in the category),
    `median_item`, `median_all` (everybody's); and `again`, the share of its buyers who bought it again.
    """
    categories = _rhythm(moments(orders, "category"), "category").select(
        "customer_id", "category", pl.col("last").alias("last_there"), pl.col("median").alias("median_there")
    )
    repeated, bought = _ONE_IN_EIGHT
    share = (pl.col("again").fill_null(0) + repeated) / (pl.col("customers").fill_null(0) + bought)
    return (
        _rhythm(times, "item_id")
        .join(_category(orders), on=("customer_id", "item_id"), how="left")
        .join(categories, on=("customer_id", "category"), how="left")
        .join(
            ctx.facts.repeats.select(
                "item_id", "customers", "again", pl.col("interval").alias("median_item")
            ),
            on="item_id",
            how="left",
        )
        .join(
            ctx.facts.intervals.select("category", pl.col("median").alias("median_all")),
            on="category",
            how="left",
        )
        .with_columns(share.alias("again"))
    )


def _interval() -> pl.Expr:
    """The customer's own interval counts as often as they have one, everybody's once."""
    intervals = pl.col("median") * (pl.col("times") - 1)
    blend = (intervals + pl.coalesce("median_item", "median")) / pl.col("times")
    return pl.coalesce(blend, "median_there", "median_item", "median_all")


def _rhythm(times: pl.DataFrame, by: str) -> pl.DataFrame:
    """`customer_id, by, times, last, median` of the moments at which a customer ordered it."""
    return (
        times.with_columns(gap("customer_id", by).alias("gap"))
        .group_by("customer_id", by)
        .agg(
            pl.len().alias("times"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("gap").median().alias("median"),
        )
    )


def _category(orders: pl.DataFrame) -> pl.DataFrame:
    """The category that each item had last for each customer."""
    return orders.group_by("customer_id", "item_id").agg(pl.col("category").drop_nulls().last())


def _with_evidence(top: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """The orders that the rhythm and the last order rest on: of the item, or of its category."""
    of_category = pl.col("median").is_null() & pl.col("median_there").is_not_null()
    behind = pl.concat(
        top.filter(rows)
        .join(orders.select("customer_id", key, "event_id", "occurred_at"), on=("customer_id", key))
        .select("customer_id", "item_id", "event_id", "occurred_at")
        for key, rows in (("item_id", ~of_category), ("category", of_category))
    )
    evidence = (
        behind.sort("customer_id", "occurred_at", "event_id")
        .group_by("customer_id", "item_id", maintain_order=True)
        .agg(pl.col("event_id").alias("evidence"))
    )
    return top.join(evidence, on=("customer_id", "item_id"), how="left", maintain_order="left")


def _worded(top: pl.DataFrame, overdue: int, ctx: PopulationContext) -> pl.DataFrame:
    due = pl.col("last") + pl.col("interval")
    day = due.dt.strftime("%Y-%m-%d")
    due_day = (
        pl.when(due <= ctx.at).then(pl.format("due since {}", day)).otherwise(pl.format("due on {}", day))
    )
    return top.with_columns(
        pl.format(
            "Ordered {} on {}; {}, {}.",
            pl.when(pl.col("times") == 1)
            .then(pl.lit("once,"))
            .otherwise(pl.format("{} times, last", "times")),
            pl.col("last").dt.strftime("%Y-%m-%d"),
            due_day,
            pl.when(pl.col("times") == 2)
            .then(_rhythm_worded(_RHYTHMS | _OF_TWO))
            .otherwise(_rhythm_worded(_RHYTHMS)),
        ).alias("reason"),
        (pl.col("last") + pl.col("interval") * overdue).alias("until"),
    )


def _rhythm_worded(rhythms: Mapping[tuple[str, ...], str]) -> pl.Expr:
    """Null where an interval is, so the first that is not says it."""
    return pl.coalesce(
        pl.format(text, *(_days_worded(pl.col(name)) for name in names)) for names, text in rhythms.items()
    )


def _days_worded(interval: pl.Expr) -> pl.Expr:
    """`28 days`; of what rounds to none, `less than a day`."""
    days = (interval.dt.total_seconds() / 86_400).round(0).cast(pl.Int64)
    several = pl.when(days == 1).then(pl.lit("1 day")).otherwise(pl.format("{} days", days))
    return pl.when(days == 0).then(pl.lit("less than a day")).otherwise(several)


RECOMMENDERS = {
    "left_in_cart": Recommender(("product_added",), left_in_cart),
    "buy_again": Recommender(("order_completed",), buy_again, _chosen_again),
}
"""The strategies of own items."""
