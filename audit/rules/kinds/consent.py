"""Consent: nothing goes out to whom said no, until they say yes."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import polars as pl

from audit.events import vocabulary
from audit.events.times import duration
from audit.events.vocabulary import NOES, OPT_INS, Scope, bears_on, is_of_unnamed_list, says_no
from audit.rules import describe
from audit.rules.key_readers import span
from audit.rules.model import ActsRead, NextMessage, Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import LAST_ID, Act, Blocking, Evaluator, History, Message
from audit.rules.scopes import in_scope

NO_NAME = "no sender, list or topic"
"""What a message goes by that names none of these, where others of its channel may go on."""

CONSENT_ACTS = ActsRead((*NOES, *OPT_INS))
CONSENT_COLUMNS = frozenset({"channel", "sender", "list_id", "topics"})


@dataclass(frozen=True, kw_only=True)
class Consent(Rule):
    """Blocks while a no is in force and its days of grace are over; it counts the oldest such act.

    Cannot tell of a message that names no list, where an act before it is about one.
    """

    grace: Annotated[str, span, "time to act on a no: 0d 2d 10d"] = "0d"

    kind: ClassVar = "consent"
    purpose: ClassVar = "Nothing goes to people who said no, until they say yes."
    example: ClassVar = {"channels": ["email"], "grace": "2d"}
    order: ClassVar = 10
    columns: ClassVar = CONSENT_COLUMNS
    row_columns: ClassVar = frozenset({"topics"})

    @property
    def grace_span(self) -> timedelta:
        """How long after a no a message may still go out."""
        return duration(self.grace)

    @property
    def may_be_undecidable(self) -> bool:
        return True

    def blocks_what(self, other: Rule) -> bool:
        return isinstance(other, Consent) and self.grace_span <= other.grace_span

    def evaluator(self, history: History) -> Evaluator:
        return _ConsentInForce(self, history)

    def acts_read(self) -> tuple[ActsRead, ...]:
        return (CONSENT_ACTS,)

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return did(events, NOES)

    def next_messages(self, history: History, at: datetime) -> Iterator[NextMessage]:
        """One message a channel where a no to all of it is in force, but for what a later yes opened; and one of each sender,
        list and topics that it got, or that a no is about, in the rest.
        """
        consents = Consents(history.acts)
        bare = Message._make(None for _ in Message._fields)._replace(
            event_id=LAST_ID, at=at, message_class=self.message_classes[0]
        )
        before = [
            message
            for message in history.messages
            if vocabulary.class_of(message.message_class) in self.message_classes and in_scope(self, message)
        ]
        scopes = [_scope(message) for message in before]
        scopes += [
            scope
            for scope in map(_scope, consents.noes)
            if not any(bears_on(scope, message) for message in before) and in_scope(self, about(bare, scope))
        ]
        for channel in dict.fromkeys(scope.channel for scope in scopes):
            whole = bare._replace(channel=channel)
            of_channel = [scope for scope in dict.fromkeys(scopes) if scope.channel == channel]
            if consents.refused(whole, at):
                opened = consents.reopened(whole, at)
                yield NextMessage(channel or "", whole, but=tuple(opened))
                of_channel = [scope for scope in of_channel if any(bears_on(part, scope) for part in opened)]
            for scope in of_channel:
                name = " · ".join(filter(None, [channel, named(scope) or NO_NAME]))
                yield NextMessage(name, about(bare, scope), part=True)

    @property
    def lasting_acts(self) -> tuple[str, ...]:
        return CONSENT_ACTS.kinds

    def description(self) -> str:
        grace = f", from {describe.span(self.grace)} after it on" if self.grace_span else ""
        who_said_no = "to people who said no (unsubscribed, objected, consent withdrawn, complained)"
        return f"No {describe.messages(self)} {who_said_no}{grace}, until they say yes"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return f"the customer had said no to it{self._after_grace()}"

    def passed_because(self) -> str:
        return f"no opt-out from it is in force{self._after_grace()}"

    def lacking(self) -> str:
        return "the message names no list, and what the customer said is about one"

    def _after_grace(self) -> str:
        return f", more than {self.grace} before" if self.grace_span else ""


class Consents:
    """The acts of saying no and yes, in order."""

    __slots__ = ("_acts", "_names_lists")

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = [act for act in acts if act.kind in OPT_INS or says_no(act.kind, act.machine)]
        self._names_lists = any(act.list_id is not None for act in self._acts)

    @property
    def noes(self) -> Sequence[Act]:
        """Those that say no."""
        return [act for act in self._acts if act.kind not in OPT_INS]

    def reopened(self, message: Message, at: datetime) -> list[Scope]:
        """What of a channel, all of which was refused, a later yes has opened."""
        agreed = [
            Scope(message.channel, act.sender, act.list_id, topics)
            for act in self._acts
            if act.kind in OPT_INS
            for topics in ([(topic,) for topic in act.topics] if act.topics else [()])
        ]
        return [scope for scope in dict.fromkeys(agreed) if self.refused(about(message, scope), at) is None]

    def __bool__(self) -> bool:
        return bool(self._acts)

    def refused(self, message: Message, at: datetime) -> Act | None:
        """The oldest no in force: it bears on the message, lies before it in order, and no yes came after it."""
        oldest: Act | None = None
        for act in self._before(message, at):
            if bears_on(act, message):
                oldest = None if act.kind in OPT_INS else oldest or act
        return oldest

    def lacks_list(self, message: Message, at: datetime) -> bool:
        """Whether an act before the message might bear on it, if it named its list."""
        if not self._names_lists or message.list_id is not None:
            return False
        return any(is_of_unnamed_list(act, message) for act in self._before(message, at))

    def agreed(self, message: Message, topic: str, at: datetime) -> bool:
        """Whether a consent that names the topic is in force.

        A withdrawal ends it that names the topic too, or no topic at all.
        """
        agreed, about = False, message._replace(topics=[topic])
        for act in self._before(message, at):
            if not bears_on(act, about):
                continue
            if act.kind == "consent_given" and act.topics:
                agreed = True
            elif act.kind == "consent_withdrawn":
                agreed = False
        return agreed

    def _before(self, message: Message, at: datetime) -> Sequence[Act]:
        """The acts before the message in order."""
        if not self._acts:
            return ()
        return self._acts[
            : bisect_left(self._acts, (at, message.event_id), key=lambda act: (act.at, act.event_id))
        ]


class _ConsentInForce(Evaluator):
    __slots__ = ("_consents", "_grace")

    def __init__(self, rule: Consent, history: History) -> None:
        self._grace = rule.grace_span
        self._consents = Consents(history.acts)

    @property
    def idle_from(self) -> datetime:
        return LATEST if self._consents else EARLIEST

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        refused = self._consents.refused(message, at)
        return None if refused is None or self._in_grace(refused, at) else Blocking((refused.event_id,))

    def undecidable(self, message: Message, at: datetime) -> bool:
        return self._consents.lacks_list(message, at)

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        refused = self._consents.refused(message, at)
        return moment if refused is None or self._in_grace(refused, moment) else None

    def _in_grace(self, refused: Act, moment: datetime) -> bool:
        return refused.at > clock.minus(moment, self._grace)


def about(message: Message, scope: Scope) -> Message:
    """A message that is about this."""
    channel, sender, list_id, topics = scope
    listed = None if topics is None else tuple(topics)
    return message._replace(channel=channel, sender=sender, list_id=list_id, topics=listed)


def named(scope: Scope) -> str:
    """What of a channel it is about; empty where it is all of it."""
    return " · ".join(filter(None, [scope.sender, scope.list_id, ", ".join(scope.topics or ())]))


def _scope(act: Act | Message) -> Scope:
    return Scope(act.channel, act.sender, act.list_id, tuple(act.topics or ()))


def did(events: pl.DataFrame, kinds: Sequence[str]) -> pl.Expr:
    """Of messages, whether their customer has any event of these kinds."""
    customers = events.filter(pl.col("kind").is_in(kinds))["customer_id"]
    return pl.col("customer_id").is_in(customers.unique().implode())
