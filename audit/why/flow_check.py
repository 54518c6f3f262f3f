"""A message held against the definition of its flow: what set it off, which step it is, which conditions held, and without
which events the flow would not have given it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from msgspec import UNSET, UnsetType

from audit.events.vocabulary import OPT_INS
from audit.flows import Flow, eligibility
from audit.flows.triggers import Trigger
from audit.why import counterfactual, data_sufficiency
from audit.why.counterfactual import Plan
from audit.why.message_context import MessageContext
from audit.why.model import Absence, Counterfactual, Delay, FlowCondition, FlowReconstruction
from audit.why.wording import kinds_in_words, minute, quoted, several, span

Row = dict[str, Any]


def check_flow(message: MessageContext, flow: Flow) -> FlowReconstruction:
    """Hold `message` against `flow`."""
    rows = message.eligible_acts(flow).to_dicts()
    best = max(rows, key=_fitness) if rows else None
    conditions = (
        *_trigger_conditions(message, flow, best),
        *_audience_conditions(message, flow),
        *_asked_for(message, flow),
    )
    unmatched_step = message.row["series_step"] if flow.steps else None
    return FlowReconstruction(
        flow=flow.id,
        title=flow.title,
        trigger=None if flow.trigger is None else flow.trigger.id,
        act=None if best is None else best["act"],
        step=unmatched_step if best is None else best["step"],
        due=None if best is None else best["due"],
        conditions=conditions,
        holds=not any(condition.holds is False for condition in conditions),
        asks_for=flow.asks_for,
        carries=flow.carries,
    )


def failing(check: FlowReconstruction) -> tuple[FlowCondition, ...]:
    """The conditions that did not hold."""
    return tuple(condition for condition in check.conditions if condition.holds is False)


def failing_in_words(check: FlowReconstruction) -> str:
    """What did not hold, in one half sentence."""
    return "; ".join(condition.text for condition in failing(check))


def _fitness(row: Row) -> tuple[bool, bool, datetime, str]:
    return row["ended_by"] is None and not row["fails"], row["ended_by"] is None, row["act_at"], row["act"]


def _trigger_conditions(message: MessageContext, flow: Flow, row: Row | None) -> Iterator[FlowCondition]:
    trigger = flow.trigger
    if trigger is None:
        return
    if row is None:
        text = f"no {kinds_in_words(trigger.kinds)} that fit in the {span(trigger.window)} before it"
        yield FlowCondition("trigger", False if _would_be_known(message, trigger) else None, text)
        return
    act = message.event(row["act"])
    yield FlowCondition(
        "trigger", True, f"{message.wording.act(act)} on {minute(act['occurred_at'])}", (row["act"],)
    )
    unknown = message.quiet_unknown(flow)
    if unknown:
        text = (
            f"whether there were {kinds_in_words(trigger.quiet)} before it, this data cannot tell: {unknown}"
        )
        yield FlowCondition("quiet", None, text)
    if trigger.ended_by:
        yield _not_ended(message, trigger, row)
    if flow.steps:
        yield from _step_conditions(flow, row, message.sent_at - row["act_at"])


def _would_be_known(message: MessageContext, trigger: Trigger) -> bool:
    """Whether the data would hold an act of `trigger` before this message."""
    at = message.sent_at
    covered, _ = data_sufficiency.unaccounted(
        message.context.coverage, trigger.kinds, at - trigger.window, at
    )
    return covered


def _nothing_ended(message: MessageContext, trigger: Trigger, since: datetime) -> FlowCondition:
    unknown = data_sufficiency.unknown_in_words(
        message.context.coverage, trigger.ended_by, since, message.sent_at
    )
    if unknown is None:
        return FlowCondition("not_ended", True, "nothing had ended it when it was sent")
    return FlowCondition(
        "not_ended", None, f"whether anything had ended it, this data cannot tell: {unknown}"
    )


def _not_ended(message: MessageContext, trigger: Trigger, row: Row) -> FlowCondition:
    if row["ended_by"] is None:
        return _nothing_ended(message, trigger, row["act_at"])
    ending = message.event(row["ended_by"])
    act = f"{message.wording.act(ending)} on {minute(ending['occurred_at'])}"
    text = f"the customer had already {act}, before this message"
    return FlowCondition("not_ended", False, text, (row["ended_by"],))


def _step_conditions(flow: Flow, row: Row, elapsed: timedelta) -> Iterator[FlowCondition]:
    fails = set(row["fails"])
    if "no_such_step" in fails:
        names = ", ".join(step.name for step in flow.steps)
        yield FlowCondition(
            "step", False, f"the definition has no step {quoted(row['step'])}; it has: {names}"
        )
        return
    yield FlowCondition("step", True, f"it is step {quoted(row['step'])}")
    came = f"it came {_length(elapsed)} after that"
    if row["due"] is None:
        yield FlowCondition("delay", None, f"{came}; the customer's own interval is not known")
        return
    wait = row["due"] - row["act_at"]
    leeway = next((step.leeway for step in flow.steps if step.name == row["step"]), None)
    due = f"{came}; the definition says {due_in_words(wait, leeway)}"
    delay = Delay(came=_short(elapsed), wait=_short(wait), leeway=None if leeway is None else _short(leeway))
    yield FlowCondition("delay", not fails & {"too_early", "too_late"}, due, delay=delay)
    repeated = "repeated" in fails
    sent_before = "already" if repeated else "not"
    yield FlowCondition("once", not repeated, f"this step had {sent_before} been sent for it before")


def due_in_words(wait: timedelta, leeway: timedelta | None) -> str:
    """`4 hours after, or up to 2 hours more`: when a step is due."""
    if not wait:
        return f"at once, or up to {_length(leeway)} later" if leeway else "at once"
    return f"{_length(wait)} after, or up to {_length(leeway)} more" if leeway else f"{_length(wait)} or more"


def _audience_conditions(message: MessageContext, flow: Flow) -> Iterator[FlowCondition]:
    for row in message.audience(flow).iter_rows(named=True):
        condition = row["condition"]
        acts = [message.event(event) for event in row["events"]]
        newest = f"{message.wording.act(acts[-1])} on {minute(acts[-1]['occurred_at'])}" if acts else None
        evidence = newest or "no word of it in this data"
        if condition == "list":
            text = f"on the list {quoted(flow.list_id)}: {evidence}"
        elif condition == "segment":
            segment = message.wording.segment({**message.row, "segment_id": flow.segment})
            text = f"in the segment {segment}: {evidence}"
        elif acts:
            text = f"the one before came on {minute(acts[-1]['occurred_at'])}"
        else:
            text = "it is the first one"
        is_known = row["holds"] or bool(acts) or _has_membership_events(message, condition)
        yield FlowCondition(condition, row["holds"] if is_known else None, text, tuple(row["events"]))


def _has_membership_events(message: MessageContext, condition: str) -> bool:
    """Whether the data holds any word of who is on a list or in a segment."""
    kinds = {"list": OPT_INS, "segment": eligibility.IN}.get(condition, ())
    return any(kind in message.context.coverage.kinds for kind in kinds)


def _asked_for(message: MessageContext, flow: Flow) -> Iterator[FlowCondition]:
    """That it asks for one thing, and whether the customer did it after the message."""
    if flow.asks_for is None:
        return
    asks = f"it asks for one thing: {kinds_in_words([flow.asks_for])}"
    item = message.row["item_id"]
    done = message.events.filter(
        pl.col("kind") == flow.asks_for,
        pl.col("occurred_at") > message.sent_at,
        *([pl.col("item_id") == item] if item else []),
    )
    if done.is_empty():
        absent = _none_since(message, flow.asks_for)
        none = f"; none is recorded since, up to {minute(absent.until)}" if absent else ""
        yield FlowCondition("asks_for", True, f"{asks}{none}", absent=absent)
        return
    act = done.row(0, named=True)
    text = f"{asks}; the customer {message.wording.act(act)} on {minute(act['occurred_at'])}"
    yield FlowCondition("asks_for", True, text, (act["event_id"],), done=act["occurred_at"])


def _none_since(message: MessageContext, kind: str) -> Absence | UnsetType:
    """That none is recorded since the message, and up to when it would be; unset where the data cannot tell."""
    coverage = message.context.coverage
    until = coverage.known_through((kind,), message.sent_at, message.context.at)
    known = coverage.holds(kind) and until > message.sent_at
    return Absence(kinds=(kind,), since=message.sent_at, until=until) if known else UNSET


def _length(length: timedelta) -> str:
    """`31 minutes`, `4 hours`, `9 days`."""
    return several(*_rounded(length))


def _short(length: timedelta) -> str:
    """`31m`, `4h`, `9d`."""
    number, unit = _rounded(length)
    return f"{number}{unit[0]}"


def _rounded(length: timedelta) -> tuple[int, str]:
    minutes = round(length / timedelta(minutes=1))
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size or minutes == size:
            return round(minutes / size), unit
    return minutes, "minute"


def flow_counterfactual(message: MessageContext, flow: Flow, giving: pl.DataFrame) -> Counterfactual | None:
    """Without which acts `flow` would not give this message, and which event would have ended it.

    `giving`: the acts that give it now, in the shape of `flows.eligibility.ELIGIBLE`.
    """
    kinds, columns = eligibility.reads(flow)
    events = message.events.filter(pl.col("kind").is_in(kinds)).select(columns)
    sent = message.messages(flow).drop("customer_id")

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        customers = copies.select("customer_id").unique(maintain_order=True)
        messages = customers.join(sent, how="cross")
        return _evidence(copies, messages, flow, message.row["event_id"])

    endings = _ending_events(message, flow, giving)
    added = next((event for event in endings if counterfactual.ends_with(events, decide, event)), None)
    removal = counterfactual.removal(
        events, decide, keep=message.event_ids, plans=_plans(message, flow, giving), likely=giving["act"]
    )
    outcome = f"our definition {quoted(flow.title)} would not have given this message"
    return counterfactual.from_trials(removal, added, outcome)


def _evidence(events: pl.DataFrame, messages: pl.DataFrame, flow: Flow, message: str) -> dict[str, list[str]]:
    """For each customer whom `flow` gives `message`: the acts that set it off, and what puts them in its audience."""
    rows = eligibility.eligible_acts(events, messages, flow).filter(pl.col("message") == message)
    acts = rows.filter(eligibility.gives_message()).group_by("customer_id", maintain_order=True).agg("act")
    audience = eligibility.audience(events, messages, flow).filter(pl.col("message") == message)
    outside = set(audience.filter(~pl.col("holds"))["customer_id"])
    members = dict(audience.group_by("customer_id").agg(pl.col("events").explode(empty_as_null=False)).rows())
    return {
        customer: list(dict.fromkeys([*events, *members.get(customer, ())]))
        for customer, events in acts.rows()
        if customer not in outside
    }


def _plans(message: MessageContext, flow: Flow, giving: pl.DataFrame) -> list[Plan]:
    """Every act that gives it is enough by itself, unless its delay rests on other orders; so is every yes to a list.

    None where an order that would have ended it was undone: then leaving out what undid it ends it too.
    """
    trigger = flow.trigger
    undoing = () if trigger is None else set(trigger.ending).difference(trigger.ended_by, trigger.kinds)
    if flow.by_rhythm or message.events["kind"].is_in(list(undoing)).any():
        return []
    members = message.audience(flow).filter(pl.col("condition").is_in(["list", "segment"]))
    return [Plan(tuple(acts), alone=True) for acts in (giving["act"], *members["events"])]


def _ending_events(message: MessageContext, flow: Flow, giving: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Events that could have ended it, between the newest act and the message."""
    trigger = flow.trigger
    assert trigger is not None
    newest = message.event(giving["act"][-1])
    half_way = max((message.sent_at - newest["occurred_at"]) / 2, timedelta(microseconds=1))
    at = message.sent_at - min(half_way, timedelta(minutes=1))
    for kind in (*(trigger.ended_by or trigger.quiet), *(["unsubscribed"] if flow.list_id else ())):
        yield counterfactual.event(
            message.events,
            kind=kind,
            occurred_at=at,
            item_id=newest["item_id"],
            category=newest["category"],
            segment_id=newest["segment_id"],
        )
