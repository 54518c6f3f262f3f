"""Whom rules suppress at a moment: the people to whom the next message would not go.

Everything that went out counts, as it does for the gate. A rule that looks at the clock alone suppresses nobody in
particular and is left out; so is one that asks what brought a message about.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import polars as pl

from audit.population.stats import Facts
from audit.rules.model import COUNTING, SCOPES, Rule
from audit.rules.reference import histories as prepare
from audit.rules.reference.history import History, Message
from audit.rules.reference.rule_kinds import Check, check
from audit.rules.scopes import RuleSet, class_of, in_scope, per_values, valid

BY_CLOCK = ("quiet_hours",)
"""Kinds that suppress hours, not people; those that read causes suppress what messages rest on, not people either."""

_LAST = "\U0010ffff"
"""An event_id behind every other: the message asked about comes after all that is known."""

_SAME_SCOPE = {"item": "items", "category": "categories", "campaign": "campaigns", "nothing": None}


class Suppressed(NamedTuple):
    """`customer` (a pseudonym) gets nothing that `rule` judges before `until` (None: nothing ends it).

    `about`: what the messages are about or go by, where the rule tells them apart: a channel, a category, an item ...
    `channel`: the one that it is limited to by that; None: every channel of the rule.
    """

    customer: str
    rule: str
    about: str
    until: datetime | None
    channel: str | None = None


def suppressed(
    events: pl.DataFrame,
    rules: Iterable[Rule],
    facts: Facts,
    at: datetime,
    *,
    ids: Mapping[str, str] | None = None,
) -> list[Suppressed]:
    """Whom each of `rules` suppresses at `at`: events later than that are left out. In the order of customers and rules.

    `events`: whole customers in order. `ids`: the source's own customer ids → pseudonyms.
    """
    known = events.filter(pl.col("occurred_at") <= at)
    taking_part = RuleSet(rules, ids)
    asked = [
        (number, rule)
        for number, rule in enumerate(taking_part.rules)
        if rule.kind not in BY_CLOCK and not rule.reads_causes and valid(rule, at)
    ]
    histories = prepare.histories(prepare.sent(known), known, taking_part.rules, facts, everybody=True)
    found = [
        one
        for history in histories
        for number, rule in asked
        if number in taking_part.about(history.customer)
        for one in _of(history, rule, at)
    ]
    return sorted(found, key=lambda one: one.customer)


def _of(history: History, rule: Rule, at: datetime) -> Iterator[Suppressed]:
    judging = _informed(history, rule)
    for about, message in _next_messages(history, rule, at):
        if judging.stops(message, at) is not None:
            until = judging.passes_from(message, at, at)
            if rule.valid_until and (until is None or until > rule.valid_until):
                until = rule.valid_until
            by_channel = "channel" in rule.per if rule.kind in COUNTING else rule.kind != "cooldown"
            yield Suppressed(history.customer, rule.id, about, until, message.channel if by_channel else None)


def _informed(history: History, rule: Rule) -> Check:
    """A check that has seen everything that went out."""
    made = check(rule, history)
    for message in history.messages:
        counts = rule.exempt_counts or class_of(message) in rule.message_classes
        if rule.kind in COUNTING and counts and in_scope(rule, message) and valid(rule, message.at):
            made.let_through(message, message.at)
    return made


def _next_messages(history: History, rule: Rule, at: datetime) -> Iterator[tuple[str, Message]]:
    """What the customer might get next that the rule tells apart, each with what it is about."""
    if rule.kind == "cooldown":
        yield from _about_acts(history, rule, at)
        return
    newest: dict[tuple[str | None, ...], Message] = {}
    for message in history.messages:
        if class_of(message) in rule.message_classes and in_scope(rule, message):
            key = per_values(rule, message) if rule.kind in COUNTING else (message.channel,)
            newest[key] = message
    for key, message in newest.items():
        yield " · ".join(name or "" for name in key), message._replace(event_id=_LAST, at=at)


def _about_acts(history: History, rule: Rule, at: datetime) -> Iterator[tuple[str, Message]]:
    """Messages about what the customer did; only what `same` compares is asked about, and held to its scope."""
    left = {
        name: () for scope in SCOPES if scope != _SAME_SCOPE[rule.same] for name in (scope, f"except_{scope}")
    }
    open_to = replace(rule, **left)  # type: ignore[arg-type]  # scopes alone
    told: set[str] = set()
    for act in history.acts:
        about = "" if rule.same == "nothing" else getattr(act, rule.same)
        if act.kind not in rule.after or about is None or about in told:
            continue
        told.add(about)
        empty = Message._make(None for _ in Message._fields)
        message = empty._replace(event_id=_LAST, at=at)
        if rule.same != "nothing":
            message = message._replace(campaign=act.campaign, category=act.category, item=act.item)
        if in_scope(open_to, message):
            yield about, message
