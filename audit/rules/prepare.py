"""Histories for the evaluator out of a frame of events: only the rows and columns that the rules ask for."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from audit.facts import Facts
from audit.messages import KEY
from audit.rules.history import Act, History, Message, Zoned
from audit.rules.model import REPURCHASE, Rule
from audit.rules.zones import known_zone

CAMPAIGN = pl.coalesce("campaign_id", "campaign_name").alias("campaign")
"""What a rule calls a campaign: its id, or its name in a log that has no ids."""

_MESSAGE = (
    "event_id", "occurred_at", "channel", "campaign", "category", "topics", "item_id", "sender", "message_class",
    "time_zone",
)  # fmt: skip
_ACT = ("event_id", "occurred_at", "kind", "campaign", "category", "item_id", "order_id")


def sent(events: pl.DataFrame) -> pl.DataFrame:
    """The messages that were sent, once a customer and message: their standing rows, in `ORDER`.

    Added columns: `campaign` and `message_key`.
    """
    return (
        events.filter(pl.col("kind") == "message_sent")
        .with_columns(KEY, CAMPAIGN)
        .unique(("customer_id", "message_key"), keep="first", maintain_order=True)
    )


def histories(
    messages: pl.DataFrame, events: pl.DataFrame, rules: Iterable[Rule], facts: Facts
) -> Iterator[History]:
    """One history for each customer of `messages` (as `sent` gives them), in their order."""
    asked = list(rules)
    acts = _acts(events, asked)
    zones = _zones(events, asked)
    intervals = _intervals(facts, asked)
    for customer, rows in _by_customer(messages.select("customer_id", *_MESSAGE)):
        yield History(
            customer,
            [Message._make(row[1:]) for row in rows],
            [Act._make(row[1:]) for row in acts.get(customer, ())],
            [Zoned._make(row[1:]) for row in zones.get(customer, ())],
            intervals,
        )


def _acts(events: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[tuple[Any, ...]]]:
    kinds = {kind for rule in rules for kind in rule.after}
    if any(rule.window == REPURCHASE for rule in rules):
        kinds.add("order_completed")
    rows = events.filter(pl.col("kind").is_in(sorted(kinds))).with_columns(CAMPAIGN)
    return dict(_by_customer(rows.select("customer_id", *_ACT)))


def _zones(events: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[tuple[Any, ...]]]:
    if not any(rule.reads_clock and rule.time_zone == "customer" for rule in rules):
        return {}
    known = [name for name in events["time_zone"].drop_nulls().unique() if known_zone(name)]
    rows = events.filter(pl.col("time_zone").is_in(known)).select(
        "customer_id", "occurred_at", "event_id", "time_zone"
    )
    changes = pl.col("time_zone").ne_missing(pl.col("time_zone").shift(1).over("customer_id"))
    return dict(_by_customer(rows.filter(changes)))


def _intervals(facts: Facts, rules: Sequence[Rule]) -> dict[str, timedelta]:
    if not any(rule.window == REPURCHASE for rule in rules):
        return {}
    return dict(facts.intervals.drop_nulls("median").select("category", "median").rows())


def _by_customer(rows: pl.DataFrame) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for customer, group in groupby(rows.rows(), key=itemgetter(0)):
        yield customer, list(group)
