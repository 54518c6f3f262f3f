"""Goods on their way that no act of the customer asked for."""

from collections.abc import Iterable

import polars as pl

from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.schema import ABOUT, day, detected


class UnrequestedShipment(Check):
    """Goods that were sent ahead of an order."""

    id = "unrequested-shipment"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Orders whose source is `inferred`: the sender placed them, the customer did not. One finding an item."""
        decisions = context.of_kind("decision_made").select(
            "customer_id", "item_id", pl.col("event_id").alias("cause")
        )
        causes = decisions.drop_nulls().group_by("customer_id", "item_id", maintain_order=True).agg("cause")
        rows = (
            context.orders.filter(pl.col("source") == "inferred")
            .with_columns(_goods().alias("subject"))
            .group_by("customer_id", "subject", maintain_order=True)
            .agg(
                pl.col("item_id").first(),
                pl.coalesce("item_name", "item_id").first().alias("about"),
                pl.col("category").first(),
                pl.len().alias("count"),
                pl.col("occurred_at").min().alias("first_at"),
                pl.col("occurred_at").max().alias("last_at"),
                pl.col("event_id").alias("evidence"),
            )
            .join(causes, on=["customer_id", "item_id"], how="left", maintain_order="left")
        )
        text = pl.format(
            "{} went out on {} though no order of the customer asked for it.",
            pl.lit(ABOUT), day(pl.col("first_at")),
        )  # fmt: skip
        return detected(rows, case=pl.lit("inferred"), total=pl.lit(0), text=text)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Orders of the same goods by the customer."""
        orders = context.orders.filter(_goods() == finding["subject"])
        yield ExcludedEvents("order", orders, "not placed by the sender")


def _goods() -> pl.Expr:
    return pl.coalesce("item_id", "category", "order_id", "event_id")
