"""The five standings of a message: each account says why it was sent, or that it cannot."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from msgspec.structs import replace

from audit.events.schema import BEHAVIOUR
from audit.events.times import iso
from audit.flows import Flow, triggers
from audit.flows.eligibility import NO, YES, fits
from audit.flows.triggers import Trigger, named
from audit.why import (
    data_sufficiency,
    message_counterfactual,
    message_expiry,
)
from audit.why import (
    reasons as leaves,
)
from audit.why.candidates import candidates, says_what_it_is_about
from audit.why.expiry import End
from audit.why.flow_check import Reconstruction, in_words, reconstruct
from audit.why.message_context import EVER, Told
from audit.why.model import Counterfactual, Explanation, Reason, Standing, Subject
from audit.why.wording import (
    day,
    kinds_in_words,
    minute,
    quoted,
    several,
    span,
)

_STATES = ("nothing", "segment")


def stated(one: Told) -> Explanation | None:
    """The sender recorded why: quoted, and checked against the events at the time it was sent."""
    if one.stated_trigger is None:
        return None
    trigger = named(one.stated_trigger)
    flow = one.checked_by
    if flow is None and trigger is not None:
        return None
    says = f"the sender recorded: {one.voice.title(quoted(one.stated_trigger), one.row)}"
    if flow is None:
        text = f"{says}; we have no definition of that, so it is quoted and not checked"
        return _explanation(one, "stated", [Reason(text, facts={"trigger": None, "fits": "unknown"})])
    made = reconstruct(one, flow)
    reason = _checked(one, flow, made, says)
    return _explanation(one, "stated", [reason], flow=flow, made=made, end=message_expiry.of_flow(one, flow))


def derived(one: Told) -> Explanation | None:
    """Our definition gives it: its campaign's flow, or the trigger that the campaign map names."""
    flow = one.given_by
    if flow is None:
        return None
    live = one.given(flow).filter(fits())
    made = reconstruct(one, flow)
    if live.is_empty() or not one.audience(flow)["holds"].all():
        return None
    trigger = flow.trigger
    assert trigger is not None
    behind = (*leaves.acts(one, live), *leaves.absences(one, trigger, live), *_conditions(made))
    text = f"our definition gives it: {_titled(one, flow)}"
    return _explanation(
        one,
        "derived",
        [Reason(text, because=behind, facts={"trigger": trigger.id, "fits": "yes"})],
        flow=flow,
        made=made,
        end=message_expiry.of_flow(one, flow),
        counterfactual=message_counterfactual.of_message(one, flow, live),
    )


def _titled(one: Told, flow: Flow) -> str:
    return one.voice.title(quoted(flow.title), one.row)


def _conditions(made: Reconstruction) -> list[Reason]:
    """What else the definition asks for: how long after, the one thing it asks for, and what did not hold."""
    said = [
        one
        for one in made.conditions
        if one.condition in {"delay", "asks_for"}
        or (one.holds is False and one.condition not in {"trigger", "not_ended"})
    ]
    return [
        Reason(
            one.text,
            () if one.condition == "asks_for" else one.events,  # what came of it brought nothing about
            facts={"condition": one.condition, "holds": one.holds},
        )
        for one in said
    ]


def broadcast(one: Told) -> Explanation | None:
    """Sent to everybody on a list this customer is on."""
    words = (named(one.stated_trigger), named(one.mapped_trigger))
    flow = one.flow if one.flow is not None and one.flow.trigger is None else None
    list_id = one.row["list_id"] or (flow.list_id if flow else None)
    if (
        not list_id
        and flow is None
        and not any(trigger is not None and trigger.broadcast for trigger in words)
    ):
        return None
    which = quoted(list_id) if list_id else "everybody on it is written to"
    joined, left = (one.list_act(kinds, list_id, one.row["occurred_at"]) for kinds in (YES, NO))
    facts = {"list": list_id, "since": None if joined is None else iso(joined["occurred_at"])}
    if joined is None:
        lack = data_sufficiency.since_when(one.context.coverage, YES)
        reasons = [Reason(f"you are on this list: {which}; {lack}", facts=facts)]
    else:
        text = f"you are on this list since {day(joined['occurred_at'])}: {which}"
        reasons = [Reason(text, (joined["event_id"],), facts=facts)]
    if left is not None and (joined is None or leaves.order(left) > leaves.order(joined)):
        text = f"but the customer had {one.voice.act(left)} on {minute(left['occurred_at'])}, before this message"
        reasons.append(Reason(text, (left["event_id"],), facts={"left": iso(left["occurred_at"])}))
    made = None if flow is None else reconstruct(one, flow)
    reasons += [] if made is None else [reason for reason in _conditions(made) if not _is_list(reason)]
    return _explanation(
        one, "broadcast", reasons, flow=flow, made=made, end=message_expiry.of_list(one, list_id)
    )


