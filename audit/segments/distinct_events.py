"""What counts and sums add up: the events of a condition, those that count once made one."""

from dataclasses import replace

import polars as pl

from audit.segments.event_selection import Selected
from audit.segments.model import Condition

CENTS = 100
"""Money is summed in whole hundredths, so that adding and taking away leave nothing over."""

_KEYS = ("person", "group")


def reduced(selected: Selected, condition: Condition) -> pl.DataFrame:
    """The events that `condition` adds up, in the least rows that say it; conditions that differ in limits share them.

    Of a sum `person, group, occurred_at, weight`: what was paid at once. Of a count of orders, items or days
    `person, group, occurred_at, again`: when an event of it happened, and when the next of the same one did. Of
    everything else the events themselves.
    """
    paid = condition.test == "sum"
    if not paid and (condition.test != "count" or condition.things == "event"):
        return selected.grouped(condition)
    same = replace(condition, at_least=1, window=None, share=0.0, fifth=None, window_fifth=None)
    if same not in selected.reduced:
        rows = selected.grouped(condition)
        selected.reduced[same] = _paid(rows) if paid else _units(rows, condition.things)
    return selected.reduced[same]


def _paid(rows: pl.DataFrame) -> pl.DataFrame:
    spent = (pl.col("quantity").fill_null(1.0) * pl.col("price") * CENTS).round().cast(pl.Int64)
    return rows.group_by(*_KEYS, "occurred_at").agg(spent.sum().alias("weight"))


def _units(rows: pl.DataFrame, things: str) -> pl.DataFrame:
    units = rows.select(*_KEYS, _unit(things).alias("unit"), "occurred_at").drop_nulls("unit")
    units = units.filter(_new("person", "group", "unit", "occurred_at"))  # most repeats stand together
    unit = pl.col("unit") if things == "day" else _number("unit")
    units = units.with_columns(_number("group").alias("name"), unit)
    units = units.sort("person", "name", "unit", "occurred_at")
    units = units.filter(_new("person", "name", "unit", "occurred_at"))
    following = ~_new("person", "name", "unit").shift(-1, fill_value=True)
    return units.select(
        *_KEYS, "occurred_at", pl.when(following).then(pl.col("occurred_at").shift(-1)).alias("again")
    )


def _unit(things: str) -> pl.Expr:
    if things == "order":
        return pl.coalesce("order_id", pl.concat_str(pl.lit("event:"), "event_id"))
    return pl.col("item_id") if things == "item" else pl.col("occurred_at").dt.date()


def _new(*columns: str) -> pl.Expr:
    """Whether a row differs from the one before it."""
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in columns)


def _number(name: str) -> pl.Expr:
    """A number for each different text: it sorts faster, in an order of its own."""
    return pl.col(name).cast(pl.Categorical).to_physical()
