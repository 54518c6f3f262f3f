"""Consent: nothing goes out to whom said no, until they say yes."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import polars as pl

from audit.events.times import duration
from audit.events.vocabulary import OPT_INS, OPT_OUTS, bears_on, shares_topic
from audit.rules import describe
from audit.rules.key_readers import span
from audit.rules.model import ActsRead, Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import Act, Blocking, Evaluator, History, Message

CONSENT_ACTS = ActsRead((*OPT_OUTS, *OPT_INS))
CONSENT_COLUMNS = frozenset({"channel", "sender", "topics"})


@dataclass(frozen=True, kw_only=True)
class Consent(Rule):
    """Blocks while a no is in force and its days of grace are over; it counts the oldest such act."""

    grace: Annotated[str, span] = "0d"

    kind: ClassVar = "consent"
    order: ClassVar = 10
    columns: ClassVar = CONSENT_COLUMNS
    row_columns: ClassVar = frozenset({"topics"})

    @property
    def grace_span(self) -> timedelta:
        """How long after a no a message may still go out."""
        return duration(self.grace)

    def evaluator(self, history: History) -> Evaluator:
        return _ConsentInForce(self, history)

    def acts_read(self) -> tuple[ActsRead, ...]:
        return (CONSENT_ACTS,)

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return did(events, OPT_OUTS)

    @property
    def lasting_acts(self) -> tuple[str, ...]:
        return CONSENT_ACTS.kinds

    def description(self) -> str:
        grace = f", from {describe.span(self.grace)} after it on" if self.grace_span else ""
        who_said_no = "to whom said no (unsubscribed, objected, consent withdrawn)"
        return f"No {describe.messages(self)} {who_said_no}{grace}, until they say yes"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        return f"the customer had said no to it{self._after_grace()}"

    def passed_because(self) -> str:
        return f"no opt-out from it is in force{self._after_grace()}"

    def _after_grace(self) -> str:
        return f", more than {self.grace} before" if self.grace_span else ""


class Consents:
    """The acts of saying no and yes, in order."""

    __slots__ = ("_acts",)

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = [act for act in acts if act.kind in OPT_OUTS or act.kind in OPT_INS]

    def __bool__(self) -> bool:
        return bool(self._acts)

    def refused(self, message: Message, at: datetime) -> Act | None:
        """The oldest no in force: it bears on the message, lies before it in order, and no yes came after it."""
        if not self._acts:
            return None
        oldest: Act | None = None
        for act in self._bearing(message, at):
            if shares_topic(act.topics, message.topics):
                oldest = None if act.kind in OPT_INS else oldest or act
        return oldest

    def agreed(self, message: Message, topic: str, at: datetime) -> bool:
        """Whether a consent that names the topic is in force.

        A withdrawal ends it that names the topic too, or no topic at all.
        """
        agreed = False
        for act in self._bearing(message, at):
            if act.kind == "consent_given" and topic in (act.topics or ()):
                agreed = True
            elif act.kind == "consent_withdrawn" and (not act.topics or topic in act.topics):
                agreed = False
        return agreed

    def _bearing(self, message: Message, at: datetime) -> Iterator[Act]:
        """The acts before the message in order whose channel and sender are absent or its own."""
        before = bisect_left(self._acts, (at, message.event_id), key=lambda act: (act.at, act.event_id))
        for act in self._acts[:before]:
            if bears_on(act.channel, message.channel) and bears_on(act.sender, message.sender):
                yield act


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

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        refused = self._consents.refused(message, at)
        return moment if refused is None or self._in_grace(refused, moment) else None

    def _in_grace(self, refused: Act, moment: datetime) -> bool:
        return refused.at > clock.minus(moment, self._grace)


def did(events: pl.DataFrame, kinds: Sequence[str]) -> pl.Expr:
    """Of messages, whether their customer has any event of these kinds."""
    customers = events.filter(pl.col("kind").is_in(kinds))["customer_id"]
    return pl.col("customer_id").is_in(customers.unique().implode())
