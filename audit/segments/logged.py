"""The segments that others put customers into, as their log has it: at one moment, and over time."""

import polars as pl

from audit.events.schema import TIME
from audit.population.stats import PopulationContext

KINDS = ("segment_entered", "segment_left", "segment_snapshot")

LOGGED: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "segment_id": pl.String(),
    "since": TIME,
    "source": pl.String(),
    "source_name": pl.String(),
    "purpose": pl.String(),
    "category": pl.String(),
    "states_why": pl.Boolean(),
    "events": pl.List(pl.String()),
}
"""The columns of `logged`."""

LOG = ("customer_id", "segment_id", "entered", "left", "entered_by", "left_by")
"""The columns of `logged_history`."""

_BY = ("customer_id", "segment_id")


def _rows(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """What the log says of segments until `ctx.at`."""
    return events.filter(
        pl.col("kind").is_in(KINDS), pl.col("segment_id").is_not_null(), pl.col("occurred_at") <= ctx.at
    )


def logged(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """The segments that the newest logged row says a customer is in, at `ctx.at`: one row a customer and segment.

    `since` (µs, UTC): the first row of the present run, after any `segment_left`; `events`: the event_ids of that
    run, oldest first; the other columns are its newest that say something. `states_why`: a row of it names a
    trigger, or an entry names a reason; a snapshot tells no reason. In order of customer, since and segment_id.
    """
    left = pl.col("kind") == "segment_left"
    run = (
        _rows(events, ctx)
        .with_columns(left.cum_sum(reverse=True).over(_BY).alias("leaving_after"))
        .filter((pl.col("leaving_after") == 0) & ~left)
    )
    why = pl.col("trigger").is_not_null() | (
        (pl.col("kind") == "segment_entered") & pl.col("reason").is_not_null()
    )
    newest = ("source", "source_name", "purpose", "category")
    return (
        run.group_by(_BY, maintain_order=True)
        .agg(
            pl.col("occurred_at").first().alias("since"),
            *(pl.col(name).drop_nulls().last() for name in newest),
            why.any().alias("states_why"),
            pl.col("event_id").alias("events"),
        )
        .sort("customer_id", "since", "segment_id")
        .select(*LOGGED)
    )


def logged_history(events: pl.DataFrame, ctx: PopulationContext) -> pl.DataFrame:
    """Every spell until `ctx.at` that somebody else logged, in the columns of `LOG`, in order of customer and entry.

    A spell goes from the first row that puts the customer in (or finds them in) to the next that takes them out.
    """
    out = pl.col("kind") == "segment_left"
    number = out.shift(1).fill_null(value=False).cum_sum().over(_BY)
    return (
        _rows(events, ctx)
        .with_columns(number.alias("spell"), out.alias("out"))
        .group_by(*_BY, "spell", maintain_order=True)
        .agg(
            pl.col("occurred_at").filter(~pl.col("out")).first().alias("entered"),
            pl.col("occurred_at").filter("out").first().alias("left"),
            pl.col("event_id").filter(~pl.col("out")).alias("entered_by"),
            pl.col("event_id").filter("out").alias("left_by"),
        )
        .sort("customer_id", pl.coalesce("entered", "left"), "segment_id")
        .select(*LOG)
    )
