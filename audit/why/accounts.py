"""The five standings of a message: each account says why it was sent, or that it cannot."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events import BEHAVIOUR
from audit.times import iso
from audit.why import cover, leaves, proof
from audit.why.candidates import candidates, says_what_it_is_about
from audit.why.model import Counterfactual, Explanation, Reason, Standing, Subject
from audit.why.told import Told
from audit.why.triggers import Trigger, named
from audit.why.words import day, kinds_in_words, minute, quoted, span

_EVER = timedelta(days=36_500)
_STATES = ("nothing", "segment")
_YES = ("subscribed", "consent_given")
_NO = ("unsubscribed", "objected", "consent_withdrawn")


def stated(one: Told) -> Explanation | None:
    """The sender recorded why: quoted, and checked against the events at the time it was sent."""
    if one.stated_trigger is None:
        return None
    trigger = named(one.stated_trigger)
    if trigger is not None and trigger.broadcast:
        return None
    says = f"the sender recorded: {one.voice.title(quoted(one.stated_trigger), one.row)}"
    if trigger is None:
        text = f"{says}; we have no definition of that, so it is quoted and not checked"
        return _explanation(one, "stated", [Reason(text, facts={"trigger": None, "fits": "unknown"})])
    return _explanation(one, "stated", [_checked(one, trigger, says)])


def derived(one: Told) -> Explanation | None:
    """Our definition of the trigger that the campaign map names gives it: the events satisfy it."""
    trigger = named(one.mapped_trigger)
    if trigger is None or trigger.broadcast:
        return None
    live = one.acts(trigger).filter(pl.col("ended_by").is_null())
    if live.is_empty():
        return None
    behind = (*leaves.acts(one, live), *leaves.absences(one, trigger, live))
    text = f"our definition gives it: {quoted(trigger.title)}"
    newest: datetime = one.event(live["act"][-1])["occurred_at"]
    return _explanation(
        one,
        "derived",
        [Reason(text, because=behind, facts={"trigger": trigger.id, "fits": "yes"})],
        until=newest + trigger.window,
        counterfactual=proof.of_message(one, trigger, live),
    )


def broadcast(one: Told) -> Explanation | None:
    """Sent to everybody on a list this customer is on."""
    words = (named(one.stated_trigger), named(one.mapped_trigger))
    if not one.row["list_id"] and not any(trigger is not None and trigger.broadcast for trigger in words):
        return None
    which = quoted(one.row["list_id"]) if one.row["list_id"] else "everybody on it is written to"
    joined, left = _list_act(one, _YES), _list_act(one, _NO)
    facts = {"list": one.row["list_id"], "since": None if joined is None else iso(joined["occurred_at"])}
    if joined is None:
        lack = cover.since_when(one.context.coverage, _YES)
        reasons = [Reason(f"you are on this list: {which}; {lack}", facts=facts)]
    else:
        text = f"you are on this list since {day(joined['occurred_at'])}: {which}"
        reasons = [Reason(text, (joined["event_id"],), facts=facts)]
    if left is not None and (joined is None or leaves.order(left) > leaves.order(joined)):
        text = f"but the customer had {one.voice.act(left)} on {minute(left['occurred_at'])}, before this message"
        reasons.append(Reason(text, (left["event_id"],), facts={"left": iso(left["occurred_at"])}))
    return _explanation(one, "broadcast", reasons)


def inferred(one: Told) -> Explanation | None:
    """Every act in the history that could be behind it, the likeliest first."""
    found = candidates(one.events, one.row)
    if found.is_empty():
        return None
    return _explanation(one, "inferred", [*_unmet(one), *leaves.could_be(one.voice, found)])


def unexplained(one: Told) -> Explanation:
    """Nothing accounts for it; said so only where the data would hold what does."""
    if says_what_it_is_about(one.row):
        known, text = cover.of_a_message(one.context.coverage, one.row["occurred_at"])
    else:
        known, text = False, cover.unmapped(one.row["campaign_name"] or one.row["campaign_id"])
    absent = leaves.absent(cover.kinds(), None, one.row, one.row)
    reason = Reason(text, absent=absent, facts={"covered": known})
    return _explanation(one, "unexplained", [*_unmet(one), reason])


def _explanation(
    one: Told,
    standing: Standing,
    reasons: list[Reason],
    *,
    until: datetime | None = None,
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
        until=until,
        counterfactual=counterfactual,
    )


def _checked(one: Told, trigger: Trigger, says: str) -> Reason:
    """What the sender recorded, held against the acts at the time."""
    facts: dict[str, Any] = {"trigger": trigger.id}
    acts = one.acts(trigger)
    if acts.is_empty() and trigger.same in _STATES:  # a state that ended is what there is to say, however old
        acts = one.acts(replace(trigger, window=_EVER)).filter(pl.col("ended_by").is_not_null())
    live = acts.filter(pl.col("ended_by").is_null())
    if live.height:
        behind = (
            *leaves.acts(one, live),
            *leaves.absences(one, trigger, live),
            *_audience(one, trigger, live),
        )
        return Reason(f"{says}, and that fits", because=behind, facts=facts | {"fits": "yes"})
    if acts.height:
        last = one.event(acts["ended_by"][-1])
        text = f"{says}, but the customer had already {one.voice.act(last)} on {minute(last['occurred_at'])}, before this message"
        behind = (*leaves.acts(one, acts), leaves.end(one, last))
        return Reason(text, because=behind, facts=facts | {"fits": "no"})
    since = one.row["occurred_at"] - trigger.window
    known, lack = cover.unaccounted(one.context.coverage, trigger.kinds, since, one.row["occurred_at"])
    text = f"{says}, {f'but no such act in the {span(trigger.window)} before it' if known else lack}"
    absent = leaves.absent(trigger.kinds, since, one.row)
    return Reason(text, absent=absent, facts=facts | {"fits": "no" if known else "unknown"})


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
    known, lack = cover.of_a_message(one.context.coverage, entered["occurred_at"])
    text = (
        f"no act of the customer's own is behind the audience: {lack}"
        if known
        else f"why in the audience: {lack}"
    )
    return [*origin, Reason(text, absent=leaves.absent(cover.kinds(), None, entered))]


def _unmet(one: Told) -> list[Reason]:
    """That the campaign map names a trigger which the events do not satisfy."""
    trigger = named(one.mapped_trigger)
    if trigger is None or trigger.broadcast:
        return []
    lead = f"our definition {quoted(trigger.title)} does not give it"
    acts = one.acts(trigger)
    if acts.height:
        last = one.event(acts["ended_by"][-1])
        text = f"{lead}: the customer had already {one.voice.act(last)} on {minute(last['occurred_at'])}"
        return [Reason(text, (last["event_id"],))]
    since = one.row["occurred_at"] - trigger.window
    text = f"{lead}: no {kinds_in_words(trigger.kinds)} that fit in the {span(trigger.window)} before it"
    return [Reason(text, absent=leaves.absent(trigger.kinds, since, one.row))]


def _list_act(one: Told, kinds: tuple[str, ...]) -> dict[str, Any] | None:
    """The newest act of `kinds` before the message that bears on its list, channel and sender."""
    row = one.row
    bears = [
        pl.col(name).is_null() | (pl.col(name) == row[name])
        for name in ("list_id", "channel", "sender")
        if row[name]
    ]
    found = one.events.filter(
        pl.col("kind").is_in(kinds), pl.col("occurred_at") <= row["occurred_at"], *bears
    )
    return found.row(-1, named=True) if found.height else None
