"""More marketing messages of a channel in a rolling window than people put up with, all senders together."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import (
    amount,
    day,
    found,
    none,
    rules,
)

_WINDOWS = (("day", 1), ("week", 7))


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Messages that are more than the limit in the day, or the week, `(t − w, t]` before and with them."""
    mailings = audited.mailings.select(
        "customer_id", "occurred_at", "event_id", pl.col("channel").fill_null("unknown"), "sender"
    )
    if mailings.is_empty():
        return none()
    return pl.concat(
        _over(mailings, name, days, check.thresholds[name], check.thresholds["high_factor"])
        for name, days in _WINDOWS
    )


def in_window(mailings: pl.DataFrame, by: list[str], window: timedelta) -> pl.DataFrame:
    """Add `within`: how many of `mailings` that agree in `by` lie in `(t − window, t]`, up to and with the row.

    `mailings` are in order. Rows at the same instant count those before them by event_id, never those after.
    """
    rows = mailings.with_columns(
        pl.int_range(1, pl.len() + 1).over(by).cast(pl.Int64).alias("_nth"),
        (pl.col("occurred_at") - window).alias("_edge"),
    )
    gone = rows.select(*by, "occurred_at", pl.col("_nth").alias("_gone"))
    return (
        rows.sort("_edge", maintain_order=True)
        .join_asof(
            gone.sort("occurred_at", maintain_order=True).rename({"occurred_at": "_then"}),
            left_on="_edge", right_on="_then", by=by, strategy="backward", check_sortedness=False,
        )
        .with_columns((pl.col("_nth") - pl.col("_gone").fill_null(0)).alias("within"))
        .drop("_nth", "_edge", "_gone", "_then", strict=False)
        .sort("customer_id", "occurred_at", "event_id")
    )  # fmt: skip


def _over(mailings: pl.DataFrame, name: str, days: int, limit: int, high_factor: int) -> pl.DataFrame:
    by = ["customer_id", "channel"]
    counted = in_window(mailings, by, timedelta(days=days))
    over = pl.col("within") > limit
    rows = (
        counted.filter(over.any().over(by))
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("event_id").filter(over).alias("messages"),
            over.sum().alias("count"),
            pl.col("within").max().alias("peak"),
            pl.col("within").arg_max().alias("_worst"),
            pl.col("occurred_at").filter(over).min().alias("first"),
            pl.col("occurred_at").filter(over).max().alias("last"),
            pl.col("event_id"),
            pl.col("occurred_at"),
            pl.col("sender").n_unique().alias("senders"),
        )
        .with_columns(
            pl.col("event_id")
            .list.slice(pl.col("_worst") + 1 - pl.col("peak"), pl.col("peak"))
            .alias("evidence"),
            day(pl.col("occurred_at").list.get(pl.col("_worst"))).alias("when"),
        )
    )
    return found(
        rows.with_columns(
            pl.lit(name).alias("case"),
            pl.format("{}: {} a {}", "channel", pl.lit(limit), pl.lit(name)).alias("subject"),
            pl.when(pl.col("peak") >= high_factor * limit).then(pl.lit("high")).alias("severity"),
            _text(name, limit).alias("text"),
            rules(rows, ("channel",), lambda channel: _rule(channel, name, days, limit)),
        )
    )


def _text(name: str, limit: int) -> pl.Expr:
    senders = (
        pl.when(pl.col("senders") > 1).then(pl.format(" from {} senders", "senders")).otherwise(pl.lit(""))
    )
    return pl.format(
        "Up to {}{} in one {} (to {}); {} came on top of {} already in it.",
        amount(pl.col("channel"), "peak"), senders, pl.lit(name), "when", "count", pl.lit(limit),
    )  # fmt: skip


def _rule(channel: str, name: str, days: int, limit: int) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": f"{channel}-{limit}-a-{name}",
        "kind": "frequency_cap",
        "title": f"At most {limit} marketing messages a {name}, all senders together",
        "limit": limit,
        "window": f"{days}d",
    }
    return rule if channel == "unknown" else {**rule, "channels": [channel]}
