"""When a decision ends if nothing new happens: a moment, or a word for why there is none.

Of a message: messages like it stop by the definition that is behind it. An act ends when its window does, when the last
step of the series that can still come has been due, or when something ended it; the messages end with the last of their
acts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import polars as pl
from msgspec.structs import replace

from audit import segments
from audit.errors import InputError
from audit.events.messages import sent_messages
from audit.events.purchases import ORDER, TAKEN_BACK
from audit.events.times import parse_iso
from audit.events.vocabulary import (
    NOES,
    ON_PAPER,
    OPT_INS,
    OPT_OUTS,
    is_marketing,
)
from audit.flows import Flow, eligibility, triggers
from audit.flows.eligibility import gives_message
from audit.why.message_context import EVER, MessageContext, order
from audit.why.silence import Silence, sent_of_campaign
from audit.why.wording import day, kinds_in_words

Why = Literal[
    "window",
    "at_latest",
    "series",
    "any_series",
    "campaign",
    "ended",
    "subscribed",
    "said_no",
    "lasting",
    "profile",
    "logged",
    "shown",
    "happened",
    "unknown",
]
"""docs/semantics.md says what each means."""

Basis = Literal["recorded", "defined", "default"]
"""What a date rests on: an event of the log, a definition that somebody wrote for this workspace, or one that ships with the
program, which is nobody's word and is never told to a customer."""

_WITHOUT_A_DAY: dict[Why, str] = {
    "subscribed": "It goes on as long as the customer is subscribed; {acts} ends it.",
    "said_no": "The customer has already said no: it should have stopped, and nothing in this data says when it does.",
    "lasting": "It goes on until something new ends it: {acts}.",
    "profile": "It goes on until newer data says otherwise.",
    "logged": "It goes on until whoever recorded it takes it back; they name no day.",
    "shown": "It was shown; nothing in this data says when it stops.",
    "happened": "",
    "unknown": "Nothing in this data says when it stops.",
}

_OVER: dict[Why, str] = {
    "ended": "It ended on",
    "series": "By its definition no more about the same was due after",
    "any_series": "By its definition no more of the kind was due after",
}
"""What is said of an end that is past: that of a series, or an act that ended it."""

_FEWER: dict[Why, str] = {
    "lasting": "It goes on: nothing that we know of ends it.",
    "subscribed": "It goes on as long as the customer is on the list.",
}
"""What is said where no kind of act is known to end it."""

BY_DEFAULT = "That is a default of this program; nobody has said so for this workspace."
"""Said of a date that rests on a definition that ships."""

_BY_DEFAULT_TOO = ", by a default of this program"
"""The same, within a sentence."""

_FAR = timedelta(days=365)
"""House value: what could be pushed out sooner is given no day farther ahead."""

_NEXT = timedelta(microseconds=1)
"""A leeway holds to its last moment."""

_LAST_ID = "\U0010ffff"
"""An event_id after every other: the moment asked about lies after all that happened in it."""

CAMPAIGN_ENDS = "campaign_ends"
"""The attribute in which the event of a message names the last day of its campaign."""

Row = dict[str, Any]
_Ending = tuple[datetime, Why]


