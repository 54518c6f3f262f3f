"""The recommendations that were shown, as the log has them."""

import polars as pl

from audit.events.schema import BEHAVIOUR, TIME
from audit.population.context import PopulationContext
from audit.recommendations.strategies import strategies

SHOWN: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "item_id": pl.String(),
    "strategy": pl.String(),
    "placement": pl.String(),
    "title": pl.String(),
    "stated": pl.String(),
    "first": TIME,
    "last": TIME,
    "shown": pl.List(pl.String()),
    "could_be": pl.Boolean(),
}
"""The columns of `logged`."""

_BY = ("customer_id", "item_id", "strategy")


def logged(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What each customer was shown until `ctx.at`: one row an item and strategy, in the columns of `SHOWN`.

    `strategy` is ours where the placement or reason names it, else null; `stated` the newest reason given; `first`
    and `last` (µs, UTC) of its showings, `shown` their event_ids, oldest first; `could_be`: the customer did
    something with the item or in its category before the last one. In order of customer, newest first.
    """
    rows = events.filter(pl.col("kind") == "recommendation_shown", pl.col("occurred_at") <= ctx.at)
    displays = rows.drop_nulls("item_id").with_columns(_strategy().alias("strategy"))
    by_item = displays.group_by(_BY, maintain_order=True).agg(
        pl.col("placement").drop_nulls().last(),
        pl.col("item_name").drop_nulls().last().alias("title"),
        pl.col("reason").drop_nulls().last().alias("stated"),
        pl.col("occurred_at").first().alias("first"),
        pl.col("occurred_at").last().alias("last"),
        pl.col("event_id").alias("shown"),
        pl.col("category").drop_nulls().last(),
    )
    causes = _causes(events, by_item)
    return (
        by_item.join(causes, on=_BY, how="left", nulls_equal=True)
        .with_columns(pl.col("could_be").fill_null(value=False))
        .sort("customer_id", "last", "item_id", "strategy", descending=[False, True, False, False])
        .select(*SHOWN)
    )


def _strategy() -> pl.Expr:
    text = pl.concat_str(
        "reason", "placement", "campaign_name", separator=" | ", ignore_nulls=True
    ).str.to_lowercase()
    return pl.coalesce(
        *(
            pl.when(text.str.contains_any(list(strategy.aliases))).then(pl.lit(strategy.id))
            for strategy in strategies().values()
        ),
        pl.lit(None, pl.String),
    )


def _causes(events: pl.DataFrame, displays: pl.DataFrame) -> pl.DataFrame:
    """The showings before whose last one the customer did something with the item, or in its category."""
    acts = events.filter(pl.col("kind").is_in(BEHAVIOUR)).select(
        "customer_id", "item_id", "category", pl.col("occurred_at").alias("acted")
    )
    earlier = pl.col("acted") <= pl.col("last")
    by_item = displays.join(acts.select("customer_id", "item_id", "acted"), on=("customer_id", "item_id"))
    by_category = displays.join(
        acts.select("customer_id", "category", "acted"), on=("customer_id", "category")
    )
    causes = pl.concat([by_item.filter(earlier).select(_BY), by_category.filter(earlier).select(_BY)])
    return causes.unique().with_columns(pl.lit(value=True).alias("could_be"))
