"""How often people answer the messages of each campaign: what a silence is held against."""

import polars as pl

from audit.events.vocabulary import KEY, VISITS, campaign_expr, is_human_expr, is_marketing_expr

RESPONSES: dict[str, pl.DataType] = {
    "channel": pl.String(), "campaign": pl.String(), "recipients": pl.UInt32(), "messages": pl.UInt32(),
    "answered": pl.UInt32(), "noticed": pl.UInt32(),
}  # fmt: skip


def count(events: pl.LazyFrame) -> pl.DataFrame:
    """How often people answer marketing messages: `RESPONSES`, a row for each channel and campaign.

    `campaign`: as `campaign_expr("category")` has it, else `unknown`. `answered`: messages that a human clicked, or after which
    the customer came by before the next one of the channel; `noticed`: those, and what a human opened.
    """
    by = ("customer_id", KEY.meta.output_name())
    channel = pl.col("channel").fill_null("unknown").alias("channel")
    campaign = campaign_expr("category").fill_null("unknown").alias("campaign")
    sent = events.filter((pl.col("kind") == "message_sent") & is_marketing_expr()).select(
        "customer_id", "occurred_at", KEY, channel, campaign
    )
    human = pl.col("kind").is_in(["message_opened", "message_clicked"]) & is_human_expr()
    acts = (
        events.filter(human)
        .group_by("customer_id", KEY)
        .agg((pl.col("kind") == "message_clicked").any().alias("clicked"))
    )
    visits = events.filter(pl.col("kind").is_in(VISITS)).select(
        "customer_id", pl.col("occurred_at").alias("came_at")
    )
    following = pl.col("occurred_at").shift(-1).over("customer_id", "channel")
    came = pl.col("came_at").is_not_null() & (following.is_null() | (pl.col("came_at") < following))
    answered = came | pl.col("clicked").fill_null(value=False)
    return (
        sent.unique(by, keep="first")
        .join(acts, on=by, how="left")
        .sort("occurred_at")
        .join_asof(
            visits.sort("came_at"),
            left_on="occurred_at",
            right_on="came_at",
            by="customer_id",
            strategy="forward",
            check_sortedness=False,
        )
        .with_columns(
            answered.alias("answered"), (answered | pl.col("clicked").is_not_null()).alias("noticed")
        )
        .group_by("channel", "campaign")
        .agg(
            pl.col("customer_id").n_unique().alias("recipients"),
            pl.len().alias("messages"),
            pl.col("answered", "noticed").sum(),
        )
        .sort("channel", "campaign")
        .collect()
        .cast(RESPONSES)  # type: ignore[arg-type]
    )
