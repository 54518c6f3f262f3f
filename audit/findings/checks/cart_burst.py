"""Cart reminders closer together than such a series is designed, or too many for one cart."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import ONE_ORDER, Audited, newest_before
from audit.findings.checks.carts import reminding
from audit.findings.schema import (
    found,
    none,
    rules,
    several,
)


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Reminders of one cart less than the hours after the one before (`close`), or beyond the steps (`many`).

    A cart begins with what is put in after an order, or after so many idle hours. One finding a campaign.
    """
    limits = check.thresholds
    sent = reminding(audited)
    if sent.is_empty():
        return none()
    rows = _with_cart(sent, audited, timedelta(hours=limits["idle_hours"]))
    series = ("customer_id", "campaign", "cart")
    rows = rows.with_columns(
        (pl.col("occurred_at") - pl.col("occurred_at").shift(1).over(series)).alias("gap"),
        (pl.int_range(pl.len()).over(series) >= limits["steps"]).alias("many"),
        pl.col("event_id").first().over(series).alias("opening"),
    ).with_columns((pl.col("gap") < timedelta(hours=limits["hours"])).fill_null(value=False).alias("close"))
    return _findings(rows.filter(pl.col("close") | pl.col("many")), limits["hours"], limits["steps"])


def _with_cart(rows: pl.DataFrame, audited: Audited, idle: timedelta) -> pl.DataFrame:
    """Add `cart`: the time the cart began whose newest act lies before the message; null where no cart is known."""
    acts = audited.of_kind("product_added", "order_completed").select("customer_id", *ONE_ORDER, "kind")
    before = pl.col("occurred_at").shift(1).over("customer_id")
    ordered = pl.col("kind").shift(1).over("customer_id") == "order_completed"
    begins = (pl.col("occurred_at") - before > idle) | ordered | before.is_null()
    adds = (
        acts.with_columns(pl.when(begins).then("occurred_at").alias("cart"))
        .with_columns(pl.col("cart").forward_fill().over("customer_id"))
        .filter(pl.col("kind") == "product_added")
    )
    return newest_before(rows, adds, ["customer_id"], ["cart"]).with_columns(pl.col("act_cart").alias("cart"))


def _findings(late: pl.DataFrame, hours: int, steps: int) -> pl.DataFrame:
    rows = late.group_by("customer_id", "campaign", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("close").any(),
        pl.col("gap").filter("close").min().dt.total_minutes().alias("minutes"),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").alias("messages"),
        pl.col("act_id").drop_nulls().unique(maintain_order=True).alias("cause"),
        pl.col("opening").unique(maintain_order=True),
    )
    case = pl.when(pl.col("close")).then(pl.lit("close")).otherwise(pl.lit("many"))
    reminders_sent = several(pl.col("count"), "cart reminder")
    close = pl.format(
        "{} came too soon after the one before, the closest {} minutes after it.", reminders_sent, "minutes"
    )
    many = pl.format("{} beyond the first {} for one cart.", reminders_sent, pl.lit(steps))
    made = rows.with_columns(case.alias("case"))
    return found(
        made.with_columns(
            pl.col("campaign").alias("subject"),
            pl.when(pl.col("close")).then(close).otherwise(many).alias("text"),
            pl.concat_list("cause", "opening", "messages").list.unique(maintain_order=True).alias("evidence"),
            rules(made, ("campaign", "case"), lambda campaign, case: _rule(campaign, case, hours, steps)),
        )
    )


def _rule(campaign: str, case: str, hours: int, steps: int) -> dict[str, Any]:
    common = {"id": f"cart-pace-{campaign}", "title": "Cart reminders at their pace", "campaigns": [campaign]}
    if case == "close":
        return {**common, "kind": "min_gap", "window": f"{hours}h"}
    return {**common, "kind": "frequency_cap", "limit": steps, "window": "30d"}
