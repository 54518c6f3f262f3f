"""Messages to an address that had said, more than once, that nobody is there."""

from collections.abc import Iterable, Sequence

import polars as pl

from audit.events.vocabulary import KEY, comes_before_expr, is_human_expr
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import day, detected, message_columns, message_count, several

_BY = ("customer_id", "channel")
_NO_CHANNEL = "no channel recorded"
_ALIVE = ("message_opened", "message_clicked", "message_complained")
"""What a person does only with a message that arrived."""


class DeadAddress(Check):
    """Messages after hard bounces."""

    id = "dead-address"
    alike = "channel"
    customers_ask = False

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages of any class, by channel, after so many hard bounces since one last arrived.

        A bounce is hard if its reason says so; one without a reason, or a soft one, says nothing. A message arrived if it
        was delivered and did not bounce, or a person opened, clicked or complained about it.
        """
        answers = _answers(context, self.thresholds["hard"])
        bounced = _dead(context.messages, answers, self.thresholds["bounces"])
        rows = (
            bounced.group_by(_BY, maintain_order=True)
            .agg(
                *message_columns(),
                pl.col("bounces").list.explode().unique(maintain_order=True).alias("cause"),
                pl.col("last_bounce").first(),
                pl.col("bounces").list.len().first().alias("hard"),
            )
            .sort("customer_id", "first_at")
        )
        return detected(
            rows,
            subject=pl.col("channel").fill_null(_NO_CHANNEL),
            case=pl.lit("bounced"),
            text=pl.format(
                "{} after {}, the newest of {}.",
                message_count(pl.col("channel")),
                several(pl.col("hard"), "hard bounce"),
                day(pl.col("last_bounce")),
            ),
        )

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the channel before the bounces, and those after one had arrived."""
        of_channel = pl.col("channel").fill_null(_NO_CHANNEL) == finding["subject"]
        return split_at_cause(
            context,
            finding,
            context.messages.filter(of_channel),
            before="before the bounces",
            after="before there were enough of them, or after a message had arrived",
        )


def _answers(context: CheckContext, words: Sequence[str]) -> pl.DataFrame:
    """What came back on messages: `customer_id, channel, message_key, at, id, hard` (else it arrived); the channel is the message's."""
    keyed = context.events.lazy().select("customer_id", *ORDER, "kind", "channel", "reason", "machine", KEY)
    is_hard = pl.col("reason").str.contains(rf"(?i){'|'.join(words)}").fill_null(value=False)
    is_bounce = pl.col("kind") == "message_bounced"
    returned = keyed.filter(is_bounce).select("customer_id", "message_key").unique()
    arrived = keyed.filter(pl.col("kind") == "message_delivered").join(
        returned, on=("customer_id", "message_key"), how="anti"
    )
    person = pl.col("kind").is_in(_ALIVE) & is_human_expr()
    told = pl.concat(
        [
            keyed.filter(is_bounce & is_hard).with_columns(hard=True),
            keyed.filter(person).with_columns(hard=False),
            arrived.with_columns(hard=False),
        ]
    )
    of_message = context.messages.lazy().select("customer_id", "message_key", _channel="channel")
    return (
        told.join(of_message, on=("customer_id", "message_key"), how="left")
        .select(
            "customer_id",
            pl.coalesce("_channel", "channel").alias("channel"),
            "message_key",
            pl.col("occurred_at").alias("at"),
            pl.col("event_id").alias("id"),
            "hard",
        )
        .collect()
    )


def _dead(messages: pl.DataFrame, answers: pl.DataFrame, enough: int) -> pl.DataFrame:
    """The messages after `enough` hard bounces since one last arrived: with `bounces` (those, oldest first), `last_bounce`.

    A message that bounced more than once, as a retry does, counts once: from its first bounce on.
    """
    customers = answers.filter("hard").select(_BY).unique()
    sent = messages.select(*_BY, *ORDER).join(customers, on=_BY, how="semi", nulls_equal=True)
    before = (
        sent.join(answers, on=_BY, nulls_equal=True)
        .filter(comes_before_expr("at", "id", *ORDER))
        .sort("customer_id", "event_id", "at", "id")
    )
    message = ("customer_id", "event_id")
    arrived = pl.col("at").filter(~pl.col("hard")).max().over(message)
    since = before.filter(pl.col("hard") & (arrived.is_null() | (pl.col("at") > arrived)))
    counted = since.unique((*message, "message_key"), keep="first", maintain_order=True)
    dead = (
        counted.group_by(message)
        .agg(bounces=pl.col("id"), last_bounce=pl.col("at").max())
        .filter(pl.col("bounces").list.len() >= enough)
    )
    return sent.join(dead, on=message, maintain_order="left")
