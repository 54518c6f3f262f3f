"""Histories for the evaluator out of a frame of events: only the rows and columns that the rules ask for."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.messages import sent_messages
from audit.events.vocabulary import KEY, campaign_expr, with_addresses
from audit.population.stats import Facts
from audit.rules.model import Rule
from audit.rules.reference.history import Act, History, Message, Zoned, known_zone

CAMPAIGN = campaign_expr().alias("campaign")
"""What a rule calls a campaign: its id, or its name in a log that has no ids."""

_MESSAGE = (
    "event_id", "occurred_at", "channel", "campaign", "category", "topics", "item_id", "sender", "message_class",
    "time_zone", "causes", "sensitive", "list_id", "message_key",
)  # fmt: skip
_ACT = (
    "event_id", "occurred_at", "kind", "campaign", "category", "item_id", "order_id", "channel", "sender", "topics",
    "machine", "list_id", "item_name", "quantity", "price", "message_key",
)  # fmt: skip

_CAUSES = ("customer_id", "event_id", "causes", "sensitive")


def sent(events: pl.DataFrame) -> pl.DataFrame:
    """The messages that were sent, once a customer and message: their standing rows, in `ORDER`.

    Added columns: `campaign` and `message_key`.
    """
    return sent_messages(events).with_columns(CAMPAIGN)


def standing(rows: pl.DataFrame) -> pl.DataFrame:
    """What `sent` adds, of rows that are known to stand for a message each."""
    return rows.with_columns(KEY, CAMPAIGN)


def histories(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: Iterable[Rule],
    facts: Facts,
    *,
    causes: pl.DataFrame | None = None,
    everybody: bool = False,
) -> Iterator[History]:
    """One history for each customer of `messages` (as `sent` gives them), in their order.

    `causes`: a row a message, `customer_id, event_id, causes` (event_ids of what brought it about) and `sensitive`
    (the sensitive topics among them and its own). With `everybody` also for those of `events` who have no message, at
    the end.
    """
    rule_list = list(rules)
    acts = _acts(events, messages, rule_list)
    zones = _zones(events, rule_list)
    medians = intervals(facts, rule_list)
    recorded = responses(facts)
    sent_to = _by_customer(_with_causes(messages, causes))
    without_messages = _without_messages(messages, events) if everybody else ()
    for customer, rows in chain(sent_to, ((name, ()) for name in without_messages)):
        yield History(
            customer,
            [Message(*row[1:]) for row in rows],
            [Act._make(row[1:]) for row in acts.get(customer, ())],
            [Zoned._make(row[1:]) for row in zones.get(customer, ())],
            medians,
            recorded,
        )


def act_kinds(rules: Iterable[Rule]) -> set[str]:
    """The kinds of events, beside messages sent, that the rules ask for."""
    return {kind for rule in rules for acts in rule.acts_read() for kind in acts.kinds}


def _without_messages(messages: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    recipients = messages["customer_id"].unique()
    everybody = events["customer_id"].unique(maintain_order=True)
    return everybody.filter(everybody.is_in(recipients.implode()).not_())


def _acts(
    events: pl.DataFrame, messages: pl.DataFrame, rules: Sequence[Rule]
) -> dict[str, list[tuple[Any, ...]]]:
    rows = events.filter(pl.col("kind").is_in(sorted(act_kinds(rules)))).with_columns(CAMPAIGN, KEY)
    return dict(_by_customer(with_addresses(rows, messages).select("customer_id", *_ACT)))


def _zones(events: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[tuple[Any, ...]]]:
    if not reads_customers_clock(rules):
        return {}
    rows = zone_changes(events).select("customer_id", "occurred_at", "event_id", "time_zone")
    return dict(_by_customer(rows))


def reads_customers_clock(rules: Iterable[Rule]) -> bool:
    """Whether a rule asks in which zone a customer was."""
    return any(rule.reads_customers_clock for rule in rules)


def zone_changes(events: pl.DataFrame) -> pl.DataFrame:
    """The rows of any kind from which on a customer is known to be in another zone than before."""
    zones = [name for name in events["time_zone"].drop_nulls().unique() if known_zone(name)]
    rows = events.filter(pl.col("time_zone").is_in(zones))
    return rows.filter(pl.col("time_zone").ne_missing(pl.col("time_zone").shift(1).over("customer_id")))


def intervals(facts: Facts, rules: Iterable[Rule]) -> dict[str, timedelta]:
    """Category → the median time between two orders of it over all customers, where a rule asks for it."""
    if not any(acts.which == "bought" for rule in rules for acts in rule.acts_read()):
        return {}
    return dict(facts.intervals.drop_nulls("median").select("category", "median").rows())


def responses(facts: Facts) -> frozenset[tuple[str, str | None]]:
    """The kinds and channels of which the workspace holds any response by a human."""
    return frozenset(facts.engaged.select("kind", "channel").iter_rows())


def refuse_without(causes: object, rules: Iterable[Rule]) -> None:
    """Raises InputError if one of `rules` reads causes and `causes` is None, so that none are given."""
    reading = next((rule for rule in rules if rule.reads_causes), None)
    if reading is not None and causes is None:
        raise InputError(
            f"rule {reading.id!r}: {reading.kind} rules judge by the causes of messages, and none are given; "
            "give them, or leave the rule out"
        )


def _with_causes(messages: pl.DataFrame, causes: pl.DataFrame | None) -> pl.DataFrame:
    """What a `Message` holds of each; the causes are null where none are given at all."""
    lists = pl.List(pl.String)
    if causes is None:
        rows = messages.with_columns(pl.lit(None, lists).alias(name) for name in ("causes", "sensitive"))
    else:
        rows = messages.join(
            causes.select(_CAUSES), on=("customer_id", "event_id"), how="left", maintain_order="left"
        ).with_columns(pl.col("causes", "sensitive").fill_null(pl.lit([], lists)))
    return rows.select("customer_id", *_MESSAGE)


def _by_customer(rows: pl.DataFrame) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for customer, group in groupby(rows.rows(), key=itemgetter(0)):
        yield customer, list(group)