def _is_list(reason: Reason) -> bool:
    return reason.facts is not None and reason.facts.get("condition") == "list"


def inferred(one: Told) -> Explanation | None:
    """Every act in the history that could be behind it, the likeliest first."""
    found = candidates(one.events, one.row)
    if found.is_empty():
        return None
    flow = one.given_by
    end = None if flow is None else message_expiry.of_flow(one, flow)
    return _explanation(one, "inferred", [*_unmet(one), *leaves.could_be(one.voice, found)], end=end)


def unexplained(one: Told) -> Explanation:
    """Nothing accounts for it; said so only where the data would hold what does."""
    if says_what_it_is_about(one.row):
        known, text = data_sufficiency.of_a_message(one.context.coverage, one.row["occurred_at"])
    else:
        known, text = False, data_sufficiency.unmapped(one.row["campaign_name"] or one.row["campaign_id"])
    absent = leaves.absent(data_sufficiency.kinds(), None, one.row, one.row)
    reason = Reason(text, absent=absent, facts={"covered": known})
    return _explanation(one, "unexplained", [*_unmet(one), reason])


def _explanation(
    one: Told,
    standing: Standing,
    reasons: list[Reason],
    *,
    flow: Flow | None = None,
    made: Reconstruction | None = None,
    end: End | None = None,
    counterfactual: Counterfactual | None = None,
) -> Explanation:
    row = one.row
    title = row["subject"] or row["campaign_name"] or row["campaign_id"] or row["event_id"]
    return Explanation(
        customer=row["customer_id"],
        at=one.context.at,
        subject=Subject("message", row["event_id"], one.voice.title(title, row), row["occurred_at"]),
        standing=standing,
        because=(*leaves.about(one), *reasons, *leaves.sensitive(one), *leaves.life_changed(one)),
        end=end or message_expiry.unknown(one),
        counterfactual=counterfactual,
        reconstruction=None if made is None else made.to_json(),
        left_out=() if flow is None else tuple(_left_out(one, flow)),
    )


def _checked(one: Told, flow: Flow, made: Reconstruction, says: str) -> Reason:
    """What the sender recorded, held against the acts at the time."""
    trigger = flow.trigger
    assert trigger is not None
    facts: dict[str, Any] = {"trigger": trigger.id}
    acts = one.given(flow)
    if acts.is_empty() and trigger.same in _STATES:  # a state that ended is what there is to say, however old
        acts = _however_old(one, flow).filter(pl.col("ended_by").is_not_null())
    live = acts.filter(pl.col("ended_by").is_null())
    if live.height:
        behind = (
            *leaves.acts(one, live),
            *leaves.absences(one, trigger, live),
            *_conditions(made),
            *_audience(one, trigger, live),
        )
        if made.holds:
            return Reason(f"{says}, and that fits", because=behind, facts=facts | {"fits": "yes"})
        text = f"{says}, but {_titled(one, flow)} does not give it: {in_words(made.failing)}"
        return Reason(text, because=behind, facts=facts | {"fits": "no"})
    if acts.height:
        last = one.event(acts["ended_by"][-1])
        text = f"{says}, but the customer had already {one.voice.act(last)} on {minute(last['occurred_at'])}, before this message"
        behind = (*leaves.acts(one, acts), leaves.end(one, last))
        return Reason(text, because=behind, facts=facts | {"fits": "no"})
    since = one.row["occurred_at"] - trigger.window
    known, lack = data_sufficiency.unaccounted(
        one.context.coverage, trigger.kinds, since, one.row["occurred_at"]
    )
    text = f"{says}, {f'but no such act in the {span(trigger.window)} before it' if known else lack}"
    absent = leaves.absent(trigger.kinds, since, one.row)
    return Reason(text, absent=absent, facts=facts | {"fits": "no" if known else "unknown"})


