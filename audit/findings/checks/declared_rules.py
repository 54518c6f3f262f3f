"""What the sender says it keeps to, held against what it sent: declared rules of the book, and what broke them.

Everything in scope that went out counts, whether it should have or not. Rolling caps and gaps are counted in columns;
other rules are asked one customer at a time, and of calendar caps only those with enough messages close together.
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from audit.events.schema import TIME, under
from audit.findings.catalogue import Check
from audit.findings.check_context import Audited
from audit.findings.checks.over_frequency import in_window
from audit.findings.schema import (
    day,
    found,
    none,
    rules,
)
from audit.rules.kinds.counting import Cap
from audit.rules.model import Rule, to_dict
from audit.rules.reference import histories as prepare
from audit.rules.reference.history import History, Message
from audit.rules.scopes import DEFAULT_CLASS, SCOPED, accepts, asks, class_of, valid

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
    "first": TIME,
    "last": TIME,
    "peak": pl.Int64(),
    "evidence": pl.List(pl.String()),
    "unknown": pl.List(pl.String()),
}
"""A row a customer: the messages that broke a rule, the first and last; of the worst of them how many messages there
were with it, and which; and the messages of which it cannot be told."""


def detect(audited: Audited, check: Check) -> pl.DataFrame:  # noqa: ARG001
    """Per customer and declared rule, the messages that the rule says should not have gone out when they did."""
    made = [_told(rule, broken(audited.events, rule, audited)) for rule in audited.context.declared]
    return pl.concat([none(), *made])


def broken(events: pl.DataFrame, rule: Rule, audited: Audited) -> pl.DataFrame:
    """Who was sent what `rule` forbids: a frame of `_BROKEN`, those it says nothing of left out."""
    sent = prepare.sent(events)
    counted = sent.filter(within(rule))
    if isinstance(rule, Cap):
        over = _over(counted, rule)
        if rule.rolling:
            return over
        near = over["customer_id"]
        sent = sent.filter(pl.col("customer_id").is_in(near.implode()))
    else:
        sent = sent.filter(pl.col("customer_id").is_in(counted["customer_id"].unique().implode()))
    histories = prepare.histories(sent, events, [rule], audited.context.facts)
    rows = [row for history in histories if (row := _asked(history, rule)) is not None]
    return pl.DataFrame(rows, schema=_BROKEN, orient="row")


def within(rule: Rule) -> pl.Expr:
    """Whether messages (as `prepare.sent` gives them) are in the scope of `rule` and counted by it, as an expression."""
    asked = [pl.col(_PER[name]).is_not_null() for name in rule.counted_per]
    for scope, column in _SCOPES.items():
        named, left_out = getattr(rule, scope), getattr(rule, f"except_{scope}")
        asked += [pl.col(column).is_in(named).fill_null(value=False)] if named else []
        asked += [~pl.col(column).is_in(left_out).fill_null(value=False)] if left_out else []
    asked += [_any(under(pl.col("category"), one) for one in rule.categories)] if rule.categories else []
    asked += (
        [~_any(under(pl.col("category"), one) for one in rule.except_categories)]
        if rule.except_categories
        else []
    )
    asked += [_shares(rule.topics)] if rule.topics else []
    asked += [~_shares(rule.except_topics)] if rule.except_topics else []
    if not rule.counts_other_classes:
        asked.append(pl.col("message_class").fill_null(DEFAULT_CLASS).is_in(rule.message_classes))
    asked += [pl.col("occurred_at") >= rule.valid_from] if rule.valid_from else []
    asked += [pl.col("occurred_at") < rule.valid_until] if rule.valid_until else []
    return pl.all_horizontal(pl.lit(value=True), *asked)


def _over(counted: pl.DataFrame, rule: Cap) -> pl.DataFrame:
    """Those of whom more than the limit lies in a window; exact for rolling windows, else in a time that is longer."""
    by = ["customer_id", *(_PER[name] for name in rule.counted_per)]
    judged = pl.col("message_class").fill_null(DEFAULT_CLASS).is_in(rule.message_classes)
    rows = counted.select(*dict.fromkeys((*by, "occurred_at", "event_id", "message_class")))
    if rows.is_empty():
        return pl.DataFrame(schema=_BROKEN)
    over = (pl.col("within") > rule.most) & judged
    groups = (
        in_window(rows, by, rule.within)
        .filter(over.any().over(by))
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("event_id").filter(over).alias("messages"),
            pl.col("occurred_at").filter(over).alias("times"),
            pl.col("within").filter(over).max().alias("peak"),
            pl.when(over).then("within").arg_max().alias("_worst"),
            pl.col("event_id"),
        )
        .with_columns(
            pl.col("event_id")
            .list.slice(pl.col("_worst") + 1 - pl.col("peak"), pl.col("peak"))
            .alias("evidence")
        )
    )
    return (
        groups.group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("messages").explode(),
            pl.col("times").explode().min().alias("first"),
            pl.col("times").explode().max().alias("last"),
            pl.col("peak").max(),
            pl.col("evidence").get(pl.col("peak").arg_max()),
            pl.lit([], pl.List(pl.String())).first().alias("unknown"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _BROKEN.items())
    )  # fmt: skip


def _asked(history: History, rule: Rule) -> tuple[Any, ...] | None:
    """What `rule` says of one customer's messages, all of which went out."""
    evaluator, against, unknown = rule.evaluator(history), [], []
    for message, judged in in_scope(rule, history):
        blocking = evaluator.blocking(message, message.at) if judged else None
        if blocking is not None:
            against.append((message, [*blocking.counted, message.event_id]))
        elif judged and evaluator.undecidable(message, message.at):
            unknown.append(message.event_id)
        if judged or rule.counts_other_classes:
            evaluator.record_sent(message, message.at)
    if not against and not unknown:
        return None
    worst = max((ids for _, ids in against), key=len, default=[])
    times = [message.at for message, _ in against]
    ids = [message.event_id for message, _ in against]
    return (
        history.customer,
        ids,
        min(times, default=None),
        max(times, default=None),
        len(worst),
        worst,
        unknown,
    )


