"""Whom rules suppress at a moment: the people to whom the next message would not go.

Everything that went out counts, as it does for the gate. A rule that looks at the clock alone suppresses nobody in
particular and is left out; so is one that asks what brought a message about.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

import polars as pl

from audit.population.stats import Facts
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.history import LAST_ID, Evaluator, History, Message
from audit.rules.scopes import RuleSet, class_of, in_scope, per_values, valid


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
    past = events.filter(pl.col("occurred_at") <= at)
    rule_set = RuleSet(rules, ids)
    about_people = [
        (number, rule)
        for number, rule in enumerate(rule_set.rules)
        if rule.suppresses == "people" and valid(rule, at)
    ]
    customers = histories.histories(histories.sent(past), past, rule_set.rules, facts, everybody=True)
    rows = [
        row
        for history in customers
        for number, rule in about_people
        if number in rule_set.about(history.customer)
        for row in _suppressed_by(rule, history, at)
    ]
    return sorted(rows, key=attrgetter("customer"))


def _suppressed_by(rule: Rule, history: History, at: datetime) -> Iterator[Suppressed]:
    evaluator = _informed(history, rule)
    for about, message in rule.next_messages(history, at) or _like_those_before(history, rule, at):
        if evaluator.blocking(message, at) is not None:
            until = evaluator.earliest_pass(message, at, at)
            if rule.valid_until and (until is None or until > rule.valid_until):
                until = rule.valid_until
            channel = message.channel if rule.apart_by_channel else None
            yield Suppressed(history.customer, rule.id, about, until, channel)


def _informed(history: History, rule: Rule) -> Evaluator:
    """An evaluator that has seen everything that went out."""
    evaluator = rule.evaluator(history)
    for message in history.messages:
        counts = rule.counts_other_classes or class_of(message) in rule.message_classes
        if rule.counts and counts and in_scope(rule, message) and valid(rule, message.at):
            evaluator.record_sent(message, message.at)
    return evaluator


def _like_those_before(history: History, rule: Rule, at: datetime) -> Iterator[tuple[str, Message]]:
    """The newest messages of each sort that the rule tells apart, as if they came again at `at`, and what they go by."""
    newest: dict[tuple[str | None, ...], Message] = {}
    for message in history.messages:
        if class_of(message) in rule.message_classes and in_scope(rule, message):
            sort = per_values(rule, message) if rule.counts else (message.channel,)
            newest[sort] = message
    for sort, message in newest.items():
        yield " · ".join(value or "" for value in sort), message._replace(event_id=LAST_ID, at=at)
