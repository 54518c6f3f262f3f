"""Strategies in which the customer's own items speak for others of their category."""

import polars as pl

from audit.population.stats import PopulationContext
from audit.recommendations.by_pairs import LOOKS
from audit.recommendations.strategies import (
    INTEREST,
    Recommender,
    Strategy,
    fading,
    from_own_items,
    newest,
    strategies,
)

_SAME = ("customer_id", "item_id")


def more_to_consider(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What others bought in the exact category of an item that the customer looked at and has not bought since."""
    strategy = strategies()["more_to_consider"]
    looks = acts.filter(pl.col("kind").is_in([*LOOKS, "product_added"]))
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = looks.filter(pl.col("occurred_at") > ctx.at - strategy.window)
    seeds = newest(recent, strategy.seeds, ctx.at)
    decided = seeds.join(bought.select(*_SAME, "occurred_at"), on=_SAME).filter(
        pl.col("occurred_at") >= pl.col("last")
    )
    undecided = seeds.join(decided, on=_SAME, how="anti", maintain_order="left")
    popular = ctx.facts.popular.filter(pl.int_range(pl.len()).over("category") < strategy.others)
    reason = pl.format(
        "The customer looked at {} on {}; in {}, {} people chose this one.",
        "own_name",
        pl.col("last").dt.strftime("%Y-%m-%d"),
        "category",
        "customers",
    )
    return _of_category(undecided, popular, recent, strategy, pl.concat([looks, bought])).with_columns(
        reason.alias("reason"), (pl.col("last") + strategy.window).alias("until")
    )


def new_for_you(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items first sold within the window, in an exact category in which the customer was active within `active`.

    The first sale is that of the group facts. In the first `window` of the data everything is new, so nothing is.
    """
    strategy = strategies()["new_for_you"]
    touched = acts.filter(pl.col("kind").is_in(INTEREST))
    recent = touched.filter(pl.col("occurred_at") > ctx.at - strategy.active)
    began = pl.col("first")
    fresh = ctx.facts.repeats.select("item_id", "first").filter(
        began > ctx.at - strategy.window, began <= ctx.at, began > began.min() + strategy.window
    )
    popular = ctx.facts.popular.join(fresh, on="item_id", maintain_order="left")
    seeds = newest(recent, strategy.seeds, ctx.at)
    reason = pl.format(
        "First sold on {}; the customer is active in {}, last on {}.",
        began.dt.strftime("%Y-%m-%d"),
        "category",
        pl.col("last").dt.strftime("%Y-%m-%d"),
    )
    ends = pl.min_horizontal(began + strategy.window, pl.col("last") + strategy.active)
    return _of_category(seeds, popular, recent, strategy, touched).with_columns(
        reason.alias("reason"), ends.alias("until")
    )


def _of_category(
    seeds: pl.DataFrame, popular: pl.DataFrame, acts: pl.DataFrame, strategy: Strategy, never: pl.DataFrame
) -> pl.DataFrame:
    """The best of `popular` (columns of `Facts.popular`) in the categories of `seeds`.

    An item counts with its share of the category, halved with every `strategy.half` since the own item's newest act.
    `acts`: the events behind `seeds`; `never`: those on items that are not recommended. Gives what `from_own_items` gives,
    and the columns of `popular`.
    """
    weights = (
        seeds.drop_nulls("category")
        .rename({"item_id": "own"})
        .join(popular.select("category", "item_id", "share"), on="category")
        .join(never.select(_SAME), on=_SAME, how="anti")
        .with_columns((pl.col("share") * fading(pl.col("age"), strategy.half)).alias("weight"))
    )
    return (
        from_own_items(weights, acts)
        .join(popular, on="item_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("own_name", "strongest").alias("own_name"))
    )


RECOMMENDERS = {
    "more_to_consider": Recommender((*LOOKS, "product_added"), more_to_consider),
    "new_for_you": Recommender(INTEREST, new_for_you),
}
"""The strategies by category."""
