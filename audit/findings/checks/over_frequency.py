"""More marketing messages of a channel in a rolling window than people put up with, all senders together."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events.times import duration
from audit.events.vocabulary import is_marketing_expr
from audit.findings.check import Check, CustomerWording, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.schema import day, detected, message_count, nothing_detected, rule_column
from audit.why.counterfactual import Plan

_WINDOW_DAYS = {"day": 1, "week": 7}


class OverFrequency(Check):
    """Too many messages in a day or a week."""

    id = "over-frequency"
    fault = CustomerWording(
        en="That is too much for so short a time.", de="Das ist zu viel für so kurze Zeit."
    )

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages that are more than the limit in the day, or the week, `(t − w, t]` before and with them."""
        mailings = context.mailings.select(
            "customer_id", "occurred_at", "event_id", pl.col("channel").fill_null("unknown"), "sender"
        )
        if mailings.is_empty():
            return nothing_detected()
        limits = self.thresholds
        return pl.concat(
            _too_many(mailings, window, limits[window], limits["high_factor"]) for window in _WINDOW_DAYS
        )

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the channel that the limit let through."""
        reason = f"within the limit of {self.thresholds[finding['case']]} when it came"
        yield ExcludedEvents("message", _of_channel(context, finding), reason)

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """The window after the message that is as many from the end as the limit allows."""
        limit: int = self.thresholds[finding["case"]]
        sent_at: datetime = _of_channel(context, finding)["occurred_at"][-limit]
        return sent_at + timedelta(days=_WINDOW_DAYS[finding["case"]])

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """The messages that a cap at the limit would have stopped, so that no window holds more: a smallest set.

        None where one message too many went out: there, any one of several may go, and trying names them all.
        """
        cap = json.loads(finding["suggested_rule"])
        messages = context.messages.filter(
            is_marketing_expr(),
            pl.col("channel").is_in(cap["channels"]) if "channels" in cap else pl.col("channel").is_null(),
        ).select("event_id", "occurred_at")
        passed, stopped = capped(messages.rows(), cap["limit"], duration(cap["window"]))
        return (Plan((*passed, *stopped), alone=False, stay=len(passed)),) if len(stopped) != 1 else ()


def capped(
    messages: Iterable[tuple[str, datetime]], limit: int, window: timedelta
) -> tuple[list[str], list[str]]:
    """What a cap of `limit` messages in a rolling `window` lets through, and what it stops: as few as possible.

    `messages`: event_ids and times, in order.
    """
    passed: list[tuple[str, datetime]] = []
    stopped: list[str] = []
    for event_id, at in messages:
        if len(passed) >= limit and passed[-limit][1] > at - window:
            stopped.append(event_id)
        else:
            passed.append((event_id, at))
    return [event_id for event_id, _ in passed], stopped


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
    messages: pl.DataFrame, by: list[str], window: timedelta, over: pl.Expr, *columns: pl.Expr
) -> pl.DataFrame:
    """The groups of `messages` that agree in `by`, with any that is `over` by how many lie `within` the window up to it.

    Added: `messages` (those over, event_ids), `first_at, last_at` (of them), `peak` (how many lay in the fullest window),
    `evidence` (which), `peak_at` (its end), and `columns` of the whole group.
    """
    worst = pl.when(over).then("within").arg_max()
    at = pl.col("occurred_at")
    return (
        count_in_window(messages, by, window)
        .filter(over.any().over(by))
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("event_id").filter(over).alias("messages"),
            at.filter(over).min().alias("first_at"),
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


def _of_channel(context: CheckContext, finding: Finding) -> pl.DataFrame:
    channel = finding["subject"].rpartition(":")[0]
    return context.mailings.filter(pl.col("channel").fill_null("unknown") == channel)


def _too_many(mailings: pl.DataFrame, window: str, limit: int, high_factor: int) -> pl.DataFrame:
    senders = pl.col("sender").n_unique().alias("senders")
    length = timedelta(days=_WINDOW_DAYS[window])
    rows = over_limit(mailings, ["customer_id", "channel"], length, pl.col("within") > limit, senders)
    rows = rows.with_columns(pl.col("messages").list.len().alias("count"))
    return detected(
        rows,
        case=pl.lit(window),
        subject=pl.format("{}: {} a {}", "channel", pl.lit(limit), pl.lit(window)),
        severity=pl.when(pl.col("peak") >= high_factor * limit).then(pl.lit("high")),
        text=_text(window, limit),
        rule=rule_column(rows, ("channel",), lambda channel: _rule(channel, window, limit)),
    )


def _text(window: str, limit: int) -> pl.Expr:
    senders = (
        pl.when(pl.col("senders") > 1).then(pl.format(" from {} senders", "senders")).otherwise(pl.lit(""))
    )
    return pl.format(
        "Up to {}{} in one {} (to {}); {} came on top of {} already in it.",
        message_count(pl.col("channel"), "peak"), senders, pl.lit(window), day(pl.col("peak_at")), "count", pl.lit(limit),
    )  # fmt: skip


def _rule(channel: str, window: str, limit: int) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": f"{channel}-{limit}-a-{window}",
        "kind": "frequency_cap",
        "title": f"At most {limit} marketing messages a {window}, all senders together",
        "limit": limit,
        "window": f"{_WINDOW_DAYS[window]}d",
    }
    return rule if channel == "unknown" else {**rule, "channels": [channel]}
