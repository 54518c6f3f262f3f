"""Strips in which the customer's own items speak for others by the pairs of the group facts."""

from dataclasses import dataclass

import polars as pl

from audit.recommendations.placement_schema import (
    best,
    fading,
    from_own_items,
    near,
)
from audit.recommendations.strategies import Strategy


@dataclass(frozen=True, slots=True)
class Speakers:
    """The own items that speak, and by which pairs.

    `seeds`: `customer_id, item_id, last, name, age`; `acts`: the events behind them; `never`: `customer_id, item_id` that
    are not recommended. A pair counts with its score, halved with every `plan.half` since the own item's newest act.
    """

    seeds: pl.DataFrame
    pairs: pl.DataFrame
    acts: pl.DataFrame
    plan: Strategy
    never: pl.DataFrame


def chosen(own: Speakers) -> pl.DataFrame:
    """The best items that own items speak for: `customer_id, item_id, score`."""
    known = near(own.pairs, own.seeds["item_id"], own.plan.others)
    weights = weighed(own.seeds, known, own.plan, own.never)
    return best(weights.group_by("customer_id", "item_id").agg(pl.col("weight").sum().alias("score")))


def spoken_for(own: Speakers) -> pl.DataFrame:
    """As `chosen`, with what `from_own_items` gives, and `times`: how many times as often as chance would give the
    strongest own item and the other go together; `until` (UTC).
    """
    seeds, acts, plan = own.seeds, own.acts, own.plan
    known = near(own.pairs, seeds["item_id"], plan.others)
    reasons = weighed(seeds, known, plan, own.never)
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
