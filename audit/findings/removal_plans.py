"""What the form of a check says of the counterfactual of its finding, before anything is tried."""

import json
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events.messages import sent_messages
from audit.events.times import duration
from audit.findings import removal_plan_declared
from audit.findings.catalogue import check
from audit.findings.check_context import Audited
from audit.findings.checks import ignored_streak
from audit.population.context import Context
from audit.why.minimal_removal import Plan

Row = dict[str, Any]


def plans(events: pl.DataFrame, context: Context, row: Row) -> tuple[Plan, ...]:
    """The messages that have to go so that the finding `row` (`worded`, naming sensitive topics) is no more; none at all
    where only trying can tell.
    """
    if row["check"] == "over-frequency":
        return _one(_cap(events, row))
    if row["check"] == "ignored-streak" and row["verdict"] != "cannot_tell":
        return (_streak(Audited(events, context), row),)
    if row["check"] == "declared-vs-observed":
        return _one(removal_plan_declared.plan(events, context, row))
    return ()


def last_resort(events: pl.DataFrame, context: Context, row: Row) -> tuple[Plan, ...]:
    """What ends the finding `row` where `plans` and the search found nothing: minimal, but not a smallest set."""
    if row["check"] == "declared-vs-observed":
        return _one(removal_plan_declared.last_resort(events, context, row))
    return ()


def _one(plan: Plan | None) -> tuple[Plan, ...]:
    return () if plan is None else (plan,)


def _cap(events: pl.DataFrame, row: Row) -> Plan | None:
    """The messages that a cap at the check's limit would have stopped, so that no window holds more: a smallest set.

    None where one message too many went out: there, any one of several may go, and trying names them all.
    """
    rule = json.loads(row["suggested_rule"])
    sent = sent_messages(events).filter(
        pl.col("message_class").fill_null("marketing") == "marketing",
        pl.col("channel").is_in(rule["channels"]) if "channels" in rule else pl.col("channel").is_null(),
    )
    kept, stopped = _capped(
        sent.select("event_id", "occurred_at").iter_rows(), rule["limit"], duration(rule["window"])
    )
    return Plan((*kept, *stopped), alone=False, stay=len(kept)) if len(stopped) != 1 else None


def _streak(audited: Audited, row: Row) -> Plan:
    """Of each run that counts, what makes it too short, or what leaves no stretch of it dense, whichever is less.

    An ended streak could also be ended otherwise, by a click that counts no more: its set need not be a smallest.
    """
    limits = check(row["check"]).thresholds
    ongoing = pl.col("run") == pl.col("newest")
    runs = ignored_streak.runs(audited, check(row["check"])).filter(
        pl.col("campaign") == row["subject"], ongoing if row["case"] == "ongoing" else ~ongoing
    )
    stay: list[str] = []
    go: list[str] = []
    for messages, times in runs.select("messages", "times").iter_rows():
        pairs = list(zip(messages, times, strict=True))
        kept, sparse = _capped(pairs, limits["recent"] - 1, timedelta(days=limits["recent_days"]))
        if len(kept) < limits["messages"] - 1:
            kept, sparse = messages[: limits["messages"] - 1], messages[limits["messages"] - 1 :]
        stay += kept
        go += sparse
    only_clicks = audited.context.settings.engagement == "click"
    return Plan((*stay, *go), alone=False, stay=len(stay), smallest=row["case"] == "ongoing" and only_clicks)


def _capped(
    messages: Iterable[tuple[str, datetime]], limit: int, window: timedelta
) -> tuple[list[str], list[str]]:
    """What a cap of `limit` messages in a rolling `window` lets through, and what it stops: as few as possible."""
    let_through: deque[datetime] = deque(maxlen=limit)
    stopped, kept = [], []
    for event, at in messages:
        if len(let_through) == limit and let_through[0] > at - window:
            stopped.append(event)
        else:
            let_through.append(at)
            kept.append(event)
    return kept, stopped
