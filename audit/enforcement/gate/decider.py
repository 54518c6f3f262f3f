"""The gate: decisions on messages before they go out, one by one, as the replay would decide them.

    gate = Gate(files.read(path))
    answer, _ = gate.ask("c_1", Message("e1", at, "email", "news", None, None, None, None, "marketing", None))
    if answer.goes_out: ...

The same evaluator judges (`audit.rules.reference.evaluate`), with a history that grows. Two things differ from a replay:
what is deferred is not held back, but answered `defer` with the time from which to offer it again; and of messages
of one customer in the same instant, the one that is offered first is the first. Fed in order, and fed again what it
deferred when that is due, it decides as a replay of the whole does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from audit.enforcement.gate.gate_state import CustomerState, GateDecision, retention
from audit.events.vocabulary import is_human
from audit.rules.kinds.sunset import ENGAGEMENT
from audit.rules.model import Rule
from audit.rules.reference.histories import act_kinds
from audit.rules.reference.history import Act, History, Message
from audit.rules.scopes import RuleSet

__all__ = ["Gate", "GateDecision"]


class Gate:
    """Decides the messages of any number of customers, each customer's in order.

    `rules`: a set; disabled and declared ones take no part. `intervals`: category → the median time between two
    orders of it over all customers. `recorded`: kinds of responses and channels of which there are any at all; what
    is noted adds to them. `ids`: the source's own customer ids → pseudonyms, for rules that name customers.

    Of each customer it keeps what its rules may count, and the answers it gave over as long a time, ninety days at
    least (`audit.enforcement.gate.gate_state`).
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
        self._customers: dict[str, CustomerState] = {}
        self._retention = retention(self._set)

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that take part, in the order they are checked."""
        return self._set.rules

    @property
    def without_causes(self) -> list[str]:
        """Ids of the rules that cannot judge a message that comes without its causes."""
        return [rule.id for rule in self._set.rules if rule.reads_causes]

    def ask(self, customer: str, message: Message, *, key: str | None = None) -> tuple[GateDecision, bool]:
        """Decide a candidate that would be sent at `message.at`; and whether that is new rather than an answer given again.

        `key` is what makes two candidates the same message (default: its event_id). A message that is decided keeps
        its answer, so that a line may be repeated; one that was deferred is judged anew once it is due. Raises
        InputError if it is older than the customer's last.
        """
        state = self._customers.get(customer) or self._customer(customer)
        return state.offer(message, key or message.event_id)

    def note(self, customer: str, act: Act, *, time_zone: str | None = None) -> bool:
        """Take in an event that is no message sent; answers whether it was new.

        Raises InputError if it is older than the customer's last.
        """
        state = self._customer(customer)
        new = state.note(act, relevant=act.kind in self._kinds)
        if new:
            self._noted(state, act, time_zone)
        return new

    def know(self, history: History, keys: Iterable[str], newest: datetime) -> None:
        """Begin with the past of a customer: all of its messages went out, and `newest` is when its newest event was.

        `keys`: what makes its messages the same as others, in their order.
        """
        past = replace(history, recorded=self._recorded)
        self._customers[history.customer] = CustomerState(past, self._set, self._retention, keys, newest)

    def channel_of(self, customer: str, act: Act) -> str | None:
        """The channel of an event, else that of its message, where the gate decided that."""
        state = self._customers.get(customer)
        return act.channel if state is None else state.channel_of(act)

    def restore(self, customer: str, message: Message, *, key: str, answer: GateDecision) -> None:
        """Take in a decision made at `message.at` before; of a message that was deferred, each in order.

        If the message went out and is in the past that is known already, it is counted once.
        """
        self._customer(customer).restore(message, key, answer)

    def restore_note(self, customer: str, act: Act, *, time_zone: str | None = None) -> None:
        """Take in an event that was noted before, wherever it lies in time."""
        state = self._customer(customer)
        state.learn(act, relevant=act.kind in self._kinds)
        self._noted(state, act, time_zone)

    def learn(self, source_id: str, customer: str) -> None:
        """A customer that rules call by the source's own id has got a pseudonym."""
        self._set.learn(source_id, customer)

    def remembers(self, customer: str, name: str) -> bool:
        """Whether the answer to the message of key `name`, or the act of that event_id, is still known."""
        state = self._customers.get(customer)
        return state is not None and state.remembers(name)

    def forget(self) -> None:
        """Let go of what no rule can ask for any more. It does so by itself as it grows."""
        for state in self._customers.values():
            state.forget()

    def _noted(self, state: CustomerState, act: Act, time_zone: str | None) -> None:
        state.place(act, time_zone)
        if act.kind in ENGAGEMENT.values() and is_human(act.machine):
            self._recorded.add((act.kind, state.channel_of(act)))

    def _customer(self, name: str) -> CustomerState:
        state = self._customers.get(name)
        if state is None:
            empty = History(name, (), (), (), self._intervals, self._recorded)
            state = CustomerState(empty, self._set, self._retention, (), None)
            self._customers[name] = state
        return state
