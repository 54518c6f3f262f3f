"""In a segment, and mailed because of it, without one act of one's own that supports it."""

from collections.abc import Iterable

import polars as pl

from audit.findings.check import ExcludedEvents, Finding, NoActCheck, acts_about_something_else
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import ABOUT, day, detected, nothing_detected, several
from audit.findings.suggested_rule import Rule, mute, rule_column, without_consent
from audit.population.coverage import would_explain


class LookalikeSegment(NoActCheck):
    """In a segment for being like others."""

    id = "by-likeness"
    handed_to = "privacy"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Logged segments that no act of the customer supports, where the data would hold such acts."""
        rows = with_messages(unsupported_segments(context), context)
        text = pl.format(
            'In the segment "{}" since {} without one act of their own; {} because of it.',
            pl.lit(ABOUT), day(pl.col("occurred_at")), several(pl.col("count"), "message"),
        )  # fmt: skip
        return detected_segments(rows, "likeness", text)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """The customer's acts before it."""
        return acts_about_something_else(context, finding)


def unsupported_segments(context: CheckContext) -> pl.DataFrame:
    """Logged segments, not of a third party, that say what they are about and that no earlier act of the customer supports.

    An act supports a segment when it shares a topic or sensitive topic, or one's category lies under the other's.
    """
    segments = context.segments.filter(
        (pl.col("source") != "third_party").fill_null(value=True),
        pl.col("topics").list.len().fill_null(0).gt(0)
        | pl.col("category").is_not_null()
        | pl.col("sensitive").is_not_null(),
        would_explain(context.population.coverage, pl.col("occurred_at")),
    )
    if segments.is_empty():
        return segments
    acts = context.acts_of(segments).select(
        "customer_id",
        pl.col("occurred_at").alias("act_at"),
        pl.col("category").alias("act_category"),
        pl.col("topics").alias("act_topics"),
        pl.col("sensitive").alias("act_sensitive"),
    )
    same_topic = pl.col("topics").list.set_intersection("act_topics").list.len().fill_null(0) > 0
    same_sensitive = (pl.col("sensitive") == pl.col("act_sensitive")).fill_null(value=False)
    on_one_path = _is_under("act_category", "category") | _is_under("category", "act_category")
    supported = (
        segments.select("customer_id", *ORDER, "category", "topics", "sensitive")
        .join(acts, on="customer_id", how="inner")
        .filter(
            pl.col("act_at") <= pl.col("occurred_at"),
            same_topic | same_sensitive | on_one_path.fill_null(value=False),
        )
        .select("customer_id", "event_id")
        .unique()
    )
    return segments.join(supported, on=["customer_id", "event_id"], how="anti", maintain_order="left")


def with_messages(segments: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """Add the marketing that names the segment as its trigger (`segment:ID`) since: `messages, campaigns, count`."""
    triggered = context.mailings.select(
        "customer_id",
        *(pl.col(name).alias(f"sent_{name}") for name in ORDER),
        "campaign_id",
        pl.col("known_trigger").str.strip_prefix("segment:").alias("segment_id"),
    )
    messages = (
        segments.select("customer_id", "event_id", "occurred_at", "segment_id")
        .join(triggered, on=["customer_id", "segment_id"], how="inner", maintain_order="right")
        .filter(pl.col("sent_occurred_at") >= pl.col("occurred_at"))
        .group_by("customer_id", "event_id")
        .agg(
            pl.col("sent_event_id").alias("messages"),
            pl.col("campaign_id").drop_nulls().unique(maintain_order=True).alias("campaigns"),
            pl.col("sent_occurred_at").min().alias("oldest"),
            pl.col("sent_occurred_at").max().alias("newest"),
            pl.len().alias("count"),
        )
    )
    no_ids: pl.Expr = pl.lit([], pl.List(pl.String))
    return (
        segments.drop("campaign_id")
        .join(messages, on=["customer_id", "event_id"], how="left", maintain_order="left")
        .with_columns(pl.col("messages", "campaigns").fill_null(no_ids), pl.col("count").fill_null(0))
    )


def detected_segments(rows: pl.DataFrame, case: str, text: pl.Expr) -> pl.DataFrame:
    """Findings of segments that have messages (as `with_messages` adds them)."""
    if rows.is_empty():
        return nothing_detected()
    return detected(
        rows.with_columns(rule_column(rows, ("customer_id", "segment_id", "campaigns", "sensitive"), _rule)),
        case=pl.lit(case),
        subject="segment_id",
        about="segment_id",
        text=text,
        first_at=pl.coalesce("oldest", "occurred_at"),
        last_at=pl.coalesce("newest", "occurred_at"),
        evidence=pl.concat_list("event_id", "messages"),
        cause=pl.concat_list("event_id"),
        rule="rule",
    )


def _is_under(path: str, scope: str) -> pl.Expr:
    return (pl.col(path) == pl.col(scope)) | pl.col(path).str.starts_with(
        pl.concat_str(pl.col(scope), pl.lit(" > "))
    )


def _rule(customer_id: str, segment_id: str, campaigns: list[str], sensitive: str | None) -> Rule | None:
    if not campaigns:
        return None
    if sensitive is not None:
        return without_consent(sensitive, campaigns)
    return mute(customer_id, f"because of the segment “{segment_id}”", campaigns=campaigns)
