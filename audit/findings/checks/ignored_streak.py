"""Messages of one campaign in a row, with no click recorded on any of them."""

from datetime import timedelta
from typing import Any

import polars as pl

from audit.events import sensitive_topics
from audit.events.messages import outcomes
from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.schema import (
    ABOUT,
    amount,
    day,
    found,
    rules,
)

_BY = ("customer_id", "campaign")


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """The newest such run of each campaign (else category) that is long enough and dense enough, by customer.

    Human clicks count, and human opens where the workspace chose them. Where no engagement of that kind can be
    recorded, one answer a customer: cannot tell.
    """
    rows = runs(audited, check).unique(_BY, keep="last", maintain_order=True)
    known = _recordable(audited)
    told = rows.join(known, on="customer_id", how="semi")
    return pl.concat([_ignored(told), _unknown(rows.join(known, on="customer_id", how="anti"), audited)])


def _answered(audited: Audited) -> pl.DataFrame:
    """The mailings, with what became of them: `clicked, opened, machine_opened`."""
    became = outcomes(audited.events).select(
        "customer_id", "message_key", "clicked", "opened", "machine_opened"
    )
    return audited.mailings.join(became, on=("customer_id", "message_key"), how="left", maintain_order="left")


def _engagement(audited: Audited) -> pl.Expr:
    chosen = audited.context.settings.engagement
    return pl.col("clicked") | pl.col("opened") if chosen == "open" else pl.col("clicked")


def _recordable(audited: Audited) -> pl.DataFrame:
    """The customers of whom the data could show engagement: column customer_id.

    Clicks: the data holds clicks. Opens, where chosen: it holds opens, and not only machines opened this
    customer's messages.
    """
    mailings = _answered(audited)
    customers = mailings.select("customer_id").unique()
    holds = audited.context.coverage.holds
    clicks = customers if holds("message_clicked") else customers.clear()
    if audited.context.settings.engagement != "open" or not holds("message_opened"):
        return clicks
    machines = pl.col("machine_opened").any() & ~pl.col("opened").any() & ~pl.col("clicked").any()
    only = mailings.group_by("customer_id").agg(machines.alias("only")).filter("only")
    return customers.join(only, on="customer_id", how="anti")


def runs(audited: Audited, check: Check) -> pl.DataFrame:
    """All runs of each customer and campaign that are long enough and dense enough: `messages` and their `times`.

    `run`: its number; `newest`: that of the newest run, long enough or not.
    """
    limits = check.thresholds
    mailings = (
        _answered(audited)
        .with_columns(
            pl.coalesce("campaign_id", "campaign_name", "category").alias("campaign"),
            _engagement(audited).alias("engaged"),
        )
        .drop_nulls("campaign")
    )
    recent = timedelta(days=limits["recent_days"])
    before = pl.col("occurred_at").shift(limits["recent"] - 1).over(*_BY, "run")
    return (
        mailings.with_columns(pl.col("engaged").cum_sum().over(_BY).alias("run"))
        .with_columns(pl.col("run").max().over(_BY).alias("newest"))
        .filter(~pl.col("engaged"))
        .with_columns((pl.col("occurred_at") - before < recent).alias("dense"))
        .group_by(*_BY, "run", maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("dense").any(),
            pl.col("newest").first(),
            pl.col("campaign_name").last(),
            pl.col("campaign_id").last(),
            pl.col("category").last(),
            pl.col("channel").last(),
            sensitive_topics.of_topics(pl.col("topics")).drop_nulls().first().alias("topic"),
            pl.col("occurred_at").first().alias("first"),
            pl.col("occurred_at").last().alias("last"),
            pl.col("event_id").alias("messages"),
            pl.col("occurred_at").alias("times"),
        )
        .filter((pl.col("count") >= limits["messages"]) & pl.col("dense"))
    )


def _ignored(rows: pl.DataFrame) -> pl.DataFrame:
    text = pl.format(
        '{} of "{}" in a row from {} to {}, no click recorded.',
        amount(pl.col("channel")), pl.lit(ABOUT), day(pl.col("first")), day(pl.col("last")),
    )  # fmt: skip
    return found(
        rows.with_columns(
            pl.when(pl.col("run") == pl.col("newest"))
            .then(pl.lit("ongoing"))
            .otherwise(pl.lit("ended"))
            .alias("case"),
            pl.col("campaign").alias("subject"),
            pl.coalesce("campaign_name", "campaign").alias("about"),
            text.alias("text"),
            pl.col("messages").alias("evidence"),
            rules(rows, ("customer_id", "campaign_id", "campaign_name", "category"), _rule),
        )
    )


def _rule(
    customer: str, campaign_id: str | None, campaign_name: str | None, category: str | None
) -> dict[str, Any]:
    campaign = campaign_id or campaign_name
    scope = {"campaigns": [campaign]} if campaign else {"categories": [category]}
    name = campaign or category
    return {
        "id": f"mute-{name}-{customer}",
        "kind": "mute",
        "title": f"No more of {campaign_name or name} to {customer}",
        **scope,
        "customers": [customer],
    }


def _unknown(rows: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    opens = audited.context.settings.engagement == "open"
    kind = "opens or clicks by people" if opens else "clicks"
    longest = rows.sort("count", descending=True, maintain_order=True).unique(
        "customer_id", keep="first", maintain_order=True
    )
    return found(
        longest.with_columns(
            pl.lit("engagement").alias("subject"),
            pl.lit("no_engagement_data").alias("case"),
            pl.lit("info").alias("severity"),
            pl.lit("cannot_tell").alias("verdict"),
            pl.format(
                f"Cannot tell whether {{}} messages in a row were ignored: this data holds no {kind} for this "
                "customer. Import them.",
                "count",
            ).alias("text"),
        )
    )
