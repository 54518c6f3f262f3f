"""What an evaluator sees of one customer, as plain Python."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

Place = tuple[datetime, str]
"""A moment (UTC) and an event_id: where an event stands in order."""


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
    message_key: str | None = None


class Act(NamedTuple):
    """An event that is no message sent; `message_key`: of the message that it is a response to."""

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
