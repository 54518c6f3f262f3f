"""A suppression rule: what all kinds have, what a kind answers for itself, and how rules are read and written.

Each kind is a subclass of `Rule` in a file of its own (`audit.rules.kinds`). A rule that exists has been checked.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

import polars as pl

from audit.errors import InputError
from audit.events.schema import MESSAGE_CLASSES
from audit.events.times import iso
from audit.events.vocabulary import Scope
from audit.rules.key_readers import Flag, Moment, Names, Text, name, one_of, some_of
from audit.rules.reference.history import Evaluator, History, Message

SCOPES = ("channels", "campaigns", "categories", "topics", "items", "customers", "senders")
"""What a rule may be limited to; each also as `except_...`."""

MAX_RULES = 1_000
"""Rules in a file or a book, at most: our choice. A message is asked of every rule; ten thousand take minutes for a small
workspace, and a set that people still oversee has tens."""

OnFail = Annotated[str, one_of("drop", "defer"), "drop, or defer: it goes out later"]


class ActsRead(NamedTuple):
    """Events of some `kinds`, beside messages, that a rule reads, and which of them can matter to what it decides.

    `which`: `all` of a customer's; the `last` between two messages; those that agree with a message in the field `same`
    (in the first `depth` levels of a category, 0: in all); whole orders of what a message is about (`bought`); or all of
    those of whose orders some may not stand (`unsettled`).
    """

    kinds: tuple[str, ...]
    which: str = "all"
    same: str = ""
    depth: int = 0


class NextMessage(NamedTuple):
    """What a customer might get. `about`: what it is about, or goes by; `part`: others of its channel may go on when it may
    not, whatever they are about. `but`: what of its channel goes on, where it stands for
    all the rest.
    """

    about: str
    message: Message
    part: bool = False
    but: tuple[Scope, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """One rule, checked. An empty scope is no restriction; times are UTC; `version` is the book's, None for a file's.

    The fields are the keys of the rules file; the reader of each stands beside its type. A field without a default is a
    key that has to be written. Durations stay as written (`7d`).
    """

    id: Annotated[str, name]
    title: Text = ""
    channels: Names = ()
    campaigns: Names = ()
    categories: Names = ()
    topics: Names = ()
    items: Names = ()
    customers: Names = ()
    senders: Names = ()
    except_channels: Names = ()
    except_campaigns: Names = ()
    except_categories: Names = ()
    except_topics: Names = ()
    except_items: Names = ()
    except_customers: Names = ()
    except_senders: Names = ()
    message_classes: Annotated[tuple[str, ...], some_of(*MESSAGE_CLASSES), ", ".join(MESSAGE_CLASSES)] = (
        "marketing",
    )
    valid_from: Moment = None
    valid_until: Moment = None
    enabled: Flag = True
    declared: Flag = False
    on_fail: OnFail = "drop"
    note: Text = ""
    version: int | None = field(default=None, compare=False)

    kind: ClassVar[str]
    order: ClassVar[int]
    """Kinds are checked in ascending order of this number."""
    purpose: ClassVar[str]
    """What the kind is for, in a sentence."""
    example: ClassVar[Mapping[str, Any]]
    """A rule of the kind, but for id and kind: what it does is read back beside the purpose."""
    may_defer: ClassVar[bool] = False
    """Whether it may put a message off instead of stopping it."""
    counts: ClassVar[bool] = False
    """Whether it counts what was let through."""
    reads_causes: ClassVar[bool] = False
    """Whether it asks why a message was sent: its causes or sensitive topics."""
    judges_alone: ClassVar[bool] = False
    """Whether it judges each message whatever other messages there are."""
    displaces: ClassVar[bool] = False
    """Whether what it stops lacked room that other messages had used."""
    suppresses: ClassVar[str] = "people"
    """What it keeps from being sent to: only `people` can be handed over as a list."""
    columns: ClassVar[frozenset[str]] = frozenset()
    """Columns of events, beside those that totals ask for, that it reads."""
    row_columns: ClassVar[frozenset[str]] = frozenset()
    """Those columns that are read row by row even where numbers stand for texts (`kernel.encoded_events`)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in cls.__dict__:
            KINDS[cls.kind] = cls
            keys.cache_clear()

    def blocks_what(self, other: "Rule") -> bool:
        """Whether it is certain to block all that a rule of narrower scope blocks (`audit.rules.scopes.covered`)."""
        own = [key for key, entry in keys(self.kind).items() if entry.own]
        return self.kind == other.kind and all(getattr(self, key) == getattr(other, key) for key in own)

    def without_effect(self) -> Mapping[str, str]:
        """Keys that change nothing of what it decides beside the others, if they are written, and why."""
        return {}

    # -- how it judges ------------------------------------------------------------------------------------------

    @abstractmethod
    def evaluator(self, history: History) -> Evaluator:
        """What judges by this rule for one customer."""

    def contradiction(self) -> tuple[str, str] | None:
        """A key, and what is wrong with it beside the others; None if they agree."""
        return None

    @property
    def takes_part(self) -> bool:
        """Whether it takes part in a replay: switched on, and ours rather than declared by the sender."""
        return self.enabled and not self.declared

    @property
    def counted_per(self) -> tuple[str, ...]:
        """The fields of a message that those counted together share, beside the customer."""
        return ()

    @property
    def counts_other_classes(self) -> bool:
        """Whether it counts messages of classes that it does not judge."""
        return False

    # -- what it reads ------------------------------------------------------------------------------------------

    @property
    def reads_clock(self) -> bool:
        """Whether it asks what a clock on the wall shows, so that it needs a time zone."""
        return False

    @property
    def reads_customers_clock(self) -> bool:
        """Whether it asks in which zone a customer was."""
        return False

    @property
    def may_be_undecidable(self) -> bool:
        """Whether it may lack what it needs to judge: a time zone, any record of responses, the causes of a message."""
        return self.reads_clock or self.reads_causes

    def acts_read(self) -> tuple[ActsRead, ...]:
        """The events beside messages that it reads."""
        return ()

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        """Of messages in order: whether their customer has any that it could block if all before it went out.

        A condition that is necessary, and cheap. `events` are those that the rule reads, `causes` as for `simulate`.
        """
        return pl.lit(value=True)

    # -- what the gate remembers, whom a list names ----------------------------------------------------------------

    @property
    def lookback(self) -> timedelta | None:
        """How far back it counts messages or looks for acts; None: whatever their age."""
        return timedelta(0)

    @property
    def lasting_acts(self) -> tuple[str, ...]:
        """The kinds of acts that it reads whatever their age."""
        return ()

    def asks_message_alone(self, *, zone_known: bool) -> bool:  # noqa: ARG002
        """Whether it needs nothing but the message; `zone_known`: the message says in which zone it is."""
        return self.judges_alone and not self.acts_read()

    def next_messages(self, history: History, at: datetime) -> Iterator["NextMessage"] | None:  # noqa: ARG002
        """What a customer might get at `at` that it tells apart; None: what they got before."""
        return None

    @property
    def apart_by_channel(self) -> bool:
        """Whether what it blocks on one channel it may let pass on another."""
        return True

    # -- its words ----------------------------------------------------------------------------------------------

    @property
    def wording(self) -> str:
        """The key of its words to a customer in the languages' files; where they have none, those of any rule stand."""
        return self.kind

    @abstractmethod
    def description(self) -> str:
        """What it does, for somebody who enters it elsewhere; scopes but channels and classes are added to it."""

    @abstractmethod
    def blocked_because(self, counted: int) -> str:
        """Why it blocked a message, for which it counted so many events."""

    def passed_because(self) -> str:
        """Why it let a message pass; empty where there is nothing to say."""
        return ""

    def lacking(self) -> str:
        """What is missing where it cannot tell."""
        if self.reads_causes:
            return "what brought the message about is not known"
        return "the customer's time zone is not known"


