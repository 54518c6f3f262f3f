"""Frequently bought together: what lies in one order with what the customer has in the cart or in view."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.pairs import Speakers, spoken_for
from audit.recommendations.placement_schema import newest
from audit.recommendations.strategies import strategies

IN_VIEW = ("product_viewed", "product_added", "wishlist_added")
"""What puts an item before the customer."""


def bought_together(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items that others order together with what this customer looked at or put into the cart last."""
    found = spoken_for(bought_together_by(acts, ctx))
    reason = pl.format(
        "Ordered together with {}, which the customer had in view on {}: {} times as often as chance would give.",
        "own_name",
        pl.col("last").dt.strftime("%Y-%m-%d"),
        "times",
    )
    return found.with_columns(reason.alias("reason"))


def bought_together_by(acts: pl.DataFrame, ctx: PopulationContext) -> Speakers:
    """The own items by which items are chosen."""
    plan = strategies()["bought_together"]
    seen = acts.filter(pl.col("kind").is_in(IN_VIEW), pl.col("occurred_at") > ctx.at - plan.window)
    seeds = newest(seen, plan.seeds, ctx.at)
    return Speakers(seeds, ctx.facts.bought_together, seen, plan, seeds)
