"""What each rule says of one message, in plain words; and which messages a rule would have stopped."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit.errors import NotFoundError
from audit.events.messages import KEY
from audit.events.times import iso
from audit.population.context import Context
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Verdict, verdicts
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet, class_of


def of(
    events: pl.DataFrame,
    ctx: Context,
    rules: Iterable[Rule],
    message: str,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """The `rules` array of `whysent.why/1`: what each rule that takes part says of one sent message of a customer.

    `message`: its message_id or event_id; `events` holds that customer alone. The messages before it are decided
    by all the rules together. `next_allowed_at` is this rule's alone. A message that was never sent is judged by
    no rule. `ids` and `causes` as for `replay.simulate`. Raises NotFoundError if the customer has no such message
    at all.
    """
    taking_part = RuleSet(rules, ids)
    sent = histories.sent(events)
    named = (pl.col("message_id") == message) | (pl.col("event_id") == message)
    keys = events.filter(named & pl.col("kind").str.starts_with("message_")).select(KEY).to_series()
    if keys.is_empty():
        raise NotFoundError(f"no message {message!r}")
    found = sent.filter(pl.col("message_key") == keys[0])
    if found.is_empty():
        return []
    histories.refuse_without(causes, taking_part.rules)
    history = next(histories.histories(sent, events, taking_part.rules, ctx.facts, causes=causes))
    judged = next(one for one in history.messages if one.event_id == found["event_id"].item())
    exempt = taking_part.exempt(judged, judged.at)
    return [
        {
            "id": taking_part.rules[one.number].id,
            "version": taking_part.rules[one.number].version,
            "verdict": _word(one),
            "text": text(taking_part.rules[one.number], one, exempt=class_of(judged) if exempt else None),
            "counted": list(one.counted or ()),
            "next_allowed_at": iso(one.next_allowed_at),
        }
        for one in verdicts(history, taking_part, judged.event_id)
    ]


def stopped_by(
    events: pl.DataFrame,
    ctx: Context,
    rule: Rule,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
) -> list[str]:
    """The event_ids of the messages in `events` that `rule` alone would have stopped, in order."""
    decisions = simulation.simulate(events, [rule], ctx, ids=ids, causes=causes).decisions
    return decisions.filter(pl.col("decision") == "stop")["event_id"].to_list()


@dataclass(frozen=True, slots=True)
class Held:
    """A message that did not go out when it was sent: stopped by `rule` because of `text`, or put off to `until` (UTC)."""

    event_id: str
    rule: str | None
    text: str
    until: datetime | None


def held(
    events: pl.DataFrame,
    ctx: Context,
    rules: Iterable[Rule],
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
) -> list[Held]:
    """The messages in `events` that the rules together would have stopped or put off, in order.

    `ids` and `causes` as for `replay.simulate`.
    """
    decisions = simulation.simulate(events, rules, ctx, ids=ids, causes=causes)
    by_id = {rule.id: rule for rule in decisions.rules}
    touched = (pl.col("decision") == "stop") | pl.col("deferred_to").is_not_null()
    return [
        Held(event_id, None, "", until)
        if rule is None
        else Held(event_id, rule, _STOPS[by_id[rule].kind](by_id[rule], len(counted)), None)
        for event_id, rule, counted, until in decisions.decisions.filter(touched)
        .select("event_id", "deciding_rule", "counted", "deferred_to")
        .iter_rows()
    ]


def text(rule: Rule, verdict: Verdict, *, exempt: str | None = None) -> str:
    """One plain sentence on what `rule` says; `exempt` is the class of a message that no rule names."""
    if exempt is not None:
        return f"Lets it pass: no rule is about {exempt} messages."
    if not verdict.applies:
        return "Is not about this message."
    if verdict.cannot_tell and verdict.counted is None:
        return f"Cannot tell: {lacks(rule)}, so it lets the message pass."
    return _LETS[rule.kind](rule) if verdict.counted is None else _stops(rule, verdict)


def lacks(rule: Rule) -> str:
    """What `rule` is missing where it cannot tell."""
    if rule.kind == "sunset":
        return f"this data holds no {_responses(rule)} of the message's channel at all"
    if rule.reads_causes:
        return "what brought the message about is not known"
    return "the customer's time zone is not known"


def _word(verdict: Verdict) -> str:
    if verdict.counted is not None:
        return "stops"
    return "cannot_tell" if verdict.cannot_tell else "allows"


def _stops(rule: Rule, verdict: Verdict) -> str:
    until = verdict.next_allowed_at
    said = _STOPS[rule.kind](rule, len(verdict.counted or ()))
    if until is None:
        return f"Stops it: {said}."
    does = "Puts it off" if rule.on_fail == "defer" else "Stops it"
    return f"{does}: {said}; it could pass from {_minute(until)} on."


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _window(rule: Rule) -> str:
    if rule.window_kind == "days":
        return f"the last {rule.window.removesuffix('d') if rule.window else ''} calendar days"
    names = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}
    return (
        f"the same calendar {names[rule.window or '']}"
        if rule.window_kind == "calendar"
        else f"the {rule.window} before it"
    )


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _responses(rule: Rule) -> str:
    return f"{rule.engagement}s by people"


def _in_a_row(rule: Rule) -> str:
    if rule.unengaged == 1:
        return f"no {rule.engagement} by a person is recorded on the last message"
    return f"no {_responses(rule)} are recorded on the last {rule.unengaged} messages"


def _grace(rule: Rule) -> str:
    return f", more than {rule.grace} before" if rule.grace_span else ""


def _after(rule: Rule) -> str:
    kinds = " or ".join(kind.replace("_", " ") for kind in rule.after)
    return kinds if rule.same == "nothing" else f"{kinds} of the same {rule.same}"


def _cooldown_stops(rule: Rule, _: int) -> str:
    if rule.window == "repurchase":
        return f"{_after(rule)} came before it, and the next purchase was not due yet"
    return f"{_after(rule)} lay in the {rule.window} before it"


_STOPS: dict[str, Callable[[Rule, int], str]] = {
    "consent": lambda rule, n: f"the customer had said no to it{_grace(rule)}",  # noqa: ARG005
    "mute": lambda rule, n: "it stops everything it is about",  # noqa: ARG005
    "sensitive": lambda rule, n: "it touches a sensitive topic, and no consent to it is in force",  # noqa: ARG005
    "exclude_event": lambda rule, n: "it rests on nothing but events that are left out",  # noqa: ARG005
    "cooldown": _cooldown_stops,
    "sunset": lambda rule, n: f"{_in_a_row(rule)}, and no order came in between",  # noqa: ARG005
    "min_gap": lambda rule, n: f"{_messages(n)} went out in the {rule.window} before it",
    "frequency_cap": lambda rule, n: f"{_messages(n)} had gone out in {_window(rule)}, and {rule.limit} may",
    "quiet_hours": lambda rule, n: f"it was due in the quiet hours {rule.quiet}",  # noqa: ARG005
}
_LETS: dict[str, Callable[[Rule], str]] = {
    "consent": lambda rule: f"Lets it pass: no opt-out from it is in force{_grace(rule)}.",
    "mute": lambda rule: "Lets it pass.",  # noqa: ARG005
    "sensitive": lambda rule: (  # noqa: ARG005
        "Lets it pass: it touches no sensitive topic that the customer did not consent to."
    ),
    "exclude_event": lambda rule: "Lets it pass: it does not rest on the events that are left out alone.",  # noqa: ARG005
    "sunset": lambda rule: (
        f"Lets it pass: one of the last {rule.unengaged} messages found a response, an order came, or fewer went out."
    ),
    "cooldown": lambda rule: f"Lets it pass: no {_after(rule)} shortly before it.",
    "min_gap": lambda rule: f"Lets it pass: nothing went out in the {rule.window} before it.",
    "frequency_cap": lambda rule: f"Lets it pass: fewer than {rule.limit} went out in {_window(rule)}.",
    "quiet_hours": lambda rule: f"Lets it pass: it was due outside of {rule.quiet}.",
}
