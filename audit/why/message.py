"""Why a message was sent: the first of the six standings that can account for it, each with its reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import replace as changed
from typing import Any

import polars as pl
from msgspec import UNSET
from msgspec.structs import replace

from audit.events.purchases import undone
from audit.events.schema import BEHAVIOUR
from audit.events.vocabulary import NOES, OPT_INS, campaign_of
from audit.flows import Flow, triggers
from audit.flows.eligibility import gives_message
from audit.flows.triggers import Trigger
from audit.population.audience import FEWEST, SetsApart
from audit.why import data_sufficiency, expiry, reasons
from audit.why.audience_causes import breadth_behind, likely_causes
from audit.why.expiry import End
from audit.why.flow_check import check_flow, failing, failing_in_words, flow_counterfactual
from audit.why.message_context import EVER, MessageContext, message_context, order
from audit.why.model import (
    Counterfactual,
    Explanation,
    Facts,
    FlowReconstruction,
    Reason,
    Standing,
    Subject,
)
from audit.why.related_acts import candidates, says_what_it_is_about
from audit.why.silence import silence_of_campaign
from audit.why.wording import Wording, day, kinds_in_words, minute, quoted, span
from audit.workspace.context import Context

_STATES = ("nothing", "segment")
_ORIGINS = {"third_party": "it came from a third party", "inferred": "the sender inferred it"}


def message(events: pl.DataFrame, context: Context, ident: str) -> Explanation:
    """Explain a message of one customer, named by its message_id or an event_id of it.

    `events` are that customer's whole history up to `context.at`, lacking what was left out. What the sender
    recorded comes first, then our own definitions, then the list it went to, then what could be. Raises NotFoundError.
    """
    subject = message_context(events, context, ident, Wording(undone(events)))
    for account in (_stated, _derived, _broadcast, _inferred):
        explanation = account(subject)
        if explanation is not None:
            return explanation
    return _unexplained(subject)


def _stated(message: MessageContext) -> Explanation | None:
    """The sender recorded why: quoted, and checked against the events at the time it was sent."""
    if message.stated_trigger is None or not message.definitions.states_reason:
        return None
    flow = message.definitions.flow_for_stated_reason
    says = f"the sender recorded: {quoted(message.stated_trigger)}"
    if flow is None:
        text = f"{says}; we have no definition of that, so it is quoted and not checked"
        return _explanation(message, "stated", [Reason(text, facts=Facts(trigger=None, fits="unknown"))])
    check = check_flow(message, flow)
    reason = _checked_reason(message, flow, check, says)
    return _explanation(message, "stated", [reason], flow=flow, check=check)


def _derived(message: MessageContext) -> Explanation | None:
    """Our definition gives it: its campaign's flow, or the trigger that the campaign map names."""
    flow = message.definitions.deriving_flow
    if flow is None:
        return None
    giving = message.eligible_acts(flow).filter(gives_message())
    if giving.is_empty() or message.quiet_unknown(flow) or not message.audience(flow)["holds"].all():
        return None
    trigger = flow.trigger
    assert trigger is not None
    check = check_flow(message, flow)
    text = f"our definition gives it: {quoted(flow.title)}"
    because = _live_acts(message, trigger, giving, check)
    return _explanation(
        message,
        "derived",
        [Reason(text, because=because, facts=Facts(trigger=trigger.id, fits="yes"))],
        flow=flow,
        check=check,
        counterfactual=flow_counterfactual(message, flow, giving),
    )


def _broadcast(message: MessageContext) -> Explanation | None:
    """Sent to everybody on a list this customer is on."""
    flow = message.definitions.campaign_flow
    if flow is not None and flow.trigger is not None:
        flow = None
    list_id = message.row["list_id"] or (flow.list_id if flow else None)
    if not list_id and not message.definitions.to_list:
        return None
    check = None if flow is None else check_flow(message, flow)
    conditions = [] if check is None else _conditions(check)
    return _explanation(
        message,
        "broadcast",
        [*_on_list(message, list_id), *(reason for reason in conditions if not _is_list(reason))],
        flow=flow,
        check=check,
        end=expiry.list_end(message, list_id),
    )


