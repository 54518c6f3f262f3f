"""The counterfactual of a message that our definition gives."""

from datetime import timedelta

import polars as pl

from audit.why import counterfactual, triggers
from audit.why.counterfactual import Plan
from audit.why.model import Counterfactual
from audit.why.told import Told, acts_at
from audit.why.triggers import Trigger
from audit.why.words import quoted


def of_message(one: Told, trigger: Trigger, live: pl.DataFrame) -> Counterfactual | None:
    """Without which acts `trigger` would not give this message, and which event would have ended it.

    `live`: the acts that satisfy it now, in the shape of `triggers.LIVE`.
    """
    kinds = {*trigger.kinds, *trigger.ended_by, *trigger.quiet}
    read = one.events.filter(pl.col("kind").is_in(kinds)).select(triggers.READ)

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        acts = acts_at(copies, one.row, trigger, one.stated_trigger).filter(pl.col("ended_by").is_null())
        return dict(acts.group_by("customer_id", maintain_order=True).agg("act").rows())

    added = _ending(one, trigger, live)
    return counterfactual.said(
        counterfactual.removal(read, decide, plans=[Plan(tuple(live["act"]), alone=True)]),
        added if added is not None and counterfactual.ends_with(read, decide, added) else None,
        f"our definition {quoted(trigger.title)} would not have given this message",
    )


def _ending(one: Told, trigger: Trigger, live: pl.DataFrame) -> pl.DataFrame | None:
    """An event that would have ended it, between the newest act and the message."""
    kinds = trigger.ended_by or trigger.quiet
    if not kinds:
        return None
    newest = one.event(live["act"][-1])
    between = max((one.row["occurred_at"] - newest["occurred_at"]) / 2, timedelta(microseconds=1))
    return counterfactual.event(
        one.events,
        kind=kinds[0],
        occurred_at=one.row["occurred_at"] - min(between, timedelta(minutes=1)),
        item_id=newest["item_id"],
        category=newest["category"],
        segment_id=newest["segment_id"],
    )
