"""Without which messages nothing would be found against a declared rule: those that keeping to it would have stopped."""

from typing import Any

import polars as pl

from audit.findings.checks.declared_rules import in_scope
from audit.population.context import Context
from audit.rules.kinds.counting import Cap
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.history import History, known_zone
from audit.why.minimal_removal import Plan

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
    if history is None or (rule.reads_customers_clock and not _one_clock(history)):
        return None
    kept, stopped = _kept_to(rule, history)
    if rule.judges_alone or (isinstance(rule, Cap) and rule.most == 0):
        return Plan(tuple(stopped), alone=True)
    return Plan((*kept, *stopped), alone=False, stay=len(kept), smallest=isinstance(rule, Cap))


def _one_clock(history: History) -> bool:
    """Whether every message is judged in one time zone, or none is known of any, whatever else is left out."""
    own = {message.time_zone for message in history.messages}
    return not history.zones or (len(own) == 1 and known_zone(*own) is not None)


def _kept_to(rule: Rule, history: History) -> tuple[list[str], list[str]]:
    """What goes out where the rule is kept to, and what it stops or, unless it is a cap, cannot judge."""
    evaluator, kept, stopped = rule.evaluator(history), [], []
    for message, judged in in_scope(rule, history):
        stops = judged and evaluator.blocking(message, message.at) is not None
        unsure = judged and not isinstance(rule, Cap) and evaluator.undecidable(message, message.at)
        if stops or unsure:
            stopped.append(message.event_id)
            continue
        kept.append(message.event_id)
        if judged or rule.counts_other_classes:
            evaluator.record_sent(message, message.at)
    return kept, stopped
