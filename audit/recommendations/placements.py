"""What a customer was recommended: the strips that were shown and those we would make, held together."""

import polars as pl

from audit.events.schema import TIME
from audit.population.context import PopulationContext
from audit.recommendations.derive import derive
from audit.recommendations.logged import logged
from audit.recommendations.placement_schema import STRIP
from audit.recommendations.strategies import strategies

STRIPS: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "item_id": pl.String(),
    "strategy": pl.String(),
    "title": pl.String(),
    "score": pl.Float64(),
    "standing": pl.String(),
    "logged": pl.Boolean(),
    "derived": pl.Boolean(),
    "reason": pl.String(),
    "evidence": pl.List(pl.String()),
    "until": TIME,
    "own_items": STRIP["own_items"],
    "shown": pl.List(pl.String()),
    "last_shown": TIME,
}
"""The columns of `strips`: those of a recommendation in `whysent show`, and what stands behind them."""

UNNAMED = "shown"
"""The strategy of a showing whose log names neither a known strategy nor a placement."""

_KEY = ("customer_id", "item_id", "strategy")


def strips(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Every item the whole customers in `events` were shown, or would be at `ctx.at`, in the columns of `STRIPS`.

    A showing meets ours in item and strategy, or in the item alone where its log names no strategy we know.
    `standing`: stated (the log says why), derived, inferred (the customer did something with the item or in its
    category before), unexplained. `score` and `until` are ours. `evidence`: the events of our reconstruction,
    else those that showed it. Shown ones first, the newest first; then ours by strategy, the best first.
    """
    ours = derive(events, ctx).with_row_index("rank")
    theirs = _one_each(_met(logged(events, ctx), ours))
    both = theirs.join(ours, on=_KEY, how="full", coalesce=True, suffix="_ours", nulls_equal=True)
    return _described(both)


def _met(theirs: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """Give showings without a known strategy that of ours for the item, else the name of their placement."""
    best = ours.unique(("customer_id", "item_id"), keep="first", maintain_order=True)
    best = best.select("customer_id", "item_id", pl.col("strategy").alias("ours"))
    named = pl.coalesce("strategy", "ours", "placement", pl.lit(UNNAMED)).alias("strategy")
    return theirs.join(best, on=("customer_id", "item_id"), how="left", maintain_order="left").with_columns(
        named
    )


def _one_each(theirs: pl.DataFrame) -> pl.DataFrame:
    return theirs.group_by(_KEY, maintain_order=True).agg(
        pl.col("title").drop_nulls().first(),
        pl.col("stated").drop_nulls().first(),
        pl.col("last").max().alias("last_shown"),
        pl.col("shown").explode(empty_as_null=True),
        pl.col("could_be").any(),
    )


def _described(both: pl.DataFrame) -> pl.DataFrame:
    places = {name: place for place, name in enumerate(strategies())}
    return (
        both.with_columns(
            pl.col("shown").is_not_null().alias("logged"),
            pl.col("rank").is_not_null().alias("derived"),
            pl.col("strategy").replace_strict(places, default=len(places), return_dtype=pl.Int8).alias("place"),
        )
        .with_columns(
            pl.coalesce("title", "title_ours", "item_id").alias("title"),
            _standing().alias("standing"),
            pl.coalesce(_stated(), "reason", _unsaid()).alias("reason"),
            pl.coalesce("evidence", "shown").alias("evidence"),
        )
        .sort(
            "customer_id", "logged", "last_shown", "place", "rank", "item_id", "strategy",
            descending=[False, True, True, False, False, False, False], nulls_last=True,
        )
        .select(*STRIPS)
    )  # fmt: skip


def _standing() -> pl.Expr:
    return (
        pl.when(pl.col("stated").is_not_null())
        .then(pl.lit("stated"))
        .when("derived")
        .then(pl.lit("derived"))
        .when(pl.col("could_be").fill_null(value=False))
        .then(pl.lit("inferred"))
        .otherwise(pl.lit("unexplained"))
    )


def _stated() -> pl.Expr:
    says = pl.format('The log says: "{}".', "stated")
    return pl.when(pl.col("reason").is_not_null()).then(pl.format("{} {}", says, "reason")).otherwise(says)


def _unsaid() -> pl.Expr:
    return pl.format(
        "Shown last on {}; the log does not say why.", pl.col("last_shown").dt.strftime("%Y-%m-%d")
    )