KINDS: dict[str, type[Rule]] = {}
"""Every kind of rule by its name, entered when its class is made."""


def kinds() -> tuple[str, ...]:
    """Every kind of rule, in the order in which they are checked."""
    return tuple(sorted(KINDS, key=lambda kind: KINDS[kind].order))


def checked_order(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that take part in a replay, in the order they are checked."""
    return sorted((rule for rule in rules if rule.takes_part), key=lambda rule: rule.order)


class Key(NamedTuple):
    """A key of the rules file: the `type` of its value, its reader, what it is where it is not written (None: required),
    in a few words what may be written, and whether it is the kind's own.
    """

    type: str
    read: Callable[[Any], Any]
    default: Any
    required: bool
    hint: str = ""
    own: bool = False


def required_keys(kind: str) -> tuple[str, ...]:
    """The keys that a rule of `kind` has to have besides id and kind."""
    return tuple(key for key, entry in keys(kind).items() if entry.required and key not in {"id", "kind"})


def all_keys() -> tuple[str, ...]:
    """The keys of rules of any kind."""
    return tuple(dict.fromkeys(key for kind in kinds() for key in keys(kind)))


@cache
def keys(kind: str) -> Mapping[str, Key]:
    """The keys that a rule of `kind` may have, in the order they are written."""
    hints = get_type_hints(KINDS[kind], include_extras=True)
    shared = {entry.name for entry in fields(Rule)}
    written = {
        entry.name: Key(
            str(hints[entry.name].__origin__),
            hints[entry.name].__metadata__[0],
            None if entry.default is MISSING else entry.default,
            entry.default is MISSING,
            str((*hints[entry.name].__metadata__[1:], "")[0]),
            entry.name not in shared,
        )
        for entry in fields(KINDS[kind])
        if entry.name != "version"
    }
    return {"id": written["id"], "kind": Key("str", name, None, required=True), **written}


def from_dict(document: Mapping[str, Any], *, version: int | None = None) -> Rule:
    """The rule that `document`, a table of the rules file or the same as JSON, describes.

    Raises InputError naming the rule, the key, and for an unknown key the nearest one there is.
    """
    rule_id = document.get("id")
    rule_label = f"rule {rule_id!r}" if isinstance(rule_id, str) and rule_id else "a rule without id"
    kind = _kind(document, rule_label)
    _refuse_keys(document, kind, rule_label)
    values = {key: _value(kind, key, value, rule_label) for key, value in document.items() if key != "kind"}
    rule = KINDS[kind](**values, version=version)
    _refuse_contradictions(rule, rule_label)
    return rule


def from_dicts(documents: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Several rules. Raises InputError at the first that is wrong, and if an id stands twice."""
    rules: dict[str, Rule] = {}
    for document in documents:
        rule = from_dict(document)
        if rule.id in rules:
            raise InputError(
                "stands twice; every rule needs an id of its own", place=f"rule {rule.id!r}", key="id"
            )
        rules[rule.id] = rule
    return tuple(rules.values())


def refuse_too_many(count: int) -> None:
    """Raises InputError if a file or book would hold more rules than it may."""
    if count > MAX_RULES:
        raise InputError(f"holds {count:,} rules; a set has {MAX_RULES:,} at most, so leave out or join some")


def to_dict(rule: Rule) -> dict[str, Any]:
    """`rule` as a table of the rules file, without the keys that have their default; made of JSON's own types."""
    values = {key: getattr(rule, key) for key in keys(rule.kind)}
    return {
        key: _plain(value)
        for key, value in values.items()
        if key in {"id", "kind"} or value != keys(rule.kind)[key].default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return list(value) if isinstance(value, tuple) else value


def _kind(document: Mapping[str, Any], rule_label: str) -> str:
    for key in ("id", "kind"):
        if key not in document:
            raise InputError("is missing; every rule needs id and kind", place=rule_label, key=key)
    kind = document["kind"]
    if kind not in kinds():
        raise InputError(f"there is no {kind!r}{_nearest(kind, kinds())}", place=rule_label, key="kind")
    return str(kind)


def _refuse_keys(document: Mapping[str, Any], kind: str, rule_label: str) -> None:
    for key in document:
        if key not in all_keys():
            raise InputError(f"unknown key{_nearest(key, all_keys())}", place=rule_label, key=key)
        if key not in keys(kind):
            raise InputError(f"{kind} does not use it; leave it out", place=rule_label, key=key)
    for key in required_keys(kind):
        if key not in document:
            needed = " and ".join(required_keys(kind))
            raise InputError(f"is missing; {kind} needs {needed}", place=rule_label, key=key)


def _value(kind: str, key: str, value: Any, rule_label: str) -> Any:
    try:
        return keys(kind)[key].read(value)
    except InputError as error:
        raise InputError(str(error), place=rule_label, key=key) from error


def _refuse_contradictions(rule: Rule, rule_label: str) -> None:
    if rule.valid_from and rule.valid_until and rule.valid_from >= rule.valid_until:
        raise InputError("has to be later than valid_from", place=rule_label, key="valid_until")
    if rule.on_fail == "defer" and not rule.may_defer:
        deferring = ", ".join(sorted(kind for kind in KINDS if KINDS[kind].may_defer))
        raise InputError(f"{rule.kind} cannot defer; only {deferring} can", place=rule_label, key="on_fail")
    for scope in SCOPES:
        included, excluded = getattr(rule, scope), getattr(rule, f"except_{scope}")
        if included and all(_excluded(value, excluded, scope) for value in included):
            problem = f"takes away all that {scope} names; nothing would be judged"
            raise InputError(problem, place=rule_label, key=f"except_{scope}")
    contradiction = rule.contradiction()
    if contradiction is not None:
        key, problem = contradiction
        raise InputError(problem, place=rule_label, key=key)


def _excluded(value: str, excluded: Iterable[str], scope: str) -> bool:
    """Whether an `except_` covers what a scope names; that of a category covers what lies under it."""
    return any(
        value == name or (scope == "categories" and value.startswith(f"{name} > ")) for name in excluded
    )


def _nearest(word: Any, words: Iterable[str]) -> str:
    nearest = get_close_matches(str(word), words, n=1, cutoff=0)
    return f"; the nearest is {nearest[0]}" if nearest else ""
