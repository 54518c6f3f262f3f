"""Which rules judge a message, and which count it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from audit.events import vocabulary
from audit.rules.model import SCOPES, Rule, checked_order
from audit.rules.reference.history import Message, known_zone

SCOPED = {
    "channel": "channels",
    "campaign": "campaigns",
    "category": "categories",
    "topics": "topics",
    "item": "items",
    "sender": "senders",
}
"""A message's field → the scope that is about it."""


_REMEMBERED = 100_000
"""Messages mostly repeat each other but for when; the rules that apply are remembered of so many different ones."""


class Applicable(NamedTuple):
    """Positions, in checking order, of the rules that apply to a message, of those that count it, and of those that apply
    but may not be able to tell. `exempt`: no rule of the set names its class.
    """

    applies: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    undecidable: tuple[int, ...] = ()
    exempt: bool = False


class RuleSet:
    """The rules that take part in a replay, in the order they are checked.

    `dated`: whether any holds for a time only; `dropping`: positions of those that put nothing off.
    `ids`: the source's own customer ids → pseudonyms, for rules that name customers. `classes_at`: the message classes
    that rules named at a moment, where the set was not always the same. Rules of one id are versions of one rule, valid
    one after the other: `siblings` are positions of the others.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        ids: Mapping[str, str] | None = None,
        *,
        classes_at: Callable[[datetime], set[str]] | None = None,
    ) -> None:
        self.rules: Sequence[Rule] = checked_order(rules)
        self.classes = {name for rule in self.rules for name in rule.message_classes}
        self._classes_at = classes_at
        self.siblings = _siblings(self.rules)
        self.dated = any(rule.valid_from or rule.valid_until for rule in self.rules)
        self.dropping = frozenset(number for number, rule in enumerate(self.rules) if rule.on_fail != "defer")
        pseudonyms = ids or {}
        self._customers = {
            number: (
                {pseudonyms.get(name, name) for name in rule.customers},
                {pseudonyms.get(name, name) for name in rule.except_customers},
            )
            for number, rule in enumerate(self.rules)
            if rule.customers or rule.except_customers
        }
        self._everybody = frozenset(range(len(self.rules))) - self._customers.keys()
        self._scoped_fields = itemgetter(*_scoped_fields(self.rules))
        self._applicable: dict[object, Applicable] = {}

    @property
    def steady(self) -> bool:
        """Whether it was always the same set, of one version a rule."""
        return self._classes_at is None and not self.siblings

    def about(self, customer: str) -> frozenset[int]:
        """Positions of the rules that this customer falls under."""
        if not self._customers:
            return self._everybody
        return self._everybody | {
            number
            for number, (included, excluded) in self._customers.items()
            if (not included or customer in included) and customer not in excluded
        }

    def learn(self, source_id: str, customer: str) -> None:
        """From now on the pseudonym `customer` falls under what rules say of the customer they call `source_id`."""
        for names in chain.from_iterable(self._customers.values()):
            if source_id in names:
                names.add(customer)

    def exempt(self, message: Message, at: datetime) -> bool:
        """Whether no rule names the class of a message that is due at `at`."""
        if self._classes_at is None:
            return self.applicable(message).exempt
        return class_of(message) not in self._classes_at(at)

    def applicable(self, message: Message) -> Applicable:
        """The rules whose scopes the message satisfies; customers and validity are asked for apart."""
        values = self._scoped_fields(message)
        try:
            applicable = self._applicable.get(values)
        except TypeError:  # topics are a list
            values = tuple(tuple(value) if isinstance(value, list) else value for value in values)
            applicable = self._applicable.get(values)
        if applicable is None:
            if len(self._applicable) >= _REMEMBERED:
                self._applicable.clear()
            applicable = self._applicable[values] = self._in_scope(message)
        return applicable

    def _in_scope(self, message: Message) -> Applicable:
        scoped = [(number, rule) for number, rule in enumerate(self.rules) if in_scope(rule, message)]
        applies = tuple(number for number, rule in scoped if class_of(message) in rule.message_classes)
        counts = tuple(
            number
            for number, rule in scoped
            if rule.counts and (rule.counts_other_classes or number in applies)
        )
        zone_known = known_zone(message.time_zone) is not None
        undecidable = tuple(
            number
            for number, rule in scoped
            if number in applies and rule.may_be_undecidable and not (zone_known and rule.reads_clock)
        )
        return Applicable(applies, counts, undecidable, class_of(message) not in self.classes)


def _scoped_fields(rules: Sequence[Rule]) -> Sequence[int]:
    """Positions of the fields of a message that tell what rules apply to it; two at least."""
    names = [name for name in SCOPED if any(asks(rule, name) for rule in rules)]
    return [Message._fields.index(name) for name in (*names, "message_class", "time_zone")]


def _siblings(rules: Sequence[Rule]) -> dict[int, list[int]]:
    if len({rule.id for rule in rules}) == len(rules):
        return {}
    return {
        number: [
            sibling
            for sibling, version in enumerate(rules)
            if sibling != number and (version.id, version.kind) == (rule.id, rule.kind)
        ]
        for number, rule in enumerate(rules)
    }


def class_of(message: Message) -> str:
    """The message's class, or what a missing one is treated as."""
    return vocabulary.class_of(message.message_class)


