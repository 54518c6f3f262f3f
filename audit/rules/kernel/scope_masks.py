"""Which rules judge and count messages of each trait, as the arrays that the compiled code reads."""

from collections.abc import Iterable

import numpy as np

from audit.rules.kernel import dictionary_encoding
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.dictionary_encoding import Coded
from audit.rules.kernel.layout import Int32, Int64
from audit.rules.kinds.cooldown import Cooldown
from audit.rules.model import Rule
from audit.rules.replay.event_pruning import COLUMN, names_customers
from audit.rules.scopes import DEFAULT_CLASS, SCOPED, RuleSet, accepts, asks


def scopes(columns: Columns, rules: RuleSet) -> tuple[Int64, Int64, Int64]:
    """Of a message of each trait: the rules that judge it, those that count it, whether it is exempt."""
    classes = columns.coded("message_class")
    counts = _bits(rule.counts for rule in rules.rules)
    anyhow = _bits(rule.counts_other_classes for rule in rules.rules)

    def judging(value: str | None) -> int:
        return _bits((value or DEFAULT_CLASS) in rule.message_classes for rule in rules.rules)

    judged = classes.meaning(judging)
    counted = classes.meaning(lambda value: counts & (judging(value) | anyhow))
    exempt = classes.meaning(lambda value: (value or DEFAULT_CLASS) not in rules.classes)
    for name in SCOPED:
        if any(asks(rule, name) for rule in rules.rules):
            within = _topics(columns, rules) if name == "topics" else _accepted(columns, rules, name)
            judged &= within
            counted &= within
    return judged, counted, exempt


def named(columns: Columns, rules: RuleSet) -> Int64:
    """Of each customer: the rules it falls under."""
    if not names_customers(rules.rules):
        return np.full(columns.starts.size - 1, -1, np.int64)
    return np.array(
        [sum(1 << number for number in rules.about(name)) for name in columns.customers], np.int64
    )


def group(columns: Columns, rule: Rule) -> tuple[Int32, int]:
    """What a rule counts together, or what has to agree: of each trait a number, and how many. No rows: everything."""
    if isinstance(rule, Cooldown) and rule.same != "nothing":
        shared = columns.coded(COLUMN[rule.same])
        if rule.same == "category" and rule.depth is not None:
            return _cut(shared, rule.depth)
        return shared.codes, max(len(shared.values), 1)
    per = [columns.coded(COLUMN[name]) for name in rule.counted_per]
    if not per:
        return np.zeros(0, np.int32), 1
    made, size = dictionary_encoding.together(per)
    return made, max(size, 1)


def _cut(categories: Coded, depth: int) -> tuple[Int32, int]:
    """The first levels of categories."""
    numbers: dict[str, int] = {}

    def number(value: str | None) -> int:
        if value is None:
            return -1
        return numbers.setdefault(" > ".join(value.split(" > ")[:depth]), len(numbers))

    return categories.meaning(number).astype(np.int32), max(len(numbers), 1)


def _accepted(columns: Columns, rules: RuleSet, name: str) -> Int64:
    return columns.coded(COLUMN[name]).meaning(
        lambda value: _bits(accepts(rule, name, value) for rule in rules.rules)
    )


def _topics(columns: Columns, rules: RuleSet) -> Int64:
    topics = columns.examples["topics"]
    asked = sorted({one for rule in rules.rules for one in (*rule.topics, *rule.except_topics)})
    has = {
        one: dictionary_encoding.of(topics.list.contains(one).fill_null(value=False), np.bool_)
        for one in asked
    }
    made = np.zeros(topics.len(), np.int64)
    for number, rule in enumerate(rules.rules):
        met = np.full(topics.len(), not rule.topics)
        for one in rule.topics:
            met |= has[one]
        for one in rule.except_topics:
            met &= ~has[one]
        made |= met.astype(np.int64) << number
    return made


def _bits(flags: Iterable[object]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)
