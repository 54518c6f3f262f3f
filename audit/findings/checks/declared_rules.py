"""What the sender says it keeps to, held against what it sent: declared rules of the book, and what broke them.

Everything in scope that went out counts, whether it should have or not. Rolling caps and gaps are counted in columns;
other rules are asked one customer at a time, and of calendar caps only those with enough messages close together.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from audit.events.schema import TIME, under
from audit.events.vocabulary import class_expr
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.checks.over_frequency import over_limit
from audit.findings.schema import days, detected, nothing_detected, several
from audit.findings.suggested_rule import slug
from audit.rules.kinds.counting import Cap
from audit.rules.model import Rule, to_dict
from audit.rules.reference import histories as prepare
from audit.rules.reference.history import History, Message, known_zone
from audit.rules.scopes import SCOPED, accepts, asks, class_of, valid
from audit.why.counterfactual import Plan
from audit.workspace.context import Context

_PER = {
    "channel": "channel",
    "category": "category",
    "item": "item_id",
    "campaign": "campaign",
    "sender": "sender",
}
_SCOPES = {
    "channels": "channel",
    "campaigns": "campaign",
    "items": "item_id",
    "senders": "sender",
    "customers": "customer_id",
}
_BROKEN: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "messages": pl.List(pl.String()),
    "first_at": TIME,
    "last_at": TIME,
    "peak": pl.Int64(),
    "evidence": pl.List(pl.String()),
    "total": pl.UInt32(),
    "unknown": pl.List(pl.String()),
}
"""A row a customer: the messages that broke a rule; the time from what the first of them counted to the last, and how
many messages the rule counts in it (`total`); of the worst how many there were with it, and which; and the messages of
which it cannot be told."""


class DeclaredRules(Check):
    """More than the sender says it sends."""

    id = "declared-vs-observed"
    titles_rule = False

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Per customer and declared rule, the messages that the rule says should not have gone out when they did."""
        frames = [_detected(rule, broken(rule, context)) for rule in context.population.declared]
        return pl.concat([nothing_detected(), *frames])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages in the scope of the rule that kept to it."""
        for rule in context.population.declared:
            if rule.id == finding["subject"]:
                messages = prepare.sent(context.events).filter(within(rule))
                yield ExcludedEvents("message", messages, "kept to what is declared when it came")

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """The messages that have to go where no other set can be smaller: of caps and gaps, and of kinds that judge
        each message by itself; none of the others.

        None too where one message too many went out: there, any one of several may go.
        """
        plans = self.last_resort(context, finding)
        return [plan for plan in plans if plan.smallest and (plan.alone or plan.least != 1)]

    def last_resort(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """The messages that keeping to the rule would have stopped, where leaving out something else might take less.

        None where a message stands in several rows, or in no steady time zone: without one row, others then mean more.
        """
        rule = next(rule for rule in context.population.declared if rule.id == finding["subject"])
        messages = prepare.sent(context.events)
        if messages.height < context.events.select((pl.col("kind") == "message_sent").sum()).item():
            return ()
        histories = prepare.histories(messages, context.events, [rule], context.population.facts)
        history = next(histories, None)
        if history is None or (rule.reads_customers_clock and not _one_clock(history)):
            return ()
        passed, stopped = _keeping_to(rule, history)
        if rule.judges_alone or (isinstance(rule, Cap) and rule.most == 0):
            return (Plan(tuple(stopped), alone=True),)
        return (Plan((*passed, *stopped), alone=False, stay=len(passed), smallest=isinstance(rule, Cap)),)

    def context_of_copies(self, population: Context, finding: Finding) -> Context:
        """With the one rule that the finding is about, made to hold for any copy of the customer."""
        rules = [
            replace(rule, customers=(), except_customers=())
            for rule in population.declared
            if rule.id == finding["subject"] and _is_about(rule, finding["customer"])
        ]
        return replace(population, declared=rules)


def broken(rule: Rule, context: CheckContext) -> pl.DataFrame:
    """Who was sent what `rule` forbids: a frame of `_BROKEN`, those it says nothing of left out."""
    messages = prepare.sent(context.events)
    in_scope = messages.filter(within(rule))
    if isinstance(rule, Cap):
        over_limit = _over_limit(in_scope, rule)
        if rule.rolling:
            return over_limit
        customers = over_limit["customer_id"]
    else:
        customers = in_scope["customer_id"].unique()
    messages = messages.filter(pl.col("customer_id").is_in(customers.implode()))
    histories = prepare.histories(messages, context.events, [rule], context.population.facts)
    rows = [row for history in histories if (row := _broken_by(rule, history)) is not None]
    return pl.DataFrame(rows, schema=_BROKEN, orient="row")


def within(rule: Rule) -> pl.Expr:
    """Whether messages (as `prepare.sent` gives them) are in the scope of `rule` and counted by it, as an expression."""
    conditions = [pl.col(_PER[name]).is_not_null() for name in rule.counted_per]
    for scope, column in _SCOPES.items():
        included, excluded = getattr(rule, scope), getattr(rule, f"except_{scope}")
        conditions += [pl.col(column).is_in(included).fill_null(value=False)] if included else []
        conditions += [~pl.col(column).is_in(excluded).fill_null(value=False)] if excluded else []
    conditions += [_under_any(rule.categories)] if rule.categories else []
    conditions += [~_under_any(rule.except_categories)] if rule.except_categories else []
    conditions += [_shares_topic(rule.topics)] if rule.topics else []
    conditions += [~_shares_topic(rule.except_topics)] if rule.except_topics else []
    conditions += [] if rule.counts_other_classes else [of_its_classes(rule)]
    conditions += [pl.col("occurred_at") >= rule.valid_from] if rule.valid_from else []
    conditions += [pl.col("occurred_at") < rule.valid_until] if rule.valid_until else []
    return pl.all_horizontal(pl.lit(value=True), *conditions)


def of_its_classes(rule: Rule) -> pl.Expr:
    """Whether a message is of a class that `rule` judges."""
    return class_expr().is_in(rule.message_classes)


def _over_limit(messages: pl.DataFrame, rule: Cap) -> pl.DataFrame:
    """Those of whom more than the limit lies in a window; exact for rolling windows, else in a time that is longer."""
    by = ["customer_id", *(_PER[name] for name in rule.counted_per)]
    rows = messages.select(*dict.fromkeys((*by, "occurred_at", "event_id", "message_class")))
    if rows.is_empty():
        return pl.DataFrame(schema=_BROKEN)
    broken = (
        over_limit(rows, by, rule.within, rule.most, of_its_classes(rule))
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("messages").explode(),
            pl.col("first_at").min(),
            pl.col("last_at").max(),
            pl.col("peak").max(),
            pl.col("evidence").get(pl.col("peak").arg_max()),
            pl.lit([], pl.List(pl.String())).first().alias("unknown"),
        )
    )
    spoken_of = rows.join(broken.select("customer_id", "first_at", "last_at"), on="customer_id").filter(
        pl.col("occurred_at").is_between("first_at", "last_at")
    )
    totals = spoken_of.group_by("customer_id").len("total")
    return broken.join(totals, on="customer_id", how="left", maintain_order="left").select(
        pl.col(name).cast(dtype) for name, dtype in _BROKEN.items()
    )


def _broken_by(rule: Rule, history: History) -> tuple[Any, ...] | None:
    """What `rule` says of one customer's messages, all of which went out: a row of `_BROKEN`."""
    evaluator = rule.evaluator(history)
    against: list[Message] = []
    counted: dict[str, Message] = {}
    first: Message | None = None
    unknown: list[str] = []
    evidence: list[str] = []
    for message, is_judged in _in_scope(rule, history):
        blocking = evaluator.blocking(message, message.at) if is_judged else None
        if is_judged or rule.counts_other_classes:
            counted[message.event_id] = message
        if blocking is not None:
            against.append(message)
            evidence = max(evidence, [*blocking.counted, message.event_id], key=len)
            first = first or next((counted[event] for event in evidence if event in counted), message)
        elif is_judged and evaluator.undecidable(message, message.at):
            unknown.append(message.event_id)
        if is_judged or rule.counts_other_classes:
            evaluator.record_sent(message, message.at)
    if not against and not unknown:
        return None
    last = against[-1] if against else None
    spoken_of = [other for other in counted.values() if first and last and first.at <= other.at <= last.at]
    return (
        history.customer,
        [message.event_id for message in against],
        first and first.at,
        last and last.at,
        len(evidence),
        evidence,
        len(spoken_of),
        unknown,
    )


