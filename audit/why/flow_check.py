"""A message held against the definition of its flow: what set it off, which step it is, which conditions held."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events.times import iso
from audit.flows import Flow
from audit.why.message_context import Told
from audit.why.wording import (
    kinds_in_words,
    minute,
    quoted,
    span,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a flow at the time a message was sent; `holds` is None where the data cannot tell."""

    condition: str
    holds: bool | None
    text: str
    events: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """An entry of `conditions`."""
        return {
            "condition": self.condition,
            "holds": self.holds,
            "text": self.text,
            "events": list(self.events),
        }


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What the definition says of one message. `title`: the flow's, as the reader may read it; `act`: event_id of what set it off; `due`: from when on it may come (UTC)."""

    flow: Flow
    title: str
    act: str | None
    step: str | None
    due: datetime | None
    conditions: tuple[Condition, ...]

    @property
    def holds(self) -> bool:
        """Whether every condition held that can be told."""
        return all(one.holds is not False for one in self.conditions)

    @property
    def failing(self) -> tuple[Condition, ...]:
        """The conditions that did not hold."""
        return tuple(one for one in self.conditions if one.holds is False)

    def to_json(self) -> dict[str, Any]:
        """The `reconstruction` of `whysent why --json`."""
        return {
            "flow": self.flow.id if self.title == self.flow.title else None,
            "title": self.title,
            "trigger": None if self.flow.trigger is None else self.flow.trigger.id,
            "act": self.act,
            "step": self.step,
            "due": iso(self.due),
            "conditions": [one.to_json() for one in self.conditions],
            "holds": self.holds,
            "asks_for": self.flow.asks_for,
            "carries": self.flow.carries,
        }


def reconstruct(one: Told, flow: Flow) -> Reconstruction:
    """Hold the message of `one` against `flow`."""
    rows = one.given(flow).to_dicts()
    best = max(rows, key=_fitness) if rows else None
    conditions = [
        *_of_trigger(one, flow, best),
        *_of_audience(one, flow),
        *_of_the_one_thing(one, flow),
    ]
    title = one.voice.title(flow.title, one.row)
    if best is None:
        step = one.row["series_step"] if flow.steps else None
        return Reconstruction(flow, title, None, step, None, tuple(conditions))
    return Reconstruction(flow, title, best["act"], best["step"], best["due"], tuple(conditions))


def _fitness(row: Row) -> tuple[bool, bool, datetime, str]:
    return row["ended_by"] is None and not row["fails"], row["ended_by"] is None, row["act_at"], row["act"]


def _of_trigger(one: Told, flow: Flow, row: Row | None) -> Iterator[Condition]:
    trigger = flow.trigger
    if trigger is None:
        return
    if row is None:
        text = f"no {kinds_in_words(trigger.kinds)} that fit in the {span(trigger.window)} before it"
        yield Condition("trigger", one.could_know(trigger), text)
        return
    act = one.event(row["act"])
    yield Condition("trigger", True, f"{one.voice.act(act)} on {minute(act['occurred_at'])}", (row["act"],))
    if trigger.ended_by:
        yield _not_ended(one, row)
    if flow.steps:
        yield from _of_steps(flow, row, one.row["occurred_at"] - row["act_at"])


def _not_ended(one: Told, row: Row) -> Condition:
    if row["ended_by"] is None:
        return Condition("not_ended", True, "nothing had ended it when it was sent")
    last = one.event(row["ended_by"])
    text = f"the customer had already {one.voice.act(last)} on {minute(last['occurred_at'])}, before this message"
    return Condition("not_ended", False, text, (row["ended_by"],))


def _of_steps(flow: Flow, row: Row, elapsed: timedelta) -> Iterator[Condition]:
    fails = set(row["fails"])
    if "no_such_step" in fails:
        names = ", ".join(step.name for step in flow.steps)
        yield Condition("step", False, f"the definition has no step {quoted(row['step'])}; it has: {names}")
        return
    yield Condition("step", True, f"it is step {quoted(row['step'])}")
    when = f"it came {_length(elapsed)} after that"
    if row["due"] is None:
        yield Condition("delay", None, f"{when}; the customer's own interval is not known")
        return
    wait = row["due"] - row["act_at"]
    after = f"the definition says {_length(wait)} or more" if wait else "the definition says at once"
    leeway = next((step.leeway for step in flow.steps if step.name == row["step"]), None)
    most = f", and at most {_length(leeway)} later" if leeway else ""
    yield Condition("delay", not fails & {"too_early", "too_late"}, f"{when}; {after}{most}")
    again = "repeated" in fails
    yield Condition(
        "once", not again, f"this step had {'already' if again else 'not'} been sent for it before"
    )


def _of_audience(one: Told, flow: Flow) -> Iterator[Condition]:
    for row in one.audience(flow).iter_rows(named=True):
        acts = [one.event(event) for event in row["events"]]
        said = f"{one.voice.act(acts[-1])} on {minute(acts[-1]['occurred_at'])}" if acts else None
        text = {
            "list": f"on the list {quoted(flow.list_id)}: {said or 'no word of it in this data'}",
            "segment": f"in the segment {one.voice.segment({**one.row, 'segment_id': flow.segment})}: {said or 'no word of it in this data'}",
            "rhythm": f"the one before came on {minute(acts[-1]['occurred_at'])}"
            if acts
            else "it is the first one",
        }[row["condition"]]
        known = row["holds"] or bool(acts) or one.holds_kinds(row["condition"])
        yield Condition(row["condition"], row["holds"] if known else None, text, tuple(row["events"]))


def _of_the_one_thing(one: Told, flow: Flow) -> Iterator[Condition]:
    """That it asks for one thing, and whether the customer did it after the message."""
    if flow.asks_for is None:
        return
    what = kinds_in_words([flow.asks_for])
    same = one.row["item_id"]
    done = one.events.filter(
        pl.col("kind") == flow.asks_for,
        pl.col("occurred_at") > one.row["occurred_at"],
        *([pl.col("item_id") == same] if same else []),
    )
    if done.is_empty():
        yield Condition("asks_for", True, f"it asks for one thing: {what}; none is recorded since")
        return
    first = done.row(0, named=True)
    text = f"it asks for one thing: {what}; the customer {one.voice.act(first)} on {minute(first['occurred_at'])}"
    yield Condition("asks_for", True, text, (first["event_id"],))


def _length(length: timedelta) -> str:
    """`31 minutes`, `4 hours`, `9 days`."""
    minutes = round(length / timedelta(minutes=1))
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size or minutes == size:
            return _several(round(minutes / size), unit)
    return _several(minutes, "minute")


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def in_words(conditions: Sequence[Condition]) -> str:
    """What did not hold, in one half sentence."""
    return "; ".join(one.text for one in conditions)
