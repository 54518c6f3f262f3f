"""Rules as the records that the compiled code reads, and their scopes over the traits of messages."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np

from audit.events.vocabulary import class_of
from audit.rules.kernel import dictionary_encoding, layout
from audit.rules.kernel.clocks import EPOCH
from audit.rules.kernel.dictionary_encoding import EncodedTexts
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.layout import Int32, Int64, Records
from audit.rules.kinds.consent import Consent
from audit.rules.kinds.cooldown import Cooldown
from audit.rules.kinds.counting import Cap
from audit.rules.kinds.frequency_cap import CALENDAR as UNITS
from audit.rules.kinds.frequency_cap import FrequencyCap
from audit.rules.kinds.quiet_hours import QuietHours, quiet_hours
from audit.rules.kinds.sunset import Sunset
from audit.rules.model import Rule
from audit.rules.reference.clock import WEEKDAYS
from audit.rules.replay.event_pruning import COLUMN, names_customers
from audit.rules.scopes import SCOPED, RuleSet, accepts, asks

_KIND = {
    "consent": layout.CONSENT,
    "mute": layout.FIXED,
    "sensitive": layout.SENSITIVE,
    "exclude_event": layout.FIXED,
    "cooldown": layout.COOLDOWN,
    "sunset": layout.SUNSET,
    "min_gap": layout.ROLLING,
    "frequency_cap": layout.ROLLING,
    "quiet_hours": layout.QUIET,
}


def records(
    rules: Sequence[Rule],
    groups: Sequence[int],
    bases: Int64,
    zone_code: Callable[[str], int],
    responses: Sequence[str],
) -> Records:
    """A RULE for each rule. `groups`: its row of `Traits.group`, or -1; `bases`: index of its first counter."""
    table: Records = np.zeros(len(rules), layout.RULE)
    for number, rule in enumerate(rules):
        quiet = quiet_hours(rule.quiet) if isinstance(rule, QuietHours) else ()
        unit, week_start = _unit(rule)
        table[number] = (
            _KIND[rule.kind] if unit is None else layout.CALENDAR,
            _limit(rule),
            span(rule),
            layout.LONG_AGO if rule.valid_from is None else _moment(rule.valid_from),
            layout.NEVER if rule.valid_until is None else _moment(rule.valid_until),
            rule.on_fail == "defer",
            unit or 0,
            week_start,
            zone_code(rule.time_zone)
            if isinstance(rule, FrequencyCap | QuietHours) and rule.time_zone != "customer"
            else -1,
            *([60_000_000 * (60 * time.hour + time.minute) for time in quiet] or [0, 0]),
            groups[number],
            bases[number],
            isinstance(rule, Cooldown) and rule.until_repurchase,
            responses.index(rule.response) if isinstance(rule, Sunset) else -1,
        )
    return table


def span(rule: Rule) -> int:
    """A rolling window, the fallback of a re-purchase window, or the days of grace (µs)."""
    if isinstance(rule, Consent):
        return micros(rule.grace_span)
    if isinstance(rule, Cooldown) or (isinstance(rule, Cap) and rule.rolling):
        return micros(rule.span)
    return 0


def micros(duration: timedelta) -> int:
    """A duration in µs."""
    return duration // timedelta(microseconds=1)


def _unit(rule: Rule) -> tuple[int | None, int]:
    """The calendar unit of a cap (None: it has none), and the day that its weeks begin on, as numbers."""
    if not isinstance(rule, FrequencyCap):
        return None, 0
    return None if rule.rolling else UNITS.index(rule.window), WEEKDAYS.index(rule.week_start)


def _limit(rule: Rule) -> int:
    """How many make a cap full, or are a streak; one in a minimum gap."""
    if isinstance(rule, Sunset):
        return min(rule.unengaged, layout.LATEST)
    return min(rule.most, layout.LATEST) if isinstance(rule, Cap) else 1


def _moment(moment: datetime) -> int:
    return micros(moment - EPOCH)


# -- scopes -----------------------------------------------------------------------------------------------------


def scopes(events: EncodedEvents, rules: RuleSet) -> tuple[Int64, Int64, Int64]:
    """Of a message of each trait: the rules that apply, those that count it, whether it is exempt."""
    classes = events.encoded("message_class")
    counting = _bits(rule.counts for rule in rules.rules)
    counting_exempt = _bits(rule.counts_other_classes for rule in rules.rules)

    def of_class(name: str | None) -> int:
        return _bits(class_of(name) in rule.message_classes for rule in rules.rules)

    applies = classes.map(of_class)
    counts = classes.map(lambda name: counting & (of_class(name) | counting_exempt))
    exempt = classes.map(lambda name: class_of(name) not in rules.classes)
    for name in SCOPED:
        if any(asks(rule, name) for rule in rules.rules):
            in_scope = _topics(events, rules) if name == "topics" else _accepted(events, rules, name)
            applies &= in_scope
            counts &= in_scope
    return applies, counts, exempt


def rules_of_customers(events: EncodedEvents, rules: RuleSet) -> Int64:
    """Of each customer: the rules it falls under."""
    if not names_customers(rules.rules):
        return np.full(events.starts.size - 1, -1, np.int64)
    return np.array([sum(1 << number for number in rules.about(name)) for name in events.customers], np.int64)


def groups(events: EncodedEvents, rule: Rule) -> tuple[Int32, int]:
    """What a rule counts together, or what has to agree: the group of each trait, and how many. No rows: everything."""
    if isinstance(rule, Cooldown) and rule.same != "nothing":
        texts = events.encoded(COLUMN[rule.same])
        if rule.same == "category" and rule.depth is not None:
            return _cut_categories(texts, rule.depth)
        return texts.codes, max(len(texts.values), 1)
    per = [events.encoded(COLUMN[name]) for name in rule.counted_per]
    if not per:
        return np.zeros(0, np.int32), 1
    codes, size = dictionary_encoding.combine(per)
    return codes, max(size, 1)


def _cut_categories(categories: EncodedTexts, depth: int) -> tuple[Int32, int]:
    """The first levels of categories, and how many different ones."""
    numbers: dict[str, int] = {}

    def number(category: str | None) -> int:
        if category is None:
            return -1
        return numbers.setdefault(" > ".join(category.split(" > ")[:depth]), len(numbers))

    return categories.map(number).astype(np.int32), max(len(numbers), 1)


def _accepted(events: EncodedEvents, rules: RuleSet, name: str) -> Int64:
    return events.encoded(COLUMN[name]).map(
        lambda text: _bits(accepts(rule, name, text) for rule in rules.rules)
    )


def _topics(events: EncodedEvents, rules: RuleSet) -> Int64:
    lists = events.examples["topics"]
    has = {
        topic: dictionary_encoding.as_array(lists.list.contains(topic).fill_null(value=False), np.bool_)
        for topic in sorted({topic for rule in rules.rules for topic in (*rule.topics, *rule.except_topics)})
    }
    in_scope = np.zeros(lists.len(), np.int64)
    for number, rule in enumerate(rules.rules):
        accepted = np.full(lists.len(), not rule.topics)
        for topic in rule.topics:
            accepted |= has[topic]
        for topic in rule.except_topics:
            accepted &= ~has[topic]
        in_scope |= accepted.astype(np.int64) << number
    return in_scope


def _bits(flags: Iterable[object]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)
