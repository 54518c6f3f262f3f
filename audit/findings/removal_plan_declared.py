"""Without which messages nothing would be found against a declared rule: those that keeping to it would have stopped."""

from typing import Any

import polars as pl

from audit.findings.checks.declared_rules import in_scope
from audit.population.context import Context
from audit.rules.model import CAPS, READING_CAUSES, Rule
from audit.rules.reference import histories
from audit.rules.reference.history import History
from audit.rules.reference.rule_kinds import check
from audit.rules.reference.zones import known_zone
from audit.why.minimal_removal import Plan

_ONE_BY_ONE = ("mute", "quiet_hours", *READING_CAUSES)
"""Kinds that judge each message by itself, whatever else happened."""

Row = dict[str, Any]


def plan(events: pl.DataFrame, context: Context, row: Row) -> Plan | None:
    """The messages that have to go where no other set can be smaller: of caps and gaps, and of kinds that judge each
    message by itself; None of the others.

    None too where one message too many went out: there, any one of several may go.
    """
    made = _plan(events, context, _rule(context, row))
    return made if made and made.smallest and (made.alone or made.least != 1) else None


def last_resort(events: pl.DataFrame, context: Context, row: Row) -> Plan | None:
    """The messages that keeping to the rule would have stopped, where leaving out something else might take less."""
    return _plan(events, context, _rule(context, row))


def _rule(context: Context, row: Row) -> Rule:
    return next(rule for rule in context.declared if rule.id == row["subject"])


def _plan(events: pl.DataFrame, context: Context, rule: Rule) -> Plan | None:
    """None where a message stands in several rows, or in no steady time zone: without one row, others then mean more."""
    sent = histories.sent(events)
    if sent.height < events.select((pl.col("kind") == "message_sent").sum()).item():
        return None
    history = next(histories.histories(sent, events, [rule], context.facts), None)
    if history is None or (rule.reads_clock and not _one_clock(rule, history)):
        return None
    kept, stopped = _kept_to(rule, history)
    if rule.kind in _ONE_BY_ONE or rule.limit == 0:
        return Plan(tuple(stopped), alone=True)
    return Plan((*kept, *stopped), alone=False, stay=len(kept), smallest=rule.kind in CAPS)


def _one_clock(rule: Rule, history: History) -> bool:
    """Whether every message is judged in one time zone, or none is known of any, whatever else is left out."""
    own = {message.time_zone for message in history.messages}
    return (
        rule.time_zone != "customer" or not history.zones or (len(own) == 1 and known_zone(*own) is not None)
    )


def _kept_to(rule: Rule, history: History) -> tuple[list[str], list[str]]:
    """What goes out where the rule is kept to, and what it stops or, unless it is a cap, cannot judge."""
    asked, kept, stopped = check(rule, history), [], []
    for message, judged in in_scope(rule, history):
        stops = judged and asked.stops(message, message.at) is not None
        unsure = judged and rule.kind not in CAPS and asked.cannot_tell(message, message.at)
        if stops or unsure:
            stopped.append(message.event_id)
            continue
        kept.append(message.event_id)
        if judged or rule.exempt_counts:
            asked.let_through(message, message.at)
    return kept, stopped
