"""The reference evaluator: what a set of rules does to one customer's messages, in plain Python.

It goes through the messages in order and keeps what was let through; every failing rule is recorded, the first
decides; a deferred message goes back in order and is judged anew.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from audit.rules.reference import clock
from audit.rules.reference.history import Blocking, Evaluator, History, Message
from audit.rules.scopes import Applicable, RuleSet, per_values, valid

PATIENCE = timedelta(days=7)
"""A deferred message that could pass only later than this after it was first due is stopped."""

_MAX_STEPS = 800
"""Quiet hours that together leave no gap for so many steps, more than a year, leave none while the same rules hold."""


class Decision(NamedTuple):
    """What became of one message; the columns of `simulate --decisions`."""

    event_id: str
    customer_id: str
    occurred_at: datetime
    decision: str
    deferred_to: datetime | None = None
    deciding_rule: str | None = None
    failing_rules: Sequence[str] = ()
    counted: Sequence[str] = ()
    cannot_tell: Sequence[str] = ()
    assumed: Sequence[str] = ()
    next_allowed_at: datetime | None = None


class Deferral(NamedTuple):
    """A message goes back in order at `until`; by which rules, and what the first of them counted."""

    until: datetime
    failing_rules: Sequence[str]
    counted: Sequence[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule (its position in the set) says of one message at `at`.

    `applies`: it judges the message at all; `blocking`: that it stops the message, and what it counted; `fewer_counted`: that it
    would have counted others before it that the rules together held back.
    """

    number: int
    at: datetime
    applies: bool
    blocking: Blocking | None
    cannot_tell: bool
    next_allowed_at: datetime | None
    fewer_counted: bool = False


def judge(history: History, rules: RuleSet) -> list[Decision]:
    """The decisions on a customer's messages, in their order."""
    decided: list[Decision] = []
    for _ in _due(history, Judge(history, rules), decided):
        pass
    decisions = {decision.event_id: decision for decision in decided}
    return [decisions[message.event_id] for message in history.messages]


def verdicts(history: History, rules: RuleSet, event_id: str) -> list[Verdict]:
    """What each rule says of the message `event_id` when it is first due, all others having been decided before."""
    judging = Judge(history, rules)
    decided: list[Decision] = []
    before: dict[str, Message] = {}
    for at, message in _due(history, judging, decided):
        if message.event_id == event_id:
            sent = {decision.event_id for decision in decided if decision.decision != "stop"}
            return judging.verdicts(message, at, [before[held] for held in before if held not in sent])
        before[message.event_id] = message
    return []


Failing = Sequence[tuple[int, Blocking]]
"""The rules that stop a message, by position, each with what it counted."""


