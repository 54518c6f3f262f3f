"""The same message to the same person again within hours."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.events import sensitive_topics
from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import (
    ABOUT,
    amount,
    day,
    found,
    rules,
)

_SAME = ("customer_id", "channel", "campaign", "subject", "item_id", "series_step")


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Marketing messages equal in channel, campaign, subject, item and step to one in `(t − hours, t]` before them."""
    hours = check.thresholds["hours"]
    mailings = audited.mailings.with_columns(pl.coalesce("campaign_id", "campaign_name").alias("campaign"))
    named = mailings.filter(pl.col("campaign").is_not_null() | pl.col("subject").is_not_null())
    again = (
        named.with_columns(
            pl.col("occurred_at").shift(1).over(_SAME).alias("before"),
            pl.col("event_id").shift(1).over(_SAME).alias("first_id"),
        )
        .filter(pl.col("occurred_at") - pl.col("before") < timedelta(hours=hours))
        .with_columns(pl.coalesce("campaign", "subject").alias("what"))
    )
    rows = again.group_by("customer_id", "what", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("campaign").first(),
        pl.col("channel").first(),
        sensitive_topics.of_topics(pl.col("topics")).drop_nulls().first().alias("topic"),
        pl.coalesce("campaign_name", "subject").first().alias("about"),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").alias("messages"),
        pl.col("first_id").unique(maintain_order=True).alias("cause"),
    )
    text = pl.format(
        '{} of "{}" sent again within {} hours, the first on {}.',
        amount(pl.col("channel")), pl.lit(ABOUT), pl.lit(hours), day(pl.col("first")),
    )  # fmt: skip
    return found(
        rows.with_columns(
            pl.lit("repeated").alias("case"),
            pl.col("what").alias("subject"),
            text.alias("text"),
            pl.col("cause").list.concat("messages").alias("evidence"),
            rules(rows, ("campaign", "channel"), lambda campaign, channel: _rule(campaign, channel, hours)),
        )
    )


def _rule(campaign: str | None, channel: str | None, hours: int) -> dict[str, Any]:
    scope = {"campaigns": [campaign]} if campaign else {}
    return {
        "id": f"not-twice-{campaign or channel}",
        "kind": "min_gap",
        "title": f"Nothing twice within {hours} hours",
        **scope,
        **({"channels": [channel]} if channel else {}),
        "window": f"{hours}h",
    }
