"""Reminded of a cart whose goods were already bought when the message was sent."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import (
    ONE_ORDER,
    Audited,
    lies_before,
    newest_before,
)
from audit.findings.checks.carts import reminders
from audit.findings.schema import (
    ABOUT,
    day,
    found,
    rules,
    several,
)


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Cart reminders with an order of the item between its last way into the cart and the message, by item.

    Without a recorded cart, an order of the item in the days before counts.
    """
    carts = reminders(audited).with_columns(
        pl.col("item_id").alias("own_item"),
        pl.coalesce("item_id", "act_item_id").alias("item_id"),
        pl.coalesce("item_name", "act_item_name", "item_id", "act_item_id").alias("about"),
        pl.coalesce("category", "act_category").alias("category"),
        pl.col("act_id").alias("add_id"),
        pl.col("act_at").alias("add_at"),
    )
    orders = audited.orders.select("customer_id", *ONE_ORDER, "item_id")
    joined = newest_before(carts.drop("^act_.*$"), orders, ["customer_id", "item_id"], [])
    later = lies_before("add_at", "act_at", act_id="add_id", event_id="act_id")
    recent = pl.col("occurred_at") - pl.col("act_at") < timedelta(days=check.thresholds["lookback_days"])
    bought = joined.filter(pl.when(pl.col("add_id").is_null()).then(recent).otherwise(later))
    return _findings(bought)


def _findings(bought: pl.DataFrame) -> pl.DataFrame:
    rows = bought.group_by("customer_id", "item_id", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("about").first(),
        pl.col("category").first(),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").alias("messages"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        pl.col("add_id").drop_nulls().unique(maintain_order=True).alias("adds"),
        day(pl.col("act_at").min()).alias("since"),
        ((pl.col("occurred_at") - pl.col("act_at")).max().dt.total_days() + 1).alias("days"),
        pl.col("campaign").unique(maintain_order=True).alias("campaigns"),
        pl.col("own_item").is_not_null().all().alias("named"),
    )
    text = pl.format(
        "{} about {} after the purchase on {}.",
        several(pl.col("count"), "cart reminder"),
        pl.lit(ABOUT),
        "since",
    )
    return found(
        rows.with_columns(
            pl.lit("bought").alias("case"),
            pl.col("item_id").alias("subject"),
            text.alias("text"),
            pl.concat_list("adds", "cause", "messages").alias("evidence"),
            rules(rows, ("campaigns", "days", "named"), _rule),
        )
    )


def _rule(campaigns: list[str], days: int, named: bool) -> dict[str, Any]:
    return {
        "id": f"no-cart-mail-after-order-{campaigns[0]}",
        "kind": "cooldown",
        "title": "No cart reminder after the order",
        "campaigns": campaigns,
        "after": "order_completed",
        "same": "item" if named else "nothing",
        "window": f"{days}d",
    }
