"""Messages over one channel in a row, more than people here leave unanswered, with no sign of the customer in between."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import log
from typing import Any

import polars as pl

from audit.events import vocabulary
from audit.events.vocabulary import OPT_INS, OPT_OUTS, VISITS, campaign_expr, comes_before_expr, covers_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.checks.over_frequency import capped
from audit.findings.schema import (
    ABOUT,
    cannot_tell,
    category_title,
    day,
    detected,
    message_count,
    several,
)
from audit.findings.suggested_rule import Rule, quoted, rule_column, shortest, sunset
from audit.population.stats import MIN_RANKED
from audit.why import counterfactual
from audit.why.counterfactual import Plan
from audit.why.model import Absence, Reason
from audit.why.removed_events import Limit
from audit.why.wording import kinds_in_words

_BY = ("customer_id", "channel")
_READ = (
    "customer_id", "event_id", "occurred_at", "message_key", "channel", "campaign_id", "campaign_name", "category",
)  # fmt: skip
"""The columns that are read of the mailings: runs are sorted, and wide text would be copied with them."""
_ANSWERS = {"click": "click or visit", "open": "open, click or visit"}
"""What a workspace may choose as engagement → what is counted as an answer then."""

_ABSENT = ("message_clicked",)
_CLICKS_TRIED = 9
"""House value: of so many messages, those in the middle of the run, it is tried whether a click would have ended it."""

_STEPS = (4, 9, 19, 39, 79)
"""House values: a suggested rule lets so many go unanswered, the least that is enough, so that many share one rule."""

_ROUNDING = 1e-9
"""Sums of logarithms that are equal, whatever floating point makes of them."""


class IgnoredStreak(Check):
    """A run of messages that nobody answered."""

    id = "ignored-streak"
    subject_names = "campaigns"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """The present run of a channel, if it has enough messages, days and density, and is longer than chance makes it.

        A run ends with a human click (or open, where the workspace chose them), a visit, an order, and a yes or no to the
        channel. Chance: what all campaigns' own response rates give for as many unanswered. Of a channel's recipients only
        those with the longest runs, `common` at most, so that where most never click no click is no news. Since a life
        changed a silence is no more than noted, and no rule about clicks is suggested. Where no
        engagement of that kind can be recorded, one answer a customer: cannot tell.
        """
        rows = _runs(context, self.thresholds)
        recordable = _recordable(context)
        ignored = _ignored(
            rows.join(recordable, on="customer_id", how="semi"), context.population.settings.engagement
        )
        changes = context.events.filter(vocabulary.life_changed())
        changed = changes.group_by("customer_id").agg(pl.col("occurred_at").min().alias("changed_at"))
        grave = pl.col("changed_at") <= pl.col("last_at")
        ignored = (
            ignored.join(changed, on="customer_id", how="left", maintain_order="left")
            .with_columns(
                severity=pl.when(grave).then(pl.lit("info")),
                rule=pl.when(grave.fill_null(value=False).not_()).then("rule"),
            )
            .drop("changed_at")
        )
        unknown = _cannot_tell(rows.join(recordable, on="customer_id", how="anti"), context)
        return pl.concat([ignored, unknown])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the same channel in no such run."""
        messages = context.mailings.filter(pl.col("channel").fill_null("unknown") == finding["subject"])
        reason = "answered, or parted from the run by an answer, a visit, an order or a choice"
        yield ExcludedEvents("message", messages, reason)

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """Of each run that counts, what makes it too few, too brief, nowhere dense or no more than chance, whichever is least."""
        if finding["verdict"] == "cannot_tell":
            return ()
        limits = self.thresholds
        runs = _runs(context, limits).filter(pl.col("channel") == finding["subject"])
        stay: list[str] = []
        go: list[str] = []
        limit = None
        for messages, times, weights, needed in runs.select(
            "messages", "times", "weights", "needed"
        ).iter_rows():
            run = list(zip(messages, times, strict=True))
            staying = _longest_that_is_none(run, weights, limits | {"messages": needed})
            stay += staying
            go += [message for message in messages if message not in set(staying)]
            if runs.height == 1 and staying == _sparse(run, limits):
                limit = Limit(messages=limits["recent"] - 1, days=limits["recent_days"])
        only_clicks = context.population.settings.engagement == "click"
        return (Plan((*stay, *go), alone=False, stay=len(stay), smallest=only_clicks, limit=limit),)

    def nearest_events(self, events: pl.DataFrame, evidence: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """The messages, what became of them, and what ends a run."""
        del evidence
        ends = [*VISITS, *OPT_INS, *OPT_OUTS]
        yield events.filter(pl.col("kind").str.starts_with("message_") | pl.col("kind").is_in(ends))

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """No click on any of the messages."""
        del context
        absent = Absence(kinds=tuple(_ABSENT), since=finding["from"], until=finding["to"], on_them=True)
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
    messages: Sequence[tuple[str, datetime]], weights: Sequence[float], limits: Mapping[str, Any]
) -> Sequence[str]:
    """As many of a run of messages (event_ids and times) as make no streak: nowhere dense, too brief, too few, or
    no more than chance; `weights`: what each takes from the chance.
    """
    ids = [message for message, _ in messages]
    too_few = ids[: limits["messages"] - 1]
    span = timedelta(days=limits["span_days"])
    ends = (bisect_left(messages, at + span, key=lambda message: message[1]) for _, at in messages)
    brief = max((ids[begin:end] for begin, end in enumerate(ends)), key=len)
    lightest = sorted(range(len(ids)), key=lambda place: weights[place])
    reached = list(accumulate(weights[place] for place in lightest))
    likely = [ids[place] for place in lightest[: bisect_left(reached, _enough(limits))]]
    return max(_sparse(messages, limits), brief, too_few, likely, key=len)


