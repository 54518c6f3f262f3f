"""The gate: decisions on messages before they go out, one by one, as the replay would decide them.

    gate = Gate(files.read(path))
    answer = gate.offer("c_1", Message("e1", at, "email", "news", None, None, None, None, "marketing", None))
    if answer.goes_out: ...

The same evaluator judges (`audit.rules.reference`), with a history that grows. Two things differ from a replay:
what is deferred is not held back, but answered `defer` with the time from which to offer it again; and of messages
of one customer in the same instant, the one that is offered first is the first. Fed in order, and fed again what it
deferred when that is due, it decides as a replay of the whole does.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from audit.errors import InputError
from audit.rules.checks import Check
from audit.rules.history import Act, History, Message, Zoned
from audit.rules.model import CAPS, ENGAGEMENT, Rule
from audit.rules.prepare import act_kinds
from audit.rules.reference import Judge, PutOff
from audit.rules.scopes import RuleSet, valid
from audit.times import iso

_PLACE = attrgetter("at", "event_id")


class Answer(NamedTuple):
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

    def to_json(self) -> dict[str, Any]:
        """The answer as a line of the stream has it."""
        return {
            "decision": self.decision,
            "deciding_rule": self.deciding_rule,
            "failing_rules": list(self.failing_rules),
            "counted": list(self.counted),
            "next_allowed_at": iso(self.next_allowed_at),
            "cannot_tell": list(self.cannot_tell),
            "assumed": list(self.assumed),
        }


class Gate:
    """Decides the messages of any number of customers, each customer's in order.

    `rules`: a set; disabled and declared ones take no part. `intervals`: category → the median time between two
    orders of it over all customers. `recorded`: kinds of responses and channels of which there are any at all; what
    is noted adds to them. `ids`: the source's own customer ids → pseudonyms, for rules that name customers.

    It keeps what it let through, and every answer it gave, for as long as it lives.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        intervals: Mapping[str, timedelta] | None = None,
        recorded: Iterable[tuple[str, str | None]] = (),
        ids: Mapping[str, str] | None = None,
    ) -> None:
        self._set = RuleSet(rules, ids)
        self._intervals = intervals or {}
        self._recorded = set(recorded)
        self._kinds = frozenset(act_kinds(self._set.rules))
        self._zoned = any(rule.reads_clock and rule.time_zone == "customer" for rule in self._set.rules)
        self._customers: dict[str, _Customer] = {}

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that take part, in the order they are checked."""
        return self._set.rules

    @property
    def without_causes(self) -> list[str]:
        """Ids of the rules that cannot judge a message that comes without its causes."""
        return [rule.id for rule in self._set.rules if rule.reads_causes]

    def offer(self, customer: str, message: Message, *, key: str | None = None) -> Answer:
        """Decide a candidate that would be sent at `message.at`.

        `key` is what makes two candidates the same message (default: its event_id). A message that is decided keeps
        its answer, so that a line may be repeated; one that was deferred is judged anew once it is due. Raises
        InputError if it is older than the customer's last.
        """
        known = self._customer(customer)
        answer = known.offer(message, key or message.event_id)
        if self._zoned and message.time_zone:
            known.place(Zoned(message.at, message.event_id, message.time_zone))
        return answer

    def note(self, customer: str, act: Act, *, time_zone: str | None = None) -> None:
        """Take in an event that is no message sent. Raises InputError if it is older than the customer's last."""
        known = self._customer(customer)
        known.refuse_older(act.at, act.event_id)
        self._note(known, act)
        if self._zoned and time_zone:
            known.place(Zoned(act.at, act.event_id, time_zone))

    def know(self, history: History, keys: Iterable[str], last: datetime) -> None:
        """Begin with the past of a customer: all of its messages went out, and `last` was the newest event.

        `keys`: what makes its messages the same as others, in their order.
        """
        past = replace(history, recorded=self._recorded)
        self._customers[history.customer] = _Customer(past, self._set, keys, last)

    def restore(self, customer: str, message: Message, at: datetime, *, key: str, answer: Answer) -> None:
        """Take in a decision made at `at` before; `message.at` is when the message was first due.

        If the message went out and is in the past that is known already, it is counted once.
        """
        known = self._customer(customer)
        known.restore(message, at, key, answer)
        if self._zoned and message.time_zone:
            known.place(Zoned(at, message.event_id, message.time_zone))

    def restore_note(self, customer: str, act: Act, *, time_zone: str | None = None) -> None:
        """Take in an event that was noted before, wherever it lies in time."""
        known = self._customer(customer)
        self._note(known, act)
        if self._zoned and time_zone:
            known.place(Zoned(act.at, act.event_id, time_zone))

    def learn(self, source_id: str, customer: str) -> None:
        """A customer that rules call by the source's own id has got a pseudonym."""
        self._set.learn(source_id, customer)

    def _note(self, known: "_Customer", act: Act) -> None:
        known.note(act, asked=act.kind in self._kinds)
        if act.kind in ENGAGEMENT.values() and act.machine is not True:
            self._recorded.add((act.kind, act.channel))

    def _customer(self, name: str) -> "_Customer":
        known = self._customers.get(name)
        if known is None:
            empty = History(name, (), (), (), self._intervals, self._recorded)
            known = self._customers[name] = _Customer(empty, self._set, (), None)
        return known


