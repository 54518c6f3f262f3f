"""A logged decision that nothing in the history accounts for, where the data would hold it."""

from typing import Any

import polars as pl

from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import (
    ABOUT,
    amount,
    day,
    found,
    rules,
    words,
)
from audit.findings.segment_findings import found_segments, with_messages
from audit.findings.unsupported_decisions import lone_messages, lone_segments


def detect(audited: Audited, _: Check) -> pl.DataFrame:
    """Segments of third parties, segments without a supporting act, and messages nothing earlier accounts for."""
    third = audited.segments.filter(pl.col("source") == "third_party")
    return pl.concat(
        [
            _segments(
                third,
                audited,
                "third_party",
                'The segment "{}" of {} came from a third party: nothing in this data explains it.',
            ),
            _segments(
                lone_segments(audited),
                audited,
                "segment",
                'Nothing in this data explains the segment "{}" of {}.',
            ),
            _messages(lone_messages(audited)),
        ]
    )


def _segments(segments: pl.DataFrame, audited: Audited, case: str, sentence: str) -> pl.DataFrame:
    text = pl.format(sentence, pl.lit(ABOUT), day(pl.col("occurred_at")))
    rows = with_messages(segments, audited)
    return found_segments(rows.with_columns(pl.lit(case).alias("case"), text.alias("text")))


def _messages(lone: pl.DataFrame) -> pl.DataFrame:
    rows = lone.group_by("customer_id", "category", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").alias("messages"),
        pl.col("trigger").is_not_null().any().alias("stated"),
    )
    stated = (
        pl.when(pl.col("stated"))
        .then(pl.lit(", not even the act that the sender states"))
        .otherwise(pl.lit(""))
    )
    text = pl.format(
        "{} about {}: nothing in this data explains it{}.", amount(pl.col("channel")), pl.lit(ABOUT), stated
    )
    return found(
        rows.with_columns(
            pl.lit("message").alias("case"),
            pl.col("category").alias("subject"),
            words(pl.col("category")).alias("about"),
            text.alias("text"),
            pl.col("messages").alias("evidence"),
            rules(rows, ("customer_id", "category"), _rule),
        )
    )


def _rule(customer: str, category: str) -> dict[str, Any]:
    return {
        "id": f"nothing-about-{category}-{customer}",
        "kind": "mute",
        "title": f"Nothing about {category} to {customer}",
        "categories": [category],
        "customers": [customer],
    }
