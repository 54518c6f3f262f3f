"""Where customers and prices stand among all: the fifths of customers by value, the thirds of prices by category."""

from datetime import timedelta

import polars as pl

QUANTILES: dict[str, pl.DataType] = {
    "measure": pl.String(), "share": pl.Float64(), "value": pl.Float64(),
}  # fmt: skip
PRICES: dict[str, pl.DataType] = {"category": pl.String(), "low": pl.Float64(), "high": pl.Float64()}

YEAR = timedelta(days=365)
"""What `customer_quantiles` counts orders and money in."""

FIFTHS = (0.2, 0.4, 0.6, 0.8)

MIN_RANKED = 50
"""House value: fifths of fewer customers are ten people or fewer, and say more about them than about the others."""

MIN_PRICES = 30
"""House value: thirds of fewer prices than ten each are an accident of which goods were bought."""


def customer_quantiles(orders: pl.DataFrame) -> pl.DataFrame:
    """Where the fifths of customers part, by recency, frequency and money: `measure, share, value`.

    Of everybody with an order: `recency` (days from the last order to the newest of all), `orders` and `spent`
    (quantity x price) in the `YEAR` before that newest order; `value` is the least that is not below the `share`.
    Recency, frequency, monetary value in fifths: Hughes, Strategic Database Marketing (1994). Empty where fewer than
    `MIN_RANKED` have an order.
    """
    if orders.is_empty() or orders["customer_id"].n_unique() < MIN_RANKED:
        return pl.DataFrame(schema=QUANTILES)
    newest = orders["occurred_at"].max()
    order = pl.coalesce("order_id", pl.concat_str(pl.lit("event:"), "event_id"))
    recent = pl.col("occurred_at") > pl.lit(newest) - YEAR
    customers = orders.group_by("customer_id").agg(
        ((pl.lit(newest) - pl.col("occurred_at").max()).dt.total_seconds() / 86_400).alias("recency"),
        order.filter(recent).n_unique().cast(pl.Float64).alias("orders"),
        (pl.col("quantity").fill_null(1.0) * pl.col("price")).filter(recent).sum().alias("spent"),
    )
    rows = [
        (measure, share, customers[measure].quantile(share, "higher"))
        for measure in ("recency", "orders", "spent")
        for share in FIFTHS
    ]
    return pl.DataFrame(rows, schema=QUANTILES, orient="row")


def prices(orders: pl.DataFrame) -> pl.DataFrame:
    """Where the prices of one piece part into thirds, for each category path with `MIN_PRICES` priced rows."""
    return (
        orders.drop_nulls(["category", "price"])
        .group_by("category")
        .agg(
            pl.col("price").quantile(1 / 3, "higher").alias("low"),
            pl.col("price").quantile(2 / 3, "higher").alias("high"),
            pl.len().alias("rows"),
        )
        .filter(pl.col("rows") >= MIN_PRICES)
        .sort("category")
        .select(*PRICES)
    )
