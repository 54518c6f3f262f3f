"""Own items that go with a recommended one, or could, and do not speak for it: each with what keeps it from that."""

from collections.abc import Collection

import polars as pl

from audit.population.context import PopulationContext
from audit.recommendations.placement_schema import INTEREST
from audit.recommendations.strategies import strategies

PASSED_OVER: dict[str, pl.DataType] = {"event_id": pl.String(), "why": pl.String()}
"""The columns of `passed_over`."""

_PAIRED = (
    "also_bought",
    "recommended_for_you",
    "inspired_by_browsing",
    "bought_together",
    "order_cross_sell",
)
"""The strategies in which own items speak by pairs of the group facts."""

_IN_ONE_ORDER = ("bought_together", "order_cross_sell")


def passed_over(
    acts: pl.DataFrame, ctx: PopulationContext, item: str, only: Collection[str], behind: Collection[str]
) -> pl.DataFrame:
    """Of one customer's `acts` (made by `prepared`, like `ctx`), the newest of each own item that goes with `item` and
    does not speak for it in the strips `only`, in order. `behind`: the event_ids that they rest on.
    """
    parts = [_of(acts, ctx, item, strategy, behind) for strategy in _PAIRED if strategy in only]
    found = pl.concat([pl.DataFrame(schema=PASSED_OVER), *parts])
    return found.unique("event_id", keep="first", maintain_order=True)


def _of(
    acts: pl.DataFrame, ctx: PopulationContext, item: str, strategy: str, behind: Collection[str]
) -> pl.DataFrame:
    plan = strategies()[strategy]
    pairs = ctx.facts.bought_together if strategy in _IN_ONE_ORDER else ctx.facts.also_bought
    nearer = pl.int_range(pl.len()).over("item_id").alias("nearer")
    paired = pairs.with_columns(nearer).filter(pl.col("other_id") == item).select("item_id", "nearer")
    spoken = acts.filter(pl.col("event_id").is_in(list(behind)))["item_id"].drop_nulls().unique()
    own = acts.filter(
        pl.col("kind").is_in(INTEREST),
        pl.col("item_id") != item,
        ~pl.col("item_id").is_in(spoken.implode()),
    ).unique("item_id", keep="last", maintain_order=True)
    days = plan.window.days
    why = (
        pl.when(pl.col("occurred_at") <= ctx.at - plan.window)
        .then(pl.lit(f"goes with it, and was more than {days} days ago: too long"))
        .when(pl.col("nearer") >= plan.others)
        .then(pl.lit(f"goes with it, and {plan.others} others go with that better"))
        .otherwise(pl.lit("goes with it, and was no such act as this strip looks at, or others were newer"))
    )
    return own.join(paired, on="item_id", maintain_order="left").select("event_id", why.alias("why"))
