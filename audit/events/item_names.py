"""What an item is called: by the name that most of its rows have."""

import polars as pl


def usual_names(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """The usual name of each thing told apart `by` columns: `*by, item_name`, in no order; without it those that have none.

    `rows`: with `item_name, occurred_at` (µs, UTC). Blanks at the ends and in a row do not count. Of names that equally
    many rows have, the latest.
    """
    spelled = rows.select(*by, "item_name", "occurred_at").drop_nulls((*by, "item_name"))
    once = spelled.group_by(*by, "item_name").agg(pl.len().alias("rows"), pl.col("occurred_at").max())
    blanks = pl.col("item_name").str.replace_all(r"\s+", " ").str.strip_chars()
    return (
        once.with_columns(blanks)
        .filter(pl.col("item_name") != "")
        .group_by(*by, "item_name")
        .agg(pl.col("rows").sum(), pl.col("occurred_at").max())
        .sort("rows", "occurred_at", "item_name")
        .unique(by, keep="last")
        .select(*by, "item_name")
    )


def nameless(item_id: pl.Expr) -> pl.Expr:
    """What is said of an item that no row names."""
    return pl.format("item {}, without a name in the data", item_id)
