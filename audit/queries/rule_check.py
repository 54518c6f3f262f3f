"""What is to be known of a rule before it is put into the book: what it does, how much of this data it is about, what is odd."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import polars as pl

from audit.events.document import Document
from audit.queries.case import named_in
from audit.rules.describe import read_back
from audit.rules.model import SCOPES, Rule, keys
from audit.rules.reference import histories
from audit.rules.reference.history import Message
from audit.rules.scopes import SCOPED, asks, class_of, covered, in_scope
from audit.storage.toml_input import nearest_word

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

_COLUMNS = {"channel": "channel", "campaign": "campaign", "category": "category", "topics": "topics", "item": "item_id",
            "sender": "sender"}  # fmt: skip
"""A message's field → the column it stands in."""

_BARE = Message._make(None for _ in Message._fields)

Odd = Literal["unknown", "nothing", "over", "no_effect", "covered", "covers"]


class RuleWarning(Document):
    """Something about a rule that is allowed, and most likely not meant."""

    kind: Odd
    """`unknown`: it names what no message has; `nothing`: no message falls under it; `over`: it has ended; `no_effect`: a key
    changes nothing beside the others; `covered`: another rule stops all that it stops; `covers`: the other way round."""
    key: str
    """Of the rule file; empty: the whole rule."""
    name: str | None = None
    """What is named and not there."""
    nearest: str | None = None
    """The name there is that is most like it."""
    rule: str | None = None
    """The other rule."""
    why: str | None = None

    @property
    def in_words(self) -> str:
        """It as a sentence without its full stop."""
        match self.kind:
            case "unknown":
                hint = f"; the nearest is {self.nearest}" if self.nearest else ""
                return f"no message in this data has {self.name!r}{hint}"
            case "nothing":
                return "no message in this data falls under it"
            case "over":
                return "it has ended, and stops nothing any more"
            case "no_effect":
                return f"has no effect: {self.why}"
            case "covered":
                return f"{self.rule} stops all that this one would; it changes nothing beside it"
            case "covers":
                return f"this one stops all that {self.rule} does, which changes nothing beside it"

    @property
    def line(self) -> str:
        """It with the key before it: `campaigns: no message in this data has 'crt'; the nearest is cart`."""
        return f"{self.key}: {self.in_words}" if self.key else self.in_words


class RuleCheck(Document):
    """A rule read back, and held against the data and the other rules."""

    id: str
    kind: str
    reads: str
    """What it does, in words."""
    messages: int
    """Messages of the data that it judges."""
    of: int
    """Messages there are."""
    warnings: tuple[RuleWarning, ...]


class RuleChecks(Document, schema="whysent.rule-check/1"):
    """Rules read back, with what is odd about each."""

    rules: tuple[RuleCheck, ...]


class SentCounts:
    """How many messages were sent of what a rule may be limited to. `messages` as `histories.sent` gives them."""

    def __init__(self, messages: pl.DataFrame) -> None:
        columns = ("customer_id", "occurred_at", "message_class", *_COLUMNS.values())
        self._messages = messages.select(columns)
        self._counts: dict[str, Mapping[str, int]] = {}

    @classmethod
    def of(cls, events: pl.DataFrame) -> "SentCounts":
        """Those of some events."""
        return cls(histories.sent(events))

    @property
    def total(self) -> int:
        """All messages."""
        return self._messages.height

    def names(self, scope: str) -> Mapping[str, int]:
        """What a scope may name → the messages it takes in, most first; a category with those that lie under it."""
        if scope not in self._counts:
            counts: Counter[str] = Counter()
            for value, messages in self._values(scope):
                counts[value] += messages
                if scope == "categories":
                    levels = value.split(" > ")
                    counts.update({" > ".join(levels[:depth]): messages for depth in range(1, len(levels))})
            self._counts[scope] = dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
        return self._counts[scope]

    def _values(self, scope: str) -> Iterable[tuple[str, int]]:
        column = next((_COLUMNS[name] for name, of in SCOPED.items() if of == scope), "customer_id")
        values = self._messages.select(pl.col(column).explode() if scope == "topics" else column)
        return values.drop_nulls().group_by(column).len().iter_rows()

    def judged(self, rule: Rule, ids: Mapping[str, str]) -> int:
        """The messages that `rule` judges; `ids`: source ids → pseudonyms."""
        messages = self._messages.filter(*_of_customers_and_time(rule, ids))
        fields = [name for name in SCOPED if asks(rule, name)]
        columns = [_COLUMNS[name] for name in fields]
        groups = messages.group_by("message_class", *columns).len()
        judged = 0
        for message_class, *values, count in groups.iter_rows():
            message = _BARE._replace(message_class=message_class, **dict(zip(fields, values, strict=True)))
            if class_of(message) in rule.message_classes and in_scope(rule, message):
                judged += count
        return judged


