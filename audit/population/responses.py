"""How often people answer the messages of each campaign, and how many they leave unanswered: what a silence is held against."""

import polars as pl

from audit.events.vocabulary import (
    KEY,
    OPT_INS,
    OPT_OUTS,
    VISITS,
    campaign_expr,
    is_human_expr,
    is_marketing_expr,
)

RESPONSES: dict[str, pl.DataType] = {
    "channel": pl.String(), "campaign": pl.String(), "recipients": pl.UInt32(), "messages": pl.UInt32(),
    "answered": pl.UInt32(), "noticed": pl.UInt32(),
}  # fmt: skip

SILENCES: dict[str, pl.DataType] = {
    "channel": pl.String(), "engagement": pl.String(), "messages": pl.UInt32(), "people": pl.UInt32(),
}  # fmt: skip

_ANSWERS = {"click": ("message_clicked",), "open": ("message_clicked", "message_opened")}
"""What a workspace may choose as engagement → the kinds of events that are an answer then."""

_MESSAGE = ("customer_id", KEY.meta.output_name())
_CHANNEL = pl.col("channel").fill_null("unknown").alias("channel")


def count(events: pl.LazyFrame) -> pl.DataFrame:
    """How often people answer marketing messages: `RESPONSES`, a row for each channel and campaign.

    `campaign`: as `campaign_expr("category")` has it, else `unknown`. `answered`: messages that a human clicked, or after which
    the customer came by before the next one of the channel; `noticed`: those, and what a human opened.
    """
    acts = (
        _human(events, "open")
        .group_by("customer_id", KEY)
        .agg((pl.col("kind") == "message_clicked").any().alias("clicked"))
    )
    following = pl.col("occurred_at").shift(-1).over("customer_id", "channel")
    came = pl.col("came_at").is_not_null() & (following.is_null() | (pl.col("came_at") < following))
    answered = came | pl.col("clicked").fill_null(value=False)
    return (
        _sent(events)
        .join(acts, on=_MESSAGE, how="left")
        .sort("occurred_at")
        .join_asof(
            _visits(events).sort("came_at"),
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


def silences(events: pl.LazyFrame) -> pl.DataFrame:
    """How many people have left how many messages in a row unanswered up to now: `SILENCES`, a row for each channel,
    engagement (`click`, `open`) and number, 0 among them.

    What ends a silence: a human answer to one of its messages, a visit or an order, a yes or no to the channel.
    """
    choices = events.filter(pl.col("kind").is_in([*OPT_INS, *OPT_OUTS]))
    signs = (
        _visits(events).group_by("customer_id").agg(pl.col("came_at").max()),
        _newest(choices.filter(pl.col("channel").is_null()), "customer_id", "chose_at"),
    )
    sent = (
        _sent(events)
        .join(signs[0], on="customer_id", how="left")
        .join(signs[1], on="customer_id", how="left")
    )
    by = ("customer_id", "channel")
    sent = sent.join(_newest(choices, *by, "chose_here_at"), on=by, how="left")
    counted = [_silent(sent, _human(events, engagement), engagement) for engagement in _ANSWERS]
    return pl.concat(counted).sort("channel", "engagement", "messages").collect().cast(SILENCES)  # type: ignore[arg-type]


def _silent(sent: pl.LazyFrame, human: pl.LazyFrame, engagement: str) -> pl.LazyFrame:
    answers = human.select(_MESSAGE[0], KEY).unique().with_columns(answered=pl.lit(value=True))
    by = ("customer_id", "channel")
    answered_at = pl.when("answered").then("occurred_at").max().over(by)
    newest = pl.max_horizontal("came_at", "chose_at", "chose_here_at", answered_at)
    is_since = newest.is_null() | (pl.col("occurred_at") > newest)
    return (
        sent.join(answers, on=_MESSAGE, how="left")
        .with_columns(is_since.alias("since"))
        .group_by(by)
        .agg(pl.col("since").sum().alias("messages"))
        .group_by("channel", "messages")
        .agg(pl.len().alias("people"))
        .select("channel", pl.lit(engagement).alias("engagement"), "messages", "people")
    )


def _sent(events: pl.LazyFrame) -> pl.LazyFrame:
    """The marketing messages that were sent, each once."""
    campaign = campaign_expr("category").fill_null("unknown").alias("campaign")
    sent = events.filter((pl.col("kind") == "message_sent") & is_marketing_expr())
    return sent.select("customer_id", "occurred_at", KEY, _CHANNEL, campaign).unique(_MESSAGE, keep="first")


def _human(events: pl.LazyFrame, engagement: str) -> pl.LazyFrame:
    return events.filter(pl.col("kind").is_in(_ANSWERS[engagement]) & is_human_expr())


def _visits(events: pl.LazyFrame) -> pl.LazyFrame:
    """When customers came by: `customer_id, came_at`."""
    by_others = pl.col("source").is_in(["inferred", "third_party"]).fill_null(value=False)
    visits = events.filter(pl.col("kind").is_in(VISITS) & ~by_others)
    return visits.select("customer_id", pl.col("occurred_at").alias("came_at"))


def _newest(choices: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    """The newest moment of each, under the last of the names."""
    *by, name = columns
    return choices.group_by(by).agg(pl.col("occurred_at").max().alias(name))
