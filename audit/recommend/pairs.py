"""Strips in which the customer's own items speak for others by the pairs of the group facts."""

import polars as pl

from audit.recommend.strategies import Strategy
from audit.recommend.strip import fading, from_own_items, near


def spoken_for(
    seeds: pl.DataFrame, pairs: pl.DataFrame, acts: pl.DataFrame, plan: Strategy, *, never: pl.DataFrame
) -> pl.DataFrame:
    """The best items that `seeds` (`customer_id, item_id, last, name, age`) speak for.

    A pair counts with its score, halved with every `plan.half` since the own item's newest act. `acts`: the events behind the
    own items; `never`: `customer_id, item_id` that are not recommended. Gives what `from_own_items` gives, and `times`: how
    many times as often as chance would give the strongest own item and the other go together; `until` (UTC).
    """
    known = near(pairs, seeds["item_id"], plan.others)
    reasons = weighed(seeds, known, plan, never)
    times = (pl.col("together") / pl.col("expected")).round(1).cast(pl.String).alias("times")
    return (
        from_own_items(reasons, acts)
        .join(
            known.select("item_id", "other_id", times),
            left_on=("strongest", "item_id"),
            right_on=("item_id", "other_id"),
            how="left",
            maintain_order="left",
        )
        .with_columns(
            (pl.col("last") + plan.window).alias("until"),
            pl.coalesce("own_name", "strongest").alias("own_name"),
        )
    )


def weighed(seeds: pl.DataFrame, known: pl.DataFrame, plan: Strategy, never: pl.DataFrame) -> pl.DataFrame:
    """What each of `seeds` says for others by the pairs `known`: a row with `own, item_id, weight` for each."""
    return (
        seeds.rename({"item_id": "own"})
        .join(known, left_on="own", right_on="item_id")
        .rename({"other_id": "item_id"})
        .join(never.select("customer_id", "item_id"), on=("customer_id", "item_id"), how="anti")
        .with_columns((pl.col("score") * fading(pl.col("age"), plan.half)).alias("weight"))
    )
