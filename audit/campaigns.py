"""The campaign map: what people know about a campaign and most send logs do not say."""

import polars as pl

SCHEMA: dict[str, pl.DataType] = {
    "campaign_id": pl.String(),
    "match": pl.String(),
    "campaign_name": pl.String(),
    "category": pl.String(),
    "topics": pl.List(pl.String()),
    "message_class": pl.String(),
    "trigger": pl.String(),
    "list_id": pl.String(),
    "sender": pl.String(),
    "declared_cap": pl.String(),
}
"""One row a campaign: found by `campaign_id`, or by `match`, a glob on campaign name or subject; `declared_cap`
is what the sender says it keeps to, such as `3/7d`."""
