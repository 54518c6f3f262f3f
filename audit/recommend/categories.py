"""Strips in which the customer's own items speak for others of their category."""

import polars as pl

from audit.facts import Facts
from audit.pairs import MIN_CUSTOMERS
from audit.recommend.strategies import Strategy
from audit.recommend.strip import fading, from_own_items


def popular(facts: Facts) -> pl.DataFrame:
    """The items of each exact category that enough people bought to say anything, the most bought first.

    Columns `category, item_id, customers, share` (of all who bought there, item by item).
    """
    share = pl.col("customers") / pl.col("customers").sum().over("category")
    return (
        facts.items.drop_nulls("category")
        .select("category", "item_id", "customers", share.alias("share"))
        .filter(pl.col("customers") >= MIN_CUSTOMERS)
        .sort("category", "customers", "item_id", descending=[False, True, False])
    )


def spoken_for(
    seeds: pl.DataFrame, others: pl.DataFrame, acts: pl.DataFrame, plan: Strategy, *, never: pl.DataFrame
) -> pl.DataFrame:
    """The best of `others` (columns of `popular`) in the categories of `seeds`.

    An item counts with its share of the category, halved with every `plan.half` since the own item's newest act.
    `acts`, `never`: as in `audit.recommend.pairs`. Gives what `from_own_items` gives, and the columns of `others`.
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