def _on_list(message: MessageContext, list_id: str | None) -> list[Reason]:
    """Since when the customer is on the list, and that they had left it."""
    title = quoted(list_id) if list_id else "everybody on it is written to"
    joined, departed = (message.list_act(kinds, list_id, message.sent_at) for kinds in (OPT_INS, NOES))
    left = departed is not None and (joined is None or order(departed) > order(joined))
    facts = Facts(list_id=list_id, since=None if joined is None else joined["occurred_at"])
    if joined is None:
        lack = data_sufficiency.since_when(message.context.coverage, OPT_INS)
        leaves = [Reason(f"it went to this list: {title}; {lack}", facts=facts)]
    else:
        since = day(joined["occurred_at"])
        text = f"signed up on {since}: {title}" if left else f"on this list from {since} on: {title}"
        leaves = [Reason(text, (joined["event_id"],), facts=facts)]
    if left and departed is not None:
        text = f"but the customer had {_act_and_time(message, departed)}, before this message"
        leaves.append(Reason(text, (departed["event_id"],), facts=Facts(left=departed["occurred_at"])))
    return leaves


def _is_list(reason: Reason) -> bool:
    return reason.facts is not None and reason.facts.condition == "list"


def _inferred(message: MessageContext) -> Explanation | None:
    """The acts in the history that could be behind it, the likeliest first, more than a few under one line; where none of them
    is, that it went to those who do many different things, as the customer does.
    """
    acts = likely_causes(message.events, message.row, message.context.facts)
    apart, alike = (
        acts.filter(test) for test in (pl.col("place").is_not_null(), pl.col("level").is_not_null())
    )
    differing = reasons.set_apart(message.wording, apart, _set_apart(message))
    leaves = reasons.first_few([*reasons.could_be(message.wording, alike), *differing])
    leaves = leaves or [reason for reason in _wide_audience(message) if reasons.is_broad(reason)]
    if not leaves:
        return None
    flow = message.definitions.deriving_flow
    end = None if flow is None else expiry.flow_end(message, flow)
    return _explanation(message, "inferred", [*_not_given(message), *leaves], end=end)


def _wide_audience(message: MessageContext) -> list[Reason]:
    """That it went to those who do many different things, where the customer did what they did as such only."""
    fact = breadth_behind(message.events, message.row, message.context.facts)
    breadth = None if fact is None else fact.at_equal_breadth
    return [] if breadth is None else [reasons.wide_audience(message, breadth)]


def _set_apart(message: MessageContext) -> tuple[SetsApart, ...]:
    """What sets those who got the message's campaign apart, as far as it may be told."""
    campaign = campaign_of(message.row["campaign_id"], message.row["campaign_name"]) or ""
    return message.context.facts.audiences.sets_apart(campaign, FEWEST)


def _unexplained(message: MessageContext) -> Explanation:
    """Nothing accounts for it: unexplained only where the data would hold what does, else it cannot tell."""
    row, flow = message.row, message.definitions.deriving_flow
    if flow is not None and message.quiet_unknown(flow):
        return _explanation(message, "cannot_tell", _not_given(message))
    if says_what_it_is_about(row):
        covered, text = data_sufficiency.of_a_message(message.context.coverage, message.sent_at)
    else:
        covered, text = False, data_sufficiency.unmapped(set_apart=bool(_set_apart(message)))
    absent = reasons.absent(data_sufficiency.kinds(), None, row, row)
    leaf = Reason(text, absent=absent, facts=Facts(covered=covered))
    standing: Standing = "unexplained" if covered else "cannot_tell"
    return _explanation(message, standing, [*_not_given(message), *_wide_audience(message), leaf])


def _explanation(
    message: MessageContext,
    standing: Standing,
    because: list[Reason],
    *,
    flow: Flow | None = None,
    check: FlowReconstruction | None = None,
    end: End | None = None,
    counterfactual: Counterfactual | None = None,
) -> Explanation:
    row = message.row
    title = row["subject"] or row["campaign_name"] or row["campaign_id"] or row["event_id"]
    if end is None and flow is not None:
        end = expiry.flow_end(message, flow)
    explanation = Explanation(
        customer=row["customer_id"],
        at=message.context.at,
        subject=Subject("message", row["event_id"], title, message.sent_at),
        standing=standing,
        because=(
            *reasons.about(message),
            *because,
            *reasons.sensitive(message),
            *reasons.life_changed(message),
        ),
        end=changed(end or expiry.unknown_end(message), silence=silence_of_campaign(message)),
        counterfactual=reasons.told_by_kind(counterfactual, message.events),
        reconstruction=check,
    )
    if flow is None:
        return explanation
    named = set(explanation.evidence)
    left_out = tuple(one for one in _left_out(message, flow) if named.isdisjoint(one.events))
    return changed(explanation, left_out=left_out)


