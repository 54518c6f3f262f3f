"""A campaign whose recipients a sensitive topic sets apart, sent to somebody who has that in common with them."""

from collections.abc import Iterable

import polars as pl

from audit.events import sensitive_topics
from audit.events.vocabulary import campaign_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.checks.sensitive_inference import unconsented
from audit.findings.schema import ABOUT, detected, message_columns, message_count, nothing_detected, several
from audit.findings.suggested_rule import rule_column, without_consent
from audit.population.audience import FEWEST
from audit.why.audience_causes import acts_set_apart
from audit.why.model import AudienceFacts, Reason
from audit.why.wording import set_apart

_BY = ["customer_id", "campaign"]
_ENTRIES = ("segment_entered", "segment_snapshot")
"""What the sender decided about somebody, and no act of theirs."""


class SensitiveAudience(Check):
    """Who got it shows what it went by, and that is a sensitive topic."""

    id = "sensitive-audience"
    subject_names = "audience"
    handed_to = "privacy"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """By customer and campaign the mailings before which the likeliest of what they have in common with its recipients,
        and others have not, touches a sensitive topic. A consent that names the topic and is in force takes a message out.

        Evidence is the path: what they did or were, then the messages.
        """
        audiences = context.population.facts.audiences
        apart = audiences.telling(FEWEST)
        sent = _mailings(context, apart.drop_nulls("topic")["campaign"])
        if sent.is_empty():
            return nothing_detected()
        placed = context.events.with_row_index("act")
        sent = sent.join(
            placed.select("customer_id", "event_id", message="act"), on=("customer_id", "event_id")
        )
        causes = (
            acts_set_apart(placed, sent, apart)
            .join(sent.select("message", "customer_id", "event_id", "occurred_at", "campaign"), on="message")
            .join(apart.select("campaign", "place", "topic"), on=("campaign", "place"))
            .join(audiences.campaigns.select("campaign", "recipients"), on="campaign")
            .filter(pl.col("topic").sort_by("place").first().over("message").is_not_null())
            .drop_nulls("topic")
        )
        of_topic = ("customer_id", *ORDER, "topic")
        causes = causes.join(unconsented(causes.select(of_topic).unique(), context), on=of_topic, how="semi")
        act = placed.select("event_id", "kind")[causes["act"]]
        return _detected(sent, causes.with_columns(act_id=act["event_id"], own=~act["kind"].is_in(_ENTRIES)))

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Its messages that something else of the customer explains better, or nothing, and those with their consent."""
        messages = _mailings(context, pl.Series([finding["subject"]]))
        reason = (
            "nothing sensitive of their own is what most sets its recipients apart, or a consent was in force"
        )
        yield ExcludedEvents("message", messages, reason)

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """The likeliest of what sets its recipients apart and touches a sensitive topic, with its figures."""
        facts = context.population.facts.audiences.sets_apart(finding["subject"], FEWEST)
        return next(
            (
                Reason(set_apart(fact), facts=AudienceFacts(audience=fact))
                for fact in facts
                if fact.sensitive and not fact.is_breadth
            ),
            None,
        )


def _mailings(context: CheckContext, campaigns: pl.Series) -> pl.DataFrame:
    """The marketing messages of `campaigns`."""
    mailings = context.mailings.with_columns(campaign_expr().alias("campaign"))
    return mailings.filter(pl.col("campaign").is_in(campaigns.unique().implode()))


def _detected(sent: pl.DataFrame, causes: pl.DataFrame) -> pl.DataFrame:
    paths = causes.group_by(_BY).agg(
        pl.col("act_id").sort_by("act").unique(maintain_order=True).alias("cause"),
        pl.col("act_id").filter("own").n_unique().alias("own"),
        *(pl.col(name).sort_by("place").first() for name in ("topic", "recipients")),
    )
    rows = (
        sent.join(causes, on="message", how="semi", maintain_order="left")
        .group_by(_BY, maintain_order=True)
        .agg(
            pl.col("channel").first(),
            pl.coalesce("campaign_name", "campaign").last().alias("named"),
            *message_columns(),
        )
        .join(paths, on=_BY, maintain_order="left")
        .with_columns(campaigns=pl.concat_list("campaign"))
    )
    entries = pl.col("cause").list.len() - pl.col("own")
    path = pl.concat_str(
        pl.when(pl.col("own") > 0).then(
            pl.format("{} of this customer’s own", several(pl.col("own"), "act"))
        ),
        pl.when(entries > 0).then(pl.format("{} of the sender’s own", _entries(entries))),
        separator=", ",
        ignore_nulls=True,
    )
    return detected(
        rows.with_columns(rule_column(rows, ("topic", "campaigns"), without_consent)),
        subject="campaign",
        case=pl.lit("path"),
        about=pl.col("topic").replace(sensitive_topics.titles()),
        text=pl.format(
            'The {} recipients of "{}" are set apart by {}: {}, then {}.',
            "recipients", "named", pl.lit(ABOUT), path, message_count(pl.col("channel")),
        ),
        rule="rule",
    )  # fmt: skip


def _entries(count: pl.Expr) -> pl.Expr:
    return (
        pl.when(count == 1).then(pl.lit("1 segment entry")).otherwise(pl.format("{} segment entries", count))
    )
