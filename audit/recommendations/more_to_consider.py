"""More items to consider: what others chose instead of what the customer looked at."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.categories import spoken_for
from audit.recommendations.inspired_by_browsing import LOOKS
from audit.recommendations.placement_schema import newest
from audit.recommendations.strategies import strategies

_SAME = ("customer_id", "item_id")


def more_to_consider(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What others bought in the exact category of an item that the customer looked at and has not bought since."""
    plan = strategies()["more_to_consider"]
    looks = acts.filter(pl.col("kind").is_in([*LOOKS, "product_added"]))
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = looks.filter(pl.col("occurred_at") > ctx.at - plan.window)
    seeds = newest(recent, plan.seeds, ctx.at)
    decided = seeds.join(bought.select(*_SAME, "occurred_at"), on=_SAME).filter(
        pl.col("occurred_at") >= pl.col("last")
    )
    others = ctx.facts.popular.filter(pl.int_range(pl.len()).over("category") < plan.others)
    found = spoken_for(
        seeds.join(decided, on=_SAME, how="anti", maintain_order="left"),
        others,
        recent,
        plan,
        never=pl.concat([looks, bought]),
    )
    reason = pl.format(
        "The customer looked at {} on {}; in {}, {} people chose this one.",
        "own_name",
        pl.col("last").dt.strftime("%Y-%m-%d"),
        "category",
        "customers",
    )
    return found.with_columns(reason.alias("reason"), (pl.col("last") + plan.window).alias("until"))
