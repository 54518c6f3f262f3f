"""Strips in which the customer's own items speak for others of their category."""

import polars as pl

from audit.recommendations.placement_schema import fading, from_own_items
from audit.recommendations.strategies import Strategy


def spoken_for(
    seeds: pl.DataFrame, others: pl.DataFrame, acts: pl.DataFrame, plan: Strategy, *, never: pl.DataFrame
) -> pl.DataFrame:
    """The best of `others` (columns of `Facts.popular`) in the categories of `seeds`.

    An item counts with its share of the category, halved with every `plan.half` since the own item's newest act.
    `acts`, `never`: as in `audit.recommendations.pairs`. Gives what `from_own_items` gives, and the columns of `others`.
    """
    reasons = (
        seeds.drop_nulls("category")
        .rename({"item_id": "own"})
        .join(others.select("category", "item_id", "share"), on="category")
        .join(never.select("customer_id", "item_id"), on=("customer_id", "item_id"), how="anti")
        .with_columns((pl.col("share") * fading(pl.col("age"), plan.half)).alias("weight"))
    )
    return (
        from_own_items(reasons, acts)
        .join(others, on="item_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("own_name", "strongest").alias("own_name"))
    )
