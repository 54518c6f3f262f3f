"""More marketing messages of a channel in a rolling window than people put up with, all senders together."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.schema import day, days, detected, message_count, nothing_detected
from audit.findings.suggested_rule import rule_column, slug
from audit.why.counterfactual import Plan
from audit.why.removed_events import Limit

_WINDOW_DAYS = {"day": 1, "week": 7}

Name = TypeVar("Name")


class OverFrequency(Check):
    """Too many messages in a day or a week."""

    id = "over-frequency"
    subject_names = "nothing"
    alike = "themselves"
    again = "Since {since} not so many have come in so short a time"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Where more messages than the limit lie in a day, or a week, `(t − w, t]`: those that a cap would have stopped.

        Messages that only a mailbox shows count too. What is told is the time from the first window that is too full to the last such message.
        """
        mailings = context.contacts.select(
            "customer_id", "occurred_at", "event_id", pl.col("channel").fill_null("unknown"), "sender"
        )
        if mailings.is_empty():
            return nothing_detected()
        limits = self.thresholds
        return pl.concat(
            _too_many(mailings, window, limits[window], limits["high_factor"]) for window in _WINDOW_DAYS
        )

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the channel before and after those that are told, which the limit lets through."""
        limit = self.thresholds[finding["case"]]
        told = pl.col("occurred_at").is_between(finding["from"], finding["to"])
        reason = "would have passed a limit of {}"
        others = _of_channel(context, finding["subject"]).filter(~told)
        yield ExcludedEvents("message", others, reason, (limit,))

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """The window after the message that is as many from the end as the limit allows, of those it let through."""
        limit: int = self.thresholds[finding["case"]]
        window = timedelta(days=_WINDOW_DAYS[finding["case"]])
        sent_at: list[datetime] = _of_channel(context, finding["subject"])["occurred_at"].to_list()
        passed, _ = capped(zip(sent_at, sent_at, strict=True), limit, window)
        return passed[-limit] + window

    def newest_of_its_kind(self, context: CheckContext, case: str | None, subject: str | None) -> list[str]:
        """Every message at which the window held more than the limit, also where a cap would have let that one pass."""
        window, limit = timedelta(days=_WINDOW_DAYS[str(case)]), self.thresholds[str(case)]
        counted = count_in_window(_of_channel(context, str(subject)), ["customer_id"], window)
        return counted.filter(pl.col("within") > limit)["event_id"].to_list()

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """The messages that a cap at the limit would have stopped, so that no window holds more: a smallest set.

        None where one message too many went out: there, any one of several may go, and trying names them all.
        """
        window = timedelta(days=_WINDOW_DAYS[finding["case"]])
        sent: list[tuple[str, datetime]] = (
            _of_channel(context, finding["subject"]).select("event_id", "occurred_at").rows()
        )
        limit = Limit(messages=self.thresholds[finding["case"]], days=window.days)
        passed, stopped = capped(sent, limit.messages, window)
        plan = Plan((*passed, *stopped), alone=False, stay=len(passed), limit=limit)
        return (plan,) if len(stopped) != 1 else ()


def capped(
    messages: Iterable[tuple[Name, datetime]], limit: int, window: timedelta
) -> tuple[list[Name], list[Name]]:
    """What a cap of `limit` messages in a rolling `window` lets through, and what it stops: as few as possible.

    `messages`: what each is called, and its time, in order.
    """
    passed: list[tuple[Name, datetime]] = []
    stopped: list[Name] = []
    for name, at in messages:
        if len(passed) >= limit and passed[-limit][1] > at - window:
            stopped.append(name)
        else:
            passed.append((name, at))
    return [name for name, _ in passed], stopped


def count_in_window(mailings: pl.DataFrame, by: list[str], window: timedelta) -> pl.DataFrame:
    """Add `within`: how many of `mailings` that agree in `by` lie in `(t − window, t]`, up to and with the row.

    `mailings` are in order. Rows at the same instant count those before them by event_id, never those after.
    """
    rows = mailings.with_columns(
        pl.int_range(1, pl.len() + 1).over(by).cast(pl.Int64).alias("_nth"),
        (pl.col("occurred_at") - window).alias("_edge"),
    )
    at_edge = rows.select(*by, pl.col("occurred_at").alias("_then"), pl.col("_nth").alias("_before_window"))
    return (
        rows.sort("_edge", maintain_order=True)
        .join_asof(
            at_edge.sort("_then", maintain_order=True),
            left_on="_edge", right_on="_then", by=by, strategy="backward", check_sortedness=False,
        )
        .with_columns((pl.col("_nth") - pl.col("_before_window").fill_null(0)).alias("within"))
        .drop("_nth", "_edge", "_before_window", "_then", strict=False)
        .sort("customer_id", "occurred_at", "event_id")
    )  # fmt: skip


def over_limit(
    messages: pl.DataFrame, by: list[str], window: timedelta, limit: int, judged: pl.Expr, *columns: pl.Expr
) -> pl.DataFrame:
    """The groups of `messages` (in order) that agree in `by`, with any `judged` that is over: more than `limit` lie in the window up to it.

    Added: `messages` (those over, event_ids), `first_at, last_at` (of the first window with one of them, and of them),
    `begin` (where in the group that window begins), `peak` (how many lay in the fullest window), `evidence` (which),
    `peak_at` (its end), and `columns` of the whole group.
    """
    earlier = pl.col("occurred_at").shift(limit).over(by)
    too_close = (pl.col("occurred_at") - earlier < window) & judged
    full = messages.filter(too_close.fill_null(value=False).any().over(by))
    over = (pl.col("within") > limit) & judged
    worst = pl.when(over).then("within").arg_max()
    first = over.arg_max().cast(pl.Int64)
    begin = first + 1 - pl.col("within").get(first)
    at = pl.col("occurred_at")
    return (
        count_in_window(full, by, window)
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("event_id").filter(over).alias("messages"),
            begin.alias("begin"),
            at.get(begin).alias("first_at"),
            at.filter(over).max().alias("last_at"),
            pl.col("within").filter(over).max().alias("peak"),
            at.get(worst).alias("peak_at"),
            worst.alias("_worst"),
            pl.col("event_id").alias("evidence"),
            *columns,
        )
        .with_columns(pl.col("evidence").list.slice(pl.col("_worst") + 1 - pl.col("peak"), pl.col("peak")))
        .drop("_worst")
    )


def _of_channel(context: CheckContext, subject: str) -> pl.DataFrame:
    channel = subject.rpartition(":")[0]
    return context.contacts.filter(pl.col("channel").fill_null("unknown") == channel)


def _too_many(mailings: pl.DataFrame, window: str, limit: int, high_factor: int) -> pl.DataFrame:
    length = timedelta(days=_WINDOW_DAYS[window])
    all_of_group = (pl.col("event_id").alias("ids"), pl.col("occurred_at").alias("times"), pl.col("sender"))
    rows = over_limit(mailings, ["customer_id", "channel"], length, limit, pl.lit(value=True), *all_of_group)
    stopped = [capped(enumerate(times), limit, length)[1] for times in rows["times"]]
    last = pl.col("stopped").list.last()
    rows = rows.with_columns(pl.Series("stopped", stopped, pl.List(pl.Int64))).with_columns(
        pl.col("ids").list.gather(pl.col("stopped")).alias("messages"),
        pl.col("stopped").list.len().alias("count"),
        (last + 1 - pl.col("begin")).alias("total"),
        pl.col("times").list.get(last).alias("last_at"),
    )
    senders = pl.col("sender").list.slice("begin", "total").list.drop_nulls().list.n_unique()
    rows = rows.with_columns(senders.alias("senders"))
    return detected(
        rows,
        case=pl.lit(window),
        subject=pl.format("{}: {} a {}", "channel", pl.lit(limit), pl.lit(window)),
        severity=pl.when(pl.col("peak") >= high_factor * limit).then(pl.lit("high")),
        excess="count",
        text=_text(window, limit),
        rule=rule_column(rows, ("channel",), lambda channel: _rule(channel, window, limit)),
    )


def _text(window: str, limit: int) -> pl.Expr:
    senders = (
        pl.when(pl.col("senders") > 1).then(pl.format(" of {} senders", "senders")).otherwise(pl.lit(""))
    )
    text = pl.format(
        "{}{} {}: {} too many for at most {} in one {}",
        message_count(pl.col("channel"), "total"), senders, days(), "count", pl.lit(limit), pl.lit(window),
    )  # fmt: skip
    fullest = pl.format("; up to {} came in one {} (to {})", "peak", pl.lit(window), day(pl.col("peak_at")))
    return pl.concat_str(
        text, pl.when(pl.col("peak") < pl.col("total")).then(fullest).otherwise(pl.lit("")), pl.lit(".")
    )


_NOUNS = {"email": "marketing mails", "sms": "marketing text messages", "push": "marketing push messages"}


def _rule(channel: str, window: str, limit: int) -> dict[str, Any]:
    is_known = channel != "unknown"
    noun = _NOUNS.get(channel, f"marketing messages by {channel}" if is_known else "marketing messages")
    return {
        "id": f"{slug(channel) if is_known else 'all'}-{limit}-a-{window}",
        "kind": "frequency_cap",
        "title": f"At most {limit} {noun} a {window}, all senders together",
        **({"channels": [channel]} if is_known else {}),
        "limit": limit,
        "window": f"{_WINDOW_DAYS[window]}d",
    }
