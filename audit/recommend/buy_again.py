"""Buy it again: what is used up by now, by the customer's own rhythm or everybody's."""

import polars as pl

from audit.context import Context
from audit.facts import moments
from audit.recommend.strategies import strategies
from audit.recommend.strip import best

RHYTHMS = {
    "item": "the customer's own rhythm for it",
    "category": "the customer's own rhythm in its category",
    "everybody": "the usual rhythm of customers in its category",
}
"""Whose interval says when an item is due, the first that is known."""


def buy_again(acts: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """Items that are due: from one interval after the last order on, until `overdue` intervals after it.

    The interval is the median between the customer's own orders of the item, else of its exact category, else
    everybody's in the category. An item ordered once is due by category only if it is the newest there and the
    category is bought again within the strategy's window. The score is the
    number of orders times interval over time since: often bought and just due comes first.
    """
    plan = strategies()["buy_again"]
    orders = acts.filter(pl.col("kind") == "order_completed")
    items = _rhythm(orders, "item_id").join(_home(orders), on=("customer_id", "item_id"), how="left")
    places = _rhythm(orders, "category").select(
        "customer_id", "category", pl.col("last").alias("last_there"), pl.col("median").alias("median_there")
    )
    known = items.join(places, on=("customer_id", "category"), how="left").join(
        ctx.facts.intervals.select("category", pl.col("median").alias("median_all")),
        on="category",
        how="left",
    )
    alone = pl.col("median").is_null()
    interval = pl.coalesce("median", "median_there", "median_all")
    whose = (
        pl.when(~alone)
        .then(pl.lit("item"))
        .when(pl.col("median_there").is_not_null())
        .then(pl.lit("category"))
    )
    since = ctx.at - pl.col("last")
    due = known.with_columns(
        interval.alias("interval"), whose.otherwise(pl.lit("everybody")).alias("whose")
    ).filter(
        ~alone | ((pl.col("last") == pl.col("last_there")) & (pl.col("interval") <= plan.window)),
        since >= pl.col("interval"),
        since < pl.col("interval") * plan.overdue,
    )
    top = best(due.with_columns((pl.col("times") * (pl.col("interval") / since)).alias("score")))
    return _told(_with_evidence(top, orders), plan.overdue)


def _rhythm(orders: pl.DataFrame, by: str) -> pl.DataFrame:
    """`customer_id, by, times, last, median` of the moments at which a customer ordered it."""
    return (
        moments(orders, by)
        .with_columns(_gap(by).alias("gap"))
        .group_by("customer_id", by)
        .agg(
            pl.len().alias("times"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("gap").median().alias("median"),
        )
    )


def _gap(by: str) -> pl.Expr:
    """The time since the row before, where that is the same customer's and thing's (they stand together)."""
    same = (pl.col("customer_id") == pl.col("customer_id").shift(1)) & (pl.col(by) == pl.col(by).shift(1))
    return pl.when(same).then(pl.col("occurred_at") - pl.col("occurred_at").shift(1))


def _home(orders: pl.DataFrame) -> pl.DataFrame:
    """The category that each item had last for each customer."""
    return orders.group_by("customer_id", "item_id").agg(pl.col("category").drop_nulls().last())


def _with_evidence(top: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """The orders that the rhythm and the last order rest on: of the item, or of its category."""
    by_item = top.filter(pl.col("whose") != "category").join(
        orders.select("customer_id", "item_id", "event_id", "occurred_at"), on=("customer_id", "item_id")
    )
    by_category = top.filter(pl.col("whose") == "category").join(
        orders.select("customer_id", "category", "event_id", "occurred_at"), on=("customer_id", "category")
    )
    columns = ("customer_id", "item_id", "event_id", "occurred_at")
    behind = (
        pl.concat([by_item.select(columns), by_category.select(columns)])
        .sort(columns[0], "occurred_at", "event_id")
        .group_by("customer_id", "item_id", maintain_order=True)
        .agg(pl.col("event_id").alias("evidence"))
    )
    return top.join(behind, on=("customer_id", "item_id"), how="left", maintain_order="left")


def _told(top: pl.DataFrame, overdue: int) -> pl.DataFrame:
    days = (pl.col("interval").dt.total_seconds() / 86_400).round(0).cast(pl.Int64)
    due = pl.col("last") + pl.col("interval")
    return top.with_columns(
        pl.format(
            "Due since {}: ordered last on {}, and {} is {} days.",
            due.dt.strftime("%Y-%m-%d"),
            pl.col("last").dt.strftime("%Y-%m-%d"),
            pl.col("whose").replace_strict(RHYTHMS),
            days,
        ).alias("reason"),
        (pl.col("last") + pl.col("interval") * overdue).alias("until"),
    )
