"""Customers who bought this also bought: by counts compared with what chance would give."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.pairs import Speakers, spoken_for
from audit.recommendations.placement_schema import newest
from audit.recommendations.strategies import strategies


def also_bought(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items that people who bought the customer's newest items also bought, and that the customer never did.

    The pairs' scores are those of the group facts, which stay as stored whatever is left out.
    """
    found = spoken_for(also_bought_by(acts, ctx))
    reason = pl.format(
        "The customer bought {}; people who buy that also buy this, {} times as often as chance would give.",
        "own_name",
        "times",
    )
    return found.with_columns(reason.alias("reason"))


def also_bought_by(acts: pl.DataFrame, ctx: PopulationContext) -> Speakers:
    """The own items by which items are chosen."""
    plan = strategies()["also_bought"]
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = bought.filter(pl.col("occurred_at") > ctx.at - plan.window)
    return Speakers(newest(recent, plan.seeds, ctx.at), ctx.facts.also_bought, recent, plan, bought)
