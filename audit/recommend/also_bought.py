"""Customers who bought this also bought: by counts compared with what chance would give."""

import polars as pl

from audit.context import Context
from audit.recommend.strategies import strategies
from audit.recommend.strip import from_own_items, near, newest


def also_bought(acts: pl.DataFrame, ctx: Context) -> pl.DataFrame:
    """Items that people who bought the customer's newest items also bought, and that the customer never did.

    The score is the sum of the pairs' scores in the group facts, which stay as stored whatever is left out.
    """
    plan = strategies()["also_bought"]
    bought = acts.filter(pl.col("kind") == "order_completed")
    recent = bought.filter(pl.col("occurred_at") > ctx.at - plan.window)
    seeds = newest(recent, plan.seeds).rename({"item_id": "own"})
    known = near(ctx.facts, seeds["own"], plan.least)
    pairs = (
        seeds.join(known, left_on="own", right_on="item_id")
        .rename({"other_id": "item_id", "score": "weight"})
        .join(bought.select("customer_id", "item_id"), on=("customer_id", "item_id"), how="anti")
    )
    found = from_own_items(pairs, recent)
    ratio = (
        found.join(
            known,
            left_on=("strongest", "item_id"),
            right_on=("item_id", "other_id"),
            how="left",
            maintain_order="left",
        )
        .select((pl.col("together") / pl.col("expected")).round(1).cast(pl.String))
        .to_series()
    )
    return found.with_columns(
        pl.format(
            "The customer bought {}; people who buy that also buy this, {} times as often as chance would give.",
            pl.coalesce("own_name", "strongest"),
            ratio,
        ).alias("reason"),
        (pl.col("last") + plan.window).alias("until"),
    )
