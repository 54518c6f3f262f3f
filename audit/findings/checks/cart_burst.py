"""Cart reminders closer together than such a series is designed, or too many for one cart."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from audit.events.vocabulary import campaign_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext, newest_before
from audit.findings.checks.cart_after_purchase import cart_reminders
from audit.findings.schema import days, detected, nothing_detected, several
from audit.findings.suggested_rule import Rule, quoted, rule_column, shortest, slugs

_NEAR_DAYS = "3d"
"""House value: a cart that is mailed about began at most so long before; where it did not, all events are looked at."""


_BY = ("customer_id", "campaign")


_SERIES_DAYS = (7, 30, 90)
"""House values: so long may the reminders of one cart go on, the shortest that is long enough."""


class CartBurst(Check):
    """A cart series that goes too fast or on for too long."""

    id = "cart-burst"
    alike = "themselves"
    again = "Since {since} no reminder of this series has come too soon or too often"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Reminders of one cart less than the hours after the one before (`close`), or beyond the steps (`many`).

        A cart begins with what is put in after an order, or after so many idle hours. One finding a campaign.
        """
        limits = self.thresholds
        reminders = cart_reminders(context)
        if reminders.is_empty():
            return nothing_detected()
        rows = _with_cart(reminders, context, timedelta(hours=limits["idle_hours"]))
        series = ("customer_id", "campaign", "cart")
        close = (pl.col("gap") < timedelta(hours=limits["hours"])).fill_null(value=False)
        rows = rows.with_columns(
            (pl.col("occurred_at") - pl.col("occurred_at").shift(1).over(series)).alias("gap"),
            (pl.int_range(pl.len()).over(series) >= limits["steps"]).alias("many"),
            pl.col("event_id").first().over(series).alias("opening"),
            pl.col("occurred_at").first().over(series).alias("opened_at"),
        ).with_columns(close.alias("close"))
        return _detected(
            rows.with_columns(excess=pl.col("close") | pl.col("many")), limits["hours"], limits["steps"]
        )

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Reminders of the same campaign that kept to the pace."""
        hours, steps = self.thresholds["hours"], self.thresholds["steps"]
        messages = cart_reminders(context).filter(pl.col("campaign") == finding["subject"])
        reason = "{} hours or more after the one before, and among the first {} for its cart"
        yield ExcludedEvents("message", messages, reason, (hours, steps))

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """The hours after the last of its messages."""
        return context.last_of(finding["messages"]) + timedelta(hours=self.thresholds["hours"])

    def nearest_events(self, events: pl.DataFrame, evidence: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """Carts, orders and messages of the campaigns in the days before one of its messages."""
        carts = pl.col("kind").is_in(["product_added", "order_completed"])
        campaigns = pl.col("campaign_id").is_in(evidence["campaign_id"].drop_nulls().implode())
        messages = evidence.filter(pl.col("kind") == "message_sent").select(
            pl.col("occurred_at").alias("sent_at")
        )
        near = (
            events.filter(carts | campaigns)
            .sort("occurred_at", maintain_order=True)
            .join_asof(
                messages.sort("sent_at"),
                left_on="occurred_at", right_on="sent_at", strategy="forward", tolerance=_NEAR_DAYS,
            )
        )  # fmt: skip
        yield near.filter(pl.col("sent_at").is_not_null()).drop("sent_at")


def _with_cart(reminders: pl.DataFrame, context: CheckContext, idle: timedelta) -> pl.DataFrame:
    """Add `cart`: the time the cart began whose newest act lies before the message; null where no cart is known."""
    acts = context.of_kind("product_added", "order_completed").select("customer_id", *ORDER, "kind")
    before = pl.col("occurred_at").shift(1).over("customer_id")
    ordered = pl.col("kind").shift(1).over("customer_id") == "order_completed"
    begins = (pl.col("occurred_at") - before > idle) | ordered | before.is_null()
    adds = (
        acts.with_columns(pl.when(begins).then("occurred_at").alias("cart"))
        .with_columns(pl.col("cart").forward_fill().over("customer_id"))
        .filter(pl.col("kind") == "product_added")
    )
    rows = newest_before(reminders, adds, ["customer_id"], ["cart"])
    return rows.with_columns(pl.col("act_cart").alias("cart"))


def _detected(reminders: pl.DataFrame, hours: int, steps: int) -> pl.DataFrame:
    begin, last = (pl.col(name).filter("excess") for name in ("opened_at", "occurred_at"))
    spoken_of = pl.col("occurred_at").is_between(begin.min().over(_BY), last.max().over(_BY))
    excess = pl.col("excess")
    rows = (
        reminders.filter(spoken_of)
        .group_by(_BY, maintain_order=True)
        .agg(
            pl.len().alias("total"),
            excess.sum().alias("count"),
            pl.col("event_id").filter(excess).alias("messages"),
            pl.col("occurred_at").min().alias("first_at"),
            pl.col("occurred_at").max().alias("last_at"),
            pl.when(pl.col("close").any()).then(pl.lit("close")).otherwise(pl.lit("many")).alias("case"),
            pl.col("many").any(),
            campaign_expr().drop_nulls().unique(maintain_order=True).alias("campaigns"),
            ((pl.col("occurred_at") - pl.col("opened_at")).max().dt.total_days() + 1).alias("days"),
            pl.col("gap").filter("close").min().dt.total_minutes().alias("minutes"),
            pl.col("act_id").filter(excess).drop_nulls().unique(maintain_order=True).alias("cause"),
            pl.col("opening").filter(excess).unique(maintain_order=True),
        )
    )
    beyond = f"beyond the first {steps} for one cart"
    close = pl.format(
        "less than {} hours after the one before (the closest {}){}",
        pl.lit(hours), several(pl.col("minutes"), "minute"),
        pl.when("many").then(pl.lit(f" or {beyond}")).otherwise(pl.lit("")),
    )  # fmt: skip
    reason = pl.when(pl.col("case") == "close").then(close).otherwise(pl.lit(beyond))
    number = several(pl.col("total"), "cart reminder")
    return detected(
        rows,
        subject="campaign",
        excess="count",
        text=pl.format("{} {}: {} too many, {}.", number, days(), "count", reason),
        evidence=pl.concat_list("cause", "opening", "messages").list.unique(maintain_order=True),
        rule=rule_column(rows, ("campaigns", "case", "days"), _rule, hours=hours, steps=steps),
    )


def _rule(campaigns: list[str], case: str, days: int, hours: int, steps: int) -> Rule | None:
    if not campaigns:
        return None
    common = {"id": f"cart-pace-{hours}h-{slugs(campaigns)}", "campaigns": campaigns}
    if case == "close":
        title = f"At least {hours} hours between cart reminders ({quoted(campaigns)})"
        return {**common, "kind": "min_gap", "title": title, "window": f"{hours}h"}
    span = shortest(days, *_SERIES_DAYS)
    title = f"At most {steps} cart reminders in {span} days ({quoted(campaigns)})"
    id_ = f"cart-{steps}-in-{span}d-{slugs(campaigns)}"
    return {
        **common,
        "id": id_,
        "kind": "frequency_cap",
        "title": title,
        "limit": steps,
        "window": f"{span}d",
    }
