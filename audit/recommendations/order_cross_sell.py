"""Goes with your order: what others order together with what is in the customer's newest order."""

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.pairs import Speakers, spoken_for
from audit.recommendations.placement_schema import newest
from audit.recommendations.strategies import strategies


def order_cross_sell(acts: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Items that go with the newest order, if it is new enough, and that the customer never bought."""
    found = spoken_for(order_cross_sell_by(acts, ctx))
    reason = pl.format(
        "Others order it together with {}, ordered on {}: {} times as often as chance would give.",
        "own_name",
        pl.col("last").dt.strftime("%Y-%m-%d"),
        "times",
    )
    return found.with_columns(reason.alias("reason"))


def order_cross_sell_by(acts: pl.DataFrame, ctx: PopulationContext, taken: str | None = None) -> Speakers:
    """The own items by which items are chosen. `taken`: the order taken for the newest one, of one customer's `acts`."""
    plan = strategies()["order_cross_sell"]
    bought = acts.filter(pl.col("kind") == "order_completed")
    order = pl.coalesce("order_id", "event_id")
    newest_of_each = order.sort_by("occurred_at", "event_id").last().over("customer_id")
    last = newest_of_each if taken is None else pl.lit(taken)
    newest_order = bought.filter(order == last, pl.col("occurred_at") > ctx.at - plan.window)
    return Speakers(
        newest(newest_order, plan.seeds, ctx.at), ctx.facts.bought_together, newest_order, plan, bought
    )
