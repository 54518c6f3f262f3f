"""A sensitive topic inferred about somebody: own acts, then a segment, then messages, and no consent to it."""

from collections.abc import Iterable

import polars as pl

from audit.events import sensitive_topics
from audit.events.vocabulary import comes_before_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext, newest_before, with_topic_of
from audit.findings.schema import ABOUT, day, detected, nothing_detected, several, span_of
from audit.findings.suggested_rule import rule_column, without_consent

_BY = ["customer_id", "topic"]


class SensitiveInference(Check):
    """What was decided of a sensitive topic without consent to it."""

    id = "sensitive-inference"
    subject_names = "topic"
    handed_to = "privacy"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Logged segments, marketing messages and recommendations of a sensitive topic, by customer and topic.

        Evidence is the whole path: the customer's own acts of the topic before the first decision, the segment, the
        messages. Case `path`; `by_likeness` where the data would hold such acts and holds none. A consent that names
        the topic and is in force at the time, and a list the customer is on, take a decision out.
        """
        decisions = unconsented(_decisions(context), context)
        if decisions.is_empty():
            return nothing_detected()
        openings = decisions.group_by(_BY, maintain_order=True).agg(
            pl.col("occurred_at").first().alias("opening_at"), pl.col("event_id").first().alias("opening_id")
        )
        acts = (
            context.acts_of(decisions)
            .drop_nulls("sensitive")
            .select("customer_id", pl.col("sensitive").alias("topic"), *ORDER)
            .join(openings, on=_BY, how="inner", maintain_order="left")
            .filter(comes_before_expr("occurred_at", "event_id", "opening_at", "opening_id"))
            .group_by(_BY, maintain_order=True)
            .agg(pl.col("event_id").alias("acts"), day(pl.col("occurred_at").first()).alias("since"))
        )
        return _detected(decisions, acts, context)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Acts of the topic after the first decision, and messages that a consent covered."""
        acts = context.acts.filter(pl.col("sensitive") == finding["subject"])
        yield ExcludedEvents("act", acts, "after the first that was decided of it")
        messages = _decisions(context).filter(
            pl.col("topic") == finding["subject"], pl.col("kind") == "message_sent"
        )
        yield ExcludedEvents("message", messages, "a consent that names it was in force")


def _decisions(context: CheckContext) -> pl.DataFrame:
    """Everything decided of a sensitive topic, with consent or without: `customer_id, occurred_at, event_id, kind, campaign_id, topic`, in order."""
    columns = ["customer_id", *ORDER, "kind", "campaign_id", "topic"]
    mailings = context.mailings.filter(pl.col("list_id").is_null())
    rows = pl.concat([mailings, context.of_kind("recommendation_shown")], how="diagonal")
    rows = with_topic_of(rows, "category", sensitive_topics.of_category, "_category")
    rows = with_topic_of(rows, "known_trigger", sensitive_topics.of_segment, "_trigger")
    topic = pl.coalesce(sensitive_topics.of_topics(pl.col("topics")), "_category", "_trigger")
    segments = context.segments.with_columns(pl.col("sensitive").alias("topic"))
    decisions = pl.concat([rows.with_columns(topic.alias("topic")).select(columns), segments.select(columns)])
    return decisions.drop_nulls("topic").sort("customer_id", *ORDER)


def unconsented(decisions: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """Those of `decisions` (with `customer_id, occurred_at, event_id, topic`) before which the newest word on their topic, if any, was no consent."""
    consents = (
        context.of_kind("consent_given", "consent_withdrawn")
        .select("customer_id", *ORDER, "kind", "topics")
        .explode("topics", empty_as_null=True)
        .rename({"topics": "topic"})
    )
    rows = newest_before(decisions, consents, _BY, ["kind"])
    return rows.filter((pl.col("act_kind") == "consent_given").fill_null(value=False).not_())


def _detected(decisions: pl.DataFrame, acts: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    is_message = pl.col("kind") == "message_sent"
    is_segment = pl.col("kind").str.starts_with("segment_")
    holds = context.population.coverage.holds
    without_acts = "by_likeness" if holds("product_viewed") or holds("order_completed") else "no_act_known"
    rows = (
        decisions.group_by(_BY, maintain_order=True)
        .agg(
            is_message.sum().alias("count"),
            is_segment.any().alias("segment"),
            (~is_message & ~is_segment).sum().alias("shown"),
            pl.col("event_id").filter(is_message).alias("messages"),
            pl.col("event_id").alias("decisions"),
            pl.col("campaign_id").drop_nulls().unique(maintain_order=True).alias("campaigns"),
            *span_of(is_message),
        )
        .join(acts, on=_BY, how="left", maintain_order="left")
        .with_columns(pl.col("acts").fill_null(pl.lit([], pl.List(pl.String))))
    )
    act_count = pl.col("acts").list.len()
    case = pl.when(act_count > 0).then(pl.lit("path")).otherwise(pl.lit(without_acts))
    return detected(
        rows.with_columns(rule_column(rows, ("topic", "campaigns"), without_consent)),
        case=case,
        subject="topic",
        about=pl.col("topic").replace(sensitive_topics.titles()),
        text=_text(act_count),
        cause="acts",
        evidence=pl.col("acts").list.concat("decisions"),
        rule=pl.when(pl.col("count") > 0).then("rule"),
    )


def _text(act_count: pl.Expr) -> pl.Expr:
    path = pl.format("{} of their own since {}", several(act_count, "act"), "since")
    begin = pl.when(act_count > 0).then(path).otherwise(pl.lit("not one act of their own"))
    segment = pl.when(pl.col("segment")).then(pl.lit(", then a segment")).otherwise(pl.lit(""))
    numbers = (
        pl.when(pl.col(column) > 0)
        .then(pl.format(", {}", several(pl.col(column), noun)))
        .otherwise(pl.lit(""))
        for column, noun in (("shown", "recommendation"), ("count", "message"))
    )
    return pl.format(
        "Inferred about {}: {}{}{}{}; no consent to it recorded.", pl.lit(ABOUT), begin, segment, *numbers
    )