def _however_old(one: Told, flow: Flow) -> pl.DataFrame:
    """The acts that could have set it off, were there no window."""
    assert flow.trigger is not None
    this = one.messages(flow).filter(pl.col("event_id") == one.row["event_id"])
    return triggers.acts(one.events, this, replace(flow.trigger, window=EVER))


def _left_out(one: Told, flow: Flow) -> Iterator[Reason]:
    """The acts that have to do with it and do not count, each kind of them with what keeps it from counting."""
    if flow.trigger is None:
        return
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in one.given(flow).filter(~fits()).iter_rows(named=True):
        wrong = [*row["fails"]]
        if row["ended_by"] is not None:
            wrong = [f"ended, as the customer {one.voice.act(one.event(row['ended_by']))} after it"]
        said = one.voice.act(one.event(row["act"])), ", ".join(wrong).replace("_", " ")
        groups.setdefault(said, []).append(row)
    for (act, why), rows in groups.items():
        times = f" {len(rows)} times, last" if len(rows) > 1 else ""
        yield Reason(
            f"{act}{times} on {minute(rows[-1]['act_at'])}: {why}", tuple(row["act"] for row in rows)
        )
    inside = one.given(flow)["act"]
    old = _however_old(one, flow).filter(~pl.col("act").is_in(inside.implode()))
    if old.height:
        text = f"{several(old.height, 'act')} more than {span(flow.trigger.window)} before it: too long ago"
        yield Reason(text, tuple(old["act"].unique(maintain_order=True)))


def _audience(one: Told, trigger: Trigger, live: pl.DataFrame) -> list[Reason]:
    """What could have put the customer into the audience that the sender names."""
    if trigger.same != "segment":
        return []
    entered = one.event(live["act"][0])
    came = {"third_party": "it came from a third party", "inferred": "the sender inferred it"}.get(
        entered["source"]
    )
    like = entered | {name: entered[name] or one.row[name] for name in ("category", "topics")}
    like["subject"] = (entered["segment_id"] or "").replace("-", " ").replace(":", " ")
    found = candidates(one.events.filter(pl.col("kind").is_in(BEHAVIOUR)), like)
    origin = [Reason(came, (entered["event_id"],))] if came else []
    if found.height:
        return [*origin, *leaves.could_be(one.voice, found)]
    known, lack = data_sufficiency.of_a_message(one.context.coverage, entered["occurred_at"])
    text = (
        f"no act of the customer's own is behind the audience: {lack}"
        if known
        else f"why in the audience: {lack}"
    )
    return [*origin, Reason(text, absent=leaves.absent(data_sufficiency.kinds(), None, entered))]


def _unmet(one: Told) -> list[Reason]:
    """That its flow, or the trigger that the campaign map names, does not give it, and why."""
    flow = one.given_by
    if flow is None or flow.trigger is None:
        return []
    lead = f"our definition {_titled(one, flow)} does not give it"
    made = reconstruct(one, flow)
    if made.failing:
        events = tuple(event for condition in made.failing for event in condition.events)
        first = made.failing[0]
        lacking = first.condition == "trigger"
        since = one.row["occurred_at"] - flow.trigger.window
        absent = leaves.absent(flow.trigger.kinds, since, one.row) if lacking else None
        return [Reason(f"{lead}: {in_words(made.failing)}", events, absent=absent)]
    since = one.row["occurred_at"] - flow.trigger.window
    text = f"{lead}: no {kinds_in_words(flow.trigger.kinds)} that fit in the {span(flow.trigger.window)} before it"
    return [Reason(text, absent=leaves.absent(flow.trigger.kinds, since, one.row))]