def _of_customers_and_time(rule: Rule, ids: Mapping[str, str]) -> list[pl.Expr]:
    """Of messages, whether customer and time fall under the rule."""
    customer, at = pl.col("customer_id"), pl.col("occurred_at")
    named, excepted = (
        [ids.get(name, name) for name in part] for part in (rule.customers, rule.except_customers)
    )
    conditions = [customer.is_in(named)] if named else []
    conditions += [~customer.is_in(excepted)] if excepted else []
    conditions += [at >= rule.valid_from] if rule.valid_from else []
    return conditions + ([at < rule.valid_until] if rule.valid_until else [])


def document(ws: "Workspace", rules: Sequence[Rule]) -> RuleChecks:
    """Each of `rules` beside the others and those of the book, held against all that was sent."""
    counts, ids = SentCounts.of(ws.events()), named_in(ws, rules)
    asked = {rule.id for rule in rules}
    others = [*rules, *(rule for rule in ws.book.rules() if rule.id not in asked)]
    return RuleChecks(rules=tuple(check(rule, counts, others, at=ws.at, ids=ids) for rule in rules))


def check(
    rule: Rule, counts: SentCounts, book: Sequence[Rule], *, at: datetime, ids: Mapping[str, str]
) -> RuleCheck:
    """`rule` held against what was sent, and against the other rules of the book as it stands at `at`."""
    judged = counts.judged(rule, ids)
    warnings = [
        *_unknown(rule, counts, ids),
        *(
            [RuleWarning(kind="over", key="valid_until")]
            if rule.valid_until and rule.valid_until <= at
            else []
        ),
        *_no_effect(rule),
        *_other_rules(rule, book),
    ]
    if counts.total and not judged and not any(odd.kind in {"unknown", "over"} for odd in warnings):
        warnings.insert(0, RuleWarning(kind="nothing", key=""))
    return RuleCheck(
        id=rule.id,
        kind=rule.kind,
        reads=read_back(rule),
        messages=judged,
        of=counts.total,
        warnings=tuple(warnings),
    )


def _unknown(rule: Rule, counts: SentCounts, ids: Mapping[str, str]) -> Iterable[RuleWarning]:
    for scope in SCOPES:
        for key in (scope, f"except_{scope}"):
            for name in getattr(rule, key):
                there = counts.names(scope)
                if there and ids.get(name, name) not in there:
                    near = None if scope == "customers" else nearest_word(name, there) or None
                    yield RuleWarning(kind="unknown", key=key, name=name, nearest=near)


def _no_effect(rule: Rule) -> Iterable[RuleWarning]:
    for key, why in rule.without_effect().items():
        if getattr(rule, key) != keys(rule.kind)[key].default and not keys(rule.kind)[key].required:
            yield RuleWarning(kind="no_effect", key=key, why=why)


def _other_rules(rule: Rule, book: Sequence[Rule]) -> Iterable[RuleWarning]:
    if rule.declared:
        return
    on = replace(rule, enabled=True)
    others = [other for other in book if other.id != rule.id and other.takes_part]
    by = next((other for other in others if covered(on, other)), None)
    if by is not None:
        yield RuleWarning(kind="covered", key="", rule=by.id)
    yield from (
        RuleWarning(kind="covers", key="", rule=other.id)
        for other in others
        if covered(other, on) and other is not by
    )
