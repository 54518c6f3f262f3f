"""Inspired by browsing: what was looked at and not bought, and what its buyers also bought."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.placement_schema import from_own_items, near, newest
from audit.recommendations.strategies import strategies

LOOKS = ("product_viewed", "wishlist_added", "content_consumed")
"""What counts as looking at an item."""


def inspired_by_browsing(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items the customer looked at, and others that buyers of those bought, neither bought since the look.

    Each item looked at speaks for itself with 1 and for others with the share of its buyers who bought them too.
    """
    plan = strategies()["inspired_by_browsing"]
    looks = acts.filter(pl.col("kind").is_in(LOOKS), pl.col("occurred_at") > ctx.at - plan.window)
    seeds = newest(looks, plan.seeds, ctx.at)
    itself = seeds.with_columns(pl.col("item_id").alias("own"), pl.lit(1.0).alias("weight"))
    others = _others(seeds, ctx)
    bought = acts.filter(pl.col("kind") == "order_completed").select(
        "customer_id", "item_id", pl.col("occurred_at").alias("bought")
    )
    pairs = pl.concat([itself.select(others.columns), others])
    since = pairs.join(bought, on=("customer_id", "item_id")).filter(pl.col("bought") >= pl.col("last"))
    open_pairs = pairs.join(since, on=("customer_id", "item_id", "own"), how="anti")
    itself_strongest = pl.col("strongest") == pl.col("item_id")
    name = pl.coalesce("own_name", "strongest")
    day = pl.col("last").dt.strftime("%Y-%m-%d")
    return from_own_items(open_pairs, looks).with_columns(
        pl.when(itself_strongest)
        .then(pl.format("The customer looked at it and has not bought it since, the last look on {}.", day))
        .otherwise(
            pl.format("The customer looked at {} on {}; people who buy that also buy this.", name, day)
        )
        .alias("reason"),
        (pl.col("last") + plan.window).alias("until"),
    )


def _others(seeds: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    plan = strategies()["inspired_by_browsing"]
    people = ctx.facts.items.filter(pl.col("item_id").is_in(seeds["item_id"].implode()))
    return (
        seeds.rename({"item_id": "own"})
        .join(near(ctx.facts.also_bought, seeds["item_id"], plan.others), left_on="own", right_on="item_id")
        .join(people.select("item_id", "customers"), left_on="own", right_on="item_id")
        .select(
            "customer_id", "own", "last", "name", pl.col("other_id").alias("item_id"),
            (pl.col("together") / pl.col("customers")).alias("weight"),
        )
    )  # fmt: skip
