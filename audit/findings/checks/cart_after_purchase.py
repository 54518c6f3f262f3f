"""Reminded of a cart whose goods were already bought when the message was sent."""

import re
from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from audit.events.vocabulary import campaign_expr, comes_before_expr
from audit.findings import catalogue
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext, newest_before, newest_bought_before
from audit.findings.schema import ABOUT, day, detected, message_columns, several
from audit.findings.suggested_rule import Rule, rule_column, shortest, slugs

_SILENCE_DAYS = (7, 30, 90, 365)
"""House values: for so long no reminder goes out after the order, the shortest that is long enough."""


class CartAfterPurchase(Check):
    """Reminders of a cart that was bought."""

    id = "cart-after-purchase"
    alike = "themselves"
    again = "Since {since} no further reminder of it has come after it was bought"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Cart reminders with an order of the item between its last way into the cart and the message, by item.

        Without a recorded cart, an order of the item in the days before counts.
        """
        reminders = _with_cart_item(context).with_columns(
            pl.col("item_id").alias("stated_item"),
            pl.coalesce("item_id", "act_item_id").alias("item_id"),
            pl.coalesce("item_name", "act_item_name", "item_id", "act_item_id").alias("about"),
            pl.coalesce("category", "act_category").alias("category"),
            pl.col("act_id").alias("add_id"),
            pl.col("act_at").alias("add_at"),
        )
        orders = context.orders.select("customer_id", *ORDER, "item_id", "returned_at", "returned_id")
        joined = newest_bought_before(reminders.drop("^act_.*$"), orders, ["customer_id", "item_id"])
        after_adding = comes_before_expr("add_at", "add_id", "act_at", "act_id")
        lookback = timedelta(days=self.thresholds["lookback_days"])
        recent = pl.col("occurred_at") - pl.col("act_at") < lookback
        return _detected(
            joined.filter(pl.when(pl.col("add_id").is_null()).then(recent).otherwise(after_adding))
        )

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Reminders of the same item."""
        reminders = _with_cart_item(context).filter(
            pl.coalesce("item_id", "act_item_id") == finding["subject"]
        )
        after = "put into the cart again since, or long after the purchase"
        return split_at_cause(context, finding, reminders, before="before it was bought", after=after)


def cart_reminders(context: CheckContext) -> pl.DataFrame:
    """The marketing messages that remind of a cart, by their trigger or, without one, by their campaign.

    Added: `campaign` (id, else name, else trigger).
    """
    words = "|".join(re.escape(word) for word in catalogue.row(CartAfterPurchase.id).thresholds["words"])
    name = pl.coalesce(
        "known_trigger", pl.concat_str("campaign_id", pl.lit(" "), "campaign_name", ignore_nulls=True)
    )
    about_carts = name.str.to_lowercase().str.contains(rf"(^|[^\p{{L}}])({words})($|[^\p{{L}}])")
    return context.mailings.filter(about_carts.fill_null(value=False)).with_columns(
        campaign_expr("known_trigger").alias("campaign")
    )


def _with_cart_item(context: CheckContext) -> pl.DataFrame:
    """`cart_reminders`, with the newest product_added before each, of its own item where it names one.

    Added: `act_id, act_at, act_item_id, act_item_name, act_category`.
    """
    reminders = cart_reminders(context)
    columns = ["item_id", "item_name", "category"]
    adds = context.of_kind("product_added").select("customer_id", *ORDER, *columns)
    names_item = pl.col("item_id").is_not_null()
    with_item = newest_before(reminders.filter(names_item), adds, ["customer_id", "item_id"], columns)
    without_item = newest_before(reminders.filter(~names_item), adds, ["customer_id"], columns)
    return pl.concat([with_item, without_item]).sort("customer_id", *ORDER)


def _detected(bought: pl.DataFrame) -> pl.DataFrame:
    rows = bought.group_by("customer_id", "item_id", maintain_order=True).agg(
        *message_columns(),
        pl.col("about").first(),
        pl.col("category").first(),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        pl.col("add_id").drop_nulls().unique(maintain_order=True).alias("adds"),
        day(pl.col("act_at").min()).alias("since"),
        ((pl.col("occurred_at") - pl.col("act_at")).max().dt.total_days() + 1).alias("days"),
        campaign_expr().drop_nulls().unique(maintain_order=True).alias("campaigns"),
        pl.col("stated_item").is_not_null().all().alias("names_item"),
    )
    text = pl.format(
        "{} about {} after the purchase on {}.",
        several(pl.col("count"), "cart reminder"), pl.lit(ABOUT), "since",
    )  # fmt: skip
    return detected(
        rows,
        case=pl.lit("bought"),
        subject="item_id",
        text=text,
        evidence=pl.concat_list("adds", "cause", "messages"),
        rule=rule_column(rows, ("campaigns", "days", "names_item"), _rule),
    )


def _rule(campaigns: list[str], days: int, names_item: bool) -> Rule | None:
    if not campaigns:
        return None
    span = shortest(days, *_SILENCE_DAYS)
    same, of_what = ("item", "of the same item") if names_item else ("nothing", "")
    return {
        "id": f"no-cart-reminder-{span}d-after-order-{'of-item-' * names_item}{slugs(campaigns)}",
        "kind": "cooldown",
        "title": " ".join(f"No cart reminder in the {span} days after an order {of_what}".split()),
        "campaigns": campaigns,
        "after": "order_completed",
        "same": same,
        "window": f"{span}d",
    }