def valid(rule: Rule, moment: datetime) -> bool:
    """Whether `moment` lies in the rule's `valid_from ≤ t < valid_until`."""
    return not (rule.valid_from and moment < rule.valid_from) and not (
        rule.valid_until and moment >= rule.valid_until
    )


def in_scope(rule: Rule, message: Message) -> bool:
    """Whether the message satisfies all scopes but class, customer and validity, and falls under no `except_`."""
    return all(accepts(rule, name, getattr(message, name)) for name in SCOPED)


def accepts(rule: Rule, name: str, value: Any) -> bool:
    """Whether `value` of the field `name` satisfies its scope, falls under no `except_`, and is there to count by."""
    if value is None and name in rule.counted_per:
        return False
    included, excluded = getattr(rule, SCOPED[name]), getattr(rule, f"except_{SCOPED[name]}")
    return (not included or _meets(name, value, included)) and not _meets(name, value, excluded)


def asks(rule: Rule, name: str) -> bool:
    """Whether the field `name` of a message is asked for by the rule's scopes, or by what it counts together."""
    scope = SCOPED[name]
    return bool(getattr(rule, scope) or getattr(rule, f"except_{scope}") or name in rule.counted_per)


def per_values(rule: Rule, message: Message) -> tuple[str | None, ...]:
    """The values that messages counted together share, beside the customer."""
    return tuple(getattr(message, name) for name in rule.counted_per)


def _meets(name: str, value: Any, scope: Sequence[str]) -> bool:
    if name == "category":
        return _under(value, scope)
    return not set(value or ()).isdisjoint(scope) if name == "topics" else value in scope


def _under(category: str | None, scopes: Sequence[str]) -> bool:
    return category is not None and any(
        category == path or category.startswith(f"{path} > ") for path in scopes
    )


def covered(rule: Rule, by: Rule) -> bool:
    """Whether `by` stops all that `rule` stops or puts off, so that `rule` changes nothing beside it.

    Said only where it is certain, by what the two rules say, whatever the data.
    """
    if not by.takes_part or (by.on_fail == "defer" and rule.on_fail != "defer"):
        return False
    since = by.valid_from is None or (rule.valid_from is not None and by.valid_from <= rule.valid_from)
    until = by.valid_until is None or (rule.valid_until is not None and rule.valid_until <= by.valid_until)
    classes = set(rule.message_classes) <= set(by.message_classes)
    scoped = all(_takes_in(by, rule, scope) for scope in SCOPES)
    together = set(by.counted_per) <= set(rule.counted_per)
    return since and until and classes and scoped and together and by.blocks_what(rule)


def same_messages(rule: Rule, other: Rule) -> bool:
    """Whether two rules judge, and count together, the same messages."""
    scopes = [f"{prefix}{scope}" for scope in SCOPES for prefix in ("", "except_")]
    keys = (*scopes, "message_classes", "valid_from", "valid_until", "counted_per")
    return all(getattr(rule, key) == getattr(other, key) for key in keys)


def _takes_in(wide: Rule, narrow: Rule, scope: str) -> bool:
    """Whether one scope of a rule, with its exceptions, takes in all that another rule's does."""
    included, excluded = getattr(wide, scope), getattr(wide, f"except_{scope}")
    inner, left_out = getattr(narrow, scope), getattr(narrow, f"except_{scope}")
    meets = _under if scope == "categories" else (lambda value, names: value in names)
    named = not included or (bool(inner) and all(meets(value, included) for value in inner))
    return named and all(meets(value, left_out) for value in excluded)
