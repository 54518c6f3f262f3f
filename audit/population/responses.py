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
from audit.population.purchase_lines import whole_customers

RESPONSES: dict[str, pl.DataType] = {
    "channel": pl.String(), "campaign": pl.String(), "recipients": pl.UInt32(), "messages": pl.UInt32(),
    "answered": pl.UInt32(), "noticed": pl.UInt32(),
}  # fmt: skip

SILENCES: dict[str, pl.DataType] = {
    "channel": pl.String(), "engagement": pl.String(), "messages": pl.UInt32(), "people": pl.UInt32(),
}  # fmt: skip

_ENGAGEMENTS = {"click": "clicked", "open": "engaged"}
"""What a workspace may choose as engagement → the column of `_sent` that says whether a message had it."""

_OPENS = ("message_clicked", "message_opened")
_KINDS = ("message_sent", *_OPENS, *VISITS, *OPT_INS, *OPT_OUTS)
_READ = (
    "customer_id", "event_id", "occurred_at", "kind", "channel", "message_id", "message_class", "campaign_id",
    "campaign_name", "category", "machine", "source",
)  # fmt: skip


def count(events: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How often people answer marketing messages, and how many they have left unanswered: `RESPONSES` and `SILENCES`.

    Of `events` of whole customers, in order. Each customer's add up, so that they are counted in parts.

    - A row for each channel and campaign, as `campaign_expr("category")` has it, else `unknown`. `answered`: messages that a human
      clicked, or after which the customer came by before the next one of the channel; `noticed`: those, and what a human opened.
    - A row for each channel, engagement (`click`, `open`) and number in a row up to now, 0 among them. What ends a silence: a
      human answer to one of its messages, a visit or an order, a yes or no to the channel.
    """
    read = events.filter(pl.col("kind").is_in(_KINDS)).select(_READ)
    counted = [_of_part(part.collect()) for part in whole_customers(read)]
    responses = pl.concat(
        [pl.DataFrame(schema=RESPONSES), *(part[0] for part in counted)], how="vertical_relaxed"
    )
    silences = pl.concat(
        [pl.DataFrame(schema=SILENCES), *(part[1] for part in counted)], how="vertical_relaxed"
    )
    return (
        responses.group_by("channel", "campaign").sum().sort("channel", "campaign").cast(RESPONSES),  # type: ignore[arg-type]
        silences.group_by("channel", "engagement", "messages")
        .sum()
        .sort("channel", "engagement", "messages")
        .cast(SILENCES),  # type: ignore[arg-type]
    )


def _of_part(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    events = events.with_columns(pl.col("customer_id").rle_id().alias("person"))
    sent, visits = _sent(events), _visits(events)
    return _responses(sent, visits), _silences(sent, visits, events)


def _responses(sent: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    following = pl.col("occurred_at").shift(-1).over("person", "channel")
    came = pl.col("came_at").is_not_null() & (following.is_null() | (pl.col("came_at") < following))
    answered = came | pl.col("clicked")
    return (
        sent.join_asof(
            visits,
            left_on="occurred_at",
            right_on="came_at",
            by="person",
            strategy="forward",
            check_sortedness=False,
        )
        .with_columns(answered.alias("answered"), (answered | pl.col("engaged")).alias("noticed"))
        .group_by("channel", "campaign")
        .agg(
            pl.col("person").n_unique().alias("recipients"),
            pl.len().alias("messages"),
            pl.col("answered", "noticed").sum(),
        )
    )


def _silences(sent: pl.DataFrame, visits: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    by = ("person", "channel")
    choices = events.filter(pl.col("kind").is_in([*OPT_INS, *OPT_OUTS]))
    ended = (
        sent.join(visits.group_by("person").agg(pl.col("came_at").max()), on="person", how="left")
        .join(
            _newest(choices.filter(pl.col("channel").is_null()), "person", "chose_at"),
            on="person",
            how="left",
        )
        .join(_newest(choices, *by, "chose_here_at"), on=by, how="left")
    )
    counted = []
    for engagement, answered in _ENGAGEMENTS.items():
        answered_at = pl.col("occurred_at").filter(answered).max()
        newest = pl.max_horizontal(pl.col("came_at", "chose_at", "chose_here_at").first(), answered_at)
        unanswered = (
            pl.when(newest.is_null()).then(pl.len()).otherwise((pl.col("occurred_at") > newest).sum())
        )
        counted.append(
            ended.group_by(by)
            .agg(unanswered.alias("messages"))
            .group_by("channel", pl.lit(engagement).alias("engagement"), "messages")
            .agg(pl.len().alias("people"))
        )
    return pl.concat(counted)


def _sent(events: pl.DataFrame) -> pl.DataFrame:
    """The marketing messages that were sent, each once, in order: `person, occurred_at, channel, campaign`, `clicked` and `engaged`
    (opened or clicked) by a human.
    """
    message = ["person", KEY.meta.output_name()]
    engaged = (
        events.filter(pl.col("kind").is_in(_OPENS) & is_human_expr())
        .group_by("person", KEY)
        .agg(
            (pl.col("kind") == "message_clicked").any().alias("clicked"), pl.lit(value=True).alias("engaged")
        )
    )
    return (
        events.filter((pl.col("kind") == "message_sent") & is_marketing_expr())
        .select(
            "person", "occurred_at", KEY, pl.col("channel").fill_null("unknown"),
            campaign_expr("category").fill_null("unknown").alias("campaign"),
        )
        .unique(message, keep="first", maintain_order=True)
        .join(engaged, on=message, how="left", maintain_order="left")
        .with_columns(pl.col("clicked", "engaged").fill_null(value=False))
        .drop(message[1])
    )  # fmt: skip


def _visits(events: pl.DataFrame) -> pl.DataFrame:
    """When customers came by, in order: `person, came_at`."""
    by_others = pl.col("source").is_in(["inferred", "third_party"]).fill_null(value=False)
    visits = events.filter(pl.col("kind").is_in(VISITS) & ~by_others)
    return visits.select("person", pl.col("occurred_at").alias("came_at"))


def _newest(choices: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The newest moment of each, under the last of the names."""
    *by, name = columns
    return choices.group_by(by).agg(pl.col("occurred_at").max().alias(name))
