"""Goods on their way that no act of the customer asked for."""

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import ABOUT, day, found


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Orders whose source is `inferred`: the sender placed them, the customer did not. One finding an item."""
    del check
    placed = audited.orders.filter(pl.col("source") == "inferred")
    decided = audited.of_kind("decision_made").select(
        "customer_id", "item_id", pl.col("event_id").alias("decision")
    )
    causes = decided.drop_nulls().group_by("customer_id", "item_id", maintain_order=True).agg("decision")
    rows = (
        placed.with_columns(pl.coalesce("item_id", "category", "order_id", "event_id").alias("subject"))
        .group_by("customer_id", "subject", maintain_order=True)
        .agg(
            pl.col("item_id").first(),
            pl.coalesce("item_name", "item_id").first().alias("about"),
            pl.col("category").first(),
            pl.len().alias("count"),
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("event_id").alias("evidence"),
        )
        .join(causes, on=["customer_id", "item_id"], how="left", maintain_order="left")
    )
    text = pl.format(
        "{} went out on {} though no order of the customer asked for it.", pl.lit(ABOUT), day(pl.col("first"))
    )
    return found(
        rows.with_columns(
            pl.lit("inferred").alias("case"),
            text.alias("text"),
            pl.col("decision").alias("cause"),
        )
    )
