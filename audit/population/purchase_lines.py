"""The lines of the orders that stand, of all customers, as numbers: what is counted of purchases is counted over these."""

from collections.abc import Iterator

import polars as pl

from audit.events.purchases import ORDER, READ, is_return, without_undone
from audit.events.vocabulary import DISCOUNTS, carries

CODED = ("customer_id", "item_id", "item_name", "category")
"""The columns that are numbers (`Enum`, in the order of their texts), so that grouping and sorting by them is cheap."""

_ROWS = 1_000_000
"""Events of so many rows are read at a time, whole customers, so that their texts are never held together."""


def purchase_lines(events: pl.LazyFrame) -> pl.DataFrame:
    """The lines of orders that stand at the end of `events` (canonical columns, whole customers in order).

    Columns `customer_id, item_id, item_name, category` (`CODED`), `occurred_at` (µs, UTC), `quantity, price, order` (the
    number of the order, of one line without an order_id its own), `has_order_id`, `at_discount` (`carries(DISCOUNTS)`).
    """
    acts = events.filter((pl.col("kind") == ORDER) | is_return()).select(*READ, "category", "attributes")
    different = acts.filter(pl.col("kind") == ORDER).select(
        pl.col(name).drop_nulls().unique().sort().implode() for name in CODED
    )
    codes = {name: pl.Enum(values.explode()) for name, values in different.collect().to_dict().items()}
    parts, orders = [], 0
    for part in whole_customers(acts):
        part_lines = _lines(part, codes).with_columns(pl.col("order") + orders)
        orders += part_lines.height
        parts.append(part_lines)
    return pl.concat(parts) if parts else _lines(acts, codes)


def whole_customers(events: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """`events` in parts of about `_ROWS` rows, no customer in two; a customer with more is taken whole."""
    counts = events.group_by("customer_id").len().sort("customer_id").collect()
    bounds = (
        counts.group_by(pl.col("len").cum_sum() // _ROWS, maintain_order=True)
        .agg(pl.col("customer_id").first().alias("first"), pl.col("customer_id").last().alias("last"))
        .select("first", "last")
        .rows()
    )
    if len(bounds) == 1:
        yield events
        return
    for first, last in bounds:
        yield events.filter(pl.col("customer_id").is_between(pl.lit(first), pl.lit(last)))


def _lines(acts: pl.LazyFrame, codes: dict[str, pl.Enum]) -> pl.DataFrame:
    rows = without_undone(acts.collect()).filter(pl.col("kind") == ORDER).with_row_index("line")
    has_order_id = (pl.col("order_id") != "").fill_null(value=False)
    first_line = pl.col("line").first().over("customer_id", "order_id")
    at_discount = rows.select(pl.col("attributes").unique()).filter(carries(DISCOUNTS))["attributes"]
    return rows.select(
        *(pl.col(name).cast(dtype) for name, dtype in codes.items()),
        "occurred_at", "quantity", "price",
        pl.when(has_order_id).then(first_line).otherwise("line").alias("order"),
        has_order_id.alias("has_order_id"),
        pl.col("attributes").is_in(at_discount.implode()).fill_null(value=False).alias("at_discount"),
    )  # fmt: skip
