"""Messages of one campaign in a row, with no click recorded on any of them."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events.messages import outcomes
from audit.events.vocabulary import campaign_expr, campaign_of
from audit.findings.check import Check, CustomerWording, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.checks.over_frequency import capped
from audit.findings.schema import ABOUT, cannot_tell, category_title, day, detected, message_count
from audit.findings.suggested_rule import Rule, quoted, rule_column, sunset
from audit.why import counterfactual
from audit.why.counterfactual import Plan
from audit.why.model import Absence, Reason
from audit.why.wording import kinds_in_words

_BY = ("customer_id", "campaign")
_ABSENT = ("message_clicked",)
_CLICKS_TRIED = 9
"""House value: of so many messages, those in the middle of the run, it is tried whether a click would have ended it."""


class IgnoredStreak(Check):
    """A run of messages that nobody answered."""

    id = "ignored-streak"
    fault = CustomerWording(
        en="No click of yours on any of them is recorded, and we should have taken that as a hint.",
        de="Kein Klick von Ihnen darauf ist verzeichnet; das hätten wir als Hinweis verstehen müssen.",
    )

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """The newest run of each campaign (else category) that has enough messages, days and density, by customer.

        Human clicks count, and human opens where the workspace chose them. Where no engagement of that kind can be
        recorded, one answer a customer: cannot tell.
        """
        rows = _runs(context, self.thresholds).unique(_BY, keep="last", maintain_order=True)
        recordable = _recordable(context)
        ignored = _ignored(
            rows.join(recordable, on="customer_id", how="semi"),
            self.thresholds["messages"] - 1,
            context.population.settings.engagement,
        )
        unknown = _cannot_tell(rows.join(recordable, on="customer_id", how="anti"), context)
        return pl.concat([ignored, unknown])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the same campaign in no such run."""
        campaign = campaign_expr("category")
        messages = context.mailings.filter(campaign == finding["subject"])
        yield ExcludedEvents("message", messages, "answered, or parted from the run by an answer")

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """Of each run that counts, what makes it too few, too brief or nowhere dense, whichever is least.

        An ended streak could also be ended otherwise, by a click that counts no more: its set need not be a smallest.
        """
        if finding["verdict"] == "cannot_tell":
            return ()
        limits = self.thresholds
        is_ongoing = finding["case"] == "ongoing"
        is_newest = pl.col("run") == pl.col("newest_run")
        runs = _runs(context, limits).filter(
            pl.col("campaign") == finding["subject"], is_newest if is_ongoing else ~is_newest
        )
        stay: list[str] = []
        go: list[str] = []
        for messages, times in runs.select("messages", "times").iter_rows():
            staying = _longest_that_is_none(list(zip(messages, times, strict=True)), limits)
            stay += staying
            go += [message for message in messages if message not in set(staying)]
        only_clicks = context.population.settings.engagement == "click"
        return (Plan((*stay, *go), alone=False, stay=len(stay), smallest=is_ongoing and only_clicks),)

    def nearest_events(self, events: pl.DataFrame, evidence: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """The messages of the same campaigns, and what became of them."""
        campaigns = evidence["campaign_id"].drop_nulls()
        same = events.filter(pl.col("campaign_id").is_in(campaigns.implode()))
        messages = same["message_id"].drop_nulls()
        yield events.filter(
            pl.col("event_id").is_in(same["event_id"].implode())
            | pl.col("message_id").is_in(messages.implode())
        )

    def absence(self, context: CheckContext, finding: Finding) -> Reason | None:
        """No click on any of the messages."""
        del context
        absent = Absence(kinds=tuple(_ABSENT), since=finding["from"], until=finding["to"])
        return Reason(f"no {kinds_in_words(_ABSENT)} on any of them", absent=absent)

    def events_that_end_it(self, finding: Finding, messages: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """A click on one of the messages, the one in the middle first."""
        del finding
        copied = ("channel", "message_id", "campaign_id", "campaign_name", "sender")
        from_the_middle = sorted(range(messages.height), key=lambda place: abs(place - messages.height // 2))
        for position in from_the_middle[:_CLICKS_TRIED]:
            message = messages.row(position, named=True)
            yield counterfactual.event(
                messages,
                kind="message_clicked",
                occurred_at=message["occurred_at"] + timedelta(seconds=1),
                machine=False,
                **{name: message[name] for name in copied},
            )


def _longest_that_is_none(
    messages: Sequence[tuple[str, datetime]], limits: Mapping[str, Any]
) -> Sequence[str]:
    """As many of a run of messages (event_ids and times) as make no streak: nowhere dense, too brief, or too few."""
    sparse, _ = capped(messages, limits["recent"] - 1, timedelta(days=limits["recent_days"]))
    ids = [message for message, _ in messages]
    too_few = ids[: limits["messages"] - 1]
    span = timedelta(days=limits["span_days"])
    ends = (bisect_left(messages, at + span, key=lambda message: message[1]) for _, at in messages)
    brief = max((ids[begin:end] for begin, end in enumerate(ends)), key=len)
    return max(sparse, brief, too_few, key=len)


def _with_outcomes(context: CheckContext) -> pl.DataFrame:
    """The mailings, with what became of them: `clicked, opened, machine_opened`."""
    became = outcomes(context.events).select(
        "customer_id", "message_key", "clicked", "opened", "machine_opened"
    )
    return context.mailings.join(became, on=("customer_id", "message_key"), how="left", maintain_order="left")


def _recordable(context: CheckContext) -> pl.DataFrame:
    """The customers of whom the data could show engagement: column customer_id.

    Clicks: the data holds clicks. Opens, where chosen: it holds opens, and not only machines opened this
    customer's messages.
    """
    mailings = _with_outcomes(context)
    customers = mailings.select("customer_id").unique()
    holds = context.population.coverage.holds
    clicks = customers if holds("message_clicked") else customers.clear()
    if context.population.settings.engagement != "open" or not holds("message_opened"):
        return clicks
    by_machines = pl.col("machine_opened").any() & ~pl.col("opened").any() & ~pl.col("clicked").any()
    unclear = mailings.group_by("customer_id").agg(by_machines.alias("by_machines")).filter("by_machines")
    return customers.join(unclear, on="customer_id", how="anti")


def _runs(context: CheckContext, limits: Mapping[str, Any]) -> pl.DataFrame:
    """All runs of each customer and campaign that have enough messages, days and density: `messages` and their `times`.

    `run`: its number; `newest_run`: that of the newest run, long enough or not.
    """
    chose_opens = context.population.settings.engagement == "open"
    engaged = pl.col("clicked") | pl.col("opened") if chose_opens else pl.col("clicked")
    mailings = (
        _with_outcomes(context)
        .with_columns(
            campaign_expr("category").alias("campaign"),
            engaged.alias("engaged"),
        )
        .drop_nulls("campaign")
    )
    recent = timedelta(days=limits["recent_days"])
    before = pl.col("occurred_at").shift(limits["recent"] - 1).over(*_BY, "run")
    return (
        mailings.with_columns(pl.col("engaged").cum_sum().over(_BY).alias("run"))
        .with_columns(pl.col("run").max().over(_BY).alias("newest_run"))
        .filter(~pl.col("engaged"))
        .with_columns((pl.col("occurred_at") - before < recent).alias("dense"))
        .group_by(*_BY, "run", maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("dense").any(),
            pl.col("newest_run").first(),
            pl.col("campaign_name", "campaign_id", "category", "channel").last(),
            pl.col("occurred_at").first().alias("first_at"),
            pl.col("occurred_at").last().alias("last_at"),
            pl.col("event_id").alias("messages"),
            pl.col("occurred_at").alias("times"),
        )
        .filter(
            pl.col("count") >= limits["messages"],
            pl.col("dense"),
            pl.col("last_at") - pl.col("first_at") >= timedelta(days=limits["span_days"]),
        )
    )


def _ignored(rows: pl.DataFrame, unengaged: int, engagement: str) -> pl.DataFrame:
    is_ongoing = pl.col("run") == pl.col("newest_run")
    text = pl.format(
        '{} of "{}" in a row from {} to {}, no click recorded.',
        message_count(pl.col("channel")), pl.lit(ABOUT), day(pl.col("first_at")), day(pl.col("last_at")),
    )  # fmt: skip
    return detected(
        rows,
        case=pl.when(is_ongoing).then(pl.lit("ongoing")).otherwise(pl.lit("ended")),
        subject="campaign",
        about=pl.coalesce("campaign_name", "campaign"),
        text=text,
        rule=rule_column(
            rows,
            ("campaign_id", "campaign_name", "category"),
            _rule,
            unengaged=unengaged,
            engagement=engagement,
        ),
    )


def _rule(
    campaign_id: str | None, campaign_name: str | None, category: str | None, unengaged: int, engagement: str
) -> Rule:
    campaign = campaign_of(campaign_id, campaign_name)
    if campaign is None:
        return sunset(
            unengaged, engagement, f"about {category_title(str(category))}", categories=[str(category)]
        )
    return sunset(unengaged, engagement, f"of {quoted([campaign_name or campaign])}", campaigns=[campaign])


def _cannot_tell(rows: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """One answer a customer, of the longest run: what the data does not hold."""
    chose_opens = context.population.settings.engagement == "open"
    engagement = "opens or clicks by people" if chose_opens else "clicks"
    longest = rows.sort("count", descending=True, maintain_order=True).unique(
        "customer_id", keep="first", maintain_order=True
    )
    text = pl.format(
        f"Cannot tell whether {{}} messages in a row were ignored: this data holds no {engagement} for this "
        "customer. Import them.",
        "count",
    )
    return cannot_tell(longest, "engagement", "no_engagement_data", text)