def _sparse(messages: Sequence[tuple[str, datetime]], limits: Mapping[str, Any]) -> Sequence[str]:
    """As many of a run of messages as are nowhere dense."""
    return capped(messages, limits["recent"] - 1, timedelta(days=limits["recent_days"]))[0]


def _enough(limits: Mapping[str, Any]) -> float:
    """What the weights of a run add up to, if as many are left unanswered as rarely as the threshold says."""
    return -log(limits["chance"]) - _ROUNDING


def _with_outcomes(context: CheckContext) -> pl.DataFrame:
    """The mailings (columns `_READ`), with what became of them: `clicked, opened, machine_opened`."""
    became = context.outcomes.select("customer_id", "message_key", "clicked", "opened", "machine_opened")
    mailings = context.mailings.select(_READ)
    return mailings.join(became, on=("customer_id", "message_key"), how="left", maintain_order="left")


def _recordable(context: CheckContext) -> pl.DataFrame:
    """The customers of whom the data could show engagement: column customer_id.

    Clicks: the data holds clicks. Opens, where chosen: it holds opens, and not only machines opened this
    customer's messages.
    """
    customers = context.mailings.select("customer_id").unique()
    holds = context.population.coverage.holds
    clicks = customers if holds("message_clicked") else customers.clear()
    if context.population.settings.engagement != "open" or not holds("message_opened"):
        return clicks
    by_machines = pl.col("machine_opened").any() & ~pl.col("opened").any() & ~pl.col("clicked").any()
    opened = _with_outcomes(context)
    unclear = opened.group_by("customer_id").agg(by_machines.alias("by_machines")).filter("by_machines")
    return customers.join(unclear, on="customer_id", how="anti")