@dataclass(frozen=True, slots=True)
class End:
    """When it ends.

    `until` (UTC): the first moment at which it is gone if nothing new happens (`at_latest`: if not sooner); None where no
    day does, and `why` says what keeps it. `basis`: what that date rests on. `ends_with`: kinds of acts that can end it.
    `counts_until` (UTC): of a finding, from when on one more of the same would not add to it; None where no day does.
    `silence`: of messages, how long no more of them came.
    """

    until: datetime | None
    why: Why
    ends_with: tuple[str, ...] = ()
    counts_until: datetime | None = None
    basis: Basis | None = None
    silence: Silence | None = None

    def in_words(self, at: datetime) -> str:
        """A few sentences, said at `at` (UTC): when it ends, and that none has come since, where that is so; empty of what has
        happened, where nothing more can be said.
        """
        quiet = self.silence_told
        return " ".join(filter(None, [self._when(at), quiet.in_words if quiet else ""]))

    @property
    def silence_told(self) -> Silence | None:
        """The silence that is worth a sentence: a long one, and of what has happened, which has no other end, any."""
        worth_it = self.silence is not None and (self.silence.over or self.why == "happened")
        return self.silence if worth_it else None

    def is_far(self, at: datetime) -> bool:
        """Whether it would be years before it stopped by itself, which nobody waits for: no day is told."""
        return self.why == "at_latest" and self.until is not None and self.until > at + _FAR

    @property
    def past(self) -> str:
        """Of what has ended: `ended on 2026-05-02, by a default of this program`."""
        assert self.until is not None
        return f"ended on {day(self.until)}{_BY_DEFAULT_TOO if self.basis == 'default' else ''}"

    def _when(self, at: datetime) -> str:
        by_default = f" {BY_DEFAULT}" if self.basis == "default" else ""
        if self.is_far(at):
            return "Others may push it out any time; by itself it does not stop within a year."
        if self.until is not None and self.until > at and self.why == "at_latest":
            return (
                f"It stops on {day(self.until)} at the latest if nothing new happens; others may push it out sooner."
                f"{by_default}"
            )
        if self.until is not None and self.why == "campaign":
            return f"Its campaign {'ends' if self.until > at else 'ended'} on {day(self.until)}."
        if self.until is not None and self.until > at:
            return f"It stops on {day(self.until)} if nothing new happens.{by_default}"
        if self.until is not None:
            over = _OVER.get(self.why, "What such messages rest on ended on")
            return f"{over} {day(self.until)}.{by_default}"
        alone = None if self.ends_with else _FEWER.get(self.why)
        text = alone or _WITHOUT_A_DAY[self.why].format(acts=kinds_in_words(self.ends_with[:1]))
        return " ".join(filter(None, [text, *self._more(at)]))

    def _more(self, at: datetime) -> Sequence[str]:
        if self.why == "unknown" and self.ends_with:
            return [f"{kinds_in_words(self.ends_with[:1]).capitalize()} should end it."]
        if self.counts_until is not None and self.counts_until > at:
            return [f"Our check would count one more of the same to it until {day(self.counts_until)}."]
        return []


def recommendation_end(row: Mapping[str, Any]) -> End:
    """The end of a row of `recommendations.placements`: when our strategy gives it no more, else unknown to us."""
    return end_of_strip(row["until"]) if row["derived"] else End(None, "shown")


def end_of_strip(until: datetime | None) -> End:
    """The end of what a strategy of ours gives until then."""
    return End(until, "at_latest", basis="default")


def membership_end(row: Mapping[str, Any], definitions: tuple[segments.Definition, ...]) -> End:
    """The end of a row of `segments.memberships`: what the log has stays until it takes it back, whatever `definitions` give."""
    if row["logged"] or not row["derived"]:
        return End(None, "logged", ("segment_left",))
    definition = segments.concerning(definitions, row["id"])[0]
    if row["until"] is not None:
        return End(row["until"], "window", basis=_written_by(definition))
    by_profile = all(condition.test == "state" for condition in definition.when)
    return End(None, "profile" if by_profile else "lasting", definition.ended_by)


def membership_ended(ended: datetime, definition: segments.Definition | None = None) -> End:
    """The end, in the past (UTC), of a membership that `definition` gave; without one: that the log took back."""
    return End(ended, "ended", basis="recorded" if definition is None else _written_by(definition))


def _written_by(definition: segments.Definition) -> Basis:
    return "default" if definition in segments.definitions() else "defined"


def unknown_end(message: MessageContext) -> End:
    """Of a message that no definition here is behind: its campaign's last day where its event names one; else marketing ends
    with a no all the same, and should have with one said. Nobody unsubscribes from what comes on paper.
    """
    last = _last_day(message.row["attributes"])
    if last is not None:
        return End(last, "campaign", basis="recorded")
    if not is_marketing(message.row["message_class"]):
        return End(None, "unknown")
    if message.said_no:
        return End(None, "said_no")
    return End(None, "unknown", () if message.row["channel"] in ON_PAPER else _opt_outs(message))


