"""Left in the cart: put in, and neither taken out nor bought since."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.placement_schema import best
from audit.recommendations.strategies import strategies

CLOSES = ("order_completed", "product_removed")
"""What takes an item out of the cart; an order that names no item takes out all."""


def left_in_cart(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items in the cart, the newest first; the score is the part of the window that is left."""
    plan = strategies()["left_in_cart"]
    rows = acts.filter(pl.col("kind").is_in(["product_added", *CLOSES])).with_columns(
        pl.int_range(pl.len()).alias("place")
    )
    closing = pl.when(pl.col("kind").is_in(CLOSES)).then("place")
    closed = rows.group_by("customer_id", "item_id").agg(closing.max().alias("closed"))
    wholly = closed.filter(pl.col("item_id").is_null()).select(
        "customer_id", pl.col("closed").alias("all_closed")
    )
    waiting = (
        rows.filter(pl.col("kind") == "product_added", pl.col("occurred_at") > ctx.at - plan.window)
        .drop_nulls("item_id")
        .join(closed, on=("customer_id", "item_id"), how="left")
        .join(wholly, on="customer_id", how="left")
        .filter(pl.col("place") > pl.max_horizontal("closed", "all_closed").fill_null(-1))
        .sort("place")
        .group_by("customer_id", "item_id", maintain_order=True)
        .agg(pl.col("occurred_at").max().alias("last"), pl.col("event_id").alias("evidence"))
    )
    age = (ctx.at - pl.col("last")) / pl.lit(plan.window)
    day = pl.col("last").dt.strftime("%Y-%m-%d")
    return best(waiting.with_columns((1 - age).alias("score"))).with_columns(
        pl.format("Put into the cart on {}; neither bought nor taken out since.", day).alias("reason"),
        (pl.col("last") + plan.window).alias("until"),
    )
