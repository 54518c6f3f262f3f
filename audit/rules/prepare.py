"""Histories for the evaluator out of a frame of events: only the rows and columns that the rules ask for."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, groupby
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
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: Iterable[Rule],
    facts: Facts,
    *,
    everybody: bool = False,
) -> Iterator[History]:
    """One history for each customer of `messages` (as `sent` gives them), in their order.

    With `everybody` also for those of `events` who have no message, at the end.
    """
    asked = list(rules)
    acts = _acts(events, asked)
    zones = _zones(events, asked)
    medians = intervals(facts, asked)
    sent_to = _by_customer(messages.select("customer_id", *_MESSAGE))
    others = _others(messages, events) if everybody else ()
    for customer, rows in chain(sent_to, ((name, ()) for name in others)):
        yield History(
            customer,
            [Message._make(row[1:]) for row in rows],
            [Act._make(row[1:]) for row in acts.get(customer, ())],
            [Zoned._make(row[1:]) for row in zones.get(customer, ())],
            medians,
        )


def act_kinds(rules: Iterable[Rule]) -> set[str]:
    """The kinds of events, beside messages sent, that the rules ask for."""
    asked = list(rules)
    kinds = {kind for rule in asked for kind in rule.after}
    if any(rule.window == REPURCHASE for rule in asked):
        kinds.add("order_completed")
    return kinds


def _others(messages: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    known = messages["customer_id"].unique()
    everybody = events["customer_id"].unique(maintain_order=True)
    return everybody.filter(everybody.is_in(known.implode()).not_())


def _acts(events: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[tuple[Any, ...]]]:
    rows = events.filter(pl.col("kind").is_in(sorted(act_kinds(rules)))).with_columns(CAMPAIGN)
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


def intervals(facts: Facts, rules: Iterable[Rule]) -> dict[str, timedelta]:
    """Category → the median time between two orders of it over all customers, where a rule asks for it."""
    if not any(rule.window == REPURCHASE for rule in rules):
        return {}
    return dict(facts.intervals.drop_nulls("median").select("category", "median").rows())


def _by_customer(rows: pl.DataFrame) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for customer, group in groupby(rows.rows(), key=itemgetter(0)):
        yield customer, list(group)