def _refused(message: MessageContext) -> bool:
    return is_marketing(message.row["message_class"]) and message.said_no


def _last_day(attributes: str | None) -> datetime | None:
    """The last moment of the day, or the moment, that the event of a message names as the end of its campaign."""
    try:
        stated = msgspec.json.decode(attributes or "null")
        named = str(stated[CAMPAIGN_ENDS]) if isinstance(stated, dict) and CAMPAIGN_ENDS in stated else None
        last = None if named is None else parse_iso(named)
    except (msgspec.DecodeError, InputError):  # a text of the source's that is none of ours
        return None
    whole_day = named is not None and len(named.strip()) == len("2026-03-01")
    return last + timedelta(days=1) - _NEXT if last is not None and whole_day else last


def _opt_outs(message: MessageContext) -> tuple[str, ...]:
    """The acts by which the customer could say no; of somebody who has died, none."""
    died = pl.col("kind") == "customer_deceased"
    return () if message.events.select(died.any()).item() else OPT_OUTS


def list_end(message: MessageContext, list_id: str | None) -> End:
    """Of a broadcast: as long as the customer is on the list at the moment asked about."""
    at = message.context.at
    yes, no = message.list_act(OPT_INS, list_id, at), message.list_act(NOES, list_id, at)
    if no is None or (yes is not None and order(yes) > order(no)):
        return End(None, "subscribed", _opt_outs(message))
    return _ended_by_no(message, no)


def _ended_by_no(message: MessageContext, no: Row) -> End:
    """The end with a no, unless this message or others of its campaign went out after it."""
    at: datetime = no["occurred_at"]
    went_on = order(no) < order(message.row) or any(sent > at for sent in sent_of_campaign(message))
    return End(None, "said_no") if went_on else End(at, "ended", basis="recorded")


def flow_end(message: MessageContext, flow: Flow) -> End:
    """When `flow` gives messages like this one no more; unknown where the sender went on after that."""
    endings = list(_endings(message, flow))
    if not endings:
        return unknown_end(message)
    until, why = max(endings)
    taken_out = _taken_out(message, flow)
    if taken_out is not None and taken_out < until:
        until, why = taken_out, "ended"
    no = message.list_act(NOES, message.row["list_id"], message.context.at) if _refused(message) else None
    if no is not None and message.sent_at <= no["occurred_at"] < until:
        return _ended_by_no(message, no)
    if why == "series" and flow.trigger is not None and flow.trigger.same in {"nothing", "order"}:
        why = "any_series"
    if why == "window" and not flow.own and flow.trigger is not None and flow.trigger.same == "segment":
        return End(
            None, "logged", flow.trigger.ended_by
        )  # whose audience it is says when it ends, not a window of ours
    basis: Basis = "recorded" if why == "ended" else "defined" if flow.own else "default"
    return End(until, why, basis=basis) if until >= message.sent_at else unknown_end(message)


def _endings(message: MessageContext, flow: Flow) -> Iterator[_Ending]:
    """When each act ends that has set such a message off or still can."""
    acts = _acts(message, flow)
    sent = _sent_steps(message, flow, acts)
    intervals = _intervals(message, flow, acts)
    for row in acts.iter_rows(named=True):
        ends, why = _act_ending(flow, row, sent.get(row["act"], {}), intervals.get(row["act"]), message.row)
        stopped = None if row["ended_by"] is None else message.event(row["ended_by"])["occurred_at"]
        yield (ends, why) if stopped is None or stopped >= ends else (stopped, "ended")


def _deciding_events(message: MessageContext, flow: Flow) -> pl.DataFrame:
    """The events that decide whether `flow` gives a message, in the columns that do."""
    kinds, columns = eligibility.reads(flow)
    return message.events.lazy().filter(pl.col("kind").is_in(kinds)).select(columns).collect()


