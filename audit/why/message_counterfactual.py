"""The counterfactual of a message that our definition gives."""

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from audit.flows import Flow
from audit.flows import eligibility as flow_given
from audit.why import counterfactual
from audit.why.message_context import Told
from audit.why.minimal_removal import Plan
from audit.why.model import Counterfactual
from audit.why.wording import quoted


def of_message(one: Told, flow: Flow, live: pl.DataFrame) -> Counterfactual | None:
    """Without which acts `flow` would not give this message, and which event would have ended it.

    `live`: the acts that satisfy it now, in the shape of `flows.given.GIVEN`.
    """
    kinds, columns = flow_given.reads(flow)
    read = one.events.filter(pl.col("kind").is_in(kinds)).select(columns)
    sent = one.messages(flow).drop("customer_id")

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        customers = copies.select("customer_id").unique(maintain_order=True)
        messages = customers.join(sent, how="cross")
        return evidence(copies, messages, flow, one.row["event_id"])

    added = next(
        (each for each in _ending(one, flow, live) if counterfactual.ends_with(read, decide, each)), None
    )
    return counterfactual.said(
        counterfactual.removal(read, decide, keep=one.own, plans=_plans(one, flow, live), likely=live["act"]),
        added,
        f"our definition {one.voice.title(quoted(flow.title), one.row)} would not have given this message",
    )


def evidence(events: pl.DataFrame, messages: pl.DataFrame, flow: Flow, message: str) -> dict[str, list[str]]:
    """For each customer whom `flow` gives `message`: the acts that set it off, and what puts them in its audience."""
    rows = flow_given.given(events, messages, flow).filter(pl.col("message") == message)
    acts = rows.filter(flow_given.fits()).group_by("customer_id", maintain_order=True).agg("act")
    whom = flow_given.audience(events, messages, flow).filter(pl.col("message") == message)
    out = set(whom.filter(~pl.col("holds"))["customer_id"])
    behind = dict(whom.group_by("customer_id").agg(pl.col("events").explode(empty_as_null=False)).rows())
    return {
        customer: list(dict.fromkeys([*found, *behind.get(customer, ())]))
        for customer, found in acts.rows()
        if customer not in out
    }


def _plans(one: Told, flow: Flow, live: pl.DataFrame) -> list[Plan]:
    """Every act that fits is enough by itself, unless its delay rests on other orders; so is every yes to a list."""
    if flow.by_rhythm:
        return []
    members = one.audience(flow).filter(pl.col("condition").is_in(["list", "segment"]))
    return [
        Plan(tuple(live["act"]), alone=True),
        *(Plan(tuple(acts), alone=True) for acts in members["events"]),
    ]


def _ending(one: Told, flow: Flow, live: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Events that could have ended it, between the newest act and the message."""
    trigger = flow.trigger
    assert trigger is not None
    newest = one.event(live["act"][-1])
    between = max((one.row["occurred_at"] - newest["occurred_at"]) / 2, timedelta(microseconds=1))
    at = one.row["occurred_at"] - min(between, timedelta(minutes=1))
    for kind in (*(trigger.ended_by or trigger.quiet), *(["unsubscribed"] if flow.list_id else ())):
        yield counterfactual.event(
            one.events,
            kind=kind,
            occurred_at=at,
            item_id=newest["item_id"],
            category=newest["category"],
            segment_id=newest["segment_id"],
        )
