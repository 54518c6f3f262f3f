"""Findings about a logged segment and the messages that it triggered."""

from typing import Any

import polars as pl

from audit.findings.check_context import ONE_ORDER, Audited
from audit.findings.schema import found, rules


def with_messages(segments: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    """Add the marketing that names the segment as its trigger (`segment:ID`) since: `messages, campaigns, count`."""
    triggered = audited.mailings.select(
        "customer_id",
        *(pl.col(name).alias(f"sent_{name}") for name in ONE_ORDER),
        "campaign_id",
        pl.col("known_trigger").str.strip_prefix("segment:").alias("segment_id"),
    )
    sent = (
        segments.select("customer_id", "event_id", "occurred_at", "segment_id")
        .join(triggered, on=["customer_id", "segment_id"], how="inner", maintain_order="right")
        .filter(pl.col("sent_occurred_at") >= pl.col("occurred_at"))
        .group_by("customer_id", "event_id")
        .agg(
            pl.col("sent_event_id").alias("messages"),
            pl.col("campaign_id").drop_nulls().unique(maintain_order=True).alias("campaigns"),
            pl.col("sent_occurred_at").max().alias("newest"),
            pl.len().alias("count"),
        )
    )
    nothing: pl.Expr = pl.lit([], pl.List(pl.String))
    return (
        segments.drop("campaign_id")
        .join(sent, on=["customer_id", "event_id"], how="left", maintain_order="left")
        .with_columns(pl.col("messages", "campaigns").fill_null(nothing), pl.col("count").fill_null(0))
    )


def found_segments(rows: pl.DataFrame) -> pl.DataFrame:
    """Findings of segments that have messages, a `case` and a `text`."""
    return found(
        rows.with_columns(
            pl.col("segment_id").alias("subject"),
            pl.col("segment_id").alias("about"),
            pl.col("sensitive").alias("topic"),
            pl.col("occurred_at").alias("first"),
            pl.coalesce("newest", "occurred_at").alias("last"),
            pl.concat_list("event_id", "messages").alias("evidence"),
            pl.concat_list("event_id").alias("cause"),
            rules(rows, ("customer_id", "campaigns"), _rule),
        ).with_columns(pl.when(pl.col("campaigns").list.len() > 0).then("rule").alias("rule"))
    )


def _rule(customer: str, campaigns: list[str]) -> dict[str, Any]:
    return {
        "id": f"mute-{'-'.join(campaigns)}-{customer}",
        "kind": "mute",
        "title": f"None of this to {customer}",
        "campaigns": campaigns,
        "customers": [customer],
    }
