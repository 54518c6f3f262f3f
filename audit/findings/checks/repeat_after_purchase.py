"""Mailed about an item or its category after it was bought, before a re-purchase is due."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check, data
from audit.findings.check_context import ONE_ORDER, Audited, newest_before
from audit.findings.schema import (
    ABOUT,
    amount,
    day,
    found,
    none,
    rules,
    words,
)
from audit.population.stats import moments

_SAYS = ("item_id", "category", "topics", "list_id", "known_trigger")
"""What tells what a message is about, or that it is a letter to everybody on a list."""

_OF_ORDERS = ("customer_id", *ONE_ORDER, "item_id", "category", "order_id", "source")
_COLUMNS = ("customer_id", *ONE_ORDER, *_SAYS, "channel", "campaign_id")


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Messages after one purchase of the same category (else item) while no re-purchase is due, per category.

    Categories agree when they are equal. Due is: the customer's own median interval between orders of the
    message's item, else of that category (two or more, up to the one before the message), else
    `facts.intervals`, else the fallback, except for consumables, of which nobody can say.
    """
    mailings = audited.mailings.select(_COLUMNS)
    orders = audited.orders.select(_OF_ORDERS)
    of_category = _after(mailings, orders, "category")
    of_item = _after(
        mailings.join(of_category, on=["customer_id", "event_id"], how="anti"), orders, "item_id"
    )
    early = [
        _early(rows, orders, audited, check).with_columns(
            pl.lit(key).alias("key"), pl.col(key).alias("subject")
        )
        for rows, key in ((of_category, "category"), (of_item, "item_id"))
        if rows.height
    ]
    made = [_findings(pl.concat(early), check)] if early else []
    return pl.concat([none(), *made, _unknown(mailings, orders, audited, check)])


def _after(mailings: pl.DataFrame, orders: pl.DataFrame, key: str) -> pl.DataFrame:
    """The mailings with an earlier order that has the same `key`; `act_*` is the newest such order."""
    by = ["customer_id", key]
    asked = mailings.join(orders.select(by).unique(), on=by, how="semi", maintain_order="left")
    rows = newest_before(asked, orders, by, ["item_id", "category", "source"])
    return rows.filter(pl.col("act_id").is_not_null())


def due(audited: Audited, check: Check, message: str) -> datetime | None:
    """When the re-purchase is due of what `message` (its event_id) is about; None where nobody can say.

    After the newest order of it, whether that lies before the message or after it.
    """
    orders = audited.orders.select(_OF_ORDERS)
    this = audited.mailings.select(_COLUMNS).filter(pl.col("event_id") == message)
    now = this.with_columns(pl.lit(audited.context.at).cast(this.schema["occurred_at"]).alias("occurred_at"))
    for key in ("category", "item_id"):
        rows = _after(now, orders, key)
        if rows.height:
            last = _with_due(rows, orders, audited, check).select(pl.col("act_at") + pl.col("due"))
            found: datetime | None = last.item()
            return found
    return None


def _early(rows: pl.DataFrame, orders: pl.DataFrame, audited: Audited, check: Check) -> pl.DataFrame:
    """Those of `rows` that came before the re-purchase was due."""
    return _with_due(rows, orders, audited, check).filter(
        pl.col("occurred_at") - pl.col("act_at") < pl.col("due")
    )


def _with_due(rows: pl.DataFrame, orders: pl.DataFrame, audited: Audited, check: Check) -> pl.DataFrame:
    """Add `due`: so long after the purchase the next one is; null where nobody can say."""
    fallback = timedelta(days=check.thresholds["fallback_days"])
    known = audited.context.facts.intervals.select(pl.col("category").alias("act_category"), pl.col("median"))
    due = pl.coalesce(
        "own_item_id",
        "own_category",
        "median",
        pl.when(~_consumable(pl.col("act_category"))).then(pl.lit(fallback, pl.Duration("us"))),
    )
    for key, of_message in (("item_id", "item_id"), ("category", "act_category")):
        rows = rows.join(
            _own_intervals(rows, orders, key, of_message),
            on=["customer_id", of_message, "act_at"],
            how="left",
        )
    return rows.join(known, on="act_category", how="left").with_columns(due.alias("due"))


