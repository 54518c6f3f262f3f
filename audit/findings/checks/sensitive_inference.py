"""A sensitive topic inferred about somebody: own acts, then a segment, then messages, and no consent to it."""

from typing import Any

import polars as pl

from audit.events import sensitive_topics
from audit.findings.catalogue import Check
from audit.findings.check_context import (
    ONE_ORDER,
    Audited,
    lies_before,
    newest_before,
)
from audit.findings.schema import (
    ABOUT,
    day,
    found,
    rules,
    several,
)

_BY = ["customer_id", "topic"]


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Logged segments, marketing messages and recommendations of a sensitive topic, by customer and topic.

    Evidence is the whole path: the customer's own acts of the topic before the first decision, the segment, the
    messages. Case `path`; `by_likeness` where the data would hold such acts and holds none. A consent that names
    the topic and is in force at the time, and a list the customer is on, take a decision out.
    """
    del check
    unasked = _without_consent(decisions(audited), audited)
    opened = unasked.group_by(_BY, maintain_order=True).agg(
        pl.col("occurred_at").first().alias("opens"), pl.col("event_id").first().alias("opening")
    )
    acts = (
        audited.acts_of(unasked)
        .drop_nulls("sensitive")
        .select("customer_id", pl.col("sensitive").alias("topic"), *ONE_ORDER)
        .join(opened, on=_BY, how="inner", maintain_order="left")
        .filter(lies_before("occurred_at", "opens", act_id="event_id", event_id="opening"))
        .group_by(_BY, maintain_order=True)
        .agg(pl.col("event_id").alias("acts"), day(pl.col("occurred_at").first()).alias("since"))
    )
    return _findings(unasked, acts, audited)


def decisions(audited: Audited) -> pl.DataFrame:
    """Everything decided of a sensitive topic, with consent or without: `customer_id, occurred_at, event_id, kind, topic, campaign_id`, in order."""
    sent = pl.concat(
        [audited.mailings.filter(pl.col("list_id").is_null()), audited.of_kind("recommendation_shown")],
        how="diagonal",
    )
    sent = sensitive_topics.mapped(
        sent, "category", sensitive_topics.of_category(pl.col("category")), "_category"
    )
    sent = sensitive_topics.mapped(
        sent, "known_trigger", sensitive_topics.of_segment(pl.col("known_trigger")), "_trigger"
    )
    topic = pl.coalesce(sensitive_topics.of_topics(pl.col("topics")), "_category", "_trigger")
    columns = ["customer_id", *ONE_ORDER, "kind", "campaign_id", "topic"]
    segments = audited.segments.with_columns(pl.col("sensitive").alias("topic"))
    both = pl.concat([sent.with_columns(topic.alias("topic")).select(columns), segments.select(columns)])
    return both.drop_nulls("topic").sort("customer_id", *ONE_ORDER)


def _without_consent(decided: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    consents = (
        audited.of_kind("consent_given", "consent_withdrawn")
        .select("customer_id", *ONE_ORDER, "kind", "topics")
        .explode("topics", empty_as_null=True)
        .rename({"topics": "topic"})
    )
    judged = newest_before(decided, consents, _BY, ["kind"])
    return judged.filter((pl.col("act_kind") == "consent_given").fill_null(value=False).not_())


def _findings(unasked: pl.DataFrame, acts: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    sent = pl.col("kind") == "message_sent"
    segment = pl.col("kind").str.starts_with("segment_")
    holds = audited.context.coverage.holds
    likeness = "by_likeness" if holds("product_viewed") or holds("order_completed") else "no_act_known"
    rows = (
        unasked.group_by(_BY, maintain_order=True)
        .agg(
            sent.sum().alias("count"),
            segment.any().alias("segment"),
            (~sent & ~segment).sum().alias("shown"),
            pl.col("event_id").filter(sent).alias("messages"),
            pl.col("event_id").alias("decisions"),
            pl.col("campaign_id").drop_nulls().unique(maintain_order=True).alias("campaigns"),
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
        )
        .join(acts, on=_BY, how="left", maintain_order="left")
        .with_columns(pl.col("acts").fill_null(pl.lit([], pl.List(pl.String))))
    )
    own = pl.col("acts").list.len()
    case = pl.when(own > 0).then(pl.lit("path")).otherwise(pl.lit(likeness))
    return found(
        rows.with_columns(
            case.alias("case"),
            pl.col("topic").alias("subject"),
            pl.col("topic").replace(sensitive_topics.titles()).alias("about"),
            _text(own).alias("text"),
            pl.col("acts").alias("cause"),
            pl.col("acts").list.concat("decisions").alias("evidence"),
            rules(rows, ("customer_id", "topic", "campaigns"), _rule),
        ).with_columns(pl.when(pl.col("count") > 0).then("rule").alias("rule"))
    )


def _text(own: pl.Expr) -> pl.Expr:
    path = pl.format("{} of their own since {}", several(own, "act"), "since")
    begin = pl.when(own > 0).then(path).otherwise(pl.lit("not one act of their own"))
    segment = pl.when(pl.col("segment")).then(pl.lit(", then a segment")).otherwise(pl.lit(""))
    shown = (
        pl.when(pl.col("shown") > 0)
        .then(pl.format(", {}", several(pl.col("shown"), "recommendation")))
        .otherwise(pl.lit(""))
    )
    sent = (
        pl.when(pl.col("count") > 0)
        .then(pl.format(", {}", several(pl.col("count"), "message")))
        .otherwise(pl.lit(""))
    )
    return pl.format(
        "Inferred about {}: {}{}{}{}; no consent to it recorded.", pl.lit(ABOUT), begin, segment, shown, sent
    )


def _rule(customer: str, topic: str, campaigns: list[str]) -> dict[str, Any]:
    scope: dict[str, Any] = {"campaigns": campaigns} if campaigns else {"topics": [topic]}
    return {
        "id": f"nothing-about-{topic}-{customer}",
        "kind": "sensitive",
        "title": f"Nothing about {topic} to {customer} without consent to it",
        **scope,
        "customers": [customer],
    }
