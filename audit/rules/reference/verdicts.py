"""What each rule says of one message, in plain words; and which messages a rule would have stopped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from audit.errors import NotFoundError
from audit.events.times import iso
from audit.events.vocabulary import KEY
from audit.population.stats import PopulationContext
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Verdict, verdicts
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet, class_of

_FEWER_COUNTED = " What the rules would have held back before it is not counted."
"""Said where more went out than a rule counts."""


def of(
    events: pl.DataFrame,
    ctx: PopulationContext,
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
    rule_set = RuleSet(rules, ids)
    sent = histories.sent(events)
    has_id = (pl.col("message_id") == message) | (pl.col("event_id") == message)
    keys = events.filter(has_id & pl.col("kind").str.starts_with("message_")).select(KEY).to_series()
    if keys.is_empty():
        raise NotFoundError(f"no message {message!r}")
    row = sent.filter(pl.col("message_key") == keys[0])
    if row.is_empty():
        return []
    histories.refuse_without(causes, rule_set.rules)
    history = next(histories.histories(sent, events, rule_set.rules, ctx.facts, causes=causes))
    judged = next(candidate for candidate in history.messages if candidate.event_id == row["event_id"].item())
    exempt = class_of(judged) if rule_set.exempt(judged, judged.at) else None
    return [
        {
            "id": rule_set.rules[verdict.number].id,
            "title": rule_set.rules[verdict.number].title,
            "version": rule_set.rules[verdict.number].version,
            "verdict": _word(verdict),
            "text": text(rule_set.rules[verdict.number], verdict, exempt=exempt),
            "counted": list(verdict.blocking.counted if verdict.blocking else ()),
            "next_allowed_at": iso(verdict.next_allowed_at),
        }
        for verdict in verdicts(history, rule_set, judged.event_id)
    ]


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that did not go out when it was sent: stopped by `rule` because of `text`, or put off to `until` (UTC)."""

    event_id: str
    rule: str | None
    text: str
    until: datetime | None


def held_messages(
    events: pl.DataFrame,
    ctx: PopulationContext,
    rules: Iterable[Rule],
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
) -> list[HeldMessage]:
    """The messages in `events` that the rules together would have stopped or put off, in order.

    `ids` and `causes` as for `replay.simulate`.
    """
    decisions = simulation.simulate(events, rules, ctx, ids=ids, causes=causes)
    by_id = {rule.id: rule for rule in decisions.rules}
    touched = (pl.col("decision") == "stop") | pl.col("deferred_to").is_not_null()
    return [
        HeldMessage(event_id, None, "", until)
        if rule is None
        else HeldMessage(event_id, rule, by_id[rule].blocked_because(len(counted)), None)
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
    if verdict.blocking is not None:
        stops = _stops(rule, len(verdict.blocking.counted), verdict.next_allowed_at)
        return f"{stops}{_FEWER_COUNTED}" if verdict.fewer_counted else stops
    if verdict.cannot_tell:
        return f"Cannot tell: {rule.lacking()}, so it lets the message pass."
    because = rule.passed_because()
    passes = f"Lets it pass: {because}." if because else "Lets it pass."
    return f"{passes}{_FEWER_COUNTED}" if verdict.fewer_counted else passes


def _word(verdict: Verdict) -> str:
    if verdict.blocking is not None:
        return "stops"
    return "cannot_tell" if verdict.cannot_tell else "allows"


def _stops(rule: Rule, counted: int, until: datetime | None) -> str:
    because = rule.blocked_because(counted)
    if until is None:
        return f"Stops it: {because}."
    does = "Puts it off" if rule.on_fail == "defer" else "Stops it"
    return f"{does}: {because}; it could pass from {until:%Y-%m-%d %H:%M} UTC on."