def _own_intervals(rows: pl.DataFrame, orders: pl.DataFrame, key: str, of_message: str) -> pl.DataFrame:
    """The median interval between a customer's orders of an item or category, up to and with `act_at`.

    `of_message` is the column of `rows` that holds the item or category.
    """
    anchors = rows.select("customer_id", pl.col(of_message).alias(key), "act_at").drop_nulls().unique()
    if anchors.is_empty():
        nothing = pl.lit(None, pl.Duration("us")).alias(f"own_{key}")
        return anchors.select("customer_id", pl.col(key).alias(of_message), "act_at", nothing)
    gaps = (
        moments(orders.join(anchors, on=["customer_id", key], how="semi"), key)
        .with_columns(pl.col("occurred_at").diff().over("customer_id", key).alias("gap"))
        .drop_nulls("gap")
    )
    return (
        anchors.join(gaps, on=["customer_id", key], how="inner")
        .filter(pl.col("occurred_at") <= pl.col("act_at"))
        .group_by("customer_id", pl.col(key).alias(of_message), "act_at")
        .agg(pl.col("gap").median().alias(f"own_{key}"))
    )


def _consumable(category: pl.Expr) -> pl.Expr:
    words = [row["word"] for row in data("consumables.toml")["consumable"]]
    return (
        category.str.to_lowercase().str.split(" > ").list.set_intersection(words).list.len().fill_null(0) > 0
    )


def _findings(early: pl.DataFrame, check: Check) -> pl.DataFrame:
    per_purchase = ["customer_id", "key", "subject", "act_at"]
    often = early.filter(pl.len().over(per_purchase) >= check.thresholds["messages"])
    if often.is_empty():
        return none()
    rows = often.group_by("customer_id", "key", "subject", maintain_order=True).agg(
        pl.col("act_category").last().alias("category"),
        pl.col("item_id").last(),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.len().alias("count"),
        pl.col("event_id").sort_by(*ONE_ORDER).alias("messages"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        day(pl.col("act_at").min()).alias("since"),
        pl.col("act_at").n_unique().alias("purchases"),
        (pl.col("act_source") == "inferred").fill_null(value=False).all().alias("unasked"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
    )
    came = pl.when("unasked").then(pl.lit("sent without an order")).otherwise(pl.lit("bought"))
    once = pl.format(
        "{} about {} since one was {} on {}.", amount(pl.col("channel")), pl.lit(ABOUT), came, "since"
    )
    more = pl.format(
        "{} about {} soon after {} purchases of the same kind, the first on {}.",
        amount(pl.col("channel")), pl.lit(ABOUT), "purchases", "since",
    )  # fmt: skip
    high = pl.col("count") >= check.thresholds["high_at"]
    rows = rows.with_columns(
        pl.when(pl.col("purchases") == 1).then(once).otherwise(more).alias("text"),
        words(pl.col("category").fill_null(pl.col("subject"))).alias("about"),
        pl.when(high).then(pl.lit("high")).alias("severity"),
        pl.col("key").replace("item_id", "item").alias("case"),
        evidence=pl.col("cause").list.concat("messages"),
    )
    fallback = f"{check.thresholds['fallback_days']}d"
    return found(
        rows.with_columns(
            rules(rows, ("case", "subject"), lambda same, subject: _rule(same, subject, fallback))
        )
    )


def _rule(same: str, subject: str, fallback: str) -> dict[str, Any]:
    scope = "categories" if same == "category" else "items"
    return {
        "id": f"until-repurchase-{subject}",
        "kind": "cooldown",
        "title": f"Nothing about {subject} until a re-purchase is due",
        scope: [subject],
        "after": "order_completed",
        "same": same,
        "window": "repurchase",
        "fallback": fallback,
    }


def _unknown(mailings: pl.DataFrame, orders: pl.DataFrame, audited: Audited, check: Check) -> pl.DataFrame:
    """Buyers of whose messages none says what it is about, though their campaigns could be mapped."""
    mapped = audited.context.campaigns["campaign_id"].drop_nulls()
    silent = pl.all_horizontal(pl.col(name).is_null() for name in _SAYS)
    rows = (
        mailings.join(orders.select("customer_id").unique(), on="customer_id", how="semi")
        .filter(silent.all().over("customer_id"))
        .filter(~pl.col("campaign_id").is_in(mapped.implode()).fill_null(value=False))
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("event_id").alias("messages"),
        )
        .filter(pl.col("count") >= check.thresholds["messages"])
    )
    if rows.is_empty():
        return none()
    return found(
        rows.with_columns(
            pl.lit("messages without category or item").alias("subject"),
            pl.lit("unmapped").alias("case"),
            pl.lit("info").alias("severity"),
            pl.lit("cannot_tell").alias("verdict"),
            pl.format(
                "Cannot tell whether {} messages are about something already bought: none says what it is about. "
                "Map their campaigns to categories.",
                "count",
            ).alias("text"),
        )
    )
