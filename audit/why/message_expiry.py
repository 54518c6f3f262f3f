"""When messages like one that was sent stop coming, if nothing new happens: by the definition that is behind it.

An act ends when its window does, when the last step of the series that can still come has been due, or when something
ended it; the messages end with the last of their acts.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from msgspec.structs import replace

from audit.events.messages import sent_messages
from audit.flows import Flow, triggers
from audit.flows import eligibility as flow_given
from audit.flows.eligibility import NO, YES, fits
from audit.why import reasons
from audit.why.expiry import End, Why
from audit.why.message_context import EVER, Told

_NEXT = timedelta(microseconds=1)
"""A leeway holds to its last moment."""

_LAST_ID = "\U0010ffff"
"""An event_id after every other: the moment asked about lies after all that happened in it."""

Row = dict[str, Any]
_Ending = tuple[datetime, Why]


def unknown(one: Told) -> End:
    """Of a message that no definition here is behind; marketing ends with a no all the same."""
    marketing = (one.row["message_class"] or "marketing") == "marketing"
    return End(None, "unknown", NO if marketing else ())


def of_list(one: Told, list_id: str | None) -> End:
    """Of a broadcast: as long as the customer is on the list at the moment asked about."""
    at = one.context.at
    yes, no = one.list_act(YES, list_id, at), one.list_act(NO, list_id, at)
    if no is None or (yes is not None and reasons.order(yes) > reasons.order(no)):
        return End(None, "subscribed", NO)
    if reasons.order(no) < reasons.order(one.row):
        return End(None, "said_no")
    return End(no["occurred_at"], "ended")


def of_flow(one: Told, flow: Flow) -> End:
    """When `flow` gives messages like this one no more; unknown where the sender went on after that."""
    found = list(_endings(one, flow))
    if not found:
        return unknown(one)
    until, why = max(found)
    out = _taken_out(one, flow)
    if out is not None and out < until:
        until, why = out, "ended"
    return End(until, why) if until >= one.row["occurred_at"] else unknown(one)


def _endings(one: Told, flow: Flow) -> Iterator[_Ending]:
    """When each act ends that has set such a message off or still can."""
    assert flow.trigger is not None
    acts = _acts(one, flow)
    sent = _sent(one, flow, acts)
    intervals = _intervals(one, flow, acts)
    for row in acts.iter_rows(named=True):
        ends, why = _of_act(flow, row, sent.get(row["act"], {}), intervals.get(row["act"]), one.row)
        stopped = None if row["ended_by"] is None else one.event(row["ended_by"])["occurred_at"]
        yield (ends, why) if stopped is None or stopped >= ends else (stopped, "ended")


def _read(one: Told, flow: Flow) -> pl.DataFrame:
    """The events that decide whether `flow` gives a message, in the columns that do."""
    kinds, columns = flow_given.reads(flow)
    return one.events.lazy().filter(pl.col("kind").is_in(kinds)).select(columns).collect()


def _acts(one: Told, flow: Flow) -> pl.DataFrame:
    """The acts (`triggers.LIVE`) up to the moment asked about of which one is the last to set off such a message, at its
    time or later: no act ends before it happens, so one whose window ran out before the newest is not.
    """
    trigger = flow.trigger
    assert trigger is not None
    recent = _read(one, flow).filter(pl.col("occurred_at") > one.row["occurred_at"] - trigger.window)
    found = triggers.acts(recent, _probe(one, flow), replace(trigger, window=EVER, quiet=()))
    return found.filter(pl.col("act_at") > pl.col("act_at").max() - trigger.window)


def _probe(one: Told, flow: Flow) -> pl.DataFrame:
    """A message like this one, sent at the moment asked about."""
    this = one.messages(flow).filter(pl.col("event_id") == one.row["event_id"])
    at = pl.lit(one.context.at).cast(this.schema["occurred_at"])
    return this.with_columns(at.alias("occurred_at"), pl.lit(_LAST_ID).alias("event_id"))


def _of_act(
    flow: Flow, act: Row, sent: dict[str, datetime], interval: timedelta | None, message: Row
) -> _Ending:
    """When one act stops bringing messages about: with its window, or when no step of the series is left."""
    assert flow.trigger is not None
    counts: datetime = act["act_at"] + flow.trigger.window
    if not flow.steps:
        return counts, "window"
    waits = [interval if step.after is None else step.after for step in flow.steps]
    by_time = message["series_step"] is None
    ends = list(sent.values())
    for number, step in enumerate(flow.steps):
        wait, later = waits[number], [one for one in waits[number + 1 :] if one is not None]
        if step.name in sent:
            continue
        last = [counts]
        if wait is not None and step.leeway is not None:
            last.append(act["act_at"] + wait + step.leeway + _NEXT)
        if by_time and later:  # from then on it would be the next step
            last.append(act["act_at"] + later[0])
        ends.append(min(last))
    return max(ends), "window" if max(ends) == counts else "series"


def _sent(one: Told, flow: Flow, acts: pl.DataFrame) -> dict[str, dict[str, datetime]]:
    """Each of `acts` → the steps of the series that have been sent for it, and when."""
    if not flow.own or not flow.steps or acts.is_empty():
        return {}
    assert flow.trigger is not None
    messages = sent_messages(one.events.filter(flow.belongs(), pl.col("occurred_at") >= acts["act_at"].min()))
    read = _read(one, flow)
    mine = pl.col("event_id").is_in(acts["act"].implode())
    items = read.filter(mine)["item_id"].drop_nulls().unique().implode()
    rhythm = (pl.col("kind") == "order_completed") & pl.col("item_id").is_in(items)
    read = read.filter(mine | rhythm | pl.col("kind").is_in(flow.trigger.ended_by))
    times = dict(messages.select("event_id", "occurred_at").iter_rows())
    found: dict[str, dict[str, datetime]] = {}
    for row in flow_given.given(read, messages, flow).filter(fits()).iter_rows(named=True):
        found.setdefault(row["act"], {})[row["step"]] = times[row["message"]]
    return found


def _intervals(one: Told, flow: Flow, acts: pl.DataFrame) -> dict[str, timedelta]:
    """Act → the customer's own interval, where the flow waits for the re-purchase."""
    if not flow.by_rhythm or acts.is_empty():
        return {}
    known = acts.with_columns(flow_given.own_interval(one.events, acts).alias("interval"))
    return dict(known.drop_nulls("interval").select("act", "interval").iter_rows())


def _taken_out(one: Told, flow: Flow) -> datetime | None:
    """When the customer left whom the flow goes to; None where they had not at the moment asked about."""
    if flow.list_id is None and flow.segment is None:
        return None
    whom = flow_given.audience(_read(one, flow), _probe(one, flow), flow)
    outs = whom.filter(~pl.col("holds"), pl.col("condition") != "rhythm")["events"].to_list()
    return min((one.event(events[-1])["occurred_at"] for events in outs if events), default=None)