def _in_scope(rule: Rule, history: History) -> Iterator[tuple[Message, bool]]:
    """The messages of one customer that `rule` is about while it is valid, in order, and whether it judges them."""
    scopes = [name for name in SCOPED if asks(rule, name)]
    messages = history.messages if _is_about(rule, history.customer) else ()
    for message in messages:
        if all(accepts(rule, name, getattr(message, name)) for name in scopes) and valid(rule, message.at):
            yield message, class_of(message) in rule.message_classes


def _one_clock(history: History) -> bool:
    """Whether every message is judged in one time zone, or none is known of any, whatever else is left out."""
    zones = {message.time_zone for message in history.messages}
    return not history.zones or (len(zones) == 1 and known_zone(*zones) is not None)


def _keeping_to(rule: Rule, history: History) -> tuple[list[str], list[str]]:
    """What goes out where the rule is kept to, and what it stops or, unless it is a cap, cannot judge."""
    evaluator = rule.evaluator(history)
    passed: list[str] = []
    stopped: list[str] = []
    for message, is_judged in _in_scope(rule, history):
        stops = is_judged and evaluator.blocking(message, message.at) is not None
        unsure = is_judged and not isinstance(rule, Cap) and evaluator.undecidable(message, message.at)
        if stops or unsure:
            stopped.append(message.event_id)
            continue
        passed.append(message.event_id)
        if is_judged or rule.counts_other_classes:
            evaluator.record_sent(message, message.at)
    return passed, stopped


