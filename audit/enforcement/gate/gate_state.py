"""What the gate knows of one customer, and what of it can be forgotten.

Forgetting changes no decision: no rule counts any more what lies longer before the customer's last than its window.
What rules ask for whatever its age stays: opt-outs and consents, orders, the newest time zone, and the streaks that
sunsets count with the responses to them. Of a complaint that comes when its message is forgotten, its own channel and sender stand.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

import msgspec

from audit.errors import InputError
from audit.events.times import iso
from audit.events.vocabulary import COMPLAINT, Scope, addressed
from audit.rules.kinds.consent import CONSENT_ACTS
from audit.rules.kinds.sunset import ENGAGEMENT
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.evaluate import Failing, Judge, assumed
from audit.rules.reference.history import Act, Evaluator, History, Message, Zoned
from audit.rules.scopes import Applicable, RuleSet, valid

LEAST = timedelta(days=90)
"""So far back the gate remembers at least, whatever its rules: our choice, so that a rule of up to ninety days that is
written later finds what it counts. The longest calendar window, a month, lies within.
"""

_FEW = 64
"""So much is not worth looking through for what can be forgotten."""

_PLACE = attrgetter("at", "event_id")


class AlwaysAsked(dict[Applicable, tuple[Sequence[int], Judge | None]]):
    """By the rules that apply to a message: those that are asked whatever happened, as they are never idle. If none of
    them asks anything of the customer either, beside them one judge who knows nobody.
    """

    def __init__(self, rules: RuleSet, idle_from: Sequence[datetime]) -> None:
        super().__init__()
        self._rules = rules.rules
        self._idle_from = idle_from
        self._nobodys = Judge(History("", ()), rules)

    def __missing__(self, applicable: Applicable) -> tuple[Sequence[int], Judge | None]:
        numbers = tuple(number for number in applicable.applies if self._idle_from[number] == LATEST)
        alone = all(
            self._rules[number].asks_message_alone(zone_known=number not in applicable.undecidable)
            for number in numbers
        )
        always = self[applicable] = (numbers, self._nobodys if alone else None)
        return always


class Retention(NamedTuple):
    """How far back rules look from a customer's last: over `span`, and over acts of some `kinds` whatever their age.

    `idle_from`: from when on each rule blocks nothing of somebody of whom nothing is known; `always`: the rules for which
    that never comes; `ending`: positions of the others. `zoned`: whether any rule reads the customer's clock.
    """

    span: timedelta
    kinds: frozenset[str]
    idle_from: Sequence[datetime]
    always: Mapping[Applicable, tuple[Sequence[int], Judge | None]]
    ending: Sequence[int]
    zoned: bool


def retention(rules: RuleSet) -> Retention:
    """What the gate remembers under `rules`."""
    spans = [rule.lookback for rule in rules.rules if rule.lookback is not None]
    kinds = {*CONSENT_ACTS.kinds, "order_completed"}.union(*(rule.lasting_acts for rule in rules.rules))
    idle_from = [rule.evaluator(History("", ())).idle_from for rule in rules.rules]
    ending = [number for number, moment in enumerate(idle_from) if moment != LATEST]
    zoned = any(rule.reads_customers_clock for rule in rules.rules)
    span = max((LEAST, *spans))
    return Retention(span, frozenset(kinds), idle_from, AlwaysAsked(rules, idle_from), ending, zoned)


class GateDecision(msgspec.Struct, frozen=True, gc=False):
    """What becomes of one candidate: `decision` is allow, stop, exempt or defer; the rest as in `simulate --decisions`.

    A deferred message names the rules that put it off, and in `next_allowed_at` when to offer it again.
    """

    decision: str
    deciding_rule: str | None = None
    failing_rules: Sequence[str] = ()
    counted: Sequence[str] = ()
    next_allowed_at: datetime | None = None
    cannot_tell: Sequence[str] = ()
    assumed: Sequence[str] = ()

    @property
    def goes_out(self) -> bool:
        """Whether it may be sent now."""
        return self.decision in {"allow", "exempt"}


class Answered(msgspec.Struct, frozen=True, gc=False):
    """An answer, when it was given, and about which row, with the channel and sender of that."""

    answer: GateDecision
    at: datetime
    event_id: str
    channel: str | None
    sender: str | None

    def is_due(self, at: datetime) -> bool:
        """Whether it put the message off, to be offered again by now."""
        due = self.answer.next_allowed_at if self.answer.decision == "defer" else None
        return due is not None and at >= due


class CustomerState(Judge):
    """One customer: what went out, what was answered and noted. `history` is the past, all of which went out.

    `keys`: what makes its messages the same as others, in their order; `newest`: when its newest event was.
    """

    __slots__ = (
        "_acts", "_answered", "_first_due", "_gone_out", "_grown", "_idle", "_idle_from", "_newest",
        "_noted", "_retention", "_unaddressed", "_zone", "_zones",
    )  # fmt: skip

    def __init__(
        self,
        history: History,
        rules: RuleSet,
        retention: Retention,
        keys: Iterable[str],
        newest: datetime | None,
    ) -> None:
        self._acts, self._zones = list(history.acts), list(history.zones)
        name, medians, recorded = history.customer, history.intervals, history.recorded
        super().__init__(History(name, (), self._acts, self._zones, medians, recorded), rules)
        self._retention, self._newest = retention, newest
        self._gone_out = list(history.messages)  # each with the time it went out
        self._answered: dict[str, Answered] = {
            key: _answered(message, GateDecision("allow", next_allowed_at=message.at), message.at)
            for key, message in zip(keys, history.messages, strict=True)
        }
        self._unaddressed = {
            act.message_key
            for act in self._acts
            if act.kind == COMPLAINT and act.message_key not in self._answered
        }
        self._noted = {act.event_id: act.at for act in self._acts}
        self._first_due: dict[str, datetime] = {}
        never = [LATEST] * len(rules.rules)
        self._idle_from = never if history.messages or self._acts else list(retention.idle_from)
        self._idle = max([self._idle_from[number] for number in retention.ending], default=EARLIEST)
        self._zone = self._zones[-1].time_zone if self._zones else None
        self._grown = -_FEW + len(self._answered) + len(self._noted)

    def offer(self, message: Message, key: str) -> tuple[GateDecision, bool]:
        """Decide a candidate, or give the answer it had; and whether anything is known now that was not.

        Another row of a message that was decided tells in which zone the customer was; one that is offered again when it
        is due does not. Raises InputError if it is older than the customer's last.
        """
        at = message.at
        before = self._answered.get(key)
        if before is not None and before.at < self._since(at):
            before = None
            self._first_due.pop(key, None)
        if before is not None:
            if not before.is_due(at):
                return before.answer, self.place(message)
            message = message._replace(at=self._first_due[key])
        newest = self._newest
        if newest is not None and at < newest:
            raise self._too_old()
        self._newest = at
        self._grown += 1
        if self._grown > 0:
            self.forget()
        self._address_complaints(message, key)
        answer = self._answer(message, at, key)
        self._answered[key] = _answered(message, answer, at)
        if before is None and (message.time_zone != self._zone or newest == at):
            self.place(message)
        return answer, True

    def note(self, act: Act, *, relevant: bool) -> bool:
        """Take in an event; `relevant`: a rule reads such. Answers whether it is new.

        Raises InputError if it is older than the customer's last.
        """
        before = self._noted.get(act.event_id)
        if before is not None and before >= self._since(act.at):
            return False
        if self._newest is not None and act.at < self._newest:
            raise self._too_old()
        self.learn(act, relevant=relevant)
        return True

    def learn(self, act: Act, *, relevant: bool) -> None:
        """Take in an event that was noted before, wherever it lies in time."""
        before = self._noted.get(act.event_id)
        if before is not None and before >= clock.minus(act.at, self._retention.span):
            return
        self._newest = max(self._newest or act.at, act.at)
        self._noted[act.event_id] = act.at
        self._grown += 1
        if relevant:
            sent = self._answered.get(act.message_key or "")
            if act.kind == COMPLAINT and sent is None:
                self._unaddressed.add(act.message_key)
            insort(self._acts, _addressed(act, sent), key=_PLACE)
            self._evaluate_anew(all_rules=False)

    def _address_complaints(self, message: Message, key: str) -> None:
        """Address the complaints about a message that came before it."""
        if key in self._unaddressed:
            self._unaddressed.remove(key)
            self._acts[:] = [
                _addressed(act, message) if act.message_key == key else act for act in self._acts
            ]
            self._evaluate_anew(all_rules=False)

    def place(self, row: Message | Act, time_zone: str | None = None) -> bool:
        """Take in which zone a row was in, if it says so and a rule asks. Answers whether that was not known."""
        time_zone = row.time_zone if isinstance(row, Message) else time_zone
        if not time_zone or not self._retention.zoned:
            return False
        newest, zoned = self._zones[-1] if self._zones else None, Zoned(row.at, row.event_id, time_zone)
        if newest is None or (newest < zoned and newest.time_zone != time_zone):
            self._zones.append(zoned)
            self._zone = time_zone
        elif zoned >= newest or zoned in self._zones:
            return False
        else:
            insort(self._zones, zoned)
        return True

    def restore(self, message: Message, key: str, answer: GateDecision) -> None:
        """Take in a decision made at `message.at` before."""
        at = message.at
        before = self._answered.get(key)
        if before is not None and before.at < clock.minus(at, self._retention.span):
            before = None
        self._newest = max(self._newest or at, at)
        offered_again = before is not None and before.is_due(at)
        if not offered_again:
            self.place(message)
        self._address_complaints(message, key)
        if before is None or offered_again or at <= before.at:
            self._answered[key] = _answered(message, answer, at)
        self._grown += 1
        if answer.decision == "defer":
            if before is None or before.answer.decision != "defer":
                self._first_due[key] = at
        elif answer.goes_out and (before is None or before.answer.decision == "defer"):
            insort(self._gone_out, message, key=attrgetter("at"))
            self._evaluate_anew()

    def channel_of(self, act: Act) -> str | None:
        """The channel of an act, else that of its message."""
        sent = self._answered.get(act.message_key or "")
        return act.channel if act.channel or sent is None else sent.channel

    def remembers(self, name: str) -> bool:
        """Whether the answer to the message of this key, or the act of this event_id, is still known."""
        return name in self._answered or name in self._noted

    def forget(self) -> None:
        """Let go of what no rule can ask for any more."""
        since = self._since(self._newest)
        streaks = self._streaks()
        self._gone_out = [sent for sent in self._gone_out if sent.at >= since or sent.event_id in streaks]
        sent = {message.message_key for message in self._gone_out}
        self._acts[:] = [
            act
            for act in self._acts
            if act.at >= since
            or act.kind in self._retention.kinds
            or (act.kind in ENGAGEMENT.values() and act.message_key in sent)
        ]
        del self._zones[: max(0, bisect_left(self._zones, since, key=attrgetter("at")) - 1)]
        complained = {act.message_key for act in self._acts if act.kind == COMPLAINT}
        needed = streaks | {zoned.event_id for zoned in self._zones} | {act.event_id for act in self._acts}
        self._answered = {
            key: answered
            for key, answered in self._answered.items()
            if answered.at >= since or answered.event_id in needed or key in complained
        }
        self._noted = {name: at for name, at in self._noted.items() if at >= since or name in needed}
        self._first_due = {key: due for key, due in self._first_due.items() if key in self._answered}
        self._evaluate_anew()
        self._grown = -len(self._answered) - len(self._noted) - _FEW

    def _answer(self, message: Message, at: datetime, key: str) -> GateDecision:
        applicable = self._rules.applicable(message) if self._steady else self._applicable(message, at)
        if applicable.exempt:
            self._record_sent(message, at, applicable.counts)
            return GateDecision("exempt", None, (), (), at, (), assumed(message))
        judge, numbers = self._judge(applicable, at)
        failing = judge.failing(message, at, numbers)
        if at < self._idle:
            self._settle(at)
        undecidable = applicable.undecidable
        cannot_tell = tuple(self._cannot_tell(message, at, undecidable)) if undecidable else ()
        if failing:
            until = self._deferred_until(message, at, [number for number, _ in failing])
            if until is not None:
                self._first_due.setdefault(key, at)
                return self._refusal("defer", failing, until)
            self._first_due.pop(key, None)
            passes_at = judge.earliest(message, at, numbers if self._steady else self._scoped(message))
            return self._refusal("stop", failing, passes_at, cannot_tell, assumed(message))
        self._record_sent(message, at, applicable.counts)
        if self._first_due:
            self._first_due.pop(key, None)
        return GateDecision("allow", None, (), (), at, cannot_tell, assumed(message))

    def _refusal(
        self,
        decision: str,
        failing: Failing,
        passes_at: datetime | None,
        cannot_tell: Sequence[str] = (),
        assumed_fields: Sequence[str] = (),
    ) -> GateDecision:
        rules = self._rules.rules
        ids = tuple([rules[number].id for number, _ in failing])
        counted = tuple(failing[0][1].counted)
        return GateDecision(decision, ids[0], ids, counted, passes_at, cannot_tell, assumed_fields)

    def _judge(self, applicable: Applicable, at: datetime) -> tuple[Judge, Sequence[int]]:
        """Who judges, and by which rules: those that may stop something at `at`; the others let everything pass."""
        if at >= self._idle:
            always, nobodys = self._retention.always[applicable]
            return nobodys if nobodys is not None and self._steady else self, always
        idle_from = self._idle_from
        return self, [number for number in applicable.applies if at < idle_from[number]]

    def _too_old(self) -> InputError:
        return InputError(f"older than this customer's last, of {iso(self._newest)}")

    def _since(self, at: datetime | None) -> datetime:
        """What lies before this is not known any more when the customer's newest is of `at`, or of the last."""
        newest = max(moment for moment in (at, self._newest) if moment is not None)
        return clock.minus(newest, self._retention.span)

    def _streaks(self) -> set[str]:
        """Event_ids of the messages that rules may count whatever their age."""
        lasting = (n for n, rule in enumerate(self._rules.rules) if rule.counts and rule.lookback is None)
        return {event_id for number in lasting for event_id in self._evaluators[number].streak_messages()}

    def _settle(self, at: datetime) -> None:
        """Find out from when on only the lasting rules have to be asked."""
        idle_from, evaluators = self._idle_from, self._evaluators
        for number in self._retention.ending:
            if at < idle_from[number]:
                idle_from[number] = evaluators[number].idle_from
        self._idle = max([idle_from[number] for number in self._retention.ending], default=EARLIEST)

    def _record_sent(self, message: Message, at: datetime, counts: Sequence[int]) -> None:
        evaluators, idle_from = self._evaluators, self._idle_from
        for number in counts:
            evaluator = evaluators[number]
            evaluator.record_sent(message, at)
            idle_from[number] = evaluator.idle_from
            self._idle = max(self._idle, idle_from[number])
        self._gone_out.append(message if message.at == at else message._replace(at=at))

    def _evaluator(self, number: int) -> Evaluator:
        """An evaluator that has seen what went out so far."""
        evaluator, rule = super()._evaluator(number), self._rules.rules[number]
        if rule.counts:
            for message in self._gone_out:
                if number in self._rules.applicable(message).counts and valid(rule, message.at):
                    evaluator.record_sent(message, message.at)
        return evaluator

    def _evaluate_anew(self, *, all_rules: bool = True) -> None:
        """Make evaluators anew when they are asked: `all_rules`, or only those that read acts."""
        for number, rule in enumerate(self._rules.rules):
            if all_rules or rule.acts_read():
                self._evaluators.pop(number, None)
                self._idle_from[number] = LATEST
        self._idle = LATEST


def _answered(message: Message, answer: GateDecision, at: datetime) -> Answered:
    return Answered(answer, at, message.event_id, message.channel, message.sender)


def _addressed(act: Act, sent: Message | Answered | None) -> Act:
    """An act with what it is about, a complaint by its message, where that is known."""
    of_message = None if sent is None else Scope(sent.channel, sent.sender)
    scope = addressed(act.kind, Scope(act.channel, act.sender, act.list_id), of_message)
    return act._replace(channel=scope.channel, sender=scope.sender, list_id=scope.list_id)