def _runs(context: CheckContext, limits: Mapping[str, Any]) -> pl.DataFrame:
    """The runs of each customer and channel that nothing has ended, and that count: `messages`, their `times` and `weights`."""
    recent = timedelta(days=limits["recent_days"])
    before = pl.col("occurred_at").shift(limits["recent"] - 1).over(_BY)
    return (
        _with_weights(_unended(context, limits["messages"]), context, limits)
        .with_columns((pl.col("occurred_at") - before < recent).alias("dense"))
        .group_by(_BY, maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("dense").any(),
            pl.col("campaign_name", "category").last(),
            pl.col("campaign").last().alias("newest_campaign"),
            pl.col("campaign").n_unique().alias("number"),
            campaign_expr().drop_nulls().unique().sort().alias("campaigns"),
            pl.col("occurred_at").first().alias("first_at"),
            pl.col("occurred_at").last().alias("last_at"),
            pl.col("event_id").alias("messages"),
            pl.col("occurred_at").alias("times"),
            pl.col("weight").alias("weights"),
            pl.col("rate", "channel_rate").mean(),
            pl.col("rate").is_null().any().alias("unknown_rates"),
            pl.col("own_rate").all(),
            (pl.col("weight").cum_sum() < _enough(limits)).sum().alias("short"),
        )
        .join(_needed(context, limits), on="channel", how="left", maintain_order="left")
        .with_columns(pl.max_horizontal("needed", pl.lit(limits["messages"], pl.UInt32)))
        .with_columns(pl.max_horizontal("short", pl.col("needed") - 1))
        .filter(
            pl.col("count") >= pl.col("needed"),
            pl.col("dense"),
            pl.col("last_at") - pl.col("first_at") >= timedelta(days=limits["span_days"]),
            pl.col("weights").list.sum() >= _enough(limits),
        )
    )


def _needed(context: CheckContext, limits: Mapping[str, Any]) -> pl.DataFrame:
    """As many as so few recipients of a channel have left unanswered that it says something: `channel, needed`."""
    counted = context.population.facts.silences.filter(
        pl.col("engagement") == context.population.settings.engagement
    )
    all_of_them = pl.col("people").sum().over("channel")
    with_as_many = pl.col("people").cum_sum().over("channel")
    is_rare = pl.col("with_as_many") <= limits["common"] * pl.col("all")
    return (
        counted.sort("channel", "messages", descending=[False, True])
        .with_columns(with_as_many.alias("with_as_many"), all_of_them.alias("all"))
        .filter(pl.col("all") >= MIN_RANKED)
        .group_by("channel")
        .agg(pl.col("messages").filter(is_rare).min().fill_null(pl.col("messages").max() + 1).alias("needed"))
    )


def _with_engagement(context: CheckContext) -> pl.DataFrame:
    """The mailings with their channel, campaign, and whether somebody's answer `ends` a run there."""
    chose_opens = context.population.settings.engagement == "open"
    engaged = pl.col("clicked") | pl.col("opened") if chose_opens else pl.col("clicked")
    return _with_outcomes(context).with_columns(
        pl.col("channel").fill_null("unknown"),
        campaign_expr("category").fill_null("unknown").alias("campaign"),
        engaged.fill_null(value=False).alias("ends"),
    )


def _unended(context: CheckContext, least: int) -> pl.DataFrame:
    """The mailings (columns of `_with_engagement`) that nothing has ended since, of a channel with `least` of them."""
    mailings = _with_engagement(context)
    newest_answer = pl.col("ends").cum_sum().over(_BY) == pl.col("ends").sum().over(_BY)
    later = pl.col("sign_at").is_null() | comes_before_expr("sign_at", "sign_id", *ORDER)
    return (
        mailings.filter(newest_answer, ~pl.col("ends"))
        .filter(pl.len().over(_BY) >= least)
        .join(_newest_signs(context, mailings), on=_BY, how="left", maintain_order="left")
        .filter(later)
        .filter(pl.len().over(_BY) >= least)
    )


def _newest_signs(context: CheckContext, mailings: pl.DataFrame) -> pl.DataFrame:
    """What ended the runs of each channel last, but for a click: a visit, an order, or a yes or no that bears on the channel.

    Columns `customer_id, channel, sign_at, sign_id`.
    """
    channels = mailings.select(_BY).unique()
    columns = ("customer_id", *ORDER)
    acts = context.acts.filter(pl.col("kind").is_in(VISITS)).select(columns)
    newest = acts.group_by("customer_id").last().with_columns(pl.lit(None, pl.String).alias("of"))
    choices = context.of_kind(*OPT_INS, *OPT_OUTS).select(*columns, pl.col("channel").alias("of"))
    return (
        pl.concat([newest, choices])
        .join(channels, on="customer_id")
        .filter(covers_expr("of", "channel"))
        .sort(ORDER)
        .group_by(_BY)
        .agg(pl.col("occurred_at").last().alias("sign_at"), pl.col("event_id").last().alias("sign_id"))
    )


