"""New for you: what the shop began to sell where the customer is active."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.categories import spoken_for
from audit.recommendations.placement_schema import INTEREST, newest
from audit.recommendations.strategies import strategies


def new_for_you(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items first sold within the window, in an exact category in which the customer was active within `active`.

    The first sale is that of the group facts. In the first `window` of the data everything is new, so nothing is.
    """
    plan = strategies()["new_for_you"]
    touched = acts.filter(pl.col("kind").is_in(INTEREST))
    recent = touched.filter(pl.col("occurred_at") > ctx.at - plan.active)
    first = pl.col("first")
    fresh = ctx.facts.repeats.select("item_id", "first").filter(
        first > ctx.at - plan.window, first <= ctx.at, first > first.min() + plan.window
    )
    others = ctx.facts.popular.join(fresh, on="item_id", maintain_order="left")
    found = spoken_for(newest(recent, plan.seeds, ctx.at), others, recent, plan, never=touched)
    reason = pl.format(
        "First sold on {}; the customer is active in {}, last on {}.",
        first.dt.strftime("%Y-%m-%d"),
        "category",
        pl.col("last").dt.strftime("%Y-%m-%d"),
    )
    ends = pl.min_horizontal(first + plan.window, pl.col("last") + plan.active)
    return found.with_columns(reason.alias("reason"), ends.alias("until"))