def _act_and_time(message: MessageContext, row: Mapping[str, Any]) -> str:
    return f"{message.wording.act(row)} on {minute(row['occurred_at'])}"


def _live_acts(
    message: MessageContext, trigger: Trigger, live: pl.DataFrame, check: FlowReconstruction
) -> tuple[Reason, ...]:
    """The acts that nothing had ended, what did not happen, and what else the definition asks for."""
    return (
        *reasons.acts(message, live),
        *reasons.absences(message, trigger, live),
        *_conditions(check),
    )


def _conditions(check: FlowReconstruction) -> list[Reason]:
    """What else the definition asks for: how long after, the one thing it asks for, and what did not hold."""
    return [
        Reason(
            condition.text,
            ()
            if condition.condition == "asks_for"
            else condition.events,  # what came of it brought nothing about
            condition.absent or None,
            facts=Facts(
                condition=condition.condition,
                holds=condition.holds,
                delay=condition.delay,
                at=condition.done,
                act=check.asks_for or UNSET if condition.condition == "asks_for" else UNSET,
            ),
        )
        for condition in check.conditions
        if condition.condition in {"delay", "asks_for"}
        or (condition.holds is False and condition.condition not in {"trigger", "not_ended"})
    ]


def _checked_reason(message: MessageContext, flow: Flow, check: FlowReconstruction, says: str) -> Reason:
    """What the sender recorded, held against the acts at the time."""
    trigger = flow.trigger
    assert trigger is not None
    acts = message.eligible_acts(flow)
    if acts.is_empty() and trigger.same in _STATES:  # a state that ended is what there is to say, however old
        acts = _acts_of_any_age(message, flow).filter(pl.col("ended_by").is_not_null())
    live = acts.filter(pl.col("ended_by").is_null())
    unknown = message.quiet_unknown(flow)
    if live.height and unknown:
        text = f"{says}; whether that fits, this data cannot tell: {unknown}"
        because = tuple(reasons.acts(message, live))
        return Reason(text, because=because, facts=Facts(trigger=trigger.id, fits="unknown"))
    if live.height:
        because = (*_live_acts(message, trigger, live, check), *_behind_audience(message, trigger, live))
        if check.holds:
            return Reason(
                f"{says}, and that fits", because=because, facts=Facts(trigger=trigger.id, fits="yes")
            )
        text = f"{says}, but {quoted(flow.title)} does not give it"
        facts = Facts(trigger=trigger.id, fits="no", condition=failing(check)[0].condition, holds=False)
        return Reason(text, because=because, facts=facts)
    ended_by = acts["ended_by"][-1] if acts.height else _ended_long_ago(message, flow)
    if ended_by is not None:
        ending = message.event(ended_by)
        text = f"{says}, but the customer had already {_act_and_time(message, ending)}, before this message"
        because = (*reasons.acts(message, acts), reasons.end(message, ending))
        return Reason(text, because=because, facts=Facts(trigger=trigger.id, fits="no"))
    since = message.sent_at - trigger.window
    covered, lack = data_sufficiency.unaccounted(
        message.context.coverage, trigger.kinds, since, message.sent_at
    )
    text = f"{says}, {f'but no such act in the {span(trigger.window)} before it' if covered else lack}"
    absent = reasons.absent(trigger.kinds, since, message.row)
    return Reason(text, absent=absent, facts=Facts(trigger=trigger.id, fits="no" if covered else "unknown"))


def _ended_long_ago(message: MessageContext, flow: Flow) -> str | None:
    """What ended the newest act on the item of the message, where that act is too old to count: it was over all the same."""
    if flow.trigger is None or flow.trigger.same != "item":
        return None
    newest = _acts_of_any_age(message, flow).tail(1)
    return None if newest.is_empty() else newest["ended_by"].item()