def _with_weights(mailings: pl.DataFrame, context: CheckContext, limits: Mapping[str, Any]) -> pl.DataFrame:
    """Add `rate`, how often people here answer such a message (`channel_rate`: any of its channel), and `weight`, what it takes from the chance of a run.

    The campaign's own rate, else that of the channel; where neither is known, `messages` in a row are enough.
    """
    answered = "answered" if context.population.settings.engagement == "click" else "noticed"
    counted = context.population.facts.responses.select(
        "channel", "campaign", "recipients", "messages", pl.col(answered).alias("answered")
    )
    is_known = (pl.col("messages") >= limits["known_messages"]) & (
        pl.col("recipients") >= limits["known_people"]
    )
    rate = (pl.col("answered") / pl.col("messages")).alias("rate")
    of_campaigns = counted.filter(is_known).select("channel", "campaign", rate)
    of_channels = (
        counted.group_by("channel")
        .agg(pl.col("messages", "answered").sum(), pl.col("recipients").max())
        .filter(is_known, pl.col("answered") > 0)
        .select("channel", rate.alias("channel_rate"))
    )
    unknown = _enough(limits) / limits["messages"]
    return (
        mailings.join(of_campaigns, on=("channel", "campaign"), how="left", maintain_order="left")
        .join(of_channels, on="channel", how="left", maintain_order="left")
        .with_columns(
            rate=pl.when(pl.col("channel_rate").is_not_null()).then(pl.coalesce("rate", "channel_rate")),
            own_rate=pl.col("rate").is_not_null(),
        )
        .with_columns(weight=(-(1 - pl.col("rate").clip(upper_bound=0.99)).log()).fill_null(unknown))
    )


def _ignored(rows: pl.DataFrame, engagement: str) -> pl.DataFrame:
    others = pl.col("number") - 1
    more = (
        pl.when(others > 0)
        .then(pl.format(" and {}", several(others, "other campaign")))
        .otherwise(pl.lit(""))
    )
    of_campaigns = (
        pl.when(pl.col("number") == 1)
        .then(pl.lit("of this campaign"))
        .otherwise(pl.lit("of these campaigns"))
    )
    like_them = pl.when("own_rate").then(of_campaigns).otherwise(pl.lit("of all marketing over this channel"))
    rate = pl.when("own_rate").then("rate").otherwise("channel_rate")
    of_hundred = (100 * rate).round(0).cast(pl.Int64)
    number = pl.when(of_hundred > 0).then(of_hundred.cast(pl.String)).otherwise(pl.lit("fewer than 1"))
    usual = pl.when(~pl.col("unknown_rates")).then(
        pl.format(" Of 100 messages {} here, {} are followed by one.", like_them, number)
    )
    text = pl.format(
        '{} of "{}"{} in a row from {} to {}, and no {} in that time is recorded.{}',
        message_count(pl.col("channel")), pl.lit(ABOUT), more, day(pl.col("first_at")), day(pl.col("last_at")),
        pl.lit(_ANSWERS[engagement]), usual.otherwise(pl.lit("")),
    )  # fmt: skip
    columns = ("channel", "campaigns", "newest_campaign", "campaign_name", "category", "short", "count")
    return detected(
        rows,
        case=pl.lit("unanswered"),
        subject="channel",
        about=pl.coalesce("campaign_name", "newest_campaign"),
        text=text,
        rule=rule_column(rows, columns, _rule, engagement=engagement),
    )


def _rule(
    *,
    channel: str,
    campaigns: list[str],
    newest_campaign: str,
    campaign_name: str | None,
    category: str | None,
    short: int,
    count: int,
    engagement: str,
) -> Rule:
    """Nothing more after so many: of the campaigns that went unanswered, else of the category or the channel."""
    rounded = shortest(short, *_STEPS)
    unengaged = rounded if short <= rounded < count else short
    if campaigns:
        named = [campaign_name or newest_campaign] if len(campaigns) == 1 else campaigns
        return sunset(unengaged, engagement, f"of {quoted(named)}", campaigns=campaigns)
    if category is not None:
        return sunset(unengaged, engagement, f"about {category_title(category)}", categories=[category])
    scope = {} if channel == "unknown" else {"channels": [channel]}
    return sunset(unengaged, engagement, f"by {channel}" if scope else "at all", **scope)


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
