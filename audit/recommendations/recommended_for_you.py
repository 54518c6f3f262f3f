"""Recommended for you: what goes with everything the customer took an interest in."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.pairs import Speakers, spoken_for
from audit.recommendations.placement_schema import INTEREST, newest
from audit.recommendations.strategies import strategies


def recommended_for_you(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items that go with what the customer bought, put into the cart, wished for or looked at, and that they did
    nothing with yet.
    """
    found = spoken_for(recommended_for_you_by(acts, ctx))
    count = pl.col("own_items").list.len()
    most = (pl.col("own_items").list.first().struct.field("share") * 100).round(0).cast(pl.Int64)
    return found.with_columns(
        pl.when(count == 1)
        .then(pl.format("It goes with {}, which the customer bought or looked at.", "own_name"))
        .otherwise(
            pl.format(
                "It goes with {} of the customer's own items, most with {} ({} %).", count, "own_name", most
            )
        )
        .alias("reason")
    )


def recommended_for_you_by(acts: pl.DataFrame, ctx: PopulationContext) -> Speakers:
    """The own items by which items are chosen."""
    plan = strategies()["recommended_for_you"]
    touched = acts.filter(pl.col("kind").is_in(INTEREST))
    recent = touched.filter(pl.col("occurred_at") > ctx.at - plan.window)
    return Speakers(newest(recent, plan.seeds, ctx.at), ctx.facts.also_bought, recent, plan, touched)