class _Customer(Judge):
    """What the gate knows of one customer."""

    def __init__(self, history: History, rules: RuleSet, keys: Iterable[str], last: datetime | None) -> None:
        self._acts, self._zones = list(history.acts), list(history.zones)
        growing = replace(history, messages=(), acts=self._acts, zones=self._zones)
        super().__init__(growing, rules)
        self._gone_out = [(message, message.at) for message in history.messages]
        self._answers = {
            key: Answer("allow", next_allowed_at=message.at)
            for key, message in zip(keys, history.messages, strict=True)
        }
        self._noted = {act.event_id for act in self._acts}
        self._first_due: dict[str, datetime] = {}
        self._last = last

    def offer(self, message: Message, key: str) -> Answer:
        at = message.at
        before = self._answers.get(key)
        if before is not None:
            due = before.next_allowed_at
            if before.decision != "defer" or due is None or at < due:
                return before
            message = message._replace(at=self._first_due[key])
        self.refuse_older(at)
        self._last = at
        made = self.decide(message, at)
        if isinstance(made, PutOff):
            self._first_due.setdefault(key, at)
            answer = Answer("defer", made.failing_rules[0], made.failing_rules, made.counted, made.until)
        else:
            self._first_due.pop(key, None)
            answer = Answer(
                made.decision,
                made.deciding_rule,
                made.failing_rules,
                made.counted,
                made.next_allowed_at,
                made.cannot_tell,
                made.assumed,
            )
        self._answers[key] = answer
        return answer

    def refuse_older(self, at: datetime, event_id: str | None = None) -> None:
        if self._last is not None and at < self._last and event_id not in self._noted:
            raise InputError(f"older than this customer's last, of {iso(self._last)}")

    def note(self, act: Act, *, asked: bool) -> None:
        if act.event_id in self._noted:
            return
        self._last = act.at if self._last is None else max(self._last, act.at)
        self._noted.add(act.event_id)
        if asked:
            insort(self._acts, act, key=_PLACE)
            self._forget_checks()

    def place(self, zoned: Zoned) -> None:
        newest = self._zones[-1] if self._zones else None
        if newest is None or newest < zoned:
            if newest is None or newest.time_zone != zoned.time_zone:
                self._zones.append(zoned)
        elif zoned not in self._zones:
            insort(self._zones, zoned)

    def restore(self, message: Message, at: datetime, key: str, answer: Answer) -> None:
        before = self._answers.get(key)
        self._last = at if self._last is None else max(self._last, at)
        self._answers[key] = answer
        if answer.decision == "defer":
            self._first_due[key] = message.at
        elif answer.goes_out and (before is None or before.decision == "defer"):
            insort(self._gone_out, (message, at), key=itemgetter(1))
            self._checks.clear()

    def _take_in(self, message: Message, at: datetime) -> None:
        super()._take_in(message, at)
        self._gone_out.append((message, at))

    def _made(self, number: int) -> Check:
        """A check that has seen what went out so far."""
        made, rule = super()._made(number), self._rules.rules[number]
        for message, at in self._gone_out:
            if number in self._rules.reach(message).counting and valid(rule, at):
                made.let_through(message, at)
        return made

    def _forget_checks(self) -> None:
        """What reads events is made anew when it is asked for; caps and gaps read none."""
        for number in [n for n in self._checks if self._rules.rules[n].kind not in CAPS]:
            del self._checks[number]
