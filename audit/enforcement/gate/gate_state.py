"""What the gate knows of one customer, and what of it can be forgotten.

Forgetting changes no decision: no rule counts any more what lies longer before the customer's last than its window.
What rules ask for whatever its age stays: opt-outs and consents, orders, the newest time zone, and the streaks that
sunsets count with the responses to them.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

import msgspec

from audit.enforcement.gate.gate_decision import Answer
from audit.errors import InputError
from audit.events.times import iso
from audit.rules.model import CAPS, COUNTING, ENGAGEMENT, REPURCHASE
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.consents import NO, YES
from audit.rules.reference.counting_kinds import Sunset
from audit.rules.reference.evaluate import Failing, Judge, assumed
from audit.rules.reference.history import (
    Act,
    History,
    Message,
    Zoned,
)
from audit.rules.reference.rule_kinds import Check, unasked
from audit.rules.scopes import Reach, RuleSet, valid

LEAST = timedelta(days=90)
"""So far back the gate remembers at least, whatever its rules: our choice, so that a rule of up to ninety days that is
written later finds what it counts. The longest calendar window, a month, lies within.
"""

_FEW = 64
"""So much is not worth looking through for what can be forgotten."""

_PLACE = attrgetter("at", "event_id")


class _Lasting(dict[Reach, tuple[Sequence[int], Judge | None]]):
    """By what a message reaches: the rules that are asked whatever happened, as they are never over.

    If none of them asks anything of the customer either, beside them one judge who knows nobody.
    """

    def __init__(self, rules: RuleSet, unasked: Sequence[datetime]) -> None:
        super().__init__()
        self._rules = rules.rules
        self._unasked = unasked
        self._nobodys = Judge(History("", ()), rules)

    def __missing__(self, reach: Reach) -> tuple[Sequence[int], Judge | None]:
        lasting = tuple(number for number in reach.judging if self._unasked[number] == LATEST)
        alone = all(self._alone(number, reach) for number in lasting)
        made = self[reach] = (lasting, self._nobodys if alone else None)
        return made

    def _alone(self, number: int, reach: Reach) -> bool:
        """Whether the rule needs nothing but the message: quiet hours do not where it has a zone of its own."""
        kind = self._rules[number].kind
        return kind in {"mute", "exclude_event"} or (kind == "quiet_hours" and number not in reach.unsure)


class Back(NamedTuple):
    """How far back rules look from a customer's last: over `span`, and over acts of some `kinds` whatever their age.

    `unasked`: until when each rule has to be asked of somebody of whom nothing is known; `lasting`: those for which that
    never ends; `ending`: positions of the others. `zoned`: whether any rule reads the customer's clock.
    """

    span: timedelta
    kinds: frozenset[str]
    unasked: Sequence[datetime]
    lasting: Mapping[Reach, tuple[Sequence[int], Judge | None]]
    ending: Sequence[int]
    zoned: bool


def back(rules: RuleSet) -> Back:
    """How far back the gate remembers under `rules`."""
    asked = rules.rules
    spans = [
        rule.span for rule in asked if rule.window not in {None, REPURCHASE} and rule.window_kind == "rolling"
    ]
    lasting = [kind for rule in asked if rule.window == REPURCHASE for kind in rule.after]
    kinds = frozenset((*NO, *YES, "order_completed", *lasting))
    until = [unasked(rule) for rule in asked]
    ending = [number for number, moment in enumerate(until) if moment != LATEST]
    zoned = any(rule.reads_clock and rule.time_zone == "customer" for rule in asked)
    return Back(max((LEAST, *spans)), kinds, until, _Lasting(rules, until), ending, zoned)


class _Told(msgspec.Struct, frozen=True, gc=False):
    """An answer, when it was given, and about which row."""

    answer: Answer
    at: datetime
    event_id: str


class Known(Judge):
    """One customer: what went out, what was answered and noted. `history` is the past, all of which went out.

    `keys`: what makes its messages the same as others, in their order; `last`: the newest event.
    """

    __slots__ = (
        "_acts",
        "_back",
        "_first_due",
        "_free",
        "_gone_out",
        "_grown",
        "_last",
        "_noted",
        "_told",
        "_until",
        "_zone",
        "_zones",
    )

    def __init__(
        self, history: History, rules: RuleSet, reach: Back, keys: Iterable[str], last: datetime | None
    ) -> None:
        self._acts, self._zones = list(history.acts), list(history.zones)
        name, medians, recorded = history.customer, history.intervals, history.recorded
        super().__init__(History(name, (), self._acts, self._zones, medians, recorded), rules)
        self._back = reach
        self._gone_out = list(history.messages)  # each with the time it went out
        self._told: dict[str, _Told] = {
            key: _Told(Answer("allow", next_allowed_at=message.at), message.at, message.event_id)
            for key, message in zip(keys, history.messages, strict=True)
        }
        self._noted = {act.event_id: act.at for act in self._acts}
        self._first_due: dict[str, datetime] = {}
        self._last = last
        self._until = [LATEST] * len(rules.rules) if history.messages or self._acts else list(reach.unasked)
        self._free = max([self._until[number] for number in reach.ending], default=EARLIEST)
        self._zone = self._zones[-1].time_zone if self._zones else None
        self._grown = -_FEW + len(self._told) + len(self._noted)

    def offer(self, message: Message, key: str) -> tuple[Answer, bool]:
        """Decide a candidate, or give the answer it had; and whether it is new.

        Raises InputError if it is older than the customer's last.
        """
        at = message.at
        before = self._told.get(key)
        if before is not None:
            answer, due = before.answer, before.answer.next_allowed_at
            if before.at < self._since(at):
                self._first_due.pop(key, None)
            elif answer.decision != "defer" or due is None or at < due:
                return answer, False
            else:
                message = message._replace(at=self._first_due[key])
        last = self._last
        if last is not None and at < last:
            raise self._too_old()
        self._last = at
        self._grown += 1
        if self._grown > 0:
            self.forget()
        answer = self._answer(message, at, key)
        self._told[key] = _Told(answer, at, message.event_id)
        zone = message.time_zone
        if zone and self._back.zoned and (zone != self._zone or last == at):
            self.place(at, message.event_id, zone)
        return answer, True

    def note(self, act: Act, *, asked: bool) -> bool:
        """Take in an event; `asked`: a rule reads such. Answers whether it is new.

        Raises InputError if it is older than the customer's last.
        """
        before = self._noted.get(act.event_id)
        if before is not None and before >= self._since(act.at):
            return False
        if self._last is not None and act.at < self._last:
            raise self._too_old()
        self.learn(act, asked=asked)
        return True

    def learn(self, act: Act, *, asked: bool) -> None:
        """Take in an event that was noted before, wherever it lies in time."""
        before = self._noted.get(act.event_id)
        if before is not None and before >= clock.minus(act.at, self._back.span):
            return
        self._last = act.at if self._last is None else max(self._last, act.at)
        self._noted[act.event_id] = act.at
        self._grown += 1
        if asked:
            insort(self._acts, act, key=_PLACE)
            self._ask_again(caps=False)

    def place(self, at: datetime, event_id: str, time_zone: str) -> None:
        """Take in which zone a row was in."""
        newest = self._zones[-1] if self._zones else None
        zoned = Zoned(at, event_id, time_zone)
        if newest is None or (newest < zoned and newest.time_zone != time_zone):
            self._zones.append(zoned)
            self._zone = time_zone
        elif zoned < newest and zoned not in self._zones:
            insort(self._zones, zoned)

    def restore(self, message: Message, key: str, answer: Answer) -> None:
        """Take in a decision made at `message.at` before."""
        at = message.at
        before = self._told.get(key)
        if before is not None and before.at < clock.minus(at, self._back.span):
            before = None
        self._last = at if self._last is None else max(self._last, at)
        self._told[key] = _Told(answer, at, message.event_id)
        self._grown += 1
        if answer.decision == "defer":
            if before is None or before.answer.decision != "defer":
                self._first_due[key] = at
        elif answer.goes_out and (before is None or before.answer.decision == "defer"):
            insort(self._gone_out, message, key=attrgetter("at"))
            self._ask_again()

    def remembers(self, name: str) -> bool:
        """Whether the answer to the message of this key, or the act of this event_id, is still known."""
        return name in self._told or name in self._noted

    def forget(self) -> None:
        """Let go of what no rule can ask for any more."""
        since = self._since(self._last)
        streaks = self._streaks()
        self._gone_out = [one for one in self._gone_out if one.at >= since or one.event_id in streaks]
        sent = {message.message_key for message in self._gone_out}
        self._acts[:] = [
            act
            for act in self._acts
            if act.at >= since
            or act.kind in self._back.kinds
            or (act.kind in ENGAGEMENT.values() and act.message_key in sent)
        ]
        del self._zones[: max(0, bisect_left(self._zones, since, key=attrgetter("at")) - 1)]
        needed = streaks | {zoned.event_id for zoned in self._zones} | {act.event_id for act in self._acts}
        self._told = {
            key: told for key, told in self._told.items() if told.at >= since or told.event_id in needed
        }
        self._noted = {name: at for name, at in self._noted.items() if at >= since or name in needed}
        self._first_due = {key: due for key, due in self._first_due.items() if key in self._told}
        self._ask_again()
        self._grown = -len(self._told) - len(self._noted) - _FEW

    def _answer(self, message: Message, at: datetime, key: str) -> Answer:
        reach = self._rules.reach(message) if self._steady else self._reach(message, at)
        if reach.exempt:
            self._take_in(message, at, reach.counting)
            return Answer("exempt", None, (), (), at, (), assumed(message))
        judge, asked = self._asked(reach, at)
        failing = judge.failing(message, at, asked)
        if at < self._free:
            self._settle(at)
        cannot_tell = tuple(self._cannot_tell(message, at, reach.unsure)) if reach.unsure else ()
        if failing:
            again = self._put_off(message, at, [number for number, _ in failing])
            if again is not None:
                self._first_due.setdefault(key, at)
                return self._refusal("defer", failing, again)
            self._first_due.pop(key, None)
            free = judge.earliest(message, at, asked if self._steady else self._scoped(message))
            return self._refusal("stop", failing, free, cannot_tell, assumed(message))
        self._take_in(message, at, reach.counting)
        if self._first_due:
            self._first_due.pop(key, None)
        return Answer("allow", None, (), (), at, cannot_tell, assumed(message))

    def _refusal(
        self,
        decision: str,
        failing: Failing,
        free: datetime | None,
        cannot_tell: Sequence[str] = (),
        taken: Sequence[str] = (),
    ) -> Answer:
        rules = self._rules.rules
        ids = tuple([rules[number].id for number, _ in failing])
        return Answer(decision, ids[0], ids, tuple(failing[0][1]), free, cannot_tell, taken)

    def _asked(self, reach: Reach, at: datetime) -> tuple[Judge, Sequence[int]]:
        """The rules that may stop something, and who judges by them; the others let everything pass from `at` on."""
        if at >= self._free:
            lasting, nobodys = self._back.lasting[reach]
            return nobodys if nobodys is not None and self._steady else self, lasting
        until = self._until
        return self, [number for number in reach.judging if at < until[number]]

    def _too_old(self) -> InputError:
        return InputError(f"older than this customer's last, of {iso(self._last)}")

    def _since(self, at: datetime | None) -> datetime:
        """What lies before this is not known any more when the customer's newest is of `at`, or of the last."""
        newest = max(moment for moment in (at, self._last) if moment is not None)
        return clock.minus(newest, self._back.span)

    def _streaks(self) -> set[str]:
        """Event_ids of the messages that sunsets may count."""
        return {
            event_id
            for number, rule in enumerate(self._rules.rules)
            if rule.kind == "sunset" and isinstance(check := self._checks[number], Sunset)
            for event_id in check.streaks()
        }

    def _settle(self, at: datetime) -> None:
        """Find out from when on only the lasting rules have to be asked."""
        until, checks = self._until, self._checks
        for number in self._back.ending:
            if at < until[number]:
                until[number] = checks[number].until
        self._free = max([until[number] for number in self._back.ending], default=EARLIEST)

    def _take_in(self, message: Message, at: datetime, counting: Sequence[int]) -> None:
        checks, until = self._checks, self._until
        for number in counting:
            counted = checks[number]
            counted.let_through(message, at)
            until[number] = counted.until
            self._free = max(self._free, until[number])
        self._gone_out.append(message if message.at == at else message._replace(at=at))

    def _made(self, number: int) -> Check:
        """A check that has seen what went out so far."""
        made, rule = super()._made(number), self._rules.rules[number]
        if rule.kind in COUNTING:
            for message in self._gone_out:
                if number in self._rules.reach(message).counting and valid(rule, message.at):
                    made.let_through(message, message.at)
        return made

    def _ask_again(self, *, caps: bool = True) -> None:
        """Checks are made anew when they are asked; `caps`: also those of caps and gaps, which read no events."""
        for number, rule in enumerate(self._rules.rules):
            if caps or rule.kind not in CAPS:
                self._checks.pop(number, None)
                self._until[number] = LATEST
        self._free = LATEST