class _Evaluators(dict[int, Evaluator]):
    """The evaluator of each rule by its position, made when it is first asked for."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[int], Evaluator]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: int) -> Evaluator:
        evaluator = self[number] = self._make(number)
        return evaluator


class Judge:
    """One customer's messages, judged one by one as they come due, in order."""

    __slots__ = ("_about", "_all", "_evaluators", "_history", "_rules", "_steady")

    def __init__(self, history: History, rules: RuleSet) -> None:
        self._history = history
        self._rules = rules
        self._about = rules.about(history.customer)
        self._all = len(self._about) == len(rules.rules)
        self._steady = self._all and not rules.dated
        self._evaluators = _Evaluators(self._evaluator)

    def decide(self, message: Message, at: datetime) -> Decision | Deferral:
        """What becomes of a message that is due at `at`; or when it goes back in order, if it is put off."""
        applicable = self._applicable(message, at)
        if self._rules.exempt(message, at):
            self._record_sent(message, at, applicable.counts)
            return self._went_out(message, at, "exempt", ())
        failing = self.failing(message, at, applicable.applies)
        if failing:
            return self._refused(message, at, failing, self._cannot_tell(message, at, applicable.undecidable))
        self._record_sent(message, at, applicable.counts)
        return self._went_out(message, at, "allow", self._cannot_tell(message, at, applicable.undecidable))

    def verdicts(self, message: Message, at: datetime, held: Sequence[Message]) -> list[Verdict]:
        """What each rule of the set says of a message that is due at `at`; `held`: those before it that did not go out by then."""
        applies = self._applicable(message, at).applies
        return [
            self._verdict(number, message, at, fewer_counted=self._counts_one(number, held, at))
            if number in applies
            else Verdict(number, at, applies=False, blocking=None, cannot_tell=False, next_allowed_at=at)
            for number in range(len(self._rules.rules))
        ]

    def failing(self, message: Message, at: datetime, numbers: Sequence[int]) -> Failing:
        """Which of some rules stop a message that is due at `at`."""
        evaluators = self._evaluators
        return [(n, blocking) for n in numbers if (blocking := evaluators[n].blocking(message, at))]

    def _refused(
        self, message: Message, at: datetime, failing: Failing, cannot_tell: Sequence[str]
    ) -> Decision | Deferral:
        ids = [self._rules.rules[number].id for number, _ in failing]
        until = self._deferred_until(message, at, [number for number, _ in failing])
        if until is not None:
            return Deferral(until, ids, failing[0][1].counted)
        return Decision(
            message.event_id,
            self._history.customer,
            message.at,
            "stop",
            deciding_rule=ids[0],
            failing_rules=ids,
            counted=failing[0][1].counted,
            cannot_tell=cannot_tell,
            assumed=assumed(message),
            next_allowed_at=self.earliest(message, at, self._scoped(message)),
        )

    def _went_out(
        self, message: Message, at: datetime, decision: str, cannot_tell: Sequence[str]
    ) -> Decision:
        due = message.at
        deferred_to = at if decision == "allow" and at != due else None
        return Decision(
            message.event_id, self._history.customer, due, decision, deferred_to, None, (), (), cannot_tell,
            assumed(message), at,
        )  # fmt: skip

    def _deferred_until(self, message: Message, at: datetime, failing: Sequence[int]) -> datetime | None:
        """When a message goes back in order: the earliest time all failing rules could pass; None if it does not."""
        if not self._rules.dropping.isdisjoint(failing):
            return None
        until = self.earliest(message, at, failing, clock.plus(message.at, PATIENCE))
        return None if until is None or until - message.at > PATIENCE else until

    def earliest(
        self, message: Message, at: datetime, numbers: Sequence[int], last: datetime | None = None
    ) -> datetime | None:
        """The earliest time from `at` at which all of these rules pass, if nothing else is let through.

        None if there is none, or none up to `last`.
        """
        moment, steps = at, 0
        mover: int | None = None
        while True:
            before, steps = moment, steps + 1
            for number in numbers:
                if number == mover:  # all others have let it pass since
                    return moment
                passes_at = self._earliest_pass(number, message, at, moment)
                if passes_at is None:
                    return None
                if passes_at != moment:
                    moment, mover = passes_at, number
            if moment == before:
                return moment
            if steps >= _MAX_STEPS:
                edge = self._next_edge(moment, numbers)
                if edge is None:
                    return None
                moment, mover, steps = edge, None, 0
            if last is not None and moment > last:
                return None

    def _next_edge(self, moment: datetime, numbers: Sequence[int]) -> datetime | None:
        """When the first of these rules begins or ceases to hold after `moment`."""
        rules = [self._rules.rules[number] for number in numbers]
        edges = [
            edge for rule in rules for edge in (rule.valid_from, rule.valid_until) if edge and edge > moment
        ]
        return min(edges, default=None)

    def _earliest_pass(
        self, number: int, message: Message, at: datetime, moment: datetime
    ) -> datetime | None:
        rule = self._rules.rules[number]
        if self._rules.dated and not valid(rule, moment):
            return moment
        passes_at = self._evaluators[number].earliest_pass(message, at, moment)
        if rule.valid_until and (passes_at is None or passes_at > rule.valid_until):
            return rule.valid_until
        return passes_at

    def _scoped(self, message: Message) -> Sequence[int]:
        """The rules whose scopes the message satisfies, valid or not."""
        applies = self._rules.applicable(message).applies
        return applies if self._all else tuple(number for number in applies if number in self._about)

    def _applicable(self, message: Message, at: datetime) -> Applicable:
        """The rules that a message of this customer meets when it is due at `at`."""
        applicable = self._rules.applicable(message)
        if self._steady:
            return applicable

        def holds(number: int) -> bool:
            return number in self._about and valid(self._rules.rules[number], at)

        applies, counts, undecidable = (tuple(filter(holds, numbers)) for numbers in applicable[:-1])
        return Applicable(applies, counts, undecidable, applicable.exempt)

    def _cannot_tell(self, message: Message, at: datetime, undecidable: Sequence[int]) -> Sequence[str]:
        if not undecidable:
            return ()
        evaluators, rules = self._evaluators, self._rules.rules
        return [rules[number].id for number in undecidable if evaluators[number].undecidable(message, at)]

    def _record_sent(self, message: Message, at: datetime, counts: Sequence[int]) -> None:
        rules, evaluators = self._rules, self._evaluators
        for number in counts:
            evaluators[number].record_sent(message, at)
            for sibling in rules.siblings.get(number, ()):
                if None not in per_values(rules.rules[sibling], message):
                    evaluators[sibling].record_sent(message, at)

    def _evaluator(self, number: int) -> Evaluator:
        return self._rules.rules[number].evaluator(self._history)

    def _counts_one(self, number: int, held: Sequence[Message], at: datetime) -> bool:
        """Whether a rule would still count one of these messages at `at`, had it gone out."""
        back = self._rules.rules[number].lookback
        return any(
            number in self._applicable(one, one.at).counts
            for one in held
            if back is None or at - one.at < back
        )

    def _verdict(self, number: int, message: Message, at: datetime, *, fewer_counted: bool) -> Verdict:
        evaluator = self._evaluators[number]
        return Verdict(
            number,
            at,
            applies=True,
            blocking=evaluator.blocking(message, at),
            cannot_tell=evaluator.undecidable(message, at),
            next_allowed_at=self.earliest(message, at, [number]),
            fewer_counted=fewer_counted,
        )


def assumed(message: Message) -> Sequence[str]:
    """The fields that are taken for granted of a message that lacks them."""
    return () if message.message_class else ("message_class",)


def _due(history: History, judging: Judge, decided: list[Decision]) -> Iterator[tuple[datetime, Message]]:
    """The messages as they come due; each is judged after the caller has looked, its decision put in `decided`."""
    queue = [(message.at, message.event_id, message) for message in history.messages]
    heapify(queue)
    while queue:
        at, event_id, message = heappop(queue)
        yield at, message
        decision = judging.decide(message, at)
        if isinstance(decision, Decision):
            decided.append(decision)
        else:
            heappush(queue, (decision.until, event_id, message))
