"""Shown and reconstructed recommendations held together: how far they agree, and where they do not, why."""

from datetime import timedelta

import polars as pl

from audit.events.schema import TIME
from audit.population.context import PopulationContext
from audit.recommendations.strategies import strategies

AGREEMENT: dict[str, pl.DataType] = {
    "strip": pl.String(),
    "both": pl.UInt32(),
    "logged_only": pl.UInt32(),
    "derived_only": pl.UInt32(),
    "agreement": pl.Float64(),
    "defined": pl.Boolean(),
    "logs_it": pl.Boolean(),
}
"""The columns of `agreement`."""

DISAGREEMENTS: dict[str, pl.DataType] = {
    "strip": pl.String(),
    "customer": pl.String(),
    "item_id": pl.String(),
    "title": pl.String(),
    "side": pl.String(),
    "since": TIME,
    "reason": pl.String(),
}
"""The columns of `disagreements`."""

OLD = timedelta(days=7)
"""House value: a placement is made anew within a week; what was last shown before then is not what would be shown now."""


def agreement(rows: pl.DataFrame) -> pl.DataFrame:
    """How far what was shown and what we would show agree, for each placement in `rows` (columns of `PLACEMENTS`): `AGREEMENT`.

    `agreement` is the share of the items of either that are in both; null where one side makes no such placement at all.
    """
    return (
        rows.group_by(pl.col("strategy").alias("strip"))
        .agg(
            (pl.col("logged") & pl.col("derived")).sum().cast(pl.UInt32).alias("both"),
            (pl.col("logged") & ~pl.col("derived")).sum().cast(pl.UInt32).alias("logged_only"),
            (~pl.col("logged") & pl.col("derived")).sum().cast(pl.UInt32).alias("derived_only"),
            pl.col("logged").any().alias("logs_it"),
        )
        .with_columns(pl.col("strip").is_in(list(strategies())).alias("defined"))
        .with_columns(
            pl.when("defined", "logs_it")
            .then(pl.col("both") / (pl.col("both") + pl.col("logged_only") + pl.col("derived_only")))
            .alias("agreement")
        )
        .sort("logs_it", "agreement", "strip", descending=[True, False, False], nulls_last=True)
        .select(*AGREEMENT)
    )


def disagreements(rows: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The items of `rows` (columns of `PLACEMENTS`) on one side alone, in the columns of `DISAGREEMENTS`.

    `since`: last shown. `reason`, the likely one: no_strategy (we make no such placement), shown_before (last shown more
    than `OLD` ago, while ours is of now), no_act (nothing the customer did is behind it), other_choice; never_shown (the
    log has no such placement), not_shown. Shown ones first.
    """
    shown = pl.col("logged")
    in_log = rows.filter(shown)["strategy"].unique()
    reason = (
        pl.when(shown & ~pl.col("strategy").is_in(list(strategies())))
        .then(pl.lit("no_strategy"))
        .when(shown & (pl.col("last_shown") < ctx.at - OLD))
        .then(pl.lit("shown_before"))
        .when(shown & (pl.col("standing") == "unexplained"))
        .then(pl.lit("no_act"))
        .when(shown)
        .then(pl.lit("other_choice"))
        .when(~pl.col("strategy").is_in(in_log.implode()))
        .then(pl.lit("never_shown"))
        .otherwise(pl.lit("not_shown"))
    )
    return (
        rows.filter(shown != pl.col("derived"))
        .with_columns(
            reason.alias("reason"),
            pl.when(shown).then(pl.lit("logged_only")).otherwise(pl.lit("derived_only")).alias("side"),
            pl.col("last_shown").alias("since"),
            pl.col("customer_id").alias("customer"),
            pl.col("strategy").alias("strip"),
        )
        .sort("logged", "strip", "customer", "item_id", descending=[True, False, False, False])
        .select(*DISAGREEMENTS)
    )