def _detected(rule: Rule, rows: pl.DataFrame) -> pl.DataFrame:
    """Findings of what broke one rule."""
    if rows.is_empty():
        return nothing_detected()
    title = pl.lit(rule.title or rule.id)
    number = pl.col("messages").list.len()
    peak = (
        pl.format("; up to {} where {} may", "peak", pl.lit(rule.most))
        if isinstance(rule, Cap)
        else pl.lit("")
    )
    against = pl.format(
        "{} of {} {} went out against what the sender declares: {}{}.",
        number, several(pl.col("total"), "message"), days(), title, peak,
    )  # fmt: skip
    unknown = pl.format(
        "Whether {} messages kept to what the sender declares cannot be told: {}; {}.",
        pl.col("unknown").list.len(), title, pl.lit(rule.lacking()),
    )  # fmt: skip
    cannot_tell = number == 0
    rows = rows.filter((number > 0) | pl.lit(not isinstance(rule, Cap)))
    return detected(
        rows,
        subject=pl.lit(rule.id),
        category=pl.lit(rule.categories[0] if rule.categories else None, pl.String),
        case=pl.lit(rule.kind),
        verdict=pl.when(cannot_tell).then(pl.lit("cannot_tell")),
        severity=pl.when(cannot_tell).then(pl.lit("info")),
        text=pl.when(cannot_tell).then(unknown).otherwise(against),
        count=number,
        excess=pl.when(number > 0).then(number),
        rule=pl.when(~cannot_tell).then(pl.lit(json.dumps(_rule_for_us(rule), ensure_ascii=False))),
    )


def _rule_for_us(rule: Rule) -> dict[str, Any]:
    """The same rule, to keep to it here."""
    fields = to_dict(rule)
    for name in ("declared", "customers", "except_customers"):
        fields.pop(name, None)
    return {**fields, "id": f"{slug(rule.id)}-kept", "title": rule.title or rule.description()}


def _is_about(rule: Rule, customer: str) -> bool:
    return (not rule.customers or customer in rule.customers) and customer not in rule.except_customers


def _under_any(categories: tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(under(pl.col("category"), path) for path in categories).fill_null(value=False)


def _shares_topic(topics: tuple[str, ...]) -> pl.Expr:
    return pl.col("topics").list.set_intersection(pl.lit(list(topics))).list.len().fill_null(0) > 0