def _acts(message: MessageContext, flow: Flow) -> pl.DataFrame:
    """The acts (`triggers.LIVE`) up to the moment asked about of which one is the last to set off such a message, at its
    time or later: no act ends before it happens, so one whose window ran out before the newest is not.
    """
    trigger = flow.trigger
    assert trigger is not None
    recent = _deciding_events(message, flow).filter(pl.col("occurred_at") > message.sent_at - trigger.window)
    acts = triggers.acts(recent, _as_if_sent_now(message, flow), replace(trigger, window=EVER, quiet=()))
    return acts.filter(pl.col("act_at") > pl.col("act_at").max() - trigger.window)


def _as_if_sent_now(message: MessageContext, flow: Flow) -> pl.DataFrame:
    """A message like this one, of any order, sent at the moment asked about."""
    row = message.messages(flow).filter(pl.col("event_id") == message.row["event_id"])
    at = pl.lit(message.context.at).cast(row.schema["occurred_at"])
    return row.with_columns(
        at.alias("occurred_at"), pl.lit(_LAST_ID).alias("event_id"), order_id=pl.lit(None, pl.String)
    )


def _act_ending(
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
        if step.name in sent:
            continue
        wait, later = waits[number], [wait for wait in waits[number + 1 :] if wait is not None]
        limits = [counts]
        if wait is not None and step.leeway is not None:
            limits.append(act["act_at"] + wait + step.leeway + _NEXT)
        if by_time and later:  # from then on it would be the next step
            limits.append(act["act_at"] + later[0])
        ends.append(min(limits))
    return max(ends), "window" if max(ends) == counts else "series"


def _sent_steps(message: MessageContext, flow: Flow, acts: pl.DataFrame) -> dict[str, dict[str, datetime]]:
    """Each of `acts` → the steps of the series that have been sent for it, and when."""
    if not flow.own or not flow.steps or acts.is_empty():
        return {}
    assert flow.trigger is not None
    since = pl.col("occurred_at") >= acts["act_at"].min()
    messages = sent_messages(message.events.filter(flow.belongs(), since))
    events = _deciding_events(message, flow)
    is_act = pl.col("event_id").is_in(acts["act"].implode())
    items = events.filter(is_act)["item_id"].drop_nulls().unique().implode()
    repurchase = (pl.col("kind") == ORDER) & pl.col("item_id").is_in(items)
    events = events.filter(is_act | repurchase | pl.col("kind").is_in([*TAKEN_BACK, *flow.trigger.ending]))
    times = dict(messages.select("event_id", "occurred_at").iter_rows())
    steps: dict[str, dict[str, datetime]] = {}
    for row in (
        eligibility.eligible_acts(events, messages, flow).filter(gives_message()).iter_rows(named=True)
    ):
        steps.setdefault(row["act"], {})[row["step"]] = times[row["message"]]
    return steps


def _intervals(message: MessageContext, flow: Flow, acts: pl.DataFrame) -> dict[str, timedelta]:
    """Act → the customer's own interval, where the flow waits for the re-purchase."""
    if not flow.by_rhythm or acts.is_empty():
        return {}
    intervals = acts.with_columns(eligibility.own_interval(message.events, acts).alias("interval"))
    return dict(intervals.drop_nulls("interval").select("act", "interval").iter_rows())


def _taken_out(message: MessageContext, flow: Flow) -> datetime | None:
    """When the customer left whom the flow goes to; None where they had not at the moment asked about."""
    if flow.list_id is None and flow.segment is None:
        return None
    conditions = eligibility.audience(
        _deciding_events(message, flow), _as_if_sent_now(message, flow), flow
    ).filter(~pl.col("holds"), pl.col("condition") != "rhythm")
    departures = [message.event(events[-1])["occurred_at"] for events in conditions["events"] if len(events)]
    return min(departures, default=None)
