"""The same message to the same person again within hours."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from audit.events.vocabulary import campaign_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import ABOUT, days, detected, message_count
from audit.findings.suggested_rule import Rule, quoted, rule_column, slug

_BY = ("customer_id", "content")
_EQUAL_IN = ("customer_id", "channel", "campaign", "subject", "item_id", "series_step")

_READ = (
    "customer_id", *ORDER, "channel", "campaign_id", "campaign_name", "subject", "item_id", "series_step",
)  # fmt: skip
"""The columns that are read of the mailings."""


class DuplicateMessage(Check):
    """The same content more than once."""

    id = "duplicate-message"
    alike = "themselves"
    again = "Since {since} the same has not come twice again"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Marketing messages equal in channel, campaign, subject, item and step to one in `(t − hours, t]` before them."""
        hours = self.thresholds["hours"]
        mailings = context.mailings.select(_READ).with_columns(campaign_expr().alias("campaign"))
        identified = mailings.with_columns(pl.coalesce("campaign", "subject").alias("content")).drop_nulls(
            "content"
        )
        alike = identified.filter(_soon_after(_BY, hours).any().over(_BY))
        alike = alike.with_columns(
            pl.col("occurred_at").shift(1).over(_EQUAL_IN).alias("before"),
            pl.col("event_id").shift(1).over(_EQUAL_IN).alias("original_id"),
            again=_soon_after(_EQUAL_IN, hours),
        )
        return _detected(alike, hours)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the same campaign or subject with nothing like them in the hours before."""
        content = campaign_expr("subject")
        messages = context.mailings.filter(content == finding["subject"])
        reason = "nothing like it in the {} hours before it"
        yield ExcludedEvents("message", messages, reason, (self.thresholds["hours"],))

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """The hours after the last of its messages."""
        return context.last_of(finding["messages"]) + timedelta(hours=self.thresholds["hours"])

    def nearest_events(self, events: pl.DataFrame, evidence: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """Its own messages: no other event can step in for them."""
        del events
        yield evidence


def _soon_after(by: tuple[str, ...], hours: int) -> pl.Expr:
    """Whether a message comes within `hours` of the one before it that agrees in `by`."""
    before = pl.col("occurred_at").shift(1).over(by)
    return (pl.col("occurred_at") - before < timedelta(hours=hours)).fill_null(value=False)


def _detected(mailings: pl.DataFrame, hours: int) -> pl.DataFrame:
    again = pl.col("again")
    begin = pl.col("before").filter(again).min().over(_BY)
    last = pl.col("occurred_at").filter(again).max().over(_BY)
    spoken_of = mailings.filter(pl.col("occurred_at").is_between(begin, last))
    rows = spoken_of.group_by(_BY, maintain_order=True).agg(
        pl.len().alias("total"),
        again.sum().alias("count"),
        pl.col("event_id").filter(again).alias("messages"),
        pl.col("occurred_at").min().alias("first_at"),
        pl.col("occurred_at").max().alias("last_at"),
        pl.col("campaign").first(),
        pl.col("channel").filter(again).unique(maintain_order=True).alias("channels"),
        pl.col("campaign_name").drop_nulls().first().alias("name"),
        pl.col("item_id").filter(again).is_not_null().all().alias("of_items"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("one_channel"),
        pl.coalesce("campaign_name", "campaign", "subject").drop_nulls().first().alias("about"),
        pl.col("original_id").filter(again).unique(maintain_order=True).alias("cause"),
    )
    text = pl.format(
        '{} of "{}" {}: {} sent again within {} hours.',
        message_count(pl.col("one_channel"), "total"), pl.lit(ABOUT), days(), "count", pl.lit(hours),
    )  # fmt: skip
    return detected(
        rows,
        case=pl.lit("repeated"),
        subject="content",
        excess="count",
        text=text,
        rule=rule_column(rows, ("campaign", "name", "channels", "of_items"), _rule, hours=hours),
    )


def _rule(
    campaign: str | None, name: str | None, channels: list[str | None], *, of_items: bool, hours: int
) -> Rule | None:
    """None where no campaign is known: a gap between all messages of a channel would stop what was never sent twice."""
    if campaign is None:
        return None
    one_channel = channels[0] if len(channels) == 1 else None
    ids = [slug(part) for part in (campaign, one_channel) if part]
    about = " about one item" if of_items else ""
    return {
        "id": "-".join(["item-not-twice" if of_items else "not-twice", *ids]),
        "kind": "min_gap",
        "title": f"At least {hours} hours between two of {quoted([name or campaign])}{about}",
        "campaigns": [campaign],
        **({"channels": [one_channel]} if one_channel else {}),
        "window": f"{hours}h",
        **({"per": ["customer", "item"]} if of_items else {}),
    }