def _acts_of_any_age(message: MessageContext, flow: Flow) -> pl.DataFrame:
    """The acts that could have set it off, were there no window."""
    assert flow.trigger is not None
    row = message.messages(flow).filter(pl.col("event_id") == message.row["event_id"])
    return triggers.acts(message.events, row, replace(flow.trigger, window=EVER))


def _left_out(message: MessageContext, flow: Flow) -> Iterator[Reason]:
    """The acts that have to do with it and do not count, each kind of them with what keeps it from counting."""
    if flow.trigger is None:
        return
    acts = message.eligible_acts(flow)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in acts.filter(~gives_message()).iter_rows(named=True):
        failing = ", ".join(row["fails"]).replace("_", " ")
        if row["ended_by"] is not None:
            ending = message.wording.act(message.event(row["ended_by"])).replace("_", " ")
            failing = f"ended, as the customer {ending} after it"
        groups.setdefault((message.wording.act(message.event(row["act"])), failing), []).append(row)
    for (_, failing), rows in groups.items():
        for leaf in reasons.grouped(message.wording, [message.event(row["act"]) for row in rows]):
            yield replace(leaf, text=f"{leaf.text}: {failing}")
    if acts.is_empty():
        yield from _too_old(message, flow)


def _too_old(message: MessageContext, flow: Flow) -> Iterator[Reason]:
    """The newest act of its trigger, where all of them lie before its window; else nobody would ask for it."""
    assert flow.trigger is not None
    old = [message.event(act) for act in _acts_of_any_age(message, flow)["act"].unique(maintain_order=True)]
    for leaf in reasons.grouped(message.wording, reversed(old))[:1]:
        yield replace(leaf, text=f"{leaf.text}: too long before this message, by its definition")


def _behind_audience(message: MessageContext, trigger: Trigger, live: pl.DataFrame) -> list[Reason]:
    """What could have put the customer into the audience that the sender names."""
    if trigger.same != "segment":
        return []
    entered = message.event(live["act"][0])
    came = _ORIGINS.get(entered["source"])
    origin = [Reason(came, (entered["event_id"],), facts=Facts(origin=entered["source"]))] if came else []
    like = entered | {name: entered[name] or message.row[name] for name in ("category", "topics")}
    like["subject"] = (entered["segment_id"] or "").replace("-", " ").replace(":", " ")
    acts = candidates(message.events.filter(pl.col("kind").is_in(BEHAVIOUR)), like)
    if acts.height:
        return [*origin, *reasons.first_few(reasons.could_be(message.wording, acts))]
    covered, lack = data_sufficiency.of_a_message(message.context.coverage, entered["occurred_at"])
    lead = "no act of the customer's own is behind the audience" if covered else "why in the audience"
    absent = reasons.absent(data_sufficiency.kinds(), None, entered)
    return [*origin, Reason(f"{lead}: {lack}", absent=absent, facts=Facts(covered=covered, in_audience=True))]


def _not_given(message: MessageContext) -> list[Reason]:
    """That its flow, or the trigger that the campaign map names, does not give it, and why."""
    flow = message.definitions.deriving_flow
    if flow is None or flow.trigger is None:
        return []
    unknown = message.quiet_unknown(flow)
    if unknown:
        text = f"whether our definition {quoted(flow.title)} gives it, this data cannot tell: {unknown}"
        return [Reason(text, facts=Facts(trigger=flow.trigger.id, fits="unknown"))]
    lead = f"our definition {quoted(flow.title)} does not give it"
    check = check_flow(message, flow)
    absent = reasons.absent(flow.trigger.kinds, message.sent_at - flow.trigger.window, message.row)
    if check.holds:
        kinds, window = kinds_in_words(flow.trigger.kinds), span(flow.trigger.window)
        facts = Facts(condition="trigger", holds=False)
        return [Reason(f"{lead}: no {kinds} that fit in the {window} before it", absent=absent, facts=facts)]
    events = tuple(event for condition in failing(check) for event in condition.events)
    first = failing(check)[0]
    facts = Facts(condition=first.condition, holds=first.holds)
    lacks_act = absent if first.condition == "trigger" else None
    return [Reason(f"{lead}: {failing_in_words(check)}", events, absent=lacks_act, facts=facts)]