def in_scope(rule: Rule, history: History) -> Iterator[tuple[Message, bool]]:
    """The messages of one customer that `rule` is about while it is valid, in order, and whether it judges them."""
    scoped = [name for name in SCOPED if asks(rule, name)]
    messages = history.messages if _about(rule, history.customer) else ()
    for message in messages:
        if all(accepts(rule, name, getattr(message, name)) for name in scoped) and valid(rule, message.at):
            yield message, class_of(message) in rule.message_classes


def _told(rule: Rule, rows: pl.DataFrame) -> pl.DataFrame:
    """Findings of what broke one rule."""
    if rows.is_empty():
        return none()
    title = rule.title or rule.id
    number = pl.col("messages").list.len()
    some = pl.when(number == 1).then(pl.lit("1 message")).otherwise(pl.format("{} messages", number))
    most = (
        pl.format("; up to {} where {} may", "peak", pl.lit(rule.most))
        if isinstance(rule, Cap)
        else pl.lit("")
    )
    against = pl.format(
        "{} went out against what the sender declares: {}{}, first on {}.",
        some,
        pl.lit(title),
        most,
        day(pl.col("first")),
    )
    untold = pl.format(
        "Whether {} messages kept to what the sender declares cannot be told: {}; {}.",
        pl.col("unknown").list.len(),
        pl.lit(title),
        pl.lit(rule.lacking()),
    )
    is_untold = number == 0
    return found(
        rows.filter((number > 0) | pl.lit(not isinstance(rule, Cap))).with_columns(
            pl.lit(rule.id).alias("subject"),
            pl.lit(rule.categories[0] if rule.categories else None, pl.String).alias("category"),
            pl.lit(rule.kind).alias("case"),
            pl.when(is_untold).then(pl.lit("cannot_tell")).alias("verdict"),
            pl.when(is_untold).then(pl.lit("info")).alias("severity"),
            pl.when(is_untold).then(untold).otherwise(against).alias("text"),
            number.alias("count"),
        ).pipe(lambda kept: kept.with_columns(rules(kept, ("customer_id",), lambda _: _ours(rule))))
    )  # fmt: skip


def _ours(rule: Rule) -> dict[str, Any]:
    """The same rule, to keep to it here."""
    own = {
        name: value
        for name, value in to_dict(rule).items()
        if name not in {"declared", "customers", "except_customers"}
    }
    return {**own, "id": f"{rule.id}-kept"}


def _about(rule: Rule, customer: str) -> bool:
    return (not rule.customers or customer in rule.customers) and customer not in rule.except_customers


def _any(these: Iterator[pl.Expr]) -> pl.Expr:
    return pl.any_horizontal(*these).fill_null(value=False)


def _shares(topics: tuple[str, ...]) -> pl.Expr:
    return pl.col("topics").list.set_intersection(pl.lit(list(topics))).list.len().fill_null(0) > 0
