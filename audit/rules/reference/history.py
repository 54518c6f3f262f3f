"""What an evaluator sees of one customer, as plain Python, and what it answers."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from audit.errors import InputError
from audit.rules.key_readers import zone
from audit.rules.reference.clock import LATEST

Place = tuple[datetime, str]
"""A moment (UTC) and an event_id: where an event stands in order."""

LAST_ID = "\U0010ffff"
"""An event_id behind every other: what has it comes after all that is known at its moment."""


class Message(NamedTuple):
    """A message, with the fields of its standing row alone; `at` is when it was sent (UTC).

    `message_key` is what makes it one message: its message_id, else the row itself. `causes`: event_ids of what
    brought it about; `sensitive`: the sensitive topics among them and its own; None where that is not known.
    """

    event_id: str
    at: datetime
    channel: str | None
    campaign: str | None
    category: str | None
    topics: Sequence[str] | None
    item: str | None
    sender: str | None
    message_class: str | None
    time_zone: str | None
    causes: Sequence[str] | None = None
    sensitive: Sequence[str] | None = None
    list_id: str | None = None
    message_key: str | None = None


class Act(NamedTuple):
    """An event that is no message sent; `message_key`: of the message that it is a response to.

    A complaint has the channel and sender of that message, where it is known, and no list (`vocabulary.addressed`).
    """

    event_id: str
    at: datetime
    kind: str
    campaign: str | None
    category: str | None
    item: str | None
    order_id: str | None
    channel: str | None = None
    sender: str | None = None
    topics: Sequence[str] | None = None
    machine: bool | None = None
    list_id: str | None = None
    item_name: str | None = None
    quantity: float | None = None
    price: float | None = None
    message_key: str | None = None


class Zoned(NamedTuple):
    """A recorded row of any kind that has a time zone."""

    at: datetime
    event_id: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class History:
    """One customer: messages, acts of the kinds that the rules ask for, rows with a zone; each in order.

    `intervals`: category → the median time between two orders of it, over all customers. `recorded`: kinds of
    responses and channels of which the workspace holds any at all.
    """

    customer: str
    messages: Sequence[Message]
    acts: Sequence[Act] = ()
    zones: Sequence[Zoned] = ()
    intervals: Mapping[str, timedelta] = field(default_factory=dict)
    recorded: AbstractSet[tuple[str, str | None]] = frozenset()


class Blocking(NamedTuple):
    """A rule blocks a message. `counted`: the event_ids of what it counted, oldest first."""

    counted: Sequence[str] = ()


class Evaluator(ABC):
    """What one rule says of one customer's messages, in order: what all kinds have in common.

    `at` is when a message is due; what the evaluator knows lies before that, in order.
    """

    __slots__ = ()

    @property
    def idle_from(self) -> datetime:
        """By what is known, it blocks nothing from this moment (UTC) on, whatever the message; `LATEST`: it has to be asked."""
        return LATEST

    @abstractmethod
    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        """That it blocks the message, and what it counted; None if it lets it pass."""

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        """The earliest time (UTC) from `moment` on at which it would pass by what is known at `at`; None: never."""
        return moment if self.blocking(message, at) is None else None

    def undecidable(self, message: Message, at: datetime) -> bool:  # noqa: ARG002
        """Whether it lacks what it needs to judge the message."""
        return False

    def record_sent(self, message: Message, at: datetime) -> None:  # noqa: B027 - most kinds count nothing
        """Take in that a message it counts went out at `at`."""

    def streak_messages(self) -> Iterable[str]:
        """The event_ids of messages that it may count whatever their age."""
        return ()


class ZoneLookup:
    """The zone a rule reads the clock in: a fixed one, or the customer's (`time_zone` is `customer`) where it is known."""

    __slots__ = ("_fixed", "_rows")

    def __init__(self, time_zone: str, history: History) -> None:
        self._fixed = None if time_zone == "customer" else zone(time_zone)
        self._rows = history.zones

    def zone(self, message: Message, at: datetime) -> ZoneInfo | None:
        """The message's own, else that of the newest row before it in order that has one; None if unknown."""
        if self._fixed is not None:
            return self._fixed
        zone_of_message = _ZONES.get(message.time_zone)
        if zone_of_message is None:
            zone_of_message = known_zone(message.time_zone)
        if zone_of_message is not None or not self._rows:
            return zone_of_message
        newest = bisect_left(self._rows, (at, message.event_id), key=attrgetter("at", "event_id")) - 1
        return known_zone(self._rows[newest].time_zone) if newest >= 0 else None


_ZONES: dict[str | None, ZoneInfo | None] = {}


def known_zone(name: str | None) -> ZoneInfo | None:
    """The zone of a name found in data; None where there is no such zone."""
    if name is None:
        return None
    if name not in _ZONES:
        try:
            _ZONES[name] = zone(name)
        except InputError:
            _ZONES[name] = None
    return _ZONES[name]
